"""The alarm for the next deletion, on clock chips that do what the kernel's do."""

import logging
import os

import pytest

from recorder.cabin.wakealarm import EARLIEST_S, WakeAlarm
from tests.contract.clockchip import ClockChip

NOW_S = 1_795_000_000
NS = 1_000_000_000


def alarm_of(*chips, rtc=None):
    """The alarm of a machine with these chips, whose system clock says NOW_S."""
    stores = {chip.folder / "wakealarm": chip.store for chip in chips}
    return WakeAlarm(rtc, chips[0].clocks, write=lambda path, text: stores[path](path, text), now_ns=lambda: NOW_S * NS)


def test_clear_then_set(tmp_path):
    """The kernel refuses a new alarm while one is set: it is cleared first, each time."""
    chip = ClockChip(tmp_path, now_s=NOW_S)
    alarm = alarm_of(chip)
    assert alarm.set((NOW_S + 3600) * NS)
    assert chip.alarm_s == NOW_S + 3600
    assert alarm.set((NOW_S + 86_400) * NS)
    assert chip.alarm_s == NOW_S + 86_400
    assert chip.orders == ["0\n", f"{NOW_S + 3600}\n", "0\n", f"{NOW_S + 86_400}\n"]


@pytest.mark.parametrize("off_s", [-30 * 86_400, 30 * 86_400, -NOW_S])
def test_a_chip_whose_time_is_wrong_wakes_in_time(tmp_path, off_s):
    """A month off either way, or never set: the distance counts, not the date."""
    chip = ClockChip(tmp_path, now_s=NOW_S + off_s)
    assert alarm_of(chip).set((NOW_S + 3600) * NS)
    assert chip.alarm_s == NOW_S + off_s + 3600


@pytest.mark.parametrize("in_s", [-86_400, 0, 1, EARLIEST_S - 1, EARLIEST_S])
def test_never_before_the_machine_is_off(tmp_path, in_s):
    """What is due already, or while it goes down, wakes it as soon as there is something to wake."""
    chip = ClockChip(tmp_path, now_s=NOW_S)
    assert alarm_of(chip).set((NOW_S + in_s) * NS)
    assert chip.alarm_s == NOW_S + EARLIEST_S


def test_a_part_of_a_second_is_not_too_early(tmp_path):
    """Woken a moment before anything is due it would go back to sleep for nothing."""
    chip = ClockChip(tmp_path, now_s=NOW_S)
    assert alarm_of(chip).set((NOW_S + 3600) * NS + 1)
    assert chip.alarm_s == NOW_S + 3601


def test_the_first_that_can(tmp_path):
    """A clock without the file cannot wake; rtc10 comes after rtc2; one that refuses leaves it to the next."""
    blind = ClockChip(tmp_path, "rtc0", NOW_S, wakes=False)
    deaf = ClockChip(tmp_path, "rtc2", NOW_S, deaf=True)
    able = ClockChip(tmp_path, "rtc10", NOW_S)
    assert alarm_of(blind, deaf, able).set((NOW_S + 3600) * NS)
    assert able.alarm_s == NOW_S + 3600
    assert deaf.alarm_s is None
    assert deaf.orders == ["0\n", f"{NOW_S + 3600}\n"]


def test_the_one_that_was_named(tmp_path, caplog):
    """Which chip is wired to wake is the fitter's knowledge; no other is taken instead."""
    first, named = ClockChip(tmp_path, "rtc0", NOW_S), ClockChip(tmp_path, "rtc1", NOW_S)
    assert alarm_of(first, named, rtc="rtc1").set((NOW_S + 3600) * NS)
    assert (first.alarm_s, named.alarm_s) == (None, NOW_S + 3600)
    assert not alarm_of(first, named, rtc="rtc7").set((NOW_S + 3600) * NS)
    assert "rtc7: no such clock, or it cannot wake this machine" in caplog.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"deaf": True}, f"rtc0: asked to wake at {NOW_S + 3600} of its own time, it shows no alarm"),
        ({"step_s": 86_400}, f"rtc0: asked to wake at {NOW_S + 3600} of its own time, it shows "),
    ],
)
def test_what_is_not_read_back_is_no_alarm(tmp_path, caplog, fault, words):
    """A chip that takes the order and does something else is told of, and the recorder does not rely on it."""
    assert not alarm_of(ClockChip(tmp_path, now_s=NOW_S, **fault)).set((NOW_S + 3600) * NS)
    assert words in caplog.text
    assert "it will be the first act of the next start" in caplog.text


def test_a_chip_that_knows_minutes_is_good_enough(tmp_path):
    """Up to a minute early."""
    chip = ClockChip(tmp_path, now_s=NOW_S, step_s=60)
    assert alarm_of(chip).set((NOW_S + 3601) * NS)
    assert NOW_S + 3541 < chip.alarm_s <= NOW_S + 3601


def test_no_clock_at_all(tmp_path, caplog):
    """A Pi 4 as it comes has none."""
    caplog.set_level(logging.WARNING)
    assert not WakeAlarm(clocks=tmp_path).set((NOW_S + 3600) * NS)
    assert "no clock in" in caplog.text
    assert "2026-11-18T" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root is refused by no mode")
def test_a_clock_that_is_roots(tmp_path, caplog):
    """Without the udev rule the file is root's: said, with the kernel's word for it."""
    chip = ClockChip(tmp_path)
    (chip.folder / "wakealarm").chmod(0o444)
    assert not WakeAlarm(clocks=tmp_path).set((NOW_S + 3600) * NS)
    assert "Permission denied" in caplog.text


def test_a_clock_that_cannot_be_read(tmp_path, caplog):
    """A chip that fell off its bus answers nothing."""
    chip = ClockChip(tmp_path, now_s=NOW_S)
    (chip.folder / "since_epoch").unlink()
    assert not alarm_of(chip).set((NOW_S + 3600) * NS)
    assert "rtc0: [Errno 2] No such file or directory" in caplog.text
