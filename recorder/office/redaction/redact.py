"""``redact``: a copy of a film that hides third parties, and a log of what was done. README, "The procedure".

Rules: the source is only read; nothing that exists is replaced; a copy has its name when it is whole and its log is
written, and not before; what was lost on the way is said.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from recorder.errors import MediaError, OutputError, StoreError, UsageError
from recorder.office.output import write_new
from recorder.office.redaction.boxes import Course
from recorder.office.redaction.cover import Style
from recorder.office.redaction.detecting import Found, Search, find_faces
from recorder.office.redaction.film import Facts, opened, sha256_of
from recorder.office.redaction.promises import promises
from recorder.office.redaction.ranges import SoundRanges
from recorder.office.redaction.record import Done, FileFacts, written
from recorder.office.redaction.rendering import Covers, Rendered, render
from recorder.office.redaction.unnamed import unnamed
from recorder.office.redaction.weights import Weights, find_weights
from recorder.office.redaction.wishes import require_inside
from recorder.office.register import Disclosure, Register

HASHING, LOOKING, WRITING = "Hashing", "Looking for faces", "Writing the copy"
Progress = Callable[[str, float, float], None]
"""Called with what is being done, how much of it is done, and how much there is (0: not known)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``search``: None where only boxes by hand are to be covered."""

    source: Path
    folder: Path
    search: Search | None = field(default_factory=Search)
    style: Style = Style.SOLID
    by_hand: tuple[Course, ...] = ()
    excluded: tuple[Course, ...] = ()
    ranges: SoundRanges = field(default_factory=SoundRanges)

    @property
    def copy(self) -> Path:
        """Where the copy goes."""
        return self.folder / f"{self.source.stem}-redacted.mp4"

    @property
    def log(self) -> Path:
        """Where its log goes."""
        return self.folder / f"{self.source.stem}-redacted.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that can be carried out."""

    request: Request
    facts: Facts
    weights: Weights | None

    @property
    def promises(self) -> tuple[str, ...]:
        """What it will not promise; to be said before it runs."""
        return promises(looks_for_faces=self.weights is not None, has_sound=self.facts.has_sound)


@dataclass(frozen=True, slots=True)
class Redaction:
    """A copy that was made, and its log."""

    done: Done
    copy: Path
    log: Path
    log_sha256: str

    @property
    def exit_code(self) -> int:
        """3 where something of the source could not be read, else 0."""
        return 3 if self.done.problems else 0

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        found, rendered = self.done.found, self.done.rendered
        faces = "no faces were looked for" if found is None else f"{len(found.tracks)} faces followed"
        sound = rendered.sound
        heard = "no sound" if sound is None else f"sound {sound.way}: {sound.kept} packets kept, {sound.replaced} new"
        by_hand = f"{len(self.done.by_hand)} boxes by hand"
        return (
            f"{self.copy}: {rendered.frames} frames; {faces}, {by_hand}; {heard}.",
            f"{self.log}: what was done. Watch the copy before you hand it on.",
            *self.done.left_out,
            *(f"WRONG {problem}" for problem in self.done.problems),
        )

    def enter(self, register: Register, given: Disclosure | None) -> int:
        """Enter the copy in the register; the number of the line. OutputError where that refuses."""
        files = {self.copy.name: self.done.result.sha256, self.log.name: self.log_sha256}
        source = self.done.source
        try:
            return register.add_redaction((source.name, source.sha256), files, given).seq
        except StoreError as error:
            raise OutputError(f"{error} Do not hand on {self.copy}: it is not in the register.") from error


