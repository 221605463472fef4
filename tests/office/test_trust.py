"""Who made a bundle, who can read it, and whether its recorder still has the past that the office was told of."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder import cli, manifest
from recorder.export.bundle import export
from recorder.export.target import Target
from recorder.office.bundle import verify
from recorder.office.findings import VerifyReport
from recorder.office.heads import load_heads
from recorder.office.keys import keygen, load_identities
from recorder.office.open import open_bundle
from recorder.office.recorders import Trust, enrol
from recorder.timekeeping import ClockQuality
from recorder.vault import words
from recorder.vault.age import X25519Identity, decrypt, encrypt_bytes
from recorder.vault.journal import DeviceKey
from recorder.vault.store import Store
from tests.export.van import VEHICLE, Van, names_in, resigned
from tests.vault.kit import fragment, open_like


@pytest.fixture
def journey(van: Van) -> str:
    return van.held_journey(fragment(1000))


def inside(van: Van, stick: Path, trust: Trust | None = None) -> VerifyReport:
    return verify(stick, van.trust if trust is None else trust, [van.identity])


def said(report: VerifyReport) -> list[tuple[str, str, str, bool]]:
    return [(each.journey, each.file, each.text, each.is_wrong) for each in report.findings]


def fresh(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir()
    return path


# --- names --------------------------------------------------------------------------------------------------------


def test_nothing_in_the_clear_tells_when(van: Van, stick: Path, journey: str) -> None:
    """Neither a name nor the manifest has any of the journey's id, or a year; without the key it stays so."""
    van.export(stick, journey)
    folder = van.folder(stick, journey)
    visible = " ".join(str(path.relative_to(stick)) for path in stick.rglob("*"))
    visible += (folder / "manifest.json").read_text() + " ".join(verify(stick, van.trust).lines)
    assert not any(part in visible for part in (journey, *journey.split("-"), journey[:8], "2026"))


def test_a_journey_has_one_name_on_every_stick_and_no_other_recorder_finds_it(
    van: Van, stick: Path, journey: str, tmp_path: Path
) -> None:
    """So an interrupted copy goes on; and the name is no function of what others know."""
    van.export(stick, journey)
    van.export(stick, journey)
    other = fresh(tmp_path, "other-stick")
    van.export(other, journey)
    name = van.folder(stick, journey).name
    assert names_in(stick / "CABIN-EXPORT" / VEHICLE) == names_in(other / "CABIN-EXPORT" / VEHICLE) == [name]
    assert len(name) == 20
    assert Van.build(tmp_path / "other").folder(stick, journey).name != name


def test_with_the_key_journeys_go_by_their_ids(van: Van, stick: Path, journey: str, tmp_path: Path) -> None:
    """In the verdict, in what is wrong, and as films; the folder is told beside."""
    van.export(stick, journey)
    folder = van.folder(stick, journey)
    (folder / "00001.mp4.age").unlink()
    report = inside(van, stick)
    assert said(report) == [(journey, "00001.mp4.age", "is missing.", True)]
    assert report.lines[0].startswith(f"{VEHICLE} {journey} (folder {folder.name}): ")
    opened = open_bundle(stick, [van.identity], tmp_path / "films", lambda done, total: None)
    assert [one.journey for one in opened.journeys] == [journey]
    assert names_in(tmp_path / "films") == [f"{journey}.log.jsonl"]


def test_where_the_log_is_broken_the_ledger_tells_the_id(van: Van, stick: Path, journey: str) -> None:
    """It names each journey's folder, too."""
    van.export(stick, journey)
    (van.folder(stick, journey) / "log.jsonl.age").write_bytes(b"")
    assert [one.journey for one in inside(van, stick).journeys] == [journey]


