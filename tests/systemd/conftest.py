"""Test machines: each suite is installed once from the checkout, as a person would, and booted afresh for each test.

What an installation is and what a sandbox lets through is tried on every suite. What the recorder then does is tried
on one (:data:`BEHAVIOUR`); the other's turn comes with ``scripts/test --nspawn``.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.vault.age import X25519Identity
from tests.export.ordering import Office
from tests.systemd import rootfs
from tests.systemd.container import Container

EXPOSURE = "exposure"

CONFIG = """\
vehicle = "VAN-1"
[store]
path = "/var/lib/cabin-recorder/store"
[keys]
recipients = ["{recipient}"]
authority = "{authority}"
[camera]
kind = "synthetic"
width = 320
height = 240
fps = 15
[microphone]
kind = "synthetic"
[segments]
length_s = 2
[journey]
run_on_s = 0.5
[panel]
kind = "simulated"
[notice]
enabled = false
"""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The exposure figures, as each suite's systemd gave them."""
    reports = [report for word in ("passed", "failed") for report in terminalreporter.getreports(word)]
    lines = sorted(str(figure) for report in reports for name, figure in report.user_properties if name == EXPOSURE)
    if lines:
        terminalreporter.section("exposure, of 10")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The office's identity, in a file."""
    path = tmp_path_factory.mktemp("office") / "identity.txt"
    path.write_text(X25519Identity.generate().text + "\n")
    return path


@pytest.fixture(scope="session")
def orders() -> Office:
    """Whose orders the recorder follows."""
    return Office()


@pytest.fixture(scope="session")
def configuration(office: Path, orders: Office) -> str:
    """A whole configuration, with the office's recipient and authority."""
    recipient = X25519Identity.parse(office.read_text().strip()).recipient.text
    return CONFIG.format(recipient=recipient, authority=orders.line)


BEHAVIOUR = pytest.mark.parametrize(
    "suite", ["trixie", pytest.param("bookworm", marks=pytest.mark.again)], indirect=True
)


@pytest.fixture(scope="session")
def built() -> None:
    """Every suite's folder and wheels."""
    if reason := rootfs.why_not():
        pytest.skip(reason)
    rootfs.build_all()


@pytest.fixture(scope="session", params=rootfs.SUITES)
def suite(request: pytest.FixtureRequest, built: None) -> str:
    """A Debian that the installer promises to know."""
    return str(request.param)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout that is installed; at /src wherever it is needed."""
    return rootfs.source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def machine(suite: str, source: Path, configuration: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root folder of a machine with the recorder installed; boot it over an overlay, never write to it."""
    with rootfs.writable(rootfs.base(suite), tmp_path_factory.mktemp(suite)) as root:
        (root / "etc/cabin-recorder").mkdir()
        (root / "etc/cabin-recorder/recorder.toml").write_text(configuration)
        done = install(root, source, suite)
        assert done.returncode == 0, done.stdout + done.stderr
        yield root


@pytest.fixture
def boot(machine: Path, source: Path, suite: str) -> Iterator[Callable[..., Container]]:
    """Boots the machine; the checkout is at /src, the wheels at /wheels."""
    containers: list[Container] = []

    def start(**binds: Path) -> Container:
        paths = {source: "/src", rootfs.wheels(suite): "/wheels"}
        containers.append(Container(machine, paths | {path: f"/{name}" for name, path in binds.items()}))
        return containers[-1]

    yield start
    for container in containers:
        container.end()


@pytest.fixture
def vehicle(boot: Callable[..., Container]) -> Container:
    """A machine that has just booted."""
    return boot()


def install(root: Path, source: Path, suite: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``scripts/install`` in a folder whose systemd does not run, without a network."""
    options = ("--private-network", f"--bind-ro={rootfs.wheels(suite)}:/wheels")
    return rootfs.in_image(root, source, "/src/scripts/install", "--wheels", "/wheels", *arguments, options=options)
