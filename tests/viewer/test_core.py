"""The parts of the page that open, sign and write: against what Python, and so the recorder, makes of the same."""

import base64
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from recorder.export.obeying import Obeying, write_answers
from recorder.export.target import Target
from recorder.office.keys import keygen, load_identities
from recorder.office.orders import Ordering, check_answers, give, hold_order
from recorder.office.recorders import Trust, enrol
from recorder.office.register import Disclosure, Register
from recorder.order import authority_key
from recorder.order_files import read_orders
from recorder.timekeeping import NS_PER_S
from recorder.vault.age import X25519Identity, armor, encrypt_bytes
from recorder.vault.signing import PublicKey
from recorder.vault.verification import verify_log
from tests.export.van import VEHICLE, Van

VIEWER = Path(__file__).parents[2] / "recorder/office/viewer"
ORDERS = Path(__file__).parents[1] / "export/order-vectors.json"
PASSPHRASE = "taith hir ger yr afon \N{DRAGON}"  # noqa: S105 - protects nothing but test keys
NOW_MS = 1_795_937_400_000
Run = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def run() -> Run:
    subprocess.run(["node", "build.mjs", "--tests"], cwd=VIEWER, check=True)

    def run(*tasks: dict[str, Any]) -> list[Any]:
        command = ["node", VIEWER / "dist/tests/core.mjs"]
        done = subprocess.run(command, input=json.dumps(tasks), capture_output=True, check=True, text=True)
        answers: list[Any] = json.loads(done.stdout)
        return answers

    return run


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    keygen(folder, PASSPHRASE)
    return folder


