"""A camera and a microphone that show a recorded clip in real time, with its own sound, over and over.

The clip keeps its own rate and its own size, unless that is larger than what is configured: then it is made smaller,
keeping its shape. A clip without sound gives silence, which is no fault.
"""

from collections.abc import Callable
from contextlib import closing
from fractions import Fraction

from recorder.capture.clip import Clip, Facts
from recorder.capture.encoder import GOP_NS
from recorder.capture.pace import Pace, steady
from recorder.capture.player import Player
from recorder.capture.ports import AudioBlock, DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.senses import Peephole
from recorder.capture.stepped import Drawn, SteppedEncoder
from recorder.errors import DeviceAbsentError
from recorder.timekeeping import boottime_ns


class FileCamera:
    """A camera (:class:`recorder.capture.ports.Camera`) that sees a clip, ``width`` x ``height`` dots at most."""

    def __init__(
        self,
        clip: Clip,
        width: int,
        height: int,
        bitrate_bps: int,
        vehicle: str,
        *,
        gop_ns: int = GOP_NS,
        pace: Pace | None = None,
        peephole: Peephole | None = None,
    ) -> None:
        """``pace``: what it may leave out where the computer is too slow; nothing, if not given."""
        self._clip, self._width, self._height, self._bitrate_bps = clip, width, height, bitrate_bps
        self._vehicle, self._gop_ns, self._pace = vehicle, gop_ns, pace or steady()
        self._peephole = peephole or Peephole()
        self._player = Player("file-camera")

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        """Begin where the scene is now. Raises DeviceAbsentError: no such clip, or one without picture."""
        from_ns = boottime_ns()
        facts = self._clip.watch(from_ns)
        if facts.fps is None:
            raise DeviceAbsentError("The clip has no picture; name another one for the camera.")
        width, height = _fitted(facts, self._width, self._height)
        drawn = Drawn(width, height, facts.fps, self._bitrate_bps, self._gop_ns, facts.dot_shape)
        encoder = SteppedEncoder(drawn, self._vehicle, self._pace)
        self._player.start(lambda: self._play(facts, encoder, first_frame_number, from_ns, on_packet), on_failure)
        return encoder.format

    def close(self) -> None:
        """Stop at once."""
        self._player.stop()

    def _play(
        self,
        facts: Facts,
        encoder: SteppedEncoder,
        number: int,
        from_ns: int,
        on_packet: Callable[[VideoPacket], None],
    ) -> None:
        last_ns: int | None = None
        while True:
            with closing(self._clip.pictures(facts, from_ns)) as pictures:
                for due_ns, duration_ns, frame in pictures:
                    if not self._player.wait_until(due_ns):
                        return
                    if self._player.missed(due_ns):
                        break
                    number += 0 if last_ns is None else max(1, round((due_ns - last_ns) / duration_ns))
                    last_ns = due_ns
                    if encoder.takes(number):
                        encoder.canvas.paint(frame)
                        self._peephole.show(encoder.canvas.y, due_ns)
                        self._player.deliver(on_packet, encoder.encode(due_ns, duration_ns, number))
            from_ns = boottime_ns()  # what was missed is missed


class FileMicrophone:
    """A microphone (:class:`recorder.capture.ports.Microphone`) that hears a clip, in mono, at the clip's own rate."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._player = Player("file-microphone")

    def open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        """Begin where the scene is now. Raises DeviceAbsentError: no such clip."""
        from_ns = boottime_ns()
        facts = self._clip.watch(from_ns)
        self._player.start(lambda: self._play(facts, from_ns, on_block), on_failure)

    def close(self) -> None:
        """Stop at once."""
        self._player.stop()

    def _play(self, facts: Facts, from_ns: int, on_block: Callable[[AudioBlock], None]) -> None:
        while True:
            with closing(self._clip.sounds(facts, from_ns)) as sounds:
                for due_ns, end_ns, samples in sounds:
                    if not self._player.wait_until(end_ns):
                        return
                    if self._player.missed(end_ns):
                        break
                    self._player.deliver(on_block, AudioBlock(samples, due_ns, facts.rate_hz))
            from_ns = boottime_ns()


def _fitted(facts: Facts, width: int, height: int) -> tuple[int, int]:
    """The clip's size, or as much smaller as it takes to fit, with even sides as 4:2:0 wants them."""
    shrink = min(Fraction(1), Fraction(width, facts.width), Fraction(height, facts.height))
    return max(2, int(facts.width * shrink) // 2 * 2), max(2, int(facts.height * shrink) // 2 * 2)
