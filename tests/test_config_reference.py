"""The files in config/ are what the code reads: every key is there, and every default is the one that is shown."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from msgspec import Struct

from recorder.config import Config, load
from recorder.vault.age import X25519Identity

FOLDER = Path(__file__).parents[1] / "config"
REFERENCE = (FOLDER / "recorder.toml").read_text(encoding="utf-8")
KEY = re.compile(r"^# (?=[a-z_]+ = )", re.MULTILINE)


def filled(text: str) -> str:
    """With a recipient, and store and runtime folder beside the file."""
    text = text.replace("recipients = []", f'recipients = ["{X25519Identity.generate().recipient.text}"]')
    return text.replace('"/var/lib/cabin-recorder/', '"').replace('"/run/cabin-recorder"', '"runtime"')


def keys(kind: type[Struct], prefix: str = "") -> dict[str, msgspec.structs.FieldInfo]:
    """Every key of the configuration by its dotted name."""
    hints, found = get_type_hints(kind), {}
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, Struct):
            found |= keys(hint, f"{prefix}{field.name}.")
        else:
            found[f"{prefix}{field.name}"] = field
    return found


def written(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value of a document by its dotted key."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= written(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def uncommented() -> str:
    """The reference with every default taken in; keys that an example shows twice stay as they are used."""
    examples = re.compile(r"^# text = \{.*\n", re.MULTILINE)
    return KEY.sub("", examples.sub("", REFERENCE))


def test_every_key_is_explained() -> None:
    """No key without a place in the reference, no place without a key; required ones stand without a comment sign."""
    assert set(written(tomllib.loads(uncommented()))) == set(keys(Config))
    required = {key for key, field in keys(Config).items() if field.required}
    assert set(written(tomllib.loads(REFERENCE))) == required


def test_every_default_is_the_one_that_is_shown() -> None:
    """What the reference shows as default is what the code does without the line."""
    shown = written(tomllib.loads(uncommented()))
    for key, field in keys(Config).items():
        if field.required or field.default is None:
            continue
        default = str(field.default) if isinstance(field.default, Path) else field.default
        default = list(default) if isinstance(default, tuple) else default
        assert (key, shown[key]) == (key, default)


@pytest.mark.parametrize("name", ["recorder.toml", "simulated.toml"])
def test_the_file_loads_once_recipients_are_filled(tmp_path: Path, name: str) -> None:
    """And not before, for nobody could open the footage."""
    path = tmp_path / name
    text = (FOLDER / name).read_text(encoding="utf-8")
    path.write_text(filled(text), encoding="utf-8")
    config = load(path)
    assert (config.camera.kind, config.panel.kind) == ("synthetic", "simulated")
    path.write_text(filled(text.replace("recipients = []", "recipients = [ ]")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"^[^\n]*keys\.recipients: is empty[^\n]*$"):
        load(path)


def test_the_reference_loads_with_every_line_taken_in(tmp_path: Path) -> None:
    """The examples are good values too."""
    (tmp_path / "clip.mp4").touch()
    path = tmp_path / "recorder.toml"
    path.write_text(filled(uncommented()), encoding="utf-8")
    assert load(path).retention.max_age_s == 86_400


def test_the_laptop_s_recorder_stays_in_its_folder(tmp_path: Path) -> None:
    """Store, runtime folder and key lie beside the file."""
    path = tmp_path / "recorder.toml"
    path.write_text(filled((FOLDER / "simulated.toml").read_text(encoding="utf-8")), encoding="utf-8")
    config = load(path)
    assert {config.store.path.parent, config.store.runtime.parent, config.device_key.parent} == {tmp_path}
