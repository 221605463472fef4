"""The keys under which headers lie on the card, and the one operation that adds and erases them.

A header is sealed under the key of its epoch; the epochs' keys are a table, sealed under a secret that lies in a slot
(:mod:`recorder.vault.slots`) and nowhere else. To erase is to seal a table without a key under a new secret, and to
wipe the old one: from then on nobody opens the old table, nor any header under that key, wherever copies linger.

Rules: every method is called under the store's lock; each reads the card and the slot afresh, for other processes work
on them too; a turn that was interrupted is finished by the next call; a secret is used for one table and never again.
The formats and the numbered procedure are in the README, "Turning the keyring".
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from recorder.errors import StoreError
from recorder.timekeeping import NS_PER_S
from recorder.vault import diskio
from recorder.vault.sealing import EPOCH_BYTES, KEY_BYTES, NONCE_BYTES
from recorder.vault.slots import PLACES, SECRET_BYTES, Kind, Slot

Erasure = Literal["slot", "file", "unlink"]

_MAGIC = b"cabin-recorder keyring 1\n"
_GENERATION_BYTES = 8
_CLEAR_BYTES = len(_MAGIC) + _GENERATION_BYTES + NONCE_BYTES
_KINDS: tuple[Kind, ...] = ("slot", "file")


@dataclass(frozen=True, slots=True)
class EpochKey:
    """``weakest``: the weakest slot that has ever guarded it, which is how well it can be erased."""

    key: bytes
    weakest: Kind


@dataclass(frozen=True, slots=True)
class _Table:
    generation: int
    secret: bytes
    keys: Mapping[int, EpochKey]


@dataclass(frozen=True, slots=True)
class _Spot:
    slot: Slot
    place: int


class Keyring:
    """The keyring in ``folder``. ``slots``: where its secret may lie, the best first. ``epoch_s``: see :meth:`current`.

    ``alarms``: what the last call found wrong and worked around, a sentence each.
    """

    def __init__(self, folder: Path, slots: Sequence[Slot], epoch_s: float) -> None:
        self._copies = (folder / "keyring.0", folder / "keyring.1")
        self._slots = tuple(slots)
        self._epoch_ns = round(epoch_s * NS_PER_S)
        self._epoch: tuple[int, int] | None = None  # this process's own: its number, and when it began
        self._table = _Table(0, b"", {})
        self._spot: _Spot | None = None
        self.alarms: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """What kind of slot the secret lies in; before anything was sealed, the kind of the best."""
        return self._spot.slot.kind if self._spot else self._slots[0].kind

    def keys(self) -> Mapping[int, EpochKey]:
        """The keys that are there, by epoch; the turn that a crash interrupted is finished. StoreError."""
        self._load()
        return self._table.keys

    def current(self, now_ns: int) -> int:
        """The epoch of what begins now (boottime); a new one where the present one is ``epoch_s`` old. StoreError."""
        keys = self.keys()
        if self._epoch is None or self._epoch[0] not in keys or now_ns - self._epoch[1] >= self._epoch_ns:
            (number,) = self.add(1)
            self._epoch = number, now_ns
        return self._epoch[0]

    def add(self, count: int) -> tuple[int, ...]:
        """``count`` new epochs, in one turn: their numbers, random and in no use. StoreError."""
        keys = dict(self.keys())
        added: dict[int, EpochKey] = {}
        while len(added) < count:
            number = int.from_bytes(os.urandom(EPOCH_BYTES), "big")
            if number not in keys:
                added[number] = EpochKey(os.urandom(KEY_BYTES), "slot")
        self._turn(keys | added)
        return tuple(added)

    def erase(self, epochs: Collection[int]) -> dict[int, Erasure]:
        """Erase the keys of ``epochs``, in one turn: for each, how well. One that was not there is as good.

        StoreError where no new table can be made; then the keys are still there.
        """
        keys = self.keys()
        is_wiped = True
        if any(epoch in keys for epoch in epochs):
            is_wiped = self._turn({epoch: key for epoch, key in keys.items() if epoch not in epochs})
        return {epoch: keys[epoch].weakest if is_wiped and epoch in keys else "unlink" for epoch in epochs}

    # --- reading -------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Find the newest table that a secret opens; finish what was interrupted; say what is wrong."""
        self.alarms = ()
        copies = [self._read(path) for path in self._copies]
        found, used = self._search(copies)
        if found is not None:
            self._table, self._spot = found
            self._finish(copies, used)
        elif self._table.secret and any(_open(copy, self._table.secret) for copy in copies if copy):
            self._alarm("The slot lost its secret while the recorder runs, and gets a new one. Check its battery.")
            self._spot = None
            self._turn(self._table.keys)
        else:
            self._begin_anew(max((_generation(copy) for copy in copies if copy), default=0))

    def _read(self, path: Path) -> bytes | None:
        """A copy of the table, sealed; None where there is none that could be opened."""
        if not path.exists():
            return None
        try:
            with diskio.disk_errors(f"{path} cannot be read"):
                data = path.read_bytes()
        except StoreError as error:
            self._alarm(str(error))
            return None
        if len(data) < _CLEAR_BYTES or not data.startswith(_MAGIC):
            self._alarm(f"{path} is damaged; its other copy is used.")
            return None
        return data

    def _search(self, copies: Sequence[bytes | None]) -> tuple[tuple[_Table, _Spot] | None, set[_Spot]]:
        """The newest table that can be opened, where its secret lies, and every place that is not blank."""
        best: tuple[_Table, _Spot] | None = None
        used: set[_Spot] = set()
        for slot in self._slots:
            try:
                places = slot.read()
            except StoreError as error:
                self._alarm(str(error))
                continue
            for place in places:
                spot = _Spot(slot, place.number)
                used |= set() if place.blank else {spot}
                for copy in copies:
                    table = _open(copy, place.secret) if copy and place.secret else None
                    if table is not None and (best is None or table.generation > best[0].generation):
                        best = table, spot
        return best, used

    def _finish(self, copies: Sequence[bytes | None], used: set[_Spot]) -> None:
        """Steps 3 and 4 of a turn that was cut before them; nothing where it was not."""
        sealed = next(copy for copy in copies if copy and _generation(copy) == self._table.generation)
        for spot in used - {self._spot}:
            self._wipe(spot)
        for path, copy in zip(self._copies, copies, strict=True):
            if copy != sealed:
                _write(path, sealed)

    def _begin_anew(self, generation: int) -> None:
        """No table can be opened: a first start, or a slot that forgot while the power was off."""
        if all(path.exists() for path in self._copies):  # one alone is from a first turn that was cut
            self._alarm(
                "No secret opens the keyring: the slot has lost it. What was recorded before and is not held opens to "
                "nobody any more; what is held is not touched. Check the battery of the clock."
            )
        self._table, self._spot = _Table(generation, b"", {}), None

    # --- turning -------------------------------------------------------------------------------------------------

    def _turn(self, keys: Mapping[int, EpochKey]) -> bool:
        """A new table under a new secret. The moment the old secret is wiped is the moment of erasure; whether it was.

        StoreError where no slot takes the new secret, or the card not the table; then the old ones still count.
        """
        old = self._spot
        for slot in self._slots:
            table = _Table(self._table.generation + 1, os.urandom(SECRET_BYTES), _guarded_by(slot.kind, keys))
            sealed, first = _seal(table), table.generation % len(self._copies)
            _write(self._copies[first], sealed)  # 1
            place = 1 - old.place if old is not None and old.slot == slot else 0
            try:
                slot.write(place, table.generation, table.secret)  # 2
            except StoreError as error:
                self._alarm(f"{error} Until it does, deletion is weaker.")
                continue
            self._table, self._spot = table, _Spot(slot, place)
            wiped = [self._wipe(spot) for spot in self._others()]  # 3
            _write(self._copies[1 - first], sealed)  # 4
            return all(wiped)
        raise StoreError("No slot takes the secret of the keyring; nothing can be sealed or erased. See keys.slot.")

    def _others(self) -> list[_Spot]:
        """Every place but the present one that may hold a secret; one that cannot be looked at may."""
        spots = []
        for slot in self._slots:
            try:
                blank = {place.number for place in slot.read() if place.blank}
            except StoreError:
                blank = set()  # wiping it says why
            spots += [_Spot(slot, place) for place in PLACES if place not in blank]
        return [spot for spot in spots if spot != self._spot]

    def _wipe(self, spot: _Spot) -> bool:
        try:
            spot.slot.wipe(spot.place)
        except StoreError as error:
            self._alarm(f"{error} An old secret may still lie there.")
            return False
        return True

    def _alarm(self, sentence: str) -> None:
        self.alarms = (*self.alarms, sentence)


