"""What somebody could do to a bundle: to its files, as anybody; to what is signed, as who has a recorder's key.

Each is a name and a change, for :mod:`tests.viewer.bundles`.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder import manifest
from recorder.manifest import FileEntry
from recorder.vault import words
from recorder.vault.age import decrypt, encrypt_bytes
from recorder.vault.entries import SIGNATURE_MARK, line_hash, signed_line
from tests.export.van import Van, flip, resigned

FILES = ("00001.mp4.age", "00002.mp4.age", "log.jsonl.age", "ledger.jsonl.age", "manifest.json")
Lines = list[bytes]


@dataclass(frozen=True, slots=True)
class Held:
    """A stick with one held journey: two whole segments, and one that a power cut ended."""

    van: Van
    journey: str
    stick: Path

    @classmethod
    def build(cls, folder: Path, segments: list[bytes]) -> "Held":
        van, stick = Van.build(folder / "van"), folder / "stick"
        stick.mkdir()
        journey = van.held_journey(*segments[:2])
        van.tear(journey, segments[2])
        van.export(stick, journey)
        return cls(van, journey, stick)

    def in_copy(self, stick: Path) -> Path:
        return self.van.folder(stick, self.journey)


def rewritten(held: Held, folder: Path, name: str, change: Callable[[Lines], Lines]) -> None:
    """The log ``name`` with other lines, encrypted and signed for again, as root on the recorder could."""
    with (folder / name).open("rb") as file:
        lines = change(b"".join(decrypt(file, [held.van.identity])).splitlines(keepends=True))
    (folder / name).write_bytes(encrypt_bytes(b"".join(lines), [held.van.identity.recipient]))
    resigned(folder, held.van.store.key)


def swap(folder: Path) -> None:
    first, second = folder / "00001.mp4.age", folder / "00002.mp4.age"
    first.rename(folder / "swap")
    second.rename(first)
    (folder / "swap").rename(second)


def cut(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def damages(held: Held) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """What anybody could do to a folder of the stick, by name."""
    for name in FILES:
        for position in (0, 100, -1):
            yield f"flipped {name} {position}", lambda f, n=name, p=position: flip(f / n, p)  # type: ignore[misc]
        for keep in (-1, 0):
            yield f"cut {name} {keep}", lambda f, n=name, k=keep: cut(f / n, k)  # type: ignore[misc]
        yield f"missing {name}", lambda f, n=name: (f / n).unlink()  # type: ignore[misc]
    payload_bytes = 168 + 16
    for chunk in (1, 4):
        at = payload_bytes + chunk * (65_536 + 16) + 1000
        yield f"flipped chunk {chunk}", lambda f, a=at: flip(f / "00001.mp4.age", a)  # type: ignore[misc]
    yield "cut at a chunk", lambda f: cut(f / "00001.mp4.age", payload_bytes + 2 * (65_536 + 16))
    yield "cut in the nonce", lambda f: cut(f / "00001.mp4.age", payload_bytes - 3)
    yield "cut in the header", lambda f: cut(f / "00001.mp4.age", 90)
    yield "added to", lambda f: (f / "00001.mp4.age").open("ab").write(b"more")
    yield "added a segment", lambda f: shutil.copy(f / "00001.mp4.age", f / "00009.mp4.age")
    yield "added the same segment by another number", lambda f: shutil.copy(f / "00001.mp4.age", f / "000001.mp4.age")
    yield "swapped segments", swap
    yield "renamed folder", lambda f: f.rename(f.with_name("20200101T000000Z-0000"))
    yield "renamed vehicle", lambda f: f.parent.rename(f.parent.with_name("Van 4"))
    yield "half a copy left", lambda f: (f / ".00004.mp4.age.part").write_bytes(b"half")
    yield "strewn", lambda f: [(f / n).write_bytes(b"x") for n in (".DS_Store", "._a", "Thumbs.db", "desktop.ini")]
    yield "a stray file among vehicles", lambda f: (f.parent.parent / "stray.txt").write_bytes(b"x")
    yield "a stray file among journeys", lambda f: (f.parent / "stray.txt").write_bytes(b"x")
    yield "folder in a file's place", lambda f: in_a_folder(f / "00001.mp4.age")
    yield "a second vehicle with the same folder", lambda f: shutil.copytree(f, f.parent.with_name("Van 9") / f.name)
    white = (b'"}\n', b'" }\n')
    yield "white space in the manifest", lambda f: replaced(f / "manifest.json", *white)


def in_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_bytes(b"x")


def replaced(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def manifests() -> Iterator[tuple[str, bytes]]:
    """What is no manifest."""
    yield "empty", b""
    yield "no members", b"{}"
    yield "deep", b"[" * 100_000
    yield "deep and closed", b'{"format":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "one member", b'{"format":"cabin-recorder-manifest-1"}'
    yield "no text", b"\xff" * 100
    yield "a number", b"1" * 5000
    yield "a long number as a format", b'{"format":' + b"1" * 5000 + b"}"
    yield "endless space", b" " * (manifest.MAX_BYTES + 10)
    yield "a member of another's", b'{"__proto__":{"x":1},"format":"cabin-recorder-manifest-2"}'


def signed_changes(held: Held) -> Iterator[tuple[str, dict[str, object]]]:
    """What no recorder signs, signed by it."""
    one = FileEntry("00001.mp4.age", 1, "0" * 64)
    yield "another format", {"format": "cabin-recorder-manifest-9"}
    yield "a format to be shown", {"format": "it's \"<b>\u202e\x00é\n" + "x" * 60}
    yield "no key", {"recorder": "cabin-recorder-1:AAAA"}
    yield "markup for a key", {"recorder": "<script>alert('1')</script>" * 9}
    yield "a file twice", {"files": (one, one)}
    yield "a file elsewhere", {"files": (replace_entry(one, name="../../etc/passwd"),)}
    yield "a negative size", {"files": (replace_entry(one, size_bytes=-1),)}
    yield "an immense size", {"files": (replace_entry(one, size_bytes=10**30),)}
    yield "a hash that is none", {"files": (replace_entry(one, sha256="z" * 64),)}
    yield "another journey", {"journey": "../20200101T000000Z-0000"}
    yield "another vehicle", {"vehicle": "<img src=x onerror=alert(1)>\u202e"}
    yield "a vehicle with a dot", {"vehicle": "Van 3. ."}


def replace_entry(entry: FileEntry, **changes: object) -> FileEntry:
    members: Any = {name: getattr(entry, name) for name in FileEntry.__struct_fields__} | changes
    return FileEntry(**members)


def signed_again(held: Held, *changes: tuple[bytes, bytes]) -> Callable[[Lines], Lines]:
    """Texts within a log exchanged, its lines chained and signed anew: by whoever has the recorder's key."""

    def change(lines: Lines) -> Lines:
        made, head = [], b"0" * 64
        for line in lines:
            unsigned = line.rstrip(b"\n").rpartition(SIGNATURE_MARK)[0] + b"}"
            for old, new in changes:
                unsigned = unsigned.replace(old, new)
            before, mark, _ = unsigned.rpartition(b'"prev":"')
            unsigned = before + mark + head + b'"}'
            made.append(with_signature(held, unsigned))
            head = line_hash(made[-1].rstrip(b"\n")).encode()
        return made

    return change


