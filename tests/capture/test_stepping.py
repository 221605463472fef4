"""Down when the computer cannot keep up, up when it has been calm, and not up and down all day."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.capture.heat import Heat
from recorder.capture.pace import LOOK_EVERY_NS, Pace, steady
from recorder.capture.stepping import (
    DOWN_AFTER_NS,
    HOT_AGAIN_NS,
    LATE_NS,
    STEPS,
    UP_AFTER_AT_MOST_NS,
    UP_AFTER_NS,
    Look,
    Standing,
    Step,
    judge,
    opened,
)
from recorder.events import Event, PictureStepped

S = 1_000_000_000
LAST = len(STEPS) - 1


class Computer:
    """Looks at itself twice a second; ``speed``: how much of the work of the first step it can do in time."""

    def __init__(self, standing: Standing | None = None) -> None:
        self.now_ns = 1000 * S
        self.standing = standing or Standing()
        self.late_ns = 0
        self.changes: list[tuple[float, int, str]] = []  # after so many seconds, to this level, for this reason

    def works(self, seconds: float, *, speed: float = 2.0, hot: bool = False, losing: bool = False) -> None:
        for _ in range(round(seconds * S / LOOK_EVERY_NS)):
            self.now_ns += LOOK_EVERY_NS
            step = STEPS[self.standing.level]
            work = float(step.size**2) / step.every
            self.late_ns = max(0, self.late_ns + round(LOOK_EVERY_NS * (work / speed - 1)))
            before = self.standing
            self.standing = judge(before, Look(self.now_ns, self.late_ns, losing=losing, hot=hot), len(STEPS))
            if self.standing.level != before.level:
                self.changes.append((self.now_ns / S - 1000, self.standing.level, self.standing.reason))


def test_each_step_is_less_work_than_the_one_before() -> None:
    """Fewer frames first, then a smaller picture; sides stay even, and never too small for an encoder."""
    assert [(step.every, step.size) for step in STEPS[:2]] == [(1, 1), (2, 1)]
    work = [step.size**2 / step.every for step in STEPS]
    assert all(after <= Fraction(3, 5) * before for before, after in pairwise(work))
    assert all(after.bitrate < before.bitrate for before, after in pairwise(STEPS))
    assert [(step.side(1280), step.side(720)) for step in STEPS] == [(1280, 720), (1280, 720), (960, 540), (640, 360)]
    assert [STEPS[LAST].side(dots) for dots in (64, 66, 130, 1366)] == [64, 64, 64, 682]


def test_a_computer_that_keeps_up_changes_nothing() -> None:
    computer = Computer()
    computer.works(3600, speed=1.0)
    assert (computer.standing.level, computer.changes) == (0, [])


@pytest.mark.parametrize(("speed", "level"), [(0.8, 1), (0.45, 2), (0.2, 3), (0.01, 3)])
def test_one_that_is_too_slow_steps_down_until_it_keeps_up(speed: float, level: int) -> None:
    """One step at a time, each after two seconds in which it fell behind; at the last one it stays, whatever comes."""
    computer = Computer()
    computer.works(55, speed=speed)
    assert [(to, reason) for _, to, reason in computer.changes] == [(to, "slow") for to in range(1, level + 1)]
    assert all(after - before >= DOWN_AFTER_NS / S for (before, *_), (after, *_) in pairwise(computer.changes))
    assert computer.changes[0][0] <= LATE_NS / S / (1 / speed - 1) + DOWN_AFTER_NS / S + 2


def test_a_moment_of_lateness_is_no_reason() -> None:
    """A busy second, a late frame, a backlog that shrinks: the encoder keeps up."""
    computer = Computer()
    for _ in range(100):
        computer.works(1.5, speed=0.5)
        computer.works(3.0, speed=2.0)
    assert computer.changes == []
    computer.late_ns = 3 * S
    computer.works(10, speed=1.5)
    assert computer.changes == []


def test_frames_that_are_lost_count_as_lateness() -> None:
    """A camera's driver that has few buffers is never late: it loses frames instead."""
    computer = Computer()
    computer.works(4, losing=True)
    assert [change[1:] for change in computer.changes] == [(1, "slow")]


