"""What a log says, in words: every event that there is, and none that can stop the report."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.office.custody import segment_rows, story
from recorder.timekeeping import NS_PER_S
from recorder.vault import words
from recorder.vault.entries import Entry

BEGAN_NS = 1_000 * NS_PER_S
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
ANY = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from(["medium", "from_ns", "until_ns"]), PLAIN)
ANY |= st.lists(ANY, max_size=2)
MEMBERS = ("number", "gaps", "size_bytes", "reason", "who", "deleted", "step_s", "faults", "notice_finished")
SAID = {
    "consent": "A passenger pressed consent.",
    "withdrawn": "A passenger took the agreement back; camera and microphone were closed.",
    "log-torn": "A power cut tore the last line of the log; it was cut off.",
    "export-began": "A copy onto a stick began.",
    "exported": "A copy was finished, read back and compared.",
    "resumed": "Recording went on after an interruption.",
    "failed": "Recording failed: no fault was named.",
    "journey-ended": "The journey ended: the log does not say why.",
    "something-new": "The recorder noted “something-new”.",
}


def entry(event: str, data: dict[str, Any], seq: int = 1) -> Entry:
    at_ns = BEGAN_NS + seq * NS_PER_S
    utc = f"2026-11-22T13:00:{seq % 60:02d}.000Z"
    return Entry(seq, utc, "unproven", "boot-1", at_ns, event, data, prev="", sig="")


@pytest.mark.parametrize(("event", "said"), SAID.items())
def test_without_particulars_each_event_has_its_sentence(event: str, said: str) -> None:
    [moment] = story([entry(event, {})])
    assert (moment.text, moment.clock) == (said, "not checked by anything")


def test_particulars() -> None:
    entries = [
        entry("consent", {"notice_finished": False}, 1),
        entry("hold", {"who": "uid 0", "reason": "late call", "deleted": [1, 2]}, 2),
        entry("release", {"who": "local uid 0", "reason": "done"}, 3),
        entry("fault", {"kind": "microphone"}, 4),
        entry("failed", {"faults": ["camera", "card"]}, 5),
        entry("clock-changed", {"step_s": -3600.0, "quality": "synchronised"}, 6),
        entry("picture", {"width": 960, "height": 540, "fps": 15.0, "reason": "hot"}, 6),
        entry("journey-ended", {"reason": "power-cut"}, 7),
    ]
    assert [moment.text for moment in story(entries)] == [
        "A passenger pressed consent. The notice had not been played to its end.",
        "It was held by uid 0: late call. 2 segments had been deleted before.",
        "The hold was ended by local uid 0: done.",
        "A fault began: microphone.",
        "Recording failed: camera, card.",
        "The recorder's clock was set by -3600.0 s; it is set by the network now.",
        "From here on the picture had 960 by 540 dots, 15.0 frames a second: the recorder was too hot for more.",
        "The journey ended: the power failed.",
    ]


def test_segments_have_their_times_hashes_and_gaps() -> None:
    gap = {"medium": "audio", "from_ns": BEGAN_NS, "until_ns": BEGAN_NS + 1_500_000_000, "filled": True}
    ended = {"last_boottime_ns": BEGAN_NS + 60 * NS_PER_S, "size_bytes": 12, "body_sha256": "ab", "gaps": [gap]}
    rows = segment_rows(
        [
            entry(words.JOURNEY_BEGAN, {}, 1),
            entry(words.SEGMENT_OPENED, {"number": 1, "first_boottime_ns": BEGAN_NS + 2 * NS_PER_S}, 2),
            entry(words.SEGMENT_SEALED, {"number": 1, **ended}, 3),
            entry(words.SEGMENT_OPENED, {"number": 2, "first_boottime_ns": BEGAN_NS + 60 * NS_PER_S}, 4),
        ]
    )
    first, second = rows
    assert (first.number, first.size_bytes, first.sha256, first.gaps) == (1, 12, "ab", ("no sound for 1.5 s",))
    assert (first.began[:19], first.ended[:19]) == ("2026-11-22T13:00:02", "2026-11-22T13:01:00")
    assert (second.number, second.ended, second.sha256, second.gaps) == (2, "", "", ())


@given(
    st.lists(
        st.builds(
            entry,
            st.sampled_from(
                [*SAID, words.SEGMENT_OPENED, words.SEGMENT_SEALED, words.HOLD, "clock-changed", "fault", "picture"]
            ),
            st.dictionaries(st.sampled_from(MEMBERS), ANY, max_size=4),
            st.integers(1, 50),
        ),
        max_size=6,
    )
)
def test_whatever_a_log_says_is_told(entries: list[Entry]) -> None:
    """Members of the wrong type count as not said."""
    by_segment = (words.SEGMENT_OPENED, words.SEGMENT_SEALED)
    assert len(story(entries)) == sum(one.event not in by_segment for one in entries)
    numbers = [one.data.get("number") for one in entries]
    assert all(row.number in numbers for row in segment_rows(entries))
