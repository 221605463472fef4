"""A camera and a microphone without hardware, whose recording can be read back to the frame and the sample.

Both show one scene that is anchored to boottime itself: frame n is at n/fps, sample k at k/rate, and with every whole
second begin a white frame and a beep. It goes on whether or not it is watched, so what a gap, a fault or a crash has
cost can be counted in the result.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from recorder.capture import testtone
from recorder.capture.encoder import GOP_NS
from recorder.capture.pace import Pace, steady
from recorder.capture.player import Player
from recorder.capture.ports import AudioBlock, DeviceFailure, VideoFormat, VideoPacket
from recorder.capture.senses import Peephole
from recorder.capture.stepped import Drawn, SteppedEncoder
from recorder.capture.testcard import TestCard
from recorder.timekeeping import NS_PER_S, boottime_ns

_BLOCKS_PER_S = 50


class SyntheticCamera:
    """A camera (:class:`recorder.capture.ports.Camera`) on the synthetic scene, its counter starting at boot.

    Its white frames are not looked at: they are marks to measure by, not what the scene shows.
    """

    def __init__(
        self,
        width: int,
        height: int,
        fps: Fraction,
        bitrate_bps: int,
        vehicle: str,
        *,
        gop_ns: int = GOP_NS,
        pace: Pace | None = None,
        peephole: Peephole | None = None,
    ) -> None:
        """``pace``: what it may leave out where the computer is too slow; nothing, if not given."""
        self._drawn, self._vehicle = Drawn(width, height, fps, bitrate_bps, gop_ns), vehicle
        self._fps, self._pace, self._peephole = fps, pace or steady(), peephole or Peephole()
        self._player = Player("synthetic-camera")

    def open(
        self,
        first_frame_number: int,
        on_packet: Callable[[VideoPacket], None],
        on_failure: Callable[[DeviceFailure], None],
    ) -> VideoFormat:
        """Begin with the next frame of the scene. Raises DeviceAbsentError."""
        encoder = SteppedEncoder(self._drawn, self._vehicle, self._pace)
        self._player.start(lambda: self._play(encoder, first_frame_number, on_packet), on_failure)
        return encoder.format

    def close(self) -> None:
        """Stop at once."""
        self._player.stop()

    def _play(self, encoder: SteppedEncoder, number: int, on_packet: Callable[[VideoPacket], None]) -> None:
        canvas, card = encoder.canvas, _card_for(encoder)
        duration_ns = round(NS_PER_S / self._fps)
        first = counter = self._next_counter()
        while self._player.wait_until(due_ns := self._time_ns(counter)):
            if self._player.missed(due_ns):
                counter = self._next_counter()
                continue
            if encoder.takes(number + counter - first):
                if canvas is not encoder.canvas:
                    canvas, card = encoder.canvas, _card_for(encoder)
                flash = self._is_flash(counter)
                card.draw(canvas.planes, counter % (1 << 32), flash=flash)
                if not flash:
                    self._peephole.show(canvas.y, due_ns)
                self._player.deliver(on_packet, encoder.encode(due_ns, duration_ns, number + counter - first))
            counter += 1

    def _next_counter(self) -> int:
        return -int(-boottime_ns() * self._fps // NS_PER_S)  # rounded up

    def _time_ns(self, counter: int) -> int:
        return int(counter * NS_PER_S / self._fps)

    def _is_flash(self, counter: int) -> bool:
        """Whether this is the first frame at or after a whole second."""
        return counter * self._fps.denominator % self._fps.numerator < self._fps.denominator


def _card_for(encoder: SteppedEncoder) -> TestCard:
    return TestCard(encoder.format.width, encoder.format.height)


class SyntheticMicrophone:
    """A microphone (:class:`recorder.capture.ports.Microphone`) on the synthetic scene."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._player = Player("synthetic-microphone")

    def open(self, on_block: Callable[[AudioBlock], None], on_failure: Callable[[DeviceFailure], None]) -> None:
        """Begin with the next sample of the scene."""
        self._player.start(lambda: self._play(on_block), on_failure)

    def close(self) -> None:
        """Stop at once."""
        self._player.stop()

    def _play(self, on_block: Callable[[AudioBlock], None]) -> None:
        step = self._rate_hz // _BLOCKS_PER_S
        scene = np.resize(testtone.one_second(self._rate_hz), self._rate_hz + step)  # any block lies in one piece
        sample = self._next_sample()
        while self._player.wait_until(self._time_ns(sample + step)):
            if self._player.missed(self._time_ns(sample + step)):
                sample = self._next_sample()
                continue
            place = sample % self._rate_hz
            block = AudioBlock(scene[place : place + step], self._time_ns(sample), self._rate_hz)
            self._player.deliver(on_block, block)
            sample += step

    def _next_sample(self) -> int:
        return -(-boottime_ns() * self._rate_hz // NS_PER_S)

    def _time_ns(self, sample: int) -> int:
        return sample * NS_PER_S // self._rate_hz
