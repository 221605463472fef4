"""What is handed on is whole, plays without a key, and stands in a register that shows any change."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recorder.cli import cli
from recorder.errors import OutputError, StoreError, UsageError
from recorder.office.disclose import DisclosureReport, disclose
from recorder.office.keys import keygen
from recorder.office.recorders import Trust
from recorder.office.register import Disclosure, Register
from recorder.vault.age import X25519Identity
from tests.export.van import Van, flip

POLICE = Disclosure("South Wales Police", "CAD 1234/26", "assault on board")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    keygen(tmp_path / "keys", None)
    return tmp_path / "keys"


@pytest.fixture
def register(keys: Path) -> Register:
    return Register.open(keys, lambda: pytest.fail("there is no passphrase"))


@pytest.fixture
def journey(van: Van, stick: Path, segments: list[bytes]) -> str:
    journey = van.held_journey(*segments[:2])
    van.export(stick, journey)
    return journey


Disclose = Callable[..., DisclosureReport]


@pytest.fixture
def hand_on(van: Van, stick: Path, register: Register, tmp_path: Path) -> Disclose:
    """``hand_on(trust, to)`` makes ``out``, or another folder, for the police unless told otherwise."""

    def make(trust: Trust, disclosure: Disclosure = POLICE, out: Path = tmp_path / "out") -> DisclosureReport:
        return disclose(
            stick,
            trust,
            [van.identity],
            out,
            disclosure=disclosure,
            register=register,
            progress=lambda done, total: None,
        )

    return make


def test_the_folder_is_whole_and_registered(
    van: Van, journey: str, register: Register, hand_on: Disclose, tmp_path: Path
) -> None:
    """Films, logs, report, player and hashes; the register has who, why, which journeys, and each hash."""
    out = tmp_path / "out"
    made = hand_on(van.trust)
    assert (made.exit_code, made.number) == (0, 1)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [f"{journey}.mp4", f"{journey}.log.jsonl", "report.html", "play.html", "SHA256SUMS"]
    )
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    page = (out / "play.html").read_text()
    assert f'src="{journey}.mp4"' in page
    assert "<script" not in page
    [entry] = register.check().entries
    sums = dict(reversed(line.split("  ")) for line in (out / "SHA256SUMS").read_text().splitlines())
    assert entry.data == {
        "to": "South Wales Police",
        "reference": "CAD 1234/26",
        "reason": "assault on board",
        "journeys": [journey],
        "verdict": "attested",
        "files": sums,
    }


def test_what_is_wrong_is_handed_on_with_its_report(
    van: Van, stick: Path, journey: str, register: Register, hand_on: Disclose
) -> None:
    flip(van.folder(stick, journey) / "00002.mp4.age", 5000)
    assert hand_on(Trust()).exit_code == 3
    assert [entry.data["verdict"] for entry in register.check().entries] == ["wrong"]


@pytest.mark.usefixtures("journey")
def test_nothing_is_made_where_it_would_not_do(register: Register, hand_on: Disclose, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").touch()
    with pytest.raises(UsageError, match="is not empty"):
        hand_on(Trust(), out=taken)
    with pytest.raises(UsageError, match="needs to know to, reason; nothing was made"):
        hand_on(Trust(), Disclosure(" ", "x", ""))
    assert not (tmp_path / "out").exists()
    assert register.check().lines == ("The register is empty.",)


@pytest.mark.usefixtures("journey")
def test_a_register_that_refuses_is_said(register: Register, hand_on: Disclose, keys: Path) -> None:
    """The folder is there, and whoever made it knows that it is not to be handed on."""
    (keys / "register.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"register\.jsonl .* Do not hand on .*/out: it is not in the register\."):
        hand_on(Trust())
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        register.check()


def test_a_line_that_was_changed_or_dropped_shows(register: Register, keys: Path) -> None:
    path = keys / "register.jsonl"
    for number in range(3):
        register.add(POLICE, [f"journey-{number}"], "attested", {})
    lines = path.read_text().splitlines(keepends=True)
    for change, wrong_line in (
        ([lines[0], lines[1].replace("CAD", "BAD"), lines[2]], 2),
        ([lines[0], lines[2]], 2),
        ([lines[1], lines[0], lines[2]], 1),
    ):
        path.write_text("".join(change))
        report = register.check()
        assert (report.exit_code, len(report.entries)) == (3, wrong_line - 1)
        assert f"line {wrong_line}" in (report.wrong or "")
    path.write_text("".join(lines))
    report = register.check()
    assert (report.exit_code, len(report.entries)) == (0, 3)
    assert "South Wales Police; CAD 1234/26; assault on board: journey-2" in report.lines[2]


def run(*arguments: object, typed: str = "") -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)), input=typed, standalone_mode=False)


def test_on_the_command_line_one_passphrase_opens_both_keys(
    tmp_path: Path, van: Van, stick: Path, segments: list[bytes]
) -> None:
    keys = tmp_path / "keys"
    assert run("keygen", "--out", keys, typed="sesame\nsesame\n").return_value == 0
    recipient = (keys / "recipient.txt").read_text().strip()
    journey = van.held_journey(segments[0])
    (tmp_path / "identity.txt").write_text(van.identity.text + "\n")
    van.export(stick, journey)
    arguments = ("--to", "police", "--reference", "1", "--reason", "asked")
    done = run("disclose", stick, "--keys", keys, "-o", tmp_path / "out", *arguments, typed="sesame\n")
    assert "None of the given keys opens anything" in str(done.exception), "the van records for another office"
    assert recipient.startswith("age1")

    (keys / "identity.txt").write_text(van.identity.text + "\n")
    done = run("disclose", stick, "--keys", keys, "-o", tmp_path / "out", *arguments, typed="sesame\n")
    assert done.return_value == 4, done.output
    shown = run("register", "--keys", keys, "--json", typed="sesame\n")
    assert shown.return_value == 0
    assert f'"{journey}"' in shown.output
    wrong = run("register", "--keys", keys, typed="wrong\n")
    assert isinstance(wrong.exception, UsageError)


def test_other_keys_are_no_authority(tmp_path: Path) -> None:
    (tmp_path / "authority.key").write_text(X25519Identity.generate().text)
    with pytest.raises(UsageError, match="no key of keygen's"):
        Register.open(tmp_path, lambda: "x")
    with pytest.raises(UsageError, match="name the folder that keygen made"):
        Register.open(tmp_path / "nowhere", lambda: "x")
