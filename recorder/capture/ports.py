"""What capture asks of a camera and a microphone, and what it hands to the card.

Rules: a device adapter calls back from a thread of its own with finished values and never waits for anyone; all
times are nanoseconds of CLOCK_BOOTTIME at the moment of exposure or of the first sample; vendor exceptions are
translated to :class:`~recorder.errors.CaptureError` in the adapter.
"""

from __future__ import annotations  # numpy is needed to read these types, not to run them: the panel must be up soon

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.int16]
    Plane = npt.NDArray[np.uint8]  # of a picture in 8-bit 4:2:0: lines, then dots


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a camera delivers: H.264 in Annex B, its size, and SPS+PPS as Annex B ``extradata``.

    ``fps``: nominal, of the frames that are numbered; some of them may be left out (``stepping.py``).
    """

    width: int
    height: int
    fps: Fraction
    extradata: bytes


class VideoPacket(NamedTuple):
    """One encoded frame, never a B-frame. ``data``: Annex B access unit. ``captured_ns``: boottime of exposure.

    ``video``: the format it is in; None: that of the camera's opening. The first one in another format is a keyframe.
    """

    data: bytes
    captured_ns: int
    duration_ns: int
    is_keyframe: bool
    video: VideoFormat | None = None


class AudioBlock(NamedTuple):
    """Consecutive mono samples, int16. ``captured_ns``: boottime of the first one. ``rate_hz``: samples a second."""

    samples: Samples
    captured_ns: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class DeviceFailure:
    """Handed to ``on_failure`` by a device that worked and stopped working; ``reason`` is one sentence.

    ``reopen``: nothing is wrong, but it wants to be closed and opened again, at once, for its picture is to be another.
    """

    reason: str
    reopen: bool = False


class Camera(Protocol):
    """A camera with its encoder. Closed until :meth:`open`; :meth:`close` may be called at any time, twice too."""

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        """Open the device and begin; the stamp counts from ``first_frame_number``. Raises DeviceAbsentError."""
        ...

    def close(self) -> None:
        """Close the device within a second; no callback runs after it returns."""
        ...


class Microphone(Protocol):
    """A microphone. Closed until :meth:`open`; :meth:`close` may be called at any time, twice too."""

    def open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        """Open the device and begin. Raises DeviceAbsentError."""
        ...

    def close(self) -> None:
        """Close the device within a second; no callback runs after it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Durable:
    """The newest captured moment of each medium that survives a power cut now; None: nothing yet (boottime ns)."""

    video_ns: int | None = None
    audio_ns: int | None = None


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What is known of a finished segment, for its entry in the signed log. Times: boottime ns; counts: exact."""

    first_ns: int
    last_ns: int
    video_frames: int
    audio_samples: int
    gaps: tuple[dict[str, Any], ...] = field(default=())


class SegmentSink(Protocol):
    """One encrypted file being written. Owned by the card-writer thread; nobody else calls it."""

    def write(self, data: bytes, mark: Durable) -> None:
        """Append plaintext. ``mark`` is handed back by :meth:`maintain` once ``data`` and all before it is durable."""
        ...

    def maintain(self, now_ns: int) -> Durable | None:
        """Pad and sync where due; the newest mark that has become durable, if any.

        Call after what is written together, and twice a second or more.
        """
        ...

    def seal(self, reason: str, facts: SegmentFacts) -> Durable:
        """Write the final chunk, sync, log. ``reason``: rotation, ignition-off, withdrawn, stop, fault."""
        ...


class SegmentFactory(Protocol):
    """Opens the next segment on the card."""

    def __call__(self, number: int, first_captured_ns: int) -> SegmentSink:
        """Begin segment ``number`` (1-based), whose oldest frame was captured at ``first_captured_ns``."""
        ...
