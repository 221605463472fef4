"""The custody report: one page for printing that says what a bundle holds, how it was checked, and what happened.

Rules: everything on the page is text from the check or from proven logs, and is escaped; no script, no link, nothing
loaded; what is wrong stands first. It says "consistent with", never "proves".
"""

import html
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from recorder import __version__
from recorder.errors import UsageError
from recorder.office.bundle import verify
from recorder.office.contents import look
from recorder.office.custody import Moment, SegmentRow, segment_rows, story
from recorder.office.findings import Finding, JourneyVerdict, VerifyReport
from recorder.office.output import write_new
from recorder.office.papers import read_papers
from recorder.office.recorders import Trust
from recorder.vault import age

_VERDICTS = {
    "attested": "Everything that was checked is consistent with what the recorder known to this office signed.",
    "consistent": "Everything that was checked is consistent in itself, but was signed by a recorder this office does "
    "not know.",
    "wrong": "Something is wrong; it is listed below.",
}
_LIMITS = (
    "A signature shows that the recorder's key was used, and that nothing was changed since. Whoever had full control "
    "of the recorder before could have signed something else.",
    "Times are the recorder's, in UTC. How far its clock could be trusted stands beside each.",
    "Hashes are SHA-256 of the encrypted body of each segment, as it lay on the recorder.",
)
_STYLE = """
body { font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 52rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6em; margin-bottom: 0; } h2 { font-size: 1.25em; margin-top: 2.2em; border-top: 1px solid #999;
       padding-top: .8em; } h3 { font-size: 1em; margin-bottom: .3em; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: 600; padding: .6em 0 .2em; }
th, td { text-align: left; vertical-align: top; padding: .25em .6em .25em 0; border-bottom: 1px solid #ccc; }
th { font-weight: 600; } td.hash { font: 8pt/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
td.number { text-align: right; } .verdict { font-size: 1.1em; padding: .6em .8em; border-left: .4em solid #2a6f2a; }
.consistent { border-color: #a36a00; } .wrong { border-color: #a01515; } .small { font-size: .85em; color: #444; }
@page { margin: 18mm; } @media print { body { margin: 0; max-width: none; } tr, .verdict { break-inside: avoid; }
       thead { display: table-header-group; } }
"""


def write_report(bundle: Path, trust: Trust, identities: Sequence[age.Identity], out: Path) -> VerifyReport:
    """Check ``bundle`` as :func:`verify` does and write the page as ``out``, which must not be there yet. UsageError.

    BundleError where it is no bundle; AgeNoMatchError where ``identities`` open nothing in it.
    """
    report = verify(bundle, trust, identities)
    page = render(bundle, report, identities, datetime.now(UTC))
    if out.resolve().is_relative_to(bundle.resolve()):
        raise UsageError(f"{out} lies in the bundle; a report does not belong on the stick. Name another place.")
    try:
        write_new(out, page.encode())
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}. Name another file.") from error
    return report


def render(bundle: Path, report: VerifyReport, identities: Sequence[age.Identity], now: datetime) -> str:
    """The page. ``now``: UTC."""
    papers = {one.folder.name: one for one in read_papers(look(bundle), identities, [])}
    body = [
        "<h1>Custody report</h1>",
        f'<p class="small">Made {now:%Y-%m-%d %H:%M:%S} UTC by cabin-recorder {_e(__version__)}. For the record: '
        "who made it and why belongs beside it, with a signature.</p>",
        f'<p class="verdict {_e(report.verdict)}"><strong>{_e(report.verdict.capitalize())}.</strong> '
        f"{_e(_VERDICTS[report.verdict])}</p>",
        *_findings("What is wrong", [finding for finding in report.findings if finding.is_wrong]),
        *_findings("Remarks", [finding for finding in report.findings if not finding.is_wrong]),
    ]
    for verdict in report.journeys:
        one = papers[verdict.folder]
        entries = () if one.logs is None else one.logs.entries
        vehicle = verdict.vehicle if one.signed is None else one.signed.vehicle
        body += _journey(vehicle, verdict, story(entries), segment_rows(entries))
    limits = "".join(f"<li>{_e(limit)}</li>" for limit in _LIMITS)
    body.append(f'<h2>What this report can say</h2><ul class="small">{limits}</ul>')
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Custody report</title><style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _journey(
    vehicle: str, verdict: JourneyVerdict, moments: Sequence[Moment], rows: Sequence[SegmentRow]
) -> Iterator[str]:
    known = f"known to this office as {verdict.known_as}" if verdict.is_known else "not known to this office"
    signer = f"recorder {verdict.fingerprint}, {known}" if verdict.fingerprint else "nobody whose manifest can be read"
    yield f"<h2>{_e(vehicle)}: journey {_e(verdict.journey)}</h2>"
    size = f"{verdict.files} files, {verdict.size_bytes / 1e6:.1f} MB, in folder {verdict.folder} of the stick"
    yield f"<p>Signed by {_e(signer)}. {_e(size)}.</p>"
    if verdict.clock:
        yield f"<p>Measured at the export: {_e(verdict.clock)}.</p>"
    if not moments:
        yield "<p>The recorder's log of this journey could not be read; what happened is not known.</p>"
        return
    yield _table(
        "What happened",
        ("UTC", "What", "The clock was"),
        ((_cell(_shown(m.at)), _cell(m.text), _cell(m.clock)) for m in moments),
    )
    yield _table(
        "Segments",
        ("No.", "First frame", "Last frame", "Bytes", "SHA-256", "Gaps"),
        (
            (
                _cell(str(row.number), "number"),
                _cell(_shown(row.began)),
                _cell(_shown(row.ended) or "not known"),
                _cell("" if row.size_bytes is None else str(row.size_bytes), "number"),
                _cell(row.sha256 or "not in the log", "hash"),
                _cell("; ".join(row.gaps) or "none"),
            )
            for row in rows
        ),
    )


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        cells = ((_cell("/".join(filter(None, (f.journey, f.file)))), _cell(f.text)) for f in findings)
        yield _table(title, ("Where", "What"), cells)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_e(name)}</th>' for name in heads)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><caption>{_e(title)}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{_e(text)}</td>' if kind else f"<td>{_e(text)}</td>"


def _shown(iso: str) -> str:
    """An ISO 8601 time as people read it; its milliseconds are in the log."""
    return iso[:19].replace("T", " ")


def _e(text: str) -> str:
    return html.escape(text)
