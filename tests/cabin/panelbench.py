"""A panel on a bench: its wires, what it posts, and what it shows."""

import queue
import time
from dataclasses import replace

from recorder.cabin.panel import GpioPanel
from recorder.cabin.pins import Wiring
from recorder.cabin.signals import ALL_OFF
from tests.contract.harness import Harness, pause

WITHIN_S = 5.0
IGNITION, BUZZER = 5, 12
FRONT, BACK = 17, 6
RECORDING, DEVICES, FAULT = 21, 26, 13
WIRING = Wiring(consent=(FRONT, BACK), ignition_off_s=0.2)


class Bench:
    """A panel, its wires, what it posted and what it would have sounded."""

    def __init__(self, wiring=WIRING, wires=None):
        self.wires = wires or Harness()
        self.posted = queue.SimpleQueue()
        self.sounded = queue.SimpleQueue()
        self.panel = GpioPanel(wiring, self.wires.open_board, self.sounded.put)

    def __enter__(self):
        self.panel.start(self.posted.put)
        pause(0.05)  # every contact has been seen released
        return self

    def __exit__(self, *_):
        self.panel.close()

    def next(self):
        return self.posted.get(timeout=WITHIN_S)

    def silent(self, for_s=0.3):
        pause(for_s)
        return self.posted.empty()

    def edges(self, pin, *edges):
        """Edges that the kernel saw some time ago and Python hears of now: (level, seconds ago)."""
        changed = self.wires.factory.pin(pin).when_changed
        now_s = time.monotonic()
        for level, ago_s in edges:
            changed(now_s - ago_s, level)

    def shown(self, **rhythms):
        """Show lamps; what pins do follows in a moment."""
        lamps = ALL_OFF
        for name, rhythm in rhythms.items():
            lamps = replace(lamps, **{name: replace(getattr(lamps, name), rhythm=rhythm)})
        self.panel.show(lamps)

    def until(self, condition):
        end_s = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < end_s
            pause(0.005)
