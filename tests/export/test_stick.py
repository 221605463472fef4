"""What will do as a stick, decided over what lsblk and blkid print; whatever they print, there is a sentence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import ForeignStickError, StickError
from recorder.export.lsblk import read_listing, read_signature
from recorder.export.stick import LABELS, SMALLEST_BYTES, Stick, judge

PLACE = "/run/cabin-recorder-export/sda1"
GB = 10**9

# Of util-linux 2.38.1, word for word: a loop device beside the disk of a virtual machine.
RECORDED = b"""{
   "blockdevices": [
      {
         "name": "loop0",
         "type": "loop",
         "size": 268435456,
         "ro": false,
         "fstype": null,
         "label": null,
         "mountpoints": [
             null
         ]
      },{
         "name": "vda",
         "type": "disk",
         "size": 274877906944,
         "ro": false,
         "fstype": null,
         "label": null,
         "mountpoints": [
             "/tmp/fresh/opt", "/"
         ]
      }
   ]
}
"""
# Of the same blkid, for what mkfs.exfat (exfatprogs 1.2.0), mkfs.vfat (dosfstools 4.2), mkfs.ext4 and mkswap had made.
PROBED = {
    "exfat": b"DEVNAME=/dev/sda1\nLABEL=CABINEXPORT\nUUID=FBA3-E180\nVERSION=1.0\nBLOCK_SIZE=512\nTYPE=exfat\n"
    b"USAGE=filesystem\nPTTYPE=dos\n",
    "vfat": b"DEVNAME=/dev/sda1\nLABEL_FATBOOT=CABIN-EXPOR\nLABEL=CABIN-EXPOR\nUUID=1810-21C1\nVERSION=FAT32\n"
    b"BLOCK_SIZE=512\nTYPE=vfat\nUSAGE=filesystem\n",
    "ext4": b"DEVNAME=/dev/sda1\nLABEL=CABIN-EXPORT\nUUID=084837ff-92d1-4b8d-8af8-3be4eafa8c8a\nVERSION=1.0\n"
    b"BLOCK_SIZE=1024\nTYPE=ext4\nUSAGE=filesystem\n",
    "swap": b"DEVNAME=/dev/sda1\nLABEL=CABINEXPORT\nUUID=3876b3bb\nVERSION=1\nTYPE=swap\nUSAGE=other\n",
    "a table of partitions": b"DEVNAME=/dev/sda1\nPTUUID=f0b8e39b\nPTTYPE=dos\n",
}


def device(name: Any, *children: dict[str, Any], **other: Any) -> dict[str, Any]:
    """One device of 32 GB, as lsblk prints it."""
    shown = {"name": name, "type": "part", "size": 32 * GB, "ro": False, "fstype": None, "label": None}
    return {**shown, "mountpoints": [None], **({"children": list(children)} if children else {}), **other}


def listing(*disks: dict[str, Any]) -> bytes:
    """All of lsblk's list: the recorder's own card, and ``disks``."""
    root = device("mmcblk0p2", fstype="ext4", label="rootfs", mountpoints=["/"])
    return json.dumps({"blockdevices": [device("mmcblk0", root, type="disk"), *disks]}).encode()


def one_partition(**of_it: Any) -> bytes:
    """A stick with one partition."""
    return listing(device("sda", device("sda1", **of_it), type="disk"))


def decided(listed: bytes, probe: bytes = PROBED["exfat"], name: str = "sda1") -> Stick:
    return judge(name, read_listing(listed), read_signature(probe), PLACE)


@pytest.mark.parametrize("filesystem", ["exfat", "vfat", "ext4"])
def test_a_stick_of_ours(filesystem: str) -> None:
    """Each filesystem, each spelling; what udev remembers of it, nothing or something else, makes no difference."""
    stick = Stick("sda1", filesystem, 32 * GB)
    assert decided(one_partition(), PROBED[filesystem]) == stick
    assert decided(one_partition(fstype="ntfs", label="HOLIDAY"), PROBED[filesystem]) == stick


def test_a_whole_disk_without_a_table_of_partitions() -> None:
    """As Windows formats some sticks, and mkfs any."""
    assert decided(listing(device("sda", type="disk")), name="sda") == Stick("sda", "exfat", 32 * GB)


def test_lsblk_as_it_is() -> None:
    """Its own words are understood: a loop device will do, the disk that holds the root will not."""
    assert decided(RECORDED, name="loop0") == Stick("loop0", "exfat", 268435456)
    with pytest.raises(StickError, match="vda is part of the disk that this machine runs from; use a stick that can"):
        decided(RECORDED, name="vda")


def test_what_was_left_mounted_at_our_place() -> None:
    """A copy that was killed could not let go; the next one does."""
    assert decided(one_partition(mountpoints=[PLACE])) == Stick("sda1", "exfat", 32 * GB)


FOREIGN = {
    "no label": (one_partition(), b"TYPE=exfat\n", "sda1", "is not labelled CABINEXPORT"),
    "another": (one_partition(), b"LABEL=HOLIDAY\nTYPE=exfat\n", "sda1", "is not labelled CABINEXPORT"),
    "small letters": (one_partition(), b"LABEL=cabinexport\nTYPE=exfat\n", "sda1", "is not labelled CABINEXPORT"),
    "nothing on it": (one_partition(), b"", "sda1", "is not labelled CABINEXPORT"),
    "a table": (one_partition(), PROBED["a table of partitions"], "sda1", "is not labelled CABINEXPORT"),
    "gone": (listing(), b"", "sda1", "sda1 is not plugged in"),
    "a path": (one_partition(), PROBED["exfat"], "../sda1", "is named like sda1, not '../sda1'"),
    "no name": (one_partition(), PROBED["exfat"], "", "is named like sda1, not ''"),
    "an option": (one_partition(), PROBED["exfat"], "--help", "is named like sda1"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_none_of_ours(what: str) -> None:
    """It is left alone, which is another error than that of a stick of ours that will not do."""
    listed, probe, name, said = FOREIGN[what]
    with pytest.raises(ForeignStickError, match=said):
        decided(listed, probe, name)


LUKS = b"LABEL=CABINEXPORT\nVERSION=2\nTYPE=crypto_LUKS\nUSAGE=crypto\n"
REFUSED = {
    "swap": (one_partition(), PROBED["swap"], "has swap; format it as exFAT, FAT32 or ext4."),
    "NTFS": (one_partition(), b"LABEL=CABINEXPORT\nTYPE=ntfs\n", "has ntfs; format it as exFAT, FAT32 or ext4."),
    "only a label": (one_partition(), b"LABEL=CABINEXPORT\n", "has no filesystem; format it as exFAT,"),
    "LUKS": (one_partition(), LUKS, "is encrypted, and the recorder has no key for it; format it as exFAT"),
    "read only": (one_partition(ro=True), PROBED["vfat"], "is write-protected; move its switch, or use another one."),
    "tiny": (one_partition(size=1474560), PROBED["vfat"], "has 1.5 MB, which is too small for any journey"),
    "in use": (
        one_partition(mountpoints=["/media/pi/CABINEXPORT", PLACE]),
        PROBED["vfat"],
        "is in use at /media/pi/CABINEXPORT; unmount it there",
    ),
    "opened": (
        listing(device("sda", device("sda1", device("vault", type="crypt")), type="disk")),
        PROBED["ext4"],
        r"holds something else as well \(vault\); format it anew.",
    ),
    "a volume": (
        listing(device("sda", device("md0", device("sda1", type="lvm")), type="disk")),
        PROBED["ext4"],
        "is of the kind 'lvm', neither a disk nor a partition",
    ),
    "the machine's": (
        listing(device("sda", device("sda1"), device("sda2", mountpoints=["/srv", "/"]), type="disk")),
        PROBED["ext4"],
        "is part of the disk that this machine runs from",
    ),
    "the machine's swap": (
        listing(device("sda", device("sda1"), device("sda2", mountpoints=["[SWAP]"]), type="disk")),
        PROBED["ext4"],
        "is part of the disk that this machine runs from",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_ours_and_will_not_do(what: str) -> None:
    """One sentence with the mend; it is not taken for somebody else's stick, for whoever labelled it waits."""
    listed, probe, said = REFUSED[what]
    with pytest.raises(StickError, match=f"^The stick in sda1 {said}") as caught:
        decided(listed, probe)
    assert not isinstance(caught.value, ForeignStickError)


