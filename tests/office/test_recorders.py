"""The office knows recorders by keys that somebody compared, and forgets or exchanges none by accident."""

import tomllib
from pathlib import Path

import pytest

from recorder.errors import OutputError, UsageError
from recorder.office.heads import HEADS_NAME, SeenHead, advance_heads, load_heads
from recorder.office.keys import keygen
from recorder.office.recorders import RECORDERS_NAME, Trust, enrol
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.signing import PublicKey


@pytest.fixture(scope="module")
def recorders(tmp_path_factory: pytest.TempPathFactory) -> tuple[PublicKey, PublicKey]:
    folder = tmp_path_factory.mktemp("recorders")
    return DeviceKey.load_or_create(folder / "a").public, DeviceKey.load_or_create(folder / "b").public


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    keygen(tmp_path / "keys", None)
    return tmp_path / "keys"


def known(keys: Path) -> dict[PublicKey, str]:
    return dict(Trust.load(keys).recorders)


# --- enrol -------------------------------------------------------------------------------------------------------


def test_an_enrolled_recorder_is_known(keys: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """By its key, under its name; the file has the fingerprint to compare, and is its owner's alone."""
    for name, key in zip(("Van 3", 'No. 7 "Ü"'), recorders, strict=True):
        enrol(keys, name, key)
    assert known(keys) == {recorders[0]: "Van 3", recorders[1]: 'No. 7 "Ü"'}
    path = keys / RECORDERS_NAME
    first = tomllib.loads(path.read_text(encoding="utf-8"))["recorder"][0]
    assert (first["name"], first["key"], first["fingerprint"]) == ("Van 3", recorders[0].text, recorders[0].fingerprint)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in keys.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("name", "which", "text"),
    [
        ("Van 3", 0, "Van 3 is enrolled with this key already"),
        ("Van 4", 0, r"This key \(.*\) is enrolled already, as Van 3"),
        ("Van 3", 1, "Van 3 is enrolled with another key"),
    ],
)
def test_what_is_known_is_not_changed_unasked(
    keys: Path, recorders: tuple[PublicKey, PublicKey], name: str, which: int, text: str
) -> None:
    """One sentence, and the file as it was; with --replace only the new one is known by that name and that key."""
    enrol(keys, "Van 3", recorders[0])
    before = (keys / RECORDERS_NAME).read_bytes()
    with pytest.raises(UsageError, match=text):
        enrol(keys, name, recorders[which])
    assert (keys / RECORDERS_NAME).read_bytes() == before
    enrol(keys, name, recorders[which], replace=True)
    assert known(keys) == {recorders[which]: name}


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "\x1b[2J", "\udcff"])
def test_what_is_no_name(keys: Path, recorders: tuple[PublicKey, PublicKey], name: str) -> None:
    """It is printed beside verdicts, and stands in a file of lines."""
    with pytest.raises(UsageError, match="needs a name"):
        enrol(keys, name, recorders[0])
    assert not (keys / RECORDERS_NAME).exists()


