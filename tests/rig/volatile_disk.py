"""Serves a disk with a volatile write cache to QEMU, over NBD.

NBD as in doc/proto.md of NetworkBlockDevice/nbd: fixed newstyle negotiation, one export, simple replies.
"""

import random
import socket
import struct
import threading
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.layers import BLOCK_BYTES, Durable
from tests.rig.write_cache import PowerCut, WriteCache

# Negotiation
_GREETING = b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 1 | 2)  # fixed newstyle, no zeroes
_OPTION_REPLY = 0x3E889045565A9
_ABORT, _INFO, _GO = 2, 6, 7
_ACK, _FACTS, _UNSUPPORTED = 1, 3, 1 << 31 | 1
_FACTS_EXPORT, _FACTS_BLOCK_SIZE = 0, 3
_EXPORT_FLAGS = 1 | 4 | 8 | 32 | 64  # has flags, flush, force unit access, trim, write zeroes
_LARGEST_BYTES = 32 << 20

# Transmission
_REQUEST = struct.Struct(">IHHQQI")
_REPLY_MAGIC = 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH, _TRIM, _WRITE_ZEROES = 0, 1, 2, 3, 4, 6
_FORCE_UNIT_ACCESS = 1
_INVALID = 22


class VolatileDisk:
    """Serves a :class:`WriteCache` at ``socket_path``, one machine at a time, from a thread of its own."""

    def __init__(self, durable: Durable, socket_path: Path) -> None:
        self.cache = WriteCache(durable)
        self.socket_path = socket_path
        self._idle = threading.Event()
        self._idle.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(socket_path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, name="volatile-disk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.socket_path.unlink()
        self.cache.durable.close()

    def lose_power(self, seed: int) -> PowerCut:
        """Pull the plug, once the machine is dead; the same ``seed`` and writes end the same."""
        assert self._idle.wait(10), "the machine still talks to its disk"
        return self.cache.lose_power(random.Random(seed))

    def settle(self) -> None:
        """Wait until the machine, which has ended in good order, has let go of the disk."""
        assert self._idle.wait(10), "the machine still talks to its disk"
        self.cache.flush()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # shut down in __exit__
                return
            self._idle.clear()
            try:
                with client, client.makefile("rb") as requests:
                    if self._negotiate(client, requests):
                        self._transmit(client, requests)
            except (EOFError, ConnectionError):
                pass  # The machine was killed; its owner decides whether that was a power cut.
            finally:
                self._idle.set()

    def _negotiate(self, client: socket.socket, requests: BufferedReader) -> bool:
        """Agree on the one disk there is; False where the machine changed its mind."""
        client.sendall(_GREETING)
        _exactly(requests, 4)
        while True:
            _, option, size = struct.unpack(">QII", _exactly(requests, 16))
            _exactly(requests, size)

            def reply(kind: int, content: bytes = b"", option: int = option) -> None:
                client.sendall(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(content)) + content)

            if option in (_INFO, _GO):
                reply(_FACTS, struct.pack(">HQH", _FACTS_EXPORT, self.cache.durable.size_bytes, _EXPORT_FLAGS))
                reply(_FACTS, struct.pack(">HIII", _FACTS_BLOCK_SIZE, 1, BLOCK_BYTES, _LARGEST_BYTES))
                reply(_ACK)
                if option == _GO:
                    return True
            elif option == _ABORT:
                reply(_ACK)
                return False
            else:
                reply(_UNSUPPORTED)

    def _transmit(self, client: socket.socket, requests: BufferedReader) -> None:
        """Carry out requests until the machine disconnects in good order."""
        while True:
            _, flags, command, cookie, offset, size = _REQUEST.unpack(_exactly(requests, _REQUEST.size))
            forced = bool(flags & _FORCE_UNIT_ACCESS)
            error, answer = 0, b""
            if command == _READ:
                answer = self.cache.read(offset, size)
            elif command == _WRITE:
                self.cache.write(offset, _exactly(requests, size), forced)
            elif command == _WRITE_ZEROES:
                for start in range(offset, offset + size, 1 << 20):
                    self.cache.write(start, bytes(min(1 << 20, offset + size - start)), forced)
            elif command == _FLUSH:
                self.cache.flush()
            elif command == _DISCONNECT:
                self.cache.flush()
                return
            elif command != _TRIM:  # a trimmed block may go on holding what it held
                error = _INVALID
            client.sendall(struct.pack(">IIQ", _REPLY_MAGIC, error, cookie) + answer)


def _exactly(requests: BufferedReader, size: int) -> bytes:
    data = requests.read(size)
    if len(data) < size:
        raise EOFError
    return data