def test_of_several_partitions_the_first_is_written_to() -> None:
    """Each starts a copy of its own, and two at once would race; one that could not be used does not count."""
    ours = {"fstype": "exfat", "label": "CABINEXPORT"}
    two = listing(device("sda", device("sda1", **ours), device("sda2", **ours), type="disk"))
    assert decided(two) == Stick("sda1", "exfat", 32 * GB)
    with pytest.raises(ForeignStickError, match="sda2 is left alone: sda1 of the same stick is for the recorder, too"):
        decided(two, name="sda2")
    ntfs = device("sda1", fstype="ntfs", label="CABINEXPORT")
    second = listing(device("sda", ntfs, device("sda2", **ours), type="disk"))
    assert decided(second, name="sda2") == Stick("sda2", "exfat", 32 * GB)
    others = listing(device("sda", device("sda1", fstype="exfat", label="HOLIDAY"), device("sda2"), type="disk"))
    assert decided(others, name="sda2") == Stick("sda2", "exfat", 32 * GB)


def test_how_each_filesystem_is_mounted() -> None:
    """Nothing on it is a program, a device or a link; an error never panics; FAT and exFAT are one user's."""
    safe = "rw,nosuid,nodev,noexec,nosymfollow,noatime,errors=remount-ro"
    assert Stick("sda1", "ext4", GB).options(101, 102) == safe
    for filesystem in ("vfat", "exfat"):
        assert Stick("sda1", filesystem, GB).options(101, 102) == f"{safe},uid=101,gid=102,fmask=0177,dmask=0077"


