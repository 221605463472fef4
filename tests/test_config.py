"""The configuration is judged whole: every fault at once, each one sentence that names its key; nothing is created."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.cabin.pins import Wiring
from recorder.config import AudioConfig, CameraConfig, Config, RetentionConfig, default_notice, load
from recorder.config_reading import read
from recorder.errors import ConfigError
from recorder.vault.age import X25519Identity

RECIPIENT = X25519Identity.generate().recipient.text

GOOD = f"""
vehicle = "van 1"

[store]
path = "store"
runtime = "runtime"

[keys]
recipients = ["{RECIPIENT}"]

[camera]
kind = "synthetic"

[microphone]
kind = "synthetic"

[panel]
kind = "simulated"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def loaded(folder: Path, text: str) -> Config:
    path = folder / "recorder.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def faults(folder: Path, text: str) -> list[str]:
    """The faults without the file's name; and that nothing was created while finding them."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".given") == ["recorder.toml"]
    prefix = f"{folder / 'recorder.toml'}: "
    assert all(fault.startswith(prefix) for fault in caught.value.faults)
    assert caught.value.exit_code == 2
    return [fault.removeprefix(prefix) for fault in caught.value.faults]


def changed(**sections: str) -> str:
    """The good configuration with lines added to sections; a line for a key that is there replaces it."""
    lines: list[str] = []
    tables = {"": [], **{name: [] for name in ("store", "keys", "camera", "microphone", "panel")}}
    name = ""
    for line in GOOD.strip().splitlines():
        if line.startswith("["):
            name = line.strip("[]")
        elif line:
            tables[name].append(line)
    for section, added in sections.items():
        name = "" if section == "top" else section
        kept = tables.setdefault(name, [])
        keys = {line.split(" = ")[0] for line in added.splitlines()}
        tables[name] = [line for line in kept if line.split(" = ")[0] not in keys] + added.splitlines()
    for name, content in tables.items():
        lines += [f"[{name}]", *content] if name else content
    return "\n".join(line for line in lines if not line.endswith("= -")) + "\n"


def test_the_least_that_is_needed(folder: Path) -> None:
    """Only vehicle, store, keys, camera.kind, microphone.kind and panel.kind are required; the rest has its default."""
    config = loaded(folder, GOOD)
    assert config.vehicle == "van 1"
    assert (config.store.path, config.store.runtime) == (folder / "store", folder / "runtime")
    assert config.store.min_free_bytes == 500_000_000
    assert config.keys.recipients == [RECIPIENT]
    assert config.device_key == folder / "device.key"
    assert config.camera == CameraConfig(
        kind="synthetic", path=None, width=1280, height=720, fps=30, bitrate_bps=4_000_000
    )
    assert (config.audio.mode, config.segments.length_s, config.power.kind) == ("always", 60, "simulated")
    assert config.retention == RetentionConfig(max_age_s=86_400, sweep_s=None, epoch_s=None, clock_grace_s=900)
    assert (config.retention.sweep_seconds, config.retention.epoch_seconds) == (60, 600)
    assert config.notice_texts == {"en": default_notice(config.audio)}
    assert list(folder.iterdir()) == [folder / "recorder.toml"]


def test_the_runtime_folder_need_not_be_named(folder: Path) -> None:
    """Where systemd makes one it is used."""
    assert loaded(folder, changed(store="runtime = -")).store.runtime == Path("/run/cabin-recorder")


def test_paths_are_relative_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the recorder is started from; absolute ones and the home folder stay what they are."""
    (folder / "clip.mp4.given").touch()
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(folder))
    config = loaded(
        folder,
        changed(
            store=f'path = "{folder}/deep/store"\nruntime = "../there/run"',
            keys='device_key = "~/own.key"',
            camera='kind = "file"\npath = "clip.mp4.given"',
            microphone='kind = "file"\npath = "./clip.mp4.given"',
        ),
    )
    assert config.store.path == folder / "deep" / "store"
    assert config.store.runtime == folder / ".." / "there" / "run"
    assert config.device_key == folder / "own.key"
    assert config.camera.path == config.microphone.path == folder / "clip.mp4.given"


def test_the_clip_s_own_sound(folder: Path) -> None:
    """A microphone of kind file without a path is the camera's clip."""
    (folder / "clip.given").touch()
    config = loaded(folder, changed(camera='kind = "file"\npath = "clip.given"', microphone='kind = "file"'))
    assert config.microphone.path is None


