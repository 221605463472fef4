"""Root's part of a copy: look at what was plugged in, mount it, let it go. Whether it will do, ``stick.py`` decides.

Rules: nothing on a stick is read here, but what lsblk, blkid and the kernel read to know it; programs are given lists
of arguments, never a line of shell; what could not be let go keeps its folder, which is how ``export-told`` knows.
The caller is in the mount namespace of process 1, for what is mounted must be everybody's.
"""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.errors import StickError
from recorder.export.lsblk import BLKID, LSBLK, read_listing, read_signature
from recorder.export.stick import Stick, judge, require_name

PLACE: Final = Path("/run/cabin-recorder-export")
OWNER: Final = "cabin-recorder"

_NO_SIGNATURE = 2  # also where there is no such device
_TWO_SIGNATURES = 8
_MOUNTED: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mounter:
    """Mounts sticks below ``place`` for the user ``owner``. Each method raises StickError."""

    place: Path = PLACE
    owner: str = OWNER

    def look(self, name: str) -> Stick:
        """The stick ``name`` (``sda1``); ForeignStickError where it is none of ours."""
        device = f"/dev/{require_name(name)}"
        disks = read_listing(_out(_run(*LSBLK)))
        probed = _run(*BLKID, device)
        probe = b"" if probed.returncode in {_NO_SIGNATURE, _TWO_SIGNATURES} else _out(probed)
        return judge(name, disks, read_signature(probe), str(self.place / name))

    def mount(self, name: str) -> Path:
        """Mount it; where it is now. ForeignStickError as above."""
        stick, at = self.look(name), self.place / name
        account = self._account()
        self.release(name)  # what an earlier copy left, that was killed before it could let go
        with _errors_of(at):
            at.mkdir(mode=0o700)
        options = stick.options(account.pw_uid, account.pw_gid)
        done = _run("mount", "--types", stick.filesystem, "--options", options, "--", f"/dev/{name}", str(at))
        if done.returncode != 0:
            self.release(name)
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise StickError(f"The stick in {name} cannot be mounted; format it anew. ({said})")
        if stick.filesystem == "ext4":  # its top folder is whoever's formatted it
            self._take(name, at, account)
        return at

    def release(self, name: str) -> None:
        """Write back and unmount; also where nothing is mounted, or the stick is gone."""
        at = self.place / require_name(name)
        if _is_mounted(at):
            written = _run("sync", "--file-system", str(at))  # umount says nothing of what could not be written
            if _run("umount", "--", str(at)).returncode != 0:
                _out(_run("umount", "--lazy", "--", str(at)))
                raise StickError(f"The stick in {name} is still in use; switch the recorder off before you unplug it.")
            if written.returncode != 0:
                raise StickError(f"The stick in {name} did not take all that was copied; export again.")
        with _errors_of(at), suppress(FileNotFoundError):
            at.rmdir()

    def _account(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(self.owner)
        except KeyError as error:
            raise StickError(f"There is no user {self.owner}; install the recorder anew.") from error

    def _take(self, name: str, at: Path, account: pwd.struct_passwd) -> None:
        try:
            os.chown(at, account.pw_uid, account.pw_gid)
            at.chmod(0o700)
        except OSError as error:
            self.release(name)
            raise StickError(f"The stick in {name} cannot be written ({error.strerror}); format it anew.") from error


def _is_mounted(at: Path) -> bool:
    """By the kernel's table (proc_pid_mountinfo(5)): a stick that was pulled out does not answer questions itself."""
    return any(line.split(b" ")[4] == os.fsencode(at) for line in _MOUNTED.read_bytes().splitlines())


@contextmanager
def _errors_of(at: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StickError(f"The folder {at} cannot be used ({error.strerror}); restart the recorder.") from error


def _run(*command: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise StickError(f"{command[0]} cannot be run ({error.strerror}); install the recorder anew.") from error


def _out(done: subprocess.CompletedProcess[bytes]) -> bytes:
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise StickError(f"{done.args[0]} failed with {done.returncode}: {said}")
    return done.stdout