def test_calm_brings_the_picture_back_step_by_step() -> None:
    computer = Computer()
    computer.works(30, speed=0.2)
    assert computer.standing.level == LAST
    computer.works(300)
    assert [(to, reason) for _, to, reason in computer.changes[LAST:]] == [(2, "calm"), (1, "calm"), (0, "calm")]
    assert all(after - before >= UP_AFTER_NS / S for (before, *_), (after, *_) in pairwise(computer.changes[LAST:]))


def test_a_computer_that_is_a_little_too_slow_is_tried_less_and_less_often() -> None:
    """Each step up that does not hold doubles the calm before the next, up to a quarter of an hour."""
    computer = Computer()
    computer.works(8 * 3600, speed=0.7)
    ups = [at_s for at_s, _, reason in computer.changes if reason == "calm"]
    waits_s = [round((after - before) / 60) for before, after in pairwise(ups)]
    assert waits_s[:4] == [2, 4, 8, 16]
    assert set(waits_s[4:]) == {16}
    assert computer.standing.patience_ns == UP_AFTER_AT_MOST_NS
    assert {to for _, to, _ in computer.changes} == {0, 1}


def test_one_that_became_able_is_trusted_again() -> None:
    """A step up that held for as long as was waited for counts as one: the next calm is a minute again."""
    computer = Computer()
    computer.works(1800, speed=0.7)
    assert computer.standing.patience_ns > UP_AFTER_NS
    computer.works(3600)
    assert computer.standing.level == 0
    computer.works(10, speed=0.7)
    assert (computer.standing.level, computer.standing.patience_ns) == (1, UP_AFTER_NS)


def test_heat_steps_down_at_once_and_further_while_it_lasts() -> None:
    """Each step has half a minute to help; while it is hot nothing counts as calm."""
    computer = Computer()
    computer.works(3 * HOT_AGAIN_NS / S + 100, hot=True)
    assert [(to, reason) for _, to, reason in computer.changes] == [(1, "hot"), (2, "hot"), (3, "hot")]
    assert computer.changes[0][0] == LOOK_EVERY_NS / S
    assert computer.changes[1][0] - computer.changes[0][0] == HOT_AGAIN_NS / S
    computer.works(UP_AFTER_NS / S + 1)
    assert computer.changes[-1][1:] == (2, "calm")


def test_heat_after_slowness_does_not_wait() -> None:
    computer = Computer(Standing(level=1, reason="slow", changed_ns=1000 * S))
    computer.works(0.5, hot=True)
    assert [change[1:] for change in computer.changes] == [(2, "hot")]


def test_an_opening_keeps_the_step_and_forgets_what_was_seen() -> None:
    """A camera that was closed for an hour was neither behind nor calm."""
    seen = Standing(2, "slow", 7, late_ns=5, behind_ns=6, calm_ns=None)
    assert opened(seen) == replace(seen, late_ns=0, behind_ns=None)
    calm = Standing(2, "slow", 7, calm_ns=8)
    assert opened(calm) == Standing(2, "slow", 7)


# --- the pace of a camera ---------------------------------------------------------------------------------------------


class Encoder:
    """A camera at 30 frames a second whose frames leave the encoder so much later."""

    def __init__(self, pace: Pace) -> None:
        self.pace, self.now_ns = pace, 5000 * S
        pace.opened(1280, 720, Fraction(30))

    def gives(self, seconds: float, *, late_ns: int = 0, missed: int = 0) -> int:
        """How often the step changed. ``missed``: so many frames are lost before each."""
        changes = 0
        for _ in range(round(seconds * 30)):
            self.now_ns += S // 30
            self.pace.missed(missed)
            changes += self.pace.saw(self.now_ns - late_ns, self.now_ns)
        return changes


