"""Tests of the journey read as scripts: events in, commands out, in order."""

from dataclasses import dataclass, field

from recorder import events as on
from recorder.commands import Command
from recorder.events import Event
from recorder.journey import Journey, Settings, step

ID = "20261122T131143Z-7f3a"


@dataclass
class Script:
    """A journey that is told what happens; ``commands`` collects what it asked for since last taken."""

    journey: Journey = field(default_factory=Journey)
    commands: list[Command] = field(default_factory=list)

    def tell(self, *events: Event) -> list[Command]:
        """Tell the events in order; what they made the journey ask for."""
        asked: list[Command] = []
        for event in events:
            self.journey, commands = step(self.journey, event)
            asked += commands
        self.commands += asked
        return asked

    def wait(self, seconds: float) -> list[Command]:
        """Let time pass."""
        return self.tell(on.Tick(self.journey.now_s + seconds))


def awaiting(**settings: object) -> Script:
    """Ignition on, notice heard."""
    script = Script(Journey(settings=Settings(**settings)))  # type: ignore[arg-type]
    script.tell(on.Tick(100.0), on.IgnitionOn(), on.NoticeEnded(finished=True))
    script.commands.clear()
    return script


def starting(**settings: object) -> Script:
    """Consent pressed and durable: devices opening."""
    script = awaiting(**settings)
    script.tell(on.ConsentPressed(), on.ConsentRecorded(ID))
    script.commands.clear()
    return script


def recording(**settings: object) -> Script:
    """Everything wanted is durable."""
    script = starting(**settings)
    script.tell(on.FirstDurable("video"))
    if "audio" in script.journey.wanted:
        script.tell(on.FirstDurable("audio"))
    script.commands.clear()
    return script
