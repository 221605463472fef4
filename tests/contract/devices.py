"""The cameras and microphones that capture can be given, each made but not opened; a new adapter adds itself here.

A maker gets a folder for what it needs, and skips the test, saying what is missing, where the machine has no stand-in.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from recorder.capture.clip import Clip
from recorder.capture.file import FileCamera, FileMicrophone
from recorder.capture.ports import Camera, Microphone
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from tests.capture.clips import BUNNY, CARPHONE, ntsc_with_stereo

CAMERAS: dict[str, Callable[[Path], Camera]] = {
    "synthetic": lambda folder: SyntheticCamera(176, 144, Fraction(30), 300_000, "VAN-7"),
    "file": lambda folder: FileCamera(Clip(CARPHONE), 1280, 720, 300_000, "VAN-7"),
    "file made smaller": lambda folder: FileCamera(Clip(BUNNY), 320, 240, 300_000, "VAN-7"),
}
ABSENT_CAMERAS: dict[str, Callable[[Path], Camera]] = {
    "file": lambda folder: FileCamera(Clip(folder / "no.mp4"), 1280, 720, 300_000, "VAN-7"),
}
MICROPHONES: dict[str, Callable[[Path], Microphone]] = {
    "synthetic": lambda folder: SyntheticMicrophone(48_000),
    "synthetic at 44.1 kHz": lambda folder: SyntheticMicrophone(44_100),
    "file": lambda folder: FileMicrophone(Clip(ntsc_with_stereo(folder / "clip.mp4"))),
    "file without sound": lambda folder: FileMicrophone(Clip(CARPHONE)),
}
ABSENT_MICROPHONES: dict[str, Callable[[Path], Microphone]] = {
    "file": lambda folder: FileMicrophone(Clip(folder / "no.mp4")),
}
