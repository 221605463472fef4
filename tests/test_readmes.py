"""Whoever opens a room finds every part of it on the wall."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "recorder"
ROOMS = ("cabin", "capture", "export", "office", "vault")


def named(readme: str) -> set[str]:
    """The modules that a README names; ``*`` may stand for a part of a name."""
    return set(re.findall(r"(?<![\w/*])[\w*]+\.py\b", readme))


def unnamed(room: Path) -> list[str]:
    """Modules of ``room`` that its README does not name."""
    names = named((room / "README.md").read_text(encoding="utf-8"))
    return [path.name for path in sorted(room.glob("[!_]*.py")) if not any(fnmatch(path.name, name) for name in names)]


def test_the_rooms() -> None:
    """Each room that has a README is looked at."""
    assert tuple(sorted(path.parent.name for path in HOUSE.glob("*/README.md"))) == ROOMS


@pytest.mark.parametrize("room", [".", *ROOMS])
def test_a_room_s_readme_names_each_of_its_modules(room: str) -> None:
    """With its job beside it; a module that is added is written down."""
    assert unnamed(HOUSE / room) == []


def test_a_module_that_is_missing_is_seen(tmp_path: Path) -> None:
    """A name in a path elsewhere, or as the end of a longer one, is not the module's."""
    (tmp_path / "README.md").write_text("`parts/clip.py`, `clip.python`, `eclip.py`; `one*.py` and `two.py`")
    for name in ("clip.py", "one.py", "one_more.py", "two.py", "__init__.py"):
        (tmp_path / name).touch()
    assert unnamed(tmp_path) == ["clip.py"]
