"""Faces that do what is hard are covered in every frame: entering, crossing, rushing past, far away."""

from pathlib import Path

import pytest

from recorder.office.redaction.redact import Request, plan, redact
from tests.office import moving_faces, redactable
from tests.office.test_redact import is_grey, part


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_frame_flashes_a_face(tmp_path: Path) -> None:
    """Of more than 200 faces in 140 frames none is less than nine tenths covered; where each is, is known."""
    path = tmp_path / "street.mp4"
    told = moving_faces.film(path)
    request = Request(path, tmp_path)
    redact(plan(request), lambda step, done, whole: None)
    copied = redactable.frames(request.copy)
    assert len(copied) == len(told) == 140
    assert sum(map(len, told)) > 200
    open_faces = [
        (number, name)
        for number, (frame, faces) in enumerate(zip(copied, told, strict=True))
        for name, box in faces.items()
        if is_grey(frame)[part(box)].mean() < 0.9
    ]
    assert open_faces == []
