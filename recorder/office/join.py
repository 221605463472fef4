"""The segments of one journey become one movie, without a moment or a megabyte more than needed.

Rules: segments come in order and in pieces, as they are decrypted; half a megabyte is in memory, or one fragment where
it is larger, and is not copied there; plaintext goes into one temporary file in the folder the user pointed at, which
gets its name when it is whole and vanishes where it never is. What cannot be used is left out, counted and said; what
follows it is still taken. Other codec parameters, or a timeline that begins anew, begin another part.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from recorder.errors import AgeError, MediaError
from recorder.mp4 import BoxSplitter, BoxView
from recorder.office.movie import Fragment, MovieWriter
from recorder.office.output import rename_to_new
from recorder.office.sink import FileSink

_TOGETHER_BYTES = 1 << 19  # decrypted before it is joined: who does one thing for a while does it faster


@dataclass(frozen=True, slots=True)
class Movie:
    """One finished MP4. ``samples``: of picture and sound together."""

    path: Path
    duration_s: Fraction
    samples: int


class Joiner:
    """Writes ``<folder>/<name>.mp4``, and ``<name>-part2.mp4`` and so on where one file cannot hold it all.

    A context manager: what has no name by its end is removed. All parts get their names together, by :meth:`finish`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._part: _Part | None = None
        self._whole: list[_Part] = []
        self._moov: bytes | None = None  # of the segment being taken
        self._moof: bytes | None = None  # waiting for its mdat
        self._splitter = BoxSplitter()

    def __enter__(self) -> "Joiner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for part in (*self._whole, *([] if self._part is None else [self._part])):
            part.discard()

    def room(self, size: int) -> memoryview:
        """Where the next ``size`` bytes of a segment's plaintext belong, to spare a copy."""
        return self._splitter.room(size)

    def add_segment(self, pieces: Iterable[bytes | memoryview]) -> tuple[str, ...]:
        """Take one segment's plaintext; what was wrong with it, a sentence each. OSError where the disk refuses.

        ``pieces``: bytes, or each the :meth:`room` given last.
        """
        self._moov = self._moof = None
        self._splitter.clear()
        problems: list[str] = []
        wrong: list[str] = []
        is_mp4 = True
        try:
            for piece in pieces:
                self._splitter.append(piece)
                if self._splitter.pending_bytes >= _TOGETHER_BYTES:
                    is_mp4 = self._take_whole(problems)
                    if not is_mp4:
                        break
        except AgeError as error:
            wrong.append(str(error))
        finally:  # what came before a stick was pulled out is whole, too
            is_mp4 = is_mp4 and self._take_whole(problems)
        left_bytes = self._splitter.pending_bytes + len(self._moof or b"")
        if left_bytes and is_mp4:
            wrong.append(f"Its last {left_bytes} bytes are no whole fragment and were left out.")
        return (*problems, *wrong)

    def finish(self) -> tuple[Movie, ...]:
        """Name what is written; empty where no sample came. OSError where the disk refuses."""
        self._finish_part()
        movies = tuple(part.publish() for part in self._whole)
        self._whole.clear()
        return movies

    def _take_whole(self, problems: list[str]) -> bool:
        """Take all boxes that are whole; False where no more can be found, with the reason in ``problems``."""
        try:
            for box in self._splitter.boxes():
                if box.kind == "moof":
                    self._moof = bytes(box.data)
                elif box.kind == "mdat" and self._moof is not None:
                    moof, self._moof = self._moof, None
                    try:
                        self._add_fragment(moof, box)
                    except MediaError as error:
                        problems.append(f"A fragment of {len(moof) + len(box.data)} bytes was left out: {error}")
                elif box.kind == "moov":
                    self._moov = bytes(box.data)
        except MediaError as error:
            problems.append(f"{error} What follows was left out.")
            return False
        return True

    def _add_fragment(self, moof: bytes, mdat: BoxView) -> None:
        if self._moov is None:
            raise MediaError("It comes before the description of its tracks.")
        fragment = None if self._part is None else _following(self._part.writer, self._moov, moof)
        if self._part is None or fragment is None:
            self._finish_part()
            self._part = _Part(self._folder / self._part_name(), self._moov)
            fragment = self._part.writer.read(moof)
        self._part.writer.add(fragment, mdat)

    def _part_name(self) -> str:
        return f"{self._name}.mp4" if not self._whole else f"{self._name}-part{len(self._whole) + 1}.mp4"

    def _finish_part(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        if part.writer.sample_count:
            part.finish()
            self._whole.append(part)
        else:
            part.discard()


def _following(writer: MovieWriter, moov: bytes, moof: bytes) -> Fragment | None:
    """A fragment, if it can stand where ``writer`` is. MediaError where it can stand nowhere."""
    if not writer.has_parameters_of(moov):
        return None
    fragment = writer.read(moof)
    return None if writer.is_ahead_of(fragment) else fragment


class _Part:
    """One movie under a temporary name."""

    def __init__(self, path: Path, moov: bytes) -> None:
        self._path = path
        self._temp = path.with_name(f".{path.name}.part")
        self._temp.unlink(missing_ok=True)
        self._sink = FileSink(os.open(self._temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._duration_s = Fraction(0)
        try:
            self.writer = MovieWriter(self._sink, moov)
        except MediaError:
            self.discard()
            raise

    def finish(self) -> None:
        """Write the index, and all of it to the disk. OSError, and nothing is left."""
        try:
            self._duration_s = self.writer.finish()
            self._sink.sync()
        except BaseException:
            self.discard()
            raise
        self._sink.close()

    def publish(self) -> Movie:
        """Give what is finished its name."""
        rename_to_new(self._temp, self._path)
        return Movie(self._path, self._duration_s, self.writer.sample_count)

    def discard(self) -> None:
        """Remove it."""
        self._sink.close()
        self._temp.unlink(missing_ok=True)
