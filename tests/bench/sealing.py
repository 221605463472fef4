"""Makes what `scripts/bench open` opens: ``python -m tests.bench.sealing FOLDER``. A process of its own, see there.

``identity.txt``; ``<size>.age``, random bytes; ``stick``, a bundle of one journey as a recorder exports it, its
pictures and sounds random bytes, for nothing here decodes them.
"""

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from recorder.capture.boxes import VIDEO_HZ, Run, Sample, fragment, initialisation
from recorder.capture.ports import VideoFormat
from recorder.vault import age
from tests.export.van import Van

MB = 1_000_000
SEGMENTS, FRAGMENTS, FRAMES, FRAME_BYTES = 20, 200, 10, 25_000  # 20 times 50 MB; 6 Mb/s at 30 frames a second
FRAME_TICKS = VIDEO_HZ // 30
PARAMETER_SETS = b"\0\0\0\1\x67\x42\xc0\x1f\xda\0\0\0\1\x68\xce\x38\x80"


def sealed(path: Path, size_bytes: int, recipient: age.X25519Recipient) -> None:
    """A file of ``size_bytes`` random bytes, encrypted."""
    header, file_key = age.new_header([recipient])
    nonce = os.urandom(age.NONCE_BYTES)
    encryptor = age.StreamEncryptor(file_key, nonce)
    with path.open("wb") as file:
        file.write(header + nonce)
        for _ in range(size_bytes // MB):
            file.write(encryptor.push(os.urandom(MB)))
        file.write(encryptor.finish())


def segments() -> Iterator[bytes]:
    """Segments that follow one another on one timeline."""
    start = initialisation(VideoFormat(1280, 720, Fraction(30), PARAMETER_SETS), with_sound=True)
    samples = [Sample(FRAME_TICKS, FRAME_BYTES, is_keyframe=number == 0) for number in range(FRAMES)]
    for segment in range(SEGMENTS):
        pieces = [start]
        for number in range(segment * FRAGMENTS, (segment + 1) * FRAGMENTS):
            run = Run(number * FRAMES * FRAME_TICKS, samples)
            pieces.append(fragment(number + 1, run, Run(0, ()), os.urandom(FRAMES * FRAME_BYTES)))
        yield b"".join(pieces)


def main(folder: Path) -> None:
    """Make it all."""
    van = Van.build(folder / "van")
    (folder / "identity.txt").write_text(van.identity.text + "\n", "ascii")
    for size_bytes in (0, 64 * MB, 1000 * MB):
        sealed(folder / f"{size_bytes // MB}.age", size_bytes, van.identity.recipient)
    journey = van.begin()
    for data in segments():
        van.record(journey, data)
    van.store.hold(journey, "driver", "hold button")
    (folder / "stick").mkdir()
    van.export(folder / "stick", journey)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