# --- decryption --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [0, 1, 65_536, 65_537, 2_500_000])
def test_a_segment_from_any_byte_on(run: Run, tmp_path: Path, size_bytes: int) -> None:
    """The plaintext, from its beginning, from within a chunk, from its end."""
    identity, data = X25519Identity.generate(), bytes(i * 7 % 251 for i in range(size_bytes))
    path = tmp_path / "whole.age"
    path.write_bytes(encrypt_bytes(data, [X25519Identity.generate().recipient, identity.recipient]))
    starts = sorted({0, min(1, size_bytes), size_bytes // 2, max(0, size_bytes - 1)})
    secret = identity.secret_bytes.hex()
    answers = run(*({"do": "plaintext", "file": str(path), "secret": secret, "from": start} for start in starts))
    assert answers == [
        {
            "sha256": hashlib.sha256(data[start:]).hexdigest(),
            "sizeBytes": size_bytes - start,
            "how": "whole",
            "sentence": "",
            "goodBytes": size_bytes,
        }
        for start in starts
    ]


def test_what_is_cut_or_altered_plays_to_its_last_whole_chunk(run: Run, tmp_path: Path) -> None:
    """Every authentic chunk is given out, and then it is said what was wrong."""
    identity, chunk = X25519Identity.generate(), 65_536
    data = bytes(i * 11 % 253 for i in range(40 * chunk + 100))
    whole = encrypt_bytes(data, [identity.recipient])
    payload = len(whole) - (41 * 16 + len(data))
    flipped = bytearray(whole)
    flipped[payload + 20 * (chunk + 16) + 5] ^= 1
    cases = {
        "cut": (whole[: payload + 33 * (chunk + 16) + 7], 33, "cut", "33 whole chunks are good, 7 bytes after them"),
        "at a chunk": (whole[: payload + 3 * (chunk + 16)], 3, "cut", "3 whole chunks are good, 0 bytes after them"),
        "flipped": (bytes(flipped), 20, "damaged", "The file is damaged in its chunk 21; what lies before it is good."),
        "appended": (whole + b"x", 40, "cut", "40 whole chunks are good, 117 bytes after them are lost."),
        "no payload": (whole[: payload - 16], 0, "cut", "The file ends right after its header: it holds nothing."),
        "no header": (whole[100:], 0, "refused", "This is not an age v1 file"),
        "empty": (b"", 0, "refused", "The header is cut off, or this is not an age file."),
    }
    tasks = []
    for name, (content, *_) in cases.items():
        (tmp_path / name).write_bytes(content)
        secret = identity.secret_bytes.hex()
        tasks.append({"do": "plaintext", "file": str(tmp_path / name), "secret": secret, "from": 0})
    for answer, (_, chunks, how, sentence) in zip(run(*tasks), cases.values(), strict=True):
        assert (answer["how"], answer["goodBytes"], answer["sizeBytes"]) == (how, chunks * chunk, chunks * chunk)
        assert answer["sha256"] == hashlib.sha256(data[: chunks * chunk]).hexdigest()
        assert sentence in answer["sentence"]


def test_a_stranger_s_key_opens_nothing(run: Run, tmp_path: Path) -> None:
    """And it is said for whom the file is."""
    (tmp_path / "file").write_bytes(encrypt_bytes(b"x" * 100, [X25519Identity.generate().recipient]))
    secret = X25519Identity.generate().secret_bytes.hex()
    (answer,) = run({"do": "plaintext", "file": str(tmp_path / "file"), "secret": secret, "from": 0})
    assert (answer["how"], answer["sizeBytes"]) == ("refused", 0)
    assert answer["sentence"].startswith("None of the given keys opens this file (it is for: X25519)")


# --- keys --------------------------------------------------------------------------------------------------------


def test_the_office_s_identity(run: Run, keys: Path, tmp_path: Path) -> None:
    """Under its passphrase, armored or not, or without one; each thing that can be wrong is a refusal of its own."""
    (own,) = load_identities(keys / "identity.txt", lambda: PASSPHRASE)
    files = {
        "bare": f"# a comment\r\n\r\n{own.text}\r\n".encode(),
        "recipient": own.recipient.text.encode(),
        "mistyped": (own.text[:-1] + ("P" if own.text.endswith("Q") else "Q")).encode(),
        "empty": b"# nothing\n",
        "footage": encrypt_bytes(b"x", [own.recipient]),
        "armored footage": armor(encrypt_bytes(b"x", [own.recipient])),
        "binary": b"\xff\xfe" * 50,
        "large": b"#" * (1 << 21),
    }
    protected = (keys / "identity.txt").read_bytes()
    files["damaged"] = protected[:-60] + b"\n-----END AGE ENCRYPTED FILE-----\n"
    tasks = [
        {"do": "identity", "file": str(keys / "identity.txt"), "passphrase": typed}
        for typed in (PASSPHRASE, "", "another")
    ]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        tasks.append({"do": "identity", "file": str(tmp_path / name), "passphrase": PASSPHRASE})
    opened, untyped, mistyped, bare, *others = run(*tasks)
    assert opened == bare == [own.recipient.public_bytes.hex()]
    assert (untyped["refused"], mistyped["refused"]) == ("needs-passphrase", "wrong-passphrase")
    assert [each["refused"] for each in others] == ["not-a-key"] * len(others)
    said = " ".join(each["message"] for each in (untyped, mistyped, *others))
    assert own.text[20:30] not in said
    assert PASSPHRASE not in said


# --- what the office signs ---------------------------------------------------------------------------------------


def authority_in(keys: Path) -> PublicKey:
    text = (keys / "authority.pub").read_text().strip()
    return PublicKey.parse(text.replace("cabin-authority-1:", "cabin-recorder-1:"))


def test_orders_byte_for_byte(run: Run) -> None:
    """Those of the vectors, from what a person would have typed for them."""
    if not ORDERS.exists():
        pytest.skip("the vectors of orders are not here")
    vectors = json.loads(ORDERS.read_text())
    seed = vectors["authority"]["seed"]
    answers = run(*({"do": "render order", "seed": seed, "order": each["order"]} for each in vectors["orders"]))
    folder = "/".join(vectors["folder"])
    assert answers == [{"path": f"{folder}/{each['file_name']}", "text": each["file"]} for each in vectors["orders"]]


def test_an_order_is_signed_by_the_office_s_key(run: Run, keys: Path) -> None:
    """As keygen protected it; its number is random; the signature is over what the format says."""
    request = {
        "vehicle": "Van 3.",
        "who": "Siân",
        "reason": "case 1 / “x” \\ \U0001f68c",
        "nowMs": NOW_MS,
        "register": None,
    }
    hold = request | {"expiresMs": NOW_MS + 86_400_000, "kind": "hold", "what": {"of": "everything"}}
    task = {"do": "order", "authority": str(keys / "authority.key"), "passphrase": PASSPHRASE, "request": hold}
    first, second = run(task, task)
    members = json.loads(first["text"])
    assert first["path"] == f"CABIN-ORDERS/Van 3/{members['number']}.order.json"
    assert members["number"] != json.loads(second["text"])["number"]
    assert (members["who"], members["reason"], members["scope"]) == (request["who"], request["reason"], "all")
    before, _, _ = first["text"].encode().rpartition(b',"sig":"')

    signature = base64.b64decode(members["sig"])
    assert authority_in(keys).verify(b"cabin-recorder order 1\n" + before + b"}", signature)
    (entry,) = verify_log(first["register"].encode(), authority_in(keys)).entries
    said = {name: value for name, value in members.items() if name not in ("format", "sig")}
    order_sha256 = hashlib.sha256(first["text"].encode()).hexdigest()
    assert (entry.event, entry.data) == ("ordered", said | {"order_sha256": order_sha256})


def test_orders_that_no_recorder_takes_are_not_made(run: Run, keys: Path) -> None:
    """One sentence each, and nothing is signed."""
    good = {
        "vehicle": "Van 3",
        "who": "lead",
        "reason": "case",
        "nowMs": NOW_MS,
        "expiresMs": NOW_MS + 86_400_000,
        "register": None,
        "kind": "hold",
        "what": {"of": "everything"},
    }
    held: dict[str, Any] = {
        "folder": "0f1e2d3c4b5a69788796",
        "knownAs": "Van 3",
        "manifestSha256": "ab" * 32,
        "hold": {"sha256": "cd" * 32, "isReleased": False},
        "segments": [{"state": "whole"}, {"state": "torn"}, {"state": "deleted"}],
    }
    release = {"kind": "release", "journey": held}
    changes: list[dict[str, Any]] = [
        {"vehicle": ""},
        {"vehicle": "../van"},
        {"who": " "},
        {"who": "x" * 101},
        {"reason": "two\nlines"},
        {"reason": "x" * 501},
        {"expiresMs": NOW_MS},
        {"expiresMs": NOW_MS + 32 * 86_400_000},
        {"expiresMs": None},
        {"what": {"of": "journey", "journey": "../x"}},
        {"what": {"of": "span", "fromMs": NOW_MS, "untilMs": NOW_MS - 1}},
        {"what": {"of": "span", "fromMs": NOW_MS, "untilMs": 9e15}},
        *(
            {"kind": "release", "journey": held | change}
            for change in (
                {"hold": None},
                {"hold": {"sha256": "cd" * 32, "isReleased": True}},
                {"manifestSha256": ""},
                {"knownAs": ""},
                *({"segments": [{"state": state}]} for state in ("unchecked", "altered", "missing", "unknown")),
            )
        ),
    ]
    task = {"do": "order", "authority": str(keys / "authority.key"), "passphrase": PASSPHRASE}
    answers = run(*(task | {"request": good | change} for change in [*changes, {}, release]))
    assert [answer.get("refused") for answer in answers] == ["incomplete"] * len(changes) + [None] * 2
    assert all(answer["message"].endswith(".") for answer in answers[:-2])
    released = json.loads(answers[-1]["text"])
    assert (released["journey"], released["hold"], released["manifest_sha256"]) == (
        held["folder"],
        "cd" * 32,
        "ab" * 32,
    )


def test_answers_as_the_command_line_reads_them(run: Run, tmp_path: Path) -> None:
    """Carried out, refused, unanswered; and whatever is wrong with an order or an answer: the same lines, in order."""
    van, stick = Van.build(tmp_path), tmp_path / "stick"
    keys = tmp_path / "keys"
    keygen(keys, None)
    enrol(keys, VEHICLE, van.store.key.public)
    register = Register.open(keys, lambda: "")
    journey = van.held_journey(b"x" * 70_000)
    stick.mkdir()
    van.export(stick, journey)

    def ordered(scope: dict[str, str]) -> Path:
        (made,) = give([hold_order(VEHICLE, scope, Ordering("Siân", "case", 7))], stick, register)
        return made.path

    def answered(order: Path) -> Path:
        return order.with_name(order.name.replace(".order.", ".answer."))

    def signed(data: bytes, context: bytes, sign: Callable[[bytes], bytes], **changes: object) -> bytes:
        """The same file with other members, signed again."""
        unsigned = json.dumps({k: v for k, v in (json.loads(data) | changes).items() if k != "sig"}).encode()
        return unsigned[:-1] + b',"sig":"' + base64.b64encode(sign(context + unsigned)) + b'"}\n'

    everything = {"scope": "all"}
    applied, _, altered, of_another, strange_answer, new_answer, answer_cut, answer_large = (
        ordered(everything if number != 1 else {"scope": "journey", "journey": "never"}) for number in range(8)
    )
    authority = authority_key((keys / "authority.pub").read_text())
    van.clock.set_wall((time.time_ns() - van.clock.now().utc_ns) / NS_PER_S)
    obeyed = Obeying(van.store, VEHICLE, authority).obey(read_orders(stick, VEHICLE))
    assert write_answers(Target(stick), VEHICLE, obeyed.answers) == ()
    said = [json.loads(path.read_bytes())["outcome"] for path in applied.parent.glob("*.answer.json")]
    assert sorted(said) == ["applied"] * 7 + ["refused"]

    ordered({"scope": "span", "since": "2026-11-01T00:00:00.000Z", "until": "2026-11-02T00:00:00.000Z"})
    answered(altered).write_bytes(answered(altered).read_bytes().replace(b"is held", b"was held"))
    answered(of_another).write_bytes(answered(applied).read_bytes())
    for path, changes in ((strange_answer, {"said": 5}), (new_answer, {"format": "cabin-recorder-order-answer-9"})):
        data, sign = answered(path).read_bytes(), van.store.key.sign
        answered(path).write_bytes(signed(data, b"cabin-recorder order answer 1\n", sign, **changes))
    answered(answer_cut).write_bytes(answered(answer_cut).read_bytes()[:-9])
    answered(answer_large).write_bytes(b" " * (1 << 20) + b" ")
    wrong_orders: list[dict[str, object]] = [
        {"kind": "sell"},
        {"format": "cabin-recorder-order-2"},
        {"more": "x"},
        {"expires": "2099-01-01T00:00:00.000Z"},
        {"issued": "2026-02-30T00:00:00.000Z"},
        {"who": " "},
        {"scope": "journey"},
        {"number": "f" * 32},
    ]
    data = applied.read_bytes()
    for number, wrong in enumerate(wrong_orders):
        name = f"{number:032x}.order.json"
        members = {"number": f"{number:032x}", **wrong}
        order = signed(data, b"cabin-recorder order 1\n", register.sign, **members)
        applied.with_name(name).write_bytes(order)
    for number, content in enumerate((data[:-9], data.replace(b"case", b"cost"), b"x" * 4097, b"", data)):
        applied.with_name(f"{number:031x}a.order.json").write_bytes(content)
    applied.with_name("a\u202eb.order.json").write_bytes(data)
    others = stick / "CABIN-ORDERS" / "Van 4"
    others.mkdir()
    for number in range(70):
        (others / f"{number:032x}.order.json").write_bytes(b"x")
        if number < 5:
            (others / f"{number:032x}.answer.json").write_bytes(b"x")

    known = {"authority": (keys / "authority.pub").read_text(), "recorders": (keys / "recorders.toml").read_text()}
    (keys / "strangers").mkdir()
    shutil.copy(keys / "authority.pub", keys / "strangers")
    lines, of_a_stranger = run(
        {"do": "answers", "stick": str(stick), "known": known},
        {"do": "answers", "stick": str(stick), "known": {"authority": known["authority"]}},
    )
    assert lines == [one.line for one in check_answers(stick, keys, Trust.load(keys))]
    verdicts = {one.verdict for one in check_answers(stick, keys, Trust.load(keys))}
    assert verdicts == {"applied", "refused", "unanswered", "wrong"}
    strangers = check_answers(stick, keys / "strangers", Trust.load(keys / "strangers"))
    assert of_a_stranger == [one.line for one in strangers]
    assert "unknown" in {one.verdict for one in strangers}


def test_authority_keys(run: Run, keys: Path, tmp_path: Path) -> None:
    """Protected by keygen, by openssl, or not at all; what else there is, is a refusal of its own."""
    private = load_pem_private_key((keys / "authority.key").read_bytes(), PASSPHRASE.encode())
    assert isinstance(private, Ed25519PrivateKey)
    bare = tmp_path / "bare.key"
    bare.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    by_openssl = tmp_path / "openssl.key"
    openssl = [
        "openssl",
        "pkcs8",
        "-topk8",
        "-v2",
        "aes-256-cbc",
        "-passout",
        "pass:abc",
        "-in",
        bare,
        "-out",
        by_openssl,
    ]
    subprocess.run(openssl, check=True)
    other = tmp_path / "x25519.key"
    other.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"abc"))[:-40] + b"x"
    )
    request = {
        "vehicle": "Van 3",
        "who": "a",
        "reason": "b",
        "nowMs": NOW_MS,
        "expiresMs": NOW_MS + 1000,
        "kind": "hold",
    }
    request |= {"what": {"of": "everything"}, "register": None}
    tries = [
        (keys / "authority.key", PASSPHRASE, None),
        (keys / "authority.key", "", "needs-passphrase"),
        *((keys / "authority.key", f"wrong {number}", "wrong-passphrase") for number in range(3)),
        (bare, "", None),
        (by_openssl, "abc", None),
        (other, "abc", "not-a-key"),
        (keys / "identity.txt", PASSPHRASE, "not-a-key"),
        (keys / "authority.pub", "", "not-a-key"),
    ]
    answers = run(*({"do": "order", "authority": str(p), "passphrase": w, "request": request} for p, w, _ in tries))
    assert [answer.get("refused") for answer in answers] == [refused for _, _, refused in tries]


