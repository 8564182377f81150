#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Pools of hugetlb pages grow and shrink in several threads, with the same result as in
# one.  All tests run with the vmemmap optimization (HVO) and without it, if the kernel
# has it; HVO_STATES=1 only with it.  Pages of the default size are used, and the pool must
# be empty.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

HVO=/proc/sys/vm/hugetlb_optimize_vmemmap
NODES=/sys/devices/system/node
SET=$CGROUPS/hugetlb_pool_test
POLICY=$DIR/with_policy
FAULTS=/sys/kernel/debug/fail_page_alloc

# Whether several threads run at the same time, and when a signal arrives, is a matter of
# chance.
TRIES=40

meminfo()
{
	awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo
}

vmstat()
{
	awk -v key="$1" '$1 == key { print $2 }' /proc/vmstat
}

# contents FILE: one line, without starting a program
contents()
{
	read -r line <"$1" && echo "$line"
}

# pool COUNTER: of all nodes together
pool()
{
	contents "$POOL/${1}_hugepages"
}

# on NODE COUNTER
on()
{
	contents "$NODES/node$1/hugepages/$NAME/${2}_hugepages"
}

resize()
{
	echo "$1" >"$POOL/nr_hugepages"
}

resize_node()
{
	echo "$2" >"$NODES/node$1/hugepages/$NAME/nr_hugepages"
}

# The pages of each node
spread()
{
	for node in $nodes; do
		printf '%s ' "$(on "$node" nr)"
	done
}

sum()
{
	total=0
	for node in $nodes; do
		total=$((total + $(on "$node" "$1")))
	done
	echo "$total"
}

# balance: the counters of the pool are the sums of those of the nodes, and all free
# pages can be had
balance()
{
	for any in $nodes; do
		[ "$(on "$any" surplus)" -gt "$(on "$any" nr)" ] || continue
		ktap_print_msg "node $any: nr $(on "$any" nr), surplus $(on "$any" surplus)"
		return 1
	done
	for counter in nr free surplus; do
		[ "$(pool $counter)" = "$(sum $counter)" ] || {
			ktap_print_msg "$counter: $(pool $counter), but nodes: $(sum $counter)"
			return 1
		}
	done
	[ "$(pool free)" -le "$(pool nr)" ] && [ "$(pool surplus)" -le "$(pool nr)" ] &&
		[ "$(pool resv)" -le "$(pool free)" ]
}

# has NR: this many pages, all of them free
has()
{
	balance || return 1
	counters="$(pool nr) $(pool free) $(pool surplus) $(pool resv)"
	[ "$counters" = "$1 $1 0 0" ] ||
		ktap_print_msg "expected $1 free pages; nr free surplus resv: $counters"
	[ "$counters" = "$1 $1 0 0" ]
}

# helpers NUMBER: their maximum
helpers()
{
	echo "$1" >"$MAX_HELPERS"
}

# With and without helpers, the same pages are on the same nodes.
same_spread()
{
	for each in 1 16 17 48 100 333; do
		size=$((each * nr_nodes))
		for most in 0 "$MAX"; do
			helpers "$most"
			resize "$size" && has "$size" || return 1
			grown=$(spread)
			half=$((each / 2))
			resize $((half * nr_nodes)) || return 1
			spread="$grown/ $(spread)"
			resize 0 && has 0 || return 1
			[ "$most" != 0 ] || expected=$spread
		done
		[ "$spread" = "$expected" ] || {
			ktap_print_msg "$size pages: $spread, with one thread: $expected"
			return 1
		}
	done
}

# even SIZE NUMBER...: the numbers of all nodes, which make up SIZE, differ by 1 at most
even()
{
	size=$1
	shift
	for pages; do
		[ "$pages" -ge $((size / nr_nodes)) ] &&
			[ "$pages" -le $((size / nr_nodes + 1)) ] || return 1
	done
}

# Numbers that are no multiple of the number of nodes
# shellcheck disable=SC2046,SC2086 # words are wanted
odd_spread()
{
	for size in 1 15 33 131 257; do
		resize $size && has $size || return 1
		before=$(spread)
		half=$((size / 2))
		resize $half && has $half || return 1
		after=$(spread)
		resize 0 && has 0 || return 1
		removed=$(echo $before $after | awk '{ half = NF / 2
			for (i = 1; i <= half; i++) { k = i + half; print $i - $k } }')
		ktap_print_msg "$before, then $after"
		even $size $before && even $((size - half)) $removed || return 1
	done
}

