"""Journeys to look at: a drawn cabin, through the recorder's own encoders, muxer, store and export."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from recorder.capture.clocks import ONE, Stretch
from recorder.capture.encoder import Canvas, PictureEncoder
from recorder.capture.muxer import Mp4Writer, SoundPacket
from recorder.capture.ports import VideoFormat, VideoPacket
from recorder.capture.sound import SoundEncoder
from recorder.capture.stamp import Stamp
from recorder.capture.testtone import one_second
from recorder.office.keys import keygen, load_identities
from recorder.office.recorders import enrol
from recorder.timekeeping import NS_PER_S
from recorder.vault.journal import DeviceKey
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.export.van import VEHICLE, Van
from tests.vault.kit import CONSENT, START_UTC_NS, Facts, FakeClock

FPS = 10
SOUND_HZ = 48_000
PASSPHRASE = "correct horse"  # noqa: S105 -- of keys that are made for a test and thrown away


@dataclass(frozen=True, slots=True)
class Footage:
    """``seconds`` of picture and sound, encoded once, its first frame at second 0 of the journey."""

    format: VideoFormat
    pictures: tuple[VideoPacket, ...]
    sounds: tuple[SoundPacket, ...]

    def segment(self, from_s: float, until_s: float, *, with_picture: bool = True, with_sound: bool = True) -> bytes:
        """What begins within these seconds, as the recorder's muxer writes it."""
        mp4 = Mp4Writer(self.format if with_picture else None, with_sound=with_sound, origin_ns=0)
        data = [mp4.header]
        pictures = [p for p in self.pictures if from_s <= p.captured_ns / NS_PER_S < until_s - 1e-6]
        sounds = [s for s in self.sounds if from_s <= s.position / SOUND_HZ < until_s]
        timed = [(p.captured_ns / NS_PER_S, p) for p in pictures if with_picture]
        timed += [(s.position / SOUND_HZ, s) for s in sounds if with_sound]
        for _, packet in sorted(timed, key=lambda one: one[0]):
            fragments = mp4.picture(packet) if isinstance(packet, VideoPacket) else mp4.sound(packet)
            data += [fragment.data for fragment in fragments]
        return b"".join([*data, *(fragment.data for fragment in mp4.cut())])


