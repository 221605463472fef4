"""One segment's file, read and hashed ahead of whoever decrypts it, on another core: each takes as long as the other.

Rules: bytes come in their order, and all of them are hashed; at most a few megabytes wait, in memory that is used
again and again; an error is raised where its bytes would have come; the thread ends with the context.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from recorder.errors import AgeTruncatedError
from recorder.office.contents import BundleFile
from recorder.vault import age

_BLOCK_BYTES = 32 * age.SEALED_CHUNK_BYTES  # 2 MB
_BLOCKS = 4
_LOOK_EVERY_S = 0.1


def new_memory() -> list[memoryview]:
    """Memory to read ahead into, for one segment after another."""
    return [memoryview(bytearray(_BLOCK_BYTES)) for _ in range(_BLOCKS)]


class SegmentSource:
    """A context manager; ``memory`` is its alone until its end. ``count`` is told of bytes taken, where they are taken.

    ``sha256`` (hexadecimal) and ``body_bytes`` are final after :meth:`drain`; the hash is that of the body where
    the log knows the body's (``is_body_known``), else that of the whole file, as the manifest has it.
    """

    def __init__(
        self, file: BundleFile, memory: Sequence[memoryview], count: Callable[[int], None], *, is_body_known: bool
    ) -> None:
        self.header = age.read_header(file).raw
        file.rewind()
        self.is_body_known = is_body_known
        self.body_bytes = 0
        self._file = file
        self._count = count
        self._sha256 = hashlib.sha256(b"" if is_body_known else self.header)
        self._memory = self._rest = memoryview(b"")
        self._is_over = False
        self._blocks: queue.SimpleQueue[tuple[memoryview, int] | Exception] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        for block in memory:
            self._free.put(block)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def sha256(self) -> str:
        """See the class."""
        return self._sha256.hexdigest()

    def plaintext(
        self, identities: Sequence[age.Identity], *, is_torn: bool, room: age.Room | None = None
    ) -> Iterator[bytes | memoryview]:
        """Every authentic chunk; AgeError as :func:`age.decrypt`, but for the missing end of one known to be torn."""
        try:
            yield from age.decrypt(self, identities, room)
        except AgeTruncatedError:
            if not is_torn:
                raise

    def drain(self) -> None:
        """Take what decryption has left, so that the hash is that of all. BundleError."""
        while self._fill():
            self._rest = memoryview(b"")

    def read(self, size: int, /) -> memoryview:
        """At most ``size`` bytes, uncopied, and there until the next call; none only at the end.

        BundleError where the stick refuses.
        """
        self._fill()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _fill(self) -> bool:
        if not self._rest and not self._is_over:
            if self._memory:
                self._free.put(self._memory)
            block = self._blocks.get()
            if isinstance(block, Exception):
                self._is_over = True
                raise block
            self._memory, size_bytes = block
            self._rest, self._is_over = self._memory[:size_bytes], not size_bytes
            self._count(size_bytes)
        return bool(self._rest)

    def _run(self) -> None:
        try:
            header_left_bytes = len(self.header)
            size_bytes = header_left_bytes + age.NONCE_BYTES  # from then on no chunk lies in two blocks
            while (memory := self._next_free()) is not None:
                block_bytes, size_bytes = self._file.readinto(memory[:size_bytes]), _BLOCK_BYTES
                header_bytes = min(header_left_bytes, block_bytes)
                header_left_bytes -= header_bytes
                self.body_bytes += block_bytes - header_bytes
                self._blocks.put((memory, block_bytes))
                if not block_bytes:
                    return
                self._sha256.update(memory[header_bytes:block_bytes])  # beside the decryption of the same block
        except Exception as error:  # noqa: BLE001 - whatever it is, who reads is told: else they wait for ever
            self._blocks.put(error)

    def _next_free(self) -> memoryview | None:
        """Memory that nobody looks at; None where nobody reads any more."""
        while not self._ending.is_set():
            try:
                return self._free.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
        return None
