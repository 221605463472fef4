"""What runs where. A test that takes an hour runs only where it is asked for by its marker.

In continuous integration no test is skipped, but those that its machines cannot run; elsewhere any may be.

A test skips where something is missing, and says what. There ``scripts/setup --test`` brings all of it, so that a skip
is a fault of that script, and a promise that nobody checks.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is; speed is what scripts/bench measures.
settings.register_profile("cabin-recorder", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cabin-recorder")

# Of reasons, as the tests give them.
BEYOND = (
    "gpio-sim",  # a kernel with a header of its own making: the virtual vehicle's
    "this kernel has no",  # FAT and exFAT: the virtual vehicle's
    "root is refused by no mode",  # it runs as root
    "bookworm's udevadm has no verify",  # trixie's has
)

# Rooms whose tests run against real time, or take what a machine has once: sound, a bus, loop devices, a browser.
ALONE = ("cabin", "capture", "contract", "daemon", "demo", "export", "hardware", "powercut", "rig", "systemd", "viewer")
# But of these what waits for no clock and takes nothing, where it is worth the while.
SIDE_BY_SIDE = {
    "cabin": ("buttons", "ignition", "notice", "pins", "signals", "voice", "words"),
    "capture": ("clocks", "eight_hours", "muxer", "recording", "resampler", "scene", "sentinel", "stamp", "steady"),
    "demo": ("measure",),
    "export": ("bundle", "obeying", "obeying_cut", "order_format", "orders_judged", "stick", "tally", "target"),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a word of it in -m, what takes up to an hour of real time is not there. Rooms get their marker."""
    here = Path(__file__).parent
    for item in items:
        room = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if room in ALONE and item.path.stem.removeprefix("test_") not in SIDE_BY_SIDE.get(room, ()):
            item.add_marker(pytest.mark.alone)
    if "hour" not in config.option.markexpr:
        asked = [item for item in items if item.get_closest_marker("hour") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in asked])
        items[:] = asked


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and "CI" in os.environ:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(known in reason for known in BEYOND):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason}; continuous integration skips nothing (tests/conftest.py)"
    return report