@pytest.mark.parametrize(
    ("audio", "told", "not_told"),
    [
        ('mode = "always"', ["with picture and sound,"], ["without"]),
        ('mode = "off"', ["with picture and without sound,"], ["and sound", "hold button"]),
        (
            'mode = "on-hold"',
            ["Sound is recorded from when somebody presses the hold button."],
            ["and sound", "from before"],
        ),
        ('mode = "on-hold"\nbefore_hold_s = 10', ["the hold button, and 10 seconds from before it."], ["and sound"]),
    ],
)
def test_the_default_notice_says_what_is_true_of_sound(
    folder: Path, audio: str, told: list[str], not_told: list[str]
) -> None:
    """No more sound than is recorded, and no less; the rest is the same in every mode."""
    text = loaded(folder, changed(audio=audio)).notice_texts["en"]
    assert [words for words in told if words not in text] == []
    assert [words for words in not_told if words in text] == []
    assert text.startswith("This journey is recorded with picture")
    assert (
        text.partition("The recording is deleted")[2]
        == default_notice(AudioConfig()).partition("The recording is deleted")[2]
    )


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (
            'mode = "off"\nbefore_hold_s = 5',
            ['audio.before_hold_s: means something in audio.mode "on-hold" only, and that is "off"; take it out.'],
        ),
        (
            "before_hold_s = 5",
            ['audio.before_hold_s: means something in audio.mode "on-hold" only, and that is "always"; take it out.'],
        ),
        ('mode = "on-hold"\nbefore_hold_s = 61', ["audio.before_hold_s: expected a number from 0 to 60, got 61."]),
    ],
)
def test_sound_from_before_the_press(folder: Path, audio: str, said: list[str]) -> None:
    """Where it would mean nothing it is refused, and so is more than memory should hold."""
    assert faults(folder, changed(audio=audio)) == said


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ('text = "Hello."', {"en": "Hello."}),
        ('text = { cy = "Helo.", en = "Hello." }', {"cy": "Helo.", "en": "Hello."}),
        ('text = { en-gb = "Hello." }', {"en-gb": "Hello."}),
    ],
)
def test_the_notice_in_one_or_more_languages(folder: Path, written: str, texts: dict[str, str]) -> None:
    """In speaking order."""
    assert list(loaded(folder, changed(notice=written)).notice_texts.items()) == list(texts.items())


@pytest.mark.parametrize(
    ("max_age_s", "sweep_s", "epoch_s"), [(86_400, 60, 600), (3_600, 60, 360), (20, 1, 2), (600, 30, 60)]
)
def test_a_shortened_retention_shortens_what_follows(max_age_s: float, sweep_s: float, epoch_s: float) -> None:
    """Everything becomes observable in seconds."""
    retention = RetentionConfig(max_age_s=max_age_s)
    assert (retention.sweep_seconds, retention.epoch_seconds) == (sweep_s, epoch_s)


def test_an_epoch_is_never_more_than_a_tenth_of_the_retention(folder: Path) -> None:
    """Footage goes by the epoch: a long one would make a short retention shorter still, unseen."""
    assert RetentionConfig(max_age_s=600, epoch_s=60).epoch_seconds == 60
    assert RetentionConfig(max_age_s=600, epoch_s=5).epoch_seconds == 5
    assert faults(folder, changed(retention="max_age_s = 6000\nepoch_s = 601")) == [
        "retention.epoch_s: 601 s is more than a tenth of max_age_s (600 s); shorten it, or leave it out."
    ]
    assert loaded(folder, changed(retention="max_age_s = 6000\nepoch_s = 600")).retention.epoch_seconds == 600


A_VEHICLE = "up to 32 letters, digits, spaces, '.', '_' or '-', beginning with a letter or digit"
AN_AUTHORITY = "the line of the office's authority.pub, cabin-authority-1:..."
AT_MOST_A_DAY = "seconds, more than 0 and at most 86400 (the policy's 24 hours)"
A_NOTICE = "text in quotes or a table"


def test_what_is_missing(folder: Path) -> None:
    """An empty file lacks all that is required, and each is named with what it wants."""
    assert faults(folder, "") == [
        f"vehicle: is missing; it is required: {A_VEHICLE}.",
        "store.path: is missing; it is required: a path in quotes.",
        "keys.recipients: is missing; it is required: a list of texts in quotes.",
        'camera.kind: is missing; it is required: "file", "picamera", "synthetic" or "webcam".',
        'microphone.kind: is missing; it is required: "file", "portaudio" or "synthetic".',
        'panel.kind: is missing; it is required: "gpio" or "simulated".',
    ]


