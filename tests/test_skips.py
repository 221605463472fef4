"""A test that is skipped unseen guards nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RULE = Path(__file__).with_name("conftest.py")
TESTS = """
import pytest
def test_runs(): pass
def test_lacks_a_tool(): pytest.skip("needs a hammer")
@pytest.mark.skipif(True, reason="needs a saw")
def test_lacks_another(): pass
def test_lacks_a_kernel(): pytest.skip("this kernel has no gpio-sim, or configfs is not mounted")
@pytest.mark.xfail
def test_known_to_fail(): assert False
"""


@pytest.mark.parametrize(
    ("ci", "closing"),
    [({"CI": "true"}, "1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error"), ({}, "1 passed, 3 skipped, 1 xfailed")],
)
def test_continuous_integration_skips_nothing_it_could_run(ci: dict[str, str], closing: str, tmp_path: Path) -> None:
    """There a skip is a failure that gives its reason; elsewhere it is a skip."""
    (tmp_path / "conftest.py").write_text(RULE.read_text())
    (tmp_path / "test_some.py").write_text(TESTS)
    env = {name: value for name, value in os.environ.items() if name != "CI"} | ci
    command = [sys.executable, "-m", "pytest", "-rfE", "--rootdir=.", "-c", os.devnull, "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert f" {closing} in " in run.stdout, run.stdout
    for tool in ("hammer", "saw"):
        assert (f"needs a {tool}; continuous integration skips nothing" in run.stdout) == bool(ci)
