#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The memory map of persistent memory is initialised by several threads whenever a
# driver binds to it.  This test unbinds and binds the drivers of emulated persistent
# memory, as a block device and as devdax with its memory map in both places, reads from
# the trace how many threads took part, and uses the device.
#
# On x86, memmap=1G!1G on the kernel command line emulates that memory.  Elsewhere, a node
# emulated-pmem@ADDRESS of the device tree describes it, with compatible = "pmem-region",
# and mem= keeps the kernel from using it otherwise.
#
# It writes to that memory, so it takes only emulated memory that is blank.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

ND=/sys/bus/nd
DAX=/sys/bus/dax/drivers/device_dax
MNT=$(mktemp -d)
MAX=2147483647
BLANK=64	# KiB, more than any signature is away from the beginning

# Helpers may start too late on a busy machine, but not every time.
TRIES=100
BINDS=10	# three times, in all

find_namespace()
{
	for bus in "$ND"/devices/ndbus*; do
		case $(cat "$bus/provider" 2>/dev/null) in
		e820 | *.emulated-pmem) ;;
		*) continue ;;
		esac
		for namespace in "$bus"/region*/namespace*; do
			[ -e "$namespace/block" ] && echo "$namespace" && return
		done
	done
}

is_blank()
{
	[ "$(dd if="$1" bs="${BLANK}k" count=1 2>/dev/null | tr -d '\0' |
		wc -c)" -eq 0 ]
}

make_blank()
{
	dd if=/dev/zero of="$dev" bs="${BLANK}k" count=1 conv=fsync 2>/dev/null
}

threads_of_last_bind()
{
	sed -n 's/.* fn=memmap_init_zone_device_chunk threads=\([0-9]*\) .*/\1/p' \
		"$TRACE/trace" | tail -n 1
}

# rebind DRIVER DEVICE
rebind()
{
	echo "$2" >"$1/unbind" || return
	echo >"$TRACE/trace"
	echo "$2" >"$1/bind" || return
	threads=$(threads_of_last_bind)
	[ -n "$threads" ]
}

binds_alone()
{
	echo 0 >"$MAX_HELPERS"
	rebind "$1" "$2" && [ "$threads" -eq 1 ]
}

binds_together()
{
	tries=0 parallel=0

	echo "$MAX" >"$MAX_HELPERS"
	while [ "$tries" -lt "$TRIES" ] && [ "$parallel" -lt "$BINDS" ]; do
		rebind "$1" "$2" || return
		tries=$((tries + 1))
		[ "$threads" -eq 1 ] || parallel=$((parallel + 1))
	done
	ktap_print_msg "$parallel of $tries binds used several threads"
	[ "$parallel" -eq "$BINDS" ]
}

# The files are still there, and a program can run from pages of the device.
is_of_use()
{
	mount -t ext4 -o dax=always "$dev" "$MNT" || return
	mkdir "$MNT/new" && cp -L "$MNT/true" "$MNT/new" &&
		cmp -s "$program" "$MNT/new/true" &&
		"$MNT/true" && "$MNT/new/true" && rm -r "$MNT/new"
	status=$?
	umount "$MNT" && return "$status"
}

# The file system is made before the memory map is initialised again.
make_filesystem()
{
	program=$(command -v true)
	[ -x "$program" ] || program=/bin/true
	mke2fs -F -b "$(page_size)" "$dev" >/dev/null 2>&1 &&
		mount -t ext4 -o dax=always "$dev" "$MNT" 2>/dev/null &&
		cp -L "$program" "$MNT/true" && umount "$MNT"
}

test_result()
{
	if [ "$cpus" -gt 1 ]; then
		ktap_test_result "$@"
	else
		ktap_test_skip "$1: requires 2 CPUs"
	fi
}

test_pmem()
{
	if make_filesystem; then use=ktap_test_result; else use=ktap_test_skip; fi
	ktap_test_result "pmem: one thread initialises the memory map" \
		binds_alone "$ND/drivers/nd_pmem" "$name"
	$use "pmem: files work after initialisation by one thread" is_of_use
	test_result "pmem: several threads initialise the memory map" \
		binds_together "$ND/drivers/nd_pmem" "$name"
	$use "pmem: files work after initialisation by several threads" is_of_use
	make_blank
}

# The size of its pages: 2 MiB if possible
alignment()
{
	grep -ow 2097152 "$region/$dax/supported_alignments" || page_size
}

# becomes_devdax PLACE: where the memory map is, ram or pmem.  The device that the
# driver creates may have another number than $dax.
becomes_devdax()
{
	dax=$(cat "$region/dax_seed")

	echo "$name" >"$ND/drivers/nd_pmem/unbind" &&
		cat /proc/sys/kernel/random/uuid >"$region/$dax/uuid" &&
		alignment >"$region/$dax/align" &&
		echo "$1" >"$region/$dax/mode" &&
		echo "$name" >"$region/$dax/namespace" &&
		echo "$dax" >"$ND/drivers/dax_pmem/bind" || return
	child=$(cd "$region/$dax" && echo dax*.*)
	[ -e "$DAX/$child" ]
}

# Blank the memory again: devdax has left a signature.
becomes_pmem()
{
	[ ! -e "$ND/drivers/dax_pmem/$dax" ] ||
		echo "$dax" >"$ND/drivers/dax_pmem/unbind"
	[ -e "$ND/drivers/nd_pmem/$name" ] || {
		echo >"$region/$dax/namespace"
		echo 1 >"$namespace/force_raw"
		echo "$name" >"$ND/drivers/nd_pmem/bind"
		make_blank
		echo 0 >"$namespace/force_raw"
	}
	[ -b "$dev" ]
}

test_devdax()
{
	ktap_test_result "devdax, map in $1: the device appears" becomes_devdax "$1"
	ktap_test_result "devdax, map in $1: one thread initialises it" \
		binds_alone "$DAX" "$child"
	test_result "devdax, map in $1: several threads initialise it" \
		binds_together "$DAX" "$child"
	ktap_test_result "devdax, map in $1: the block device comes back" becomes_pmem
}

clean_up()
{
	echo "$helpers" >"$MAX_HELPERS"
	rmdir "$TRACE" "$MNT"
}

ktap_print_header

[ "$(id -u)" -eq 0 ] || skip "requires root"
[ -w "$MAX_HELPERS" ] || skip "requires CONFIG_PADATA"
namespace=$(find_namespace)
[ -n "$namespace" ] || skip "requires emulated persistent memory"
name=$(basename "$namespace")
region=$(dirname "$namespace")
dev=/dev/$(ls "$namespace/block")
! grep -q "^$dev " /proc/mounts || skip "$dev is mounted"
is_blank "$dev" || skip "$dev is not blank"

helpers=$(cat "$MAX_HELPERS")
trap clean_up EXIT
trace_into zone_device padata_mt/padata_mt_job_end || skip "requires tracefs"
cpus=$(nproc)

ktap_set_plan 12
test_pmem
test_devdax pmem
test_devdax ram
ktap_finished
