"""What the unit says of memory is understood by whom it is for: Python, the C library and the kernel."""

from pathlib import Path

from tests.daemon.hugepages import huge_share, require_huge_pages
from tests.daemon.vehicle import Vehicle, unit_environment


def test_most_memory_lies_in_huge_pages(vehicle: Vehicle) -> None:
    """33 of 43 MB; without the one setting for it 4, without the other none."""
    require_huge_pages()
    vehicle.start(unit_environment())
    vehicle.panel("ignition on", "press consent")
    vehicle.until_state("Recording")
    assert vehicle.process is not None
    assert huge_share(Path(f"/proc/{vehicle.process.pid}/smaps_rollup").read_text()) > 0.5
