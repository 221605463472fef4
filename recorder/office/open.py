"""Opening a bundle: a film of each journey with all that can be delivered, and a word on all that cannot.

Rules: each segment is read once: hashed as it lies there, decrypted, joined; what the signed log says is compared at
its end. Plaintext goes only into the folder the user pointed at, and never onto the stick. Nothing that exists is
replaced. A journey's log gets its name last, so that a second run knows what is whole, and goes on behind it. A wrong
file is a finding and stops no other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder import manifest
from recorder.errors import AgeError, BundleError, OutputError, RecorderError, UsageError
from recorder.office.bundle import contradiction, missing_segments
from recorder.office.contents import look
from recorder.office.findings import Finding, first_of_each
from recorder.office.join import Joiner, Movie
from recorder.office.logs import JourneyLogs, require_a_key
from recorder.office.output import write_new
from recorder.office.papers import Papers, ids_of, read_papers
from recorder.office.source import SegmentSource, new_memory
from recorder.vault import age

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
Enter = Callable[[Sequence[str]], None]

_ENDED_BY = {"power-loss": "a power cut", "crash": "a crash of the recorder"}  # as the log has it, as people say it


@dataclass(frozen=True, slots=True)
class OpenedJourney:
    """What came of one journey. ``log``: its decrypted log, None where it could not be read.

    ``was_there``: an earlier run made its films, and nothing was done again.
    """

    journey: str
    movies: tuple[Movie, ...]
    log: Path | None
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class OpenReport:
    """What was opened, and what was wrong with it."""

    journeys: tuple[OpenedJourney, ...]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """3 where anything is wrong, 1 where a journey gave no film, else 0."""
        if any(finding.is_wrong for finding in self.findings):
            return 3
        return 0 if all(journey.movies or journey.was_there for journey in self.journeys) else 1

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        lines = []
        for journey in self.journeys:
            if journey.was_there:
                lines.append(f"{journey.journey}: its film is there already, from an earlier run.")
                continue
            lines += [f"{movie.path}: {float(movie.duration_s):.1f} s" for movie in journey.movies]
            lines += [f"{journey.log}"] if journey.log else []
            lines += [] if journey.movies else [f"{journey.journey}: no film, for nothing in it could be opened."]
        return (*lines, *(finding.line for finding in self.findings))


def open_bundle(
    bundle: Path, identities: Sequence[age.Identity], out: Path, progress: Progress, enter: Enter = lambda names: None
) -> OpenReport:
    """Write ``<out>/<journey>.mp4`` and ``<journey>.log.jsonl`` for each journey in ``bundle`` that is not there yet.

    ``enter`` is told the names of what will be opened, before anything is. BundleError where it is no bundle,
    AgeNoMatchError where ``identities`` open nothing in it, UsageError where ``out`` cannot be used or holds something
    by one of the names that no earlier run made: then nothing was written. OutputError where the disk refuses midway:
    what has its name by then is whole.
    """
    contents = look(bundle)
    require_a_key(contents, identities)
    findings = list(contents.findings)
    papers = read_papers(contents, identities, findings)
    there = _require_usable(out, bundle, papers)
    missing = [one for one in papers if one.name not in there]
    total_bytes = sum(one.folder.files[name] for one in missing for _, name in one.folder.segments)
    done_bytes = 0

    def count(size_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += size_bytes
        progress(done_bytes, total_bytes)

    if missing:
        enter([one.name for one in missing])
    try:
        opened = [
            OpenedJourney(one.name, (), out / _log_name(one.name), was_there=True)
            if one.name in there
            else _Opener(one, identities, out, count, findings).open()
            for one in papers
        ]
    except RecorderError:
        raise
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}; what is there is whole.") from error
    return OpenReport(tuple(opened), first_of_each(findings, ids_of(papers)))


def _log_name(journey: str) -> str:
    return f"{journey}.log.jsonl"


def _is_there(out: Path, one: Papers) -> bool:
    """Whether an earlier run has made all of a journey: its log, which is named last, is this one, and has a film."""
    text = None if one.logs is None else one.logs.text
    log, film = out / _log_name(one.name), out / f"{one.name}.mp4"
    return text is not None and film.is_file() and log.is_file() and log.read_bytes() == text


def _require_usable(out: Path, bundle: Path, papers: Sequence[Papers]) -> frozenset[str]:
    """UsageError where ``out`` will not do; else the names of the journeys that an earlier run has made there."""
    if out.resolve().is_relative_to(bundle.resolve()):
        raise UsageError(
            f"{out} lies in the bundle; films in the clear do not belong on the stick. Name another folder."
        )
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be used as a folder: {error.strerror}. Name another one.") from error
    there = frozenset(one.name for one in papers if _is_there(out, one))
    missing = {one.name for one in papers} - there
    taken = sorted(path for path in out.iterdir() if path.name.split(".")[0].split("-part")[0] in missing)
    if taken:
        raise UsageError(f"{taken[0]} is in the way, and nothing is replaced; name an empty folder.")
    return there


class _Opener:
    """Opens one journey. ``count`` is told of bytes read; what is found goes into ``findings``."""

    def __init__(
        self,
        papers: Papers,
        identities: Sequence[age.Identity],
        out: Path,
        count: Callable[[int], None],
        findings: list[Finding],
    ) -> None:
        self._name = papers.name
        self._folder = papers.folder
        self._identities = identities
        self._out = out
        self._count = count
        self._findings = findings
        self._signed = papers.signed
        self._logs = papers.logs
        self._memory = new_memory()

    def open(self) -> OpenedJourney:
        """Write the log and the films."""
        if self._logs is not None:
            self._findings += [*self._logs.findings, *missing_segments(self._folder, self._logs)]
        self._compare_names()
        with Joiner(self._out, self._name) as joiner:
            for number, name in self._folder.segments:
                self._add_segment(joiner, number, name)
            movies = joiner.finish()
        log_path = None if self._logs is None else self._write_log(self._logs)
        return OpenedJourney(self._name, movies, log_path)

    def _say(self, file: str, *sentences: str, is_wrong: bool = True) -> None:
        self._findings.append(Finding(self._folder.name, file, " ".join(sentences), is_wrong))

    def _write_log(self, logs: JourneyLogs) -> Path | None:
        if logs.text is None:
            return None
        path = self._out / _log_name(self._name)
        write_new(path, logs.text)
        return path

    def _compare_names(self) -> None:
        if self._signed is None:
            return
        listed, present = set(self._signed.by_name), set(self._folder.files) - {manifest.MANIFEST_NAME}
        for name in sorted(listed - present):
            self._say(name, "is missing.")
        for name in sorted(present - listed):
            self._say(name, "is not in the manifest; it was added.")

    def _add_segment(self, joiner: Joiner, number: int, name: str) -> None:
        facts = None if self._logs is None else self._logs.segments.get(number)
        try:
            is_body_known = facts is not None and facts.body_sha256 is not None
            is_torn = facts is not None and bool(facts.ended_by)
            with (
                self._folder.open(name) as file,
                SegmentSource(file, self._memory, self._count, is_body_known=is_body_known) as source,
            ):
                problems = joiner.add_segment(source.plaintext(self._identities, is_torn=is_torn, room=joiner.room))
                source.drain()
        except (AgeError, BundleError) as error:
            self._say(name, str(error))
            return
        objection = self._objection(number, name, source)
        if objection is not None:
            self._say(name, objection, *problems)
        elif facts is not None and facts.ended_by:
            ended_by = _ENDED_BY.get(facts.ended_by, facts.ended_by)
            self._say(name, f"was ended by {ended_by}; it plays up to then.", *problems, is_wrong=False)
        elif problems:
            self._say(name, *problems)

    def _objection(self, number: int, name: str, source: SegmentSource) -> str | None:
        """What the signed log says against a segment, or the manifest where the log does not know how it ended."""
        if self._logs is not None:
            objection = contradiction(self._logs, number, source.header, source.body_bytes, source.sha256)
            if objection is not None or source.is_body_known:
                return objection
        entry = None if self._signed is None else self._signed.by_name.get(name)
        if entry is not None and entry.sha256 != source.sha256:
            return "was altered: its SHA-256 is not the one in the manifest."
        return None
