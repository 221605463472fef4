"""What a copy says of itself: two passes, two speeds, and a time left that is right where the stick is steady."""

from recorder.export.tally import Progress, Tally

MB = 1_000_000


class Stick:
    """One that writes 10 MB and reads 20 MB a second, and what was told of it."""

    def __init__(self, files: int, size_bytes: int) -> None:
        self.now_s = 100.0
        self.told: list[Progress] = []
        self.tally = Tally(files, size_bytes, self.told.append, lambda: self.now_s)

    def copy(self, mb: int) -> None:
        for _ in range(mb):
            self.now_s += 0.1
            self.tally.copied(MB)
        self.tally.copied_file()

    def check(self, mb: int) -> None:
        for _ in range(mb):
            self.now_s += 0.05
            self.tally.checked(MB)
        self.tally.checked_file()


def test_two_passes_are_counted_each_by_itself() -> None:
    """To the last byte and the last file of both."""
    stick = Stick(2, 3 * MB)
    stick.copy(1)
    stick.copy(2)
    assert stick.told[-1] == Progress(2, 3 * MB, copied_files=1, copied_bytes=3 * MB)
    stick.check(1)
    stick.check(2)
    stick.tally.checked(0)
    assert stick.told[-1] == Progress(2, 3 * MB, 2, 3 * MB, 2, 3 * MB, left_s=None)


def test_the_time_left() -> None:
    """Nobody knows at first; then reading is taken to be as fast as writing; then it is known, and ends at nothing."""
    stick = Stick(2, 200 * MB)
    stick.copy(20)
    assert stick.told[-1].left_s is None
    stick.copy(80)
    assert _seconds(stick) == 30  # 100 MB to write, 200 MB to read, all at 10 MB a second
    stick.check(100)
    assert _seconds(stick) == 15  # 10 to write, 5 to read
    stick.copy(100)
    assert _seconds(stick) == 5
    stick.check(100)
    assert _seconds(stick) == 0


def _seconds(stick: Stick) -> int:
    left_s = stick.told[-1].left_s
    assert left_s is not None
    return round(left_s)


def test_a_wait_for_the_device_belongs_to_the_pass_that_waits() -> None:
    """What was written has to reach the stick; reading back is not slow for it."""
    stick = Stick(1, 200 * MB)
    stick.copy(100)
    stick.now_s += 10  # the sync at the end of a batch
    stick.check(100)
    assert _seconds(stick) == 25  # 100 MB to write at 5 MB a second, and 100 to read at 20


def test_what_is_there_already_changes_no_speed() -> None:
    """It counts for both passes; the time that comparing took, for neither."""
    stick = Stick(3, 300 * MB)
    stick.copy(100)
    stick.now_s += 1000
    stick.tally.found(100 * MB)
    assert stick.told[-1] == Progress(3, 300 * MB, 2, 200 * MB, 1, 100 * MB, left_s=stick.told[-1].left_s)
    assert _seconds(stick) == 30


def test_everything_was_there() -> None:
    """Nothing is left, and no speed is needed to say so."""
    stick = Stick(1, MB)
    stick.tally.found(MB)
    assert stick.told == [Progress(1, MB, 1, MB, 1, MB, left_s=None)]
