"""A contact sheet: frames spread over a recording, with their times, as one PNG a person can take in at a glance."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from recorder.errors import MediaError

_MARGIN, _CAPTION = 8, 24  # dots
_GROUND, _INK = (32, 32, 32), (235, 235, 235)

Picture = npt.NDArray[np.uint8]


def contact_sheet(mp4: Path, png: Path, *, columns: int = 4, rows: int = 3, width: int = 320) -> int:
    """Write frames of ``mp4``, evenly spaced in time, to ``png``, each ``width`` dots wide; how many there are.

    Captions are seconds since the first frame. Raises MediaError where ``mp4`` has no picture, OSError where ``png``
    cannot be written.
    """
    try:
        frames = _pick(mp4, columns * rows)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{mp4} cannot be read as a recording: {error}.") from error
    if not frames:
        raise MediaError(f"{mp4} has no picture to show.")
    height = round(width * frames[0][1].shape[0] / frames[0][1].shape[1])
    tiles = [_tile(picture, at_s, width, height) for at_s, picture in frames]
    blank = np.full_like(tiles[0], _GROUND[0])
    tiles += [blank] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[begin : begin + columns]) for begin in range(0, len(tiles), columns)]
    encoded, data = cv2.imencode(".png", np.vstack(lines))
    if not encoded:
        raise MediaError(f"{mp4}: its frames could not be made into a PNG.")
    png.write_bytes(data.tobytes())
    return len(frames)


def _pick(mp4: Path, count: int) -> list[tuple[float, Picture]]:
    """Up to ``count`` frames, evenly spaced, and their times since the first (seconds)."""
    times = _times(mp4)
    if not times:
        return []
    first_s, span_s = times[0], times[-1] - times[0]
    count = min(count, len(times))
    wanted = [first_s + span_s * index / max(1, count - 1) for index in range(count)]
    picked: list[tuple[float, Picture]] = []
    with av.open(str(mp4)) as container:
        for frame in container.decode(video=0):
            at_s = (frame.pts or 0) * Fraction(frame.time_base or 1)
            if len(picked) < count and at_s >= wanted[len(picked)]:
                shown: Any = frame.to_ndarray(format="bgr24")
                picked.append((float(at_s - first_s), shown))
    return picked


def _times(mp4: Path) -> list[Fraction]:
    """When each frame is shown, in order."""
    with av.open(str(mp4)) as container:
        if not container.streams.video:
            return []
        packets = container.demux(container.streams.video[0])
        return sorted(p.pts * Fraction(p.time_base or 1) for p in packets if p.pts is not None)


def _tile(picture: Picture, at_s: float, width: int, height: int) -> Picture:
    tile = np.full((height + _CAPTION + _MARGIN, width + _MARGIN, 3), _GROUND, np.uint8)
    tile[:height, :width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    place = (4, height + _CAPTION - 8)
    cv2.putText(tile, f"{at_s:.2f} s", place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
    return tile
