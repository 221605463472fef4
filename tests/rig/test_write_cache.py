"""The cache that forgets, without a machine; these run with every test."""

import random
from pathlib import Path

import pytest

from tests.rig.layers import BLOCK_BYTES, Durable
from tests.rig.write_cache import WriteCache

BLOCKS = 64
OLD = b"o" * BLOCK_BYTES


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(OLD * BLOCKS)
    return path


def test_what_was_flushed_or_forced_survives_every_power_cut(image: Path, tmp_path: Path) -> None:
    """Whatever the seed: flushed and forced writes stay, the machine's view before the cut is all it wrote."""
    for seed in range(50):
        durable = Durable(image, [], tmp_path / str(seed))
        cache = WriteCache(durable)
        cache.write(0, b"f" * BLOCK_BYTES)
        cache.flush()
        cache.write(BLOCK_BYTES, b"u" * BLOCK_BYTES, forced=True)
        cache.write(2 * BLOCK_BYTES, b"l" * BLOCK_BYTES)
        assert cache.read(0, 3 * BLOCK_BYTES) == b"f" * BLOCK_BYTES + b"u" * BLOCK_BYTES + b"l" * BLOCK_BYTES

        cache.lose_power(random.Random(seed))

        assert cache.read(0, 2 * BLOCK_BYTES) == b"f" * BLOCK_BYTES + b"u" * BLOCK_BYTES
        durable.close()


def test_what_was_not_flushed_is_lost_torn_or_kept(image: Path, tmp_path: Path) -> None:
    """Every fate occurs, is counted, and shows on the disk; a tear is between sectors, new before old."""
    durable = Durable(image, [], tmp_path / "top")
    cache = WriteCache(durable)
    for block in range(BLOCKS):
        cache.write(block * BLOCK_BYTES, b"n" * BLOCK_BYTES)

    cut = cache.lose_power(random.Random(1))

    news = [durable.read(block, 1).count(b"n") for block in range(BLOCKS)]
    assert all(new % 512 == 0 for new in news)
    assert (news.count(0), news.count(BLOCK_BYTES)) == (cut.lost, cut.kept)
    assert cut.torn == BLOCKS - cut.lost - cut.kept
    assert min(cut.lost, cut.torn, cut.kept) > 0
    durable.close()


def test_writes_that_are_no_whole_blocks_change_what_they_cover(image: Path, tmp_path: Path) -> None:
    """A write of two sectors across a block's edge leaves its neighbours alone, before and after a flush."""
    durable = Durable(image, [], tmp_path / "top")
    cache = WriteCache(durable)
    cache.write(BLOCK_BYTES - 512, b"x" * 1024)
    expected = (OLD + OLD)[: BLOCK_BYTES - 512] + b"x" * 1024 + OLD[512:]
    assert cache.read(0, 2 * BLOCK_BYTES) == expected
    cache.flush()
    assert durable.read(0, 2) == expected
    durable.close()


def test_a_saved_layer_can_be_stood_upon(image: Path, tmp_path: Path) -> None:
    """A disk over a saved layer shows it, writes to a layer of its own, and leaves the saved one as it was."""
    first = Durable(image, [], tmp_path / "saved")
    first.put(3, b"s" * BLOCK_BYTES)
    first.close()

    second = Durable(image, [tmp_path / "saved"], tmp_path / "own")
    second.put(4, b"w" * BLOCK_BYTES)
    assert second.read(2, 4) == OLD + b"s" * BLOCK_BYTES + b"w" * BLOCK_BYTES + OLD
    second.close()

    third = Durable(image, [tmp_path / "saved"], tmp_path / "other")
    assert third.read(3, 2) == b"s" * BLOCK_BYTES + OLD
    third.close()
