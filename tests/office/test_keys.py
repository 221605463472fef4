"""Keys are made once, kept from others, and taken by stock tools."""

import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from recorder.cli import cli
from recorder.errors import AgeError, AgeNoMatchError, OutputError, UsageError
from recorder.office.keys import keygen, line_checks, load_identities
from recorder.vault.age import X25519Identity, X25519Recipient, encrypt_bytes
from tests.export.van import names_in
from tests.vault.terminal import run_on_terminal

PASSPHRASE = "a long walk by the river"  # noqa: S105 - protects nothing but test keys
needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="Debian's package `age` is not installed")


def never_asked() -> str:
    raise AssertionError("no passphrase is needed")


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "protected"
    keygen(folder, PASSPHRASE)
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    keygen(tmp_path / "bare", None)
    return tmp_path / "bare"


def recipient_in(folder: Path) -> X25519Recipient:
    return X25519Recipient.parse((folder / "recipient.txt").read_text())


def test_what_is_made(bare: Path, protected: Path) -> None:
    """For their owner alone; the public ones are one line each; a sheet only of what a passphrase protects."""
    for folder, sheet in ((bare, []), (protected, ["recovery-sheet.html"])):
        keys = ["authority.key", "authority.pub", "identity.txt", "recipient.txt"]
        assert names_in(folder) == [*keys, *sheet, "viewer.html"]
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert (folder / "recipient.txt").read_text() == recipient_in(folder).text + "\n"
        assert (folder / "authority.pub").read_text().startswith("cabin-authority-1:")


def test_the_report_says_what_is_for_what_and_no_secret(tmp_path: Path) -> None:
    """Public halves to copy from the screen; the unprotected identity is called so."""
    report = keygen(tmp_path, None)
    said = "\n".join(report.lines)
    assert recipient_in(tmp_path).text in said
    assert (tmp_path / "authority.pub").read_text().strip() in said
    assert "WITHOUT a passphrase" in said
    assert "AGE-SECRET-KEY-" not in said


def test_identities_come_back(bare: Path, protected: Path) -> None:
    """With and without a passphrase."""
    (identity,) = load_identities(bare / "identity.txt", never_asked)
    assert identity.recipient == recipient_in(bare)
    (identity,) = load_identities(protected / "identity.txt", lambda: PASSPHRASE)
    assert identity.recipient == recipient_in(protected)


def test_the_authority_s_halves_fit(bare: Path, protected: Path) -> None:
    """PEM that openssl reads too; the passphrase protects it as well."""
    for folder, passphrase in ((bare, None), (protected, PASSPHRASE.encode())):
        private = load_pem_private_key((folder / "authority.key").read_bytes(), passphrase)
        assert isinstance(private, Ed25519PrivateKey)
        public_text = (folder / "authority.pub").read_text().strip().removeprefix("cabin-authority-1:")
        assert private.public_key().public_bytes_raw().hex() == bytes_of(public_text).hex()
    with pytest.raises(TypeError):
        load_pem_private_key((protected / "authority.key").read_bytes(), None)


def bytes_of(text: str) -> bytes:
    return subprocess.run(["base64", "-d"], input=text.encode(), check=True, capture_output=True).stdout


@needs_age
def test_age_opens_with_the_bare_identity(bare: Path, tmp_path: Path) -> None:
    """`age -d -i identity.txt`."""
    sealed = encrypt_bytes(b"footage", [recipient_in(bare)])
    answer = subprocess.run(
        ["age", "-d", "-i", str(bare / "identity.txt")], input=sealed, check=True, capture_output=True
    )
    assert answer.stdout == b"footage"


@needs_age
def test_age_opens_with_the_protected_identity(protected: Path, tmp_path: Path) -> None:
    """The same command; age asks for the passphrase itself."""
    sealed, plain = tmp_path / "sealed.age", tmp_path / "plain"
    sealed.write_bytes(encrypt_bytes(b"footage", [recipient_in(protected)]))
    arguments = ["age", "-d", "-i", str(protected / "identity.txt"), "-o", str(plain), str(sealed)]
    code, said = run_on_terminal(arguments, [PASSPHRASE])
    assert (code, plain.read_bytes()) == (0, b"footage"), said


