#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# split.sh PAGES, in a guest: how the longest job of growing and of shrinking a pool was
# divided among threads. A line for each: CPUs, what, HVO, threads, chunks, and the share
# of the batches that the busiest thread took.

pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
trace=/sys/kernel/tracing

resize() { # WHAT HVO PAGES
	: >$trace/trace
	echo "$3" >$pool
	[ "$(cat $pool)" = "$3" ] || { echo "the pool does not have $3 pages" >&2; exit 1; }
	awk -v cpus="$(nproc)" -v what="$1" -v hvo="$2" '
		function field(name) {
			match($0, name "=[0-9]+")
			return substr($0, RSTART + length(name) + 1, RLENGTH - length(name) - 1) + 0
		}
		/padata_mt_job_start:/ { split("", taken) }
		/padata_mt_chunk:/ { taken[$1] += field("size") }
		/padata_mt_job_end:/ && field("ns") > longest {
			longest = field("ns")
			threads = field("threads")
			chunks = field("chunks")
			most = all = 0
			for (thread in taken) {
				all += taken[thread]
				if (taken[thread] > most)
					most = taken[thread]
			}
		}
		END { print "split", cpus, what, hvo, threads, chunks, most / all }' $trace/trace
}

echo 4096 >$trace/buffer_size_kb
echo 1 >$trace/events/padata_mt/enable
for hvo in 0 1; do
	echo $hvo >/proc/sys/vm/hugetlb_optimize_vmemmap
	resize grow $hvo "$1"
	resize shrink $hvo 0
done
