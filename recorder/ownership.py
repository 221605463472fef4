"""Root acts as the owner of the store: what root creates there the recorder could not read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def become_owner(store: Path) -> None:
    """From here on, where this process is root's and ``store`` somebody else's."""
    if os.geteuid() != 0 or not store.exists():
        return
    owner = store.stat()
    if owner.st_uid != 0:
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)


@contextmanager
def acting_as_owner(store: Path) -> Iterator[None]:
    """While the block runs; then root is root again, who may have to write to a stick that is root's."""
    groups, gid, uid = os.getgroups(), os.getegid(), os.geteuid()
    become_owner(store)
    try:
        yield
    finally:
        if os.geteuid() != uid:
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)