def test_logs_that_were_exchanged_between_folders(van: Van, stick: Path, journey: str) -> None:
    """Signed for by the recorder's own key: its log still says in which folder it belongs."""
    other = van.held_journey(fragment(1000))
    van.export(stick, journey, other)
    one, two = van.folder(stick, journey), van.folder(stick, other)
    for name in ("log.jsonl.age", "ledger.jsonl.age"):
        shutil.copy(two / name, one / name)
    resigned(one, van.store.key)
    texts = [text for _, file, text, _ in said(inside(van, stick)) if file == "log.jsonl.age"]
    assert texts == [f"is the log of another journey ({other}); folders or logs were exchanged."]


def test_a_bundle_of_an_older_recorder(van: Van, stick: Path, segments: list[bytes], tmp_path: Path) -> None:
    """Its folder is the id, its ledger whole, its log without what is newer: attested, and opened by the same names."""
    journey = van.held_journey(segments[0])
    van.export(stick, journey)
    as_older(van, van.folder(stick, journey), journey)
    report = inside(van, stick)
    assert (report.verdict, said(report)) == ("attested", [])
    assert [(one.journey, one.folder, one.clock) for one in report.journeys] == [(journey, journey, "")]
    assert " (folder " not in report.lines[0]
    opened = open_bundle(stick, [van.identity], tmp_path / "films", lambda done, total: None)
    assert ([each.path.name for each in opened.journeys[0].movies], opened.findings) == ([f"{journey}.mp4"], ())


def test_one_journey_by_an_older_and_by_this_recorder_on_one_stick(van: Van, stick: Path, journey: str) -> None:
    """Both are whole; that there are two is said, and the newer folder keeps its own name."""
    van.export(stick, journey)
    as_older(van, van.folder(stick, journey), journey)
    van.export(stick, journey)
    folder = van.folder(stick, journey)
    report = inside(van, stick)
    assert report.verdict == "attested"
    assert sorted(one.journey for one in report.journeys) == sorted([journey, folder.name])
    assert said(report) == [
        (folder.name, "", f"is a second copy of journey {journey}, and goes by its folder's name.", False)
    ]


def as_older(van: Van, folder: Path, journey: str) -> None:
    """What recorders made before names were opaque: the same files, and logs that say less."""
    with (folder / "log.jsonl.age").open("rb") as file:
        log = b"".join(decrypt(file, [van.identity])).splitlines(keepends=True)
    log = log[: next(at for at, line in enumerate(log) if words.CLOCK_MEASURED.encode() in line)]
    ledger = van.store.ledger.path.read_bytes().splitlines(keepends=True)
    ledger = ledger[: next(at for at, line in enumerate(ledger) if b'"folder"' in line)]
    for name, lines in (("log.jsonl.age", log), ("ledger.jsonl.age", ledger)):
        (folder / name).write_bytes(encrypt_bytes(b"".join(lines), [van.identity.recipient]))
    resigned(folder, van.store.key, format=manifest.FORMAT_WITH_IDS, journey=journey)
    folder.rename(folder.with_name(journey))


# --- the clock ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step_s", "quality", "sentence"),
    [
        (0, "synchronised", "its clock was right to within a second, by synchronised time"),
        (12, "synchronised", "its clock was 12.0 s behind, by synchronised time"),
        (-3600, "synchronised", "its clock was 3600.0 s ahead, by synchronised time"),
        (2, "rtc", "its clock was 2.0 s behind, by the clock chip (nothing better ever checked that)"),
        (0, "unproven", "how far its clock was off nobody knows: nothing was there to measure it by"),
    ],
)
def test_how_far_the_clock_was_off(van: Van, stick: Path, step_s: float, quality: ClockQuality, sentence: str) -> None:
    """The log that travels along says it, from what the recorder learnt after; `verify` puts it into words."""
    van.clock.reboot("boot-2", quality="unproven")
    journey = van.held_journey(fragment(1000))
    van.clock.set_wall(step_s, quality)
    van.export(stick, journey)
    report = inside(van, stick)
    assert (report.verdict, report.journeys[0].clock) == ("attested", sentence)
    assert report.lines[0].endswith(f"; {sentence}")


