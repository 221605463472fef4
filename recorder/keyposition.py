"""Where the key is, for whoever has no panel: the last look before the power goes (``systemd/shutdown``).

Rules: runs when nothing else does any more, as root, on filesystems that are read-only; so it writes nowhere but into a
folder of its own beside the runtime folder, and loads little.
"""

import tempfile
from dataclasses import fields
from pathlib import Path

from recorder.cabin.board import open_board
from recorder.cabin.panel import read_ignition
from recorder.cabin.pins import Wiring
from recorder.cabin.simulated import SimulatedPanel
from recorder.config import Config, PanelConfig
from recorder.runtime import Runtime


def wiring_of(panel: PanelConfig) -> Wiring:
    """Which pin does what, as configured."""
    return Wiring(**{field.name: getattr(panel, field.name) for field in fields(Wiring)})


def simulated_key(runtime: Runtime) -> Path:
    """The file that is the key of a simulated vehicle."""
    return runtime.folder / "ignition"


def ignition_on(config: Config) -> bool:
    """Whether the ignition is on. Raises PanelError where it cannot be read, as while a recorder has the pins."""
    if config.panel.kind == "simulated":
        runtime = Runtime(config.store.runtime)
        return SimulatedPanel(runtime.panel_socket, simulated_key(runtime)).ignition_on
    with tempfile.TemporaryDirectory(dir=config.store.runtime.parent, prefix="ignition-") as folder:
        return read_ignition(wiring_of(config.panel), lambda: open_board(Path(folder)))
