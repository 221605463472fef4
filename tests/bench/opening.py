"""How fast a bundle opens, beside `age -d` on its segments.

Our side also verifies, hashes and joins them into one film, and syncs that before it gets its name; so `age -d` is
raced twice, as it is, which leaves its files to the kernel, and with a sync of them.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.racing import Race, Side, run_and_print


def races(folder: Path) -> list[Race]:
    """All of them, over what ``sealing.py`` made in ``folder``."""
    identity, out = folder / "identity.txt", folder / "out"
    segments = sorted((folder / "stick").glob("CABIN-EXPORT/*/*/*.mp4.age"))
    opening = (sys.executable, "-m", "recorder", "open", folder / "stick", "-i", identity, "-o", out)
    each = [("age", "-d", "-i", identity, "-o", out / segment.stem, segment) for segment in segments]
    return [
        Race(f"{len(segments)} minutes: age -d", Side(each, out), Side([opening], out)),
        Race("the same, and sync", Side([*each, ("sync", "--file-system", out)], out), Side([opening], out)),
    ]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        subprocess.run([sys.executable, "-m", "tests.bench.sealing", name, "bundle"], check=True)
        run_and_print("open: a bundle of 1 GB", races(Path(name)))


if __name__ == "__main__":
    main()
