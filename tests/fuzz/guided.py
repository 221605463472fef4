"""One target under atheris, which is led by coverage: ``python -m tests.fuzz.guided TARGET [libFuzzer's arguments]``.

atheris is no dependency of the tests, for it is there for x86-64 alone; ``scripts/fuzz`` installs it.
"""

import sys

import atheris

with atheris.instrument_imports(include=["recorder", "tomllib", "json", "base64"]):
    from tests.fuzz.targets import TARGETS
    from tests.fuzz.test_targets import survives


def main(name: str, arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process, 0 where nothing was found."""
    atheris.Setup([name, *arguments], lambda data: survives(TARGETS[name], data))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
