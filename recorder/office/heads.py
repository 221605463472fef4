"""How far this office has seen each recorder's ledger: the one witness that nobody at the recorder can reach.

``ledger-heads.json`` lies beside ``recorders.toml`` and has, for each recorder, number, hash and time of the last line
that a good check saw. Rules: it is replaced whole, and only ever goes forward; what it says against a copy is a
finding, and where the two cannot be compared that is said as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recorder.errors import OutputError, StoreError, UsageError
from recorder.vault import diskio
from recorder.vault.signing import PublicKey
from recorder.vault.verification import Chain

HEADS_NAME = "ledger-heads.json"


class SeenHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a recorder's ledger: its number, its hash, and when it was written (ISO 8601, by the recorder)."""

    seq: int
    head: str
    utc: str


@dataclass(frozen=True, slots=True)
class LedgerCopy:
    """A copy of a recorder's ledger, proven from its beginning to its end. ``utc``: of its last line."""

    chain: Chain
    utc: str

    @property
    def head(self) -> SeenHead:
        """Its last line."""
        return SeenHead(self.chain.last_seq, self.chain.hashes[-1], self.utc)


def load_heads(folder: Path) -> dict[PublicKey, SeenHead]:
    """What is known of each recorder; nothing where there is no file yet. UsageError where it cannot be read."""
    path = folder / HEADS_NAME
    try:
        said = msgspec.json.decode(path.read_bytes(), type=dict[str, SeenHead])
        return {PublicKey.parse(text): head for text, head in said.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); restore it from a copy, or move it away: then a ledger that was put "
            "back before today is not noticed."
        ) from error


def advance_heads(folder: Path, seen: Mapping[PublicKey, SeenHead]) -> None:
    """Remember what was ``seen``, where it goes beyond what is known. OutputError, UsageError."""
    if not seen:
        return
    try:
        with diskio.locked(folder):
            known = load_heads(folder)
            ahead = {key: head for key, head in seen.items() if key not in known or known[key].seq < head.seq}
            if ahead:
                texts = {key.text: head for key, head in (known | ahead).items()}
                with diskio.disk_errors(f"{folder / HEADS_NAME} cannot be written"):
                    diskio.create_file(folder / HEADS_NAME, msgspec.json.format(msgspec.json.encode(texts)) + b"\n")
    except StoreError as error:
        raise OutputError(f"{error} So the next check cannot tell whether this ledger was put back since.") from error


def against(copy: LedgerCopy, seen: SeenHead) -> tuple[str, bool] | None:
    """What an earlier look at the same ledger says of a ``copy``, and whether it is wrong; None where they agree."""
    chain = copy.chain
    there = chain.hash_of(seen.seq)
    if there == seen.head:
        return None
    if there is not None:
        return (
            f"tells another past than the one this office saw: entry {seen.seq} is another than then. "
            "On the recorder the ledger was put back to an older state and written on.",
            True,
        )
    if chain.last_seq >= seen.seq:
        return (
            f"begins with entry {chain.first_seq}, and this office has seen it up to entry {seen.seq} only: what is "
            "between was a year old and removed, so the two could not be compared.",
            False,
        )
    if copy.utc > seen.utc:
        return (
            f"ends with entry {chain.last_seq}, and this office has seen entry {seen.seq}, which is older than that: "
            "on the recorder the ledger was put back to an older state.",
            True,
        )
    return (
        f"is an older copy (to entry {chain.last_seq}) than this office has seen of it (to entry {seen.seq}); "
        "the two could not be compared.",
        False,
    )
