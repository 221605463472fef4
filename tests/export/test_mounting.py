"""Root's part of a copy on real filesystems: what is mounted how, for whom, and that it is let go."""

import os
import pwd
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.control import ControlRequest, ControlServer
from recorder.errors import ForeignStickError, StickError
from recorder.export.mounting import Mounter
from recorder.export.stick import Stick
from recorder.plugged import take_step
from recorder.vault.age import X25519Identity
from tests.export.disks import SIZE_BYTES, make_image, mounted, plugged, require_filesystem

OWNER = "nobody"
FILESYSTEMS = ("ext4", "vfat", "exfat")
LABEL_OF = {"ext4": "CABIN-EXPORT", "vfat": "CABIN-EXPOR", "exfat": "CABINEXPORT"}


@pytest.fixture
def mounter(tmp_path: Path) -> Mounter:
    (tmp_path / "place").mkdir()
    return Mounter(tmp_path / "place", OWNER)


def options_of(at: Path) -> set[str]:
    """How it is mounted: the options of the mount, and those of the filesystem."""
    command = ["findmnt", "--noheadings", "--output", "OPTIONS", str(at)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split(","))


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_each_is_known_by_what_stands_on_it(mounter: Mounter, tmp_path: Path, filesystem: str) -> None:
    """Real lsblk and blkid, of what the real mkfs made."""
    image = make_image(tmp_path / "stick.img", filesystem, LABEL_OF[filesystem])
    with plugged(image) as disk:
        assert mounter.look(disk.name) == Stick(disk.name, filesystem, SIZE_BYTES)


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_it_is_the_recorders_alone_and_harmless(mounter: Mounter, tmp_path: Path, filesystem: str) -> None:
    """Mounted so that nothing on it is a program, a device or a link; only the recorder's user can enter; let go."""
    require_filesystem(filesystem)
    image = make_image(tmp_path / "stick.img", filesystem, LABEL_OF[filesystem])
    account = pwd.getpwnam(OWNER)
    with plugged(image) as disk:
        at = mounter.mount(disk.name)
        status = at.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (account.pw_uid, account.pw_gid, 0o700)
        assert options_of(at) >= {"rw", "nosuid", "nodev", "noexec", "nosymfollow", "noatime"}
        (at / "file").write_bytes(b"kept")
        mounter.release(disk.name)
        assert not at.exists()
        with mounted(mounter, disk):
            assert (at / "file").read_bytes() == b"kept"


def test_an_ext4_that_would_panic_does_not(mounter: Mounter, tmp_path: Path) -> None:
    """What happens on an error stands on the stick; a stranger's must not stop the machine."""
    image = make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT", SIZE_BYTES, "-e", "panic")
    with plugged(image) as disk:
        (tmp_path / "plain").mkdir()
        subprocess.run(["mount", f"/dev/{disk.name}", tmp_path / "plain"], check=True)
        on_itself = Path(f"/proc/fs/ext4/{disk.name}/options").read_text()
        subprocess.run(["umount", tmp_path / "plain"], check=True)
        assert "errors=panic" in on_itself  # the control
        with mounted(mounter, disk):
            assert "errors=remount-ro" in Path(f"/proc/fs/ext4/{disk.name}/options").read_text()


def test_no_link_on_it_is_followed(mounter: Mounter, tmp_path: Path) -> None:
    """Whatever points out of the stick leads nowhere, for every program that looks."""
    image = make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT")
    with plugged(image) as disk, mounted(mounter, disk) as at:
        (at / "link").symlink_to("/etc/hostname")
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            (at / "link").read_bytes()


