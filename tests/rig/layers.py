"""What a virtual disk holds for good: an image nobody writes to, and layers of changed blocks over it.

A layer is a sparse file of the disk's size and the numbers of its blocks that count. Many machines share the image and
the lower layers; each writes to a layer of its own, which can be saved and stood upon in turn.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK_BYTES = 4096


class Layer:
    """Changed blocks in ``folder``; what was saved there before is there again."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._numbers = folder / "blocks"
        self.blocks = set(array("Q", self._numbers.read_bytes())) if self._numbers.exists() else set[int]()
        self.fd = os.open(folder / "content", os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self.fd, size_bytes)

    def put(self, block: int, content: bytes) -> None:
        """Keep ``content``, a whole block."""
        os.pwrite(self.fd, content, block * BLOCK_BYTES)
        self.blocks.add(block)

    def save(self) -> None:
        """Keep the numbers of the blocks, too."""
        self._numbers.write_bytes(array("Q", sorted(self.blocks)).tobytes())

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)


class Durable:
    """A disk when nothing is in flight: ``image``, then ``below`` from old to new, then ``top``, written to."""

    def __init__(self, image: Path, below: Sequence[Path], top: Path) -> None:
        self.size_bytes = image.stat().st_size
        self._image_fd = os.open(image, os.O_RDONLY)
        self.top = Layer(top, self.size_bytes)
        self._layers = [self.top, *(Layer(folder, self.size_bytes) for folder in reversed(below))]

    def read(self, first_block: int, count: int) -> bytes:
        """``count`` blocks, each from the newest layer that has it."""
        return b"".join(
            os.pread(fd, blocks * BLOCK_BYTES, start * BLOCK_BYTES)
            for fd, start, blocks in self._runs(first_block, count)
        )

    def put(self, block: int, content: bytes) -> None:
        """Write a whole block to the top layer."""
        self.top.put(block, content)

    def close(self) -> None:
        """Save the top layer; close every layer. Those below are others' too, and stay as they are."""
        self.top.save()
        for layer in self._layers:
            layer.close()
        os.close(self._image_fd)

    def _runs(self, first_block: int, count: int) -> Iterator[tuple[int, int, int]]:
        """Neighbouring blocks from one file: its descriptor, first block, number of blocks."""
        start, fd = first_block, self._owner(first_block)
        for block in range(first_block + 1, first_block + count):
            owner = self._owner(block)
            if owner != fd:
                yield fd, start, block - start
                start, fd = block, owner
        yield fd, start, first_block + count - start

    def _owner(self, block: int) -> int:
        return next((layer.fd for layer in self._layers if block in layer.blocks), self._image_fd)
