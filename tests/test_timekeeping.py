import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import timekeeping
from recorder.timekeeping import NS_PER_S, SystemClock, iso_utc, parse_iso_utc, suspended_ns

YEAR_9999_NS = 253_402_300_799 * NS_PER_S


@given(st.integers(0, YEAR_9999_NS))
def test_a_time_survives_being_written_to_the_millisecond(utc_ns: int) -> None:
    """What is read is what was written, rounded down: footage never looks younger than it is."""
    assert parse_iso_utc(iso_utc(utc_ns)) == utc_ns - utc_ns % 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2026-11-22",
        "2026-11-22T13:11:43Z",
        "2026-11-22T13:11:43.000",
        "2026-11-22T13:11:43.000+00:00",
        "2026-11-22T14:11:43.000+01:00",
        "2026-11-22 13:11:43.000Z",
        "2026-11-22T13:11:43.000001Z",
        "2026-02-30T13:11:43.000Z",
        "20261122T131143.000Z",
    ],
)
def test_only_one_spelling_is_a_time(text: str) -> None:
    """A log says each thing in one way."""
    with pytest.raises(ValueError, match=r"time|ISO|isoformat|month|day"):
        parse_iso_utc(text)


def test_the_clocks_of_this_machine_run_forward() -> None:
    """Both clocks of one moment, within one boot."""
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.boot_id == second.boot_id
    assert len(first.boot_id) == 36
    assert first.boottime_ns < second.boottime_ns
    assert first.quality in {"synchronised", "rtc", "unproven"}
    assert first.trusted == (first.quality != "unproven")


def test_being_held_up_between_two_clocks_is_no_suspension(monkeypatch: pytest.MonkeyPatch) -> None:
    """One undisturbed reading is enough, whichever it is, and wherever the others were held up."""
    suspended, held_up_ns = 3_600 * NS_PER_S, 170_000
    for quiet in range(timekeeping._READINGS):
        now_ns, reads = 0, 0

        def read(offset_ns: int, quiet: int = quiet) -> int:
            nonlocal now_ns, reads
            now_ns += 100 if reads // 3 == quiet else held_up_ns * (1 + reads % 3)
            reads += 1
            return now_ns + offset_ns

        monkeypatch.setattr(time, "monotonic_ns", lambda read=read: read(0))
        monkeypatch.setattr(timekeeping, "boottime_ns", lambda read=read: read(suspended))
        assert suspended_ns() == suspended
