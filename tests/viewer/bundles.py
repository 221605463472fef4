"""Good and bad bundles, each with what `verify` says of it: the one set of vectors for both implementations.

Made anew each time, by a real recorder's store and the real export: ``cases.json`` lists what lies in the
folders beside it. What a browser cannot see (links, pipes, empty folders) is not among them.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from recorder.errors import AgeNoMatchError, BundleError
from recorder.export.bundle import export
from recorder.export.target import Target
from recorder.office.bundle import verify
from recorder.office.contents import look
from recorder.office.custody import segment_rows, story
from recorder.office.heads import HEADS_NAME, SeenHead, advance_heads
from recorder.office.papers import read_papers
from recorder.office.recorders import Trust, enrol
from recorder.vault import words
from recorder.vault.age import X25519Identity, decrypt, encrypt_bytes
from recorder.vault.deletion import delete_segments
from recorder.vault.journal import DeviceKey
from recorder.vault.retention import Reason, Verdict
from recorder.vault.signing import PublicKey
from tests.export.van import VEHICLE, Van, flip
from tests.office.test_trust import as_older, card_of, put_back, store_for
from tests.vault.kit import fragment
from tests.viewer.tampering import (
    Held,
    cut,
    damages,
    headers,
    ledger_changes,
    log_changes,
    manifests,
    resigned,
    rewritten,
    signed_changes,
    swap,
)


class Catalogue:
    """The cases so far, below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cases: list[dict[str, Any]] = []
        self._keys: dict[object, Path] = {}

    def folder(self, name: str) -> Path:
        """A new folder for the bundle ``name``."""
        path = self.root / name / "stick"
        path.mkdir(parents=True)
        return path

    def copy_of(self, stick: Path, name: str) -> Path:
        """A copy of ``stick`` as the bundle ``name``, to be changed."""
        return shutil.copytree(stick, self.root / name / "stick", copy_function=shutil.copyfile)

    def add(
        self,
        name: str,
        van: Van,
        *,
        enrolled: dict[str, PublicKey] | None = None,
        recipients: tuple[str, ...] | None = None,
        heads: dict[PublicKey, SeenHead] | None = None,
        with_key: bool = True,
        identity: X25519Identity | None = None,
        top: str = "stick",
    ) -> None:
        """Note what `verify` says of the bundle ``name``, whose recorder is ``van``."""
        own = identity or van.identity
        known = {VEHICLE: van.store.key.public} if enrolled is None else enrolled
        readers = (own.recipient.text,) if recipients is None else recipients
        keys = self.root / name / f"keys {with_key}"
        shutil.copytree(self._keys_for(known, readers), keys)
        advance_heads(keys, heads or {})
        case: dict[str, Any] = {"name": name, "top": top, "with_key": with_key, "identity": own.text}
        case["known"] = {
            kind: _read(keys / file)
            for kind, file in (("recorders", "recorders.toml"), ("heads", HEADS_NAME), ("recipients", "recipient.txt"))
        }
        case |= self._said(name, keys, [own] if with_key else None)
        self.cases.append(case)

    def _keys_for(self, known: dict[str, PublicKey], readers: tuple[str, ...]) -> Path:
        """A folder of keys that knows these, made once."""
        wanted = (tuple(known.items()), readers)
        if wanted not in self._keys:
            folder = self.root / f"keys {len(self._keys)}"
            folder.mkdir()
            (folder / "recipient.txt").write_text("".join(f"{text}\n" for text in readers))
            for vehicle, key in known.items():
                enrol(folder, vehicle, key)
            if not readers:
                (folder / "recipient.txt").unlink()
            self._keys[wanted] = folder
        return self._keys[wanted]

    def _said(self, name: str, keys: Path, identities: list[X25519Identity] | None) -> dict[str, Any]:
        try:
            report = verify(self.root / name / "stick", Trust.load(keys), identities)
        except BundleError:
            return {"refused": "not-a-bundle"}
        except AgeNoMatchError as error:
            return {"refused": "opens-nothing", "message": str(error)}
        before = _read(keys / HEADS_NAME)
        if report.verdict == "attested":
            advance_heads(keys, report.heads)
        after = _read(keys / HEADS_NAME)
        return {
            "lines": report.lines,
            "exit_code": report.exit_code,
            "report": report.as_json(),
            "heads": None if after == before else after,
            "stories": _stories(self.root / name / "stick", identities),
        }

    def write(self) -> Path:
        """``cases.json``."""
        path = self.root / "cases.json"
        path.write_text(json.dumps(self.cases))
        return path


