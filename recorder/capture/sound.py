"""AAC for the sound track, through PyAV: 48 kHz, mono, 64 kb/s, one encoder for the whole journey.

What goes in is one endless run of samples at 48 kHz (``clocks.py`` says where silence belongs in it, and where each
sample of a block); the blocks' own rate becomes that in ``resampler.py``, without a seam between them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import numpy.typing as npt

from recorder.capture.boxes import AAC_FRAME, SOUND_BPS
from recorder.capture.clocks import RATE_HZ, Stretch
from recorder.capture.muxer import SoundPacket
from recorder.capture.resampler import Resampler
from recorder.errors import CaptureError

if TYPE_CHECKING:
    from recorder.capture.ports import Samples

_FULL_SCALE = 32_768.0


class SoundEncoder:
    """Encodes one uninterrupted track that begins at ``position`` (samples at 48 kHz since the journey's origin)."""

    def __init__(self, position: int) -> None:
        context: Any = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = RATE_HZ, "mono", "fltp"
        context.bit_rate, context.time_base = SOUND_BPS, Fraction(1, RATE_HZ)
        context.open()
        self._context = context
        self._next = position  # of the first sample that waits
        self._waiting: npt.NDArray[np.int16] = np.zeros(0, np.int16)
        self._resampler: Resampler | None = None

    def silence(self, count: int) -> list[SoundPacket]:
        """Append ``count`` samples of silence at 48 kHz, a second at a time, however long it is."""
        packets = self._append(self._rest())
        for begin in range(0, count, RATE_HZ):
            packets += self._append(np.zeros(min(RATE_HZ, count - begin), np.int16))
        return packets

    def samples(self, samples: Samples, stretch: Stretch, rate_hz: int, *, restart: bool) -> list[SoundPacket]:
        """Append what lies where ``stretch`` says in a block at ``rate_hz``. Raises CaptureError.

        ``restart``: it does not continue the one before.
        """
        rest = self._rest() if restart else None
        if self._resampler is None:
            self._resampler = Resampler(rate_hz)
        ready = self._resampler.feed(samples, stretch)
        return self._append(ready if rest is None else np.concatenate((rest, ready)))

    def finish(self) -> list[SoundPacket]:
        """End the track; what is left of the last packet is silence. The encoder is of no further use."""
        packets = self._append(self._rest())
        if len(self._waiting):
            packets += self._append(np.zeros(AAC_FRAME - len(self._waiting), np.int16))
        return packets + self._encode(None)

    def _rest(self) -> Samples:
        """What the resampler still holds of the run that ends here."""
        resampler, self._resampler = self._resampler, None
        return resampler.finish() if resampler else np.zeros(0, np.int16)

    def _append(self, samples: Samples) -> list[SoundPacket]:
        self._waiting = np.concatenate((self._waiting, samples))
        packets: list[SoundPacket] = []
        while len(self._waiting) >= AAC_FRAME:
            packets += self._encode(self._waiting[:AAC_FRAME])
            self._waiting = self._waiting[AAC_FRAME:]
        return packets

    def _encode(self, samples: Samples | None) -> list[SoundPacket]:
        frame = None
        if samples is not None:
            frame = av.AudioFrame.from_ndarray((samples / np.float32(_FULL_SCALE))[np.newaxis, :], "fltp", "mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), self._next
            self._next += AAC_FRAME
        try:
            return [SoundPacket(bytes(packet), packet.pts) for packet in self._context.encode(frame)]
        except (av.error.FFmpegError, ValueError) as error:
            raise CaptureError(f"The AAC encoder failed: {error}.") from error