def with_signature(held: Held, unsigned: bytes) -> bytes:
    signature = base64.b64encode(held.van.store.key.sign(b"cabin-recorder log entry 1\n" + unsigned))
    return unsigned[:-1] + SIGNATURE_MARK + signature + b'"}\n'


def odd_entry(held: Held, event: str, data: dict[str, Any]) -> Callable[[Lines], Lines]:
    """One more entry, in its place and rightly signed."""

    def change(lines: Lines) -> Lines:
        place = (len(lines) + 1, line_hash(lines[-1].rstrip(b"\n")))
        return [*lines, signed_line(place, held.van.clock.now(), event, data, held.van.store.key.sign) + b"\n"]

    return change


def log_changes(held: Held) -> Iterator[tuple[str, Callable[[Lines], Lines]]]:
    """What root on a recorder could do to a journey's log."""
    yield "removed", lambda lines: [lines[0], *lines[2:]]
    yield "removed two", lambda lines: [lines[0], *lines[3:]]
    yield "first removed", lambda lines: lines[1:]
    yield "exchanged", lambda lines: [lines[0], lines[2], lines[1], *lines[3:]]
    yield "repeated", lambda lines: [*lines[:2], lines[1], *lines[2:]]
    yield "altered", lambda lines: [lines[0], lines[1].replace(b'"en"', b'"cy"'), *lines[2:]]
    yield "emptied", lambda lines: [b"\n"]
    yield "nothing", lambda lines: []
    yield "a million empty lines", lambda lines: [b"\n" * (1 << 20)]
    yield "a first line, and a million empty ones", lambda lines: [lines[0], b"\n" * (1 << 20)]
    yield "a million values", lambda lines: [b'{"a":[' + b"1," * (1 << 20) + b"1]}\n", *lines[1:]]
    yield "half a line", lambda lines: [*lines, b"half"]
    yield "end cut off", lambda lines: lines[:-3]
    yield "no json", lambda lines: [lines[0], b"{nonsense}\n", *lines[2:]]
    yield "deep", lambda lines: [lines[0], b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n", *lines[2:]]
    yield "spelt otherwise", lambda lines: [lines[0].replace(b'"seq":1,', b'"seq": 1,'), *lines[1:]]
    yield "signed oddly", lambda lines: [lines[0].replace(b'"sig":"', b'"sig":"!'), *lines[1:]]
    yield "a clock that is none", lambda lines: [lines[0].replace(b'"synchronised"', b'"sundial"'), *lines[1:]]
    yield "a day that is none", lambda lines: [lines[0].replace(b"2026-11-22", b"2026-02-30"), *lines[1:]]
    yield "signed again", signed_again(held)
    yield "signed again, altered", signed_again(held, (b'"en"', b'"cy"'))
    yield "another header", signed_again(held, (b'"header_sha256":"', b'"header_sha256":"x'))
    yield "a number of another type", signed_again(held, (b'"number":1', b'"number":"1"'))
    yield "a truth for a number", signed_again(held, (b'"number":1', b'"number":true'))
    yield "a size of another type", signed_again(held, (b'"size_bytes":', b'"size_bytes":"no","size_byt":'))
    odd: dict[str, dict[str, Any]] = {
        "immense": {"number": 10**40, "header_sha256": "x", "first_boottime_ns": 10**40},
        "negative": {"number": -3, "header_sha256": "x"},
        "a list": {"number": [1], "first_boottime_ns": {"a": None}},
        "floats": {
            "number": 1.5,
            "a": [0.1, 1e16, 1e-5, 1e22, 123456789012345680.0, -0.0, 5e-324],
            "first_boottime_ns": 1e300,
        },
        "markup": {"number": 7, "reason": "</script><script>alert(1)</script>\u202e", "__proto__": {"polluted": True}},
    }
    for name, data in odd.items():
        yield f"segment-opened with {name}", odd_entry(held, words.SEGMENT_OPENED, data)
    for event, data in (
        (
            words.CLOCK_MEASURED,
            {"boots": [{"by": ["rtc"], "ahead_s": [1]}, 3, {"by": "rtc", "ahead_s": [0.25, 99.75]}]},
        ),
        (words.CLOCK_MEASURED, {"boots": [{"by": "rtc", "ahead_s": [-0.05, True]}]}),
        (words.CLOCK_MEASURED, {"boots": "none"}),
        (words.HOLD, {"who": 3, "reason": None, "deleted": [1]}),
        (words.SEGMENT_SEALED, {"number": 1, "gaps": [3, {"medium": 4, "from_ns": 5}, {"medium": "video"}]}),
        (manifest.EXPORT_BEGAN, {"folder": 12, "recipients": [1, None, "age1<b>", 2.0, "x" * 100, "é\u202e"]}),
        (manifest.EXPORT_BEGAN, {"recipients": "all"}),
        ("<script>", {"": "", "é": "\ud83d\ude8c", "a" * 300: ["\x00", "\x7f"]}),
    ):
        yield f"an odd {event}: {json.dumps(data)[:40]}", odd_entry(held, event, data)


def ledger_changes(held: Held) -> Iterator[tuple[str, Callable[[Lines], Lines]]]:
    """The same of the ledger."""
    yield "another's", lambda lines: lines[:1]
    yield "removed", lambda lines: [lines[0], *lines[2:]]
    yield "cut", lambda lines: lines[:-2]
    hashes = ["ab" * 32, "cd" * 32]
    run = json.dumps({"skipped": hashes}, separators=(",", ":")).encode() + b"\n"
    yield "lines skipped that are there", lambda lines: [lines[0], run, *lines[1:]]
    yield "skipped first", lambda lines: [run, *lines]
    yield "skipped last", lambda lines: [*lines, run]
    yield "skipped twice", lambda lines: [lines[0], run, run, *lines[3:]]
    one = lambda lines: json.dumps({"skipped": [line_hash(lines[1][:-1])]}, separators=(",", ":")).encode() + b"\n"  # noqa: E731
    yield "one rightly skipped", lambda lines: [lines[0], one(lines), *lines[2:]]
    yield "skipped in another spelling", lambda lines: [lines[0], one(lines).replace(b":", b": "), *lines[2:]]
    yield (
        "tombstones of odd types",
        odd_entry(held, words.TOMBSTONE_DONE, {"journey": held.journey, "deleted": [True, 2.0, "3", None]}),
    )
    yield (
        "journeys of odd types",
        odd_entry(held, manifest.EXPORT_BEGAN, {"journeys": [1, None, "<b>", True, 1.0, held.journey]}),
    )


def headers() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Headers of age that nobody writes, in front of a body."""
    yield "another version", lambda s: s.replace(b"/v1\n", b"/v2\n", 1)
    yield "no stanza", lambda s: b"age-encryption.org/v1\n--- " + b"A" * 43 + b"\n" + s[168:]
    yield "a stray line", lambda s: s.replace(b"-> X25519", b"=> X25519", 1)
    yield "an empty word", lambda s: s.replace(b"-> X25519 ", b"-> X25519  ", 1)
    yield "three words", lambda s: s.replace(b"-> X25519 ", b"-> X25519 A ", 1)
    yield "a short share", lambda s: s.replace(b"-> X25519 ", b"-> X25519 AA ", 1).replace(b"AA ", b"", 1)[:22] + s[22:]
    yield "a zero share", lambda s: s[:32] + b"A" * 43 + s[75:]
    yield "no base64", lambda s: s[:80] + b"!" + s[81:]
    yield "a short check", lambda s: s[:163] + s[167:]
    yield "another kind", lambda s: s.replace(b"X25519", b"piv-p256", 1)
    yield "an overlong line", lambda s: s[:76] + b"A" * 70 + s[76:]
    yield "endless", lambda s: b"age-encryption.org/v1\n-> " + b"A" * (1 << 20) + s