def _stories(stick: Path, identities: list[X25519Identity] | None) -> list[dict[str, Any]]:
    """What `report` tells of each journey."""
    papers = read_papers(look(stick), identities, [])
    entries = [() if one.logs is None else one.logs.entries for one in papers]
    return [
        {
            "moments": [[m.at, m.clock, m.text] for m in story(each)],
            "segments": [[row.number, row.began, row.ended, row.sha256, list(row.gaps)] for row in segment_rows(each)],
        }
        for each in entries
    ]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


# --- the whole set -----------------------------------------------------------------------------------------------


def build(root: Path, segments: list[bytes]) -> Path:
    """All of it; the path of ``cases.json``."""
    catalogue = Catalogue(root)
    held = Held.build(root, segments)
    _of_one_stick(catalogue, held)
    _of_trust(catalogue, held, root)
    _of_several_journeys(catalogue, root, segments)
    _of_pasts(catalogue, root)
    return catalogue.write()


def _of_one_stick(catalogue: Catalogue, held: Held) -> None:
    catalogue.copy_of(held.stick, "attested")
    for with_key in (True, False):
        catalogue.add("attested", held.van, with_key=with_key)
    shutil.copytree(held.stick / "CABIN-EXPORT", catalogue.root / "the folder itself/stick/CABIN-EXPORT")
    catalogue.add("the folder itself", held.van, top="stick/CABIN-EXPORT")
    for name, damage in damages(held):
        damage(held.in_copy(catalogue.copy_of(held.stick, name)))
        catalogue.add(name, held.van)
        catalogue.add(name, held.van, with_key=False)
    for name, data in manifests():
        copy = catalogue.copy_of(held.stick, f"a manifest: {name}")
        (held.in_copy(copy) / "manifest.json").write_bytes(data)
        catalogue.add(f"a manifest: {name}", held.van)
    for name, changes in signed_changes(held):
        resigned(held.in_copy(catalogue.copy_of(held.stick, f"signed: {name}")), held.van.store.key, **changes)
        catalogue.add(f"signed: {name}", held.van)
    for log, each in (("log.jsonl.age", log_changes(held)), ("ledger.jsonl.age", ledger_changes(held))):
        for name, change in each:
            title = f"{log}: {name.replace('/', '|')}"
            rewritten(held, held.in_copy(catalogue.copy_of(held.stick, title)), log, change)
            catalogue.add(title, held.van)
    for name in (
        "\x1b[2J\x07.mp4.age",
        "naïve",
        "-rf",
        "0001.mp4.age",
        "1234567890.mp4.age",
        "x" * 200,
        "it's",
        "\u202egpj",
    ):
        title = f"odd name {name.encode().hex()[:40]}"
        (held.in_copy(catalogue.copy_of(held.stick, title)) / name).write_bytes(b"x")
        catalogue.add(title, held.van)
    for name in ("..data", "a\\b", "é", " lead", "x" * 65, "<img src=x>", "__proto__", "constructor"):
        title = f"odd folder {name.encode().hex()[:40]}"
        copy = catalogue.copy_of(held.stick, title)
        for folder in (held.in_copy(copy).with_name(name), copy / "CABIN-EXPORT" / name):
            folder.mkdir()
            (folder / "file").write_bytes(b"x")
        catalogue.add(title, held.van)
    _of_replaced_bodies(catalogue, held)


def _of_replaced_bodies(catalogue: Catalogue, held: Held) -> None:
    folder = held.in_copy(catalogue.copy_of(held.stick, "swapped and signed"))
    swap(folder)
    resigned(folder, held.van.store.key)
    catalogue.add("swapped and signed", held.van)
    folder = held.in_copy(catalogue.copy_of(held.stick, "bodies replaced and signed"))
    flip(folder / "00002.mp4.age", 5000)
    cut(folder / "00003.mp4.age", -5000)
    resigned(folder, held.van.store.key)
    catalogue.add("bodies replaced and signed", held.van)
    folder = held.in_copy(catalogue.copy_of(held.stick, "segment removed and signed"))
    (folder / "00002.mp4.age").unlink()
    resigned(folder, held.van.store.key)
    catalogue.add("segment removed and signed", held.van)
    folder = held.in_copy(catalogue.copy_of(held.stick, "segment added and signed"))
    shutil.copy(folder / "00001.mp4.age", folder / "00009.mp4.age")
    resigned(folder, held.van.store.key)
    catalogue.add("segment added and signed", held.van)
    for name, header in headers():
        folder = held.in_copy(catalogue.copy_of(held.stick, f"header: {name}"))
        segment = (folder / "00001.mp4.age").read_bytes()
        (folder / "00001.mp4.age").write_bytes(header(segment))
        resigned(folder, held.van.store.key)
        catalogue.add(f"header: {name}", held.van)
    other = held.van.begin()
    text = held.van.store.log(other).path.read_bytes()
    folder = held.in_copy(catalogue.copy_of(held.stick, "log of another journey"))
    (folder / "log.jsonl.age").write_bytes(encrypt_bytes(text, [held.van.identity.recipient]))
    resigned(folder, held.van.store.key)
    catalogue.add("log of another journey", held.van)
    folder = held.in_copy(catalogue.copy_of(held.stick, "ledger in the log's place"))
    shutil.copy(folder / "ledger.jsonl.age", folder / "log.jsonl.age")
    resigned(folder, held.van.store.key)
    catalogue.add("ledger in the log's place", held.van)


