"""What a long journey costs in the office's browser: time to the first picture, speed, memory.

A journey of ``SIZE_GB`` (3 unless told otherwise) is made through the recorder's own muxer, store and export: some
seconds of real footage, again and again, each time further on. Chromium opens it, jumps through it, plays it, and saves
it as a film to nowhere: what a disk would add is not counted. Memory is the proportional set size of each process
(``/proc/<pid>/smaps_rollup``), five times a second: the most that the page's own process held (its renderer, workers
included), the browser's, and all of them at one time, a spare renderer and the browser's own pages among them.

    python -m tests.bench.viewer [SIZE_GB]
"""

import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.export.van import Van

MB = 1e6
SEGMENT_S = 60
FOOTAGE_S = 12
JUMPS = 9
# Takes films and counts their bytes.
NOWHERE = """
window.took = 0;
const file = () => ({ createWritable: async () => ({
  write: async (data) => { window.took += data.length ?? 0; }, close: async () => {}, abort: async () => {} }),
  getFile: async () => new Blob([]) });
Object.defineProperty(window, 'showDirectoryPicker', { value: async () => ({ name: 'nowhere',
  keys: async function* () {}, removeEntry: async () => {},
  getFileHandle: async (name, options) => {
    if (!options?.create) throw new DOMException('', 'NotFoundError'); return file(); } }) });
"""


@dataclass(slots=True)
class Memory:
    """The most that the page, the browser and all of it held, in bytes, since it was last asked."""

    folder: str
    peaks: dict[str, int] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.stopped.wait(0.2):
            sizes = list(self._processes())
            now = {
                "page": max((size for kind, size in sizes if kind == "renderer"), default=0),
                "browser": sum(size for kind, size in sizes if kind == "browser"),
                "all": sum(size for _, size in sizes),
            }
            for kind, size in now.items():
                self.peaks[kind] = max(self.peaks.get(kind, 0), size)

    def _processes(self) -> Iterator[tuple[str, int]]:
        for path in Path("/proc").iterdir():
            try:
                command = (path / "cmdline").read_bytes().decode(errors="replace") if path.name.isdigit() else ""
                if self.folder not in command:
                    continue
                typed = re.search(r"--type=([a-z-]+)", command)  # a renderer's words are parted by blanks, not by zeros
                kind = typed[1] if typed else "browser"
                pss = next(line for line in (path / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
            except (OSError, StopIteration):
                continue  # it has ended
            yield kind, int(pss.split()[1]) * 1024

    def taken(self) -> str:
        """The peaks in words, and begin again."""
        peaks, self.peaks = self.peaks, {}
        kinds = ("page", "browser", "all")
        return ", ".join(f"{kind} {peaks.get(kind, 0) / MB:.0f} MB" for kind in kinds)


@contextmanager
def watching(folder: str) -> Iterator[Memory]:
    memory = Memory(folder)
    thread = threading.Thread(target=memory.watch)
    thread.start()
    try:
        yield memory
    finally:
        memory.stopped.set()
        thread.join()


def make(folder: Path, size_bytes: float) -> tuple[Path, Path]:
    """The stick, and the folder of the keys."""
    from recorder.timekeeping import NS_PER_S  # noqa: PLC0415 -- heavy, and not wanted where only help is
    from tests.viewer.journeys import SOUND_HZ, begin, film, office_van, record  # noqa: PLC0415

    footage = film(FOOTAGE_S, (1280, 720), 4_000_000, noise=10)
    van, keys = office_van(folder, None)
    journey = begin(van)
    made, at_s = 0, 0
    while made < size_bytes:
        rounds = [
            replace(
                footage,
                pictures=tuple(
                    replace(p, captured_ns=p.captured_ns + (at_s + n * FOOTAGE_S) * NS_PER_S) for p in footage.pictures
                ),
                sounds=tuple(
                    replace(s, position=s.position + (at_s + n * FOOTAGE_S) * SOUND_HZ) for s in footage.sounds
                ),
            )
            for n in range(SEGMENT_S // FOOTAGE_S)
        ]
        whole = replace(
            footage,
            pictures=tuple(p for one in rounds for p in one.pictures),
            sounds=tuple(s for one in rounds for s in one.sounds),
        )
        data = whole.segment(at_s, at_s + SEGMENT_S)
        record(van, journey, data, SEGMENT_S)
        made, at_s = made + len(data), at_s + SEGMENT_S
    return _exported(van, journey, folder), keys


def _exported(van: Van, journey: str, folder: Path) -> Path:
    van.store.hold(journey, "driver", "hold button")
    stick = folder / "stick"
    stick.mkdir()
    van.export(stick, journey)
    return stick


def main() -> None:
    """Make, measure, print."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from tests.viewer.browser import CHROMIUM, FLAGS, Viewer, build  # noqa: PLC0415

    size_gb = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    build()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        stick, keys = make(folder, size_gb * 1e9)
        size_bytes = sum(path.stat().st_size for path in stick.rglob("*.mp4.age"))
        profile = str(folder / "profile")
        context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=list(FLAGS))
        context.add_init_script(NOWHERE)
        shown = Viewer(context)
        shown.page.set_default_timeout(0)
        with watching(profile) as memory:
            shown.pick(stick, keys)
            began = time.monotonic()
            shown.page.keyboard.press("Enter")
            shown.page.wait_for_selector(".desk")
            shown.picture()
            print(
                f"a journey of {size_bytes / 1e9:.2f} GB: first picture {time.monotonic() - began:.2f} s after the key"
            )
            began = time.monotonic()
            while not shown.page.locator(".verdict-chip.attested").count():
                time.sleep(0.5)
            took_s = time.monotonic() - began
            print(
                f"the check of every byte: {took_s:.0f} s, {size_bytes / MB / took_s:.0f} MB/s; peak {memory.taken()}"
            )
            jumps = []
            slider = shown.page.locator(".slider").bounding_box()
            assert slider is not None
            for number in range(1, JUMPS + 1):
                began = time.monotonic()
                x = slider["x"] + slider["width"] * (number * 7 % 10) / 10
                shown.page.mouse.click(x, slider["y"] + 30)
                shown.page.wait_for_timeout(50)
                shown.picture()
                jumps.append(time.monotonic() - began)
            print(f"a jump: median {statistics.median(jumps):.2f} s, longest {max(jumps):.2f} s")
            shown.press("k")
            shown.page.wait_for_timeout(20_000)
            shown.press("k")
            print(f"jumping, and twenty seconds of playing: peak {memory.taken()}")
            shown.tab(3)
            began = time.monotonic()
            shown.page.get_by_role("button", name="Save film").click()
            while not shown.page.locator(".task.good, .task.problem").count():
                time.sleep(0.5)
            took_s = time.monotonic() - began
            took = shown.page.evaluate("window.took")
            print(
                f"saving: {took / 1e9:.2f} GB decrypted and joined in {took_s:.0f} s, {took / MB / took_s:.0f} MB/s; "
                f"peak {memory.taken()}"
            )
        context.close()


if __name__ == "__main__":
    main()
