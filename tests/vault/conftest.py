from pathlib import Path

import pytest

from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.store import Store
from tests.vault.kit import CONSENT, FakeClock, make_slot


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> DeviceKey:
    return DeviceKey.load_or_create(tmp_path_factory.mktemp("key") / "device.key")


@pytest.fixture(scope="session")
def identity() -> X25519Identity:
    return X25519Identity.generate()


@pytest.fixture
def store(tmp_path: Path, key: DeviceKey, identity: X25519Identity, clock: FakeClock) -> Store:
    """Each segment has an epoch of its own, and goes by itself; how epochs go: test_epochs."""
    slots = [make_slot(tmp_path / "slot")]
    store = Store(tmp_path / "store", key, [identity.recipient], clock, slots=slots, epoch_s=0)
    store.prepare()
    return store


@pytest.fixture
def journey_id(store: Store) -> str:
    return store.begin_journey(CONSENT)
