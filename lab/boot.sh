#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make boot CONFIG=qemu GUEST=dir: boot a built kernel with `dir` laid over the guest's
# root, execute its /run as root, and judge what happened (see verdict.sh). SMP=4 and
# MEM=4G size the machine, TIMEOUT=300 seconds bound it; CMDLINE= goes to the kernel
# (a NAME=value that it does not know goes to the environment of /run), QEMU_ARGS= to QEMU.
# EXPECT=regexp must match a line of the console. A warning or oops that it matches is
# allowed. NODES=2 splits memory and CPUs into that many nodes, which must divide both.
# NAME= names the logs: build/log/NAME.log is all, .console and .output are its halves,
# .verdict is "pass" or the reason why not, .times the console with the host's clock.
#
# The guest's system is busybox, in /bin, /sbin and /usr; nothing else is there.
#
# For other commands of the lab: OUT= names another object folder, ACCEL= how to emulate,
# DEVICES= an overlay of the device tree that arm64's board has, SYSTEM= a folder with
# vmlinuz, its config, initrd.img and disk.img: what is on that disk is booted, and finds
# GUEST on a second one.

. "$(dirname "$0")/common.sh"
. "$LAB/verdict.sh"

CONFIG=${CONFIG:-qemu}
OUT=${OUT:-$ROOM/$CONFIG${SERIES:+-base}}
NAME=${NAME:-$(basename "$OUT")}
SMP=${SMP:-4}
TIMEOUT=${TIMEOUT:-300}
GUEST=${GUEST:-}
NODES=${NODES:-1}
SYSTEM=${SYSTEM:-}

know_arch "${SYSTEM:+x86_64}$CONFIG"
case $arch in
um) image=$OUT/linux emulator='' MEM=${MEM:-512M} ;;
arm64) image=$OUT/arch/arm64/boot/Image emulator=qemu-system-aarch64 MEM=${MEM:-4G} ;;
*) image=$OUT/arch/x86/boot/bzImage emulator=qemu-system-x86_64 MEM=${MEM:-4G} ;;
esac
kconfig=$OUT/.config
[ -z "$SYSTEM" ] || image=$SYSTEM/vmlinuz kconfig=$SYSTEM/config

