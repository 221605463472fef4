#!/bin/bash
# The smallest start: the modules that find the root disk, and a shell script that mounts it.
#
#   initrd.sh ROOT KERNEL-VERSION OUT
set -euo pipefail
root=$1 version=$2 out=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{bin,proc,sys,dev,root,modules}
cp "$root/bin/busybox" "$folder/bin/busybox"
ln -s busybox "$folder/bin/sh"
number=10
while read -r module; do
    xz --decompress --stdout "$root$module" >"$folder/modules/$number-$(basename "$module" .xz)"
    number=$((number + 1))
done < <(chroot "$root" modprobe --set-version "$version" --show-depends --all virtio_pci virtio_blk ext4 |
    awk '/^insmod/ && !seen[$2]++ {print $2}')
cat >"$folder/init" <<'INIT'
#!/bin/sh
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do busybox insmod "$module"; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do busybox usleep 50000; tries=$((tries + 1)); done
busybox mount -t ext4 -o rw,noatime /dev/vda /root || exec busybox poweroff -f
busybox mount --move /dev /root/dev
busybox umount /proc /sys
exec busybox switch_root /root /sbin/init
INIT
chmod +x "$folder/init"
(cd "$folder" && find . | cpio --create --format=newc --quiet) >"$out"
