"""The card for the dashboard: what lamps, sounds and buttons mean, printed from the code that drives them. PURE.

Rules: every rhythm and every sound on it comes from :mod:`recorder.cabin.signals`, every time from
:mod:`recorder.cabin.buttons`, so the card cannot say anything else than the panel does; ``hardware/dashboard-card.md``
is this file's output, and a test fails where the two differ.
"""

from dataclasses import dataclass

from recorder.cabin.buttons import AGREEMENT_BELOW_S, LONG_S, STUCK_S
from recorder.cabin.signals import (
    ALL_OFF,
    OFF,
    ONE_FLASH,
    PULSE,
    QUICK,
    STEADY,
    THREE_FLASHES,
    TWO_DIPS,
    TWO_FLASHES,
    WINK,
    Feedback,
    Rhythm,
    lamps,
    tones,
)
from recorder.cabin.words import spoken
from recorder.commands import Phrase
from recorder.events import Medium
from recorder.journey_state import Capture, Journey, Settings, StateName

RHYTHMS = (OFF, STEADY, PULSE, WINK, QUICK, ONE_FLASH, TWO_FLASHES, THREE_FLASHES, TWO_DIPS)

_CELL_S = 0.2
_CELLS = 24
_PITCHES = "▁▂▃▄▅▆▇█"
_LOWEST_HZ, _HIGHEST_HZ = 440, 1320

_PICTURE: frozenset[Medium] = frozenset({"video"})
_SOUND: frozenset[Medium] = frozenset({"audio"})
_BOTH = _PICTURE | _SOUND


@dataclass(frozen=True, slots=True)
class Meaning:
    """One line of the card: a journey as an example, what its lamps tell the driver, and what is said on entering."""

    journey: Journey
    text: str
    phrase: Phrase | None = None


STATES = (
    Meaning(Journey(), "Ignition off. Nothing is recorded."),
    Meaning(
        Journey(name=StateName.AWAITING_CONSENT),
        "Waiting for agreement; the notice is spoken. Nothing is recorded, camera and microphone are closed.",
    ),
    Meaning(
        Journey(name=StateName.STARTING, capture=Capture.OPEN),
        "Agreed. Camera and microphone are opening; nothing is safe yet.",
    ),
    Meaning(
        Journey(name=StateName.RECORDING, capture=Capture.OPEN, fresh=_BOTH),
        "**Recording.** Picture and sound are safe on the card.",
        Phrase.RECORDING,
    ),
    Meaning(
        Journey(name=StateName.RECORDING, capture=Capture.OPEN, fresh=_PICTURE, settings=Settings(audio="off")),
        "**Recording the picture.** Sound is not recorded now, as this vehicle is set up.",
        Phrase.RECORDING,
    ),
    Meaning(
        Journey(name=StateName.IMPAIRED, capture=Capture.OPEN, fresh=_PICTURE),
        "Picture only: the sound is missing.",
        Phrase.IMPAIRED,
    ),
    Meaning(
        Journey(name=StateName.IMPAIRED, capture=Capture.OPEN, fresh=_SOUND),
        "Sound only: the picture is missing.",
        Phrase.IMPAIRED,
    ),
    Meaning(
        Journey(name=StateName.IMPAIRED, capture=Capture.OPEN, fresh=_BOTH, faults=frozenset({"camera-covered"})),
        "Picture and sound arrive, but one is worthless: the camera is covered, out of focus, turned or frozen, or the "
        "microphone hears nothing. Look at both.",
        Phrase.IMPAIRED,
    ),
    Meaning(
        Journey(name=StateName.IMPAIRED, capture=Capture.OPEN),
        "Nothing arrives on the card at this moment.",
        Phrase.IMPAIRED,
    ),
    Meaning(
        Journey(name=StateName.RUN_ON, capture=Capture.OPEN, fresh=_BOTH),
        "Ignition off; recording goes on for a while, and the white lamp says of what.",
    ),
    Meaning(
        Journey(name=StateName.SEALING, capture=Capture.CLOSING),
        "The recording is being closed.",
        Phrase.STOPPED,
    ),
    Meaning(
        Journey(name=StateName.WITHDRAWN),
        "A passenger withdrew. Nothing is recorded. Do not drive on with them; the office will ask.",
        Phrase.WITHDRAWN,
    ),
    Meaning(
        Journey(name=StateName.FAILED, faults=frozenset({"camera"})),
        "**Nothing can be recorded.** The recorder keeps trying. Tell the office.",
        Phrase.FAILED,
    ),
)

