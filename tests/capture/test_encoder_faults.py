"""An encoder that fails in the middle of a recording: libavcodec's own error, and what it costs.

It is made to fail as a hardware encoder does that was taken away: the real one is told that its stream has ended, and
refuses the next frame.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from recorder.capture import sound, stepped
from recorder.capture.encoder import PictureEncoder
from recorder.capture.pipeline import Capture
from recorder.capture.ports import SegmentFacts, VideoPacket
from recorder.capture.sound import SoundEncoder
from recorder.capture.synthetic import SyntheticCamera, SyntheticMicrophone
from recorder.events import Event, FaultCleared, FaultRaised, Sealed
from recorder.timekeeping import boottime_ns
from tests.capture.cards import MemoryCard
from tests.capture.scripted import Inbox, S


def recorded(fault: str) -> tuple[list[Event], list[SegmentFacts]]:
    """A recording in which ``fault`` comes and goes, and then a second more."""
    inbox, card = Inbox(), MemoryCard()
    capture = Capture(
        camera=SyntheticCamera(320, 240, Fraction(30), 500_000, "VAN-7"),
        microphone=SyntheticMicrophone(48_000),
        open_segment=card,
        post=inbox.post,
        origin_ns=boottime_ns(),
    )
    capture.start()
    assert inbox.wait(FaultRaised(fault))
    assert inbox.wait(FaultCleared(fault))
    now_ns = boottime_ns()
    for medium in ("video_ns", "audio_ns"):
        assert card.wait(lambda medium=medium: (getattr(capture.durable(), medium) or 0) > now_ns)
    capture.stop("stop")
    assert inbox.wait(Sealed())
    assert capture.join(5)
    return inbox.events, [segment.facts for segment in card.segments.values() if segment.facts]


def gaps(facts: list[SegmentFacts], medium: str) -> Iterator[float]:
    """Seconds of each."""
    return ((gap["until_ns"] - gap["from_ns"]) / S for one in facts for gap in one.gaps if gap["medium"] == medium)


def test_h264(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera has failed, for without its encoder it is none: a second later another encoder goes on. Sound does."""
    made: list[int] = []

    class Failing(PictureEncoder):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            made.append(0)

        def encode(self, *arguments: Any) -> VideoPacket:
            made[-1] += 1
            if len(made) == 1 and made[0] == 30:
                self._context.encode(None)
            return super().encode(*arguments)

    monkeypatch.setattr(stepped, "PictureEncoder", Failing)
    events, facts = recorded("camera")
    assert events == [FaultRaised("camera"), FaultCleared("camera"), Sealed()]
    assert len(made) == 2
    [lost_s] = gaps(facts, "video")
    print(f"H.264: {lost_s:.2f} s of picture lost")
    assert 0.9 < lost_s < 3
    assert list(gaps(facts, "audio")) == []


def test_aac(monkeypatch: pytest.MonkeyPatch) -> None:
    """The track ends there, and another begins with the next sound; the picture has no gap."""
    made: list[int] = []

    class Failing(SoundEncoder):
        def __init__(self, position: int) -> None:
            super().__init__(position)
            made.append(0)

        def _encode(self, samples: Any) -> Any:
            made[-1] += 1
            if len(made) == 1 and made[0] == 40:
                self._context.encode(None)
            return super()._encode(samples)

    monkeypatch.setattr(sound, "SoundEncoder", Failing)
    events, facts = recorded("encoder")
    assert events == [FaultRaised("encoder"), FaultCleared("encoder"), Sealed()]
    assert len(made) == 2
    [lost_s] = gaps(facts, "audio")
    print(f"AAC: {lost_s:.3f} s of sound lost")
    assert lost_s < 0.2
    assert list(gaps(facts, "video")) == []