def test_the_pace_tells_what_is_recorded_from_now_on_and_why(caplog: pytest.LogCaptureFixture) -> None:
    """In an event for the signed log, and in a line for whoever looks at the machine."""
    told: list[Event] = []
    encoder = Encoder(Pace(told.append, is_hot=lambda: False))
    assert encoder.gives(3, late_ns=S) == 1
    assert (told, encoder.pace.step) == ([PictureStepped(1280, 720, 15.0, "slow")], STEPS[1])
    assert encoder.gives(60.5) == 1
    assert told[1:] == [PictureStepped(1280, 720, 30.0, "calm")]
    assert [record.getMessage() for record in caplog.records] == [
        "picture: 1280x720 at 15 from now on: The encoder could not keep up. (1000 ms late)",
        "picture: 1280x720 at 30 from now on: The computer has kept up for long enough to try more. (0 ms late)",
    ]


@pytest.mark.parametrize(("missed", "expected"), [(0, 0), (1, 1)])
def test_lost_frames_are_counted_against_those_that_came(missed: int, expected: int) -> None:
    encoder = Encoder(Pace(is_hot=lambda: False))
    assert encoder.gives(3, missed=missed) == expected


def test_one_frame_in_thirty_is_no_loss_to_act_on() -> None:
    encoder = Encoder(Pace(is_hot=lambda: False))
    for _ in range(20):
        encoder.pace.missed()
        assert encoder.gives(1) == 0


def test_heat_is_looked_at_twice_a_second() -> None:
    looks: list[bool] = []
    encoder = Encoder(Pace(is_hot=lambda: bool(looks.append(True))))
    encoder.gives(10)
    assert 18 <= len(looks) <= 20


def test_a_steady_pace_never_changes() -> None:
    encoder = Encoder(steady())
    assert (encoder.gives(60, late_ns=5 * S), encoder.pace.step) == (0, Step(1, Fraction(1), Fraction(1)))


# --- heat -------------------------------------------------------------------------------------------------------------

PI_4 = "devices/platform/soc/soc:firmware/get_throttled"
PI_5 = "devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def sysfs(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / {"pi4": PI_4, "pi5": PI_5}.get(name, f"class/thermal/thermal_zone0/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.mark.parametrize(
    ("word", "hot"),
    [("0", False), ("1", False), ("2", True), ("4", True), ("8", True), ("5", False), ("9", True), ("f0000", False)],
)
@pytest.mark.parametrize("name", ["pi4", "pi5"])
def test_the_firmware_s_word(tmp_path: Path, name: str, word: str, hot: bool) -> None:
    """Capped, throttled, or at its soft limit now; what a low voltage does is not heat, and what has been is over."""
    assert Heat(sysfs(tmp_path, **{name: word + "\n"})).is_hot() is hot


@pytest.mark.parametrize(
    ("zone", "temp", "hot"),
    [("cpu-thermal", "79999", False), ("cpu-thermal", "80000", True), ("x86_pkg_temp", "99000", False)],
)
def test_the_temperature_where_there_is_no_word(tmp_path: Path, zone: str, temp: str, hot: bool) -> None:
    """As on a Raspberry Pi 5; other computers run as hot as they like."""
    assert Heat(sysfs(tmp_path, type=zone + "\n", temp=temp + "\n")).is_hot() is hot


def test_a_word_that_cannot_be_read_leaves_the_temperature(tmp_path: Path) -> None:
    heat = Heat(sysfs(tmp_path, pi4="busy\n", type="cpu-thermal\n", temp="85000\n"))
    assert heat.is_hot()
    (tmp_path / "class/thermal/thermal_zone0/temp").unlink()
    assert not heat.is_hot()


def test_where_nobody_says_it_is_not_hot(tmp_path: Path) -> None:
    """On a laptop, in a container."""
    assert not Heat(tmp_path).is_hot()


def test_heat_comes_and_goes(tmp_path: Path) -> None:
    """A real Heat in a camera's pace: the file changes, the step follows."""
    told: list[Event] = []
    heat = Heat(sysfs(tmp_path, pi4="0"))
    encoder = Encoder(Pace(told.append, is_hot=heat.is_hot))
    encoder.gives(5)
    sysfs(tmp_path, pi4="80008")
    encoder.gives(5)
    sysfs(tmp_path, pi4="80000")
    encoder.gives(70)
    assert told == [PictureStepped(1280, 720, 15.0, "hot"), PictureStepped(1280, 720, 30.0, "calm")]
