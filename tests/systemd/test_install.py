"""The installer, in an image whose systemd does not run and on a machine that does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.vault.signing import PublicKey
from tests.systemd import rootfs
from tests.systemd.conftest import install
from tests.systemd.container import Container

pytestmark = [pytest.mark.nspawn, pytest.mark.timeout(600)]


@pytest.fixture
def image(machine: Path, tmp_path: Path) -> Iterator[Path]:
    """The installed machine as an image that may be written to."""
    with rootfs.writable(machine, tmp_path / "image") as root:
        yield root


def test_again_changes_nothing(image: Path, source: Path, suite: str) -> None:
    """A second run finds everything in place: configuration and key as they were, nothing written."""
    before = snapshot(image)
    done = install(image, source, suite)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 files new or changed" in done.stdout
    assert "/etc/cabin-recorder/recorder.toml kept as it is" in done.stdout
    assert snapshot(image) == before


def snapshot(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Owner, mode, size and inode of everything that is the recorder's."""
    places = ("etc/cabin-recorder", "var/lib/cabin-recorder", "usr/local/lib/systemd")
    paths = [path for place in places for path in (root / place).rglob("*")]
    found = {str(path.relative_to(root)): path.lstat() for path in paths}
    return {name: (stat.st_uid, stat.st_mode, stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def test_the_key_is_shown_and_the_recorders_own(image: Path, source: Path, suite: str) -> None:
    """Public key and fingerprint are printed for the office; the private half is readable by its user alone."""
    key = image / "var/lib/cabin-recorder/device.key"
    done = install(image, source, suite)
    public = (image / "var/lib/cabin-recorder/device.key.pub").read_text().strip()
    assert f"this recorder's public key, for the office: {public}" in done.stdout
    assert f"its fingerprint, to compare by eye: {PublicKey.parse(public).fingerprint}" in done.stdout
    assert f" {public} --keys FOLDER_OF_KEYS" in done.stdout
    assert (key.stat().st_mode & 0o777, key.stat().st_uid > 0) == (0o600, True)


def test_a_version_that_cannot_be_had_is_not_switched_to(image: Path, source: Path) -> None:
    """Without its Python packages an upgrade fails with one sentence, and the installed version stays."""
    program = image / "opt/cabin-recorder"
    (program / (program / "current").readlink() / "complete").unlink()
    (program / "releases/older").mkdir()
    (program / "current").unlink()
    (program / "current").symlink_to("releases/older")
    done = rootfs.in_image(image, source, "/src/scripts/install", "--wheels", "/mnt")
    assert (done.returncode, "The installed version is unchanged." in done.stderr) == (1, True), done.stderr
    assert (program / "current").readlink() == Path("releases/older")


REFUSED = {
    "--frobnicate": "does not know '--frobnicate'",
    "--wheels=": "does not know '--wheels='",
    "--wheels": "--wheels needs a folder of wheels",
}


@pytest.mark.parametrize("argument", REFUSED)
def test_wrong_use_is_one_sentence(image: Path, source: Path, argument: str) -> None:
    """Nothing begins."""
    done = rootfs.in_image(image, source, "/src/scripts/install", argument)
    assert (done.returncode, done.stdout) == (1, "")
    assert REFUSED[argument] in done.stderr


def test_only_root_and_only_a_known_system(image: Path, source: Path) -> None:
    """A user is told to use sudo; another Debian is named."""
    done = rootfs.in_image(image, source, "runuser", "-u", "nobody", "--", "/src/scripts/install")
    assert (done.returncode, "needs root; run it with sudo." in done.stderr) == (1, True)
    (image / "etc/os-release").unlink()
    (image / "etc/os-release").write_text("VERSION_CODENAME=buster\n")
    done = rootfs.in_image(image, source, "/src/scripts/install")
    assert (done.returncode, "this is 'buster'" in done.stderr) == (1, True)


def test_on_a_machine_that_runs(vehicle: Container) -> None:
    """Installed over itself while a journey is recorded, it changes nothing and stops nothing."""
    journey, pid = vehicle.record(), vehicle.main_pid()
    said = vehicle.out("/src/scripts/install", "--wheels", "/wheels")
    assert said.endswith("-- units: the recorder runs, and nothing has changed")
    assert (vehicle.recorder("status")["journey"], vehicle.main_pid()) == (journey, pid)
