"""The age headers of segments: sealed until somebody holds the journey, clear from then on.

A body without its header opens to nobody. So a header lies on the card under an epoch's key, which can be erased, as
``NNNNN.head``; a hold puts it in the clear, in ``HOLD`` for what there was and as ``NNNNN.header`` for what comes.

Rules: every function is called under the store's lock; no key is erased before every held header under it lies in the
clear and was read back; what cannot be had is named, and keeps nobody from the rest.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from recorder.errors import StoreError
from recorder.vault import diskio, sealing
from recorder.vault.keyring import Keyring
from recorder.vault.records import clear_headers, head_path, header_path


class Headers:
    """The headers of every journey of one store. A journey is its directory, whose name is its id."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def put_sealed(self, journey: Path, number: int, header: bytes, now_ns: int) -> int:
        """Write the header of a new segment under the key of the present epoch; which one. StoreError."""
        epoch = self.keyring.current(now_ns)
        self.seal(journey, number, header, epoch)
        return epoch

    def seal(self, journey: Path, number: int, header: bytes, epoch: int) -> None:
        """Write a header, sealed under the key of ``epoch``. StoreError."""
        key = self.keyring.keys()[epoch].key
        with diskio.disk_errors(f"the header of segment {number} of {journey.name} cannot be written"):
            diskio.create_file(head_path(journey, number), sealing.seal(header, journey.name, number, epoch, key))

    def put_clear(self, journey: Path, number: int, header: bytes) -> None:
        """Write a header in the clear, and read it back. StoreError."""
        path = header_path(journey, number)
        with diskio.disk_errors(f"{path} cannot be written"):
            diskio.create_file(path, header)
            if path.read_bytes() != header:
                raise StoreError(f"{path} is not what was written to it; the card is failing. Replace it.")

    def get_all(self, journey: Path, numbers: Iterable[int]) -> tuple[dict[int, bytes], tuple[str, ...]]:
        """The headers of segments, clear or sealed, and a sentence for each that nobody can have. StoreError."""
        clear = clear_headers(journey)
        headers: dict[int, bytes] = {}
        problems: list[str] = []
        for number in numbers:
            try:
                headers[number] = clear[number] if number in clear else self._unseal(journey, number)
            except StoreError as error:
                problems.append(str(error))
        return headers, tuple(problems)

    def _unseal(self, journey: Path, number: int) -> bytes:
        path = head_path(journey, number)
        with diskio.disk_errors(f"{path} cannot be read"):
            head = path.read_bytes()
        keys, epoch = self.keyring.keys(), sealing.epoch_of(head)
        if epoch is None or epoch not in keys:
            raise StoreError(f"The key of segment {number} of {journey.name} is erased; nobody can open it.")
        return sealing.unseal(head, journey.name, number, keys[epoch].key)

    def make_clear(self, journey: Path, numbers: Iterable[int]) -> tuple[str, ...]:
        """Give each segment its header in a file of its own; a sentence for each that nobody can have. StoreError."""
        missing = [number for number in numbers if not header_path(journey, number).exists()]
        headers, problems = self.get_all(journey, missing)
        for number, header in headers.items():
            self.put_clear(journey, number, header)
        return problems


def sealed_headers(journeys: Iterable[Path]) -> Iterator[tuple[int, Path, int]]:
    """Every sealed header on the card: its epoch, its journey's directory, its number. StoreError."""
    for journey in journeys:
        with diskio.disk_errors(f"{journey} cannot be read"):
            for head in journey.glob("*.head"):
                with head.open("rb") as file:
                    epoch = sealing.epoch_of(file.read(sealing.EPOCH_BYTES))
                if epoch is not None and head.stem.isdecimal():
                    yield epoch, journey, int(head.stem)