# --- who can read -------------------------------------------------------------------------------------------------


def store_for(van: Van, *identities: X25519Identity) -> Van:
    """The same recorder, with other recipients in its configuration."""
    store = open_like(van.store)
    other = Store(
        store.root,
        store.key,
        [identity.recipient for identity in identities],
        van.clock,
        slots=store.headers.keyring._slots,
    )
    return replace(van, store=other)


def test_a_reader_whom_the_office_does_not_know(van: Van, stick: Path) -> None:
    """Added to the card's configuration before the journey: wrong, and by name; on the office's list: nothing."""
    stranger = X25519Identity.generate()
    journey = store_for(van, van.identity, stranger).held_journey(fragment(1000))
    van.export(stick, journey)
    report = inside(van, stick)
    assert (report.verdict, [said(report)[0][index] for index in (0, 1, 3)]) == ("wrong", [journey, "", True])
    assert said(report)[0][2].startswith(f"can also be opened with {stranger.recipient.text}, which this office does")
    assert len(report.findings) == 1
    listed = replace(van.trust, recipients=frozenset({van.identity.recipient, stranger.recipient}))
    assert inside(van, stick, listed).verdict == "attested"


def test_without_a_list_of_readers_it_is_a_remark(van: Van, stick: Path) -> None:
    """The identity that was given is known, the other may be a colleague's."""
    journey = store_for(van, van.identity, X25519Identity.generate()).held_journey(fragment(1000))
    van.export(stick, journey)
    report = inside(van, stick, replace(van.trust, recipients=frozenset()))
    assert (report.verdict, [each.is_wrong for each in report.findings]) == ("attested", [False])


def test_a_reader_of_the_logs_alone(van: Van, stick: Path, journey: str) -> None:
    """Added after the journey, before the export: the log names them, and the segments do not open to them."""
    readers = [van.identity.recipient, X25519Identity.generate().recipient]
    export(van.store, Target(stick), vehicle=VEHICLE, recipients=readers, journeys=[journey], progress=lambda *_: None)
    ((_, file, text, is_wrong),) = said(inside(van, stick))
    assert (file, is_wrong, text.startswith(f"can also be opened with {readers[1].text}, which")) == ("", True, True)


def test_a_reader_whom_the_log_does_not_name(van: Van, stick: Path, journey: str) -> None:
    """More stanzas than names: for a log that was encrypted again, and for segments of a recorder that lies."""
    van.export(stick, journey)
    folder = van.folder(stick, journey)
    with (folder / "ledger.jsonl.age").open("rb") as file:
        text = b"".join(decrypt(file, [van.identity]))
    both = [van.identity.recipient, X25519Identity.generate().recipient]
    (folder / "ledger.jsonl.age").write_bytes(encrypt_bytes(text, both))
    resigned(folder, van.store.key)
    assert said(inside(van, stick)) == [
        (
            journey,
            "ledger.jsonl.age",
            "opens to 2 keys, and the recorder's log names 1: somebody may have added a reader.",
            True,
        )
    ]


def test_a_segment_with_one_more_reader(van: Van, stick: Path, tmp_path: Path) -> None:
    """The journey began with one reader; from the second segment on a process with another configuration records."""
    journey = van.held_journey(fragment(1000))
    store_for(van, van.identity, X25519Identity.generate()).record(journey, fragment(1000))
    van.export(stick, journey)
    ((_, file, text, _),) = said(inside(van, stick))
    assert (file, text[:15]) == ("00002.mp4.age", "opens to 2 keys")


# --- the same past as last time -----------------------------------------------------------------------------------


@pytest.fixture
def last(van: Van, journey: str, stick: Path) -> Trust:
    """What the office knows after it has checked the first stick."""
    van.export(stick, journey)
    report = inside(van, stick)
    assert report.verdict == "attested"
    return replace(van.trust, heads=report.heads)


