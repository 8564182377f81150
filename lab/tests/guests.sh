#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guests.sh uml|uml-up|uml-lockdep|qemu|qpw|qemu-bench|qemu-debug|qemu-debug-long|qemu-rt|
# qemu-kcsan|qemu-pin|qemu-pin-test|arm64|arm64-64k|base: boot the patched kernel and run its KUnit
# suites and kselftests. Each of their tests is a line here, and so is the verdict on each
# guest.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"
# shellcheck source=../verdict.sh
. "$LAB/verdict.sh"

QPW_TESTS=qpw:boot.sh,qpw:sysfs.sh,qpw:isolation.sh,qpw:storm.sh,qpw:slab.sh,qpw:memcg.sh
# Of 4 CPUs; QPW and multithreaded jobs both look at it
ISOLATED='isolcpus=domain,managed_irq,3 nohz_full=3 rcu_nocbs=3'

failed=0
scratch=$(mktemp -d)
on_exit "rm -rf '$scratch'"

# A guest that only runs what the kernel runs by itself
idle_guest() {
	mkdir -p "$scratch/idle"
	printf '#!/bin/sh\n' >"$scratch/idle/run"
	chmod +x "$scratch/idle/run"
	echo "$scratch/idle"
}

# A guest with the kselftests of ours, and the module they use, run as `make kselftest`
# would run them
kselftest_guest() { # CONFIG [COLLECTIONS]
	local guest=$scratch/kselftest

	install_kselftests "${2:-padata qpw}" "$1" "$guest/kselftest"
	cp -r "$LAB/guest/kselftest/." "$guest"
	echo "$guest"
}

log_of() { # LABEL
	echo "check-${1//[ =,:]/-}"
}

# Boot once; the guest's verdict and each test in it are one line each
boot() { # LABEL GUEST CONFIG SMP [CMDLINE]
	local name

	name=$(log_of "$1")
	boot_judged "$1" "$name" GUEST="$2" CONFIG="$3" SMP="$4" CMDLINE="${5:-}" || failed=1
	labelled_leaves "$1" "$name"
}

# The suite or test that must be among the results: an empty log, and one where all is
# skipped, would pass otherwise
require() { # LABEL SUITE
	local name

	name=$(log_of "$1")
	ktap_leaves "$LOG/$name.console" "$LOG/$name.output" 2>/dev/null |
		sed "/# SKIP/d" | has "^ok .*$2" ||
		{ echo "not ok $1: no result matches '$2'"; failed=1; }
}

# Each line of the input
require_each() { # LABEL
	local test

	while read -r test; do
		require "$1" "$test"
	done
}

uml() {
	boot 'uml' "$(idle_guest)" uml 2
	require 'uml' padata_mt
	require 'uml' qpw
	boot 'uml of 6' "$(idle_guest)" uml 6 'kunit.filter_glob=padata_mt.*fanout*'
	require 'uml of 6' padata_mt.pmt_test_fanout
}

# Lockdep is off after its first report. So each test that provokes one has a boot of its
# own, which runs nothing else.
lockdep_reports() { # CONFIG WHAT
	boot "$1 $2" "$(idle_guest)" "$1" 2 \
		"kunit.filter_glob=qpw.*lockdep_reports_$2 test_qpw.end_lockdep=1"
	require "$1 $2" "lockdep_reports_$2"
}

# Without QPW its locks are local locks, and misuse is reported all the same
uml-lockdep() {
	boot 'uml-lockdep' "$(idle_guest)" uml-lockdep 2
	require 'uml-lockdep' padata_mt
	require 'uml-lockdep' reports_wrong_cpu
	lockdep_reports uml-lockdep migration
}

# Without padata the contract is the same; and page tables of IOMMUs
uml-up() {
	boot 'uml-up' "$(idle_guest)" uml-up 1
	require_each 'uml-up' <<-END
		padata_mt
		amdv1_iommu_test.*test_read_phys
		riscv_64_iommu_test.*test_read_phys
	END
}

# A guest that only says whether it has two nodes
two_nodes_guest() {
	mkdir -p "$scratch/nodes"
	cat >"$scratch/nodes/run" <<-'END'
		#!/bin/sh
		echo TAP version 13
		echo 1..1
		[ "$(cat /sys/devices/system/node/online)" = 0-1 ] || printf 'not '
		echo 'ok 1 two nodes'
	END
	chmod +x "$scratch/nodes/run"
	echo "$scratch/nodes"
}

# Public reports of slab caches: a warning at boot on two nodes, and objects of a cache
# that were still on their way from kfree_rcu() when it was destroyed
slab_reports() { # SELFTESTS
	local guest=$1 nodes setting
	local -x MEM=2G

	nodes=$(two_nodes_guest)
	for setting in auto 0 1 cpus:3; do
		boot "qemu-debug two nodes, qpw=$setting" "$nodes" qemu-debug 4 \
			"kunit.enable=0 numa=fake=2 panic_on_warn=1 isolcpus=domain,2 qpw=$setting"
		require "qemu-debug two nodes, qpw=$setting" 'two nodes$'
	done
	boot 'qemu-debug qpw=1' "$guest" qemu-debug 4 \
		'kunit.enable=0 qpw=1 init_on_free=1 TEST=qpw:slab.sh'
	require 'qemu-debug qpw=1' 'caches are empty when they are destroyed$'
}

