"""Keys that come, go and are wiped: each step of a turn cut, slots that fail, other processes in between."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.errors import StoreError
from recorder.timekeeping import NS_PER_S
from recorder.vault.keyring import Keyring
from recorder.vault.slots import PLACE_BYTES, SLOT_BYTES, Slot
from tests.vault.cuts import DEATHS, Death, each_cut
from tests.vault.kit import make_slot

DEAD_BATTERY = "The slot lost its secret while the recorder runs, and gets a new one. Check its battery."


class World:
    """A card and a clock chip's memory, and copies of both that somebody made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "card"
        self.card.mkdir()
        self.slot = make_slot(folder / "slot")
        self.file = Slot(folder / "fallback", "file")

    def keyring(self) -> Keyring:
        """As a process has it that starts now."""
        return Keyring(self.card, [self.slot, self.file], 600)

    def keep(self) -> None:
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        shutil.copytree(self.card, self.folder / "kept")
        shutil.copy(self.slot.path, self.folder / "kept.slot")

    def restore(self) -> None:
        shutil.rmtree(self.card)
        shutil.copytree(self.folder / "kept", self.card)
        shutil.copy(self.folder / "kept.slot", self.slot.path)
        self.file.path.unlink(missing_ok=True)

    def places(self) -> list[bool]:
        """For each place of the slot: whether anything lies in it."""
        data = self.slot.path.read_bytes()
        return [any(data[start : start + PLACE_BYTES]) for start in (0, PLACE_BYTES)]

    def assert_settled(self) -> None:
        """No turn is half done: one place is used, and both copies of the table are the same."""
        assert sorted(self.places()) == [False, True]
        assert (self.card / "keyring.0").read_bytes() == (self.card / "keyring.1").read_bytes()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_keys_are_there_for_every_process_until_they_are_erased(world: World) -> None:
    """What one adds the other finds, byte for byte; erased, it is gone for both and the others stay."""
    one, other = world.keyring(), world.keyring()
    first, second = one.add(2)
    assert (other.keys(), other.alarms) == (one.keys(), ())
    kept = other.keys()[second]
    assert other.erase([first]) == {first: "slot"}
    assert one.keys() == {second: kept}
    world.assert_settled()


def test_an_epoch_lasts_as_long_as_it_is_told(world: World) -> None:
    """The same one within its time, then another; a process that starts has its own."""
    keyring = world.keyring()
    first = keyring.current(0)
    assert keyring.current(600 * NS_PER_S - 1) == first
    second = keyring.current(600 * NS_PER_S)
    assert second != first
    assert world.keyring().current(601 * NS_PER_S) not in {first, second}
    keyring.erase([second])
    assert keyring.current(602 * NS_PER_S) != second, "a key that another process erased is no longer used"


def test_a_card_kept_from_before_opens_with_no_secret_of_after(world: World) -> None:
    """The laboratory: every table that ever lay on the card against the slot as it is, and as it was."""
    keyring = world.keyring()
    (epoch,) = keyring.add(1)
    key = keyring.keys()[epoch]
    world.keep()
    keyring.erase([epoch])
    after = world.slot.path.read_bytes()

    world.restore()
    assert world.keyring().keys() == {epoch: key}, "the attack works with the slot as it was: the test can fail"
    world.restore()
    world.slot.path.write_bytes(after)
    assert world.keyring().keys() == {}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("erases", [False, True])
def test_a_turn_that_is_cut(world: World, death: Death, erases: bool) -> None:
    """Old keys or new ones, never neither; what is settled stays settled, and erased stays erased."""
    before_turn = world.keyring()
    old, other = before_turn.add(2)
    before = before_turn.keys()
    world.keep()
    action: Callable[[Keyring], object] = (lambda k: k.erase([old])) if erases else (lambda k: k.add(1))
    seen = set()
    for _ in each_cut(lambda: action(world.keyring()), death, world.restore):
        keyring = world.keyring()
        after = dict(keyring.keys())
        assert keyring.alarms == ()
        world.assert_settled()
        assert after[other] == before[other]
        assert (after[old] == before[old]) if not erases else (len(after) in {1, 2})
        seen.add(len(after))
        assert world.keyring().keys() == after
        action(keyring)
        world.assert_settled()
    assert seen == ({1, 2} if erases else {2, 3}), "cuts fell before and behind the moment that counts"


@pytest.mark.parametrize("death", DEATHS)
def test_a_first_turn_that_is_cut(world: World, death: Death) -> None:
    """A first start that was cut is a first start again, or has its key; nothing is alarming about it but the truth."""
    world.keep()
    for _ in each_cut(lambda: world.keyring().add(1), death, world.restore):
        keyring = world.keyring()
        assert len(keyring.keys()) in {0, 1}
        keyring.add(1)
        assert keyring.alarms == ()
        world.assert_settled()


