"""A folder of orders that somebody else has prepared: nothing is followed, only files are opened, all is bounded."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.export.obeying import Answer, Obeying, write_answers
from recorder.export.target import Target
from recorder.order import MAX_ORDER_BYTES
from recorder.order_files import MAX_NAMES, MAX_ORDERS, Found, read_orders, vehicles_with_orders
from tests.export.ordering import MEMORY, Office, about_orders, answer_to, put
from tests.export.van import VEHICLE, Van

NUMBER = "0f" * 16


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where there is any: what is tried here is no disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


@pytest.fixture
def folder(stick: Path) -> Path:
    path = stick / "CABIN-ORDERS" / VEHICLE
    path.mkdir(parents=True)
    return path


def test_no_orders_are_no_orders(stick: Path, tmp_path: Path) -> None:
    """Of a stick without the folder, of another vehicle's, of no stick at all."""
    assert read_orders(stick, VEHICLE) == Found()
    put(stick, NUMBER, b"{}", "Van 4")
    assert read_orders(stick, VEHICLE) == Found()
    assert read_orders(tmp_path / "gone", VEHICLE) == Found()
    assert vehicles_with_orders(stick) == ("Van 4",)
    assert vehicles_with_orders(tmp_path / "gone") == vehicles_with_orders(tmp_path) == ()


@pytest.mark.parametrize("depth", ["CABIN-ORDERS", f"CABIN-ORDERS/{VEHICLE}"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_folder_that_is_none_is_refused(stick: Path, tmp_path: Path, depth: str, kind: str) -> None:
    """A link to a folder with an order in it is not followed; it is said."""
    put(tmp_path / "elsewhere", NUMBER, b"{}")
    path = stick / depth
    path.parent.mkdir(exist_ok=True)
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere" / depth)
    else:
        path.write_bytes(b"")
    found = read_orders(stick, VEHICLE)
    assert (found.files, found.strange_count) == ((), 1)
    assert found.strange is not None
    assert found.strange.startswith("Its folder of orders cannot be read: ")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "dangling"])
def test_what_is_no_file_is_not_opened(folder: Path, stick: Path, tmp_path: Path, kind: str) -> None:
    """A link to a good order, a pipe that would hang us, a folder: refused by what they are, answer files too."""
    for name in (f"{NUMBER}.order.json", f"{NUMBER}.answer.json"):
        path = folder / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            target = tmp_path / "target"
            target.write_bytes(b"{}") if kind == "link" else None
            path.symlink_to(target)
    (file,) = read_orders(stick, VEHICLE).files
    assert (file.data, file.answer) == (b"", b"")
    assert file.problem == "It is a link, a folder or a device instead of a file, and was not opened."


def test_no_more_than_an_order_is_read_of_a_huge_file(folder: Path, stick: Path) -> None:
    """Gigabytes cost a page."""
    with (folder / f"{NUMBER}.order.json").open("wb") as file:
        file.truncate(5 << 30)
    (read,) = read_orders(stick, VEHICLE).files
    assert len(read.data) == MAX_ORDER_BYTES + 1


def test_old_orders_crowd_out_no_new_one(folder: Path, stick: Path) -> None:
    """A stick that carries orders for years: what has no answer yet is read first."""
    for number in range(MAX_ORDERS + 5):
        (folder / f"{number:032x}.order.json").write_bytes(b"old")
        (folder / f"{number:032x}.answer.json").write_bytes(b"old")
    put(stick, "f" * 32, b"new")
    found = read_orders(stick, VEHICLE)
    assert (len(found.files), found.files[0].number) == (MAX_ORDERS, "f" * 32)


def test_thousands_of_files_cost_no_more_than_a_few(van: Van, folder: Path, stick: Path) -> None:
    """So many are read, and one entry says that there were more; what is none of ours costs nothing."""
    for number in range(MAX_ORDERS + 900):
        (folder / f"{number:032x}.order.json").write_bytes(b"junk")
        (folder / f"holiday {number}.jpg").write_bytes(b"")
    found = read_orders(stick, VEHICLE)
    assert (len(found.files), found.strange_count) == (MAX_ORDERS, 900)
    obeyed = Office().insert(van, stick)
    assert (obeyed.refused, len(about_orders(van))) == (MAX_ORDERS + 900, MAX_ORDERS + 1)
    assert about_orders(van)[0][1] == {
        "file": None,
        "why": f"There are {MAX_ORDERS + 900} orders; only the first {MAX_ORDERS} were read.",
        "count": 900,
    }
    assert MAX_NAMES < 100_000


def test_names_that_no_order_has(van: Van, folder: Path, stick: Path) -> None:
    """Renamed by a person, not UTF-8, as long as can be: one entry for all, fit to be read. A Mac's are passed over."""
    names = [b"\xff\xfe\x1b[2J.order.json", b"x" * 200 + b".order.json", f"{NUMBER} (1).order.json".encode()]
    for name in [*names, f"._{NUMBER}.order.json".encode(), b".DS_Store"]:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(b"x")  # noqa: PTH118 - bytes
    obeyed = Office().insert(van, stick)
    assert (obeyed.refused, obeyed.answers) == (3, ())
    ((_, said),) = about_orders(van)
    assert said == {"file": None, "why": f"{NUMBER} (1).order.json is not named as an order is.", "count": 3}
    (folder / f"{NUMBER} (1).order.json").unlink()
    (folder / ("x" * 200 + ".order.json")).unlink()
    assert read_orders(stick, VEHICLE).strange == "\\udcff\\udcfe\\x1b[2J.order.json is not named as an order is."


def test_an_answer_that_cannot_be_written_stops_nothing(van: Van, folder: Path, stick: Path) -> None:
    """A folder under its name: said, and the other answer is there."""
    office = Office()
    van.begin()
    first, second = office.hold(), office.hold()
    office.put(stick, first, second)
    (folder / f"{first.number}.answer.json").mkdir()
    obeyed = Obeying(van.store, VEHICLE, office.public).obey(read_orders(stick, VEHICLE))
    (problem,) = write_answers(Target(stick), VEHICLE, obeyed.answers)
    assert problem.startswith(f"The answer to order {first.number[:8]} is not on the stick: ")
    assert answer_to(stick, second.number) is not None
    assert write_answers(Target(stick), VEHICLE, [Answer("00" * 16, b"x")]) == ()