per_node()
{
	for node in $nodes; do
		resize_node "$node" 70 && has 70 && [ "$(on "$node" nr)" = 70 ] &&
			resize_node "$node" 33 && has 33 && [ "$(on "$node" nr)" = 33 ] &&
			resize_node "$node" 0 && has 0 || return 1
	done
}

# jobs: the number of threads of each job since the trace was cleared
jobs()
{
	sed -n 's/.* fn=hugetlb_run_batches threads=\([0-9]*\) .*/\1/p' "$TRACE/trace"
}

# The threads of the jobs in which the pool changes from FROM to TO pages
threads_of()
{
	resize "$1"
	echo >"$TRACE/trace"
	resize "$2"
	jobs
}

# changes_together FROM TO: at least one job has several threads
changes_together()
{
	for _ in $(seq $TRIES); do
		threads=$(threads_of "$1" "$2")
		ktap_print_msg "from $1 to $2 pages, threads of the jobs:" "$threads"
		echo "$threads" | grep -qE '^([2-9]|[1-9][0-9]+)$' && return
	done
	return 1
}

several_threads()
{
	changes_together 0 $LARGE && changes_together $LARGE 0 && has 0
}

# Every job may have a quarter of the CPUs, and at least eight threads.
limited_threads()
{
	most=$((cpus / 4 > 8 ? cpus / 4 : 8))
	resize 0
	echo >"$TRACE/trace"
	resize $LARGE && resize 0 || return 1
	limits=$(sed -n 's/.* fn=hugetlb_run_batches .*max_threads=\([0-9]*\).*/\1/p' \
		"$TRACE/trace" | sort -u)
	[ "$limits" = $most ]
}

# Sixteen pages are not worth a job.
no_job()
{
	echo >"$TRACE/trace"
	resize 16 && resize 0 && [ -z "$(jobs)" ]
}

flushes()
{
	grep -c 'csd_queue_cpu:.*func=do_flush_tlb_all' "$TRACE/trace"
}

# Each flush interrupts all other CPUs.
few_flushes()
{
	grow=0 shrink=0
	[ "$hvo" != 1 ] || grow=2 shrink=1
	for size in 1 $LARGE; do
		echo >"$TRACE/trace"
		resize "$size" || return 1
		grown=$(flushes)
		echo >"$TRACE/trace"
		resize 0 || return 1
		shrunk=$(flushes)
		ktap_print_msg "$size pages: $grown flushes of other CPUs," \
			"and $shrunk when they are freed"
		[ "$grown" = $((grow * (cpus - 1))) ] &&
			[ "$shrunk" = $((shrink * (cpus - 1))) ] || return 1
	done
}

# Pages of the memory map, from boot and allocated later
map_pages()
{
	awk '$1 ~ /^nr_memmap(_boot)?_pages$/ { n += $2 } END { print n }' /proc/vmstat
}

# Each page of the pool needs one page of the memory map instead of several: a struct
# page has 64 bytes.
map_shrinks()
{
	before=$(map_pages)
	resize $LARGE && has $LARGE || return 1
	saved=$((before - $(map_pages)))
	map_size=$((SIZE / (page / 64)))
	resize 0 && has 0 || return 1
	ktap_print_msg "$saved pages of the memory map saved"
	[ "$(map_pages)" = "$before" ] || return 1
	if [ "$hvo" = 1 ]; then
		[ "$saved" = $((LARGE * (map_size / page - 1))) ]
	else
		[ "$saved" = 0 ]
	fi
}

# Free memory in KiB, with pages that CPUs keep in lists of their own
free_memory()
{
	cat /proc/sys/vm/stat_refresh 2>/dev/null
	awk -v page="$page" '$1 == "nr_free_pages" || $1 == "count:" { n += $2 }
		END { printf "%d\n", n * (page / 1024) }' /proc/zoneinfo
}

# loses_nothing COMMAND...: less memory is lost than other tasks use meanwhile
loses_nothing()
{
	free=$(free_memory)
	"$@" || return 1
	lost=$((free - $(free_memory)))
	ktap_print_msg "$lost KiB less of $free KiB are free"
	[ $lost -lt $((4 * SIZE / 1024)) ]
}

