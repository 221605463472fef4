#!/bin/bash
# Compiles what Debian's kernels leave out, from Debian's own kernel source; runs in the workshop.
#
#   modules.sh KERNEL-VERSION      puts *.ko into /modules
#
#   gpio-sim, irq-sim   pins that a hand can pull and whose lamps can be read
#   vimc                a virtual camera that libcamera knows, patched: as it is it makes 1.5 pictures a second under
#                       emulation; patched it keeps a given pace and writes each frame's number into its picture
#   rtc-ds1307          a clock chip with battery-backed memory (on i2c-stub its memory works, its clock stands still)
set -euo pipefail
version=$1
cd /modules
tarball=$(echo /usr/src/linux-source-*.tar.xz)
source=$(basename "$tarball" .tar.xz)
tar -xf "$tarball" "$source/drivers/gpio/gpio-sim.c" "$source/drivers/media/test-drivers/vimc" \
    "$source/drivers/rtc" "$source/kernel/irq/irq_sim.c"
patch --strip=1 --directory="$source" <vimc.patch

# module FOLDER KBUILD-LINES: one folder of sources, built out of tree.
module() {
    printf '%s\n' "$2" >"$1/Kbuild"
    make -s -j1 -C "/lib/modules/$version/build" M="$PWD/$1" CONFIG_DEBUG_INFO_BTF_MODULES= modules
    strip --strip-debug "$1"/*.ko
    mv "$1"/*.ko .
}

# irq_sim is part of the kernel proper, and switched off there: here it is a module, and calls what modules may call.
irq=$source/drivers/gpio/irq-sim.c
cp "$source/kernel/irq/irq_sim.c" "$irq"
sed -i -e '1a #include <linux/module.h>' -e 's/handle_simple_irq(irq_to_desc(irqnum));/generic_handle_irq(irqnum);/' "$irq"
printf 'MODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("simulated interrupts");\n' >>"$irq"

module "$source/drivers/gpio" 'obj-m += irq-sim.o gpio-sim.o'
module "$source/drivers/media/test-drivers/vimc" 'obj-m += vimc.o
vimc-y := vimc-core.o vimc-common.o vimc-streamer.o vimc-capture.o vimc-debayer.o vimc-scaler.o vimc-sensor.o vimc-lens.o'
module "$source/drivers/rtc" 'obj-m += rtc-ds1307.o'
rm -rf "$source"