@pytest.mark.parametrize(
    ("section", "key", "written", "wanted"),
    [
        ("top", "vehicle", '"-x"', A_VEHICLE),
        ("top", "vehicle", '"A vehicle whose name goes on for 33"', A_VEHICLE),
        ("top", "audio", "true", "a table, [audio]"),
        ("store", "path", "5", "a path in quotes"),
        ("store", "path", '""', "a path in quotes"),
        ("store", "min_free_bytes", "-1", "a whole number of at least 0"),
        ("store", "min_free_bytes", "true", "a whole number of at least 0"),
        ("keys", "recipients", '"age1"', "a list of texts in quotes"),
        ("keys", "recipients", "[1]", "a list of texts in quotes"),
        ("keys", "authority", '"mine"', AN_AUTHORITY),
        ("keys", "local_release", '"no"', "true or false"),
        ("camera", "kind", '"cctv"', '"file", "picamera", "synthetic" or "webcam"'),
        ("camera", "width", "641", "a whole number from 64 to 4096 that 2 divides"),
        ("camera", "fps", "0", "a number from 1 to 120"),
        ("microphone", "rate_hz", "4.5", "a whole number from 8000 to 192000"),
        ("audio", "mode", '"loud"', '"always", "on-hold" or "off"'),
        ("segments", "length_s", "nan", "a number from 1 to 600"),
        ("journey", "run_on_s", "inf", "a number of at least 0"),
        ("journey", "starting_s", "0", "a number greater than 0"),
        ("retention", "max_age_s", "90000", AT_MOST_A_DAY),
        ("retention", "max_age_s", "0", AT_MOST_A_DAY),
        ("retention", "sweep_s", '"often"', "a number greater than 0"),
        ("power", "kind", '"mains"', '"logind" or "simulated"'),
        ("power", "rtc", '"/dev/rtc0"', 'a clock of /sys/class/rtc, such as "rtc0"'),
        ("notice", "text", "1", A_NOTICE),
        ("notice", "text", "[1]", A_NOTICE),
        ("notice", "device", "1", "text in quotes"),
    ],
)
def test_what_does_not_fit(folder: Path, section: str, key: str, written: str, wanted: str) -> None:
    """Type, range and choice: the sentence says the key, what is expected and what stands there."""
    name = key if section == "top" else f"{section}.{key}"
    assert faults(folder, changed(**{section: f"{key} = {written}"})) == [f"{name}: expected {wanted}, got {written}."]


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        ("store", "min_fre_bytes = 1", "store.min_fre_bytes: unknown key; did you mean min_free_bytes?"),
        ("retension", "max_age_s = 60", "retension: unknown key; did you mean retention?"),
        ("audio", "xyz = 1", "audio.xyz: unknown key; known here: mode, before_hold_s."),
    ],
)
def test_unknown_keys(folder: Path, section: str, line: str, said: str) -> None:
    """The nearest known key, or all there are."""
    assert faults(folder, changed(**{section: line})) == [said]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('" "', ["notice.text: is empty; write what passengers are told, or leave the key out for the default text."]),
        ("{}", ['notice.text: names no language; write text = "..." or [notice.text] with a line such as en = "...".']),
        (
            '{ EN = "Hi", cy = "" }',
            [
                'notice.text: "EN" is not a language code; write one such as "en", "cy" or "en-gb".',
                "notice.text.cy: is empty; write what passengers are told, or leave the language out.",
            ],
        ),
    ],
)
def test_a_notice_that_says_nothing(folder: Path, written: str, said: list[str]) -> None:
    """Passengers must be told something, in languages that can be spoken."""
    assert faults(folder, changed(notice=f"text = {written}")) == said


def test_a_retention_that_its_own_steps_would_overrun(folder: Path) -> None:
    """It must be longer than segment + epoch + sweep; the sentence shows the sum."""
    text = changed(segments="length_s = 20", retention="max_age_s = 25\nsweep_s = 3\nepoch_s = 2")
    assert faults(folder, text) == [
        "retention.max_age_s: 25 s is not longer than segments.length_s + epoch_s + sweep_s (20 + 2 + 3 = 25 s); "
        "shorten these or lengthen max_age_s."
    ]
    assert loaded(folder, text.replace("max_age_s = 25", "max_age_s = 25.1")).retention.max_age_s == 25.1


