"""The hands on a recorder's panel, and a note of everything it said: what it is held to when the power is back.

Rules: what was told counts from the moment its answer has arrived; a durable moment is noted at its earliest, so that
nothing is asked of the card that was not promised.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.cabin.simulated import panel_client
from recorder.config import Config, load
from recorder.control import ask
from recorder.errors import NotRunningError
from recorder.runtime import Runtime
from recorder.timekeeping import NS_PER_S, boottime_ns

PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Told:
    """What a recorder has said so far.

    ``durable_ns``: of each journey the newest picture that was called durable (boottime). ``held``: journeys whose
    hold was shown. ``recording``: the journey, where its newest answer, to a question asked at ``at_ns``, said so;
    ``since_ns``: the first moment of each journey that was called durable.
    """

    durable_ns: dict[str, int] = field(default_factory=dict)
    since_ns: dict[str, int] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    recording: str | None = None
    at_ns: int = 0

    def and_then(self, status: dict[str, Any], asked_ns: int) -> "Told":
        """With one more answer, to a question asked at ``asked_ns``."""
        journey, age_s = status["journey"], status["durable_video_age_s"]
        durable_ns, since_ns = dict(self.durable_ns), dict(self.since_ns)
        if journey is not None:
            newest_ns = 0 if age_s is None else asked_ns - round(age_s * NS_PER_S)
            durable_ns[journey] = max(newest_ns, durable_ns.get(journey, 0))
            if newest_ns:
                since_ns.setdefault(journey, newest_ns)
        held = self.held | ({journey} if status["held"] and journey is not None else frozenset())
        is_recording = journey is not None and age_s is not None and status["state"] == "Recording"
        return Told(durable_ns, since_ns, held, journey if is_recording else None, asked_ns)


class Gone(Exception):  # noqa: N818 - no error: it is what a power cut looks like from outside
    """The recorder has ended; nothing more can be asked of it."""


class Hands:
    """Drives one recorder from outside, by its panel and its control socket."""

    def __init__(self, config: Path) -> None:
        self.config: Config = load(config)
        self._runtime = Runtime(self.config.store.runtime)
        self._told = Told()
        self._lock = threading.Lock()
        self._pause = threading.Event()

    @property
    def told(self) -> Told:
        """What it has said until now."""
        with self._lock:
            return self._told

    def wait_for_start(self, is_alive: Callable[[], bool]) -> None:
        """Wait until it answers. Gone where it ended before."""
        while True:
            try:
                self.look()
            except Gone:
                if not is_alive():
                    raise
                self._pause.wait(_LOOK_EVERY_S)
            else:
                return

    @staticmethod
    def end(pid: int) -> None:
        """Ask it to end (SIGTERM). Gone."""
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError as error:
            raise Gone from error

    def press(self, *lines: str) -> None:
        """Use the panel. Gone."""
        try:
            for answer in panel_client(self._runtime.panel_socket, lines, PATIENCE_S):
                assert answer.startswith("ok"), answer
        except (NotRunningError, OSError) as error:
            raise Gone from error

    def look(self) -> dict[str, Any]:
        """Ask how it fares, and note it. Gone."""
        asked_ns = boottime_ns()
        try:
            status = ask(self._runtime.control_socket, "status")
        except NotRunningError as error:
            raise Gone from error
        with self._lock:
            self._told = self._told.and_then(status, asked_ns)
        return status

    def until(self, true: Callable[[dict[str, Any]], object], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first status for which ``true``. Gone; AssertionError where it takes too long."""
        give_up_s = time.monotonic() + patience_s
        while not true(status := self.look()):
            assert time.monotonic() < give_up_s, f"never came true; the last status: {status}"
            self._pause.wait(_LOOK_EVERY_S)
        return status

    def until_newer(self) -> None:
        """Wait until picture from after this moment is called durable. Gone."""
        now_ns = boottime_ns()
        self.until(lambda _: max(self.told.durable_ns.values(), default=0) > now_ns)

    def watch(self, seconds: float, over: threading.Event | None = None) -> None:
        """Look on for so long, or until it is ``over``. Gone."""
        until_s = time.monotonic() + seconds

        def is_enough(_: dict[str, Any]) -> bool:
            return time.monotonic() >= until_s or (over is not None and over.is_set())

        self.until(is_enough, seconds + PATIENCE_S)
