"""A recorder in whose cabin everything goes wrong on order: ``python -m tests.daemon.faulty CONFIG``, an order a line.

It is the recorder that ``cabin-recorder run`` is, with its lens on the V4L2 camera of ``v4l2_stand_in.c`` (loaded by
LD_PRELOAD) where that is configured. Orders: ``camera`` and ``unplug``, ``plug_in``, ``freeze``, ``thaw`` or ``hang``;
``memory`` and a thread's name: that thread finds no memory the next time it goes round; ``slow`` and seconds: so much
longer libx264 takes for a frame.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder.assembly import assemble
from recorder.capture.card import CardWriter
from recorder.capture.encoder import PictureEncoder
from recorder.capture.keeper import Keeper
from recorder.capture.recording import Recording
from recorder.config import load
from recorder.daemon import Daemon
from recorder.systemd import Notifier
from tests.capture.v4l2_stand_in import DEVICE, V4l2Camera, raw

ROUNDS: dict[str, tuple[type, str]] = {
    "mux": (Recording, "round"),
    "card": (CardWriter, "_maintain"),
    "device": (Keeper, "delivered"),
    "loop": (Daemon, "_tick"),
}


def without_memory(ordered: set[str]) -> None:
    """From now on each of these threads raises MemoryError once its name is ``ordered``."""

    def wrapped(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            if name in ordered:
                raise MemoryError
            return method(*arguments)

        return run

    for name, (owner, method) in ROUNDS.items():
        setattr(owner, method, wrapped(name, getattr(owner, method)))


def slowed(by_s: list[float]) -> None:
    """From now on the encoder takes so much longer for each frame."""
    encode = PictureEncoder.encode

    def run(*arguments: Any) -> Any:
        threading.Event().wait(by_s[-1])
        return encode(*arguments)

    setattr(PictureEncoder, "encode", run)  # noqa: B010 - a method of the class, for every encoder there will be


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    config = load(Path(sys.argv[1]))
    camera = V4l2Camera({"YUYV": raw()}) if config.camera.device == Path(DEVICE) else None
    out_of_memory: set[str] = set()
    without_memory(out_of_memory)
    slower_s = [0.0]
    slowed(slower_s)
    if camera is not None and "absent" in sys.argv[2:]:
        camera.unplug()

    def obey() -> None:
        for line in sys.stdin:
            match line.split():
                case ["memory", name]:
                    out_of_memory.add(name)
                case ["slow", seconds]:
                    slower_s.append(float(seconds))
                case ["camera", order]:
                    getattr(camera, order)()

    threading.Thread(target=obey, name="orders", daemon=True).start()
    sys.exit(Daemon(assemble(config), Notifier(os.environ)).run())


if __name__ == "__main__":
    main()