def test_the_register_goes_on_where_the_command_left_it(run: Run, keys: Path) -> None:
    """One log by both: each proves the other's lines, and writes on."""
    register = Register.open(keys, lambda: PASSPHRASE)
    path = keys / "register.jsonl"
    disclosure = Disclosure("police", "ref 1", "case")
    register.add(disclosure, ["a"], "attested", {"a.mp4": "ab" * 32})
    request = {
        "register": path.read_text(),
        "to": "a parent",
        "reference": "SAR é \U0001f68c \ud800",
        "reason": "asked",
        "journeys": ["b", "c"],
        "verdict": "consistent",
        "files": {"z.mp4": "cd" * 32, "a.mp4": "ef" * 32, "__proto__": "01" * 32},
    }
    task = {"do": "register", "authority": str(keys / "authority.key"), "passphrase": PASSPHRASE, "nowMs": NOW_MS}
    new, first = run(task | {"request": request}, task | {"request": request | {"register": None}})
    assert (new["number"], first["number"]) == (2, 1)
    assert new["text"].startswith(path.read_text())
    path.write_text(new["text"])
    register.add(disclosure, ["d"], "attested", {})
    report = register.check()
    assert (report.wrong, [entry.seq for entry in report.entries]) == (None, [1, 2, 3])
    assert report.as_json[1] == {
        "seq": 2,
        "utc": report.entries[1].utc,
        "event": "disclosed",
        "to": "a parent",
        "reference": "SAR é \U0001f68c ?",
        "reason": "asked",
        "journeys": ["b", "c"],
        "verdict": "consistent",
        "files": {"z.mp4": "cd" * 32, "a.mp4": "ef" * 32, "__proto__": "01" * 32},
    }


