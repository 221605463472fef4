"""The laboratory that deletion is held against: it has an image of the card from before, and the office's key."""

import io
import shutil
from pathlib import Path

from recorder.vault.age import X25519Identity, decrypt
from recorder.vault.headers import Headers
from recorder.vault.keyring import Keyring
from recorder.vault.records import body_path
from recorder.vault.slots import Slot
from recorder.vault.store import Store


def take_image(store: Store, image: Path) -> Path:
    """A copy of the card as a laboratory would have it; without holds, for what is held opens to the office."""
    shutil.copytree(store.root, image, ignore=shutil.ignore_patterns("HOLD"))
    return image


class Laboratory:
    """Has the ``image`` of a store and the office's ``identity``, and tries whatever else it is given."""

    def __init__(self, image: Path, identity: X25519Identity) -> None:
        self._image = image
        self._identity = identity

    def opened(self, slot: Path, *keyrings: Path) -> list[bytes]:
        """Every segment of the image that opens by any table in it or in ``keyrings`` and the secrets in ``slot``."""
        opened = []
        for folder in (self._image, *keyrings):
            headers = Headers(Keyring(folder, [Slot(slot, "slot")], 600))
            for head in sorted(self._image.glob("journeys/*/*.head")):
                journey, number = head.parent, int(head.stem)
                found, _ = headers.get_all(journey, [number])
                for header in found.values():
                    file = io.BytesIO(header + body_path(journey, number).read_bytes())
                    opened.append(b"".join(decrypt(file, [self._identity])))
        return opened