def film(seconds: int, size: tuple[int, int] = (320, 180), bitrate_bps: int = 300_000, *, noise: int = 0) -> Footage:
    """A drive: seats, a driver, a window with the country passing by; a beep each second. ``noise``: of the sensor."""
    width, height = size
    encoder = PictureEncoder(width, height, Fraction(FPS), bitrate_bps)
    canvas = Canvas(width, height)
    stamp = Stamp(VEHICLE, width, height, lambda captured_ns: START_UTC_NS + 5 * NS_PER_S + captured_ns)
    random = np.random.default_rng(3)
    pictures = []
    for number, frame in enumerate(_drawn(seconds * FPS, width, height)):
        canvas.paint(av.VideoFrame.from_ndarray(frame, format="bgr24"))
        at_ns = number * NS_PER_S // FPS
        canvas.y[:] += random.integers(0, noise + 1, canvas.y.shape, dtype=np.uint8)
        stamp.apply(canvas.y, at_ns, number)
        pictures.append(encoder.encode(canvas.frame, at_ns, NS_PER_S // FPS))
    sound = SoundEncoder(0)
    samples = np.tile(one_second(SOUND_HZ), seconds)
    sounds = sound.samples(samples, Stretch(0, ONE, len(samples)), SOUND_HZ, restart=True) + sound.finish()
    # What the encoder puts before the first sample has no place below zero: the recorder's origin leaves room for it.
    return Footage(encoder.format, tuple(pictures), tuple(packet for packet in sounds if packet.position >= 0))


def _drawn(count: int, width: int, height: int) -> Iterator[np.ndarray]:
    scale = height / 180
    country = _country(width, round(0.38 * height))
    cabin = np.full((height, width, 3), (52, 47, 43), np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * width), round(y * height)

    for left in (0.08, 0.38, 0.68):
        seat = [at(left, 0.98), at(left + 0.02, 0.55), at(left + 0.22, 0.55), at(left + 0.24, 0.98)]
        cv2.fillPoly(cabin, [np.array(seat, np.int32)], (84, 70, 60))
        cv2.rectangle(cabin, at(left + 0.06, 0.42), at(left + 0.18, 0.56), (96, 82, 70), -1)
    top, (left_edge, right_edge) = round(0.12 * height), (round(0.2 * width), round(0.8 * width))
    for number in range(count):
        frame = cabin.copy()
        shift = number * width // 100 % width
        frame[top : top + country.shape[0], left_edge:right_edge] = country[:, shift : shift + right_edge - left_edge]
        nod = 0.008 * np.sin(number / 5)
        for left, coat in ((0.12, (60, 60, 150)), (0.72, (140, 90, 50))):
            cv2.ellipse(frame, at(left + 0.08, 0.9), (round(34 * scale), round(50 * scale)), 0, 180, 360, coat, -1)
            cv2.circle(frame, at(left + 0.08, 0.5 + nod), round(17 * scale), (150, 172, 205), -1)
        yield frame


def _country(width: int, height: int) -> np.ndarray:
    """Hills below a sky, twice as wide as a picture, that begin anew after its width."""
    columns = np.arange(width)
    wave = np.sin(2 * np.pi * 3 * columns / width) + 0.5 * np.sin(2 * np.pi * 7 * columns / width + 1)
    tops = (0.55 + 0.12 * wave) * height
    sky = np.arange(height)[:, np.newaxis] < tops
    one = np.where(sky[..., np.newaxis], np.uint8((208, 182, 150)), np.uint8((72, 118, 84)))
    return np.concatenate([one, one], axis=1)


@dataclass(frozen=True, slots=True)
class Day:
    """A stick, the office's keys, and the recorder behind both."""

    van: Van
    stick: Path
    keys: Path
    journeys: tuple[str, ...]

    def folder(self, number: int = 0) -> Path:
        return self.van.folder(self.stick, self.journeys[number])


def office_van(folder: Path, passphrase: str | None = PASSPHRASE) -> tuple[Van, Path]:
    """A recorder that encrypts to an office's new keys, and the folder of these keys, the recorder enrolled in it."""
    keys = folder / "keys"
    keygen(keys, passphrase)
    (identity,) = load_identities(keys / "identity.txt", lambda: passphrase or "")
    clock, key = FakeClock(), DeviceKey.load_or_create(folder / "device.key")
    store = Store(folder / "store", key, [identity.recipient], clock, slots=[Slot.at(folder / "slot")])
    store.prepare()
    enrol(keys, VEHICLE, key.public)
    return Van(store, clock, identity), keys


def record(van: Van, journey: str, data: bytes, seconds: float, gaps: Sequence[dict[str, object]] = ()) -> None:
    """One segment that takes its ``seconds``, sealed."""
    began_ns = van.clock.now_ns
    writer = van.store.open_segment(journey, van.store.journey(journey).next_segment, began_ns)
    step = max(1, len(data) // 8)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step], start)
        van.clock.advance(seconds / 10)
        writer.maintain(van.clock.now_ns)
    van.clock.advance(seconds - (van.clock.now_ns - began_ns) / NS_PER_S)
    writer.seal("rotation", Facts(began_ns, van.clock.now_ns, gaps=tuple(gaps)))


def begin(van: Van) -> str:
    """Consent is pressed, and recording begins at once."""
    van.clock.advance(5)
    return van.store.begin_journey(CONSENT)


def eventful_day(
    folder: Path, footage: Footage, length_s: float, segments: int, passphrase: str | None = PASSPHRASE
) -> Day:
    """Two held journeys: an eventful one that a power cut ended, and a short one."""
    folder.mkdir(exist_ok=True)
    van, keys = office_van(folder, passphrase)
    eventful = begin(van)
    log = van.store.log(eventful)
    for number in range(segments - 1):
        if number == 1:
            log.append("fault", {"kind": "microphone-silent"})
        if number == 2:
            log.append("fault-cleared", {"kind": "microphone-silent"})
            van.store.hold(eventful, "driver", "hold button")
        if number == 3:
            van.clock.set_wall(0.0, "unproven")
            log.append("clock-changed", {"step_s": 0.0, "quality": "unproven"})
        record(van, eventful, footage.segment(number * length_s, (number + 1) * length_s), length_s)
    van.tear(eventful, footage.segment((segments - 1) * length_s, segments * length_s))
    van.clock.advance(3600)
    short = begin(van)
    record(van, short, footage.segment(0, length_s), length_s)
    van.store.hold(short, "driver", "hold button")
    van.store.end_journey(short, "ignition-off")
    stick = folder / "stick"
    stick.mkdir()
    van.export(stick, eventful, short)
    return Day(van, stick, keys, (eventful, short))