def test_a_register_that_is_not_as_it_was_written_is_not_written_on(run: Run, tmp_path: Path) -> None:
    """A line altered, one removed, half of one, another office's: refused, as is an entry that says too little."""
    for name in ("ours", "theirs"):
        keygen(tmp_path / name, None)
        for number in range(3):
            register = Register.open(tmp_path / name, str)
            register.add(Disclosure("police", f"ref {number}", "case"), [], "attested", {})
    text = (tmp_path / "ours/register.jsonl").read_text()
    lines = text.splitlines(keepends=True)
    wrong = [
        text.replace("ref 1", "ref 9"),
        lines[0] + lines[2],
        text[:-5],
        (tmp_path / "theirs/register.jsonl").read_text(),
    ]
    said = {"to": "x", "reference": "y", "reason": "z", "journeys": [], "verdict": "wrong", "files": {}}
    task = {"do": "register", "authority": str(tmp_path / "ours/authority.key"), "passphrase": "", "nowMs": NOW_MS}
    tasks = [task | {"request": said | {"register": each}} for each in wrong]
    tasks += [task | {"request": said | {"register": text, member: " "}} for member in ("to", "reference", "reason")]
    answers = run(*tasks, task | {"request": said | {"register": text}})
    assert [answer.get("refused") for answer in answers] == ["register-wrong"] * 4 + ["incomplete"] * 3 + [None]
    assert "line 2 (from byte" in answers[0]["message"]