def test_recipients(folder: Path) -> None:
    """None, malformed ones and a secret key: each named by its place, and the secret is not repeated."""
    assert faults(folder, changed(keys="recipients = []")) == [
        "keys.recipients: is empty; give at least one age1... recipient, made by `cabin-recorder keygen`."
    ]
    secret = X25519Identity.generate().text
    said = faults(folder, changed(keys=f'recipients = ["{RECIPIENT}", "age1x", "", "{secret}"]'))
    assert [fault.split(":")[0] for fault in said] == [f"keys.recipients[{index}]" for index in (1, 2, 3)]
    said += faults(folder, changed(keys=f'recipients = "{secret}"'))
    assert secret[:30] not in "".join(said)


def test_somebody_can_end_a_hold(folder: Path) -> None:
    """Root, or an office whose orders count."""
    never = changed(keys=f'recipients = ["{RECIPIENT}"]\nlocal_release = false')
    assert faults(folder, never) == [
        "keys.local_release: is false, and without keys.authority no order counts: nobody could end a hold."
    ]
    authority = f'authority = "cabin-authority-1:{"A" * 43}="'
    assert not loaded(folder, never.replace("local_release", f"{authority}\nlocal_release")).keys.local_release


def test_clips_that_are_not_there(folder: Path) -> None:
    """Each device names its own; a folder is no clip; without a clip there must be one to take the sound from."""
    assert faults(folder, changed(camera='kind = "file"', microphone='kind = "file"')) == [
        'camera.path: is missing; camera.kind = "file" needs the clip to play.'
    ]
    assert faults(folder, changed(microphone='kind = "file"')) == [
        'microphone.path: is missing; microphone.kind = "file" needs the clip to play.'
    ]
    text = changed(camera='kind = "file"\npath = "none.mp4"', microphone='kind = "file"\npath = "."')
    assert faults(folder, text) == [
        f"camera.path: {folder}/none.mp4 is not a file; name an existing clip.",
        f"microphone.path: {folder} is not a file; name an existing clip.",
    ]


@pytest.mark.parametrize("key", ["store.path", "store.runtime", "keys.device_key"])
def test_places_that_cannot_be_written(folder: Path, key: str) -> None:
    """A file where a folder must be, and a filesystem that refuses: named before anything is made."""
    section, name = key.split(".")
    (folder / "file.given").touch()
    inside = "/x" if key == "keys.device_key" else ""
    assert faults(folder, changed(**{section: f'{name} = "file.given/deep{inside}"'})) == [
        f"{key}: {folder}/file.given/deep cannot be a folder, for {folder}/file.given is a file; name another place."
    ]
    assert faults(folder, changed(**{section: f'{name} = "/proc/none/deep{inside}"'})) == [
        f"{key}: /proc/none/deep cannot be written (/proc is read-only, or not yours); name another place."
    ]


@pytest.mark.parametrize(
    ("path", "runtime"), [("one", "one"), ("one", "one/two"), ("one/two", "one"), ("a/../b", "b/c")]
)
def test_store_and_runtime_lie_apart(folder: Path, path: str, runtime: str) -> None:
    """What is forgotten with the power must not hold footage, nor the other way round."""
    (said,) = faults(folder, changed(store=f'path = "{path}"\nruntime = "{runtime}"'))
    assert said.startswith("store.runtime: ")
    assert "store.path" in said


def test_a_device_key_that_is_a_folder(folder: Path) -> None:
    """The key is a file."""
    (folder / "keys.given").mkdir()
    assert faults(folder, changed(keys='device_key = "keys.given"')) == [
        f"keys.device_key: {folder}/keys.given is a folder; name a file in it."
    ]


def test_every_fault_at_once(folder: Path) -> None:
    """Whatever else is wrong, each fault is found in the first pass, those between keys included."""
    text = changed(
        top='vehicle = ""\ncolour = 1',
        store='path = "/proc/none"\nruntime = 1\npth = 1',
        keys='recipients = ["age1x"]\nlocal_release = 1',
        camera='kind = "file"\nfps = 0',
        microphone='kind = "file"\npath = "none.wav"\nrate = 1',
        segments="length_s = 15",
        retention="max_age_s = 16\nswep_s = 1",
        panel="kind = -",
        notice='text = ""\ndevice = 1',
    )
    assert [fault.split(": ")[0] for fault in faults(folder, text)] == [
        *("colour", "vehicle", "store.pth", "store.runtime", "keys.local_release", "camera.fps", "microphone.rate"),
        *("panel.kind", "retention.swep_s", "notice.device"),
        *("keys.recipients[0]", "retention.max_age_s", "notice.text", "camera.path", "microphone.path", "store.path"),
    ]


