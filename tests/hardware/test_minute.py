"""A minute of the whole recorder on the real camera: nothing lost, and what it cost."""

from pathlib import Path

import pytest

from tests.hardware import machine
from tests.hardware.findings import Findings
from tests.hardware.journey import Parts, record

pytestmark = [pytest.mark.hardware, pytest.mark.timeout(300)]


def test_a_minute(on_the_card: Path, parts: Parts, size: tuple[int, int], seconds: float, found: Findings) -> None:
    """No gap, no fault, and as many frames and samples as time went by; time, memory and heat are noted."""
    recorded = record(on_the_card / "vehicle", parts, size, seconds)
    held_against = machine.throttled()
    found.note(
        f"{recorded.lasted_s:.1f} s at {size[0]}x{size[1]}",
        f"{recorded.pictures} frames, {recorded.samples} samples; consent to durable "
        f"{recorded.consent_to_durable_s:.2f} s (goal 1); processor {recorded.cpu_s:.1f} s; memory "
        f"{recorded.peak_mb:.0f} MB (goal {120 if size[1] <= 720 else 150}); {machine.temperature_c()} °C; "
        f"throttled: {'not known' if held_against is None else ', '.join(held_against) or 'never'}",
    )
    assert (recorded.gaps, recorded.faults) == ([], [])
    assert recorded.lasted_s > seconds - 2
    assert recorded.pictures >= 0.98 * 30 * recorded.lasted_s
    assert recorded.samples >= 0.98 * 48_000 * (recorded.lasted_s - 1)
