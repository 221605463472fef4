"""What the command line changes: hold, release, prune.

Rules: a recorder that runs is asked to do it, so that its lamps know; without one the store is changed directly, under
the same lock. Pruning is always done here: it must work beside a recorder that hangs.
"""

import os
from dataclasses import dataclass

from recorder.assembly import open_store, policy_of, require_release_allowed
from recorder.config import Config
from recorder.control import ask
from recorder.errors import NotRunningError
from recorder.runtime import Runtime
from recorder.timekeeping import SystemClock
from recorder.vault.pruner import Pruner


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one sweep did."""

    lines: tuple[str, ...]
    alarms: tuple[str, ...]


def hold(config: Config, journey: str, reason: str) -> None:
    """Keep ``journey``. Raises NoSuchJourneyError, StoreError."""
    try:
        ask(Runtime(config.store.runtime).control_socket, "hold", journey=journey, reason=reason)
    except NotRunningError:
        open_store(config).hold(journey, who=f"uid {os.geteuid()}", reason=reason)


def release(config: Config, journey: str, reason: str) -> None:
    """End the hold on ``journey``. Raises UsageError where it may not be done here, NoSuchJourneyError, StoreError."""
    require_release_allowed(config, os.geteuid())
    try:
        ask(Runtime(config.store.runtime).control_socket, "release", journey=journey, reason=reason)
    except NotRunningError:
        open_store(config).release(journey, who=f"local uid {os.geteuid()}", reason=reason)


def prune(config: Config) -> Pruned:
    """One sweep now."""
    report = Pruner(open_store(config), policy_of(config), SystemClock()).sweep()
    lines = [f"deleted {v.footage.journey} segment {v.footage.number}: {v.sentence}" for v in report.deleted]
    lines.append(f"{len(report.deleted)} segments deleted, {len(report.kept)} kept.")
    return Pruned(tuple(lines), report.alarms)
