"""The stick is pulled out at each step of an export: nothing is lost on the recorder, and the next export goes on."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import ExportError
from recorder.export import target as target_module
from recorder.office.bundle import verify
from recorder.vault.records import clear_headers
from tests.export.van import Van
from tests.vault.kit import assert_logs_sound

OF_PATH = ("rename", "unlink", "mkdir", "lstat")
OF_OS = ("open", "write", "fsync", "preadv")


class Stick:
    """Counts what is done to a stick, and answers nothing more after ``last_step``."""

    def __init__(self, root: Path, last_step: int | None = None) -> None:
        self.steps = 0
        self._root = root
        self._last_step = last_step

    def step(self) -> None:
        if self.steps == self._last_step:
            raise OSError(errno.EIO, "Input/output error")
        self.steps += 1

    @contextmanager
    def plugged_in(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in OF_PATH:
                patch.setattr(Path, name, self._watched_path(getattr(Path, name)))
            patch.setattr(target_module, "os", _WatchedOs(self.step))
            yield

    def _watched_path(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(path: Path, *arguments: Any, **options: Any) -> Any:
            if path.is_relative_to(self._root):
                self.step()
            return original(path, *arguments, **options)

        return watched


class _WatchedOs:
    """The module ``os`` as the stick's room sees it."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step

    def __getattr__(self, name: str) -> Any:
        original = getattr(os, name)
        if name not in OF_OS:
            return original

        def watched(*arguments: Any) -> Any:
            self._step()
            return original(*arguments)

        return watched


def whole_on_card(van: Van, journey: str, number: int) -> bytes:
    path = van.store.journey(journey).path
    return clear_headers(path)[number] + (path / f"{number:05d}.body").read_bytes()


@pytest.mark.slow
def test_pulled_out_at_every_step(tmp_path: Path, segments: list[bytes]) -> None:
    """After each: what has a segment's name is whole, the logs are sound, and the next export makes it attested."""
    van = Van.build(tmp_path / "van")
    journey = van.held_journey(*segments[:2])

    def fresh(name: str) -> Path:
        path = tmp_path / name
        path.mkdir()
        return path

    counting = Stick(fresh("whole"))
    with counting.plugged_in():
        van.export(tmp_path / "whole", journey)
    assert counting.steps > 40
    for last_step in range(counting.steps):
        root = fresh(f"pulled-{last_step}")
        with Stick(root, last_step).plugged_in(), pytest.raises(ExportError, match="does not answer"):
            van.export(root, journey)
        for path in van.folder(root, journey).glob("[0-9]*.mp4.age"):
            assert path.read_bytes() == whole_on_card(van, journey, int(path.name[:5]))
        assert van.store.journey(journey).problems == ()
        van.export(root, journey)
        report = verify(root, van.trust, [van.identity])
        assert (report.exit_code, report.findings) == (0, ()), last_step
    assert_logs_sound(van.store, van.store.key)
