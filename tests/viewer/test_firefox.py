"""The same way, from stick to film, in Firefox: no picker for folders there, and films come in parts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.office.open import open_bundle
from tests.viewer.browser import PAGE, build, said_by_verify
from tests.viewer.journeys import Day, eventful_day, film
from tests.viewer.marionette import FIREFOX, Firefox

pytestmark = pytest.mark.skipif(not Path(FIREFOX).exists(), reason="needs Debian's firefox-esr: scripts/setup --test")

LENGTH_S, SEGMENTS = 2, 5
VIDEO = "document.querySelector('video')"


@pytest.fixture
def day(tmp_path: Path) -> Day:
    return eventful_day(tmp_path / "day", film(LENGTH_S * SEGMENTS), LENGTH_S, SEGMENTS, passphrase=None)


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    build()
    with Firefox(tmp_path) as running:
        yield running


def test_from_stick_to_film(firefox: Firefox, day: Day, tmp_path: Path) -> None:
    """It says what verify says, plays across segments, and saves the film of `open`, byte for byte."""
    firefox.open(PAGE)
    firefox.pick_folder("[data-pick=stick]", day.stick)
    firefox.pick_folder("[data-pick=keys]", day.keys)
    firefox.until("document.querySelectorAll('.picked')[1].textContent.includes('identity.txt')")
    firefox.run("document.querySelector('button.primary').click()")
    verdict = firefox.until("document.querySelector('.verdict-chip:not(.pending) span')?.textContent")
    assert verdict == said_by_verify(day.stick, day.keys, day.van)[-1].removeprefix("Verdict: ")
    firefox.until(f"{VIDEO}.readyState >= 2 && {VIDEO}.videoWidth")
    firefox.run("document.querySelector('.play').click()")
    assert firefox.until(f"{VIDEO}.currentTime > {LENGTH_S + 0.5} && {VIDEO}.currentTime")
    firefox.run("[...document.querySelectorAll('button')].find(b => b.textContent === 'Save film').click()")
    firefox.until("document.querySelector('.task .primary, .task.problem')")
    opened = open_bundle(day.stick, [day.van.identity], tmp_path / "open", lambda done, total: None)
    (ours,) = next(one for one in opened.journeys if one.journey == day.journeys[0]).movies
    size = ours.path.stat().st_size
    (path,) = [one for one in tmp_path.glob("*.mp4") if one.stat().st_size == size] or _late(firefox, tmp_path, size)
    assert path.read_bytes() == ours.path.read_bytes()


def _late(firefox: Firefox, folder: Path, size: int) -> list[Path]:
    """The browser writes a download when it has time."""
    for _ in range(100):
        firefox.run("return new Promise(resolve => setTimeout(resolve, 100))")
        if found := [one for one in folder.glob("*.mp4") if one.stat().st_size == size]:
            return found
    return []
