"""Debian's own ``age`` opens what we write, and we open what it writes; npm's ``age-encryption`` likewise.

The two were written by the format's author in two languages, Go and TypeScript, and share no code.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from recorder.vault.age import (
    CHUNK_BYTES,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    X25519Recipient,
    armor,
    decrypt,
    encrypt_bytes,
)
from recorder.vault.age_armor import BEGIN
from tests.vault.terminal import run_on_terminal

VECTORS = Path(__file__).parents[1] / "vectors"
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 5 * CHUNK_BYTES + 12345)
needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="Debian's package `age` is not installed")
needs_typage = pytest.mark.skipif(
    shutil.which("node") is None or not (VECTORS / "node_modules/age-encryption").exists(),
    reason="npm's package `age-encryption` is not installed; run `scripts/setup --test`",
)


def age(*arguments: str | Path, data: bytes = b"") -> bytes:
    return subprocess.run(["age", *map(str, arguments)], input=data, check=True, capture_output=True).stdout


@pytest.fixture
def identity_file(tmp_path: Path) -> Path:
    path = tmp_path / "identity.txt"
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    return path


def identity_in(path: Path) -> X25519Identity:
    return X25519Identity.parse(path.read_text().splitlines()[-1])


def opened(data: bytes, *identities: X25519Identity | ScryptIdentity) -> bytes:
    return b"".join(decrypt(BytesIO(data), identities))


@needs_age
def test_keys_are_spelled_alike(identity_file: Path) -> None:
    """An identity of age-keygen's has the same recipient here as there."""
    identity = identity_in(identity_file)
    public_line = identity_file.read_text().splitlines()[1]
    assert public_line == f"# public key: {identity.recipient.text}"
    assert X25519Recipient.parse(identity.recipient.text) == identity.recipient
    assert identity.text in identity_file.read_text()


@needs_age
@pytest.mark.parametrize("size", SIZES)
def test_age_opens_ours(identity_file: Path, size: int) -> None:
    """Of every length around a chunk, for the second of two recipients, binary and armored."""
    data = os.urandom(size)
    ours = encrypt_bytes(data, [X25519Identity.generate().recipient, identity_in(identity_file).recipient])
    assert age("-d", "-i", identity_file, data=ours) == data
    assert age("-d", "-i", identity_file, data=armor(ours)) == data


@needs_age
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", [(), ("-a",)], ids=["binary", "armored"])
def test_we_open_what_age_writes(identity_file: Path, size: int, options: Sequence[str]) -> None:
    """Likewise in the other direction."""
    identity = identity_in(identity_file)
    data = os.urandom(size)
    theirs = age(*options, "-r", X25519Identity.generate().recipient.text, "-r", identity.recipient.text, data=data)
    assert opened(theirs, identity) == data


@needs_age
def test_age_keygen_reads_our_identity(tmp_path: Path) -> None:
    """`age-keygen -y` finds the recipient of an identity made here."""
    identity = X25519Identity.generate()
    path = tmp_path / "ours.txt"
    path.write_text(identity.text + "\n")
    answer = subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == identity.recipient.text


@needs_age
def test_age_opens_our_passphrase_file(tmp_path: Path) -> None:
    """Typed at a terminal, for age asks nowhere else."""
    sealed, plain = tmp_path / "sealed.age", tmp_path / "plain"
    sealed.write_bytes(armor(encrypt_bytes(b"what the vehicle saw", [ScryptRecipient("drei Wörter hier")])))
    code, said = run_on_terminal(["age", "-d", "-o", str(plain), str(sealed)], ["drei Wörter hier"])
    assert (code, plain.read_bytes()) == (0, b"what the vehicle saw"), said


