"""Segments become one plain MP4 that plays everywhere; nothing is lost that could be delivered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.errors import AgeTruncatedError
from recorder.mp4 import free_box, iter_boxes
from recorder.office.join import Joiner
from tests.office.footage import Recording
from tests.office.probe import Stream, picture_hashes, picture_times_s, probe, sound

FPS = 30


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording(6)


@pytest.fixture(scope="module")
def one_file(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same six seconds as one uninterrupted fragmented file."""
    path = tmp_path_factory.mktemp("reference") / "one.mp4"
    path.write_bytes(recording.segment(0, 6))
    return path


def in_pieces(data: bytes, size: int = 4999) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def join(folder: Path, *segments: bytes) -> tuple[list[Path], list[tuple[str, ...]]]:
    with Joiner(folder, "journey") as joiner:
        problems = [joiner.add_segment(in_pieces(segment)) for segment in segments]
        return [movie.path for movie in joiner.finish()], problems


def test_segments_become_the_film_that_one_recording_would_have_been(
    recording: Recording, one_file: Path, tmp_path: Path
) -> None:
    """Every picture is there once, every sample of sound is there, and the durations are right."""
    movies, problems = join(tmp_path, *recording.segments(2, 3))
    assert movies == [tmp_path / "journey.mp4"]
    assert problems == [(), (), ()]
    assert probe(movies[0])[0] == Stream("h264", 0.0, 6.0, 6 * FPS)
    assert picture_hashes(movies[0]) == picture_hashes(one_file)
    assert picture_times_s(movies[0]) == pytest.approx([number / FPS for number in range(6 * FPS)], abs=1e-4)
    # the priming before time zero is skipped in the plain file, and given out by readers of fragmented ones
    assert (sound(movies[0]) == sound(one_file)[1024:]).all()


def test_it_is_a_plain_mp4(recording: Recording, tmp_path: Path) -> None:
    """Editing programs that know nothing of fragments open it: no moof, no mvex, one moov with tables."""
    (movie,), _ = join(tmp_path, *recording.segments(2, 3))
    boxes = list(iter_boxes(movie.read_bytes()))
    assert [box.kind for box in boxes] == ["ftyp", "mdat", "moov"]
    assert {box.kind for box in iter_boxes(boxes[2].payload)} == {"mvhd", "trak"}


def test_padding_is_left_behind(recording: Recording, tmp_path: Path) -> None:
    """``free`` boxes, which the vault puts between fragments, are not in the film."""
    padded = b"".join(
        box.data + (free_box(5000) if box.kind == "mdat" else b"") for box in iter_boxes(recording.segment(0, 2))
    )
    (movie,), problems = join(tmp_path, padded)
    assert problems == [()]
    assert movie.read_bytes() == join(tmp_path / "..", recording.segment(0, 2))[0][0].read_bytes()


def test_a_gap_stays_a_gap(recording: Recording, tmp_path: Path) -> None:
    """Three seconds without capture: what follows is shown three seconds later, in picture and in sound."""
    (movie,), problems = join(tmp_path, recording.segment(0, 2), recording.segment(2, 4, shift_s=3.0))
    assert problems == [(), ()]
    times = picture_times_s(movie)
    assert times[2 * FPS - 1 : 2 * FPS + 1] == pytest.approx([2 - 1 / FPS, 5.0], abs=1e-4)
    assert [stream.duration_s for stream in probe(movie)] == pytest.approx([7.0, 7.0], abs=0.03)


def test_the_first_segments_may_be_gone(recording: Recording, tmp_path: Path) -> None:
    """A film of what is left begins at its own zero, with picture and sound in step."""
    (movie,), _ = join(tmp_path, recording.segment(2, 4), recording.segment(4, 6))
    video, audio = probe(movie)
    assert (video.start_s, video.duration_s, video.frames) == (0.0, 4.0, 4 * FPS)
    first_sound = min(p.time_s for p in recording.packets if not p.is_video and p.time_s >= 2) - 2
    assert audio.start_s == pytest.approx(first_sound, abs=1e-4)


def test_a_torn_segment_gives_all_its_whole_fragments(recording: Recording, tmp_path: Path) -> None:
    """Cut anywhere: the film ends with the last whole fragment, and the report says how much was left out."""
    whole = recording.segment(0, 2)
    boxes = list(iter_boxes(whole))  # ftyp, moov, then moof and mdat in turn
    third_fragment_at = sum(len(box.data) for box in boxes[:6])
    cut = third_fragment_at + len(boxes[6].data) + 100
    (movie,), (problems,) = join(tmp_path, whole[:cut])
    assert problems == (f"Its last {cut - third_fragment_at} bytes are no whole fragment and were left out.",)
    assert picture_hashes(movie) == picture_hashes_of(whole, tmp_path)[:15]  # two fragments of a quarter second


def picture_hashes_of(data: bytes, folder: Path) -> list[str]:
    path = folder / "whole-segment.mp4"
    path.write_bytes(data)
    return picture_hashes(path)


def test_what_follows_a_torn_segment_is_taken(recording: Recording, tmp_path: Path) -> None:
    """The error of one segment's decryption is a problem of that segment alone."""

    def torn() -> Iterator[bytes]:
        yield recording.segment(0, 2)[:400_000]
        raise AgeTruncatedError("The file ends without its final chunk.")

    with Joiner(tmp_path, "journey") as joiner:
        problems = joiner.add_segment(torn())
        assert joiner.add_segment(in_pieces(recording.segment(2, 4))) == ()
        (movie,) = joiner.finish()
    assert problems[0] == "The file ends without its final chunk."
    assert probe(movie.path)[0].duration_s == pytest.approx(4.0, abs=1e-3)


def test_other_codec_parameters_begin_another_part(recording: Recording, tmp_path: Path) -> None:
    """A camera that comes back with another size cannot stand in the same film."""
    other = Recording(2, size=(320, 240)).segment(0, 2, shift_s=2)
    movies, problems = join(tmp_path, recording.segment(0, 2), other, recording.segment(4, 6))
    assert [movie.name for movie in movies] == ["journey.mp4", "journey-part2.mp4", "journey-part3.mp4"]
    assert problems == [(), (), ()]
    assert [probe(movie)[0].frames for movie in movies] == [2 * FPS] * 3


def test_a_timeline_that_begins_anew_begins_another_part(recording: Recording, tmp_path: Path) -> None:
    """After a power cut the clock of the recording may start again at zero."""
    movies, problems = join(tmp_path, recording.segment(2, 4), recording.segment(0, 2))
    assert [movie.name for movie in movies] == ["journey.mp4", "journey-part2.mp4"]
    assert problems == [(), ()]


def test_nothing_usable_leaves_nothing(tmp_path: Path) -> None:
    """Bytes that are no MP4 give no film and no leftover."""
    movies, ((problem,),) = join(tmp_path, b"\x00\x00\x00\x01not an mp4 at all, whatever it claims")
    assert movies == []
    assert "not an MP4" in problem
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_no_plaintext(recording: Recording, tmp_path: Path) -> None:
    """What was not finished vanishes."""

    def broken() -> Iterator[bytes]:
        yield recording.segment(0, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Joiner(tmp_path, "journey") as joiner:
        joiner.add_segment(broken())
    assert list(tmp_path.iterdir()) == []


def test_films_are_for_their_owner_alone(recording: Recording, tmp_path: Path) -> None:
    """0600, like the footage it was made of."""
    (movie,), _ = join(tmp_path, recording.segment(0, 2))
    assert movie.stat().st_mode & 0o777 == 0o600
