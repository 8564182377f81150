# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC3043,SC2086,SC2154,SC2153 # see ./run; no path has blanks
#
# What must balance once nothing happens any more and everything has been drained. An
# account is a function that returns 0 if it does, and says in $what what it found.

# KiB of free memory that may be missing: see account_memory
TOLERANCE=8192

# value FILE KEY
value() { sed -n "s/^$2 //p" "$1"; }

# counter NAME...: their sum in /proc/vmstat
counter() {
	local name

	for name; do
		value /proc/vmstat "$name"
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

# Free, also where it waits in CPUs' lists to be taken next
free_memory() {
	awk '/^ +nr_free_pages / { sum += $2 } /^ +count: / { sum += $2 }
		END { print sum * 4 }' /proc/zoneinfo
}

# page KIND: how many were found and how many are counted
page() { value $T/pages "$1"; }

# A CPU keeps charges in hand for the groups of late, and more come where something is given
# back: also late, and on another CPU. Of what is charged in bytes, moreover, whole pages may
# wait in the group itself, in no CPU's hands, until a CPU begins to charge or give back for
# it: a group that comes and goes makes one do so. So that all of this happens on CPU 0, the
# others are off: on their way there they give back what they have. Asking them is not enough:
# one that went off while it was asked is never asked again (FLUSHING_CACHED_CHARGE stays).
drain_charges() {
	local cpu

	for cpu in 1 2 3; do echo 0 >$CPUS/cpu$cpu/online; done
	mkdir $GROUP/nobody
	rmdir $GROUP/nobody
	await 50 nothing_charged
	for cpu in 1 2 3; do echo 1 >$CPUS/cpu$cpu/online; done
}

# Once CPU 0 has given back what it has in hand
nothing_charged() {
	echo 0 >$GROUP/memory.high
	echo max >$GROUP/memory.high
	[ "$(cat $GROUP/memory.current)" = 0 ]
}

# Names and inodes too, and also where a group has only one in /proc or /sys, as it has of
# what stress-ng read there. These are soon made again, so of those that it finds the kernel
# scans half (do_shrink_slab() where seeks is 0), which of one is none, whenever it is asked.
# If each counts for ten, half of that is left for the next time, and that is enough.
drop_everything() {
	local pressure

	pressure=$(cat /proc/sys/vm/vfs_cache_pressure)
	echo $((pressure * 10)) >/proc/sys/vm/vfs_cache_pressure
	for _ in 1 2 3 4; do echo 3 >/proc/sys/vm/drop_caches; done
	echo $pressure >/proc/sys/vm/vfs_cache_pressure
}

# Everything that is cached goes back to where it came from
drain() {
	echo 0 >$POOL/nr_hugepages
	drop_everything
	echo 1 >$DEBUG/qpw_trigger/barrier
	drain_charges
	shrink_some 1
	cat /proc/sys/vm/stat_refresh
}

look() {
	drain
	$T/count_pages >$T/pages
	free_before=$(free_memory)
	mlocked_before=$(page mlocked)
	unevictable_before=$(page unevictable)
	dying_before=$(value /sys/fs/cgroup/cgroup.stat nr_dying_descendants)
}

accounts() {
	echo stressors mounts jobs helpers objects slab pool charges groups mlocked unevictable
	echo lru lost isolated pins counters memory modes modules
}

account_stressors() {
	what="$(sort "$T/failed" 2>/dev/null | uniq -c | paste -s -d , -)"
	[ -z "$what" ] && what='none failed'
}

account_mounts() {
	umount $T/ext4 $T/tmpfs $T/hugetlbfs 2>/dev/null
	what="$(grep -c " $T/" /proc/mounts) still in use"
	[ "${what%% *}" = 0 ]
}

account_jobs() {
	local begun completed undone lost

	begun=$(cat $JOBS/begun)
	completed=$(cat $JOBS/completed)
	undone=$(cat $JOBS/undone)
	lost=$(cat $JOBS/lost)
	what="$begun begun, $completed completed, $undone undone, $lost neither"
	[ "$begun" = $((completed + undone)) ] && [ "$lost" = 0 ]
}

account_helpers() {
	what="$(cat $JOBS/helping) at work"
	[ "$what" = '0 at work' ]
}

account_objects() {
	local taken given wrong

	taken=$(cat $OBJECTS/taken)
	given=$(cat $OBJECTS/given)
	wrong=$(cat $OBJECTS/wrong)
	what="$taken taken, $given given back, $wrong of them wrong"
	[ "$taken" = "$given" ] && [ "$wrong" = 0 ]
}

account_slab() {
	what="$(cut -d' ' -f1 /sys/kernel/slab/torture_objects/objects) in the cache"
	[ "$what" = '0 in the cache' ]
}

account_pool() {
	local counter

	what=
	for counter in nr free resv surplus; do
		what="$what$(cat $POOL/${counter}_hugepages) $counter, "
	done
	what="huge pages: ${what%, }"
	[ "$what" = 'huge pages: 0 nr, 0 free, 0 resv, 0 surplus' ]
}

# agrees KIND: are as many counted as were found?
agrees() {
	# shellcheck disable=SC2046 # two words
	set -- $(page "$1")
	[ "$1" = "$2" ]
}

# What it is that is charged, as counted at most 2 s ago
kinds() {
	awk '$2 && /^(anon|file|shmem|kernel|slab|percpu|sock|vmalloc|kernel_stack|pagetables) / {
			printf "%s%s %d", comma, $1, $2
			comma = ", "
		}' $GROUP/memory.stat
}