@needs_age
def test_we_open_a_passphrase_file_of_ages(tmp_path: Path) -> None:
    """Made by `age -p`, with the passphrase typed twice."""
    plain, sealed = tmp_path / "plain", tmp_path / "sealed.age"
    plain.write_bytes(b"what the vehicle saw")
    typed = ["correct horse", "correct horse"]
    code, said = run_on_terminal(["age", "-p", "-o", str(sealed), str(plain)], typed)
    assert code == 0, said
    assert opened(sealed.read_bytes(), ScryptIdentity("correct horse")) == b"what the vehicle saw"


@needs_age
def test_age_delivers_the_whole_chunks_of_a_cut_file(identity_file: Path, tmp_path: Path) -> None:
    """A torn segment is not lost to people who only have `age`: it writes what is whole, and exits 1."""
    data = os.urandom(3 * CHUNK_BYTES)
    ours = encrypt_bytes(data, [identity_in(identity_file).recipient])
    cut = tmp_path / "cut.age"
    cut.write_bytes(ours[: len(ours) - 1000])
    answer = subprocess.run(["age", "-d", "-i", str(identity_file), str(cut)], capture_output=True, check=False)
    assert (answer.returncode, answer.stdout) == (1, data[: 2 * CHUNK_BYTES])


# --- npm's age-encryption ----------------------------------------------------------------------------------------


class Typage:
    """The program ``typage.js``: a question and an answer a line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(VECTORS / "typage.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, verb: str, data: bytes, **more: Any) -> bytes:
        """``encrypt`` or ``decrypt``; ValueError with its own words where it refuses."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({verb: base64.b64encode(data).decode("ascii"), **more}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return base64.b64decode(answer["data"])

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def typage() -> Iterator[Typage]:
    program = Typage()
    yield program
    program.close()


@needs_typage
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_armored", [False, True], ids=["binary", "armored"])
def test_typage_opens_ours(typage: Typage, size: int, *, is_armored: bool) -> None:
    """Of every length around a chunk, for each of three recipients."""
    data, identities = os.urandom(size), [X25519Identity.generate() for _ in range(3)]
    ours = encrypt_bytes(data, [identity.recipient for identity in identities])
    ours = armor(ours) if is_armored else ours
    assert [typage.ask("decrypt", ours, identities=[each.text], armor=is_armored) for each in identities] == [data] * 3


@needs_typage
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_armored", [False, True], ids=["binary", "armored"])
def test_we_open_what_typage_writes(typage: Typage, size: int, *, is_armored: bool) -> None:
    """Likewise in the other direction."""
    data, identities = os.urandom(size), [X25519Identity.generate() for _ in range(3)]
    recipients = [identity.recipient.text for identity in identities]
    theirs = typage.ask("encrypt", data, recipients=recipients, armor=is_armored)
    assert theirs.startswith(BEGIN) == is_armored
    assert [opened(theirs, identity) for identity in identities] == [data] * 3


@needs_typage
def test_passphrases_are_understood_alike(typage: Typage) -> None:
    """Letters beyond ASCII are UTF-8 on both sides; a wrong passphrase opens nothing there either."""
    data, passphrase = os.urandom(CHUNK_BYTES + 1), "drei Wörter hier"
    ours = encrypt_bytes(data, [ScryptRecipient(passphrase, log_n=10)])
    assert typage.ask("decrypt", ours, passphrases=[passphrase]) == data
    assert opened(typage.ask("encrypt", data, passphrases=[passphrase]), ScryptIdentity(passphrase)) == data
    with pytest.raises(ValueError, match="no identity matched"):
        typage.ask("decrypt", ours, passphrases=["drei Worter hier"])


@needs_typage
def test_typage_refuses_what_was_cut_off(typage: Typage) -> None:
    """A torn segment is no shorter film to it: the end of ours is found missing by others too."""
    identity = X25519Identity.generate()
    ours = encrypt_bytes(os.urandom(3 * CHUNK_BYTES), [identity.recipient])
    with pytest.raises(ValueError, match="Error"):
        typage.ask("decrypt", ours[: len(ours) - 1000], identities=[identity.text])
