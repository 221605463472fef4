"""Everything that reads what somebody else may have written, each as one function of bytes.

Rules: a target returns, or raises RecorderError; anything else is a defect of the reader. Where a reader promises more
than to survive (one text for one value, nothing unauthenticated), the target asserts it. Targets keep no state and
leave no files. ``corpus/<target>`` holds a few small files to begin from, every one of which must pass too.
"""

import base64
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder import config, manifest
from recorder.capture import annexb
from recorder.control import parse_request
from recorder.errors import JournalError, RecorderError
from recorder.export.lsblk import read_listing, read_signature
from recorder.export.stick import judge
from recorder.mp4 import BoxSplitter, read_tracks
from recorder.mp4_fragments import read_fragment
from recorder.office.join import Joiner
from recorder.office.keys import load_identities
from recorder.office.recorders import Trust
from recorder.order import ANSWER_CONTEXT, ORDER_CONTEXT, read_answer, read_order, render_order
from recorder.runtime import Runtime
from recorder.vault import age, bech32
from recorder.vault.age_header import FILE_KEY_BYTES, render
from recorder.vault.excerpt import excerpt
from recorder.vault.holds import read_hold
from recorder.vault.journal import DeviceKey, PublicKey, complete_lines, parse_line, verify_chain
from recorder.vault.keyring import Keyring
from recorder.vault.padding import BoxTracker
from recorder.vault.recovery import recover
from recorder.vault.sealing import unseal
from recorder.vault.slots import Slot
from recorder.vault.store import EPOCH_S, Store
from recorder.vault.verification import verify_log
from tests.vault.kit import FakeClock

Target = Callable[[bytes], None]

CORPUS = Path(__file__).with_name("corpus")
IDENTITY = age.X25519Identity.parse(
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
)  # C2SP age.md, whose example it is; all age files of the corpus are for it
RECORDER = PublicKey.parse((CORPUS / "recorder.pub").read_text("ascii"))
"""Whose key signed the logs of the corpus; the private half is gone."""
ORDERING, ANSWERING = (Ed25519PrivateKey.from_private_bytes(bytes(range(first, first + 32))) for first in (0, 32))
"""Who signed the orders and the answers of the corpus, which are those of ``tests/export/order-vectors.json``."""
AUTHORITY = PublicKey(ORDERING.public_key().public_bytes_raw())
JOURNEY = "20261122T131148Z-0123"
_MEMORY = "/dev/shm"  # noqa: S108 - only directories of tempfile's own in it


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_MEMORY if Path(_MEMORY).is_dir() else None) as name:
        yield Path(name)


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with _folder() as folder:
        path = folder / "file"
        path.write_bytes(data)
        yield path


# --- age ---------------------------------------------------------------------------------------------------------


def age_header(data: bytes) -> None:
    """A header has one spelling, so what was read renders to itself; only the MAC needs the key."""
    header = age.read_header(BytesIO(data))
    if not data.lstrip().startswith(b"-----BEGIN"):
        covered = header.raw[: header.raw.rindex(b"---")]
        assert data.startswith(header.raw)
        assert render(header.stanzas, bytes(FILE_KEY_BYTES)).startswith(covered)
    file_key = IDENTITY.unwrap(header.stanzas)
    if file_key is not None:
        header.authenticate(file_key)


def age_payload(data: bytes) -> None:
    """The corpus is what follows the header of one file; only what it says may come out, in its order."""
    header = (CORPUS / "age-header/one-recipient").read_bytes()
    given_out = bytearray()
    try:
        for chunk in age.decrypt(BytesIO(header + data), [IDENTITY]):
            given_out += chunk
    finally:
        assert (bytes(range(256)) * 600).startswith(given_out)


def age_armor(data: bytes) -> None:
    """Armor has one spelling but for line ends and outer white space."""
    text = b"".join(age.dearmor(BytesIO(data)))
    assert age.armor(text).rstrip() == data.strip(b" \t\r\n").replace(b"\r\n", b"\n")


def age_file(data: bytes) -> None:
    """A whole file, binary or armored."""
    for _ in age.decrypt(BytesIO(data), [IDENTITY]):
        pass