# CPU 3 is isolated and in remote mode
remote_cpu() { # LABEL CONFIG GUEST PARAMETER
	boot "$1" "$3" "$2" 4 \
		"$4 qpw=cpus:3 init_on_free=1 $ISOLATED TEST=$QPW_TESTS,padata:isolation.sh"
	require "$1" 'bound to an isolated CPU: no helper runs$'
}

# Lockdep and its like have nothing to say, unless there is something to say
qemu-debug() {
	local guest first
	local -x TIMEOUT=900

	guest=$(kselftest_guest qemu-debug)
	boot 'qemu-debug' "$LAB/guest/kunit" qemu-debug 4
	require 'qemu-debug' padata_mt
	require 'qemu-debug' qpw
	require 'qemu-debug' reports_wrong_cpu
	lockdep_reports qemu-debug migration
	lockdep_reports qemu-debug deadlock
	boot 'qemu-debug no memory' "$guest" qemu-debug 2 'kunit.enable=0 TEST=padata:memory.sh'
	require 'qemu-debug no memory' 'without memory: the job succeeds without helpers'
	for first in lock alone locked; do
		EXPECT='WARNING: possible circular locking dependency detected' \
			boot "qemu-debug deadlock, $first first" "$guest" qemu-debug 2 \
			"kunit.enable=0 TEST=padata:lockdep.sh PROVOKE=$first"
		require "qemu-debug deadlock, $first first" 'the second half of the deadlock .* is reported$'
	done
	boot 'qemu-debug qpw=cpus:3' "$guest" qemu-debug 4 \
		"kunit.enable=0 qpw=cpus:3 init_on_free=1 $ISOLATED TEST=qpw:isolation.sh,qpw:slab.sh"
	require 'qemu-debug qpw=cpus:3' 'flush_buffers does not disturb CPU 3$'
	require 'qemu-debug qpw=cpus:3' 'kvfree_rcu_barrier.. waits for all frees during CPU hotplug$'
	boot 'qemu-debug partitions' "$guest" qemu-debug 4 \
		'kunit.enable=0 ROUNDS=5 TEST=qpw:partition.sh,qpw:memcg.sh'
	require 'qemu-debug partitions' 'no charge is lost when CPUs go offline and online$'
	require 'qemu-debug partitions' 'partition with that task does not wait for it$'
	one_cpu qemu-debug
}

# What takes long where lockdep and KASAN watch: many mechanisms together, and allocations
# that fail
qemu-debug-long() {
	local guest
	local -x TIMEOUT=1800

	guest=$(kselftest_guest qemu-debug)
	slab_reports "$guest"
	remote_cpu 'qemu-debug isolated' qemu-debug "$guest" kunit.enable=0
	require 'qemu-debug isolated' 'drains leave no page lost or locked during CPU hotplug$'
	require 'qemu-debug isolated' 'no charge is lost when CPUs go offline and online$'
	boot 'qemu-debug jobs' "$guest" qemu-debug 4 \
		'kunit.enable=0 TEST=padata:context.sh,padata:mems.sh,padata:cpuset.sh,padata:hotplug.sh'
	require 'qemu-debug jobs' 'helpers charge memory to the caller.s group$'
	require 'qemu-debug jobs' 'helpers give up when the OOM killer chooses the caller$'
	bandwidth qemu-debug "$guest"
	hugetlb_pool qemu-debug "$guest" 1
	require 'qemu-debug hugetlb pools, HVO 1' 'allocations that fail$'
	# Struct pages are copied from a template, which is no page that can be traced
	memory_hotplug qemu-debug "$guest" trace_event=page_ref:page_ref_set
	memory_device qemu-debug "$guest"
	gigantic_pages qemu-debug "$guest"
}

