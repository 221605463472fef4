"""The page says of a bundle what `verify` says, word for word; a hostile one changes nothing but what is wrong."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.office.footage import Recording
from tests.viewer import bundles

VIEWER = Path(__file__).parents[2] / "recorder/office/viewer"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What Python and the page say of each bundle, by its name."""
    root = tmp_path_factory.mktemp("bundles")
    cases = json.loads(bundles.build(root, Recording(3).segments(1, 3)).read_text())
    subprocess.run(["node", "build.mjs", "--tests"], cwd=VIEWER, check=True)
    command = ["node", VIEWER / "dist/tests/verify.mjs", root]
    answers = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    names = [f"{case['name']}{'' if case['with_key'] else ' (from outside)'}" for case in cases]
    assert len(set(names)) == len(names) == len(answers)
    return dict(zip(names, zip(cases, answers, strict=True), strict=True))


def test_every_sentence_is_that_of_the_command_line(told: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Lines, exit code, and how far the ledgers were seen; or the same refusal."""
    members = ("lines", "exit_code", "heads", "refused")
    different = {
        name: (python.get(member), page.get(member))
        for name, (python, page) in told.items()
        for member in members
        if python.get(member) != page.get(member)
    }
    assert different == {}
    assert len(told) > 200


def test_the_set_has_good_bundles_and_bad_ones(told: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Each verdict, each refusal, remarks; else equal answers would show little."""
    verdicts = [python.get("exit_code") for python, _ in told.values()]
    assert (verdicts.count(0) > 20, verdicts.count(3) > 100, verdicts.count(4) > 1) == (True, True, True)
    assert {python.get("refused") for python, _ in told.values()} == {None, "not-a-bundle", "opens-nothing"}
    sentences = {
        finding["text"] for python, _ in told.values() for finding in python.get("report", {}).get("findings", ())
    }
    assert len(sentences) > 100


def test_the_story_is_that_of_the_report(told: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Each moment in the same words, each segment with the same times, hash and gaps, whatever the log says."""
    for name, (python, page) in told.items():
        for ours, theirs in zip(page.get("stories", ()), python.get("stories", ()), strict=True):
            assert ours["moments"] == theirs["moments"], name
            listed = {row[0]: row for row in ours["segments"]}
            # The page lists what lies there, and what should; the report also what nothing came of.
            known = [row for row in theirs["segments"] if row[0] in listed]
            assert [listed[row[0]] for row in known] == known, name
            assert all(row[0] in listed for row in theirs["segments"] if row[3]), name


def test_the_timeline_holds_whatever_the_log_says(told: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """No mark lies outside of its journey, nothing ends before it begins, no time is endless."""
    assert [name for name, (_, page) in told.items() if page.get("isInOrder") is False] == []


def test_what_is_shown_is_plain(told: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """No line that a bundle has a part in turns around, hides, or goes on for ever: names and texts are escaped."""
    for name, (_, page) in told.items():
        for line in page.get("lines", ()):
            assert line.isprintable(), (name, line)
            assert len(line) < 1000, (name, line)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("attested", ["whole", "whole", "torn"]),
        ("attested (from outside)", ["whole", "whole", "whole"]),
        ("flipped chunk 4", ["altered", "whole", "torn"]),
        ("missing 00002.mp4.age", ["whole", "missing", "torn"]),
        ("added a segment", ["whole", "whole", "torn", "unknown"]),
        ("segments accounted for", ["deleted", "whole", "still-recording"]),
        ("swapped and signed", ["altered", "altered", "torn"]),
        ("missing manifest.json", ["unchecked", "unchecked", "unchecked"]),
    ],
)
def test_where_a_segment_is_not_as_it_should_be(
    told: dict[str, tuple[dict[str, Any], dict[str, Any]]], name: str, states: list[str]
) -> None:
    """It is shown in its place on the timeline."""
    assert told[name][1]["states"] == [states]