def age_keys(data: bytes) -> None:
    """A recipient's line, or an identity's; each has one spelling."""
    text = data.decode("utf-8", "replace")
    for kind in (age.X25519Recipient, age.X25519Identity):
        try:
            assert kind.parse(text).text.lower() == text.strip().lower()
        except RecorderError:
            continue
    try:
        prefix, value = bech32.decode(text)
    except ValueError:
        return
    assert bech32.encode(prefix, value) == text.lower()


def identity_file(data: bytes) -> None:
    """The office's identity.txt. Passphrases are left out: their work is in the file's own hands, and takes seconds."""
    if b"age-encryption.org/" not in data and b"-----BEGIN" not in data:
        with _file(data) as path:
            load_identities(path, lambda: "")


# --- the store ---------------------------------------------------------------------------------------------------


def log_line(data: bytes) -> None:
    """One line of a log."""
    parse_line(data)


def log_chain(data: bytes) -> None:
    """A whole log against its recorder's key: what is proven is what was written, line by line from the first."""
    lines, _ = complete_lines(data)
    assert [entry.line for entry in verify_chain(lines, RECORDER)] == list(lines)


def log_excerpt(data: bytes) -> None:
    """An excerpt of a ledger: what is proven of it has one hash for each number, and an excerpt of it is one too."""
    check = verify_log(data, RECORDER, is_excerpt=True)
    assert len(set(check.hashes)) == len(check.hashes)
    shorter = verify_log(excerpt(data, JOURNEY, set()), RECORDER, is_excerpt=True)
    if check.wrong is None and len(check.entries) == len(check.hashes):  # nothing is skipped yet
        assert shorter.wrong is None
        assert shorter.chain.parts_from(check.chain) is None
    if check.wrong is not None:
        raise JournalError(check.wrong.what)


def journey_log(data: bytes) -> None:
    """A journey whose log is anything: a start goes through, and everything that is there is listed."""
    _start_with({f"journeys/{JOURNEY}/log.jsonl": data, f"journeys/{JOURNEY}/00001.body": bytes(100)})


def ledger(data: bytes) -> None:
    """A store whose ledger is anything, likewise."""
    log = (CORPUS / "journey-log/one-segment").read_bytes()
    _start_with({"ledger.jsonl": data, f"journeys/{JOURNEY}/log.jsonl": log})


def hold(data: bytes) -> None:
    """A HOLD."""
    with _file(data) as path:
        read_hold(path)


def held_journey(data: bytes) -> None:
    """A journey whose HOLD is anything is held; a start goes through."""
    log = (CORPUS / "journey-log/one-segment").read_bytes()
    _start_with({f"journeys/{JOURNEY}/log.jsonl": log, f"journeys/{JOURNEY}/HOLD": data})


def keyring(data: bytes) -> None:
    """A keyring beside a slot, both in one: the first 38 bytes are the slot's."""
    with _folder() as folder:
        slot = Slot(folder / "slot", "slot")
        slot.path.write_bytes(data[:38])
        (folder / "keyring.0").write_bytes(data[38:])
        Keyring(folder, [slot], EPOCH_S).keys()


def head(data: bytes) -> None:
    """A sealed header. It is authenticated; the corpus is sealed under zeros."""
    unseal(data, JOURNEY, 1, bytes(32))


def device_key(data: bytes) -> None:
    """The recorder's own key, and its public line."""
    with _file(data) as path:
        DeviceKey.load(path)


def public_key(data: bytes) -> None:
    """A recorder's public key as typed."""
    PublicKey.parse(data.decode("utf-8", "replace"))


def _start_with(files: Mapping[str, bytes]) -> None:
    with _folder() as folder:
        shutil.copyfile(CORPUS / "device.key", folder / "device.key")
        key = DeviceKey.load(folder / "device.key")
        (folder / "slot").write_bytes(bytes(38))
        root = folder / "store"
        store = Store(
            root, key, [IDENTITY.recipient], FakeClock(), slots=[Slot(folder / "slot", "slot")], epoch_s=EPOCH_S
        )
        store.prepare()
        for name, data in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(data)
        recover(store)
        if f"journeys/{JOURNEY}/HOLD" in files:
            assert [journey.held for journey in store.journeys()] == [True]


