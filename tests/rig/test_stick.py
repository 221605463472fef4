"""The stick between the recorder and the office: slow, pulled out while it is written, put in again."""

import io
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from recorder.vault.age import decrypt
from tests.rig.film import Packets, count_frames, packets, sound
from tests.rig.office import Office
from tests.rig.recorder import STICK_LABEL, Recorder
from tests.rig.stick import make_stick

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

SLOW_BYTES_PER_S = 50_000
# One journey is whole on the stick, and files of the next one are on their way and have no names yet.
HALF_WAY = "cd /run/cabin-recorder-export/*/CABIN-EXPORT/VAN-1 && ls */manifest.json && ls */.*.mp4.age.part"


def test_pulled_out_half_way_a_copy_goes_on_and_the_office_has_every_frame(
    recorder: Recorder, folder: Path, office: Office, laptop: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """A slow FAT stick is pulled out in the middle of the second of two held journeys; put in again, the copy goes on.

    The recorder says what happened and keeps everything. The office, with a key under a passphrase, attests what came,
    and opens it to films whose frames and samples are those that the recorder signed, byte for byte.
    """
    guest, machine = recorder.vehicle.guest, recorder.vehicle.machine
    recorder.configure()
    recorder.start()
    first = held_journey(recorder, segments=4)
    second = held_journey(recorder, segments=9)
    before = recorder.journeys()
    sealed = {journey: sealed_segments(recorder, journey) for journey in (first, second)}

    stick = make_stick(folder / "stick.img", "vfat", STICK_LABEL, 64)
    machine.plug("export", stick, SLOW_BYTES_PER_S)
    guest.until(HALF_WAY, patience_s=300)
    machine.unplug("export")
    recorder.until(lambda now: now["export"] is None)
    [failed] = [entry["data"]["reason"] for entry in recorder.ledger() if entry["event"] == "export-failed"]
    assert "it was perhaps pulled out" in failed
    assert recorder.journeys() == before

    recorder.export_to(stick)
    assert recorder.journeys() == before
    said = recorder.said_of_copies().splitlines()
    assert f"{first}: 0 segments copied, {len(sealed[first])} were there already." in said
    assert f"{second}: {len(sealed[second])} segments copied." in said
    folders = {journey: folder_of(recorder, journey) for journey in (first, second)}
    office.enrol("VAN-1", guest.read("/var/lib/cabin-recorder/device.key.pub").decode().strip())
    recorder.vehicle.cut_power(seed=1)

    bundle = laptop(stick, tmp_path / "bundle")
    verified = office.verify(bundle)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    opened = office.open(bundle, tmp_path / "films")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    for journey, segments in sealed.items():
        film = tmp_path / "films" / f"{journey}.mp4"
        assert packets(film) == recorded(bundle / "CABIN-EXPORT" / "VAN-1" / folders[journey], segments, office)
        assert count_frames(film) == sum(segment["video_frames"] for segment in segments)
        samples, rate_hz = sound(film)
        assert (len(samples), rate_hz) == (sum(segment["audio_samples"] for segment in segments), 48_000)


def held_journey(recorder: Recorder, segments: int) -> str:
    """A journey until there are so many segments on the card; held and sealed."""
    journey = recorder.record(segments)
    recorder.hold()
    recorder.park()
    return journey


def sealed_segments(recorder: Recorder, journey: str) -> list[dict[str, Any]]:
    """What the recorder signed of each segment."""
    return [entry["data"] for entry in recorder.log_of(journey) if entry["event"] == "segment-sealed"]


def folder_of(recorder: Recorder, journey: str) -> str:
    """The name of a journey's folder on every stick."""
    [name] = {entry["data"]["folder"] for entry in recorder.log_of(journey) if entry["event"] == "export-began"}
    return str(name)


def recorded(folder: Path, sealed: list[dict[str, Any]], office: Office) -> Packets:
    """What the recorder encoded, out of files each of which is the one that its log names by hash."""
    video: list[bytes] = []
    audio: list[bytes] = []
    for file, segment in zip(sorted(folder.glob("*.mp4.age")), sealed, strict=True):
        content = file.read_bytes()
        assert sha256(content[-segment["size_bytes"] :]).hexdigest() == segment["body_sha256"], file.name
        plain = packets(io.BytesIO(b"".join(decrypt(io.BytesIO(content), [office.identity]))))
        video += plain.video
        audio += plain.audio
    return Packets(tuple(video), tuple(audio))
