"""Stands where a Raspberry Pi has pykms: picamera2's preview imports it, and this machine has no display.

Names of pixel formats and planes may be looked up, as the preview does while it is imported; nothing can be drawn.
"""

from typing import Any


class _Names(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_Names):
    """Formats by name."""


class PlaneType(metaclass=_Names):
    """Planes by name."""


class Card:
    """A display; there is none."""

    def __init__(self, *_: Any) -> None:
        raise RuntimeError("This machine has no display.")
