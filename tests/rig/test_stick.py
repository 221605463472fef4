"""The stick between the recorder and the office: slow, pulled out while it is written, put in again."""

import io
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from recorder.vault.age import decrypt
from tests.rig.drivers import make_noise
from tests.rig.film import Packets, count_frames, packets, sound
from tests.rig.office import Office
from tests.rig.recorder import STICK_LABEL, Recorder
from tests.rig.stick import make_stick

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

JOURNEY_BYTES = 76_000_000  # files get their names on a stick as many as make 64 MiB: most will have, some not yet
SLOW_BYTES_PER_S = 4_000_000


def test_pulled_out_half_way_a_copy_goes_on_and_the_office_has_every_frame(
    recorder: Recorder, folder: Path, office: Office, laptop: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    """A slow FAT stick is pulled out half-way: the recorder says so, and keeps all; put in again, the copy goes on.

    The office, with a key under a passphrase, attests it and opens it to a film whose frames and samples are those that
    the recorder signed, byte for byte.
    """
    guest, machine = recorder.vehicle.guest, recorder.vehicle.machine
    camera = f'kind = "file"\npath = "{make_noise(guest, 640, 480)}"'
    recorder.configure(camera=camera, width=640, height=480, bitrate_bps=25_000_000)
    recorder.start()
    journey = recorder.record()
    recorder.until(lambda now: now["store"]["size_bytes"] > JOURNEY_BYTES)
    recorder.hold()
    recorder.park()
    [before] = recorder.journeys()
    sealed = [entry["data"] for entry in recorder.log_of(journey) if entry["event"] == "segment-sealed"]

    stick = make_stick(folder / "stick.img", "vfat", STICK_LABEL, 256)
    machine.plug("export", stick, SLOW_BYTES_PER_S)
    guest.until("ls /run/cabin-recorder-export/*/CABIN-EXPORT/*/*/00001.mp4.age", patience_s=300)
    assert recorder.status()["export"] is not None
    machine.unplug("export")
    recorder.until(lambda now: now["export"] is None)
    [failed] = [entry["data"]["reason"] for entry in recorder.ledger() if entry["event"] == "export-failed"]
    assert "it was perhaps pulled out" in failed
    assert recorder.journeys() == [before]

    recorder.export_to(stick)
    assert recorder.journeys() == [before]
    [(copied, present)] = re.findall(r"(\d+) segments copied, (\d+) were there already", recorder.said_of_copies())
    assert int(copied) > 0
    assert int(present) > 0
    assert int(copied) + int(present) == len(sealed)
    office.enrol("VAN-1", guest.read("/var/lib/cabin-recorder/device.key.pub").decode().strip())
    recorder.vehicle.cut_power(seed=1)

    bundle = laptop(stick, tmp_path / "bundle")
    verified = office.verify(bundle)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    opened = office.open(bundle, tmp_path / "films")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    film = tmp_path / "films" / f"{journey}.mp4"
    assert packets(film) == recorded(bundle, sealed, office)
    assert count_frames(film) == sum(segment["video_frames"] for segment in sealed)
    samples, rate_hz = sound(film)
    assert (len(samples), rate_hz) == (sum(segment["audio_samples"] for segment in sealed), 48_000)


def recorded(bundle: Path, sealed: list[dict[str, Any]], office: Office) -> Packets:
    """What the recorder encoded, out of files each of which is the one that its log names by hash."""
    video: list[bytes] = []
    audio: list[bytes] = []
    files = sorted(bundle.rglob("*.mp4.age"))
    for file, segment in zip(files, sealed, strict=True):
        content = file.read_bytes()
        assert sha256(content[-segment["size_bytes"] :]).hexdigest() == segment["body_sha256"], file.name
        plain = packets(io.BytesIO(b"".join(decrypt(io.BytesIO(content), [office.identity]))))
        video += plain.video
        audio += plain.audio
    return Packets(tuple(video), tuple(audio))
