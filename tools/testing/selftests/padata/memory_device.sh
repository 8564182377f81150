#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory of an ACPI device, as servers and virtual machines plug it in.  Its memory blocks
# go online as zone Movable and offline again, and the device is ejected.  After each step
# a KUnit suite compares what the kernel assumes about zones with a scan of them.  In the
# end the zones must be those of the time before.
#
# QEMU emulates such a device with -m slots=1,maxmem=8G -device pc-dimm.  The kernel must
# leave its memory offline (memhp_default_state=offline).

# shellcheck disable=SC2317 # the checks are called by ktap_test_result

# shellcheck source=memory_lib.sh
. "$(dirname "$0")"/memory_lib.sh

# The numbers of the blocks of the first device all of whose memory is offline, in order
offline_blocks()
{
	for block in "$MEMORY"/memory[0-9]*; do
		[ -e "$block/firmware_node/eject" ] || continue
		device=$(readlink -f "$block/firmware_node")
		echo "$device ${block##*/memory} $(cat "$block/state")"
	done | sort -k 1,1 -k 2n | awk '
		$3 != "offline" { online[$1] }
		{ numbers[$1] = numbers[$1] " " $2; if (!seen[$1]++) devices[++n] = $1 }
		END {
			for (i = 1; i <= n; i++)
				if (!(devices[i] in online)) {
					print numbers[devices[i]]
					exit
				}
		}'
}

# set_states STATE: of all blocks of the device
set_states()
{
	for block in $blocks; do
		set_state "$1" || return
	done
}

has_more_pages()
{
	more=$(($(total "$(sizes)") - $(total "$before")))
	ktap_print_msg "$more of $((nr_blocks * block_size / 1024)) kB are online"
	[ "$more" -gt $((nr_blocks * (block_size / 10240) * 9)) ]
}

each_block_has_free_pages()
{
	for block in $blocks; do
		has_free_pages || return
	done
}

# The pages that hold the memory map of a block are a part of their own.
count_parts()
{
	case $(cat /sys/module/memory_hotplug/parameters/memmap_on_memory 2>/dev/null) in
	Y | force) echo $((2 * nr_blocks)) ;;
	*) echo "$nr_blocks" ;;
	esac
}

free_movable()
{
	awk '/^Node/ { here = $4 == "Movable" }
		here && /pages free/ { free += $3 }
		END { print free + 0 }' /proc/zoneinfo
}

# Pages of the device hold a file, so that it has something to migrate.
use_memory()
{
	free=$(free_movable)
	mkdir "$MOUNT" && mount -t tmpfs nodev "$MOUNT" &&
		dd if=/dev/urandom of="$MOUNT/file" bs=1M count=64 2>/dev/null &&
		sum=$(md5sum <"$MOUNT/file") || return
	free=$((free - $(free_movable)))
	ktap_print_msg "the file uses $free pages of the device"
	[ "$free" -gt $((32 * 1048576 * pages / block_size)) ]
}

is_file_right()
{
	[ "$(md5sum <"$MOUNT/file")" = "$sum" ]
}

# The request returns before the device is gone.
is_ejected()
{
	for _ in $(seq 50); do
		gone=yes
		for block in $blocks; do
			[ ! -e "$MEMORY/memory$block" ] || gone=
		done
		[ -z "$gone" ] || return 0
		sleep 0.2
	done
	return 1
}

eject()
{
	echo 1 >"$MEMORY/memory${blocks%% *}/firmware_node/eject" && is_ejected
}

clean_up()
{
	umount "$MOUNT"
	rmdir "$MOUNT" "$TRACE"
} 2>/dev/null

ktap_print_header
need_memory_blocks
blocks=$(offline_blocks)
blocks=${blocks# }
[ -n "$blocks" ] || skip "requires an ACPI memory device that is offline"
nr_blocks=$(echo "$blocks" | wc -w)
MOUNT=$(mktemp -u)
trap clean_up EXIT
trace_jobs || skip "requires CONFIG_PADATA"

ktap_set_plan 12
ktap_print_msg "$nr_blocks blocks of $((block_size >> 20)) MiB"
before=$(sizes)
threads_of_jobs >/dev/null

ktap_test_result "the blocks go online" set_states online_movable
threads=$(threads_of_jobs)
ktap_test_result "online: as many pages as the device has" has_more_pages
ktap_test_result "online: one job for each part of a block" has_jobs "$(count_parts)"
ktap_test_result "online: pages are free" each_block_has_free_pages
ktap_test_result "online: the zones are what the kernel assumes" is_scan_right
ktap_test_result "a file is written" use_memory
ktap_test_result "the blocks go offline" set_states offline
ktap_test_result "offline: zones as before" has_same_sizes
ktap_test_result "offline: the zones are what the kernel assumes" is_scan_right
ktap_test_result "offline: the file is as it was" is_file_right
ktap_test_result "the device is ejected" eject
ktap_test_result "ejected: the zones are what the kernel assumes" is_scan_right
ktap_finished
