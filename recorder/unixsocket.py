"""UNIX sockets in a folder whose path may be long.

``sun_path`` holds 108 bytes (unix(7)), and runtime folders of tests and containers are longer: bind and connect go
through ``/proc/self/fd/N/name``, which is always short. A socket file left by a crash is replaced.
"""

import os
import socket
from pathlib import Path


def listen(path: Path) -> socket.socket:
    """Listen on ``path`` (mode 0600), replacing what a crash left there. Raises OSError."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    before = os.umask(0o177)
    try:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.umask(before)
        os.close(folder)
    server.listen()
    return server


def connect(path: Path, timeout_s: float) -> socket.socket:
    """Connect to ``path``. Raises OSError, at once where nobody listens."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(timeout_s)
    try:
        client.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        client.close()
        raise
    finally:
        os.close(folder)
    return client