def card_of(van: Van, copy: Path) -> Path:
    shutil.copytree(van.store.root, copy)
    return copy


def put_back(van: Van, copy: Path) -> None:
    shutil.rmtree(van.store.root)
    shutil.copytree(copy, van.store.root)


def test_what_goes_on_is_attested(van: Van, last: Trust, tmp_path: Path) -> None:
    """The next stick has other journeys, and lines that are skipped; the head moves on, also over a reboot."""
    before = last.heads[van.store.key.public]
    van.clock.reboot("boot-2")
    for _ in range(5):
        van.held_journey(fragment(500))
    journey = van.held_journey(fragment(1000))
    second = fresh(tmp_path, "second")
    van.export(second, journey)
    report = inside(van, second, last)
    assert (report.verdict, said(report)) == ("attested", [])
    assert report.heads[van.store.key.public].seq > before.seq + 10


def test_a_ledger_that_was_put_back_and_written_on(van: Van, tmp_path: Path, stick: Path) -> None:
    """Longer than what the office saw, and another past."""
    first = van.held_journey(fragment(1000))
    copy = card_of(van, tmp_path / "card")
    van.export(stick, first)
    heads = inside(van, stick).heads
    put_back(van, copy)
    van.clock.advance(3600)
    journey = [van.held_journey(fragment(1000)) for _ in range(5)][-1]
    second = fresh(tmp_path, "second")
    van.export(second, journey)
    assert inside(van, second).verdict == "attested"  # the control: nobody knows of the first stick
    seq = heads[van.store.key.public].seq
    assert said(inside(van, second, replace(van.trust, heads=heads))) == [
        (
            journey,
            "ledger.jsonl.age",
            f"tells another past than the one this office saw: entry {seq} is another than then. "
            "On the recorder the ledger was put back to an older state and written on.",
            True,
        )
    ]


def test_a_ledger_that_was_put_back_and_is_shorter(van: Van, tmp_path: Path, stick: Path) -> None:
    """Written later than what the office saw, and not as far."""
    first = van.held_journey(fragment(1000))
    copy = card_of(van, tmp_path / "card")
    for _ in range(4):
        van.held_journey(fragment(500))
    van.export(stick, first)
    heads = inside(van, stick).heads
    put_back(van, copy)
    van.clock.advance(3600)
    second = fresh(tmp_path, "second")
    van.export(second, first)
    ((_, file, text, is_wrong),) = said(inside(van, second, replace(van.trust, heads=heads)))
    assert (file, is_wrong) == ("ledger.jsonl.age", True)
    assert text.endswith("on the recorder the ledger was put back to an older state.")


def test_an_older_stick_is_no_rollback(van: Van, last: Trust, stick: Path, tmp_path: Path) -> None:
    """Checked after a newer one: a remark, attested, and the head stays where it is."""
    journey = van.held_journey(fragment(1000))
    second = fresh(tmp_path, "second")
    van.export(second, journey)
    newer = replace(last, heads=inside(van, second, last).heads)
    report = inside(van, stick, newer)
    assert report.verdict == "attested"
    assert [text[:21] for _, _, text, _ in said(report)] == ["is an older copy (to "]


def test_a_stick_with_several_journeys_is_checked_again(van: Van, stick: Path, tmp_path: Path) -> None:
    """Each brought its copy, the longest is what the office saw, and the others go before it: nothing to remark."""
    one, two = van.held_journey(fragment(1000)), van.held_journey(fragment(1000))
    van.export(stick, one, two)
    heads = inside(van, stick).heads
    report = inside(van, stick, replace(van.trust, heads=heads))
    assert (report.verdict, said(report), report.heads) == ("attested", [], heads)
    shutil.rmtree(van.folder(stick, max(one, two)))
    alone = said(inside(van, stick, replace(van.trust, heads=heads)))
    assert [text[:21] for _, file, text, _ in alone if file == "ledger.jsonl.age"] == ["is an older copy (to "]