check_arguments() {
	[[ -n $SYSTEM || ($CONFIG =~ ^(uml|qemu|arm64)(-|$) && -f $LAB/configs/$CONFIG.config) ]] ||
		die "CONFIG=$CONFIG is no configuration; see lab/configs"
	[[ $SMP =~ ^[1-9][0-9]{0,3}$ ]] || die "SMP=$SMP is no number of CPUs"
	[[ $MEM =~ ^[1-9][0-9]{0,5}[MG]$ ]] || die "MEM=$MEM is no size like 512M or 4G"
	[[ $NODES =~ ^[1-9]$ && $((SMP % NODES)) = 0 ]] || die "NODES=$NODES does not divide SMP=$SMP"
	[[ $TIMEOUT =~ ^[1-9][0-9]{0,5}$ ]] || die "TIMEOUT=$TIMEOUT is no number of seconds"
	[[ $NAME =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || die "NAME=$NAME is no name for a log"
	[ -n "$GUEST" ] || die "GUEST= must name a folder with an executable file 'run'"
	[ -d "$GUEST" ] || die "GUEST=$GUEST is no folder"
	[[ -L $GUEST/run || (-f $GUEST/run && -x $GUEST/run) ]] ||
		die "GUEST=$GUEST has no executable file 'run'"
}

check_kernel() {
	local cpus

	[ -f "$image" ] ||
		die "$image is not built: make kernel CONFIG=$CONFIG${SERIES:+ SERIES=none}"
	cpus=$(sed -n 's/^CONFIG_NR_CPUS=//p' "$kconfig")
	[ "$SMP" -le "${cpus:-1}" ] || die "SMP=$SMP: this kernel is built for ${cpus:-1} CPUs"
}

check_tools() {
	need busybox cpio "${cross}gcc" timeout ${emulator:+"$emulator"} ${SYSTEM:+mke2fs}
	! ldd "$(command -v busybox)" >/dev/null 2>&1 ||
		die "missing: busybox-static (the busybox that is here needs libraries)"
}

pack() { # FOLDER: an archive that the kernel unpacks
	(cd "$1" && find . -mindepth 1 -print0 | cpio -o0 -H newc -R 0:0 --quiet)
}

# make_file FILE COMMAND...: COMMAND's output becomes FILE in one go, for another boot
# may be making the same
make_file() {
	local file=$1

	shift
	mkdir -p "$(dirname "$file")"
	"$@" >"$tmp/made"
	cp "$tmp/made" "$file.$$"
	mv "$file.$$" "$file"
}

# init, and busybox under all its names. Debian builds it alike for all architectures.
pack_system() {
	local root=$tmp/system path

	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,root,sys}
	mkdir -m 1777 "$root/tmp"
	"${cross}gcc" -static -Os -Wall -Wextra -o "$root/init" "$LAB/guest/init.c" ||
		die "lab/guest/init.c does not compile"
	cp -L "$busybox" "$root/bin/busybox"
	for path in $(busybox --list-full); do
		[ -e "$root/$path" ] || ln -s /bin/busybox "$root/$path"
	done
	pack "$root"
}

pack_modules() {
	make -C "$OUT" ARCH=$arch CROSS_COMPILE=$cross \
		INSTALL_MOD_PATH="$tmp/modules" INSTALL_MOD_STRIP=1 modules_install \
		>"$tmp/modules.log" 2>&1 ||
		die "cannot install the modules of $OUT: $(tail -n1 "$tmp/modules.log")"
	pack "$tmp/modules"
}

# newer THAN FILE...: is there no THAN, or is a FILE newer?
newer() {
	[ ! -e "$1" ] || [ -n "$(find "${@:2}" -newer "$1" -print -quit)" ]
}

# The kernel unpacks archives one after another, a later one over the earlier
make_initrd() {
	local system=$BUILD/guest/system${cross:+-$arch}.cpio modules=$OUT/lab-modules.cpio
	local busybox parts objects

	busybox=$(command -v busybox)
	[ -z "$cross" ] || busybox=$("$LAB/busybox.sh" $arch)
	parts=("$system")
	! newer "$system" "$LAB/guest/init.c" "$LAB/boot.sh" "$busybox" ||
		make_file "$system" pack_system
	if [ -s "$OUT/modules.order" ]; then
		parts+=("$modules")
		mapfile -t objects < <(find "$OUT" -name '*.ko')
		! newer "$modules" "$OUT/modules.order" "${objects[@]}" ||
			make_file "$modules" pack_modules
	fi
	pack "$GUEST" >"$tmp/guest" || die "GUEST=$GUEST cannot be read"
	cat "${parts[@]}" "$tmp/guest" >"$tmp/initrd"
}

# SYSTEM's own archive, and GUEST as a disk, which has room for its folders
make_disk() {
	local mib

	mib=$(($(du -sm "$GUEST" | cut -f1) * 5 / 4 + 16))
	cp "$SYSTEM/initrd.img" "$tmp/initrd"
	mke2fs -q -t ext4 -d "$GUEST" "$tmp/guest" "${mib}M" || die "GUEST=$GUEST cannot be read"
}

# User Mode Linux keeps the guest's memory in a file below TMPDIR: where is room?
find_memory() {
	local mib=${MEM%[MG]} folder tried=()

	[[ $MEM = *M ]] || mib=$((mib * 1024))
	for folder in /dev/shm "${TMPDIR:-/tmp}"; do
		[ -w "$folder" ] || continue
		case $(findmnt -no OPTIONS -T "$folder") in *noexec*) continue ;; esac
		[ $(($(df -Pk "$folder" | awk 'NR == 2 { print $4 }') / 1024)) -lt "$mib" ] ||
			{ export TMPDIR=$folder; return; }
		tried+=("$folder")
	done
	die "MEM=$MEM: no room for that in ${tried[*]}; set a smaller MEM=, or TMPDIR="
}

# The file descriptors are those that start() opens
command_um() {
	find_memory
	command=("$image" initrd="$tmp/initrd" mem="$MEM" ncpus="$SMP" seccomp=on
		uml_dir="$tmp/" con=null ssl=null con0=fd:1 ssl0=fd:3 ssl1=fd:4
		"${parameters[@]}" LAB_OUTPUT=ttyS0 LAB_RESULT=ttyS1)
}

# numa=fake= gives each node all CPUs; these nodes have CPUs of their own.
memory_of() { # BOARD
	local mib=${MEM%[MG]} node cpus=$((SMP / NODES))

	memory=(-machine "$1,memory-backend=m" -m "$MEM"
		-object "memory-backend-ram,id=m,size=$MEM,reserve=off")
	[ "$NODES" != 1 ] || return 0
	[[ $MEM = *M ]] || mib=$((mib * 1024))
	memory=(-machine "$1" -m "$MEM")
	for ((node = 0; node < NODES; node++)); do
		memory+=(-object "memory-backend-ram,id=m$node,size=$((mib / NODES))M,reserve=off"
			-numa "node,memdev=m$node,cpus=$((node * cpus))-$(((node + 1) * cpus - 1))")
	done
}

# Where many emulated CPUs share few real ones, calibrating a delay loop takes minutes
# (lpj=), checking the timer can panic, and comparing the CPUs' clocks, which are one,
# takes a third of a boot (tsc=). irq=7: by default the third line shares the interrupt
# of the first, which the kernel refuses. la57=off: early in a boot the kernel forgets for
# a moment that it has five levels of page tables, and if it is interrupted then, KASAN
# takes good addresses for wild ones.
command_x86_64() {
	parameters+=(console=ttyS0 lpj=5000000 no_timer_check tsc=reliable
		LAB_OUTPUT=ttyS1 LAB_RESULT=ttyS2)
	[ -z "$SYSTEM" ] || add_disks
	command_qemu pc -cpu max,la57=off -device isa-serial,chardev=console \
		-device isa-serial,chardev=output -device isa-serial,chardev=result,irq=7
}

