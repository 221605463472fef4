"""The thread that plays a scene: in real time, catching up, and silent once it is stopped."""

import queue
import threading

import pytest

from recorder.capture import player as player_module
from recorder.capture.player import LATE_NS, Player
from recorder.capture.ports import DeviceFailure
from recorder.errors import DeviceAbsentError, DeviceLostError
from recorder.timekeeping import boottime_ns

S = 1_000_000_000


@pytest.fixture
def player():
    made = Player("test")
    yield made
    made.stop()


def test_it_waits_for_the_moment_and_not_longer(player: Player) -> None:
    woke: queue.SimpleQueue = queue.SimpleQueue()
    due_ns = boottime_ns() + S // 10
    player.start(lambda: woke.put((player.wait_until(due_ns), boottime_ns())), lambda failure: None)
    in_time, at_ns = woke.get(timeout=5)
    assert in_time
    assert 0 <= at_ns - due_ns < S // 2


def test_a_stop_ends_the_waiting(player: Player) -> None:
    woke: queue.SimpleQueue = queue.SimpleQueue()
    player.start(lambda: woke.put(player.wait_until(boottime_ns() + 60 * S)), lambda failure: None)
    player.stop()
    assert woke.get(timeout=5) is False


def test_what_is_due_already_is_due_unless_it_was_stopped(player: Player) -> None:
    assert player.wait_until(boottime_ns() - S)
    player.stop()
    assert not player.wait_until(boottime_ns() - S)


def test_up_to_a_second_late_is_caught_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_module, "boottime_ns", lambda: 100 * S)
    assert [Player.missed(100 * S - late_ns) for late_ns in (0, LATE_NS, LATE_NS + 1)] == [False, False, True]


def test_nothing_is_delivered_after_the_stop(player: Player) -> None:
    """Not even what the scene was about to deliver when it was stopped."""
    delivered: list[int] = []
    about_to, stopped = threading.Event(), threading.Event()

    def play() -> None:
        player.deliver(delivered.append, 1)
        about_to.set()
        stopped.wait(10)
        player.deliver(delivered.append, 2)

    player.start(play, lambda failure: None)
    assert about_to.wait(5)
    threading.Timer(0.1, stopped.set).start()
    player.stop()
    assert stopped.wait(5)
    assert delivered == [1]


def test_a_failure_is_handed_over_in_its_own_words(player: Player) -> None:
    failures: queue.SimpleQueue = queue.SimpleQueue()

    def play() -> None:
        raise DeviceLostError("The clip is gone.")

    player.start(play, failures.put)
    assert failures.get(timeout=5) == DeviceFailure("The clip is gone.")


def test_it_plays_one_scene_at_a_time(player: Player) -> None:
    player.start(lambda: None, lambda failure: None)
    with pytest.raises(DeviceAbsentError, match="open already"):
        player.start(lambda: None, lambda failure: None)
    player.stop()
    player.stop()
    player.start(lambda: None, lambda failure: None)
