# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC3043,SC2086,SC2154,SC2153 # see ./run; no path has blanks
#
# What is done at the same time. An activity is a function that does something once, and
# returns 0 if it did; it may have one argument, as in stress:mmap.

CPUS=/sys/devices/system/cpu
OBJECTS=$DEBUG/torture_objects
JOBS=$DEBUG/torture_jobs
PADATA=/sys/module/padata_mt/parameters
POOL=/sys/kernel/mm/hugepages/hugepages-2048kB

# The activities of a line take turns, the lines run at the same time
loops() {
	cat <<-END
		hotplug
		flip_modes
		run_jobs stop_jobs
		kill_jobs
		set_max_helpers isolate
		churn_objects
		use_group
		drop_caches flush_buffers reclaim
		compact shrink
		destroy_cache free_late
		resize_pool
		use_pool
		stress:mmap stress:mlock stress:hdd stress:fork stress:vm stress:dentry
		stress:mremap stress:munmap stress:tmpfs stress:madvise stress:shm
	END
	debug_padata
	[ ! -e $T/iommufd_pin ] || echo pin_memory
}

# With CONFIG_PADATA_MT_DEBUG
debug_padata() { [ ! -e $PADATA/delay_us ] || echo widen_windows end_workers; }

activities() { loops | tr ' ' '\n'; }

# Of CPUs 1 to 3, any may be off
hotplug() {
	local file

	random 3
	file=$CPUS/cpu$((n + 1))/online
	echo $((1 - $(cat "$file"))) >"$file" || return
	pause 300
}

flip_modes() { echo 20 >$DEBUG/torture_modes/flip; }

# In a memory cgroup, with failing allocations where the kernel has that
enter_load() {
	echo 0 >$GROUP/load/cgroup.procs
	[ ! -e /proc/self/make-it-fail ] || echo 1 >/proc/self/make-it-fail
}

# in_load COMMAND...
in_load() { (enter_load; exec "$@"); }

write() { # NUMBER FILE
	# shellcheck disable=SC2016 # for the other shell
	in_load sh -c 'echo $1 >$2' write "$@" 2>/dev/null
}

run_jobs() { write 20 $JOBS/run; }

stop_jobs() {
	echo 20 >$JOBS/run &
	pause 200
	kill -STOP $! 2>/dev/null
	pause 200
	kill -CONT $! 2>/dev/null
	wait $!
}

# kill_after MOST: milliseconds, what was started last; returns its status
kill_after() {
	pause "$1"
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
}

kill_jobs() {
	echo 2000 >$JOBS/run &
	kill_after 300
	[ $? = 137 ]
}

set_max_helpers() {
	random 5
	echo "$n" >$PADATA/max_helpers
	pause 500
}

# Random delays up to 3, 30 or 300 us where threads of jobs can race with each other
widen_windows() {
	random 4
	case $n in
	0) echo 0 ;;
	1) echo 3 ;;
	2) echo 30 ;;
	3) echo 300 ;;
	esac >$PADATA/delay_us
	pause 1000
}

workers() { grep -lsx padata_mt /proc/[0-9]*/comm; }

# One is gone of those that were there
one_ended() {
	local file

	for file in $1; do
		[ -e "$file" ] || return 0
	done
	return 1
}

# Workers that are idle end while other jobs need workers
end_workers() {
	local before status=0

	before=$(workers)
	random 20
	echo $n >$PADATA/idle_ms
	await 20 one_ended "$before" || status=1
	pause 500
	echo 60000 >$PADATA/idle_ms
	return $status
}

# It is refused where that CPU is off
isolate() {
	local group=/sys/fs/cgroup/isolated state

	mkdir $group || return
	random 3
	echo $((n + 1)) >$group/cpuset.cpus
	echo isolated >$group/cpuset.cpus.partition 2>/dev/null
	state=$(cat $group/cpuset.cpus.partition)
	pause 500
	echo member >$group/cpuset.cpus.partition
	rmdir $group && [ "$state" = isolated ]
}

