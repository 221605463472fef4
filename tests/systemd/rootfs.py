"""Debian in a folder, with the recorder's Debian packages and Python wheels: what a test machine is made from.

Built from nothing with mmdebstrap, kept in a cache outside the repository, and built again wherever it is missing or
what went into it has changed. Packages come through ``scripts/install --packages-only``, so that nothing is here that
the installer would not have brought. ``python -m tests.systemd.rootfs`` makes it ahead of the tests; whoever needs it
meanwhile waits.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PYTHON_OF = {"bookworm": "3.11", "trixie": "3.13"}
SUITES = tuple(PYTHON_OF)
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "unshare", "mkfs.ext4", "losetup")
_INCLUDE = "systemd-sysv,udev,dbus,ca-certificates"
_SLIM = ("path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*")


def why_not() -> str | None:
    """Why no container can be made here; None where it can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} missing; apt-get install mmdebstrap systemd-container e2fsprogs"
    if os.geteuid() != 0:
        return "systemd-nspawn needs root"
    # A root that is shut in itself, as in most containers, may not do what nspawn does first of all.
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "this machine's root may not make namespaces"


def base(suite: str) -> Path:
    """The root folder of ``suite`` with the recorder's packages; not to be written to."""
    parts = [_INCLUDE, *_SLIM, (CHECKOUT / "scripts/packages.txt").read_text()]
    return _cached(f"rootfs-{suite}", parts, lambda folder: _build(suite, folder))


def wheels(suite: str) -> Path:
    """Every Python package that the installer asks pip for, as wheels for ``suite``'s Python."""
    parts = [(CHECKOUT / name).read_text() for name in ("pyproject.toml", "scripts/constraints.txt")]
    return _cached(f"wheels-{suite}", parts, lambda folder: _download(PYTHON_OF[suite], folder))


def build_all() -> None:
    """Make what is missing of every suite, at once, which is mostly waiting; back when all of it is there."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda suite: (base(suite), wheels(suite)), SUITES))


def source(folder: Path) -> Path:
    """What of the checkout an installation needs, as it is now: whoever goes on editing changes no test that runs."""
    for name in ("recorder", "scripts", "config", "systemd"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, folder)
    folder.chmod(0o755)  # as a checkout is: everybody may read it
    return folder


@contextmanager
def writable(base: Path, folder: Path) -> Iterator[Path]:
    """``base`` with an overlay in ``folder`` that takes what is written; both stay where they are, the overlay goes."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    (folder / "upper").chmod(0o755)  # the root folder of the machine
    _run("mount", "-t", "overlay", "-o", layers, "overlay", str(folder / "root"))
    try:
        yield folder / "root"
    finally:
        _run("umount", str(folder / "root"))
        shutil.rmtree(folder)


def in_image(
    root: Path, source: Path, *command: str, options: tuple[str, ...] = ("--private-network",)
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a folder whose systemd does not run, as a chroot would; ``source`` is at /src.

    ``options``: further ones of systemd-nspawn; without them there is no network.
    """
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={root}", "--console=pipe"]
    return subprocess.run(
        [*nspawn, f"--bind-ro={source}:/src", *options, *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


def _build(suite: str, folder: Path) -> None:
    slim = [f"--dpkgopt={option}" for option in _SLIM]
    _run(
        "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={_INCLUDE}", "--quiet",
        "--aptopt=APT::Install-Recommends false", *slim, suite, str(folder),
    )  # fmt: skip
    done = in_image(folder, CHECKOUT, "/src/scripts/install", "--packages-only", options=("--resolv-conf=copy-host",))
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(folder / "var/lib/apt/lists")


def _download(python: str, folder: Path) -> None:
    _run(
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={python}",
        "--constraint", str(CHECKOUT / "scripts/constraints.txt"), "--dest", str(folder), "hatchling", str(CHECKOUT),
    )  # fmt: skip


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def _cached(name: str, parts: list[str], build: Callable[[Path], None]) -> Path:
    """The folder that ``build`` filled from ``parts``: whole, or made now; older ones of its name are removed."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cabin-recorder"
    home.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    folder = home / f"{name}-{key}"
    with (home / f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for old in home.glob(f"{name}-*"):
                shutil.rmtree(old)
            unfinished = home / f".{name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(folder)
    return folder


if __name__ == "__main__" and why_not() is None:
    build_all()
