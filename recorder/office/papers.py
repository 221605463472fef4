"""The papers of each journey on a stick: its manifest, its logs, and the name that only these tell.

Rules: a manifest is believed that is signed by the key it names and lies in the folder it names; a journey has the id
that its proven log gives it, and its folder's name until then; two folders never go by one id.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from recorder import manifest
from recorder.errors import BundleError, JournalError
from recorder.manifest import Manifest
from recorder.office.contents import Contents, JourneyFolder
from recorder.office.findings import Finding
from recorder.office.logs import JourneyLogs, read_logs
from recorder.vault import age
from recorder.vault.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Papers:
    """What is known of one folder. ``signed`` and ``key``: None where the manifest cannot be believed.

    ``logs``: None where that is so, or no identity was given. ``name``: what the journey goes by here.
    """

    folder: JourneyFolder
    signed: Manifest | None
    key: PublicKey | None
    logs: JourneyLogs | None
    name: str


def read_papers(
    contents: Contents, identities: Sequence[age.Identity] | None, findings: list[Finding]
) -> tuple[Papers, ...]:
    """The papers of every journey, in the order of their names.

    What is wrong with a manifest, or is here twice, goes into ``findings``.
    """
    papers: dict[str, Papers] = {}
    folders = {folder.name for folder in contents.journeys}
    for folder in contents.journeys:
        signed, key = _manifest(folder, findings)
        logs = None if identities is None or key is None else read_logs(folder, key, identities)
        name = folder.name if logs is None or logs.journey is None else logs.journey
        if name in papers or name in folders - {folder.name}:
            text = f"is a second copy of journey {name}, and goes by its folder's name."
            findings.append(Finding(folder.name, "", text, is_wrong=False))
            name = folder.name
        papers[name] = Papers(folder, signed, key, logs, name)
    return tuple(papers[name] for name in sorted(papers))


def ids_of(papers: Sequence[Papers]) -> dict[str, str]:
    """What each journey goes by, by its folder's name."""
    return {one.folder.name: one.name for one in papers}


def _manifest(folder: JourneyFolder, findings: list[Finding]) -> tuple[Manifest | None, PublicKey | None]:
    try:
        return _believed_manifest(folder)
    except (BundleError, JournalError) as error:
        findings.append(Finding(folder.name, manifest.MANIFEST_NAME, str(error), is_wrong=True))
        return None, None


def _believed_manifest(folder: JourneyFolder) -> tuple[Manifest, PublicKey]:
    if manifest.MANIFEST_NAME not in folder.files:
        raise BundleError("is missing; the export was interrupted, or it was removed.")
    with folder.open(manifest.MANIFEST_NAME) as file:
        signed, signed_bytes, signature = manifest.parse(file.read(manifest.MAX_BYTES + 1))
    key = PublicKey.parse(signed.recorder)
    if not key.verify(signed_bytes, signature):
        raise BundleError(f"is not signed by the recorder it names ({key.fingerprint}); it was altered.")
    if manifest.folder_names(signed.vehicle, signed.journey)[1:] != (folder.vehicle, folder.name):
        raise BundleError(f"belongs to {signed.vehicle!r} {signed.journey[:40]!r}; folders were renamed or exchanged.")
    return signed, key
