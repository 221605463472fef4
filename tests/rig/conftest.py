"""Runs only when asked for (`pytest -m rig`): a scenario boots a machine, which takes minutes without saying so.

The machine's image is built where it is missing (tests/rig/build). Snapshots lie beside it in the cache, by what went
into them; an older one of the same name is thrown away.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rig.checkout import Checkout, install_from_stick
from tests.rig.machine import Image
from tests.rig.office import Office
from tests.rig.recorder import Recorder, read_stick
from tests.rig.vehicle import Snapshot, Vehicle

RIG = Path(__file__).parent
PROMISE = "promise"
REPORT_HEAD = ("| scenario | what was asserted | outcome | date |", "| --- | --- | --- | --- |")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a word of the rig in -m, its scenarios are not there."""
    if "rig" not in config.option.markexpr:
        asked = [item for item in items if item.get_closest_marker("rig") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in asked])
        items[:] = asked
    for item in items:
        if item.get_closest_marker("rig") and isinstance(item, pytest.Function):
            item.user_properties.append((PROMISE, " ".join((item.function.__doc__ or "").split())))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A scenario that failed says what the machine had to say; afterwards the machine is gone."""
    report = yield
    vehicle = item.funcargs.get("recorder") if isinstance(item, pytest.Function) else None
    if report.when == "call" and report.failed and isinstance(vehicle, Recorder):
        report.sections.append(("the vehicle", vehicle.trouble()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The rig's report, as the table that stands in its README: what each scenario promises, and whether it kept it."""
    outcomes = ("passed", "failed", "error")
    reports = [(word, report) for word in outcomes for report in terminalreporter.getreports(word)]
    today = datetime.now(UTC).date()
    lines = [
        f"| `{report.nodeid.rpartition('::')[2]}` | {promise} | {word} | {today} |"
        for word, report in reports
        for name, promise in report.user_properties
        if name == PROMISE
    ]
    if lines:
        terminalreporter.section("the virtual vehicle")
        terminalreporter.write_line("\n".join([*REPORT_HEAD, *lines]))


@pytest.fixture(scope="session")
def image() -> Image:
    """The machine's image, up to date."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cabin-recorder"
    subprocess.run([RIG / "build", cache / "rig"], check=True)
    return Image(cache / "rig")


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="rig-") as name:
        yield Path(name)


Prepare = Callable[[Vehicle], None]


@pytest.fixture(scope="session")
def snapshot(image: Image) -> Callable[[str, str, Prepare], Snapshot]:
    """``snapshot(name, fingerprint, prepare)``: a machine after ``prepare``, from the cache where it is there."""

    def take(name: str, fingerprint: str, prepare: Prepare) -> Snapshot:
        kept = image.folder.parent / "rig-snapshots" / name
        stamp = kept / "made-of"
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two runs on one cache must not make it at once
            if not stamp.exists() or stamp.read_text() != image.fingerprint + fingerprint:
                shutil.rmtree(kept, ignore_errors=True)
                kept.mkdir(parents=True)
                with tempfile.TemporaryDirectory(prefix="rig-") as folder, Vehicle(image, Path(folder)) as vehicle:
                    vehicle.boot()
                    prepare(vehicle)
                    vehicle.save(Snapshot(kept))
                stamp.write_text(image.fingerprint + fingerprint)
        return Snapshot(kept)

    return take


def bare_of(snapshot: Callable[..., Snapshot]) -> Snapshot:
    """A machine with all its parts and no recorder in it."""
    return snapshot("bare", "", lambda _vehicle: None)


@pytest.fixture
def bare(image: Image, folder: Path, snapshot: Callable[..., Snapshot]) -> Iterator[Vehicle]:
    """A vehicle with all its parts and no recorder in it, running."""
    with Vehicle(image, folder, bare_of(snapshot)) as vehicle:
        vehicle.resume()
        yield vehicle


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """The office; its key goes into recorders' configurations."""
    with tempfile.TemporaryDirectory(prefix="rig-office-") as name:
        yield Office(Path(name))


@pytest.fixture
def laptop(image: Image, snapshot: Callable[..., Snapshot]) -> Callable[[Path, Path], Path]:
    """``laptop(stick, out)`` copies what is on a stick into ``out``, with a machine that never saw a recorder."""

    def read(stick: Path, out: Path) -> Path:
        with (
            tempfile.TemporaryDirectory(prefix="rig-") as name,
            Vehicle(image, Path(name), bare_of(snapshot)) as machine,
        ):
            machine.resume()
            return read_stick(machine, stick, out)

    return read


@pytest.fixture
def recorder(image: Image, folder: Path, snapshot: Callable[..., Snapshot], office: Office) -> Iterator[Recorder]:
    """A vehicle with the recorder installed from this checkout, not configured and not running."""
    checkout = Checkout()

    def install(vehicle: Vehicle) -> None:
        with tempfile.TemporaryDirectory(prefix="rig-") as name:
            vehicle.machine.plug("checkout", checkout.make_stick(image, Path(name)))
            install_from_stick(vehicle)
            vehicle.machine.unplug("checkout")

    made_of = checkout.fingerprint + (RIG / "checkout.py").read_text()
    with Vehicle(image, folder, snapshot("installed", made_of, install)) as vehicle:
        vehicle.resume()
        yield Recorder(vehicle, office.recipient)
