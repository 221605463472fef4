"""A folder to hand on: films, logs, the custody report, hashes, and a page that plays them without any key.

Rules: it is made new, and nothing in it opens anything else; it counts as disclosed when the register says so, which
comes last; where the register refuses, that is said, and the folder is not to be handed on.
"""

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import OutputError, StoreError, UsageError
from recorder.office.findings import VerifyReport
from recorder.office.open import OpenReport, Progress, open_bundle
from recorder.office.output import write_new
from recorder.office.recorders import Trust
from recorder.office.register import Disclosure, Register
from recorder.office.report import write_report
from recorder.vault import age

REPORT_NAME, PLAYER_NAME, SUMS_NAME = "report.html", "play.html", "SHA256SUMS"
_STYLE = (
    "body{font:12pt/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "video{width:100%;background:#000}code{overflow-wrap:anywhere;font-size:.8em}"
)


@dataclass(frozen=True, slots=True)
class DisclosureReport:
    """What was made, what the check said, and the number of the register's line."""

    folder: Path
    opened: OpenReport
    checked: VerifyReport
    number: int

    @property
    def exit_code(self) -> int:
        """That of the check, or of the opening where that found more wrong."""
        return self.opened.exit_code or self.checked.exit_code

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        return (*self.opened.lines, f"{self.folder}: line {self.number} of the register. Hand on the whole folder.")


def disclose(
    bundle: Path,
    trust: Trust,
    identities: Sequence[age.Identity],
    out: Path,
    *,
    disclosure: Disclosure,
    register: Register,
    progress: Progress,
) -> DisclosureReport:
    """Make the folder ``out``, which must be new or empty, and enter it in ``register``.

    UsageError where ``out`` or ``disclosure`` will not do: then nothing was made. What open, verify and register raise.
    """
    if disclosure.missing:
        raise UsageError(f"The register needs to know {', '.join(disclosure.missing)}; nothing was made.")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty; what is handed on must be in a folder of its own. Name a new one.")
    opened = open_bundle(bundle, identities, out, progress)
    checked = write_report(bundle, trust, identities, out / REPORT_NAME)
    try:
        write_new(out / PLAYER_NAME, _player(opened, disclosure).encode())
        sums = {path.name: _sha256(path) for path in sorted(out.iterdir())}
        write_new(out / SUMS_NAME, "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode())
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}; remove it and begin again.") from error
    try:
        entry = register.add(disclosure, [journey.journey for journey in opened.journeys], checked.verdict, sums)
    except StoreError as error:
        raise OutputError(f"{error} Do not hand on {out}: it is not in the register.") from error
    return DisclosureReport(out, opened, checked, entry.seq)


def _player(opened: OpenReport, disclosure: Disclosure) -> str:
    """A page without script: a player for each film, from the folder that it lies in."""
    films = "\n".join(
        f"<h2>{html.escape(movie.path.name)}</h2>\n"
        f'<video controls preload="metadata" src="{html.escape(movie.path.name)}"></video>\n'
        f"<p>{float(movie.duration_s):.1f} seconds.</p>"
        for journey in opened.journeys
        for movie in journey.movies
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; media-src 'self' file:; "
        "style-src 'unsafe-inline'\">"
        f"<title>Recordings</title><style>{_STYLE}</style></head><body>\n<h1>Recordings</h1>\n"
        f"<p>Handed to {html.escape(disclosure.to)}, reference {html.escape(disclosure.reference)}. "
        f"How they were checked is in {REPORT_NAME}; <code>sha256sum -c {SUMS_NAME}</code> shows that nothing was "
        f"changed since.</p>\n{films}\n</body></html>\n"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
