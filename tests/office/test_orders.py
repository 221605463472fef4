"""Orders made in the office, followed by a recorder, and its answers checked: by the command line a lead uses."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from recorder.cli import cli
from recorder.export.obeying import Obeyed, Obeying, write_answers
from recorder.export.target import Target
from recorder.office.keys import keygen
from recorder.office.recorders import enrol
from recorder.order import authority_key
from recorder.order_files import read_orders
from recorder.timekeeping import NS_PER_S
from recorder.vault import age
from tests.export.van import VEHICLE, Van

WHY = ("--who", "Siân", "--reason", "case 2026/114")
PASSPHRASE = "correct horse"  # noqa: S105 - of keys that are thrown away


class Desk:
    """An office with keys of its own, at which somebody types; and the van whose recorder it knows."""

    def __init__(self, folder: Path, van: Van, stick: Path) -> None:
        self.van, self.stick, self.keys = van, stick, folder / "keys"
        keygen(self.keys, None)
        enrol(self.keys, VEHICLE, van.store.key.public)
        (self.keys / "identity.txt").write_text(van.identity.text)
        (self.keys / "recipient.txt").write_text(van.identity.recipient.text)
        self.authority = authority_key((self.keys / "authority.pub").read_text())

    def type(self, *arguments: object, typed: str = "") -> Result:
        return CliRunner().invoke(cli, [str(one) for one in arguments], input=typed, standalone_mode=False)

    def hold(self, *scope: object) -> Result:
        office = ("--keys", self.keys, "--stick", self.stick)
        return self.type("order", "hold", "--vehicle", VEHICLE, *scope, *WHY, *office)

    def release(self, journey: str, bundle: Path | None = None) -> Result:
        office = ("--keys", self.keys, "--stick", self.stick)
        return self.type("order", "release", bundle or self.stick, "--journey", journey, *WHY, *office)

    def drive(self) -> Obeyed:
        """The stick goes to the vehicle, whose clock is as right as the office's, and comes back."""
        self.van.clock.set_wall((time.time_ns() - self.van.clock.now().utc_ns) / NS_PER_S)
        obeyed = Obeying(self.van.store, VEHICLE, self.authority).obey(read_orders(self.stick, VEHICLE))
        assert write_answers(Target(self.stick), VEHICLE, obeyed.answers) == ()
        return obeyed

    def check(self) -> tuple[int, list[str]]:
        result = self.type("order", "check", self.stick, "--keys", self.keys)
        return result.return_value, result.output.splitlines()

    def register(self) -> list[dict[str, Any]]:
        return list(json.loads(self.type("register", "--keys", self.keys, "--json").output))


@pytest.fixture
def desk(tmp_path: Path, van: Van, stick: Path) -> Desk:
    return Desk(tmp_path, van, stick)


def ended(van: Van, segments: list[bytes]) -> str:
    journey = van.begin()
    van.record(journey, segments[0])
    van.store.end_journey(journey, "ignition-off")
    return journey


def test_from_a_hold_of_everything_to_its_release(desk: Desk, segments: list[bytes]) -> None:
    """Ordered, registered, followed, answered; copied, verified, released; each step is checked by the next."""
    journey = ended(desk.van, segments)
    assert desk.hold("--all").return_value == 0
    (line,) = desk.check()[1]
    assert (desk.check()[0], line.split(": ")[1]) == (1, "unanswered")
    assert desk.drive().held == (journey,)
    code, (line,) = desk.check()
    assert (code, "1 journey is held." in line, f"Said by {VEHICLE}." in line) == (0, True, True)
    assert desk.van.export(desk.stick, journey).exit_code == 0
    assert desk.release(journey).return_value == 0
    assert desk.drive().released == (journey,)
    code, lines = desk.check()
    assert (code, sorted(line.split()[2] for line in lines)) == (0, ["hold", "release"])
    assert not desk.van.store.journey(journey).held
    entries = desk.register()
    assert [(entry["event"], entry["kind"], entry["who"]) for entry in entries] == [
        ("ordered", "hold", "Siân"),
        ("ordered", "release", "Siân"),
    ]
    told = desk.type("register", "--keys", desk.keys).output
    assert f"ordered: {VEHICLE}; hold; " in told
    assert "case 2026/114" in told


