"""The copies of recorders' ledgers on a stick: against one another, and against what this office has seen before.

A journey brings a copy of its recorder's ledger, as long as it was at the export. Rules: only copies that are proven to
their end are compared; where two tell different pasts, both cannot be true, and that is said of the shorter one; what
the office saw before is in a copy, or in another on the same stick that goes on behind its last line.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from recorder import manifest
from recorder.office.findings import Finding
from recorder.office.heads import LedgerCopy, SeenHead, against
from recorder.office.papers import Papers
from recorder.office.recorders import Trust
from recorder.vault.signing import PublicKey


def ledger_findings(papers: Sequence[Papers], trust: Trust) -> Iterator[Finding]:
    """What is wrong, or cannot be known, about the ledgers."""
    for key, copies in _copies(papers).items():
        seen = trust.heads.get(key)
        for one, copy in copies:
            said = None if seen is None or _is_as_seen(copy, copies, seen) else against(copy, seen)
            if said is not None:
                yield Finding(one.folder.name, manifest.LEDGER_NAME, *said)
        for (one, copy), (other, longer) in pairwise(copies):
            seq = copy.chain.parts_from(longer.chain)
            if seq is not None:
                text = (
                    f"tells another past than that of {other.name} from entry {seq} on; "
                    "on the recorder it was put back to an older state and written on."
                )
                yield Finding(one.folder.name, manifest.LEDGER_NAME, text, is_wrong=True)


def newest_heads(papers: Sequence[Papers], trust: Trust) -> dict[PublicKey, SeenHead]:
    """How far the ledger of each enrolled recorder reaches, by the copies on this stick."""
    return {key: copies[-1][1].head for key, copies in _copies(papers).items() if key in trust.recorders}


def _is_as_seen(copy: LedgerCopy, copies: Sequence[tuple[Papers, LedgerCopy]], seen: SeenHead) -> bool:
    """Whether one of ``copies`` has both the line that was seen and the last line of ``copy``."""
    last = copy.head
    return any(
        other.chain.hash_of(seen.seq) == seen.head and other.chain.hash_of(last.seq) == last.head for _, other in copies
    )


def _copies(papers: Sequence[Papers]) -> dict[PublicKey, list[tuple[Papers, LedgerCopy]]]:
    """By recorder, the shortest first."""
    copies: dict[PublicKey, list[tuple[Papers, LedgerCopy]]] = {}
    for one in papers:
        copy = None if one.logs is None else one.logs.copy
        if one.key is not None and copy is not None:
            copies.setdefault(one.key, []).append((one, copy))
    return {key: sorted(each, key=lambda pair: pair[1].chain.last_seq) for key, each in copies.items()}
