"""Who can open what was recorded: the office's own readers alone, or somebody more.

A stanza of age does not say whose it is, so two things are compared: the recipients that the signed log names with
those that the office knows, and the number of stanzas in each header with the number of those names. Who adds a reader
to the configuration on a recorder shows in the first; who hides that from the log, in the second.
"""

from collections.abc import Iterator, Sequence

from recorder import manifest
from recorder.errors import AgeError, BundleError
from recorder.office.contents import JourneyFolder
from recorder.office.findings import Finding, shown
from recorder.office.keys import RECIPIENT_NAME
from recorder.office.logs import JourneyLogs
from recorder.office.recorders import Trust
from recorder.vault import age, words
from recorder.vault.entries import Entry


def strange_readers(
    folder: JourneyFolder, logs: JourneyLogs, trust: Trust, identities: Sequence[age.Identity]
) -> Iterator[Finding]:
    """A finding about each set of readers, and each file, that the office should know of.

    Where the office has no list of its own (``recipient.txt``), only whose identities were given is known, and others
    are remarked on; else they are wrong.
    """
    own = {identity.recipient for identity in identities if isinstance(identity, age.X25519Identity)}
    recorded, exported = _named(logs, words.JOURNEY_BEGAN), _named(logs, manifest.EXPORT_BEGAN)
    strangers = [text for text in dict.fromkeys((*recorded, *exported)) if not _is_known(text, trust.recipients | own)]
    if strangers:
        text = f"can also be opened with {_listed(strangers)}, which this office does not know: "
        mend = f"if it is a colleague's, add it to {RECIPIENT_NAME}; else somebody has added a reader on the recorder."
        if not trust.recipients:
            mend = f"name the folder of the office's keys (--keys), whose {RECIPIENT_NAME} has its own."
        yield Finding(folder.name, "", text + mend, is_wrong=bool(trust.recipients))
    for name in sorted(folder.files.keys() - {manifest.MANIFEST_NAME}):
        named = recorded if manifest.segment_number(name) is not None else exported
        count = _stanzas(folder, name)
        if named and count not in (None, len(named)):
            text = (
                f"opens to {count} keys, and the recorder's log names {len(named)}: somebody may have added a reader."
            )
            yield Finding(folder.name, name, text, is_wrong=True)


def _named(logs: JourneyLogs, event: str) -> tuple[str, ...]:
    """The recipients that the newest such entry of the journey's log names."""
    for entry in reversed(logs.entries):
        if entry.event == event:
            return _recipients(entry)
    return ()


def _recipients(entry: Entry) -> tuple[str, ...]:
    said = entry.data.get("recipients")
    return tuple(map(str, said)) if isinstance(said, list) else ()


def _is_known(text: str, known: frozenset[age.X25519Recipient]) -> bool:
    try:
        return age.X25519Recipient.parse(text) in known
    except AgeError:
        return False


def _listed(recipients: Sequence[str]) -> str:
    return ", ".join(shown(text) for text in recipients)


def _stanzas(folder: JourneyFolder, name: str) -> int | None:
    """To how many keys a file opens; None where that cannot be read, which is said where the file is checked."""
    try:
        with folder.open(name) as file:
            return len(age.read_header(file).stanzas)
    except (AgeError, BundleError):
        return None
