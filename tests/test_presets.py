"""Presets: what a key that is not written means on a known computer, and what a day of it takes."""

from dataclasses import asdict
from pathlib import Path

import msgspec
import pytest

from recorder.config import CameraConfig, load
from recorder.inspection import check
from recorder.presets import PRESETS, PresetName, day_bytes
from recorder.vault.age import X25519Identity

README = (Path(__file__).parents[1] / "config" / "README.md").read_text(encoding="utf-8")

CONFIG = """
vehicle = "VAN-1"
[store]
path = "store"
runtime = "runtime"
[keys]
recipients = ["{recipient}"]
[camera]
kind = "synthetic"
{camera}
[microphone]
kind = "synthetic"
[panel]
kind = "simulated"
"""


def written(folder: Path, camera: str) -> Path:
    path = folder / "recorder.toml"
    path.write_text(CONFIG.format(recipient=X25519Identity.generate().recipient.text, camera=camera))
    return path


def picture_of(camera: CameraConfig) -> dict[str, float]:
    return {name: getattr(camera, name) for name in asdict(PRESETS["pi4"])}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_answers_every_key_of_the_picture(tmp_path: Path, name: PresetName) -> None:
    camera = load(written(tmp_path, f'preset = "{name}"')).camera
    assert picture_of(camera) == asdict(PRESETS[name])


def test_a_key_that_is_written_counts_instead(tmp_path: Path) -> None:
    """Also where it is written with the value that is another preset's."""
    camera = load(written(tmp_path, 'preset = "pi5"\nfps = 25.0\nwidth = 1280')).camera
    assert picture_of(camera) == asdict(PRESETS["pi5"]) | {"fps": 25.0, "width": 1280}


def test_the_defaults_are_those_of_the_first_preset(tmp_path: Path) -> None:
    """Who writes no preset has a Raspberry Pi 4, or as good as one."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(CameraConfig)}
    assert {name: defaults[name] for name in asdict(PRESETS["pi4"])} == asdict(PRESETS[defaults["preset"]])
    assert picture_of(load(written(tmp_path, "")).camera) == asdict(PRESETS["pi4"])


def test_an_unknown_preset_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'camera\.preset: expected "pi4", "pi5" or "laptop", got "pi3"\.$'):
        load(written(tmp_path, 'preset = "pi3"'))


def test_a_day_is_picture_sound_and_a_fiftieth_for_the_boxes() -> None:
    assert day_bytes(4_000_000) == round(4_064_000 / 8 * 86_400 * 1.02)
    assert PRESETS["pi4"].day_bytes == day_bytes(4_000_000)


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_in_the_readme_is_this_one(name: PresetName) -> None:
    preset = PRESETS[name]
    day = f"{preset.day_bytes / 1e9:.0f} GB"
    row = (
        f"| `{name}` | {preset.width} x {preset.height} | {preset.fps:g} | {preset.bitrate_bps / 1e6:g} Mb/s "
        f"| {preset.gop_s:g} s | {day} |"
    )
    assert row in README


@pytest.mark.parametrize(
    ("camera", "detail"),
    [
        ("", "preset pi4: 1280x720, 30 a second, 4 Mb/s; 45 GB for 24 hours of recording"),
        (
            'preset = "pi5"\nfps = 25.0\nbitrate_bps = 5000000',
            "preset pi5 but for fps, bitrate_bps: 1920x1080, 25 a second, 5 Mb/s; 56 GB for 24 hours of recording",
        ),
    ],
)
def test_check_says_what_a_day_takes(tmp_path: Path, camera: str, detail: str) -> None:
    view = check(load(written(tmp_path, camera)))
    assert [one for one in view.as_json["checks"] if one["name"] == "picture"] == [
        {"name": "picture", "ok": True, "detail": detail}
    ]