def test_one_passphrase_for_both_keys(desk: Desk, segments: list[bytes]) -> None:
    """A release opens the logs and signs: it is asked for once."""
    journey = ended(desk.van, segments)
    desk.van.store.hold(journey, "driver", "hold button")
    desk.van.export(desk.stick, journey)
    identity = age.encrypt_bytes(desk.van.identity.text.encode(), [age.ScryptRecipient(PASSPHRASE, log_n=8)])
    (desk.keys / "identity.txt").write_bytes(age.armor(identity))
    authority = load_pem_private_key((desk.keys / "authority.key").read_bytes(), None)
    locked = BestAvailableEncryption(PASSPHRASE.encode())
    (desk.keys / "authority.key").write_bytes(authority.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    office = ("--keys", desk.keys, "--stick", desk.stick)
    released = desk.type("order", "release", desk.stick, "--journey", journey, *WHY, *office, typed=f"{PASSPHRASE}\n")
    assert (released.return_value, released.output.count("Passphrase")) == (0, 1)


def test_a_copy_that_is_not_attested_releases_nothing(desk: Desk, segments: list[bytes]) -> None:
    """Altered, or by a recorder that is not enrolled: the verdict's exit code, no order, no line in the register."""
    journey = ended(desk.van, segments)
    desk.van.store.hold(journey, "driver", "hold button")
    desk.van.export(desk.stick, journey)
    (desk.keys / "recorders.toml").unlink()
    unknown = desk.release(journey)
    assert (unknown.exception is not None, getattr(unknown.exception, "exit_code", 0)) == (True, 4)
    enrol(desk.keys, VEHICLE, desk.van.store.key.public)
    (next(desk.van.folder(desk.stick, journey).glob("*.mp4.age"))).unlink()
    wrong = desk.release(journey)
    assert getattr(wrong.exception, "exit_code", 0) == 3
    assert "nothing is released by it" in str(wrong.exception)
    assert desk.register() == []
    assert not (desk.stick / "CABIN-ORDERS").exists()


def test_a_release_is_of_a_journey_that_is_there_and_held(desk: Desk, segments: list[bytes]) -> None:
    """Neither of one that is not in the copy, nor by a copy from before the hold."""
    journey = ended(desk.van, segments)
    desk.van.store.hold(journey, "driver", "hold button")
    desk.van.export(desk.stick, journey)
    assert "has no journey" in str(desk.release("another").exception)


@pytest.mark.parametrize(
    "scope",
    [
        (),
        ("--all", "--journey", "a"),
        ("--since", "2026-11-28 15:00"),
        ("--since", "2026-11-28 15:00", "--until", "2026-11-28 14:00"),
        ("--all", "--days", "32"),
        ("--all", "--days", "0"),
        ("--all", "--who", " "),
        ("--all", "--vehicle", "../etc"),
        ("--journey", "../../etc"),
    ],
)
def test_an_order_that_says_too_little_or_too_much(desk: Desk, scope: tuple[str, ...]) -> None:
    """Refused before anything is signed, with exit code 2."""
    office = ("--keys", desk.keys, "--stick", desk.stick)
    made = desk.type("order", "hold", "--vehicle", VEHICLE, *WHY, *office, *scope)
    assert getattr(made.exception, "exit_code", 0) == 2
    assert list(desk.stick.iterdir()) == []
    assert desk.register() == []


def test_a_span_is_by_the_office_s_own_clock(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody says "between three and half past six"; in Wales, in summer, that is two by UTC."""
    monkeypatch.setenv("TZ", "Europe/London")
    time.tzset()
    try:
        assert desk.hold("--since", "2026-07-01 15:00", "--until", "2026-07-01T18:30").return_value == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    (path,) = (desk.stick / "CABIN-ORDERS" / VEHICLE).iterdir()
    said = json.loads(path.read_bytes())
    assert (said["since"], said["until"]) == ("2026-07-01T14:00:00.000Z", "2026-07-01T17:30:00.000Z")


def test_a_vehicle_that_nobody_enrolled_is_remarked(desk: Desk) -> None:
    """A name with a slip in it would reach nobody."""
    office = ("--keys", desk.keys, "--stick", desk.stick)
    made = desk.type("order", "hold", "--vehicle", "Van33", "--all", *WHY, *office)
    assert made.return_value == 0
    assert made.output.startswith("note  No recorder is enrolled as Van33;")


def test_answers_that_are_not_the_recorder_s(desk: Desk, segments: list[bytes], tmp_path: Path) -> None:
    """Altered: 3. By a recorder that is not known: 4. To another order: 3. No order at all: 2."""
    ended(desk.van, segments)
    desk.hold("--all")
    desk.drive()
    folder = desk.stick / "CABIN-ORDERS" / VEHICLE
    (answer,) = folder.glob("*.answer.json")
    good = answer.read_bytes()
    answer.write_bytes(good.replace(b"1 journey is", b"2 journeys are"))
    assert (desk.check()[0], "The answer is not signed by" in desk.check()[1][0]) == (3, True)
    answer.write_bytes(good)
    (order,) = folder.glob("*.order.json")
    data = order.read_bytes()
    desk.hold("--all")
    (other,) = set(folder.glob("*.order.json")) - {order}
    (folder / other.name.replace("order", "answer")).write_bytes(good)
    assert (desk.check()[0], any("to another order" in line for line in desk.check()[1])) == (3, True)
    other.write_bytes(data)
    assert any("in a file of another number" in line for line in desk.check()[1])
    other.unlink()
    (folder / "mine.order.json").write_bytes(b"")
    assert desk.check()[0] == 3
    (folder / "mine.order.json").unlink()
    order.write_bytes(data[:-5])
    assert desk.check()[0] == 3
    order.write_bytes(data)
    (desk.keys / "recorders.toml").unlink()
    assert (desk.check()[0], "not known here" in desk.check()[1][0]) == (4, True)
    empty = desk.type("order", "check", tmp_path, "--keys", desk.keys)
    assert getattr(empty.exception, "exit_code", 0) == 2
    nobody = desk.type("order", "check", desk.stick, "--keys", tmp_path)
    assert getattr(nobody.exception, "exit_code", 0) == 2


def test_a_stick_that_takes_nothing(desk: Desk) -> None:
    """No folder: nothing is signed. A file where the orders go: said, with the line that is in the register."""
    office = ("--keys", desk.keys, "--stick", desk.stick / "gone")
    gone = desk.type("order", "hold", "--vehicle", VEHICLE, "--all", *WHY, *office)
    assert (getattr(gone.exception, "exit_code", 0), desk.register()) == (2, [])
    (desk.stick / "CABIN-ORDERS").write_bytes(b"")
    refused = desk.hold("--all")
    assert getattr(refused.exception, "exit_code", 0) == 1
    assert "line 1; it is on no stick" in str(refused.exception)
    (desk.keys / "register.jsonl").unlink()
    (desk.keys / "register.jsonl").mkdir()
    assert "No order was made." in str(desk.hold("--all").exception)