# Where a lock's owner can be preempted, and unlocking may have to wake somebody up
qemu-rt() {
	local guest
	local -x TIMEOUT=900

	guest=$(kselftest_guest qemu-rt)
	boot 'qemu-rt' "$guest" qemu-rt 4
	require 'qemu-rt' padata_mt
	require 'qemu-rt' preempted_owner
	require 'qemu-rt' trace_hold
	require 'qemu-rt' trace_trylock
	require 'qemu-rt' gate_keeps_waiters_out
	require 'qemu-rt' drainer_closes_gate
	require 'qemu-rt' nolock_heeds_waiters
	require 'qemu-rt' nolock_heeds_local_waiters
	require 'qemu-rt' lru_drain
	require 'qemu-rt' reports_wrong_cpu
	require 'qemu-rt' 'helpers leave a CPU that becomes isolated'
	bandwidth qemu-rt "$guest"
	hugetlb_pool qemu-rt "$guest" 1
	lockdep_reports qemu-rt migration
	lockdep_reports qemu-rt deadlock
	boot 'qemu-rt partitions' "$guest" qemu-rt 4 \
		'kunit.enable=0 TEST=qpw:partition.sh'
	require 'qemu-rt partitions' 'the thread that drains keeps off isolated CPUs$'
	require 'qemu-rt partitions' 'partitions during drains lose nothing$'
	remote_cpu 'qemu-rt qpw=cpus:3' qemu-rt "$guest" kunit.enable=0
	require 'qemu-rt qpw=cpus:3' 'flush_buffers does not disturb CPU 3$'
	require 'qemu-rt qpw=cpus:3' 'kfree_nolock.. frees to the sheaves$'
	require 'qemu-rt qpw=cpus:3' 'kfree_nolock.. makes progress at context switches during drains$'
	require 'qemu-rt qpw=cpus:3' 'waits for frees with a deferred call_rcu..$'
	boot 'qemu-rt qpw=0' "$guest" qemu-rt 4 \
		'kunit.enable=0 qpw=0 init_on_free=1 TEST=qpw:slab.sh'
	require 'qemu-rt qpw=0' 'kfree_nolock.. frees to the sheaves$'
	require 'qemu-rt qpw=0' 'kfree_nolock.. makes progress at context switches during drains$'
	boot 'qemu-rt isolated' "$guest" qemu-rt 4 \
		"kunit.enable=0 $ISOLATED TEST=qpw:boot.sh,qpw:isolation.sh"
	require 'qemu-rt isolated' 'destroy_cache does not wait for a SCHED_FIFO task$'
	require 'qemu-rt isolated' 'destroy_deferred does not wait for a SCHED_FIFO task$'
	boot 'qemu-rt isolated, qpw=0' "$guest" qemu-rt 4 \
		"kunit.enable=0 $ISOLATED qpw=0 TEST=qpw:isolation.sh"
	require 'qemu-rt isolated, qpw=0' 'destroy_deferred waits for a SCHED_FIFO task$'
}

# Static keys patch code while other CPUs execute it. QEMU runs all CPUs in one thread: see
# qemu-bench.config.
qemu-bench() {
	local guest
	local -x TIMEOUT=900 ACCEL=tcg,thread=single

	guest=$(kselftest_guest qemu-bench)
	boot 'qemu-bench' "$guest" qemu-bench 4 \
		'kunit.filter_glob=qpw.*load TEST=qpw:storm.sh,qpw:sysfs.sh'
	require 'qemu-bench' 'qt_test_load.remote mode$'
	require 'qemu-bench' 'drains leave no page lost or locked during CPU hotplug$'
}

