"""One age file into another, by the reader the office uses: ``python -m tests.bench.decrypting IDENTITY IN OUT``."""

import sys
from pathlib import Path

from recorder.vault import age


def main(identity: Path, sealed: Path, out: Path) -> None:
    """Read, authenticate, decrypt, write."""
    keys = [age.X25519Identity.parse(identity.read_text("ascii"))]
    with sealed.open("rb", buffering=0) as source, out.open("wb", buffering=0) as plain:
        for chunk in age.decrypt(source, keys):
            plain.write(chunk)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
