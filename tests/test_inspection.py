"""What `check` says of the promise about deletion."""

from pathlib import Path

import pytest

from recorder.config import Config, load
from recorder.inspection import check
from recorder.vault.age import X25519Identity
from recorder.vault.journal import DeviceKey
from recorder.vault.store import Store
from tests.test_presets import written
from tests.vault.kit import CONSENT, FakeClock, make_slot, record_segment


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(written(tmp_path, ""))


@pytest.fixture
def store(config: Config, clock: FakeClock, tmp_path: Path) -> Store:
    key = DeviceKey.load_or_create(tmp_path / "other.key")
    recipients = [X25519Identity.generate().recipient]
    store = Store(config.store.path, key, recipients, clock, slots=[make_slot(tmp_path / "slot")])
    store.prepare()
    return store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def oldest(config: Config) -> str:
    (found,) = [one for one in check(config).as_json["checks"] if one["name"] == "oldest not held"]
    assert found["ok"]
    return str(found["detail"])


def test_check_tells_what_is_oldest_and_when_it_goes(config: Config, store: Store, clock: FakeClock) -> None:
    """The oldest frame that nobody holds, and the moment before which it is gone: a day later."""
    assert oldest(config) == "none"
    held = store.begin_journey(CONSENT)
    record_segment(store, held, clock)
    clock.advance(60)
    record_segment(store, store.begin_journey(CONSENT), clock)
    assert oldest(config) == "recorded at 2026-11-22T13:11:43.000Z; gone before 2026-11-23T13:11:43.000Z"
    store.hold(held, "driver", "button")
    assert oldest(config) == "recorded at 2026-11-22T13:12:53.000Z; gone before 2026-11-23T13:12:53.000Z"
