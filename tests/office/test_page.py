"""The office's page comes with its keys, whole, from this installation and from nowhere else."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder.cli import cli
from recorder.errors import OutputError, UsageError
from recorder.office import keys, page
from recorder.office.keys import keygen
from recorder.office.page import PAGE_NAME, built_page, renew_page
from tests.export.van import names_in

CHECKOUT = Path(__file__).parents[2]


def test_keygen_brings_the_page(tmp_path: Path) -> None:
    """Beside the keys, and it says what to do with it; where it exists already, nothing is overwritten."""
    report = keygen(tmp_path / "keys", None)
    assert (tmp_path / "keys" / PAGE_NAME).read_bytes() == built_page()
    assert (
        report.lines[-1]
        == f"{tmp_path / 'keys' / PAGE_NAME}: opens, plays and hands on what a stick brings; double-click it."
    )


def test_keys_are_made_where_the_page_was_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, with the command that brings it."""
    monkeypatch.setattr(keys, "built_page", lambda: None)
    report = keygen(tmp_path / "keys", None)
    assert PAGE_NAME not in names_in(tmp_path / "keys")
    assert "run scripts/setup in a checkout" in report.lines[-1]
    assert ".venv/bin/cabin-recorder viewer FOLDER_OF_KEYS" in report.lines[-1]


def test_the_page_is_renewed(tmp_path: Path) -> None:
    """Over an older one, whatever that is; as typed, and the keys stay as they are."""
    keygen(tmp_path, None)
    before = {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path) if name != PAGE_NAME}
    (tmp_path / PAGE_NAME).write_text("an older one")
    result = CliRunner().invoke(cli, ["viewer", str(tmp_path)], standalone_mode=False)
    assert (result.return_value, result.exception) == (0, None)
    assert str(tmp_path / PAGE_NAME) in result.output
    assert (tmp_path / PAGE_NAME).read_bytes() == built_page()
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_what_cannot_be_renewed(tmp_path: Path) -> None:
    """No folder, no page, no room: a sentence each, and the older page stays."""
    (tmp_path / PAGE_NAME).write_text("an older one")
    with pytest.raises(UsageError, match="is not a folder; name the one with the office's keys"):
        renew_page(tmp_path / "missing")
    with pytest.raises(UsageError, match="run scripts/setup in a checkout"):
        renew_page(tmp_path, tmp_path / "not built")
    folder = tmp_path / "folder"
    (folder / PAGE_NAME / "something").mkdir(parents=True)
    with pytest.raises(OutputError, match="Name another folder"):
        renew_page(folder)
    assert (tmp_path / PAGE_NAME).read_text() == "an older one"


def test_the_page_holds_all_of_itself_and_says_so() -> None:
    """One script and one style, by the hashes that its own policy names; nothing loaded, no network, no address."""
    text = (built_page() or b"").decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    everything = " ".join(rules.values())
    assert not any(word in everything for word in ("http", "'unsafe-inline'", "'unsafe-eval'", "'self'", "*"))
    for kind in ("script", "style"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules[f"{kind}-src"]
    markup = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"\b(?:src|href|action|srcset)\s*=", markup)


def test_where_the_page_is_looked_for() -> None:
    """Beside the office's modules, where the build puts it."""
    assert page._BUILT == CHECKOUT / "recorder/office/viewer/dist/viewer.html"
