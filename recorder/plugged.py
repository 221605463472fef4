"""``stick``: the steps that systemd takes as root around a copy (``cabin-recorder-export@.service``).

Rules: what is none of ours is left alone in the first step, and nobody is told; what is ours and fails is told to the
recorder with its reason, in the step that can fail for it; letting go never waits for a configuration.
"""

from pathlib import Path
from typing import Literal, assert_never

from recorder.config import load
from recorder.errors import ForeignStickError, StickError
from recorder.export.mounting import Mounter
from recorder.runtime import Runtime
from recorder.telling import tell

Step = Literal["check", "mount", "release"]


def take_step(step: Step, name: str, config_path: Path, mounter: Mounter | None = None) -> None:
    """Take one step with the partition ``name``. ForeignStickError, StickError; ConfigError where that cannot be told.

    ``check`` raises for what is none of ours alone: everything else must reach ``mount``, for systemd takes a failed
    check for a wish to do nothing.
    """
    mounter = mounter or Mounter()
    try:
        match step:
            case "check":
                mounter.look(name)
            case "mount":
                mounter.mount(name)
            case "release":
                mounter.release(name)
            case _:
                assert_never(step)
    except ForeignStickError:
        raise
    except StickError as error:
        if step == "check":
            return
        socket = Runtime(load(config_path, places=False).store.runtime).control_socket
        tell(socket, "export-failing", reason=str(error))
        raise
