"""The custody report says what the check and the proven log say, and nothing that a stick put there."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder.cli import cli
from recorder.errors import AgeNoMatchError, UsageError
from recorder.office.recorders import Trust
from recorder.office.report import write_report
from recorder.vault.age import X25519Identity
from tests.export.van import Van, flip

_UTC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Page(HTMLParser):
    """What a reader sees: ``text``, and the cells of each ``rows``; and which elements there are."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture
def journey(van: Van, stick: Path, segments: list[bytes]) -> str:
    journey = van.held_journey(*segments[:2])
    van.store.end_journey(journey, "ignition-off")
    van.export(stick, journey)
    return journey


def test_what_happened_stands_in_it(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    report = write_report(stick, van.trust, [van.identity], tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert report.exit_code == 0
    assert "Attested." in page.text
    assert "What is wrong" not in page.text
    assert "known to this office as Van 3. 5 files, " in page.text
    assert f"in folder {van.folder(stick, journey).name} of the stick." in page.text
    assert "Measured at the export: its clock was right to within a second, by synchronised time." in page.text
    told = [row[1] for row in page.rows if len(row) == 3 and _UTC.match(row[0])]
    assert told == [
        "The journey began.",
        "A passenger pressed consent. The notice had been played to its end.",
        "It was held by driver: hold button.",
        "The journey ended: the key was turned off.",
        "Before a copy, from all that was known by then: its clock was right to within a second, by synchronised time.",
        "A copy onto a stick began.",
    ]
    rows = [row for row in page.rows if len(row) == 6 and row[0].isdigit()]
    assert [int(row[0]) for row in rows] == [1, 2]
    assert all(re.fullmatch("[0-9a-f]{64}", row[4]) for row in rows)


def test_what_is_wrong_stands_first(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    flip(van.folder(stick, journey) / "00002.mp4.age", 5000)
    report = write_report(stick, van.trust, [van.identity], tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert report.exit_code == 3
    assert page.text.index("What is wrong") < page.text.index("What happened")
    [wrong] = [row for row in page.rows if row[0] == f"{journey}/00002.mp4.age"]
    assert "was altered" in wrong[1]


def test_nothing_in_it_can_act(van: Van, stick: Path, segments: list[bytes], tmp_path: Path) -> None:
    """A hold's reason and a folder's name that are markup are text; no script, no link, nothing to load."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    journey = van.begin()
    van.record(journey, segments[0])
    van.store.hold(journey, "driver", evil)
    van.export(stick, journey)
    (stick / "CABIN-EXPORT" / "<b onclick=x>").mkdir()
    write_report(stick, Trust(), [van.identity], tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert evil in page.text
    assert "<b onclick=x>" in page.text
    assert not page.elements & {"script", "img", "a", "link", "iframe", "b", "object", "form"}
    assert not page.attributes & {"src", "href", "onerror", "onclick"}


def test_a_log_that_cannot_be_read_tells_nothing(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    (van.folder(stick, journey) / "log.jsonl.age").unlink()
    write_report(stick, Trust(), [van.identity], tmp_path / "report.html")
    assert "what happened is not known" in Page(tmp_path / "report.html").text


def test_it_replaces_nothing_and_stays_off_the_stick(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written: File exists"):
        write_report(stick, Trust(), [van.identity], tmp_path / "report.html")
    with pytest.raises(UsageError, match="does not belong on the stick"):
        write_report(stick, Trust(), [van.identity], stick / "report.html")
    with pytest.raises(AgeNoMatchError):
        write_report(stick, Trust(), [X25519Identity.generate()], tmp_path / "other.html")
    assert (tmp_path / "report.html").read_text() == "mine"
    assert not (tmp_path / "other.html").exists()


def test_on_the_command_line(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    """The exit code is that of the check: 4 without a known recorder."""
    (tmp_path / "identity.txt").write_text(van.identity.text + "\n")
    arguments = ["report", stick, "-i", tmp_path / "identity.txt", "-o", tmp_path / "report.html"]
    done = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    assert done.return_value == 4, done.output
    assert "Consistent." in Page(tmp_path / "report.html").text
