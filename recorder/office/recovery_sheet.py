"""The recovery sheet: the office's identity on paper, as it lies under its passphrase, for a safe in another house.

Rules: nothing is on it that opens anything without the passphrase, so an unprotected identity gets no sheet; each line
has a check of its own, so that a slip in typing is found where it is.
"""

import hashlib
import html

_CHECK_DIGITS = 4
_STYLE = (
    "body{font:11pt/1.45 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "h1{margin-bottom:0}td,th{text-align:left;padding:.1em .8em .1em 0}td.line{white-space:pre}"
    "td,code{font-family:ui-monospace,monospace;font-size:10.5pt}code{overflow-wrap:anywhere}"
    "tr:nth-child(5n){border-bottom:1px solid #bbb}table{border-collapse:collapse;margin:1em 0}"
    "@page{margin:18mm}@media print{body{margin:0}tr{break-inside:avoid}}"
)


def check_of(line: str) -> str:
    """The first four hex digits of the SHA-256 of a line, without white space around it."""
    return hashlib.sha256(line.strip().encode("ascii")).hexdigest()[:_CHECK_DIGITS]


def render_sheet(identity_file: str, recipient: str) -> str:
    """The page (HTML, for printing). ``identity_file``: the armored file, ASCII; ``recipient``: its public half."""
    rows = "\n".join(
        f'<tr><td>{number}</td><td class="line">{html.escape(line)}</td><td>{check_of(line)}</td></tr>'
        for number, line in enumerate(identity_file.splitlines(), start=1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Recovery sheet</title><style>{_STYLE}</style></head><body>\n<h1>Recovery sheet</h1>\n"
        "<p>The office's key for cabin recordings, as it lies in <code>identity.txt</code>. It opens nothing without "
        "its passphrase, which is <strong>not</strong> on this page. Keep the two in different places; then delete "
        "this file from the computer.</p>\n"
        f"<p>Its public half, as in every recorder's configuration: <code>{html.escape(recipient)}</code></p>\n"
        "<p><strong>To have the key again:</strong> 1. Type the lines of the middle column into a text file "
        "<code>identity.txt</code>, or read them in with a scanner. 2. Run <code>cabin-recorder recipient -i "
        "identity.txt</code> and type the passphrase. 3. It must print the public half above. If not, "
        "<code>cabin-recorder recipient -i identity.txt --checks</code> prints the check of each line, to be compared "
        "with the last column here.</p>\n"
        '<table><thead><tr><th scope="col">Line</th><th scope="col">Text</th><th scope="col">Check</th></tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table>\n</body></html>\n"
    )
