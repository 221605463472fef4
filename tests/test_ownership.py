"""What root does to the store it does as the store's owner, and to a stick as itself."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TRY = """
import os, sys
from pathlib import Path
from recorder.ownership import acting_as_owner
store = Path(sys.argv[1])
with acting_as_owner(store):
    (store / "HOLD").write_text("")
    print(os.geteuid(), os.getegid(), os.getgroups())
(store.parent / "stick").write_text("")
print(os.geteuid(), os.getegid())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_root_acts_as_the_owner_and_is_root_again() -> None:
    """The recorder's user can read what was made there; what is made afterwards is root's."""
    with tempfile.TemporaryDirectory() as name:  # where others may enter
        folder, store = Path(name), Path(name) / "store"
        store.mkdir()
        folder.chmod(0o755)
        os.chown(store, 4321, 8765)
        done = subprocess.run([sys.executable, "-c", TRY, store], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == ["4321 8765 []", f"0 {os.getegid()}"]
        assert ((store / "HOLD").stat().st_uid, (folder / "stick").stat().st_uid) == (4321, 0)


def test_nobody_changes_where_the_store_is_their_own(tmp_path: Path) -> None:
    """The recorder's user stays what it is; so does everybody where there is no store yet."""
    for store in (tmp_path, tmp_path / "none"):
        done = subprocess.run(
            [sys.executable, "-c", TRY.replace('    (store / "HOLD").write_text("")\n', ""), store],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.splitlines()[0].startswith(f"{os.geteuid()} {os.getegid()} ")
