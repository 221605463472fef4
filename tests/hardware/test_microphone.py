"""The real microphone and loudspeaker keep the promises of every one; and a plug that is pulled is found again."""

import queue
from pathlib import Path

import pytest

from recorder.cabin.notice import NoticeLibrary
from recorder.cabin.ports import Loudspeaker
from recorder.capture.faults import back_off_s
from recorder.capture.ports import DeviceFailure, Microphone
from recorder.commands import Phrase
from recorder.errors import DeviceAbsentError
from tests.contract.harness import pause
from tests.contract.test_devices import (  # noqa: F401 - pytest collects them here
    test_a_microphone_delivers_samples_that_follow_each_other,
    test_a_microphone_is_not_opened_twice,
    test_nothing_comes_from_a_closed_microphone_and_it_opens_again,
)
from tests.hardware.findings import Findings
from tests.hardware.person import Person

pytestmark = [pytest.mark.hardware, pytest.mark.timeout(300)]
HAND_S = 60.0
ATTEMPTS = 10


def test_a_plug_is_pulled_and_put_back(microphone: Microphone, person: Person, found: Findings) -> None:
    """The failure is told; then the microphone is found again by its name, though PortAudio lists devices once."""
    failures: queue.SimpleQueue[DeviceFailure] = queue.SimpleQueue()
    blocks: queue.SimpleQueue = queue.SimpleQueue()
    microphone.open(blocks.put, failures.put)
    blocks.get(timeout=10.0)
    person.do(f"Pull the microphone's plug, within {HAND_S:g} s.")
    found.note("microphone pulled", failures.get(timeout=HAND_S).reason)
    microphone.close()
    person.do(f"Put it back, within {HAND_S:g} s.")
    for attempt in range(ATTEMPTS):
        while not blocks.empty():
            blocks.get()
        try:
            microphone.open(blocks.put, failures.put)
        except DeviceAbsentError:
            pause(back_off_s(attempt + 1))  # as the recorder would
        else:
            break
    blocks.get(timeout=10.0)
    microphone.close()


def test_a_phrase_is_heard(loudspeaker: Loudspeaker, person: Person, tmp_path: Path) -> None:
    """Spoken through sounddevice, whole."""
    endings: queue.SimpleQueue[bool] = queue.SimpleQueue()
    loudspeaker.play(NoticeLibrary({"en": "x"}, tmp_path).phrase(Phrase.NOTHING_TO_HOLD), endings.put)
    assert endings.get(timeout=HAND_S) is True
    assert person.agrees("Did the loudspeaker say that there is nothing to hold, from the first word to the last?")