# --- whatever is printed ---------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["sda", "sda1", "sda2", "dm-0", "", "loop0"])
TEXTS = st.one_of(st.none(), st.text(max_size=12), st.sampled_from([*LABELS, "exfat", "vfat", "ext4", "/", PLACE]))


def devices(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Devices that lsblk could print."""
    return st.fixed_dictionaries(
        {
            "name": NAMES,
            "type": st.sampled_from(["disk", "part", "loop", "crypt", "lvm", "rom", "raid1"]),
            "size": st.integers(0, 1 << 45) | st.just(32 * GB),
            "ro": st.booleans(),
        },
        optional={"fstype": TEXTS, "label": TEXTS, "mountpoints": st.lists(TEXTS, max_size=3), "children": children},
    )


LISTED = st.lists(st.recursive(devices(st.just([])), lambda inner: devices(st.lists(inner, max_size=3)), max_leaves=6))
PROBES = st.one_of(
    st.sampled_from([*PROBED.values(), LUKS, b"", b"LABEL"]),
    st.binary(max_size=60),
    st.lists(
        st.tuples(st.sampled_from(["TYPE", "LABEL", "USAGE"]), st.sampled_from([*LABELS, "vfat", "ext4", ""]))
    ).map(lambda pairs: "\n".join("=".join(pair) for pair in pairs).encode()),
)


@given(LISTED, PROBES, NAMES)
def test_what_will_do_is_safe_whatever_is_listed(disks: list[Any], probe: bytes, name: str) -> None:
    """A stick that will do is labelled, of a known filesystem, writable, in nobody's use and not of this machine."""
    listed = read_listing(json.dumps({"blockdevices": disks}).encode())
    found = read_signature(probe)
    try:
        stick = judge(name, listed, found, PLACE)
    except StickError:
        return
    disk, it = next((disk, it) for disk in listed for it in disk.tree if it.name == name)
    assert found.label in LABELS
    assert (stick.name, stick.filesystem) == (name, found.filesystem)
    assert stick.filesystem in {"vfat", "exfat", "ext4"}
    assert it.size == stick.size_bytes >= SMALLEST_BYTES
    assert (it.ro, it.children, it.type in {"disk", "part", "loop"}) == (False, (), True)
    assert set(it.mounted_at) <= {PLACE}
    assert not any({"/", "[SWAP]"} & set(part.mounted_at) for part in disk.tree)


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.sampled_from([b"[" * 9999, b'{"a":' * 9999])
)
def test_what_is_no_list_of_disks(data: bytes) -> None:
    """One sentence, never a traceback."""
    with pytest.raises(StickError, match="lsblk's list of disks cannot be understood; unplug all other sticks"):
        read_listing(data)


@pytest.mark.parametrize("wrong", [{"type": 1}, {"size": "32G"}, {"ro": "0"}, {"children": {}}, {"mountpoints": [1]}])
def test_a_list_in_another_form(wrong: dict[str, Any]) -> None:
    """A value that is not what lsblk prints is not guessed at."""
    with pytest.raises(StickError, match="cannot be understood"):
        read_listing(one_partition(**wrong))


def test_disks_within_disks_without_end() -> None:
    """Nesting that no parser follows is refused, and what it does follow is walked."""
    nested = b'{"name":"a","type":"disk","size":1,"ro":false,"children":[' * 100 + b"]}" * 100
    with pytest.raises(ForeignStickError, match="is not plugged in"):
        decided(b'{"blockdevices":[' + nested + b"]}")
