"""A look into H.264 that a webcam made itself: a keyframe alone is decoded, which is enough to see by, and cheap.

Rules: it is done on the thread that looks, never on the camera's; a keyframe that cannot be decoded is not looked at,
and recorded all the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import av

from recorder.capture.encoder import planes_of

if TYPE_CHECKING:
    from recorder.capture.ports import Plane

_log = logging.getLogger(__name__)


def brightness(keyframe: bytes) -> Plane | None:
    """The Y plane of one Annex B access unit that begins with its parameter sets; None where there is none in it."""
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1  # threads would hold the frame back, and cost more than they save
    try:
        frames = [*decoder.decode(av.Packet(keyframe)), *decoder.decode(None)]
    except av.error.FFmpegError as error:
        _log.warning("a keyframe of the camera cannot be looked at: %s", error)
        return None
    return planes_of(frames[0])[0] if frames else None
