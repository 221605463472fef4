"""``viewer.html``: the page in which the office opens, checks, plays and hands on what came off a recorder.

It is built from ``viewer/`` beside this file by ``scripts/setup``, and lies in the office's own folder. Rules: it never
comes from a stick, for a page that came with the evidence must not be given the key that opens it; it is replaced whole
or not at all.
"""

from pathlib import Path

from recorder.errors import OutputError, StoreError, UsageError
from recorder.vault import diskio

PAGE_NAME = "viewer.html"
_BUILT = Path(__file__).parent / "viewer" / "dist" / PAGE_NAME
NOT_BUILT = (
    f"{PAGE_NAME} is not part of this installation, for it was not built; run scripts/setup in a checkout of this "
    "software, and there .venv/bin/cabin-recorder viewer FOLDER_OF_KEYS."
)


def built_page(path: Path = _BUILT) -> bytes | None:
    """The page as it was built, None where it was not."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def renew_page(folder: Path, path: Path = _BUILT) -> Path:
    """Put the page into ``folder``, over an older one; its path. UsageError, OutputError: then nothing was changed."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name the one with the office's keys.")
    page = built_page(path)
    if page is None:
        raise UsageError(NOT_BUILT)
    try:
        with diskio.disk_errors(f"{folder / PAGE_NAME} cannot be written"):
            diskio.create_file(folder / PAGE_NAME, page)
    except StoreError as error:
        raise OutputError(f"{error} Name another folder.") from error
    return folder / PAGE_NAME
