"""What a check may say, and the verdict that follows from all it said.

Rules: a finding names the file, in words a lead understands, and is either wrong or a remark; the verdict is computed
from findings, never set. Names from a stick are shown so that they cannot do anything to a terminal.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["attested", "consistent", "wrong"]

_EXIT_CODES: dict[Verdict, int] = {"attested": 0, "wrong": 3, "consistent": 4}
_WORDS: dict[Verdict, str] = {
    "attested": "attested: everything checked is as the known recorder signed it.",
    "consistent": "consistent, but by an unknown recorder: give the key noted at its installation with --recorder.",
    "wrong": "wrong: see above.",
}
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say. ``journey`` and ``file`` are as shown to people; empty where it concerns the whole."""

    journey: str
    file: str
    text: str
    is_wrong: bool

    @property
    def line(self) -> str:
        """For people."""
        place = "/".join(part for part in (self.journey, self.file) if part)
        return f"{'WRONG' if self.is_wrong else 'note '} {place + ': ' if place else ''}{self.text}"


@dataclass(frozen=True, slots=True)
class JourneyVerdict:
    """One journey of a bundle. ``recorder``: the public key its manifest names, empty where there is no manifest.

    ``fingerprint``: of that key. ``is_known``: it is the key the caller trusts, and it signed the manifest.
    """

    vehicle: str
    journey: str
    recorder: str
    fingerprint: str
    is_known: bool
    files: int
    size_bytes: int

    @property
    def line(self) -> str:
        """For people."""
        signer = f"recorder {self.fingerprint}" if self.fingerprint else "nobody"
        known = "" if self.is_known else ", not known here"
        size = f"{self.files} files, {self.size_bytes / 1e6:.1f} MB"
        return f"{self.vehicle} {self.journey}: {size}, signed by {signer}{known}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check found. ``is_inside_checked``: an identity was given, so logs and their hashes were checked too."""

    journeys: tuple[JourneyVerdict, ...]
    findings: tuple[Finding, ...]
    is_inside_checked: bool

    @property
    def verdict(self) -> Verdict:
        """Wrong where anything is; else attested where every journey's recorder is known."""
        if any(finding.is_wrong for finding in self.findings):
            return "wrong"
        return "attested" if all(journey.is_known for journey in self.journeys) else "consistent"

    @property
    def exit_code(self) -> int:
        """0 attested, 3 wrong, 4 consistent but by an unknown recorder."""
        return _EXIT_CODES[self.verdict]

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        inside = (
            () if self.is_inside_checked else ("The inside was not checked; give the office's key with -i for that.",)
        )
        return (
            *(journey.line for journey in self.journeys),
            *(finding.line for finding in self.findings),
            *inside,
            f"Verdict: {_WORDS[self.verdict]}",
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "inside_checked": self.is_inside_checked,
            "journeys": [asdict(journey) for journey in self.journeys],
            "findings": [asdict(finding) for finding in self.findings],
        }


def shown(name: str) -> str:
    """A name from a stick, fit to be printed: escaped where it is not plain, and of bounded length."""
    text = name if name.isascii() and name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def first_of_each(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The first wrong thing of each file, and all that is not about a file."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for finding in dict.fromkeys(findings):
        place = (finding.journey, finding.file)
        if finding.file and place in seen:
            continue
        if finding.is_wrong:
            seen.add(place)
        kept.append(finding)
    return tuple(kept)
