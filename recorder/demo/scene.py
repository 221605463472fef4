"""The configuration of the demo: everything in one folder, retention in seconds instead of hours."""

from pathlib import Path

MARKER = ".cabin-recorder-demo"
SEGMENT_S = 5

_CONFIGURATION = """\
# Written by `cabin-recorder demo`. A vehicle keeps unheld footage for at most 24 hours; here it is seconds.
vehicle = "DEMO-1"

[store]
path = "store"
runtime = "runtime"

[keys]
recipients = ["{recipient}"]

[camera]
{camera}
# What is recorded is read back and counted, frame by frame.
step_down = false
[microphone]
kind = "{kind}"

[segments]
length_s = {segment_s}

[retention]
max_age_s = {max_age_s}
sweep_s = 1

[journey]
run_on_s = 2

[panel]
kind = "simulated"
"""


def write_configuration(path: Path, recipient: str, clip: Path | None, seconds: int) -> float:
    """Write the demo's configuration to ``path``; its retention in seconds."""
    max_age_s = 2 * SEGMENT_S + seconds
    camera = 'kind = "synthetic"\n' if clip is None else f'kind = "file"\npath = {_quoted(clip)}\n'
    path.write_text(
        _CONFIGURATION.format(
            recipient=recipient,
            camera=camera,
            kind="synthetic" if clip is None else "file",
            segment_s=SEGMENT_S,
            max_age_s=max_age_s,
        ),
        encoding="utf-8",
    )
    return float(max_age_s)


def _quoted(path: Path) -> str:
    """A TOML basic string (toml.io, "String")."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
