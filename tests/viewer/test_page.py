"""From a stick to a film, in a real browser, from a file: what the page shows, gives, and leaves behind."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import pytest
from playwright.sync_api import Browser, Download, Playwright

from recorder.office.open import open_bundle
from recorder.office.register import Register
from tests.export.van import flip
from tests.office.probe import probe
from tests.viewer.browser import CHROMIUM, FLAGS, NO_PICKER, VIEWER, Viewer, said_by_verify, viewer
from tests.viewer.journeys import FPS, PASSPHRASE, Day, Footage, begin, eventful_day, film, office_van, record

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="needs Debian's chromium: scripts/setup --test"
)

LENGTH_S, SEGMENTS = 3, 5


@pytest.fixture(scope="module")
def footage() -> Footage:
    return film(LENGTH_S * SEGMENTS)


@pytest.fixture(scope="module")
def day(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Day:
    return eventful_day(tmp_path_factory.mktemp("day"), footage, LENGTH_S, SEGMENTS)


@pytest.fixture(scope="module")
def desk(browser: Browser, day: Day) -> Iterator[Viewer]:
    """The eventful journey, opened with its passphrase."""
    with viewer(browser, viewport={"width": 1366, "height": 768}) as shown:
        shown.open(day.stick, day.keys, PASSPHRASE)
        shown.picture()
        yield shown


def saved(shown: Viewer, button: str, folder: Path) -> list[Path]:
    """Press ``button`` and take every file that the browser is handed, one after the other."""
    files: list[Path] = []

    def keep(download: Download) -> None:
        path = folder / download.suggested_filename
        download.save_as(path)
        files.append(path)

    with shown.page.expect_download() as first:
        shown.page.get_by_role("button", name=button, exact=True).click()
    keep(first.value)
    while True:
        state = shown.until(
            "[...document.querySelectorAll('.task')].map(t => t.className.includes('good') ? 'done' "
            ": t.className.includes('problem') ? 'problem' : t.querySelector('.primary') ? 'next' : '')[0]"
        )
        if state != "next":
            assert state == "done", shown.texts(".task")
            return files
        with shown.page.expect_download() as more:
            shown.page.get_by_role("button", name="Go on").click()
        keep(more.value)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_says_what_verify_says(desk: Viewer, day: Day) -> None:
    """The trust statement and every line, word for word; journeys by vehicle, length and hold."""
    lines = said_by_verify(day.stick, day.keys, day.van)
    assert desk.texts(".verdict-chip") == [lines[-1].removeprefix("Verdict: ")]
    assert desk.texts("#app .panel pre") == ["\n".join(lines)]
    assert len(desk.texts(".journeys li")) == 2
    assert all("Van 3" in row and "Held" in row for row in desk.texts(".journeys li"))


def test_the_timeline_shows_what_happened(desk: Viewer) -> None:
    """Whole segments and the torn one, consent, hold, the fault, and a clock that nobody vouched for in the end."""
    shown = {
        name: desk.page.locator(f".lane .{name}").count()
        for name in ("state-whole", "state-torn", "consent", "hold", "fault", "clock-synchronised", "clock-unproven")
    }
    whole = SEGMENTS - 1
    assert shown.pop("state-whole") == whole
    assert set(shown.values()) == {1}, shown
    slider = desk.page.get_by_role("slider", name="Where in the journey")
    assert "recorded and whole" in (slider.get_attribute("aria-valuetext") or "")


def test_it_plays_across_segments_and_steps_picture_by_picture(desk: Viewer) -> None:
    desk.press("Home")
    desk.page.locator(".speed").select_option("4")
    desk.page.locator(".stage").click()
    desk.until(f"document.querySelector('video').currentTime > {LENGTH_S + 1}")
    assert float(desk.page.get_attribute(".level", "data-level") or 0) > 0.2, "the meter hears the beeps"
    desk.page.locator(".stage").click()
    desk.page.locator(".speed").select_option("1")
    desk.page.locator(".slider").focus()
    desk.press("Home", *"....")
    at_s = desk.at_s
    assert at_s == pytest.approx(4 / FPS, abs=0.6 / FPS)
    desk.press(",", ",", ",")
    assert desk.at_s == pytest.approx(at_s - 3 / FPS, abs=0.02)
    desk.press("ArrowRight")
    assert desk.at_s == pytest.approx(at_s - 3 / FPS + 5, abs=0.1)
    desk.press("]")
    assert desk.at_s == pytest.approx(2 * LENGTH_S, abs=0.1), "the next event is the hold"


def test_the_film_is_the_one_that_open_makes(desk: Viewer, day: Day, tmp_path: Path) -> None:
    """Byte for byte; every picture that the recorder encoded is in it; its hash came along."""
    desk.tab(3)
    film_path, sums = saved(desk, "Save film", tmp_path)
    opened = open_bundle(day.stick, [day.van.identity], tmp_path / "open", lambda done, total: None)
    (ours,) = next(one for one in opened.journeys if one.journey == day.journeys[0]).movies
    assert film_path.read_bytes() == ours.path.read_bytes()
    whole = (SEGMENTS - 1) * LENGTH_S * FPS
    assert whole <= probe(film_path)[0].frames <= whole + LENGTH_S * FPS
    assert sums.read_text() == f"{sha256(film_path)}  {film_path.name}\n"


def test_a_clip_is_what_was_marked(desk: Viewer, tmp_path: Path) -> None:
    """From the picture where I was pressed to the one where O was, across two segments."""
    desk.tab(3)
    desk.page.locator(".slider").focus()
    desk.press("Home", "ArrowRight", "i", ".", ".", ".", ".", ".", "o")
    clip, _ = saved(desk, "Save clip", tmp_path)
    assert probe(clip)[0].duration_s == pytest.approx(5 / FPS, abs=0.01)
    with av.open(str(clip)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5
    desk.press("x")


def test_a_still_says_when_it_was(desk: Viewer, tmp_path: Path) -> None:
    desk.page.locator(".slider").focus()
    desk.press("Home", ".", ".")
    with desk.page.expect_download() as taken:
        desk.page.keyboard.press("p")
    path = tmp_path / taken.value.suggested_filename
    taken.value.save_as(path)
    assert cv2.imread(str(path)).shape == (180, 320, 3)
    assert re.fullmatch(r"Van-3-2026-11-22-1311\d\d\.\d{3}\.png", path.name)
    words = path.read_bytes()
    assert b"UTC by the recorder's clock" in words
    assert re.search(rb"SHA-256 of the segment's body as the recorder signed it: [0-9a-f]{64}", words)
    assert subprocess.run(["ffprobe", "-v", "error", path], check=True, capture_output=True).stderr == b""


def test_a_disclosure_is_a_folder_and_a_line_in_the_register(desk: Viewer, day: Day, tmp_path: Path) -> None:
    """Film, log, report, player page and hashes, and a register that the command line proves."""
    desk.tab(3)
    desk.page.get_by_label("To whom").fill("<b>Police</b>")
    desk.page.get_by_label("Their reference").fill("CAD 1")
    desk.page.get_by_label("Why").fill("asked")
    desk.page.locator(".give input[type=password]").fill(PASSPHRASE)
    downloads: list[Download] = []

    def note(download: Download) -> None:  # Playwright wants a function of its own
        downloads.append(download)

    desk.page.on("download", note)
    files = saved(desk, "Make the folder", tmp_path)
    desk.until("document.querySelector('.task').textContent.includes('register.jsonl')")
    downloads[-1].save_as(tmp_path / "register.jsonl")
    names = {path.name for path in files}
    assert names >= {f"{day.journeys[0]}.mp4", f"{day.journeys[0]}.log.jsonl", "report.html", "play.html", "SHA256SUMS"}
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
    play = (tmp_path / "play.html").read_text()
    assert "&lt;b&gt;Police&lt;/b&gt;" in play
    assert f'src="{day.journeys[0]}.mp4"' in play
    assert "<script" not in play + (tmp_path / "report.html").read_text()
    keys = shutil.copytree(day.keys, tmp_path / "keys")
    shutil.copy(tmp_path / "register.jsonl", keys)
    report = Register.open(keys, lambda: PASSPHRASE).check()
    assert (report.exit_code, len(report.entries)) == (0, 1)
    assert report.entries[0].data["files"][f"{day.journeys[0]}.mp4"] == sha256(tmp_path / f"{day.journeys[0]}.mp4")


def test_what_is_wrong_is_shown_where_it_is(browser: Browser, day: Day, tmp_path: Path) -> None:
    """One byte of the second segment: said as verify says it, in its place on the timeline; the rest still plays."""
    stick = shutil.copytree(day.stick, tmp_path / "stick")
    folder = next(path for path in stick.rglob("00002.mp4.age")).parent
    flip(folder / "00002.mp4.age", 5000)
    keys = shutil.copytree(day.keys, tmp_path / "keys")
    (keys / "identity.txt").write_text(f"{day.van.identity.text}\n")  # without its passphrase, which takes seconds
    with viewer(browser) as shown:
        shown.open(stick, keys)
        wrong = [line for line in said_by_verify(stick, day.keys, day.van) if line.startswith("WRONG")]
        assert shown.texts(".findings .wrong > span") == wrong
        assert shown.page.locator(".lane .state-altered").count() == 1
        assert shown.texts(".verdict-chip") == ["1 thing wrong"]
        shown.page.locator(".slider").focus()
        shown.press("End")
        assert shown.at_s > 3 * LENGTH_S


def test_nothing_of_a_bundle_becomes_markup(browser: Browser, footage: Footage, tmp_path: Path) -> None:
    """A vehicle, a reason and a folder that are markup: shown as they are, and nothing of it runs or loads."""
    evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    van, keys = office_van(tmp_path, None)
    journey = begin(van)
    van.store.log(journey).append("fault", {"kind": evil})
    record(van, journey, footage.segment(0, LENGTH_S), LENGTH_S)
    van.store.hold(journey, evil, evil)
    stick = tmp_path / "stick"
    stick.mkdir()
    van.export(stick, journey)
    (stick / "CABIN-EXPORT" / "<img src=x>").mkdir()
    (stick / "CABIN-EXPORT" / "<img src=x>" / "a").write_bytes(b"x")
    with viewer(browser) as shown:
        shown.open(stick, keys)
        shown.picture()
        for number in (1, 2, 3, 4):
            shown.tab(number)
        assert any(evil in text for text in shown.texts(".panel"))
        assert shown.page.locator("img, iframe, object, embed, a, link, form").count() == 0
        assert shown.page.locator("script").count() == 1


def test_it_leaves_nothing_and_calls_nobody(playwright: Playwright, day: Day, tmp_path: Path) -> None:
    """After opening, playing and closing: no request but the page itself, and nothing stored.

    Neither a piece of the footage nor the passphrase is anywhere in the browser's own folder.
    """
    profile = tmp_path / "profile"
    context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=list(FLAGS))
    context.add_init_script(NO_PICKER)
    shown = Viewer(context)
    shown.open(day.stick, day.keys, PASSPHRASE)
    shown.picture()
    shown.press("k", "End")
    stored = shown.page.evaluate(
        "(async () => [localStorage.length, sessionStorage.length, document.cookie, "
        "(await indexedDB.databases()).length])()"
    )
    assert stored == [0, 0, "", 0]
    shown.page.get_by_role("button", name="Close and forget").click()
    shown.page.wait_for_selector(".welcome")
    context.close()
    assert {url.split(":")[0] for url in shown.requests} <= {"file", "blob", "data"}
    assert [url for url in shown.requests if url.startswith("file")] == [(VIEWER / "dist/viewer.html").as_uri()]
    plain = open_bundle(day.stick, [day.van.identity], tmp_path / "open", lambda done, total: None)
    movie = plain.journeys[0].movies[0].path.read_bytes()
    secrets = [PASSPHRASE.encode(), *(movie[at : at + 64] for at in range(4096, len(movie) - 64, 50_000))]
    for path in (one for one in profile.rglob("*") if one.is_file()):
        data = path.read_bytes()
        assert not [secret for secret in secrets if secret in data], path


def test_mistakes_are_said_where_they_were_made(browser: Browser, day: Day, tmp_path: Path) -> None:
    """No stick, a wrong passphrase, a folder that is no stick: a sentence for a person, and the form stays."""
    with viewer(browser) as shown:
        shown.page.get_by_role("button", name="Open", exact=True).click()
        assert "folder first." in shown.texts("[role=alert]")[0]
        shown.pick(day.stick, day.keys)
        shown.page.fill("input[type=password]", "wrong")
        shown.page.keyboard.press("Enter")
        shown.until("document.querySelector('[role=alert]').textContent.includes('does not open the key')")
        assert shown.axe() == []
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty/a.txt").write_text("x")
        shown.page.set_input_files("[data-pick=stick]", tmp_path / "empty")
        shown.page.get_by_role("button", name="Check without a key").click()
        shown.until("document.querySelector('[role=alert]').textContent.includes('no recording in that folder')")


def test_axe_finds_nothing(desk: Viewer) -> None:
    """Each panel, the help sheet, in the dark, and in Welsh."""
    desk.page.locator(".slider").focus()
    for key in "1234":
        desk.page.keyboard.press(key)
        assert desk.page.locator("[role=tab]").nth(int(key) - 1).get_attribute("aria-selected") == "true"
        assert desk.axe() == []
    desk.page.keyboard.press("?")
    desk.page.wait_for_selector("dialog[open]")
    assert desk.axe() == []
    desk.page.keyboard.press("Escape")
    desk.page.emulate_media(color_scheme="dark")
    desk.tab(1)
    assert desk.axe() == []
    desk.page.emulate_media(color_scheme="light")
    desk.page.locator(".language").select_option("cy")
    assert desk.page.get_by_role("tab", name="Gwirio").count() == 1
    assert desk.axe() == []
    desk.page.locator(".language").select_option("en")
    desk.picture()


def test_it_is_usable_at_twice_the_size(desk: Viewer) -> None:
    """As a window of 1366 by 768 at 200 %: nothing is cut off at the side, and everything can be reached."""
    desk.page.set_viewport_size({"width": 683, "height": 384})
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("Play", "Save this picture", "Close and forget"):
        button = desk.page.get_by_role("button", name=name).first
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= 683 - box["width"]
    desk.page.set_viewport_size({"width": 1366, "height": 768})


def test_no_way_into_markup_or_storage_is_written() -> None:
    """Not one of the words that make text into markup, keep something, or call somebody."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|"
        r"\beval\(|new Function|"
        r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\.|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|"
        r"EventSource|RTCPeerConnection|window\.open|location\s*="
    )
    for path in (VIEWER / "src").rglob("*.ts"):
        assert not forbidden.search(path.read_text()), path