# --- as Python spells it -----------------------------------------------------------------------------------------


def test_numbers_and_texts_are_spelt_as_python_spells_them(run: Run) -> None:
    """For one line of a log has one spelling, and a sentence one wording."""
    numbers = [0.1, 1e16, 1e15, 123456789012345680.0, 1e22, 1e-5, 0.0001, 1.5e-7, -0.0, 5e-324, 1.7976931348623157e308]
    numbers += [1.0, -2.0, 100000.0, 9007199254740993.0, 1e21, 123456.789]
    values: list[Any] = [
        *numbers,
        10**40,
        -(10**20),
        True,
        None,
        'é\U0001f68c\x7f"\\\n\x01/',
        {"b": [1.0], "a": {}},
        [],
    ]
    texts = ["plain", "it's", 'it\'s "x"', "\x00\x1f\x7f\x80\xa0\xad", "é\u2011\u2028\u202e\U0001f68c", "\\", "\t\n\r"]
    tenths = [0.25, 0.35, 0.75, 1.25, 99.75, 12.25, 0.05, 0.15, 2.5, 1000000.25, -0.25, 3.0, 0.95]
    tasks: list[dict[str, Any]] = [{"do": "json", "text": json.dumps(value)} for value in values]
    tasks += [{"do": "repr", "text": text} for text in texts]
    tasks += [{"do": "tenths", "value": value} for value in tenths]
    answers = run(*tasks)
    assert answers[: len(values)] == [json.dumps(value, separators=(",", ":")) for value in values]
    assert answers[len(values) : -len(tenths)] == [[repr(text), ascii(text)] for text in texts]
    assert answers[-len(tenths) :] == [f"{value:.1f}" for value in tenths]


def test_hashes_of_pieces(run: Run) -> None:
    """In pieces or at once, as hashlib has it."""
    pieces = [b"", b"abc", bytes(65_536), b"\xff" * 1_000_001]
    (answer,) = run({"do": "sha256", "pieces": [piece.hex() for piece in pieces]})
    assert answer == [hashlib.sha256(b"".join(pieces)).hexdigest()] * 2
