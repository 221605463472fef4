"""What the vault costs: encrypting beside `age -r`, decrypting beside `age -d`, sweeping, exporting beside `cp`.

``python -m tests.bench.vault [FOLDER]``: a folder on the disk that counts. An empty file shows what the start of Python
costs. Exporting mounts loop devices and is left out where we are not root.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.racing import NOWHERE, Race, Side, run_and_print

SIZES_MB = ("0", "64", "1000")


def encrypting(folder: Path) -> list[Race]:
    """To nowhere and to a file, over what ``sealing.py`` made in ``folder``."""
    recipient, out = (folder / "recipient.txt").read_text("ascii").strip(), folder / "out"
    races = []
    for size in SIZES_MB:
        plain, sealed = folder / f"{size}.plain", out / "sealed"
        for name, to, left in (("to nowhere", NOWHERE, None), ("to a file", str(sealed), out)):
            theirs = ("age", "-r", recipient, "-o", to, plain)
            ours = (sys.executable, "-m", "tests.bench.encrypting", recipient, plain, to)
            races.append(Race(f"{size} MB, {name}", Side([theirs], left), Side([ours], left)))
    return races


def decrypting(folder: Path) -> list[Race]:
    """The same the other way round."""
    identity, out = folder / "identity.txt", folder / "out"
    races = []
    for size in SIZES_MB:
        sealed, plain = folder / f"{size}.age", out / "plain"
        for name, to, left in (("to nowhere", NOWHERE, None), ("to a file", str(plain), out)):
            theirs = ("age", "-d", "-i", identity, "-o", to, sealed)
            ours = (sys.executable, "-m", "tests.bench.decrypting", identity, sealed, to)
            races.append(Race(f"{size} MB, {name}", Side([theirs], left), Side([ours], left)))
    return races


def main() -> None:
    """Measure and print."""
    place = sys.argv[1:2]
    with tempfile.TemporaryDirectory(dir=place[0] if place else None) as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "tests.bench.sealing", name, "files"], check=True)
        run_and_print("encrypt", encrypting(folder))
        run_and_print("decrypt", decrypting(folder))
    subprocess.run([sys.executable, "-m", "tests.bench.sweeping", *place], check=True)
    if os.geteuid() == 0:
        subprocess.run([sys.executable, "-m", "tests.bench.exporting"], check=True)
    else:
        print("export: left out, for it mounts loop devices and needs root.")


if __name__ == "__main__":
    main()
