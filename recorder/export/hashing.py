"""SHA-256 beside reading and writing: the device and the processor work at once.

Rule: at most one piece waits to be hashed, so that memory stays small and the hash is as far as the bytes are.
"""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor


class Hasher:
    """Hashes in a thread of its own, for hashlib, read and write all let go of the GIL. To be used in a ``with``."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, "hasher")
        self._last: Future[None] | None = None

    def __enter__(self) -> "Hasher":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def update(self, piece: bytes) -> None:
        """Begin to hash ``piece``, which comes after all before it."""
        self._wait()
        self._last = self._thread.submit(self._sha256.update, piece)

    def hexdigest(self) -> str:
        """Of all pieces."""
        self._wait()
        return self._sha256.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