# --- what comes from people and other computers ------------------------------------------------------------------


def manifest_file(data: bytes) -> None:
    """The manifest of an export."""
    manifest.parse(data)


def order_file(data: bytes) -> None:
    """An order, altered as it lies there; and what is said in it, signed by a careless office. It has one meaning."""
    sign = ORDERING.sign
    said = data.rpartition(b',"sig":"')[0] + b"}"
    signed = said[:-1] + b',"sig":"' + base64.b64encode(sign(ORDER_CONTEXT + said)) + b'"}\n'
    taken = read_order(signed, AUTHORITY)
    assert read_order(render_order(taken, sign), AUTHORITY) == taken
    assert read_order(data, AUTHORITY) == taken


def order_answer(data: bytes) -> None:
    """A recorder's answer to one, likewise."""
    said = data.rpartition(b',"sig":"')[0] + b"}"
    read_answer(said[:-1] + b',"sig":"' + base64.b64encode(ANSWERING.sign(ANSWER_CONTEXT + said)) + b'"}\n')
    read_answer(data)


def recorders_file(data: bytes) -> None:
    """The recorders that the office has enrolled."""
    _folder_of_keys("recorders.toml", data)


def ledger_heads(data: bytes) -> None:
    """How far the office has seen their ledgers."""
    _folder_of_keys("ledger-heads.json", data)


def _folder_of_keys(name: str, data: bytes) -> None:
    with _folder() as folder:
        (folder / name).write_bytes(data)
        Trust.load(folder)


def configuration(data: bytes) -> None:
    """The configuration."""
    with _file(data) as path:
        config.load(path)


def control_line(data: bytes) -> None:
    """A line on the control socket."""
    parse_request(data, 0)


def consent_file(data: bytes) -> None:
    """What a crash leaves of a consent: a journey's name, or nothing."""
    with _folder() as folder:
        (folder / "journey.json").write_bytes(data)
        Runtime(folder).consented_journey()


def stick(data: bytes) -> None:
    """What lsblk, and after a zero blkid, say of what was plugged in."""
    listing, _, probe = data.partition(b"\0")
    judge("sda1", read_listing(listing), read_signature(probe), "/run/cabin-recorder-export/sda1")


# --- media -------------------------------------------------------------------------------------------------------


def mp4(data: bytes) -> None:
    """Boxes, tracks and fragments, as capture and office read them."""
    splitter = BoxSplitter()
    splitter.append(data)
    for box in splitter.boxes():
        if box.kind == "moov":
            read_tracks(bytes(box.data))
        elif box.kind == "moof":
            read_fragment(bytes(box.data))


def movie(data: bytes) -> None:
    """A segment joined into a film; what is wrong with it is said, and the film is made of the rest."""
    with _folder() as folder, Joiner(folder, "film") as joiner:
        joiner.add_segment(iter([data]))
        joiner.add_segment(iter([data]))
        joiner.finish()


def padding(data: bytes) -> None:
    """Where a free box may stand does not depend on the pieces in which a stream comes."""
    whole, pieces = BoxTracker(), BoxTracker()
    whole.feed(data)
    for start, end in itertools.pairwise([*range(0, len(data), 7), len(data)]):
        pieces.feed(data[start:end])
    assert whole.may_pad == pieces.may_pad


def h264(data: bytes) -> None:
    """What a camera's encoder gives."""
    annexb.sample(data)
    annexb.configuration(data)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.__name__.replace("_", "-"): target
        for target in (
            *(age_header, age_payload, age_armor, age_file, age_keys, identity_file),
            *(
                log_line,
                log_chain,
                log_excerpt,
                journey_log,
                ledger,
                hold,
                held_journey,
                keyring,
                head,
                device_key,
                public_key,
            ),
            *(
                manifest_file,
                order_file,
                order_answer,
                recorders_file,
                ledger_heads,
                configuration,
                control_line,
                consent_file,
                stick,
            ),
            *(mp4, movie, padding, h264),
        )
    }
)