# Ours, and all of the files that the series converts
watched_functions() {
	local objects=$ROOM/qemu-kcsan

	nm "$objects"/kernel/{padata_mt,qpw}/*.o \
		"$objects"/mm/{folio,mlock,slub,memcontrol,mm_init}.o \
		"$objects"/fs/buffer.o "$objects"/lib/test_{padata_mt,qpw}.o |
		awk '$2 ~ /^[tT]$/ { print $3 }' | sort -u
}

# Data races
qemu-kcsan() {
	local guest
	local -x TIMEOUT=1500

	guest=$(kselftest_guest qemu-kcsan)
	mv "$guest/run" "$guest/run-kselftest"
	cp "$LAB/guest/kunit/run" "$guest/run-kunit"
	cp "$LAB/guest/kcsan/run" "$guest/run"
	watched_functions >"$guest/functions"
	boot 'qemu-kcsan' "$guest" qemu-kcsan 4 'kunit.autorun=0'
	require 'qemu-kcsan' padata_mt
	require 'qemu-kcsan' qpw
	boot 'qemu-kcsan partitions' "$guest" qemu-kcsan 4 \
		'kunit.autorun=0 ROUNDS=20 TEST=qpw:partition.sh'
	require 'qemu-kcsan partitions' 'partitions during drains lose nothing$'
	remote_cpu 'qemu-kcsan qpw=cpus:3' qemu-kcsan "$guest" kunit.autorun=0
	require 'qemu-kcsan qpw=cpus:3' 'flush_buffers does not disturb CPU 3$'
	require 'qemu-kcsan qpw=cpus:3' 'destroy_cache does not disturb CPU 3$'
	require 'qemu-kcsan qpw=cpus:3' 'destroy_cache does not wait for a SCHED_FIFO task$'
	require 'qemu-kcsan qpw=cpus:3' 'kfree_nolock.. frees to the sheaves$'
	require 'qemu-kcsan qpw=cpus:3' 'kvfree_rcu_barrier.. waits for all frees during CPU hotplug$'
}

# Four nodes, more threads than pages, and values that are no number of threads
hugetlb() {
	local threads warnings
	local -x NODES=4

	while read -r threads warnings; do
		boot "qemu hugepage_alloc_threads=$threads" "$LAB/guest/hugetlb" qemu 4 \
			"kunit.enable=0 hugepages=1 hugepage_alloc_threads=$threads PAGES=1 WARNINGS=$warnings"
		require "qemu hugepage_alloc_threads=$threads" 'as many pages as requested$'
		require "qemu hugepage_alloc_threads=$threads" "warnings about hugepage_alloc_threads=: $warnings\$"
	done <<-END
		64 0
		0 1
		-1 1
		4294967297 1
	END
}

# The quota of CPU groups, in both versions of the controller
bandwidth() { # CONFIG GUEST
	boot "$1 bandwidth" "$2" "$1" 4 \
		'kunit.enable=0 TEST=padata:context_bw.sh,padata:context_v1.sh'
	require_each "$1 bandwidth" <<-END
		helpers keep to the quota when it changes during a job$
		helpers do not cause other tasks to be throttled$
		helpers keep to the quota of the group$
	END
}

# Pools of hugetlb pages on two nodes, at run time
hugetlb_pool() { # CONFIG GUEST HVO [CMDLINE]
	local label="$1 hugetlb pools, HVO $3"

	NODES=2 TIMEOUT=1800 boot "$label" "$2" "$1" 4 \
		"kunit.enable=0 HVO_STATES=$3 TEST=padata:hugetlb_pool.sh ${4:-}"
	require_each "$label" <<-END
		the spread is that of one thread$
		several threads$
		no more threads than gain$
		TLBs are flushed as rarely as possible$
		the cpuset of the writer$
	END
}

# Nodes with CPUs of their own
nodes() { # CONFIG GUEST
	local label="$1 two nodes"

	NODES=2 boot "$label" "$2" "$1" 4 \
		'kunit.filter_glob=*_* TEST=padata:deferred_init.sh,padata:mems.sh'
	require_each "$label" <<-END
		pmt_test_numa
		zone_device_init
		no node is reported twice$
		helpers follow when these nodes change$
	END
}

# Pages of 1 GiB exist only if memory was set aside at boot
gigantic_pages() { # CONFIG GUEST
	local label="$1 gigantic pages"

	MEM=6G TIMEOUT=1800 boot "$label" "$2" "$1" 4 \
		'kunit.enable=0 hugepagesz=1G hugepages=2 TEST=padata:clear.sh'
	require_each "$label" <<-END
		private page: several threads clear it$
		fallocate: several threads clear the page$
		SIGKILL during a page fault ends the task and frees the page$
		SIGSTOP during a page fault stops the task; the page is clear$
		a page of 2 MiB is cleared without a job$
	END
}

# Holes at the edges and in the middle of blocks and sections, and whole ones
# shellcheck disable=SC2016 # the sign is one of memmap='s
HOLES='memmap=4K$0x118001000,12K$0x123fff000,2M$0x130000000,5M$0x13810b000,128M$0x148000000'

zones_of() { # LABEL: their sizes, as deferred_init.sh prints them
	grep -ho 'node [0-9]*, zone .* managed' "$LOG/$(log_of "$1").output"
}

# With check_pages=1, as with init_on_alloc=1, deferred init looks at each page that it
# frees
holes() { # GUEST
	local setting

	for setting in 0 1; do
		MEM=6G boot "qemu holes check_pages=$setting" "$1" qemu 2 \
			"kunit.filter_glob=mm_init* $HOLES init_on_alloc=0 check_pages=$setting TEST=padata:deferred_init.sh"
		require "qemu holes check_pages=$setting" mmi_test_contiguous
		require "qemu holes check_pages=$setting" 'free pages are counted as they are listed$'
		zones_of "qemu holes check_pages=$setting" >"$scratch/zones.$setting"
	done
	if [ -s "$scratch/zones.0" ] && cmp -s "$scratch"/zones.[01]; then
		echo 'ok qemu holes: zones do not depend on check_pages='
	else
		echo 'not ok qemu holes: zones do not depend on check_pages='
		failed=1
	fi
}

# Blocks of a zone that can go offline; the last one cannot, which the kernel reports
memory_hotplug() { # CONFIG GUEST [CMDLINE]
	local label="$1 memory hotplug"

	EXPECT='page dumped because: unmovable page' MEM=4G boot "$label" "$2" "$1" 2 \
		"kunit.filter_glob=*_init* kernelcore=1G TEST=padata:memory_hotplug.sh ${3:-}"
	blocks_changed "$label"
}

blocks_changed() { # LABEL
	require_each "$1" <<-END
		mmi_test_removal
		zone_device_init
		first block offline: the zone is what the kernel assumes$
		first block online: the zone is what the kernel assumes$
		middle block offline: the zone is what the kernel assumes$
		middle block online: the zone is what the kernel assumes$
		middle block online: as many pages as before$
		middle block online: its pages are free$
		middle block online: one job initialises them$
	END
}

# Memory of a device that is plugged in, with and without a memory map of its own
memory_device() { # CONFIG GUEST
	local setting label
	local -x MEM=2G QEMU_ARGS='-m slots=1,maxmem=8G'

	QEMU_ARGS+=' -object memory-backend-ram,id=dimm,size=1G,reserve=off -device pc-dimm,memdev=dimm'
	for setting in N Y; do
		label="$1 pc-dimm, memmap_on_memory=$setting"
		boot "$label" "$2" "$1" 2 \
			"kunit.filter_glob=mm_init* memory_hotplug.memmap_on_memory=$setting TEST=padata:memory_device.sh"
		require_each "$label" <<-END
			online: one job for each part of a block$
			offline: zones as before$
			ejected: the zones are what the kernel assumes$
		END
	done
}

# Enough memory that its blocks are large
large_blocks() { # CONFIG GUEST
	local label="$1 large blocks"

	EXPECT='page dumped because: unmovable page' MEM=64G boot "$label" "$2" "$1" 4 \
		'kunit.filter_glob=mm_init* kernelcore=56G TEST=padata:memory_hotplug.sh'
	require_each "$label" <<-END
		middle block online: as many pages as before$
		middle block online: several threads$
	END
}

# One CPU, which deferred init must leave to the watchdog now and then
one_cpu() { # CONFIG
	MEM=8G boot "$1 one CPU" "$(idle_guest)" "$1" 1 \
		'kunit.enable=0 softlockup_panic=1'
}

qemu() {
	local guest setting

	guest=$(kselftest_guest qemu)
	boot 'qemu' "$guest" qemu 4
	require 'qemu' padata_mt
	require 'qemu' qpw
	require 'qemu' zone_device_init
	require 'qemu' mm_init
	require 'qemu' trylock_in_nmi
	require 'qemu' trace_hold
	require 'qemu' trace_trylock
	require 'qemu' others_exclude_nmi
	require 'qemu' lru_drain
	require_each 'qemu' <<-END
		no node used more threads than allowed
		caller not bound: at least two helpers run
		pmt_test_becomes_rt
		pmt_test_inherits_rt
		pmt_test_recall_placing
		helpers leave a CPU that becomes isolated
		helpers leave a CPU that another cpuset partition takes
		helpers leave the CPUs that the caller.s cpuset loses
		caller bound to one CPU during a job: helpers leave the other CPUs
		a chunk of expensive indices is bounded by default
		an error in the last chunk undoes the job
		two CPUs online: one helper runs; all online: at least two run
		max_helpers restored: at least two helpers run
		lifted helpers return to nice 19 after the job
		as many callers as CPUs: no helper runs
		killable job: a signal that is not fatal does not end it
		errors are traced
		the CPU time of helpers follows a caller that moves
		a straggler gets no more than the weight of the caller.s group
		helpers charge memory to the caller.s group
		helpers give up when the OOM killer chooses the caller
		the caller pays for what helpers charge above memory.high
		nothing is charged to the group of an earlier caller
		unloading is safe while helpers start
		unloading is safe while helpers leave
	END
	bandwidth qemu "$guest"
	boot 'qemu isolcpus=domain,3' "$guest" qemu 4 \
		'kunit.enable=0 isolcpus=domain,3 TEST=padata:isolation.sh'
	require 'qemu isolcpus=domain,3' 'bound to an isolated CPU: no helper runs$'
	boot 'qemu padata nohz_full=3' "$guest" qemu 4 \
		'kunit.enable=0 nohz_full=3 TEST=padata:isolation.sh'
	require 'qemu padata nohz_full=3' 'bound to an isolated CPU: no helper runs$'
	# Only the caller: a helper that sleeps as an idle task does is none of its business
	EXPECT='INFO: task sh:[0-9]+ blocked for more than' boot 'qemu hung task' "$guest" qemu 2 \
		'kunit.enable=0 PROVOKE=hung_task TEST=padata:hung_task.sh'
	require 'qemu hung task' 'a wait longer than the limit is reported$'
	# Enough memory that one thread would take 100 ms
	MEM=32G boot 'qemu deferred init' "$guest" qemu 4 \
		'kunit.enable=0 TEST=padata:deferred_init.sh'
	require 'qemu deferred init' 'nodes that took 100 ms used several threads$'
	hugetlb
	hugetlb_pool qemu "$guest" 0
	hugetlb_pool qemu "$guest" 1
	nodes qemu "$guest"
	holes "$guest"
	memory_hotplug qemu "$guest"
	memory_device qemu "$guest"
	large_blocks qemu "$guest"
	require 'qemu memory hotplug' 'first block offline: the zone is not scanned$'
	require 'qemu memory hotplug' 'middle block online: the zone is not scanned$'
	for setting in 1 2 0 -3 abc; do
		boot "qemu deferred_init_threads=$setting" "$guest" qemu 4 \
			"kunit.enable=0 deferred_init_threads=$setting TEST=padata:deferred_init.sh"
		require "qemu deferred_init_threads=$setting" 'no node used more threads than allowed$'
	done
	gigantic_pages qemu "$guest"
	boot 'qemu kunit.autorun=0' "$LAB/guest/kunit" qemu 4 kunit.autorun=0
	require 'qemu kunit.autorun=0' padata_mt
	MEM=3G boot 'qemu pmem' "$guest" qemu 2 \
		'kunit.enable=0 memmap=1G!1G TEST=padata:zone_device.sh'
	require 'qemu pmem' 'pmem: several threads initialise the memory map$'
	require 'qemu pmem' 'pmem: files work after initialisation by several threads$'
	require 'qemu pmem' 'devdax, map in pmem: several threads initialise it$'
	require 'qemu pmem' 'devdax, map in ram: several threads initialise it$'
}

# What isolcpus=, nohz_full= and qpw= make of the CPUs. Where the value is bad, what is
# isolated shows that auto stands.
qpw_forms() { # GUEST
	local guest=$1 remote warnings arguments

	while read -r remote warnings arguments; do
		boot "qemu $arguments" "$guest" qemu 4 \
			"kunit.enable=0 $arguments TEST=qpw:boot.sh"
		require "qemu $arguments" "sysfs lists the CPUs that qpw= selects: $remote\$"
		require "qemu $arguments" "warnings about the value of qpw=: $warnings\$"
	done <<-END
		none 0 qpw=auto
		3 0 isolcpus=domain,3
		2-3 0 isolcpus=3 nohz_full=2-3
		none 0 isolcpus=managed_irq,3
		0-3 0 qpw=on
		0-3 0 qpw=y
		none 0 qpw=off isolcpus=3
		none 0 qpw=n isolcpus=3
		1-2 0 qpw=cpus:1-2 isolcpus=3
		3 1 qpw=cpus:1,9 isolcpus=3
		3 1 qpw=cpus:9-10 isolcpus=3
		3 1 qpw=yes isolcpus=3
		3 1 qpw= isolcpus=3
		3 1 qpw=cpus: isolcpus=3
		3 1 qpw=cpus:2,x isolcpus=3
		3 1 qpw=cpus:2-1 isolcpus=3
	END
}

# No CPU in remote mode, all of them, or some
qpw_modes() { # CONFIG GUEST
	local setting remote by

	while read -r setting remote by; do
		boot "$1 qpw=$setting" "$2" "$1" 4 \
			"kunit.enable=0 qpw=$setting init_on_free=1 TEST=$QPW_TESTS"
		require "$1 qpw=$setting" "sysfs lists the CPUs that qpw= selects: $remote\$"
		require "$1 qpw=$setting" "flush_buffers $by CPU 3\$"
		require "$1 qpw=$setting" 'CPUs keep their mode while offline$'
		require "$1 qpw=$setting" 'CPUs that go offline leave no page lost or locked$'
		require "$1 qpw=$setting" 'kvfree_rcu_barrier.. waits for all frees during CPU hotplug$'
		require "$1 qpw=$setting" 'waits for frees with a deferred call_rcu..$'
		require "$1 qpw=$setting" 'kfree_nolock.. frees to the sheaves$'
		require "$1 qpw=$setting" 'kfree_nolock.. makes progress at context switches during drains$'
	done <<-END
		0 none disturbs
		1 0-3 does not disturb
		cpus:3 3 does not disturb
	END
}

# The tests notice warnings, also on a kernel that is tainted already
qpw_trouble() { # GUEST
	EXPECT='WARNING: ([^ ]*drivers/misc/lkdtm/|test message of )' boot 'qemu trouble' "$1" \
		qemu 2 'kunit.enable=0 PROVOKE=warning TEST=qpw:trouble.sh'
	require 'qemu trouble' 'a warning is detected on a tainted kernel$'
	require 'qemu trouble' 'a warning is detected that only the log shows$'
}

# A task that wants an isolated CPU for itself; without QPW it does not get that
qpw_isolation() { # GUEST
	local guest=$1

	boot 'qemu partitions' "$guest" qemu 4 'kunit.enable=0 TEST=qpw:partition.sh'
	require 'qemu partitions' 'a partition with that task does not wait for it$'
	boot 'qemu isolated' "$guest" qemu 4 \
		"kunit.enable=0 $ISOLATED ROUNDS=20 TEST=qpw:boot.sh,qpw:isolation.sh,qpw:partition.sh,qpw:memcg.sh"
	require 'qemu isolated' 'two CPUs come and go$'
	require 'qemu isolated' 'destroy_cache does not disturb CPU 3$'
	require 'qemu isolated' 'destroy_cache does not wait for a SCHED_FIFO task$'
	require 'qemu isolated' 'reach_limit takes back what CPU 3 caches below a SCHED_FIFO task$'
	boot 'qemu isolated, qpw=0' "$guest" qemu 4 \
		"kunit.enable=0 $ISOLATED qpw=0 TEST=qpw:boot.sh,qpw:isolation.sh,qpw:memcg.sh"
	require 'qemu isolated, qpw=0' 'destroy_cache disturbs CPU 3$'
	require 'qemu isolated, qpw=0' 'destroy_cache waits for a SCHED_FIFO task$'
	require 'qemu isolated, qpw=0' 'reach_limit leaves what CPU 3 caches below a SCHED_FIFO task$'
	boot 'qemu nohz_full=3' "$guest" qemu 4 \
		'kunit.enable=0 nohz_full=3 rcu_nocbs=3 TEST=qpw:boot.sh,qpw:isolation.sh'
	require 'qemu nohz_full=3' 'flush_buffers does not disturb CPU 3$'
}

qpw() {
	local guest
	local -x MEM=1G

	guest=$(kselftest_guest qemu)
	qpw_forms "$guest"
	qpw_modes qemu "$guest"
	qpw_isolation "$guest"
	qpw_trouble "$guest"
}

# Another architecture, which always patches static keys, and flushes TLBs without IPIs. With
# pages of 64 KiB, a pageblock is as large as a section and as the largest block of free memory.
# The host orders memory accesses more than this architecture does, so that is not tested.
arm64() { # CONFIG
	local guest
	local -x TIMEOUT=900

	"$LAB/tests/matrix.sh" "$1" || failed=1
	guest=$(kselftest_guest "$1")
	boot "$1" "$guest" "$1" 4
	require_each "$1" <<-END
		padata_mt
		qpw
		zone_device_init
		mmi_test_contiguous
		lru_drain
		no node used more threads than allowed$
		free pages are counted as they are listed$
		helpers leave a CPU that becomes isolated
		two CPUs online: one helper runs; all online: at least two run
		helpers charge memory to the caller.s group
		memory.max applies to what helpers charge
		the caller pays for what helpers charge above memory.high
		unloading is safe while helpers leave
	END
	bandwidth "$1" "$guest"
	nodes "$1" "$guest"
	# A zone Movable of memory of boot, which cannot go offline here
	boot "$1 kernelcore=1G" "$guest" "$1" 2 \
		'kunit.filter_glob=*_init* kernelcore=1G TEST=padata:deferred_init.sh'
	require_each "$1 kernelcore=1G" <<-END
		mmi_test_contiguous
		free pages are counted as they are listed$
	END
	MEM=32G boot "$1 deferred init" "$guest" "$1" 4 \
		'kunit.enable=0 TEST=padata:deferred_init.sh'
	require "$1 deferred init" 'no node used more threads than allowed$'
	hugetlb_pool "$1" "$guest" 0 default_hugepagesz=2M
	arm64_qpw "$1" "$guest"
}

# Boot with all memory but the first 2 GiB as persistent memory
boot_pmem() { # LABEL GUEST CONFIG GIB CMDLINE
	local size=$(($4 - 2))

	cat >"$scratch/pmem.dts" <<-END
		/dts-v1/;
		/plugin/;
		&{/} {
			emulated-pmem@c0000000 {
				compatible = "pmem-region";
				reg = <0x0 0xc0000000 $((size / 4)) $((size % 4 << 30))>;
				numa-node-id = <0>;
			};
		};
	END
	MEM=$4G DEVICES=$scratch/pmem.dts boot "$1" "$2" "$3" 2 "mem=2G $5"
}

arm64_pmem() { # CONFIG GUEST GIB
	boot_pmem "$1 pmem" "$2" "$1" "$3" 'kunit.enable=0 TEST=padata:zone_device.sh'
	require_each "$1 pmem" <<-END
		pmem: several threads initialise the memory map$
		devdax, map in pmem: several threads initialise it$
		devdax, map in ram: several threads initialise it$
	END
}

arm64_hotplug() { # CONFIG GUEST GIB
	boot_pmem "$1 memory hotplug" "$2" "$1" "$3" \
		'kunit.filter_glob=*_init* ONLINE_PMEM=1 TEST=padata:memory_hotplug.sh'
	blocks_changed "$1 memory hotplug"
}

arm64_qpw() { # CONFIG GUEST
	local label

	qpw_modes "$1" "$2"
	boot "$1 partitions" "$2" "$1" 4 'kunit.enable=0 TEST=qpw:partition.sh'
	require "$1 partitions" 'partitions during drains lose nothing$'
	label="$1 isolated, qpw=cpus:3"
	remote_cpu "$label" "$1" "$2" kunit.enable=0
	require_each "$label" <<-END
		destroy_cache does not disturb CPU 3$
		destroy_cache does not wait for a SCHED_FIFO task$
		reach_limit takes back what CPU 3 caches below a SCHED_FIFO task$
	END
	label="$1 isolated, qpw=0"
	boot "$label" "$2" "$1" 4 \
		"kunit.enable=0 $ISOLATED qpw=0 TEST=qpw:boot.sh,qpw:isolation.sh,qpw:memcg.sh"
	require_each "$label" <<-END
		destroy_cache disturbs CPU 3$
		destroy_cache waits for a SCHED_FIFO task$
		reach_limit leaves what CPU 3 caches below a SCHED_FIFO task$
	END
}

# Pages of 1 GiB exist only beside pages of 4 KiB, and only there does deferred init of this
# memory take long enough for several threads.
arm64-4k() {
	arm64 arm64
	require 'arm64 deferred init' 'nodes that took 100 ms used several threads$'
	gigantic_pages arm64 "$scratch/kselftest"
	arm64_pmem arm64 "$scratch/kselftest" 3
	arm64_hotplug arm64 "$scratch/kselftest" 6
	require 'arm64 pmem' 'pmem: files work after initialisation by several threads$'
}

# Pages of devdax are of 64 KiB there, for those of the next size are of 512 MiB.
arm64-64k() {
	arm64 arm64-64k
	arm64_pmem arm64-64k "$scratch/kselftest" 18
	arm64_hotplug arm64-64k "$scratch/kselftest" 18
}

# The kselftests of iommufd and VFIO, and a device that they can use
pin_guest() { # CONFIG
	local guest=$scratch/pin-$1

	if [ ! -d "$guest" ]; then
		install_pin_kselftests 'iommu vfio' "$1" "$guest/kselftest"
		cp "$LAB"/guest/pin/{run,bind.sh} "$guest"
	fi
	echo "$guest"
}

# A program of the iommu kselftests; a device without an IOMMU has a page table of software
iommu() { # LABEL CONFIG PROGRAM [ARGUMENTS]
	local guest
	local -x QEMU_ARGS='-device edu' MEM=2G TIMEOUT=1800

	guest=$(pin_guest "$2")
	boot "$1" "$guest" "$2" 2 \
		"kunit.autorun=0 vfio.enable_unsafe_noiommu_mode=1 hugepages=160 PIN=iommu/$3 ARGS=${4:-}"
}

# The kernel's own tests of mappings and of DMA by them, in each way that user space can
# choose: vfio_iommu_type1, iommufd, and its container that is compatible with the former.
# One of them maps 1 GiB. mix_and_match repeats the others so often that this device would
# need more than half of the 30 s that a test may take.
vfio() { # LABEL CONFIG
	local guest mode
	local common='kunit.autorun=0 intel_iommu=on iommufd.allow_unsafe_interrupts=1'
	local -x MEM=4G TIMEOUT=1800
	local -x QEMU_ARGS='-machine q35 -device intel-iommu -device edu,dma_mask=0xffffffffffffffff'

	guest=$(pin_guest "$2")
	boot "$1" "$guest" "$2" 2 \
		"$common vfio_iommu_type1.allow_unsafe_interrupts=1 hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=8 PIN=vfio/vfio_dma_mapping_test,vfio/vfio_dma_mapping_mmio_test,vfio/vfio_pci_driver_test ARGS=-T,mix_and_match"
	for mode in vfio_type1_iommu vfio_type1v2_iommu iommufd_compat_type1 \
		iommufd_compat_type1v2 iommufd; do
		require "$1" "vfio_dma_mapping_test.${mode}_anonymous_hugetlb_1gb.dma_map_unmap"
		require "$1" "vfio_pci_driver_test.$mode.memcpy_success"
	done
	boot "$1 pin" "$guest" "$2" 2 \
		"$common hugepages=160 PIN=iommu/iommufd_pin ARGS=-e,-d,/dev/vfio/devices/vfio0,-m,64,-r,8"
	require_each "$1 pin" <<-END
		each IOVA translates to its page
		pages are pinned once for all domains$
	END
}

# The kernel's own tests, which find mistakes with the help of its code (IOMMUFD_TEST), and
# ours, while lockdep and KASAN watch
qemu-pin-test() {
	iommu 'iommufd' qemu-pin-test iommufd
	require_each 'iommufd' <<-END
		iommufd_ioas
		iommufd_dirty_tracking
		vfio_compat_mock_domain
	END
	iommu 'iommufd_fail_nth' qemu-pin-test iommufd_fail_nth
	require 'iommufd_fail_nth' basic_fail_nth
	iommu 'qemu-pin-test' qemu-pin-test iommufd_pin -m,64,-r,8
	require 'qemu-pin-test' 'a killed map pins nothing$'
	vfio 'qemu-pin-test vfio' qemu-pin-test
}

# Maps of several kinds of memory
qemu-pin() {
	iommu 'qemu-pin' qemu-pin iommufd_pin
	require_each 'qemu-pin' <<-END
		each IOVA translates to its page
		pages are pinned once for all domains$
		a killed map pins nothing$
	END
	vfio 'qemu-pin vfio' qemu-pin
}

# Another base than 7.3: BASE=
base() {
	local guest label="base $BASE"

	CONFIG=qemu "$LAB/kernel.sh" >&2
	guest=$(kselftest_guest qemu padata)
	boot "$label" "$guest" qemu 4
	require_each "$label" <<-END
		padata_mt
		qpw
		zone_device_init
		lru_drain
		free pages are counted as they are listed$
		helpers charge memory to the caller.s group
		unloading is safe while helpers leave
	END
}

mkdir -p "$LOG"
case $1 in
base) base ;;
uml) uml ;;
uml-up) uml-up ;;
uml-lockdep) uml-lockdep ;;
qemu) qemu ;;
qpw) qpw ;;
qemu-debug) qemu-debug ;;
qemu-debug-long) qemu-debug-long ;;
qemu-rt) qemu-rt ;;
qemu-bench) qemu-bench ;;
qemu-kcsan) qemu-kcsan ;;
qemu-pin) qemu-pin ;;
qemu-pin-test) qemu-pin-test ;;
arm64) arm64-4k ;;
arm64-64k) arm64-64k ;;
esac
exit $failed
