"""A recorder in a folder: its card, its configuration, and what lies on the card when it starts.

The card brings work for every procedure: footage that is due, footage that is held, and a segment that a power cut
tore, so that a start recovers, sweeps and records at once.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.timekeeping import NS_PER_S, Instant, SystemClock
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.vault.kit import Facts

OLDER_S = 100.0
MAX_AGE_S = 30.0

CONFIG = """
vehicle = "VAN-1"
[store]
path = "{card}/store"
runtime = "runtime"
min_free_bytes = {min_free_bytes}
[keys]
recipients = ["{recipient}"]
[camera]
{camera}
width = {width}
height = {height}
fps = {fps}
step_down = false
[microphone]
kind = "{kind}"
[segments]
length_s = {length_s}
[retention]
max_age_s = {max_age_s}
epoch_s = {epoch_s}
sweep_s = 1
[journey]
run_on_s = 0
[panel]
kind = "simulated"
[notice]
enabled = false
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """One recorder. ``held``: the journey that is held; ``held_sha256``: what is in its footage. ``due``: what goes."""

    folder: Path
    identity: X25519Identity
    held: str = ""
    held_sha256: str = ""
    due: str = ""

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / "recorder.toml"

    @property
    def card(self) -> Path:
        """What survives a power cut."""
        return self.folder / "card"

    def copy_to(self, folder: Path) -> "Scene":
        """The same recorder once more; what another process had open is open no longer."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)


def write_config(folder: Path, identity: X25519Identity, **changes: object) -> Path:
    """The configuration of a small, quick recorder in ``folder``."""
    values = {
        "recipient": identity.recipient.text,
        "card": "card",
        "min_free_bytes": 0,
        "camera": 'kind = "synthetic"',
        "kind": "synthetic",
        "width": 160,
        "height": 120,
        "fps": 10,
        "length_s": 1,
        "max_age_s": MAX_AGE_S,
        "epoch_s": MAX_AGE_S / 10,
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recorder.toml"
    path.write_text(CONFIG.format(**values))
    return path


def make_scene(folder: Path) -> Scene:
    """A recorder whose card has seen something already."""
    identity = X25519Identity.generate()
    write_config(folder, identity)
    card, clock = folder / "card", _Earlier()
    card.mkdir()
    slots = [Slot.at(card / "slot")]
    store = Store(
        card / "store", DeviceKey.load_or_create(card / "device.key"), [identity.recipient], clock, slots=slots
    )
    store.prepare()
    due, held, torn = (store.begin_journey({"notice": "earlier"}) for _ in range(3))
    _segment(store, due, 1)
    _segment(store, due, 2)
    footage = _segment(store, held, 1)
    store.hold(held, "panel", "hold button")
    for journey in (due, held):
        store.end_journey(journey, "ignition-off")
    writer = store.open_segment(torn, 1, clock.now().boottime_ns)  # and there it stays
    writer.write(_footage(100_000), None)
    return Scene(folder, identity, held, hashlib.sha256(footage).hexdigest(), due)


def _segment(store: Store, journey: str, number: int) -> bytes:
    now_ns = store.clock.now().boottime_ns
    writer = store.open_segment(journey, number, now_ns)
    footage = _footage(100_000)
    writer.write(footage, None)
    writer.seal("rotation", Facts(now_ns, now_ns))
    return footage


def _footage(size_bytes: int) -> bytes:
    """One box of an MP4 that nobody mistakes for anything else."""
    return size_bytes.to_bytes(4, "big") + b"mdat" + os.urandom(size_bytes - 8)


class _Earlier(SystemClock):
    """This machine's clocks, some time ago in this boot."""

    def now(self) -> Instant:
        now = super().now()
        back_ns = round(OLDER_S * NS_PER_S)
        return replace(now, utc_ns=now.utc_ns - back_ns, boottime_ns=now.boottime_ns - back_ns)
