"""What is said of a clock is what was measured; anything odd in a log counts as not measured."""

from typing import Any

import pytest

from recorder.office.clocks import clock_sentence
from recorder.vault import words
from recorder.vault.entries import GENESIS, Entry

UNKNOWN = "how far its clock was off nobody knows: nothing was there to measure it by"


def log(*boots: Any) -> list[Entry]:
    """A log of two measurements, of which the newer one counts."""
    return [
        Entry(1, "2026-11-22T13:11:43.000Z", "rtc", "boot", 1, words.CLOCK_MEASURED, {"boots": said}, GENESIS, "")
        for said in ([{"by": "rtc", "ahead_s": [9, 9]}], list(boots))
    ]


@pytest.mark.parametrize(
    ("boots", "sentence"),
    [
        ([], ""),
        (
            [{"by": "synchronised", "ahead_s": [-0.9, 0.99]}],
            "its clock was right to within a second, by synchronised time",
        ),
        (
            [{"by": "synchronised", "ahead_s": [-1.5, 2]}],
            "its clock was between 1.5 s behind and 2.0 s ahead, by synchronised time",
        ),
        (
            [{"by": "rtc", "ahead_s": [3, 3]}, {"by": "unproven", "ahead_s": None}, {"by": "rtc", "ahead_s": [3, 3]}],
            f"its clock was 3.0 s ahead, by the clock chip (nothing better ever checked that); {UNKNOWN}",
        ),
        ([5], UNKNOWN),
        ([{"by": ["rtc"], "ahead_s": [0, 0]}], UNKNOWN),
        ([{"by": "rtc", "ahead_s": [0]}], UNKNOWN),
        ([{"by": "rtc", "ahead_s": [0, "0"]}], UNKNOWN),
        ([{"by": "rtc", "ahead_s": "00"}], UNKNOWN),
    ],
)
def test_the_sentence(boots: list[Any], sentence: str) -> None:
    """Right only where both ends are within a second; each start once."""
    assert clock_sentence(log(*boots)) == sentence


def test_a_log_without_a_measurement() -> None:
    """An older recorder's: nothing is said, rather than something wrong."""
    assert clock_sentence([]) == ""
    (entry, _) = log()
    assert (
        clock_sentence([Entry(*(getattr(entry, n) if n != "data" else {"boots": 5} for n in Entry.__struct_fields__))])
        == ""
    )