churn_objects() { write 5000 $OBJECTS/churn; }

# More than a few huge pages are allocated and freed by jobs
resize_pool() {
	random 2
	echo "$n" >/proc/sys/vm/hugetlb_optimize_vmemmap
	random 96
	write "$n" $POOL/nr_hugepages
	pause 200
}

# Pages of the pool, and a few beyond it
use_pool() {
	local status=0

	random 24
	fallocate -l $((n * 2 + 2))M $T/hugetlbfs/file 2>/dev/null || status=1
	pause 100
	rm -f $T/hugetlbfs/file
	return $status
}

# A group is gone before what was charged to it
use_group() {
	mkdir $GROUP/brief || return
	echo 4M >$GROUP/brief/memory.high
	# shellcheck disable=SC2016 # for the other shell
	sh -c '
		echo 0 >$1/cgroup.procs
		echo 2000 >$2/churn
		dd if=/dev/zero of=$3/tmpfs/brief bs=64k count=40
		dd if=/dev/zero of=$3/ext4/brief bs=64k count=40
		exec $3/qpw_task storm 20
		' group $GROUP/brief $OBJECTS $T 2>/dev/null
	await 300 rmdir $GROUP/brief
	rm $T/tmpfs/brief $T/ext4/brief
}

drop_caches() {
	random 3
	echo $((n + 1)) >/proc/sys/vm/drop_caches
}

# Memory of one kind after the other is mapped for a device and unmapped, also by two threads.
# If the task is killed before it is done, what is mapped is unpinned when its files are closed.
pin_memory() {
	random 4
	(enter_load; exec $T/iommufd_pin -b -m $((4 << n)) -r 1) >/dev/null 2>&1 &
	kill_after 8000
	case $? in 0 | 137) ;; *) return 1 ;; esac
}

compact() { echo 1 >/proc/sys/vm/compact_memory; }

# shrink_some PART: every PART-th slab cache, beginning anywhere; some may be gone by then.
# None that may be destroyed meanwhile: 7.3, patched or not, has what is in the barn's
# sheaves in nobody's sight while barn_shrink() frees it, and kmem_cache_destroy() then
# reports "Objects remaining".
shrink_some() {
	local cache

	random "$1"
	for cache in /sys/kernel/slab/*; do
		n=$(((n + 1) % $1))
		case $cache in */qpw_trigger*) continue ;; esac
		[ $n != 0 ] || [ -L "$cache" ] || echo 1 >"$cache/shrink"
	done 2>/dev/null
	true
}

shrink() { shrink_some 16; }
flush_buffers() { blockdev --flushbufs /dev/ram0; }
destroy_cache() { echo 1 >$DEBUG/qpw_trigger/destroy; }
free_late() { echo 1 >$DEBUG/qpw_trigger/barrier; }

# It tells if it could not get as much
reclaim() { echo 1M >$GROUP/memory.reclaim 2>/dev/null || true; }

# About a second of a stressor, in a folder of its own on one disk or the other. That it
# finds no resources (3) is no failure; where allocations fail, neither is anything else.
stress() { # STRESSOR
	local folder=$T/tmpfs/$1 status=0 said

	random 2
	[ "$n" = 0 ] || folder=$T/ext4/$1
	random 500000
	mkdir "$folder" || return
	said=$(in_load stress-ng --seed "$n" --temp-path "$folder" --timeout 1 \
		--"$1" 1 --mmap-bytes 2m --vm-bytes 8m --hdd-bytes 4m --shm-bytes 2m \
		--mremap-bytes 2m 2>&1) || status=$?
	rm -rf "$folder"
	[ "$1" != shm ] || rm -f /dev/shm/*
	case $status in
	0 | 3) ;;
	*) [ -e /proc/self/make-it-fail ] || stressor_failed "$1" $status "$said" ;;
	esac
}

stressor_failed() { # STRESSOR STATUS WHAT-IT-SAID
	echo "$1: status $2" >>$T/failed
	echo "$3" | grep -v ' info: ' | tail -n 5 | sed "s/^/# $1: /"
}