# To the groups that are left, where what was charged to those that are gone has moved
account_charges() {
	what="$(cat $GROUP/memory.current) bytes left in groups"
	[ "${what%% *}" = 0 ] || { what="$what ($(kinds))"; false; }
}

account_groups() {
	local dying

	dying=$(value /sys/fs/cgroup/cgroup.stat nr_dying_descendants)
	what="$dying dying groups, $dying_before before"
	[ "$dying" = "$dying_before" ]
}

account_mlocked() {
	what="$(page mlocked) found and counted, before $mlocked_before"
	[ "$(page mlocked)" = "$mlocked_before" ] && agrees mlocked
}

account_unevictable() {
	what="$(page unevictable) found and counted, before $unevictable_before"
	[ "$(page unevictable)" = "$unevictable_before" ] && agrees unevictable
}

account_lru() {
	what="$(page lru) found and counted"
	agrees lru
}

account_lost() {
	what="$(page lost | cut -d" " -f1) pages on no list"
	agrees lost
}

account_isolated() {
	what="$(counter nr_isolated_anon nr_isolated_file) pages isolated from lists"
	[ "$what" = '0 pages isolated from lists' ]
}

account_pins() {
	local pinned unpinned

	pinned=$(counter nr_foll_pin_acquired)
	unpinned=$(counter nr_foll_pin_released)
	what="$pinned times a page was pinned, $unpinned unpinned"
	[ "$pinned" = "$unpinned" ] && { [ "$pinned" != 0 ] || [ ! -e $T/iommufd_pin ]; }
}

# To /proc/vmstat these are 0, but the kernel says so when it sums up
account_counters() {
	what="$(dmesg | grep -c 'vmstat_refresh: ') reports of a negative counter"
	[ "${what%% *}" = 0 ]
}

# Not exact: slabs remain of which others still use an object, and debugging keeps what it
# has learnt. That was at most 1.1 MiB in short runs of qemu, 3.5 MiB in those of qemu-debug.
account_memory() {
	local now

	now=$(free_memory)
	what="$now KiB free, $free_before before"
	[ $((free_before - now)) -le $TOLERANCE ]
}

# Once a partition has ended, those CPUs are in remote mode that are isolated: none
account_modes() {
	isolate 3
	what="$(awk 'NR > 1 && $2 != "local"' $DEBUG/qpw | wc -l) CPUs not in local mode"
	[ "${what%% *}" = 0 ]
}

# The kernel warns if their caches still have objects. Nothing is counted after that.
account_modules() {
	what=$(rmmod torture_jobs torture_modes torture_objects 2>&1) && what='none in use'
}

# What is on its way arrives some time
settles() { # ACCOUNT
	local tries=30

	until "account_$1"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return
		drain
		sleep 1
		$T/count_pages >$T/pages
	done
}
