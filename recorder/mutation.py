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
from recorder.ownership import become_owner
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
    uid = os.geteuid()
    try:
        ask(Runtime(config.store.runtime).control_socket, "hold", journey=journey, reason=reason)
    except NotRunningError:
        _become_owner(config)
        open_store(config).hold(journey, who=f"uid {uid}", reason=reason)


def release(config: Config, journey: str, reason: str) -> None:
    """End the hold on ``journey``. Raises UsageError where it may not be done here, NoSuchJourneyError, StoreError."""
    uid = os.geteuid()
    require_release_allowed(config, uid)
    try:
        ask(Runtime(config.store.runtime).control_socket, "release", journey=journey, reason=reason)
    except NotRunningError:
        _become_owner(config)
        open_store(config).release(journey, who=f"local uid {uid}", reason=reason)


def prune(config: Config) -> Pruned:
    """One sweep now."""
    _become_owner(config)
    report = Pruner(open_store(config), policy_of(config), SystemClock()).sweep()
    lines = [f"deleted {v.footage.journey} segment {v.footage.number}: {v.sentence}" for v in report.deleted]
    lines.append(f"{len(report.deleted)} segments deleted, {len(report.kept)} kept.")
    return Pruned(tuple(lines), report.alarms)


def _become_owner(config: Config) -> None:
    """Root acts as the store's owner from here on: what root creates the recorder could not read."""
    become_owner(config.store.path)
