"""What goes wrong with a lens, a microphone or a thread while a whole recorder records: seen, told, mended, resumed.

Each prints its row of the fault table in ``recorder/capture/README.md``. The hardest runs everywhere; all of them, one
after the other in one journey, take two minutes: ``-m hour``.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.capture.pipe_source import PipeMicrophone
from tests.capture.v4l2_stand_in import DEVICE, HEIGHT, WIDTH, preloaded
from tests.contract.pulse import PulseAudio, require_pulse
from tests.daemon.cabin import GOES_ROUND, WATCHDOG_S, Cabin, Fault, Seen

SILENT_S, RELEASE_S, STALE_S = 3.0, 2.5, 2.0
GENEROUS_S = 3.0  # for busy machines
BUSY_S = 0.3  # so much a busy machine may cost the other medium; what the fault itself costs is a second and more
APART_S = 1.0  # so that what one fault cost is told from what the next one did


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseAudio]:
    require_pulse()
    folder = tmp_path / "pulse"
    folder.mkdir()
    daemon = PulseAudio(folder)
    daemon.ask("unload-module", "module-null-sink")  # PulseAudio moves a stream to its monitor rather than end it
    yield daemon
    daemon.stop()


@pytest.fixture
def microphone(pulse: PulseAudio) -> Iterator[PipeMicrophone]:
    source = PipeMicrophone(pulse, "mic")
    yield source
    source.pull_out()


@pytest.fixture
def cabin(tmp_path: Path, pulse: PulseAudio, microphone: PipeMicrophone) -> Iterator[Cabin]:
    """A webcam, a sound card."""
    made = Cabin(
        tmp_path,
        camera=f'kind = "webcam"\ndevice = "{DEVICE}"\nwidth = {WIDTH}\nheight = {HEIGHT}\nbitrate_bps = 300000',
        microphone=f'kind = "portaudio"\ndevice = "{microphone.name}"',
        environment={**preloaded(tmp_path), "ALSA_CONFIG_PATH": str(pulse.alsa)},
    )
    yield made
    made.close()


def camera_unplugged(cabin: Cabin) -> Fault:
    return Fault(lambda: cabin.order("camera unplug"), lambda: cabin.order("camera plug_in"))


def camera_stalled(cabin: Cabin) -> Fault:
    return Fault(lambda: cabin.order("camera freeze"), lambda: cabin.order("camera thaw"))


def camera_hangs(cabin: Cabin) -> Fault:
    return Fault(lambda: cabin.order("camera hang"), lambda: None, ends_process=True)


def microphone_unplugged(source: PipeMicrophone) -> Fault:
    return Fault(source.pull_out, source.plug_in)


def microphone_silent(source: PipeMicrophone) -> Fault:
    def mend() -> None:
        source.pull_out()
        source.plug_in()

    return Fault(source.fall_silent, mend)


def sound_card_frozen(pulse: PulseAudio) -> Fault:
    return Fault(pulse.freeze, pulse.thaw, ends_process=True)


def suffered(cabin: Cabin, journey: str, name: str, kind: str, fault: Fault) -> Seen:
    """The fault as it was seen; the same journey goes on, and whoever watches the process was never alarmed."""
    cabin.hands.watch(APART_S)
    other = "audio" if kind == "camera" else "video"
    fed_since_s = cabin.manager.fed_s[-1]
    seen = cabin.suffers(kind, fault)
    now = cabin.until_recording()
    assert now["journey"] == journey
    assert now[f"durable_{other}_age_s"] is not None
    if seen.ended_s is None:
        assert cabin.manager.starved_s(fed_since_s) < WATCHDOG_S, "a declared fault never starves the watchdog"
    shown = ["never" if s is None else f"{s:.1f} s" for s in (seen.lamp_s, seen.fault_s, seen.ended_s, seen.back_s)]
    print(
        f"{name}: lamp {shown[0]}, fault {shown[1]}, ended itself {shown[2]}, recording again {shown[3]} after the mend"
    )
    return seen


def lost_s(cabin: Cabin, journey: str, medium: str, seen: Seen) -> float:
    """Seconds of a medium that the signed log says are missing from then until then, silence filled in included."""
    sealed = [entry["data"] for entry in cabin.entries(journey) if entry["event"] == "segment-sealed"]
    gaps = [gap for data in sealed for gap in data["gaps"] if gap["medium"] == medium]
    margin_ns = int(APART_S / 2 * 1e9)
    inside = [g for g in gaps if seen.from_ns - margin_ns < g["until_ns"] and g["from_ns"] < seen.until_ns + margin_ns]
    return sum(gap["until_ns"] - gap["from_ns"] for gap in inside) / 1e9


def faults_told(cabin: Cabin, journey: str) -> list[tuple[str, str]]:
    return [(e["event"], e["data"]["kind"]) for e in cabin.entries(journey) if e["event"].startswith("fault")]


@pytest.mark.hour
@pytest.mark.sound
def test_a_device_that_is_lost_and_found_costs_the_other_nothing(cabin: Cabin, microphone: PipeMicrophone) -> None:
    """A webcam and a sound card, unplugged while a whole recorder records, and plugged in again.

    The lamp says so within the two seconds that durable footage may be old; the log says when and how much is missing;
    the other medium goes on; nobody presses anything.
    """
    cabin.start()
    journey = cabin.record()
    camera = suffered(cabin, journey, "camera unplugged", "camera", camera_unplugged(cabin))
    sound = suffered(cabin, journey, "microphone unplugged", "microphone", microphone_unplugged(microphone))
    cabin.park()
    for seen in (camera, sound):
        assert seen.lamp_s is not None
        assert seen.lamp_s < STALE_S + GENEROUS_S
    told = faults_told(cabin, journey)
    assert list(dict.fromkeys(told)) == [
        *(("fault", "camera"), ("fault-cleared", "camera")),
        *(("fault", "microphone"), ("fault-cleared", "microphone")),
    ]
    assert lost_s(cabin, journey, "audio", camera) < BUSY_S
    assert 0 < lost_s(cabin, journey, "video", camera) < (camera.until_ns - camera.from_ns) / 1e9
    assert lost_s(cabin, journey, "video", sound) < BUSY_S
    assert 0 < lost_s(cabin, journey, "audio", sound) < (sound.until_ns - sound.from_ns) / 1e9


@pytest.mark.slow
@pytest.mark.sound
def test_a_driver_that_never_returns_ends_the_process_and_the_journey_goes_on(cabin: Cabin) -> None:
    """Nothing comes for three seconds, the camera is closed, the driver does not let go: exit 70, which lets go of it.

    Whoever starts the recorder again finds it in the same journey, without a press; what was sealed stays.
    """
    cabin.start()
    journey = cabin.record()
    seen = suffered(cabin, journey, "camera's driver hangs", "camera", camera_hangs(cabin))
    cabin.park()
    assert seen.ended_s is not None
    assert SILENT_S + RELEASE_S - 0.5 < seen.ended_s < SILENT_S + RELEASE_S + GENEROUS_S
    events = [entry["event"] for entry in cabin.entries(journey)]
    assert events.count("consent") == 1
    assert "resumed" in events
    numbers = [e["data"]["number"] for e in cabin.entries(journey) if e["event"] in ("segment-sealed", "segment-torn")]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Cabin]:
    made = Cabin(tmp_path)
    yield made
    made.close()


@pytest.mark.hour
def test_a_thread_without_memory_ends_the_process_and_the_journey_goes_on(simulated: Cabin) -> None:
    """Whichever it is: half a recorder is none. It ends at once (exit 70), and the same journey is recorded again."""
    simulated.start()
    journey = simulated.record()
    for thread in GOES_ROUND:
        fault = Fault(lambda thread=thread: simulated.order(f"memory {thread}"), lambda: None, ends_process=True)
        seen = suffered(simulated, journey, f"no memory in {thread}", "none", fault)
        assert seen.ended_s is not None
        assert seen.ended_s < 1 + GENEROUS_S
    simulated.park()
    assert simulated.hands.look()["journey"] is None
    events = [entry["event"] for entry in simulated.entries(journey)]
    assert (events.count("resumed"), events.count("consent"), events[-1]) == (len(GOES_ROUND), 1, "journey-ended")


@pytest.mark.hour
@pytest.mark.sound
@pytest.mark.timeout(600)
def test_every_fault_of_a_device(cabin: Cabin, pulse: PulseAudio, microphone: PipeMicrophone) -> None:
    """The fault table's rows, one after the other in one journey: each is seen, told, survived and over by itself."""
    cabin.start("absent")
    cabin.hands.press("ignition on", "press consent")
    cabin.hands.until(lambda now: now["state"] == "Impaired" and now["faults"] == ["camera"])
    cabin.hands.until(lambda now: (now["durable_audio_age_s"] or 9) < STALE_S)
    cabin.order("camera plug_in")
    journey = str(cabin.until_recording()["journey"])

    rows: list[tuple[str, str, Callable[[], Fault]]] = [
        ("camera unplugged", "camera", lambda: camera_unplugged(cabin)),
        ("camera stalled", "camera", lambda: camera_stalled(cabin)),
        ("microphone unplugged", "microphone", lambda: microphone_unplugged(microphone)),
        ("microphone without samples", "microphone", lambda: microphone_silent(microphone)),
        ("sound card frozen", "microphone", lambda: sound_card_frozen(pulse)),
        ("camera's driver hangs", "camera", lambda: camera_hangs(cabin)),
    ]
    seen = [(name, kind, suffered(cabin, journey, name, kind, fault())) for name, kind, fault in rows]
    cabin.park()
    for name, kind, one in seen:
        assert one.lamp_s is not None
        assert one.lamp_s < SILENT_S + RELEASE_S + GENEROUS_S
        if one.ended_s is None:
            own, other = ("video", "audio") if kind == "camera" else ("audio", "video")
            missing = {medium: lost_s(cabin, journey, medium, one) for medium in (own, other)}
            print(f"{name}: missing {missing}")
            assert missing[own] > 0
            assert missing[other] < BUSY_S


@pytest.mark.hour
def test_an_encoder_that_cannot_keep_up_is_in_the_signed_log(simulated: Cabin) -> None:
    """A whole recorder: the lamp stays steady, nothing is missing, and the log says what is recorded, and why."""
    simulated.start()
    journey = simulated.record()
    simulated.order("slow 0.08")
    stepped = {"width": 320, "height": 240, "fps": 7.5, "reason": "slow"}
    simulated.hands.until(
        lambda _: stepped in [e["data"] for e in simulated.entries(journey) if e["event"] == "picture"]
    )
    simulated.hands.watch(1.0)
    assert simulated.hands.look()["faults"] == []
    # What it had not encoded yet when the ignition goes off would be missing, and called so.
    simulated.hands.until(lambda now: now["durable_video_age_s"] < STALE_S)
    simulated.park()
    assert "fault" not in [entry["event"] for entry in simulated.entries(journey)]
    sealed = [entry["data"] for entry in simulated.entries(journey) if entry["event"] == "segment-sealed"]
    assert [gap for data in sealed for gap in data["gaps"]] == []