def test_a_stretch_that_is_missing_is_said(van: Van, stick: Path, tmp_path: Path) -> None:
    """More than a year between two sticks: the recorder has removed what was between, and signed for that."""
    first = van.held_journey(fragment(1000))
    van.export(stick, first)
    heads = inside(van, stick).heads
    ledger = van.store.ledger
    for number in range(5):
        ledger.append("start", {"number": number})
    old = ledger.path.with_name("ledger.000000001.jsonl")
    ledger.go_on_in_new_file(old, words.LEDGER_CONTINUED, {"heads": [], "carried": [], "era": 1})
    seq = ledger.end[0]
    old.unlink()
    ledger.append(words.LEDGER_DROPPED, {"file": old.name, "first": 1, "last": seq - 1, "head": "0" * 64})
    journey = van.held_journey(fragment(1000))
    second = fresh(tmp_path, "second")
    van.export(second, journey)
    report = inside(van, second, replace(van.trust, heads=heads))
    ((_, _, text, is_wrong),) = said(report)
    assert (report.verdict, is_wrong) == ("attested", False)
    assert text.startswith(f"begins with entry {seq}, and this office has seen it up to entry")


# --- as people type it --------------------------------------------------------------------------------------------


def test_from_keygen_to_a_ledger_that_was_put_back(tmp_path: Path) -> None:
    """enrol, verify: 4, then 0, and the head is kept; a card put back is 3, and the head stays."""
    keys = tmp_path / "keys"
    keygen(keys, None)
    identity = load_identities(keys / "identity.txt", str)[0]
    van = store_for(replace(Van.build(tmp_path / "van"), identity=identity), identity)
    journey = van.held_journey(fragment(1000))
    copy = card_of(van, tmp_path / "card")
    sticks = [fresh(tmp_path, f"stick-{number}") for number in range(2)]
    van.export(sticks[0], journey)

    def run(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(cli.cli, [str(each) for each in arguments], standalone_mode=False)
        assert result.exception is None
        return result.return_value, result.output

    def check(stick: Path) -> int:
        return run("verify", stick, "-i", keys / "identity.txt")[0]

    assert check(sticks[0]) == 4
    assert load_heads(keys) == {}
    code, output = run("enrol", VEHICLE, van.store.root.parent / "device.key.pub", "--keys", keys)
    assert (code, van.store.key.fingerprint in output) == (0, True)
    assert run("verify", sticks[0], "--keys", keys)[0] == 0
    assert load_heads(keys) == {}  # nobody looked inside
    assert check(sticks[0]) == 0
    seen = load_heads(keys)
    assert list(seen) == [van.store.key.public]
    put_back(van, copy)
    van.clock.advance(60)
    van.export(sticks[1], journey)
    code, output = run("verify", sticks[1], "-i", keys / "identity.txt", "--json")
    assert (code, json.loads(output)["verdict"]) == (3, "wrong")
    assert load_heads(keys) == seen


def test_another_recorder_for_an_enrolled_vehicle(van: Van, tmp_path: Path, stick: Path) -> None:
    """A whole bundle made anew, logs and all, under Van 3's name: wrong; only unknown where nobody enrolled Van 3."""
    keygen(tmp_path / "keys", None)
    enrol(tmp_path / "keys", VEHICLE, DeviceKey.load_or_create(tmp_path / "own.key").public)
    van.export(stick, van.held_journey(fragment(1000)))
    trust = replace(Trust.load(tmp_path / "keys"), recipients=frozenset({van.identity.recipient}))
    assert [(file, is_wrong) for _, file, _, is_wrong in said(inside(van, stick, trust))] == [("manifest.json", True)]
    assert inside(van, stick, Trust()).verdict == "consistent"
