"""``HOLD``: one file that says who keeps a journey and why, and carries the headers that open it.

Evidence must not hang on the battery of a clock. So a hold puts the age headers of all segments so far beside its
reasons, in one file that appears by one rename: line 1 is who, when and why, as JSON; each further line is a segment's
number and its header in base64 (RFC 4648). What cannot be read is an error, never "not held".
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import StoreError
from recorder.timekeeping import Instant, iso_utc
from recorder.vault.logbook import HoldInfo


class HoldError(StoreError):
    """A ``HOLD`` says something else than a hold says."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What a ``HOLD`` says. ``headers``: the age header of each segment that it covers, by number."""

    info: HoldInfo
    headers: Mapping[int, bytes]


def render_hold(journey: str, info: tuple[str, str], now: Instant, headers: Mapping[int, bytes]) -> bytes:
    """A ``HOLD`` of ``journey``, made ``now``. ``info``: who, and why."""
    who, reason = info
    members = {
        "journey": journey,
        "who": who,
        "when": iso_utc(now.utc_ns),
        "clock": now.quality,
        "reason": reason,
        "id": secrets.token_hex(8),  # so that no two holds are the same file, and none is taken for a released one
    }
    lines = [json.dumps(members).encode("ascii")]
    lines += [b"%05d %s" % (number, base64.b64encode(header)) for number, header in sorted(headers.items())]
    return b"\n".join(lines) + b"\n"


def read_hold(path: Path) -> Hold:
    """The ``HOLD`` at ``path``. HoldError where it is damaged, FileNotFoundError where there is none, OSError."""
    data = path.read_bytes()
    try:
        first, *lines = data.removesuffix(b"\n").split(b"\n")
        members = json.loads(first)
        info = HoldInfo(str(members["who"]), str(members["when"]), str(members["reason"]))
        return Hold(info, dict(map(_header, lines)))
    except (ValueError, LookupError, TypeError, RecursionError, binascii.Error) as error:
        raise HoldError(f"{path} is damaged; what it holds is kept.") from error


def _header(line: bytes) -> tuple[int, bytes]:
    number, encoded = line.split(b" ")
    return int(number), base64.b64decode(encoded, validate=True)