def test_a_folder_without_keys(tmp_path: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """Else a mistyped folder would know a recorder, and nobody would ever look there."""
    with pytest.raises(UsageError, match="not a folder of the office's keys"):
        enrol(tmp_path, "Van 3", recorders[0])


def test_a_folder_that_cannot_be_written(keys: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """What is in the way stays."""
    (keys / RECORDERS_NAME).mkdir()
    with pytest.raises(UsageError, match="cannot be used"):
        enrol(keys, "Van 3", recorders[0])
    (keys / RECORDERS_NAME).rmdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", _full)
        with pytest.raises(OutputError, match="No space left"):
            enrol(keys, "Van 3", recorders[0])
    assert known(keys) == {}


def _full(*_arguments: object) -> None:
    raise OSError(28, "No space left on device")


# --- what lies in the folder ----------------------------------------------------------------------------------------


def test_a_folder_without_anything_enrolled(keys: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """Nobody is known but whom the caller names, this once."""
    trust = Trust.load(keys, recorders[0])
    assert (trust.name_of(recorders[0]), trust.name_of(recorders[1])) == ("the one given", "")
    assert Trust.load(None) == Trust()


def test_the_other_key_of_a_vehicle(recorders: tuple[PublicKey, PublicKey]) -> None:
    """By the name that its folder on a stick has, and only where the key is not known under any."""
    known, other = recorders
    trust = Trust(recorders={known: "No. 7. "})
    assert trust.other_key_of("No. 7", other) == known
    assert trust.other_key_of("No. 7", known) is None
    assert trust.other_key_of("No. 8", other) is None
    assert Trust(recorders={known: "No. 7"}, given=other).other_key_of("No. 7", other) is None


def test_the_readers_of_the_office(keys: Path) -> None:
    """Every line of recipient.txt, as age takes it."""
    deputy = X25519Identity.generate().recipient
    with (keys / "recipient.txt").open("a") as file:
        file.write(f"\n# the deputy's\n{deputy.text}\n")
    recipients = Trust.load(keys).recipients
    assert len(recipients) == 2
    assert deputy in recipients


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (RECORDERS_NAME, "not TOML"),
        (RECORDERS_NAME, '[[recorder]]\nname = "x"\n'),
        (RECORDERS_NAME, '[[recorder]]\nname = "x"\nkey = "y"\nfingerprint = "z"\nenrolled = "today"\n'),
        (RECORDERS_NAME, "recorder = 5\n"),
        (RECORDERS_NAME, "a = " + "[" * 5000),
        (RECORDERS_NAME, "\ud800"),
        ("recipient.txt", "age1nonsense\n"),
        (HEADS_NAME, ""),
        (HEADS_NAME, '{"x":{"seq":1,"head":"","utc":""}}'),
        (HEADS_NAME, '{"x":{}}'),
        (HEADS_NAME, "[" * 100_000),
    ],
)
def test_a_damaged_file_is_named(keys: Path, name: str, text: str) -> None:
    """Wrong use, in one sentence: nothing is called attested, or not rolled back, by half of what is known."""
    (keys / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=rf"{name} cannot be (used|read)"):
        Trust.load(keys)


def test_a_key_that_was_exchanged_in_the_file(keys: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """Its fingerprint beside it is another's."""
    enrol(keys, "Van 3", recorders[0])
    path = keys / RECORDERS_NAME
    path.write_text(path.read_text().replace(recorders[0].text, recorders[1].text))
    with pytest.raises(UsageError, match=f"has the fingerprint {recorders[1].fingerprint}, not"):
        Trust.load(keys)


# --- how far ledgers were seen --------------------------------------------------------------------------------------


def head(seq: int) -> SeenHead:
    return SeenHead(seq, f"{seq:064x}", "2026-11-22T13:11:43.000Z")


def test_heads_go_forward_only(keys: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """Each recorder's for itself; an older stick takes nothing back."""
    advance_heads(keys, {})
    assert not (keys / HEADS_NAME).exists()
    advance_heads(keys, {recorders[0]: head(5)})
    advance_heads(keys, {recorders[0]: head(3), recorders[1]: head(1)})
    assert load_heads(keys) == {recorders[0]: head(5), recorders[1]: head(1)} == Trust.load(keys).heads
    assert (keys / HEADS_NAME).stat().st_mode & 0o777 == 0o600


def test_heads_that_cannot_be_written(keys: Path, recorders: tuple[PublicKey, PublicKey]) -> None:
    """Said, for the next check would not notice a ledger that was put back; the old ones stay."""
    advance_heads(keys, {recorders[0]: head(5)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", _full)
        with pytest.raises(OutputError, match="the next check cannot tell"):
            advance_heads(keys, {recorders[0]: head(6)})
    assert load_heads(keys) == {recorders[0]: head(5)}