# One page in 600 would be more than that.
changes_often()
{
	for _ in 1 2 3 4 5 6 7 8; do
		resize $LARGE && resize 0 || return 1
	done
}

use_memory()
{
	mount -t tmpfs -o size=90% nodev "$MNT" || return
	yes | head -c "$1" >"$MNT/file"
	umount "$MNT"
}

# Pages whose memory had other contents are zero for their next user.
zero()
{
	use_memory $((64 * SIZE))
	resize 40 && mount -t hugetlbfs nodev "$MNT" || return
	fallocate -l $((40 * SIZE)) "$MNT/file"
	other=$(tr -d '\0' <"$MNT/file" | wc -c)
	bytes=$(stat -c %s "$MNT/file")
	umount "$MNT"
	ktap_print_msg "$other of $bytes bytes are not zero"
	[ "$bytes" = $((40 * SIZE)) ] && [ "$other" = 0 ] && has 40 &&
		resize 0 && has 0
}

# More pages than a node has memory for.  Memory of the other nodes stays free.
all_of_node()
{
	helpers "$1"
	resize_node "$full" 100000000 || return 1
	pages=$(on "$full" nr)
	[ "$pages" = "$(pool nr)" ] && has "$pages" || return 1
	resize_node "$full" 0 && has 0
}

full_node()
{
	all_of_node 0 || return 1
	expected=$pages
	killed=$(vmstat oom_kill)
	all_of_node "$MAX" || return 1
	killed=$(($(vmstat oom_kill) - killed))
	ktap_print_msg "$pages pages, with one thread: $expected; $killed tasks killed"
	most=$((expected / 20 + 3))
	[ "$pages" -gt 0 ] && [ "$killed" = 0 ] && [ $((pages - expected)) -lt $most ] &&
		[ $((expected - pages)) -lt $most ]
}

# The full node gets what is free there, and the others the rest, evenly.  With HVO, each
# time that the node is filled leaves memory for some more pages.
uneven()
{
	helpers "$1"
	resize_node "$full" 100000000 || return 1
	room=$(on "$full" nr)
	most=$((room - 20 + 101 * nr_nodes))
	resize_node "$full" $((room - 20)) && resize $most || return 1
	pages=$(pool nr)
	at_full=$(on "$full" nr)
	spread=$(spread)
	others=$(for node in $nodes; do
		[ "$node" = "$full" ] || on "$node" nr
	done | sort -n)
	least=$(echo "$others" | head -n 1)
	resize 0 && has 0 || return 1
	ktap_print_msg "$pages pages on a full node and others: $spread"
	[ "$pages" = $most ] && [ "$at_full" -ge $((room - 20)) ] &&
		[ "$at_full" -lt $((room + room / 10)) ] &&
		[ "$(echo "$others" | tail -n 1)" -le $((least + 1)) ]
}

uneven_spread()
{
	uneven 0 && uneven "$MAX"
}

# in_set COMMAND...: run it in the cgroup
in_set()
{
	# shellcheck disable=SC2016 # for the other shell
	sh -c 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"' sh "$SET" "$@"
}

# resize_with SIZE COMMAND...: the command runs a shell that resizes the pool.  The memory
# policy of the shell is heeded.
resize_with()
{
	target=$1
	shift
	# shellcheck disable=SC2016 # for the other shell
	"$@" sh -c 'echo "$1" >"$2/nr_hugepages_mempolicy"' sh "$target" "$POOL"
}

# In a cpuset with one node, also what helpers allocate is on that node.
in_cpuset()
{
	size=$((LARGE / nr_nodes))
	for node in $nodes; do
		echo "$node" >"$SET/cpuset.mems"
		in_set sh -c "echo $size >$POOL/nr_hugepages"
		ktap_print_msg "allowed: node $node, pages: $(spread)"
		has $size && [ "$(on "$node" nr)" = $size ] && resize 0 || return 1
	done
}

# Pages come to the nodes of the policy, and go from them.
bound()
{
	size=$((LARGE / nr_nodes))
	for node in $nodes; do
		resize_with $size "$POLICY" bind "$node" && has $size &&
			[ "$(on "$node" nr)" = $size ] && resize 0 && resize $LARGE &&
			resize_with $((LARGE - 100)) "$POLICY" bind "$node" || return 1
		ktap_print_msg "100 pages less on node $node: $(spread)"
		has $((LARGE - 100)) && [ "$(on "$node" nr)" = $((size - 100)) ] &&
			resize 0 || return 1
	done
}

