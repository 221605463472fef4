"""What a check may say, and the verdict that follows from all it said.

Rules: a finding names the file, in words a lead understands, and is either wrong or a remark; the verdict is computed
from findings, never set. Names from a stick are shown so that they cannot do anything to a terminal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from recorder.office.heads import SeenHead
from recorder.vault.signing import PublicKey

Verdict = Literal["attested", "consistent", "wrong"]

_EXIT_CODES: dict[Verdict, int] = {"attested": 0, "wrong": 3, "consistent": 4}
_WORDS: dict[Verdict, str] = {
    "attested": "attested: everything that was checked is as a recorder that this office knows signed it.",
    "consistent": "consistent, but by an unknown recorder: compare its fingerprint with the one that its installation "
    "printed, and if they are the same, enrol it (cabin-recorder enrol).",
    "wrong": "wrong: each line above that begins with WRONG says what, and where.",
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
    """One journey of a bundle.

    ``folder``: its name on the stick. ``journey``: its id, or the folder's name where no log tells it. ``recorder``:
    the public key its manifest names, empty where there is no manifest; ``fingerprint``: of that. ``known_as``: the
    name by which this office knows the key that signed it, empty where it does not. ``clock``: how far its clock was
    off, empty where nothing was said of it.
    """

    vehicle: str
    folder: str
    journey: str
    recorder: str
    fingerprint: str
    known_as: str
    files: int
    size_bytes: int
    clock: str

    @property
    def is_known(self) -> bool:
        """Whether a recorder that is known here signed the manifest."""
        return bool(self.known_as)

    @property
    def line(self) -> str:
        """For people."""
        signer = f"recorder {self.fingerprint}" if self.fingerprint else "nobody"
        known = f" ({shown(self.known_as)})" if self.is_known else ", not known here"
        place = "" if self.folder == self.journey else f" (folder {self.folder})"
        size = f"{self.files} files, {self.size_bytes / 1e6:.1f} MB"
        clock = f"; {self.clock}" if self.clock else ""
        return f"{self.vehicle} {self.journey}{place}: {size}, signed by {signer}{known}{clock}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check found. ``is_inside_checked``: an identity was given, so logs and their hashes were checked too.

    ``heads``: how far the ledgers of known recorders were seen; to be remembered where :attr:`verdict` is attested.
    """

    journeys: tuple[JourneyVerdict, ...]
    findings: tuple[Finding, ...]
    is_inside_checked: bool
    heads: Mapping[PublicKey, SeenHead]

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
            "journeys": [asdict(journey) | {"is_known": journey.is_known} for journey in self.journeys],
            "findings": [asdict(finding) for finding in self.findings],
        }


def shown(name: str) -> str:
    """A name from a stick, fit to be printed: escaped where it is not plain, and of bounded length."""
    text = name if name.isascii() and name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def first_of_each(findings: Iterable[Finding], ids: Mapping[str, str]) -> tuple[Finding, ...]:
    """The first wrong thing of each file, and all that is not about a file. ``ids``: of journeys, by their folders."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for finding in dict.fromkeys(findings):
        place = (finding.journey, finding.file)
        if finding.file and place in seen:
            continue
        if finding.is_wrong:
            seen.add(place)
        kept.append(replace(finding, journey=ids.get(finding.journey, finding.journey)))
    return tuple(kept)