def _guarded_by(kind: Kind, keys: Mapping[int, EpochKey]) -> dict[int, EpochKey]:
    return {epoch: key if kind == "slot" else replace(key, weakest=kind) for epoch, key in keys.items()}


def _generation(sealed: bytes) -> int:
    return int.from_bytes(sealed[len(_MAGIC) :][:_GENERATION_BYTES], "big")


def _write(path: Path, sealed: bytes) -> None:
    with diskio.disk_errors(f"{path} cannot be written"):
        diskio.create_file(path, sealed)


def _seal(table: _Table) -> bytes:
    clear = _MAGIC + table.generation.to_bytes(_GENERATION_BYTES, "big")
    nonce = os.urandom(NONCE_BYTES)
    rows = [
        epoch.to_bytes(EPOCH_BYTES, "big") + bytes([_KINDS.index(key.weakest)]) + key.key
        for epoch, key in table.keys.items()
    ]
    return clear + nonce + _aead(table.secret).encrypt(nonce, b"".join(rows), clear)


def _open(sealed: bytes, secret: bytes) -> _Table | None:
    bound = _CLEAR_BYTES - NONCE_BYTES
    clear, nonce = sealed[:bound], sealed[bound:_CLEAR_BYTES]
    try:
        rows = _aead(secret).decrypt(nonce, sealed[_CLEAR_BYTES:], clear)
    except InvalidTag:
        return None
    width = EPOCH_BYTES + 1 + KEY_BYTES
    keys = {
        int.from_bytes(row[:EPOCH_BYTES], "big"): EpochKey(row[EPOCH_BYTES + 1 :], _KINDS[row[EPOCH_BYTES]])
        for row in (rows[start : start + width] for start in range(0, len(rows), width))
    }
    return _Table(_generation(sealed), secret, keys)


def _aead(secret: bytes) -> ChaCha20Poly1305:
    """RFC 5869 with SHA-256 makes 32 bytes of the slot's 16."""
    return ChaCha20Poly1305(HKDF(hashes.SHA256(), KEY_BYTES, None, b"cabin-recorder keyring 1").derive(secret))
