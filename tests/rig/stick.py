"""USB sticks as image files: one partition, formatted without mounting anything on this machine."""

import subprocess
from pathlib import Path

_START_BYTES = 1 << 20  # where partitions begin
_TYPES = {"exfat": "7", "vfat": "c", "ext4": "83"}


def make_stick(image: Path, filesystem: str, label: str, size_mib: int, content: Path | None = None) -> Path:
    """An image of a stick with one partition of ``size_mib``: "exfat", "vfat" or "ext4".

    Only ext4 can be born with ``content``, a folder.
    """
    partition = image.with_suffix(".partition")
    with partition.open("wb") as file:
        file.truncate(size_mib << 20)
    command = {
        "exfat": ["mkfs.exfat", "-L", label],
        "vfat": ["mkfs.vfat", "-F", "32", "-n", label],
        "ext4": ["mkfs.ext4", "-q", "-L", label, *(["-d", str(content)] if content else [])],
    }[filesystem]
    subprocess.run([*command, str(partition)], check=True, stdout=subprocess.DEVNULL)
    with image.open("wb") as file:
        file.truncate((size_mib << 20) + _START_BYTES)
    table = f"label: dos\nstart={_START_BYTES // 512}, type={_TYPES[filesystem]}\n"
    subprocess.run(["sfdisk", "--quiet", str(image)], input=table, text=True, check=True)
    copy = ["dd", f"if={partition}", f"of={image}", "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none"]
    subprocess.run(copy, check=True)
    partition.unlink()
    return image
