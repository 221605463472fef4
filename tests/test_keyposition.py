"""The last look at the key: `cabin-recorder ignition`, as systemd's shutdown runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from recorder.cabin.pins import Wiring
from recorder.config import PanelConfig, load
from recorder.errors import ConfigError
from recorder.keyposition import wiring_of
from recorder.vault.age import X25519Identity


def configured(folder: Path, panel: str, store: str) -> Path:
    path = folder / "recorder.toml"
    recipient = X25519Identity.generate().recipient.text
    path.write_text(
        f'vehicle = "VAN-1"\n[store]\npath = "{store}"\nruntime = "runtime"\n[keys]\nrecipients = ["{recipient}"]\n'
        f'[camera]\nkind = "synthetic"\n[microphone]\nkind = "synthetic"\n{panel}'
    )
    return path


def ignition(config: Path) -> tuple[int, str, str]:
    """What the command says, and what the shutdown goes by."""
    command = [sys.executable, "-m", "recorder", "ignition", "--config", config]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


SIMULATED = '[panel]\nkind = "simulated"\n'
PINS = '[panel]\nkind = "gpio"\n[power]\nkind = "logind"\n'


@pytest.mark.parametrize(("key", "code", "said"), [("on", 0, "on"), ("off", 1, "off"), (None, 1, "off")])
def test_where_the_key_is(tmp_path: Path, key: str | None, code: int, said: str) -> None:
    """Exit code 0 for on alone; a simulated vehicle whose key nobody has touched is off."""
    (tmp_path / "runtime").mkdir()
    if key is not None:
        (tmp_path / "runtime/ignition").write_text(f"ignition {key}\n")
    assert ignition(configured(tmp_path, SIMULATED, "store")) == (code, f"The ignition is {said}.\n", "")


def test_the_places_of_recordings_do_not_matter(tmp_path: Path) -> None:
    """By then they are read-only or gone, which stops a recorder, and not this."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime/ignition").write_text("ignition on\n")
    (tmp_path / "gone").touch()
    config = configured(tmp_path, SIMULATED, "gone/store")
    with pytest.raises(ConfigError, match=r"store\.path"):
        load(config)
    assert ignition(config)[0] == 0


def test_a_key_that_cannot_be_read_is_not_on(tmp_path: Path) -> None:
    """One sentence, and an exit code that lets the power go; the folder lgpio worked in does not stay."""
    if any(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine may have a Raspberry Pi's pins")
    code, said, error = ignition(configured(tmp_path, PINS, "store"))
    assert (code, said, error.count("\n")) == (1, "", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["recorder.toml"]


def test_the_pins_are_those_of_the_panel() -> None:
    """As configured, so that the last look is at the pin that the panel looked at."""
    assert wiring_of(PanelConfig(kind="gpio", ignition=6, ignition_active="high")) == Wiring(
        ignition=6, ignition_active="high"
    )
