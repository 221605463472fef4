"""One file into an age file, by the writer the recorder uses: ``python -m tests.bench.encrypting RECIPIENT IN OUT``."""

import os
import sys
from pathlib import Path

from recorder.vault import age

PIECE_BYTES = 1 << 17  # two fragments of the recorder at 4 Mb/s


def main(recipient: str, source: Path, out: Path) -> None:
    """Read, encrypt, write."""
    header, file_key = age.new_header([age.X25519Recipient.parse(recipient)])
    nonce = os.urandom(age.NONCE_BYTES)
    encryptor = age.StreamEncryptor(file_key, nonce)
    with source.open("rb", buffering=0) as plain, out.open("wb", buffering=0) as sealed:
        sealed.write(header + nonce)
        while piece := plain.read(PIECE_BYTES):
            sealed.writelines(encryptor.push(piece))
        sealed.write(encryptor.finish())


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