def _of_trust(catalogue: Catalogue, held: Held, root: Path) -> None:
    other = DeviceKey.load_or_create(root / "other.key")
    for name, enrolled in (
        ("unknown", {}),
        ("another's vehicle", {"Van 8": other.public}),
        ("another key", {VEHICLE: other.public}),
    ):
        catalogue.copy_of(held.stick, name)
        catalogue.add(name, held.van, enrolled=enrolled)
    for name, enrolled in (("signed anew", None), ("signed anew, nobody known", {})):
        folder = held.in_copy(catalogue.copy_of(held.stick, name))
        resigned(folder, other, recorder=other.public_text)
        catalogue.add(name, held.van, enrolled=enrolled)
    catalogue.copy_of(held.stick, "another office's key")
    catalogue.add("another office's key", held.van, identity=X25519Identity.generate())
    catalogue.copy_of(held.stick, "no list of readers")
    catalogue.add("no list of readers", held.van, recipients=())
    stick = catalogue.folder("no bundle")
    (stick / "film.mp4").write_bytes(b"x")
    catalogue.add("no bundle", held.van)
    stick = catalogue.folder("an empty bundle")
    (stick / "CABIN-EXPORT").mkdir()
    (stick / "CABIN-EXPORT" / ".DS_Store").write_bytes(b"x")
    catalogue.add("an empty bundle", held.van)
    folder = held.in_copy(catalogue.copy_of(held.stick, "a ledger for one more reader"))
    with (folder / "ledger.jsonl.age").open("rb") as file:
        text = b"".join(decrypt(file, [held.van.identity]))
    both = [held.van.identity.recipient, X25519Identity.generate().recipient]
    (folder / "ledger.jsonl.age").write_bytes(encrypt_bytes(text, both))
    resigned(folder, held.van.store.key)
    catalogue.add("a ledger for one more reader", held.van)


def _of_several_journeys(catalogue: Catalogue, root: Path, segments: list[bytes]) -> None:
    van = Van.build(root / "second van")
    stranger = X25519Identity.generate()
    kept, removed = van.held_journey(fragment(1000)), van.held_journey(fragment(1000))
    stick = catalogue.folder("two journeys")
    van.export(stick, kept, removed)
    catalogue.add("two journeys", van)
    shutil.rmtree(van.folder(catalogue.copy_of(stick, "a journey taken off"), removed))
    catalogue.add("a journey taken off", van)
    copy = catalogue.copy_of(stick, "a journey taken off, a log broken")
    shutil.rmtree(van.folder(copy, removed))
    (van.folder(copy, kept) / "log.jsonl.age").write_bytes(b"")
    catalogue.add("a journey taken off, a log broken", van)
    copy = catalogue.copy_of(stick, "logs exchanged and signed")
    for name in ("log.jsonl.age", "ledger.jsonl.age"):
        shutil.copy(van.folder(copy, removed) / name, van.folder(copy, kept) / name)
    resigned(van.folder(copy, kept), van.store.key)
    catalogue.add("logs exchanged and signed", van)
    old = Van.build(root / "older van")
    one = old.held_journey(fragment(1000))
    stick = catalogue.folder("an older recorder")
    old.export(stick, one)
    as_older(old, old.folder(stick, one), one)
    catalogue.add("an older recorder", old)
    old.export(catalogue.copy_of(stick, "two recorders' ages"), one)
    catalogue.add("two recorders' ages", old)
    read = store_for(van, van.identity, stranger).held_journey(fragment(1000))
    stick = catalogue.folder("a strange reader")
    van.export(stick, read)
    catalogue.add("a strange reader", van)
    shutil.copytree(stick, catalogue.root / "a reader on the list" / "stick")
    on_the_list = (van.identity.recipient.text, stranger.recipient.text)
    catalogue.add("a reader on the list", van, recipients=on_the_list)
    shutil.copytree(stick, catalogue.root / "a strange reader, no list" / "stick")
    catalogue.add("a strange reader, no list", van, recipients=())
    stick = catalogue.folder("a reader of the logs alone")
    readers = [van.identity.recipient, stranger.recipient]
    export(van.store, Target(stick), vehicle=VEHICLE, recipients=readers, journeys=[kept], progress=lambda *_: None)
    catalogue.add("a reader of the logs alone", van)
    mixed = van.held_journey(fragment(1000))
    store_for(van, van.identity, stranger).record(mixed, fragment(1000))
    stick = catalogue.folder("a segment with one more reader")
    van.export(stick, mixed)
    catalogue.add("a segment with one more reader", van)
    _accounted_for(catalogue, van, segments)
    for step_s, quality in (
        (0, "synchronised"),
        (12.25, "synchronised"),
        (-3600, "synchronised"),
        (2, "rtc"),
        (0, "unproven"),
    ):
        van.clock.reboot(f"boot-{quality}-{step_s}", quality="unproven")
        journey = van.held_journey(fragment(1000))
        van.clock.set_wall(step_s, quality)  # type: ignore[arg-type]
        van.export(catalogue.folder(f"a clock {step_s} {quality}"), journey)
        catalogue.add(f"a clock {step_s} {quality}", van)