@needs_age
def test_identities_of_age_keygen_are_taken(tmp_path: Path) -> None:
    """Several in one file, with comments and empty lines."""
    path = tmp_path / "identities.txt"
    made = [subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout for _ in range(2)]
    path.write_text("\n".join(made))
    assert [identity.text in path.read_text() for identity in load_identities(path, never_asked)] == [True, True]


@pytest.mark.parametrize("name", ["identity.txt", "recipient.txt", "authority.key", "authority.pub"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    """A key that is gone cannot be made again; not even a link under its name is touched."""
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(UsageError, match=f"{name} exists and is not overwritten"):
        keygen(tmp_path, None)
    assert names_in(tmp_path) == [name]


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    """Pressing return twice is no protection."""
    with pytest.raises(UsageError, match="An empty passphrase protects nothing"):
        keygen(tmp_path, "  ")
    assert names_in(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in its place."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="name another folder"):
        keygen(tmp_path / "file" / "keys", None)


def test_the_wrong_passphrase(protected: Path) -> None:
    """It is told from damage."""
    with pytest.raises(AgeNoMatchError, match="The passphrase does not open"):
        load_identities(protected / "identity.txt", lambda: "another")


def test_a_damaged_protected_identity(protected: Path, tmp_path: Path) -> None:
    """Cut off: the copy in the safe is what helps."""
    path = tmp_path / "identity.txt"
    path.write_bytes((protected / "identity.txt").read_bytes()[:-60])
    with pytest.raises(AgeError, match="Use the copy from the safe"):
        load_identities(path, lambda: PASSPHRASE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no identity"),
        (b"# only a comment\n", "holds no identity"),
        (os.urandom(32) + b"\xff\xfe", "is no file of identities"),
        (b"\n" + X25519Identity.generate().recipient.text.encode(), r"line 2: this is a recipient \(age1...\)"),
        (b"AGE-PLUGIN-YUBIKEY-1QQQQ\n", "line 1: the identity is not valid"),
    ],
    ids=["empty", "comment", "noise", "recipient", "plugin"],  # noise has another name each time
)
def test_what_is_no_identity_file(tmp_path: Path, content: bytes, said: str) -> None:
    """One sentence with the file, and the line where there is one."""
    path = tmp_path / "identity.txt"
    path.write_bytes(content)
    with pytest.raises(AgeError, match=said):
        load_identities(path, never_asked)


def test_an_identity_file_that_is_not_there(tmp_path: Path) -> None:
    """Wrong use, not a fault of the bundle."""
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_identities(tmp_path / "missing", never_asked)


class Cells(HTMLParser):
    """The text of every cell of a page's table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "td":
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self.found and self.lasttag == "td":
            self.found[-1] += data.strip("\n")


def test_the_key_comes_back_from_the_recovery_sheet(protected: Path, tmp_path: Path) -> None:
    """What is typed off the sheet is the identity again; a slip is found by the check of its line."""
    page = (protected / "recovery-sheet.html").read_text()
    assert recipient_in(protected).text in page
    assert "AGE-SECRET-KEY-" not in page
    cells = Cells(page).found
    typed, checks = cells[1::3], cells[2::3]
    path = tmp_path / "identity.txt"
    path.write_text("\n".join(typed) + "\n")
    (identity,) = load_identities(path, lambda: PASSPHRASE)
    assert identity.recipient == recipient_in(protected)
    assert [line.split()[1] for line in line_checks(path)] == checks

    slipped = [*typed[:3], typed[3].swapcase(), *typed[4:]]
    path.write_text("\n".join(slipped) + "\n")
    with pytest.raises(AgeError):
        load_identities(path, lambda: PASSPHRASE)
    found = [line.split()[1] for line in line_checks(path)]
    assert [number for number, (a, b) in enumerate(zip(found, checks, strict=True)) if a != b] == [3]


def test_the_command_prints_the_public_half(protected: Path) -> None:
    arguments = ["recipient", "-i", str(protected / "identity.txt")]
    done = CliRunner().invoke(cli, arguments, input=f"{PASSPHRASE}\n", standalone_mode=False)
    assert done.output.endswith(recipient_in(protected).text + "\n")
    done = CliRunner().invoke(cli, [*arguments, "--checks"], standalone_mode=False)
    assert done.output.splitlines() == line_checks(protected / "identity.txt")
