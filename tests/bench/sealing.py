"""Makes what is measured: ``python -m tests.bench.sealing FOLDER files|bundle``. A process of its own, see racing.py.

``identity.txt``, ``recipient.txt``; of files ``<size>.plain``, random bytes, and ``<size>.age``, the same encrypted; of
a bundle ``stick``, one journey as a recorder exports it: minutes at 4 Mb/s with sound, in the fragments it
makes, its pictures and sounds random bytes, for nothing here decodes them.
"""

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path

from recorder.capture.boxes import AAC_FRAME, SOUND_BPS, SOUND_HZ, VIDEO_HZ, Run, Sample, fragment, initialisation
from recorder.capture.ports import VideoFormat
from recorder.vault import age
from tests.export.van import Van

MB = 1_000_000
SEGMENTS = 33  # of a minute: 1 GB
FPS, FRAME_BYTES = 30, 16_500
TOGETHER, NEWEST = (
    12,
    4,
)  # frames that are muxed at once (pipeline.py), and those of them in the last fragment (muxer.py)
AAC_BYTES = SOUND_BPS * AAC_FRAME // SOUND_HZ // 8
PARAMETER_SETS = b"\0\0\0\1\x67\x42\xc0\x1f\xda\0\0\0\1\x68\xce\x38\x80"


def sealed(folder: Path, size_mb: int, recipient: age.X25519Recipient) -> None:
    """Random bytes, plain and encrypted."""
    header, file_key = age.new_header([recipient])
    nonce = os.urandom(age.NONCE_BYTES)
    encryptor = age.StreamEncryptor(file_key, nonce)
    with (folder / f"{size_mb}.plain").open("wb") as plain, (folder / f"{size_mb}.age").open("wb") as file:
        file.write(header + nonce)
        for _ in range(size_mb):
            piece = os.urandom(MB)
            plain.write(piece)
            file.writelines(encryptor.push(piece))
        file.write(encryptor.finish())


def segments() -> Iterator[bytes]:
    """Segments that follow one another on one timeline."""
    start = initialisation(VideoFormat(1280, 720, Fraction(FPS), PARAMETER_SETS), with_sound=True)
    cuts = [at for at in range(SEGMENTS * 60 * FPS + 1) if is_cut(at)]
    for _, pairs in groupby(enumerate(pairwise(cuts), 1), lambda pair: pair[1][0] // (60 * FPS)):
        yield b"".join([start, *(whole_fragment(number, *frames) for number, frames in pairs)])


def is_cut(at: int) -> bool:
    """Whether a fragment begins with this frame: what is muxed at once, its newest frames, or a keyframe."""
    is_newest = (at + NEWEST) % TOGETHER == 0 and at % FPS <= FPS - NEWEST  # else the keyframe is among them
    return at % TOGETHER == 0 or at % FPS == 0 or is_newest


def whole_fragment(number: int, first: int, end: int) -> bytes:
    """The fragment of the frames from ``first`` on and before ``end``, with the sound that was there by then."""
    pictures = [Sample(VIDEO_HZ // FPS, FRAME_BYTES, is_keyframe=at % FPS == 0) for at in range(first, end)]
    sound_first, sound_end = (at * SOUND_HZ // FPS // AAC_FRAME for at in (first, end))
    sounds = [AAC_BYTES] * (sound_end - sound_first)
    payload = os.urandom(FRAME_BYTES * len(pictures) + sum(sounds))
    video, sound = Run(first * VIDEO_HZ // FPS, pictures), Run(sound_first * AAC_FRAME, sounds)
    return fragment(number, video, sound, [payload])


def bundle(folder: Path, van: Van) -> None:
    """A journey on a stick."""
    journey = van.begin()
    for data in segments():
        van.record(journey, data)
    van.store.hold(journey, "driver", "hold button")
    (folder / "stick").mkdir()
    van.export(folder / "stick", journey)


def main(folder: Path, what: str) -> None:
    """Make it."""
    van = Van.build(folder / "van")
    (folder / "identity.txt").write_text(van.identity.text + "\n", "ascii")
    (folder / "recipient.txt").write_text(van.identity.recipient.text + "\n", "ascii")
    if what == "bundle":
        bundle(folder, van)
    else:
        for size_mb in (0, 64, 1000):
            sealed(folder, size_mb, van.identity.recipient)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