def test_what_is_no_toml(folder: Path) -> None:
    """Broken TOML names the line; other files say what they are."""
    (said,) = faults(folder, GOOD + "[power\nkind = 1\n")
    assert said.startswith("is not valid TOML: ")
    assert "line 19" in said
    (folder / "recorder.toml").write_bytes(b'vehicle = "\xff"')
    with pytest.raises(ConfigError, match="is not UTF-8 text; save it as UTF-8"):
        load(folder / "recorder.toml")
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        load(folder / "none.toml")
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        load(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_for_somebody_who_may_not_write(folder: Path) -> None:
    """A place that another user owns is a sentence too, also where it cannot even be looked into."""
    (folder / "theirs.given").mkdir(mode=0o700)
    path = folder / "recorder.toml"
    path.write_text(changed(store='path = "theirs.given/store"\nruntime = "/tmp"'))
    for place in (folder, *folder.parents):
        place.chmod(place.stat().st_mode | 0o055)
    code = (
        "import os, sys; from pathlib import Path; from recorder.config import load\n"
        "os.setegid(65534); os.seteuid(65534)\n"
        "try: load(Path(sys.argv[1]))\nexcept ValueError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert "store.path: " in said
    assert "cannot be written" in said


toml_values = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.none().map(lambda _: []),
)


@given(
    st.dictionaries(
        st.sampled_from(["vehicle", "store", "keys", "camera", "retention", "notice"]) | st.text(max_size=9),
        toml_values
        | st.dictionaries(
            st.sampled_from(["path", "kind", "recipients", "max_age_s", "text", "y"]), toml_values, max_size=4
        ),
        max_size=5,
    )
)
def test_any_document_is_read_or_faulted(document: dict[str, object]) -> None:
    """Whatever TOML can hold, reading never raises, and each key is either read or one fault in one line."""
    readable, said = read(Config, document)
    assert all("\n" not in fault and ": " in fault for fault in said)
    for key, value in document.items():
        if not isinstance(value, dict):
            names = (f"{json.dumps(key, ensure_ascii=False)}: ", f"{key}: ")
            if "." in key:  # without quotes that is the name of a key in a table
                names = names[:1]
            named = [fault for fault in said if fault.startswith(names)]
            is_read = "." not in key and key in readable
            assert len(named) + is_read == 1


def test_the_good_configuration_is_toml() -> None:
    """The helper above keeps what it is given."""
    assert tomllib.loads(changed()) == tomllib.loads(GOOD)


PINS = 'kind = "gpio"\n'


@pytest.mark.parametrize(
    ("panel", "power", "said"),
    [
        (
            PINS + "hold = [17]",
            'kind = "logind"',
            ["panel.hold: GPIO17 is panel.consent already; give each its own pin."],
        ),
        (
            PINS + "buzzer = 5",
            'kind = "logind"',
            ["panel.buzzer: GPIO5 is panel.ignition already; give each its own pin."],
        ),
        (PINS + "consent = []", 'kind = "logind"', ["panel.consent: is empty; a recorder needs this button."]),
        (
            PINS + "consent = [28]",
            'kind = "logind"',
            ["panel.consent: expected GPIO numbers from 2 to 27 in brackets, such as [17], got [28]."],
        ),
        (
            PINS,
            'kind = "simulated"',
            ['power.kind: "simulated" never switches off, and panel.kind is "gpio"; write kind = "logind" in [power].'],
        ),
        (
            'kind = "simulated"',
            'kind = "logind"',
            ['power.kind: "logind" switches off, and panel.kind is "simulated"; use "simulated" for both.'],
        ),
    ],
)
def test_pins_and_power(folder: Path, panel: str, power: str, said: list[str]) -> None:
    """Each pin has one use, and real and simulated are never mixed."""
    text = GOOD.replace('[panel]\nkind = "simulated"\n', f"[panel]\n{panel}\n[power]\n{power}\n")
    assert faults(folder, text) == said


def test_the_published_wiring_needs_no_pin_named(folder: Path) -> None:
    """The configuration's defaults are the panel's own."""
    panel = loaded(
        folder, GOOD.replace('[panel]\nkind = "simulated"\n', '[panel]\nkind = "gpio"\n[power]\nkind = "logind"\n')
    ).panel
    assert Wiring(**{field.name: getattr(panel, field.name) for field in fields(Wiring)}) == Wiring()
