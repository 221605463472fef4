"""The V4L2 camera of ``v4l2_stand_in.c``: built here, loaded into a Python of its own, told there what to show."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.capture.encoder import Canvas, PictureEncoder

DEVICE = "/dev/video-stand-in"
WIDTH, HEIGHT, FPS = 320, 240, 30
PICTURES = 90


def preloaded(folder: Path) -> dict[str, str]:
    """The environment of a process that has the camera. Skips where it cannot be built."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("needs a C compiler and the kernel's headers (packages gcc, libc6-dev, linux-libc-dev)")
    library = folder / "v4l2_stand_in.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}


def shade_of(index: int) -> int:
    """How bright picture ``index`` is."""
    return 40 + 2 * (index % PICTURES)


def drawn(index: int) -> Canvas:
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.y[:], canvas.planes[1][:], canvas.planes[2][:] = shade_of(index), 128, 128
    return canvas


def raw() -> list[bytes]:
    """As YUYV."""
    pictures = np.full((PICTURES, HEIGHT, WIDTH, 2), 128, np.uint8)
    for index in range(PICTURES):
        pictures[index, :, :, 0] = shade_of(index)
    return [picture.tobytes() for picture in pictures]


def mjpeg() -> list[bytes]:
    """As JPEGs, which have the full range of brightness."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.qmin = encoder.qmax = 2
    pictures = [drawn(index).frame.reformat(format="yuvj420p") for index in range(PICTURES)]
    return [bytes(packet) for picture in pictures for packet in encoder.encode(picture)]


def h264() -> list[bytes]:
    """As Annex B with parameter sets before each keyframe, as cameras give it."""
    encoder = PictureEncoder(WIDTH, HEIGHT, Fraction(FPS), 300_000)
    frame_ns = 1_000_000_000 // FPS
    packets = [encoder.encode(drawn(index).frame, index * frame_ns, frame_ns) for index in range(PICTURES)]
    return [(encoder.format.extradata if packet.is_keyframe else b"") + packet.data for packet in packets]


@dataclass
class V4l2Camera:
    """The camera of this process. It shows its pictures over and over, the first one when it begins to stream."""

    offers: dict[str, list[bytes]]
    _library: ctypes.CDLL = field(default_factory=lambda: ctypes.CDLL(None))

    def __post_init__(self) -> None:
        self._library.stand_in_began_us.restype = ctypes.c_int64
        self._library.stand_in_reset(WIDTH, HEIGHT, FPS)
        for name, pictures in self.offers.items():
            self._library.stand_in_offer(int.from_bytes(name.encode(), "little"))
            for picture in pictures:
                self._library.stand_in_picture(picture, len(picture))

    def exposed_us(self, index: int) -> int:
        """When frame ``index`` was exposed (µs of CLOCK_MONOTONIC)."""
        return self._library.stand_in_began_us() + index * 1_000_000 // FPS

    @property
    def is_open(self) -> bool:
        return bool(self._library.stand_in_is_open())

    def unplug(self) -> None:
        self._library.stand_in_unplug()

    def plug_in(self) -> None:
        self._library.stand_in_plug_in()

    def freeze(self) -> None:
        self._library.stand_in_freeze(1)

    def thaw(self) -> None:
        self._library.stand_in_freeze(0)

    def hang(self) -> None:
        """No call into the driver returns any more."""
        self._library.stand_in_hang()