# The nodes that have memory and CPUs
nodes_with_cpus()
{
	for node in $nodes; do
		[ -z "$(contents "$NODES/node$node/cpulist")" ] || echo "$node"
	done
}

interleaved_and_local()
{
	list=$(echo "$nodes" | paste -s -d , -)
	# shellcheck disable=SC2046 # words are wanted
	resize_with 333 "$POLICY" interleave "$list" && has 333 && even 333 $(spread) &&
		resize 0 || return 1
	for node in $(nodes_with_cpus); do
		cpu=$(cpus "$(contents "$NODES/node$node/cpulist")" | head -n 1)
		resize_with 100 taskset -c "$cpu" "$POLICY" local ''
		ktap_print_msg "local to CPU $cpu of node $node: $(spread)"
		has 100 && [ "$(on "$node" nr)" = 100 ] && resize 0 || return 1
	done
}

# A group is charged for the pages that it uses, not for those that it adds to the pool.
group_limit()
{
	[ ! -e "$SET/cpuset.mems" ] || cat "$CGROUPS/cpuset.mems.effective" >"$SET/cpuset.mems"
	echo $((2 * SIZE)) >"$LIMIT.max" || return 1
	in_set sh -c "echo $LARGE >$POOL/nr_hugepages"
	has $LARGE && [ "$(contents "$LIMIT.current")" = 0 ] || return 1
	mount -t hugetlbfs nodev "$MNT" || return 1
	in_set fallocate -l $((2 * SIZE)) "$MNT/a" && ! in_set fallocate -l $SIZE "$MNT/b"
	status=$?
	used=$(contents "$LIMIT.current")
	umount "$MNT"
	ktap_print_msg "charged: $used bytes, then $(contents "$LIMIT.current")"
	[ $status = 0 ] && [ "$used" = $((2 * SIZE)) ] &&
		[ "$(contents "$LIMIT.current")" = 0 ] && has $LARGE && resize 0 && has 0
}

# interrupt SIGNAL MS: send it after 200 ms to a task that begins to grow the pool
# after MS
interrupt()
{
	sh -c "trap exit USR1; sleep $(printf '0.%03d' "$2"); echo $LARGE >$POOL/nr_hugepages" \
		2>/dev/null &
	sleep 0.2
	kill -s "$1" $! 2>/dev/null
	wait $! 2>/dev/null
}

# interrupted SIGNAL: ends a growth.  When to begin it is searched for: if that is too
# early all pages are there, and if it is too late there are none.  How long a task takes
# to begin varies, so the search goes on around the place where these two meet.
interrupted()
{
	early=0 late=300
	for _ in $(seq $TRIES); do
		begin=$(((early + late) / 2))
		interrupt "$1" $begin
		pages=$(pool nr)
		has "$pages" && resize 0 && has 0 || return 1
		ktap_print_msg "growth after $begin ms, SIG$1 after 200: $pages of $LARGE pages"
		case $pages in
		0) late=$begin ;;
		"$LARGE") early=$begin ;;
		*) return 0 ;;
		esac
		if [ $((late - early)) -le 2 ]; then
			early=$((early - 7))
			late=$((late + 8))
		fi
	done
	return 1
}

# Keep pages reserved, and use more pages than the pool has, until the file is removed.
disturb()
{
	while [ -e "$1/go" ]; do
		mount -t hugetlbfs -o min_size=$((8 * SIZE)) nodev "$1/a" 2>/dev/null &&
			umount "$1/a"
		mount -t hugetlbfs nodev "$1/b" || continue
		fallocate -l $((24 * SIZE)) "$1/b/file" 2>/dev/null
		umount "$1/b"
	done
}

concurrent()
{
	mkdir "$MNT/a" "$MNT/b"
	: >"$MNT/go"
	echo 64 >"$POOL/nr_overcommit_hugepages"
	disturb "$MNT" &
	disturber=$!
	status=0
	for size in 200 33 400 0 64 17 128 1 300 16 40 0 150 20 500 0; do
		resize $size || status=1
	done
	rm "$MNT/go"
	wait $disturber
	echo 0 >"$POOL/nr_overcommit_hugepages"
	rmdir "$MNT/a" "$MNT/b"
	resize 100 && has 100 && resize 0 && has 0 && [ $status = 0 ]
}

