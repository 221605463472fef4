"""The copies of recorders' ledgers on a stick: against one another, and against what this office has seen before.

A journey brings a copy of its recorder's ledger, as long as it was at the export. Rules: only copies that are proven to
their end are compared; where two tell different pasts, both cannot be true, and that is said of the shorter one.
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
        for one, copy in copies:
            said = against(copy, trust.heads[key]) if key in trust.heads else None
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


def _copies(papers: Sequence[Papers]) -> dict[PublicKey, list[tuple[Papers, LedgerCopy]]]:
    """By recorder, the shortest first."""
    copies: dict[PublicKey, list[tuple[Papers, LedgerCopy]]] = {}
    for one in papers:
        copy = None if one.logs is None else one.logs.copy
        if one.key is not None and copy is not None:
            copies.setdefault(one.key, []).append((one, copy))
    return {key: sorted(each, key=lambda pair: pair[1].chain.last_seq) for key, each in copies.items()}
