"""What a person does with the page besides: drops, drags, prints, orders, saves into a folder, plays what is odd."""

import base64
import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from recorder.export.obeying import Obeyed, Obeying, write_answers
from recorder.export.target import Target
from recorder.office.open import open_bundle
from recorder.order import authority_key
from recorder.order_files import read_orders
from recorder.timekeeping import NS_PER_S
from tests.export.van import VEHICLE, Van
from tests.viewer.browser import CHROMIUM, Viewer, said_by_verify, viewer
from tests.viewer.journeys import Day, Footage, begin, film, office_van, record

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium: scripts/setup --test")

LENGTH_S = 2
# What would be printed is kept, for a person at a dialog is not there.
KEEP_PRINT = """
Object.defineProperty(window, 'showDirectoryPicker', { value: undefined });
Object.defineProperty(window, 'print', { value: () => {
  window.kept = document.querySelector('.print-only').cloneNode(true); window.keptClass = document.body.className; } });
"""
# A real folder of the browser's own stands for the one that a person would pick.
OWN_FOLDER = "Object.defineProperty(window, 'showDirectoryPicker', { value: () => navigator.storage.getDirectory() });"
ADDRESS = "http://localhost/viewer.html"
FILES = """(async () => { const files = {};
for await (const [name, handle] of (await navigator.storage.getDirectory()).entries()) {
  const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
  files[name] = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')); }
return files; })()"""


@pytest.fixture(scope="module")
def footage() -> Footage:
    return film(LENGTH_S * 4)