def plan(request: Request) -> Plan:
    """Look whether ``request`` can be carried out; nothing is written.

    UsageError, MediaError, ModelError.
    """
    if not request.folder.is_dir():
        raise UsageError(f"{request.folder} is no folder; make it, or name another.")
    for path in (request.copy, request.log):
        if os.path.lexists(path):
            raise UsageError(f"{path} exists and is not replaced; move it away, or name another folder with -o.")
    if request.search is None and not request.by_hand and request.ranges.is_empty:
        raise UsageError("There is nothing to do: with --no-faces, give --box, --mute or --mask-voice.")
    if not stat.S_ISREG(_look(request.source).st_mode):
        raise MediaError(f"{request.source} is no file; name a film, as `open` makes it.")
    weights = None if request.search is None else find_weights()
    with opened(request.source) as film:
        facts = film.facts
    for course in (*request.by_hand, *request.excluded):
        require_inside(course, facts.width, facts.height)
    if not request.ranges.is_empty and not facts.has_sound:
        raise UsageError(f"{request.source} has no sound; leave --mute and --mask-voice out.")
    return Plan(request, facts, weights)


def redact(planned: Plan, progress: Progress) -> Redaction:
    """Make the copy and its log.

    MediaError where the film has no frame or changed meanwhile, OutputError where the disk refuses: then there is
    neither.
    """
    request, facts = planned.request, planned.facts
    before = _look(request.source)
    sha256 = _hashed(request.source, before.st_size, progress)
    found, search_problems = _found(planned, progress)
    with unnamed(request.copy) as file:
        with opened(request.source) as film:
            faces = () if found is None else tuple(track.course for track in found.tracks)
            covers = Covers(faces, request.by_hand, request.style)

            def show(at_s: float) -> None:
                progress(WRITING, at_s, facts.length_s)

            rendered = render(film, file.place, covers, request.ranges, show)
            problems = (*search_problems, *film.losses.sentences)
        _require_frames(request.source, rendered, found)
        after = _look(request.source)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise MediaError(f"{request.source} was changed while it was read; nothing was kept. Begin again.")
        result = FileFacts(request.copy.name, file.place.stat().st_size, sha256_of(file.place))
        done = Done(
            f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            FileFacts(request.source.name, before.st_size, sha256),
            result,
            _options(request),
            planned.weights,
            found,
            rendered,
            request.by_hand,
            request.excluded,
            request.ranges,
            facts.left_out,
            tuple(dict.fromkeys(problems)),
            planned.promises,
        )
        try:
            write_new(request.log, written(done))
            try:
                file.name()
            except OSError:
                with suppress(OSError):  # the first error is the one to tell
                    request.log.unlink()
                raise
        except OSError as error:
            raise OutputError(
                f"{request.copy} cannot be kept: {error.strerror or error}; mend that and begin again."
            ) from error
    return Redaction(done, request.copy, request.log, sha256_of(request.log))


def _found(planned: Plan, progress: Progress) -> tuple[Found | None, tuple[str, ...]]:
    request = planned.request
    if planned.weights is None or request.search is None:
        return None, ()

    def show(at_s: float) -> None:
        progress(LOOKING, at_s, planned.facts.length_s)

    with opened(request.source) as film:
        found = find_faces(film, planned.weights, request.search, request.excluded, show)
        return found, film.losses.sentences


def _require_frames(source: Path, rendered: Rendered, found: Found | None) -> None:
    if not rendered.frames:
        raise MediaError(f"{source} has no frame that can be decoded; there is nothing to make a copy of.")
    if found is not None and found.frames != rendered.frames:
        raise MediaError(
            f"{source} gave {found.frames} frames when faces were looked for and {rendered.frames} when the copy was "
            "written; nothing was kept. Copy the file from its source again."
        )


def _hashed(source: Path, size_bytes: int, progress: Progress) -> str:
    def show(done_bytes: int) -> None:
        progress(HASHING, done_bytes, size_bytes)

    try:
        return sha256_of(source, show)
    except OSError as error:
        raise MediaError(f"{source} cannot be read: {error.strerror or error}.") from error


def _look(source: Path) -> os.stat_result:
    try:
        return source.stat()
    except OSError as error:
        raise MediaError(f"{source} cannot be read: {error.strerror or error}.") from error


def _options(request: Request) -> dict[str, object]:
    search = {} if request.search is None else asdict(request.search)
    return {"faces": request.search is not None, "cover": request.style.value, **search}
