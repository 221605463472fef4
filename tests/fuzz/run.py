"""Fuzzes by hand, for as long as it is told: ``scripts/fuzz [TARGET ...] [--seconds N]``, an hour over all by default.

What breaks a reader, hangs it or makes it take in gigabytes is kept as ``corpus/<target>/found-...``, so that the tests
fail until it is mended, and watch over it after that. Exit code 1 where something was found.
"""

import argparse
import re
import subprocess
import sys
import tempfile

from tests.fuzz.targets import CORPUS, TARGETS

LONGEST_INPUT = 16_384
HANG_S = 20
MEMORY_MB = 2_048


def fuzz(name: str, seconds: int) -> tuple[int, str]:
    """Exit code, and a line about ``name`` after so many seconds."""
    with tempfile.TemporaryDirectory() as grown:  # what coverage makes worth keeping; too much for a repository
        limits = (f"-max_len={LONGEST_INPUT}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}")
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.guided", name, f"-max_total_time={seconds}", *limits),
                *(f"-artifact_prefix={CORPUS / name}/found-", grown, CORPUS / name),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    said = answer.stdout + answer.stderr
    if answer.returncode:
        return answer.returncode, f"BROKEN\n{said[-4000:]}"
    runs = re.search(r"Done (\d+) runs", said)
    return 0, f"{runs[1] if runs else '?'} inputs, nothing found"


def main() -> int:
    """Fuzz what was named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", epilog="Targets: " + ", ".join(TARGETS))
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, help="for each target; default: an hour in all")
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    unknown = sorted(set(names) - set(TARGETS))
    if unknown:
        parser.error(f"no target is called {unknown[0]}")
    worst = 0
    for name in names:
        code, line = fuzz(name, options.seconds or 3600 // len(names))
        worst |= bool(code)
        print(f"{name:16} {line}", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