HOLDS = (
    Meaning(Journey(), "Nothing is held: recordings are deleted within 24 hours."),
    Meaning(Journey(holds_pending=1), "Hold was pressed; not safe yet."),
    Meaning(Journey(held=True), "Held: the recording is kept.", Phrase.HELD),
    Meaning(Journey(exporting=True), "Copying to the stick: do not unplug it.", Phrase.EXPORT_DONE),
    Meaning(Journey(exporting=True, held=True), "The same while this journey is held.", Phrase.EXPORT_DONE),
)


def card() -> str:
    """The card as Markdown."""
    return "\n".join(
        (
            "# What the recorder tells you",
            "",
            "<!-- Printed by recorder/cabin/card.py; a test compares. Do not edit by hand. -->",
            "",
            "Look at the **white** lamp: steady means picture and sound are safe. The rhythm tells, not the colour.",
            "",
            *_states(),
            "",
            *_holds(),
            "",
            *_buttons(),
            "",
            *_sounds(),
            "",
            *_rhythms(),
            "",
        )
    )


def _states() -> list[str]:
    lights = (("consent", ALL_OFF.consent), ("recording", ALL_OFF.recording), ("open", ALL_OFF.devices))
    heads = [f"{name} ({lamp.colour})" for name, lamp in (*lights, ("fault", ALL_OFF.fault))]
    rows = [f"| {' | '.join(heads)} | it means | heard |", "| --- | --- | --- | --- | --- | --- |"]
    for meaning in STATES:
        shown = lamps(meaning.journey)
        names = (pattern.rhythm.name for pattern in (shown.consent, shown.recording, shown.devices, shown.fault))
        heard = f"`{_melody(meaning.phrase)}`" if meaning.phrase else ""
        rows.append(f"| {' | '.join(names)} | {meaning.text} | {heard} |")
    return [
        *rows,
        "",
        "*open*: camera and microphone may be open. *Fault* pulsing beside a steady white lamp: recording goes on, and "
        "the recorder needs the office soon.",
    ]


def _holds() -> list[str]:
    rows = [f"| hold ({ALL_OFF.hold.colour}) | it means |", "| --- | --- |"]
    return rows + [f"| {lamps(meaning.journey).hold.rhythm.name} | {meaning.text} |" for meaning in HOLDS]


def _buttons() -> list[str]:
    withdrawal_s, everything_s = LONG_S["consent"], LONG_S["hold"]
    return [
        "| button | press | it does |",
        "| --- | --- | --- |",
        f"| consent | shorter than {AGREEMENT_BELOW_S:g} s | I agree. |",
        f"| consent | {AGREEMENT_BELOW_S:g} to {withdrawal_s:g} s | Nothing, and a low tone: press again. |",
        f"| consent | {withdrawal_s:g} s, until the high tone | I withdraw: recording stops. |",
        f"| hold | shorter than {everything_s:g} s | Keep this journey; when none is running, the last one. |",
        f"| hold | {everything_s:g} s, until the high tone | Keep everything on board. |",
        f"| either | longer than {STUCK_S:g} s | Nothing: taken for a stuck button, shown as a fault. |",
        "",
        "Buttons act when you let go.",
    ]


def _sounds() -> list[str]:
    rows = ["| sound | then says |", "| --- | --- |"]
    rows += [f"| `{_melody(phrase)}` | {spoken(phrase, ['en'])['en']} |" for phrase in Phrase]
    rows.append(f"| `{_melody(Feedback.LONG_ENOUGH)}` | *(held long enough: let go)* |")
    rows.append(f"| `{_melody(Feedback.NOT_COUNTED)}` | *(that press did not count)* |")
    return rows


def _rhythms() -> list[str]:
    rows = [f"| rhythm | over {_CELL_S * _CELLS:.1f} seconds |", "| --- | --- |"]
    return rows + [f"| {rhythm.name} | `{_strip(rhythm)}` |" for rhythm in RHYTHMS]


def _strip(rhythm: Rhythm) -> str:
    """Lit and dark, read in the middle of every cell."""
    return "".join("█" if rhythm.lit((cell + 0.5) * _CELL_S) else "·" for cell in range(_CELLS))


def _melody(sound: Phrase | Feedback) -> str:
    """Height is pitch, length is time, a blank is a pause."""
    span_hz = _HIGHEST_HZ - _LOWEST_HZ
    drawn = ""
    for tone in tones(sound):
        height = round((tone.frequency_hz - _LOWEST_HZ) / span_hz * (len(_PITCHES) - 1))
        drawn += (_PITCHES[height] if tone.frequency_hz else " ") * max(1, round(tone.duration_s / 0.1))
    return drawn