def _accounted_for(catalogue: Catalogue, van: Van, segments: list[bytes]) -> None:
    """Deleted before, with a tombstone; or still being recorded."""
    journey = van.begin()
    van.record(journey, segments[0])
    van.clock.advance(700)  # what comes now is of another epoch
    van.record(journey, segments[1])
    delete_segments(van.store, [Verdict(van.store.journey(journey).footage[0], Reason.DUE, "is a day old")])
    van.store.hold(journey, "driver", "hold button")
    writer = van.open_segment(journey, segments[2])
    van.export(catalogue.folder("segments accounted for"), journey)
    os.close(writer._fd)
    catalogue.add("segments accounted for", van)


def _of_pasts(catalogue: Catalogue, root: Path) -> None:
    """What the office has seen of a ledger before, against what it is brought now."""
    van = Van.build(root / "third van")
    first = van.held_journey(fragment(1000))
    card = card_of(van, root / "card")
    van.export(catalogue.folder("first stick"), first)
    seen = verify(root / "first stick" / "stick", van.trust, [van.identity]).heads
    catalogue.add("first stick", van)
    second = van.held_journey(fragment(1000))
    stick = catalogue.folder("second stick")
    van.export(stick, second)
    newer = verify(stick, van.trust, [van.identity]).heads
    catalogue.add("second stick", van, heads=dict(seen))
    shutil.copytree(root / "first stick" / "stick", root / "an older stick" / "stick")
    catalogue.add("an older stick", van, heads=dict(newer))
    both = shutil.copytree(root / "first stick" / "stick", root / "both again" / "stick")
    shutil.copytree(van.folder(stick, second), van.folder(both, second))
    catalogue.add("both again", van, heads=dict(newer))
    put_back(van, card)
    van.clock.advance(3600)
    van.export(catalogue.folder("put back"), first)
    catalogue.add("put back", van, heads=dict(newer))
    for _ in range(5):
        last = van.held_journey(fragment(500))
    van.export(catalogue.folder("put back and written on"), last)
    catalogue.add("put back and written on", van, heads=dict(newer))
    copy = shutil.copytree(root / "put back and written on" / "stick", root / "two pasts on one stick" / "stick")
    shutil.copytree(van.folder(root / "second stick" / "stick", second), van.folder(copy, second))
    catalogue.add("two pasts on one stick", van)
    ledger = van.store.ledger
    for number in range(5):
        ledger.append("start", {"number": number})
    heads = {van.store.key.public: SeenHead(2, "ab" * 32, "2026-11-22T13:11:43.000Z")}
    old = ledger.path.with_name("ledger.000000001.jsonl")
    ledger.go_on_in_new_file(old, words.LEDGER_CONTINUED, {"heads": [], "carried": [], "era": 1})
    seq = ledger.end[0]
    old.unlink()
    for dropped in (False, True):
        if dropped:
            ledger.append(words.LEDGER_DROPPED, {"file": old.name, "first": 1, "last": seq - 1, "head": "0" * 64})
        name = "a year later" if dropped else "a beginning that nobody accounts for"
        van.export(catalogue.folder(name), van.held_journey(fragment(1000)))
        catalogue.add(name, van, heads=heads)