# Helpers give chunks back when their number is limited, and come back when it is not.
leave_and_return()
{
	while [ -e "$MNT/go" ]; do
		helpers 0
		helpers "$MAX"
	done
}

leaving_helpers()
{
	: >"$MNT/go"
	leave_and_return &
	limiter=$!
	status=0
	for _ in $(seq 10); do
		{ resize $LARGE && has $LARGE && resize 0 && has 0; } || status=1
	done
	rm "$MNT/go"
	wait $limiter
	return $status
}

# Pages that are in use or reserved stay when the pool shrinks.
in_use()
{
	mkdir "$MNT/a" "$MNT/b"
	resize 200 && mount -t hugetlbfs -o min_size=$((30 * SIZE)) nodev "$MNT/a" &&
		mount -t hugetlbfs nodev "$MNT/b" || return
	fallocate -l $((50 * SIZE)) "$MNT/b/file"
	resize 0
	ktap_print_msg "nr $(pool nr), free $(pool free), reserved $(pool resv)," \
		"surplus $(pool surplus)"
	balance && [ "$(pool nr)" = 80 ] && [ "$(pool free)" = 30 ] &&
		[ "$(pool resv)" = 30 ] && [ "$(pool surplus)" = 80 ]
	status=$?
	umount "$MNT/a" "$MNT/b"
	rmdir "$MNT/a" "$MNT/b"
	has 0 && [ $status = 0 ]
}

# Pages that become free while the pool shrinks are freed, and are no surplus pages.
freed_meanwhile()
{
	for _ in 1 2 3 4 5 6 7 8; do
		resize 200 && mount -t hugetlbfs nodev "$MNT" || return 1
		fallocate -l $((200 * SIZE)) "$MNT/file"
		rm "$MNT/file" &
		resize 0
		wait $!
		umount "$MNT"
		has 0 || return 1
	done
}

# Allocations of the writer and of helpers fail, also those for the memory map, while
# pages of the last node are in use.
fail_allocations()
{
	mount -t hugetlbfs nodev "$MNT" && resize_node "$full" 64 &&
		fallocate -l $((64 * SIZE)) "$MNT/file" || return 1
	for fault in "probability 10" "interval 1" "times -1" "min-order 0" \
		"task-filter 1" "verbose 0" "ignore-gfp-wait N"; do
		echo "${fault#* }" >"$FAULTS/${fault% *}" || return 1
	done
	for _ in $(seq 20); do
		for comm in /proc/[0-9]*/comm; do
			[ "$(cat "$comm" 2>/dev/null)" != padata_mt ] ||
				echo 1 2>/dev/null >"${comm%comm}make-it-fail"
		done
		sh -c 'exec 3>"$0"; echo 1 >/proc/self/make-it-fail; echo $1 >&3' \
			"$POOL/nr_hugepages" $LARGE 2>/dev/null
		grown="$(pool nr)"
		balance || return 1
		sh -c 'exec 3>"$0"; echo 1 >/proc/self/make-it-fail; echo 0 >&3' \
			"$POOL/nr_hugepages" 2>/dev/null
		balance || return 1
	done
	ktap_print_msg "at the end: $grown pages, then $(pool nr), surplus $(pool surplus)"
	echo 0 >"$FAULTS/probability"
	umount "$MNT"
	resize 500
	resize 0 && has 0
}

# test_if CONDITION NAME COMMAND...
test_if()
{
	condition=$1 name="$what: $2"
	shift 2
	resize 0
	if $condition; then
		ktap_test_result "$name" "$@"
	else
		ktap_test_skip "$name: requires that $condition"
	fi
}

several_nodes()
{
	[ "$nr_nodes" -gt 1 ]
}

several_cpus()
{
	[ "$cpus" -gt 1 ]
}

tracing()
{
	[ -d "$TRACE" ] && [ "$cpus" -gt 1 ]
}

several_nodes_and_cpusets()
{
	several_nodes && [ -e "$SET/cpuset.mems" ]
}

limits()
{
	[ -e "$LIMIT.max" ]
}

can_fail_allocations()
{
	[ -d "$FAULTS" ]
}