add_disks() {
	parameters+=(root=/dev/vda systemd.firstboot=off)
	disks=(-drive "if=virtio,format=raw,snapshot=on,file=$SYSTEM/disk.img"
		-drive "if=virtio,format=raw,read-only=on,file=$tmp/guest")
}

# neoverse-n1: a server's CPU that has LSE atomics, each of which QEMU executes as one of the
# host's, but no pointer authentication, which is slow to emulate. The board has one serial
# line that Linux may use; further ones are on PCI, and there before init starts.
command_arm64() {
	parameters+=(console=ttyAMA0 LAB_OUTPUT=ttyS0 LAB_RESULT=ttyS1)
	command_qemu virt,gic-version=3 -cpu neoverse-n1 -serial chardev:console \
		-device pci-serial,chardev=output -device pci-serial,chardev=result
	[ -z "${DEVICES:-}" ] || add_devices
}

# The device tree is that of this board with these options
add_devices() {
	local tools=$OUT/scripts/dtc

	{
		"${command[@]}" -machine "dumpdtb=$tmp/board.dtb" &&
			"$tools/dtc" -q -O dtb -o "$tmp/devices.dtbo" "$DEVICES" &&
			"$tools/fdtoverlay" -i "$tmp/board.dtb" -o "$tmp/all.dtb" "$tmp/devices.dtbo"
	} >"$tmp/dtb.log" 2>&1 ||
		die "DEVICES=$DEVICES cannot be added: $(tail -n1 "$tmp/dtb.log")"
	command+=(-dtb "$tmp/all.dtb")
}

command_qemu() { # BOARD OPTION...
	memory_of "$1"
	command=("$emulator" -accel "${ACCEL:-tcg,thread=multi}" -smp "$SMP,sockets=$NODES"
		"${memory[@]}" -nodefaults -no-user-config -display none -no-reboot
		-chardev "file,id=console,path=$tmp/console"
		-chardev "file,id=output,path=$tmp/output"
		-chardev "file,id=result,path=$tmp/result"
		"${@:2}" -kernel "$image" -initrd "$tmp/initrd" -append "${parameters[*]}"
		"${disks[@]}" "${qemu_args[@]}")
}

# What the guest writes goes to plain files: they never make it wait, and what cannot
# be written at once, User Mode Linux's console drops. (For that it complains that
# epollctl may not wait for them.) KILL at the end of its time, for a User Mode Linux
# that is asked to end may well panic over it.
start() {
	local command parameters qemu_args memory disks=()

	read -ra parameters <<<"panic=-1 ignore_loglevel ${CMDLINE:-}"
	read -ra qemu_args <<<"${QEMU_ARGS:-}"
	"command_$arch"
	timeout -v -s KILL "$TIMEOUT" "${command[@]}" </dev/null \
		>"$tmp/console" 2>"$tmp/errors" 3>"$tmp/output" 4>"$tmp/result" &
	guest=$!
}

# Follow the console and the output, whole lines of both, until the guest is gone
watch() {
	local channel

	for channel in console output; do
		follow "$channel" | stdbuf -o0 tr -d '\r' | grep -a --line-buffered '' &
	done
	follow console | stamp >"$tmp/times" &
	wait
}

follow() { # CHANNEL
	tail -n +1 -s 0.1 --pid="$guest" -f "$tmp/$1" 2>/dev/null
}

# The guest's own clocks are young when it boots, and may lose ticks
stamp() {
	local line

	while IFS= read -r line; do
		echo "$EPOCHREALTIME $line"
	done
}

# ALRM tells timeout that the time is over; bash would report what that kills
stop() {
	[ -z "$guest" ] || kill -ALRM "$guest" || true
	wait
}

keep_logs() {
	tr -d '\r' <"$tmp/console" >"$LOG/$NAME.console"
	cp "$tmp/output" "$LOG/$NAME.output"
	cp "$tmp/log" "$LOG/$NAME.log"
	tr -d '\r' <"$tmp/times" >"$LOG/$NAME.times"
	[ ! -e "$tmp/verdict" ] || cp "$tmp/verdict" "$LOG/$NAME.verdict"
}

run() {
	local status=0

	mkdir -p "$LOG"
	rm -f "$LOG/$NAME.verdict"
	touch "$tmp"/{console,output,result,errors,log,times}
	on_exit keep_logs
	guest=
	on_exit 'stop 2>/dev/null'
	start
	watch | tee -p "$tmp/log" &
	wait "$guest" 2>/dev/null || status=$?
	guest=
	wait
	verdict "$tmp" "$status" "$TIMEOUT" >"$tmp/verdict"
}

check_arguments
check_kernel
check_tools
ulimit -c 0		# User Mode Linux panics by dumping its core
tmp=$(mktemp -d)
on_exit "rm -rf '$tmp'"
if [ -n "$SYSTEM" ]; then make_disk; else make_initrd; fi
run
[ "$(<"$tmp/verdict")" = pass ] || { cat "$tmp/verdict"; exit 1; }
say "the guest passed"