@pytest.fixture(scope="module")
def held(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """One journey of two segments, held and over, and a key without a passphrase."""
    folder = tmp_path_factory.mktemp("held")
    van, keys = office_van(folder, None)
    journey = begin(van)
    for number in range(2):
        record(van, journey, footage.segment(number * LENGTH_S, (number + 1) * LENGTH_S), LENGTH_S)
    van.store.hold(journey, "driver", "hold button")
    van.store.end_journey(journey, "ignition-off")
    stick = folder / "stick"
    stick.mkdir()
    van.export(stick, journey)
    return Day(van, stick, keys, (journey,))


@pytest.fixture(scope="module")
def desk(browser: Browser, held: Day) -> Iterator[Viewer]:
    """The held journey, its stick dropped onto the page by the browser's own drag and drop."""
    with viewer(browser, script=KEEP_PRINT, viewport={"width": 1366, "height": 768}) as shown:
        drop(shown, held.stick)
        shown.until("document.querySelectorAll('.picked')[0].textContent")
        files = sum(path.is_file() for path in held.stick.rglob("*"))
        assert shown.texts(".picked")[0].startswith(f"{files} files")
        shown.page.set_input_files("[data-pick=keys]", held.keys)
        shown.unlock()
        shown.picture()
        yield shown


def drop(shown: Viewer, folder: Path) -> None:
    """As the desktop would: the drag comes in, the page says that it may, and it is let go."""
    cdp = shown.page.context.new_cdp_session(shown.page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        cdp.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": data})
    shown.until("document.querySelector('.drop').checkVisibility()")
    cdp.send("Input.dispatchDragEvent", {"type": "drop", "x": 400, "y": 300, "data": data})
    shown.until("!document.querySelector('.drop').checkVisibility()")


def test_what_is_dropped_is_opened(desk: Viewer, held: Day) -> None:
    """A folder with folders in it: the same words as of the stick itself."""
    lines = said_by_verify(held.stick, held.keys, held.van)
    assert desk.texts("#app .panel pre") == ["\n".join(lines)]
    assert lines[-1].startswith("Verdict: attested")


def test_the_wheel_looks_closer_and_a_drag_moves_the_picture(desk: Viewer) -> None:
    """Towards the pointer, never out of the frame; a drag is no click, so nothing begins to play."""
    box = desk.page.locator(".stage").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def place() -> list[float]:
        """How large the picture is, and where its middle lies beside the frame's."""
        found: list[float] = desk.page.evaluate(
            "(() => { const of = (s) => document.querySelector(s).getBoundingClientRect();"
            "const [v, f] = [of('video'), of('.stage')];"
            "return [v.width / f.width, v.x + v.width / 2 - f.x - f.width / 2,"
            "v.y + v.height / 2 - f.y - f.height / 2]; })()"
        )
        return found

    def drag(x: float, y: float) -> None:
        desk.page.mouse.move(*middle)
        desk.page.mouse.down()
        desk.page.mouse.move(middle[0] + x, middle[1] + y, steps=4)
        desk.page.mouse.up()

    desk.page.mouse.move(box["x"] + box["width"] / 4, middle[1])
    desk.page.mouse.wheel(0, -500)
    desk.until("!document.querySelector('.factor').hidden")
    factor, x, y = place()
    assert factor == pytest.approx(2.718, rel=0.01)
    assert [x, y] == [pytest.approx(box["width"] / 4 * (factor - 1), rel=0.01), pytest.approx(0, abs=1)]
    assert desk.texts(".factor") == [f"Zoom {factor:.1f}\u00d7"]
    drag(-100, 50)
    assert place() == [pytest.approx(factor), pytest.approx(x - 100, abs=1), pytest.approx(y + 50, abs=1)]
    drag(5000, 0)
    assert place()[1] == pytest.approx(box["width"] * (factor - 1) / 2, abs=1), "its edge is at the frame's edge"
    desk.page.mouse.move(*middle)
    desk.page.mouse.wheel(0, 5000)
    desk.until("document.querySelector('.factor').hidden")
    assert place() == [pytest.approx(1), pytest.approx(0, abs=1), pytest.approx(0, abs=1)]
    assert desk.page.evaluate("document.querySelector('video').paused")


def test_the_report_is_printed_alone(desk: Viewer, held: Day) -> None:
    """On paper: verdict, what happened, every segment's hash; nothing of the page around it."""
    desk.tab(3)
    desk.page.get_by_role("button", name="Print", exact=True).click()
    assert desk.page.evaluate("[document.querySelector('.print-only'), document.body.className]") == [None, ""]
    desk.page.evaluate("document.body.append(window.kept); document.body.className = window.keptClass")
    assert not desk.page.evaluate("window.kept.checkVisibility()"), "on the screen it is not there"
    desk.page.emulate_media(media="print")
    printed = desk.page.evaluate("document.body.innerText")
    assert printed.startswith("Custody report")
    assert "Attested. Everything that was checked is consistent" in printed
    assert held.journeys[0] in printed
    assert "Save film" not in printed
    log = [json.loads(line) for line in (held.van.store.journey(held.journeys[0]).path / "log.jsonl").open("rb")]
    hashes = [entry["data"]["body_sha256"] for entry in log if "body_sha256" in entry.get("data", {})]
    assert len(hashes) == 2
    assert all(one in printed for one in hashes)
    assert desk.page.pdf().startswith(b"%PDF")
    desk.page.emulate_media(media="screen")


def test_orders_of_the_page_are_carried_out_and_their_answers_shown(desk: Viewer, browser: Browser, held: Day) -> None:
    """Hold and release, put onto the stick where the page says: the recorder does it; the page shows that it did."""
    desk.tab(4)

    def order(section: str) -> None:
        form = desk.page.locator("section.part", has=desk.page.get_by_role("heading", name=section, exact=True))
        form.get_by_label("Who orders it").fill("Si\u00e2n")
        form.get_by_label("Reason").fill("case 1")
        if form.get_by_role("checkbox").count():
            assert form.get_by_role("button", name="Save the order").is_disabled()
            form.get_by_role("checkbox").check()
        with (
            desk.page.expect_download(lambda one: one.suggested_filename == "register.jsonl") as register,
            desk.page.expect_download(lambda one: one.suggested_filename.endswith(".order.json")) as made,
        ):
            form.get_by_role("button", name="Save the order").click()
        register.value.save_as(held.keys / "register.jsonl")
        desk.until("document.querySelector('.task.good')?.textContent.includes('CABIN-ORDERS')")
        place = re.search(r"its place is (CABIN-ORDERS/.*\.order\.json)\.", desk.texts(".task")[0])
        assert place is not None
        made.value.save_as(held.stick / place[1])

    def drive() -> Obeyed:
        van: Van = held.van
        van.clock.set_wall((time.time_ns() - van.clock.now().utc_ns) / NS_PER_S)
        authority = authority_key((held.keys / "authority.pub").read_text())
        obeyed = Obeying(van.store, VEHICLE, authority).obey(read_orders(held.stick, VEHICLE))
        assert write_answers(Target(held.stick), VEHICLE, obeyed.answers) == ()
        return obeyed

    order("End this journey\u2019s hold")
    assert drive().released == held.journeys
    order("Keep footage")
    assert drive().held == held.journeys
    assert held.van.store.journey(held.journeys[0]).held
    with viewer(browser) as again:
        again.open(held.stick, held.keys)
        again.tab(4)
        again.until("document.querySelector('.answers li')")
        assert again.texts(".answers li strong") == ["Carried out"] * 2
        said = " ".join(again.texts(".answers li"))
        assert "1 journey is held." in said
        assert "The hold has ended." in said
        assert again.axe() == []


def test_into_a_folder(browser: Browser, held: Day, tmp_path: Path) -> None:
    """Film and hashes, streamed to where they belong; what is there is left as it is; the sheet is of the disk."""
    with viewer(browser, script=OWN_FOLDER, address=ADDRESS) as shown:
        shown.open(held.stick, held.keys)
        shown.tab(3)
        shown.page.get_by_role("button", name="Save film").click()
        shown.until("document.querySelector('.task.good')")
        files = {name: base64.b64decode(data) for name, data in shown.page.evaluate(FILES).items()}
        (name,) = (name for name in files if name.endswith(".mp4"))
        opened = open_bundle(held.stick, [held.van.identity], tmp_path / "open", lambda done, total: None)
        assert files[name] == opened.journeys[0].movies[0].path.read_bytes()
        sha256 = hashlib.sha256(files[name]).hexdigest()
        assert files.pop(name.replace(".mp4", ".sha256")) == f"{sha256}  {name}\n".encode()
        assert list(files) == [name]
        with shown.page.expect_download() as sheet:
            shown.page.get_by_role("button", name="Save hash sheet").click()
        sheet.value.save_as(tmp_path / "SHA256SUMS")
        (tmp_path / name).write_bytes(files[name])
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
        assert sha256 in (tmp_path / "SHA256SUMS").read_text()
        shown.page.get_by_role("button", name="Save film").click()
        shown.until("document.querySelector('.task.problem')")
        assert name in shown.texts(".task")[0]
        assert base64.b64decode(shown.page.evaluate(FILES)[name]) == files[name]
        shown.page.get_by_label("To whom").fill("Police")
        shown.page.get_by_label("Their reference").fill("CAD 1")
        shown.page.get_by_label("Why").fill("asked")
        shown.page.get_by_role("button", name="Make the folder").click()
        shown.until("document.querySelector('.task.problem')?.textContent.includes('empty')")
        assert sorted(shown.page.evaluate(FILES)) == [name, name.replace(".mp4", ".sha256")]


def test_it_plays_over_what_is_missing_and_what_changes(browser: Browser, footage: Footage, tmp_path: Path) -> None:
    """A segment is gone: passed over, and said. A camera of another size: the picture is. Sound alone: is heard."""
    larger = film(LENGTH_S, (480, 270))
    van, keys = office_van(tmp_path, None)
    odd = begin(van)
    for number in range(3):
        record(van, odd, footage.segment(number * LENGTH_S, (number + 1) * LENGTH_S), LENGTH_S)
    record(van, odd, later(larger, 3 * LENGTH_S).segment(3 * LENGTH_S, 4 * LENGTH_S), LENGTH_S)
    van.store.end_journey(odd, "ignition-off")
    van.clock.advance(3600)
    heard = begin(van)
    for number in range(2):
        span = (number * LENGTH_S, (number + 1) * LENGTH_S)
        record(van, heard, footage.segment(*span, with_picture=False), LENGTH_S)
    for journey in (odd, heard):
        van.store.hold(journey, "driver", "hold button")
    stick = tmp_path / "stick"
    stick.mkdir()
    van.export(stick, odd, heard)
    (van.folder(stick, odd) / "00002.mp4.age").unlink()
    with viewer(browser) as shown:
        shown.open(stick, keys)
        shown.picture()
        shown.page.locator(".slider").focus()
        shown.press("Home")
        shown.page.evaluate(
            "window.said = []; window.sizes = [];"
            "new MutationObserver(() => said.push(document.querySelector('.notice').textContent))"
            ".observe(document.querySelector('.notice'), { childList: true });"
            "document.querySelector('video').addEventListener('resize', (e) => sizes.push(e.target.videoWidth))"
        )
        shown.page.locator(".stage").click()
        shown.until(f"document.querySelector('video').currentTime > {3 * LENGTH_S + 0.5}")
        assert [said for said in shown.page.evaluate("said") if said] == ["Skipped 2 s in which nothing was recorded"]
        assert shown.page.evaluate("sizes") == [480]
        shown.until("document.querySelector('video').ended")
        shown.page.locator(".journeys button").nth(1).click()
        shown.until("document.querySelector('.message').textContent === 'Sound without a picture'")
        shown.page.locator(".stage").click()
        shown.until("Number(document.querySelector('.level').dataset.level) > 0.2")
        shown.until(f"document.querySelector('video').currentTime > {LENGTH_S + 0.5}")
        assert shown.page.evaluate("document.querySelector('video').videoWidth") == 0


def later(footage: Footage, by_s: int) -> Footage:
    """The same, so many seconds on."""
    return replace(
        footage,
        pictures=tuple(one._replace(captured_ns=one.captured_ns + by_s * NS_PER_S) for one in footage.pictures),
        sounds=tuple(one._replace(position=one.position + by_s * 48_000) for one in footage.sounds),
    )
