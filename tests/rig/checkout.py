"""This checkout as a stick: what an installer finds who brings it to a vehicle without a network."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.rig.drivers import CPUINFO
from tests.rig.machine import Image
from tests.rig.recorder import SERVICE
from tests.rig.stick import make_stick
from tests.rig.vehicle import Vehicle

ROOT = Path(__file__).parents[2]
LABEL = "CHECKOUT"


class Checkout:
    """The files as they are now, committed or not, without tests and without what git ignores."""

    def __init__(self) -> None:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":!tests"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        self._files = [Path(name) for name in sorted(set(names.split("\0"))) if name and (ROOT / name).is_file()]

    @property
    def fingerprint(self) -> str:
        """Changes whenever a file does."""
        digest = hashlib.sha256()
        for name in self._files:
            digest.update(f"{name}\0{(ROOT / name).stat().st_mode}\0".encode())
            digest.update(hashlib.sha256((ROOT / name).read_bytes()).digest())
        return digest.hexdigest()

    def make_stick(self, image: Image, folder: Path) -> Path:
        """A stick with the folders ``checkout`` and ``wheels``."""
        content = folder / "stick"
        for name in self._files:
            (content / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, content / "checkout" / name)
        shutil.copytree(image.wheels, content / "wheels")
        return make_stick(folder / "checkout.img", "ext4", LABEL, 400, content)


def install_from_stick(vehicle: Vehicle) -> None:
    """What a fitter does with the stick in the socket. The installer starts nothing: no office's key is configured."""
    guest = vehicle.guest
    guest.until(f"[ -e /dev/disk/by-label/{LABEL} ]")
    guest.run("mount", "-o", "ro", f"/dev/disk/by-label/{LABEL}", "/mnt")
    guest.run("cp", "-r", "/mnt/checkout", "/root/checkout")
    guest.run("/root/checkout/scripts/install", "--wheels", "/mnt/wheels", timeout_s=900)
    guest.run("umount", "/mnt")
    # gpiozero knows a Raspberry Pi by its /proc/cpuinfo, and the service has a /proc of its own.
    guest.write(f"/etc/systemd/system/{SERVICE}.d/rig.conf", f"[Service]\nBindReadOnlyPaths={CPUINFO}:/proc/cpuinfo\n")
    guest.shell("systemctl daemon-reload; sync")
