"""One capture without encoders, as the recorder runs it: ``python -m tests.bench.capturing PACKETS FOLDER SECONDS``.

Prints as JSON the processor seconds from the first packet to the last seal, and the bytes of the segments.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any
from unittest import mock

from recorder.capture import pipeline
from recorder.capture.ports import Durable
from recorder.events import Event, Sealed
from recorder.timekeeping import SystemClock, boottime_ns
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.slots import Slot
from recorder.vault.store import Store
from tests.bench.packets import FPS, PacketCamera, PacketMicrophone, Packets, PacketSound


def main(packets_path: Path, folder: Path, seconds: float) -> None:
    """Record so long, then seal."""
    packets = Packets(packets_path)
    recipients = (X25519Identity.generate().recipient,)
    key = DeviceKey.load_or_create(folder / "device.key")
    store = Store(folder / "store", key, recipients, SystemClock(), slots=[Slot.at(folder / "slot")])
    store.prepare()
    journey = store.begin_journey({})
    sealed = threading.Event()
    events: list[Event] = []

    def post(event: Event) -> None:
        events.append(event)
        if isinstance(event, Sealed):
            sealed.set()

    def new_encoder(position: int) -> Any:
        return PacketSound(packets, position)

    with mock.patch.object(pipeline, "_sound_encoder", new_encoder):
        capture = pipeline.Capture(
            camera=PacketCamera(packets),
            microphone=PacketMicrophone(),
            open_segment=lambda number, first_ns: store.open_segment(journey, number, first_ns, Durable()),
            post=post,
            origin_ns=boottime_ns(),
            fps=FPS,
        )
        pipeline.settle()  # as after pipeline.warm_up
        before = os.times()
        capture.start()
        sealed.wait(seconds)
        capture.stop("stop")
        if not sealed.wait(60) or events != [Sealed()]:
            raise RuntimeError(f"the capture went wrong: {events}")
        after = os.times()
    footage_bytes = sum(path.stat().st_size for path in (folder / "store").glob("journeys/*/*.body"))
    cpu_s = after.user + after.system - before.user - before.system
    print(json.dumps({"cpu_s": cpu_s, "footage_bytes": footage_bytes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