def test_a_damaged_copy_is_mended_from_the_other(world: World) -> None:
    """Bit rot in one copy costs nothing, and is said once."""
    keyring = world.keyring()
    keyring.add(1)
    keys = keyring.keys()
    (world.card / "keyring.0").write_bytes(b"rot")
    again = world.keyring()
    assert (again.keys(), again.alarms) == (keys, (f"{world.card / 'keyring.0'} is damaged; its other copy is used.",))
    assert (again.keys(), again.alarms) == (keys, ())
    world.assert_settled()


def test_a_flat_battery_while_parked_is_said_and_what_follows_is_safe(world: World) -> None:
    """The keys are gone with the secret; new ones are made, and nothing pretends to be openable."""
    (epoch,) = world.keyring().add(1)
    world.slot.path.write_bytes(bytes(SLOT_BYTES))
    keyring = world.keyring()
    assert keyring.keys() == {}
    assert [alarm.split(":")[0] for alarm in keyring.alarms] == ["No secret opens the keyring"]
    (new,) = keyring.add(1)
    assert set(world.keyring().keys()) == {new} != {epoch}
    world.assert_settled()


def test_a_flat_battery_while_running_costs_nothing(world: World) -> None:
    """The running recorder still knows the keys, and writes them under a new secret."""
    keyring = world.keyring()
    keyring.add(1)
    keys = keyring.keys()
    world.slot.path.write_bytes(bytes(SLOT_BYTES))
    assert (keyring.keys(), keyring.alarms) == (keys, (DEAD_BATTERY,))
    assert world.keyring().keys() == keys


def test_memory_never_brings_back_what_another_process_erased(world: World) -> None:
    """A stale process beside a slot that lost its secret does not write erased keys again."""
    stale, other = world.keyring(), world.keyring()
    (epoch,) = stale.add(1)
    other.erase([epoch])
    world.slot.path.write_bytes(bytes(SLOT_BYTES))
    assert stale.keys() == {}


def test_a_slot_that_takes_nothing_falls_back_and_says_so(world: World) -> None:
    """Recording goes on with the file; every key that the file has ever guarded is erased as weakly as a file."""
    keyring = world.keyring()
    old, young = keyring.add(2)
    memory = world.slot.path.read_bytes()
    world.slot.path.unlink()
    (new,) = keyring.add(1)
    assert keyring.kind == "file"
    assert any("Until it does, deletion is weaker." in alarm for alarm in keyring.alarms)
    assert keyring.erase([old]) == {old: "unlink"}, "an old secret may still lie where nobody can wipe it"
    world.slot.path.write_bytes(memory)
    assert set(keyring.keys()) == {young, new}
    assert keyring.erase([young, new]) == {young: "file", new: "file"}
    assert keyring.kind == "slot"
    (fresh,) = keyring.add(1)
    assert keyring.erase([fresh]) == {fresh: "slot"}
    world.assert_settled()
    assert not any(world.file.path.read_bytes())


def test_no_slot_at_all_is_refused_and_the_keys_are_kept(world: World) -> None:
    """Neither memory nor file: nothing can be sealed, and nothing that was is lost."""
    keyring = world.keyring()
    keyring.add(1)
    keys = keyring.keys()
    world.keep()
    world.slot.path.unlink()
    world.file.path.mkdir()
    with pytest.raises(StoreError, match=r"No slot takes the secret of the keyring"):
        keyring.add(1)
    world.file.path.rmdir()
    shutil.copy(world.folder / "kept.slot", world.slot.path)
    assert world.keyring().keys() == keys


def test_memory_that_is_too_small_is_refused(tmp_path: Path) -> None:
    """Said in bytes, with the mend."""
    small = tmp_path / "small"
    small.write_bytes(bytes(37))
    with pytest.raises(StoreError, match=r"has 37 bytes; a slot needs 38. Name another in keys.slot."):
        Slot(small, "slot").read()


def test_what_lay_in_the_chip_before_is_overwritten(world: World) -> None:
    """A used clock chip brings bytes along; they are nobody's secret and are wiped."""
    world.slot.path.write_bytes(bytes(range(SLOT_BYTES)))
    keyring = world.keyring()
    keyring.add(1)
    world.assert_settled()


def test_where_a_slot_is_memory_and_where_a_file(tmp_path: Path) -> None:
    """What Linux shows in /sys is a device's memory."""
    paths: Iterator[Path] = iter([Path("/sys/bus/nvmem/devices/ds3232_nvram0/nvmem"), tmp_path / "slot"])
    assert [Slot.at(path).kind for path in paths] == ["slot", "file"]