test_pools()
{
	helpers "$MAX"
	# first, while large pages still map the memory map
	test_if tracing "TLBs are flushed as rarely as possible" few_flushes
	test_if true "the spread is that of one thread" same_spread
	test_if true "odd numbers are spread evenly" odd_spread
	test_if true "the pool of one node" per_node
	helpers "$MAX"
	test_if tracing "several threads" several_threads
	test_if tracing "no more threads than gain" limited_threads
	test_if tracing "few pages need no job" no_job
	test_if true "the memory map has as many pages as it should" map_shrinks
	test_if true "memory is free again" loses_nothing changes_often
	test_if true "new pages are zero" zero
	test_if several_nodes "a node without memory: as many pages as with one thread" full_node
	test_if several_nodes "a full node: other nodes make up for it" uneven_spread
	helpers "$MAX"
	test_if several_nodes_and_cpusets "the cpuset of the writer" in_cpuset
	test_if several_nodes "the nodes of the writer's memory policy: bind" bound
	test_if several_nodes "the same: interleave and local" interleaved_and_local
	test_if limits "the limit of the writer's cgroup" group_limit
	test_if true "pages in use and reserved pages stay" in_use
	test_if true "users of pages during changes" concurrent
	test_if several_cpus "pages that are freed during changes" freed_meanwhile
	test_if several_cpus "helpers that leave during changes" leaving_helpers
	test_if true "SIGTERM ends a growth" loses_nothing interrupted TERM
	test_if true "SIGKILL ends a growth" loses_nothing interrupted KILL
	test_if true "a signal with a handler ends a growth" loses_nothing interrupted USR1
	test_if can_fail_allocations "allocations that fail" loses_nothing fail_allocations
}

clean_up()
{
	[ ! -d "$FAULTS" ] || echo 0 >"$FAULTS/probability"
	helpers "$MAX"
	resize 0
	[ -z "$before_hvo" ] || echo "$before_hvo" >$HVO
	[ ! -d "$SET" ] || rmdir "$SET"
	[ ! -d "$TRACE" ] || rmdir "$TRACE"
	rmdir "$MNT"
}

ktap_print_header
[ "$(id -u)" = 0 ] || skip "requires root"
[ -w "$MAX_HELPERS" ] || skip "requires CONFIG_PADATA"
SIZE=$(($(meminfo Hugepagesize) * 1024))
NAME=hugepages-$((SIZE / 1024))kB
POOL=/sys/kernel/mm/hugepages/$NAME
LIMIT=$SET/hugetlb.$((SIZE / 1048576))MB
[ -d "$POOL" ] || skip "requires CONFIG_HUGETLBFS"
[ "$(pool nr)" = 0 ] || skip "the pool is not empty"

# A third of the memory, but not more than 600 pages
LARGE=$(($(meminfo MemFree) * 1024 / SIZE / 3))
[ $LARGE -le 600 ] || LARGE=600
LARGE=$((LARGE / 4 * 4))
[ $LARGE -ge 300 ] || skip "requires more memory"

MNT=$(mktemp -d)
MAX=$(cat "$MAX_HELPERS")
nodes=$(cpus "$(cat $NODES/has_memory)")
nr_nodes=$(echo "$nodes" | wc -l)
full=$(echo "$nodes" | tail -n 1)
cpus=$(online_cpus | wc -l)
page=$(page_size)
before_hvo=$(cat $HVO 2>/dev/null)
trap clean_up EXIT

trace_into hugetlb_pool_test padata_mt/padata_mt_job_start padata_mt/padata_mt_job_end \
	csd/csd_queue_cpu
[ -d /sys/kernel/debug/tracing ] || mount -t debugfs nodev /sys/kernel/debug 2>/dev/null
if [ -n "$CGROUPS" ]; then
	for controller in cpuset hugetlb; do
		echo +$controller >"$CGROUPS/cgroup.subtree_control"
	done
	mkdir "$SET"
fi 2>/dev/null

if [ -n "$before_hvo" ]; then
	# shellcheck disable=SC2086 # a list
	set -- ${HVO_STATES:-0 1}
	ktap_set_plan $((24 * $#))
	for hvo; do
		echo "$hvo" >$HVO
		what="HVO $hvo"
		test_pools
	done
else
	ktap_set_plan 24
	hvo=0
	what="no HVO"
	test_pools
fi
ktap_finished