def test_what_is_refused_is_not_mounted(mounter: Mounter, tmp_path: Path) -> None:
    """Another's stick, swap, a torn filesystem, a closed switch: a sentence, no mount, no folder left behind."""
    ours = make_image(tmp_path / "ours.img", "ext4", "CABINEXPORT")
    with plugged(ours, "--read-only") as disk, pytest.raises(StickError, match="is write-protected; move its switch"):
        mounter.mount(disk.name)
    os.truncate(ours, SIZE_BYTES // 2)
    with plugged(ours) as disk, pytest.raises(StickError, match="cannot be mounted; format it anew"):
        mounter.mount(disk.name)
    swap = make_image(tmp_path / "swap.img", "swap", "CABINEXPORT")
    with plugged(swap) as disk, pytest.raises(StickError, match="has swap; format it as exFAT, FAT32 or ext4"):
        mounter.mount(disk.name)
    with plugged(make_image(tmp_path / "other.img", "ext4", "HOLIDAY")) as disk, pytest.raises(ForeignStickError):
        mounter.mount(disk.name)
    assert list(mounter.place.iterdir()) == []


def test_what_somebody_else_has_mounted_is_refused(mounter: Mounter, tmp_path: Path) -> None:
    """A desktop may have been quicker; two who write to one filesystem know nothing of one another."""
    elsewhere = tmp_path / "desktop"
    elsewhere.mkdir()
    with plugged(make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT")) as disk:
        subprocess.run(["mount", f"/dev/{disk.name}", elsewhere], check=True)
        try:
            with pytest.raises(StickError, match=f"is in use at {elsewhere}; unmount it there"):
                mounter.mount(disk.name)
        finally:
            subprocess.run(["umount", elsewhere], check=True)


def test_what_a_killed_copy_left_is_let_go(mounter: Mounter, tmp_path: Path) -> None:
    """Still mounted, or only its folder: the next copy begins as on a fresh machine."""
    with plugged(make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT")) as disk:
        at = mounter.mount(disk.name)
        assert mounter.mount(disk.name) == at
        subprocess.run(["umount", at], check=True)
        assert not at.is_mount()
        with mounted(mounter, disk):
            assert at.is_mount()


def test_what_is_in_use_is_not_said_to_be_free(mounter: Mounter, tmp_path: Path) -> None:
    """Its folder stays, which is how it is known; it is out of everybody's sight, and the next copy can begin."""
    with plugged(make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT")) as disk:
        at = mounter.mount(disk.name)
        with (at / "busy").open("wb"), pytest.raises(StickError, match="is still in use; switch the recorder off"):
            mounter.release(disk.name)
        assert (at.exists(), at.is_mount()) == (True, False)
        with mounted(mounter, disk):
            assert (at / "busy").exists()


def test_letting_go_of_nothing(mounter: Mounter) -> None:
    """A stick that was never mounted, and one whose device is gone."""
    mounter.release("sda1")
    (mounter.place / "sda1").mkdir()
    mounter.release("sda1")
    assert list(mounter.place.iterdir()) == []


def test_a_machine_without_the_recorders_user(mounter: Mounter, tmp_path: Path) -> None:
    """One sentence; nothing is mounted."""
    image = make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT")
    with plugged(image) as disk, pytest.raises(StickError, match="There is no user ghost; install the recorder anew"):
        Mounter(mounter.place, "ghost").mount(disk.name)
    assert list(mounter.place.iterdir()) == []


def test_a_machine_without_lsblk(mounter: Mounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StickError, match=r"lsblk cannot be run \(No such file or directory\); install the recorder"):
        mounter.look("sda1")


# --- the steps that systemd takes -------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose control socket is ``tmp_path / "runtime" / "control.sock"``."""
    path = tmp_path / "recorder.toml"
    (tmp_path / "runtime").mkdir()
    text = (Path(__file__).parents[2] / "config/simulated.toml").read_text()
    path.write_text(text.replace("recipients = []", f'recipients = ["{X25519Identity.generate().recipient.text}"]'))
    return path


@pytest.fixture
def told(config: Path) -> Iterator[list[tuple[str, object]]]:
    """What a recorder that runs is told."""
    inbox: queue.SimpleQueue[ControlRequest | None] = queue.SimpleQueue()
    heard: list[tuple[str, object]] = []

    def loop() -> None:
        while (request := inbox.get()) is not None:
            heard.append((request.command, request.arguments))
            request.answer()

    thread = threading.Thread(target=loop)
    thread.start()
    server = ControlServer(config.parent / "runtime" / "control.sock", inbox.put)
    yield heard
    server.close()
    inbox.put(None)
    thread.join(5)


def test_the_reason_reaches_the_recorder(
    mounter: Mounter, tmp_path: Path, config: Path, told: list[tuple[str, object]]
) -> None:
    """A stick of ours that will not do passes the check, for systemd takes a failed one for "not ours"; then fails."""
    with plugged(make_image(tmp_path / "swap.img", "swap", "CABINEXPORT")) as disk:
        take_step("check", disk.name, config, mounter)
        assert told == []
        with pytest.raises(StickError, match="has swap") as caught:
            take_step("mount", disk.name, config, mounter)
        assert told == [("export-failing", {"reason": str(caught.value)})]
        take_step("release", disk.name, config, mounter)


def test_of_another_s_stick_nobody_is_told(
    mounter: Mounter, tmp_path: Path, config: Path, told: list[tuple[str, object]]
) -> None:
    """The check fails, so that nothing else happens."""
    with plugged(make_image(tmp_path / "other.img", "ext4", "HOLIDAY")) as disk, pytest.raises(ForeignStickError):
        take_step("check", disk.name, config, mounter)
    assert told == []


def test_all_steps_without_a_recorder(mounter: Mounter, tmp_path: Path, config: Path) -> None:
    """They need none, and letting go needs no configuration either."""
    with plugged(make_image(tmp_path / "stick.img", "ext4", "CABINEXPORT")) as disk:
        take_step("check", disk.name, config, mounter)
        take_step("mount", disk.name, config, mounter)
        config.unlink()
        take_step("release", disk.name, config, mounter)
    assert list(mounter.place.iterdir()) == []
