"""Each row of the fault table names tests, and they are there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
README = (TESTS.parent / "recorder" / "capture" / "README.md").read_text(encoding="utf-8")
KNOWN = {
    name for path in TESTS.rglob("*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


def rows() -> list[str]:
    """Of the table under *Faults*, without its head."""
    chapter = README.partition("\n## Faults\n")[2].partition("\n## ")[0]
    return [line for line in chapter.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_the_test_that_makes_it_happen(row: str) -> None:
    """A test that is renamed or gone takes its row along."""
    named = set(re.findall(r"`(test_\w+)`", row))
    assert named <= KNOWN
    assert named
