"""Orders from the office, on the sticks that people buy: FAT32 as it is sold, exFAT as larger ones are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig.film import count_frames
from tests.rig.office import Office
from tests.rig.recorder import STICK_LABEL, Recorder
from tests.rig.stick import make_stick

pytestmark = [pytest.mark.rig, pytest.mark.timeout(7200)]

VEHICLE = "VAN-1"
Carry = Callable[[Path, Path], Path]


def test_an_order_to_hold_everything_rides_on_the_stick(  # noqa: PLR0917 - fixtures, which pytest gives by name
    recorder: Recorder, folder: Path, office: Office, laptop: Carry, put_onto: Carry, tmp_path: Path
) -> None:
    """Nobody pressed hold; the office orders that all on board is kept, by a FAT stick, and later by an exFAT one.

    At each insertion the recorder carries the order out before it copies, so what it held rides back on the very stick
    that brought the order, with the recorder's answer. The office finds both attested, and the film whole.
    """
    recorder.configure(authority=f'authority = "{office.authority}"')
    recorder.start()
    office.enrol(VEHICLE, recorder.vehicle.guest.read("/var/lib/cabin-recorder/device.key.pub").decode().strip())
    recorded: list[str] = []
    for filesystem in ("vfat", "exfat"):
        recorded.append(recorder.record(segments=2 + len(recorded)))
        recorder.park()
        assert recorder.journeys()[-1]["held"] is False
        stick = make_stick(folder / f"{filesystem}.img", filesystem, STICK_LABEL, 64)
        number = office.order_everything(VEHICLE, tmp_path / filesystem / "order")
        put_onto(stick, tmp_path / filesystem / "order")

        recorder.export_to(stick)
        assert [(one["id"], one["held"]) for one in recorder.journeys()] == [(each, True) for each in recorded]
        applied = [entry["data"] for entry in recorder.ledger() if entry["event"].startswith("order-")]
        assert [set(each["journeys"]) for each in applied] == [set(recorded[: 1 + at]) for at in range(len(recorded))]
        assert applied[-1]["number"] == number
        [held] = [entry["data"] for entry in recorder.log_of(recorded[-1]) if entry["event"] == "hold"]
        assert (held["order"], held["who"]) == (number, f"office order by {office.WHO}")

        bundle = laptop(stick, tmp_path / filesystem / "back")
        answers = office.check_orders(bundle)
        assert (answers.returncode, answers.stdout.split(":")[1]) == (0, " applied"), answers.stdout + answers.stderr
        verified = office.verify(bundle)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        films = tmp_path / filesystem / "films"
        opened = office.open(bundle, films)
        assert opened.returncode == 0, opened.stdout + opened.stderr
        for journey in recorded:
            signed = [e["data"]["video_frames"] for e in recorder.log_of(journey) if e["event"] == "segment-sealed"]
            assert count_frames(films / f"{journey}.mp4") == sum(signed) > 0
