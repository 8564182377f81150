#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What must hold for any simulation by lab/bench/model, whatever its costs are.

. "$(dirname "$0")/harness.sh"

MODEL=$TESTS_TOP/lab/bench/model

# Parameters, then one KEY=VALUE...: ns, pages, missed, twice, chunks, threads
model() { "$SCRATCH/model" "$@"; }
ns() { model "$@" | cut -d' ' -f1; }

# holds CONDITION NAME=NUMBER...
holds() {
	local condition=$1
	shift

	awk "${@/#/-v}" "BEGIN { exit !($condition) }" || { echo "not: $condition, with $*"; return 1; }
}

test_compiles_without_a_warning() {
	gcc -O2 -Wall -Wextra -Werror -o "$T/model" "$MODEL"/*.c -lm
}

# All shapes and designs, ends that are no multiple of anything, more CPUs than sections
test_each_page_is_initialised_once() {
	local keys got missed twice pages rest

	while read -r keys; do
		# shellcheck disable=SC2086 # words
		got=$(model one $keys)
		read -r _ pages missed twice rest <<<"$got"
		same "0 0" "$missed $twice" "missed and twice with $keys"
		# shellcheck disable=SC2086
		same "$(tr ' ' '\n' <<<"nodes=1 $keys" | awk -F= '{ v[$1] = $2 } END { print v["nodes"] * v["pages"] }')" \
			"$pages" "pages with $keys"
	done <<-END
		pages=1
		pages=32767
		pages=32769 cores=4
		pages=1000003 cores=3 smt=2
		pages=1000003 cores=64 nodes=3 socket=64
		pages=5000000 cores=16 nodes=4 socket=32 idle=1
		pages=5000000 cores=16 nodes=4 socket=32 tree=1
		pages=5000000 cores=16 nodes=4 socket=32 old=1
		pages=5000000 cores=16 nodes=4 socket=32 sections=1 batch_updates=1
		pages=777777 cores=2 idle=1 min_chunk=1 no_locks=1 portion=1000000
		pages=40000000 cores=200 threads=77 socket=128
	END
}

test_one_thread_takes_the_serial_time() {
	local time

	time=$(ns jitter=0 one cores=1 pages=10000000 page_ns=10)
	holds 'time > 99.9e6 && time < 100.1e6' "time=$time"
	time=$(ns jitter=0 one cores=8 threads=1 old=1 pages=10000000 page_ns=10)
	holds 'time > 99.9e6 && time < 100.1e6' "time=$time"
}

test_threads_share_the_work() {
	local one eight

	one=$(ns jitter=0 one cores=1 peak=0 pages=33554432)
	eight=$(ns jitter=0 one cores=8 peak=0 pages=33554432)
	holds 'one / eight > 7.5 && one / eight <= 8' "one=$one" "eight=$eight"
}

test_more_bandwidth_is_never_slower() {
	local peak time before=1e18

	for peak in 5 10 20 40 80 160 320 640; do
		time=$(ns jitter=0 bandwidth_share=1 one cores=16 pages=16777216 peak="$peak")
		holds 'time <= before * 1.005' "time=$time" "before=$before"
		holds 'time >= 16777216 * 128 / peak' "time=$time" "peak=$peak"
		before=$time
	done
}

# Nobody is quicker than the one line that all chunks pass
test_claims_serialise() {
	local time chunks

	read -r time _ _ _ chunks _ < <(model claim_ns=100000 hit_ns=100000 one \
		cores=32 socket=32 pages=33554432 page_ns=1 peak=0 no_locks=1 old=1)
	same 128 "$chunks" chunks
	holds 'time >= chunks * 100000' "time=$time" "chunks=$chunks"
}

test_zone_lock_and_counters_serialise() {
	local time

	time=$(ns hold_ns=5000 one cores=32 socket=32 pages=16777216 page_ns=5)
	holds 'time >= 16777216 / 1024 * 5000' "time=$time"
	time=$(ns block_updates=1 hit_ns=9000 core_ns=9000 socket_ns=9000 lock_lines=0 one \
		nodes=4 cores=8 pages=4194304 page_ns=10)
	holds 'time >= 4 * 4194304 / 1024 * 9000' "time=$time"
}

# A node is slowed down by others through what they share, and by nothing else
test_nodes_meet_in_the_counters_only() {
	local one four

	one=$(ns wake_ns=0 clone_ns=0 jitter=0 block_updates=0 one cores=8 pages=16777216)
	four=$(ns wake_ns=0 clone_ns=0 jitter=0 block_updates=0 one nodes=4 cores=8 pages=16777216)
	holds 'four < one * 1.01 && four > one * 0.99' "one=$one" "four=$four"
	four=$(ns socket_ns=20000 one nodes=4 cores=8 pages=16777216)
	holds 'four > one * 2' "one=$one" "four=$four"
}

# Blocks that are freed together: counters and lock are needed once for all of them
test_sections_spare_lock_and_counters() {
	local blocks sections

	blocks=$(ns socket_ns=20000 one nodes=4 cores=8 pages=16777216)
	sections=$(ns socket_ns=20000 one nodes=4 cores=8 pages=16777216 sections=1)
	holds 'sections < blocks / 4' "sections=$sections" "blocks=$blocks"
	blocks=$(ns core_ns=3000 hit_ns=1 block_updates=0 one cores=8 pages=16777216)
	sections=$(ns core_ns=3000 hit_ns=1 section_updates=0 one cores=8 pages=16777216 sections=1)
	holds 'sections < blocks / 2' "sections=$sections" "blocks=$blocks"
}

test_stores_past_caches_need_less_bandwidth() {
	local through past

	through=$(ns bandwidth_share=1 one cores=16 pages=16777216 page_ns=5 peak=50)
	past=$(ns bandwidth_share=1 one cores=16 pages=16777216 page_ns=5 peak=50 past_caches=1)
	holds 'past < through * 0.7' "past=$past" "through=$through"
}

# Of the speed-ups that pins were fitted to
test_pins_fit() {
	local pins

	pins=$(model pins | awk -F'\t' '$1 == "pin_check" && $7 == "fitted"')
	same 8 "$(wc -l <<<"$pins")" 'fitted speed-ups'
	awk -F'\t' '$9 / $8 > 1.05 || $9 / $8 < 0.95 { print "off: " $0; bad = 1 } END { exit bad }' <<<"$pins"
}

test_no_pin_is_faster_than_its_threads_or_what_they_share() {
	model pins | awk -F'\t' '
		$1 == "pin_law" { shared[$2 " " $3] = $4 }
		$1 == "pin_check" && ($9 > $6 || $9 * shared[$2 " " $4] > 1.001) { print "too fast: " $0; bad = 1 }
		$1 == "pin" && $7 * $4 < $6 { print "too fast: " $0; bad = 1 }
		$1 == "pin" { key = $2 " " $3 " " $5
			if (key in before && $7 > before[key] * 1.001) { print "slower than with fewer CPUs: " $0; bad = 1 }
			before[key] = $7; n++ }
		END { exit bad || n < 8 }'
}

# Two threads gain what was measured, more of them no more than is shared
test_exits_begin_at_the_gain_of_two() {
	{ model exit_gain=1.5 exits; model exit_gain=1.9 exits; } | awk -F'\t' '
		$4 == 2 && ($5 / $2 > 1.005 || $5 / $2 < 0.995) { print "off: " $0; bad = 1 }
		$5 * $3 > 1.001 || $5 > $4 { print "too fast: " $0; bad = 1 }
		END { exit bad || NR != 12 }'
}

test_result_does_not_depend_on_the_portion() {
	local portion time usual

	usual=$(ns one nodes=4 cores=16 socket=16 pages=16777216 page_ns=3 portion=1024)
	for portion in 8192 32768 131072; do
		time=$(ns one nodes=4 cores=16 socket=16 pages=16777216 page_ns=3 portion="$portion")
		holds 'time / usual < 1.03 && time / usual > 0.97' "time=$time" "usual=$usual"
	done
}

# Helpers come one after the other: the last of many has no work any more
test_starts_take_time() {
	local late idle

	late=$(model one cores=256 socket=256 peak=0 pages=16777216 page_ns=3 | cut -d' ' -f6)
	idle=$(model one cores=256 socket=256 peak=0 pages=16777216 page_ns=3 idle=1 | cut -d' ' -f6)
	holds 'late < 240 && idle > late * 1.2' "late=$late" "idle=$idle"
}

# The rules are the kernel's: as many chunks and threads as it had on User Mode Linux, where an
# index took 7.89 ns (results/padata.json of 2026-11-28)
test_chunks_are_as_many_as_the_kernel_had() {
	local size chunks threads known had

	while read -r size known had; do
		read -r _ _ _ _ chunks threads < <(model jitter=0 one cores=2 peak=0 idle=1 \
			min_chunk=1 no_locks=1 portion=1099511627776 page_ns=7.89 pages="$size")
		same "$had" "$threads" "threads for $size"
		holds 'chunks >= known - 1 && chunks <= known + 1' "chunks=$chunks" "known=$known"
	done <<-END
		1000 4 1
		3000 5 1
		10000 7 1
		30000 42 2
		100000 58 2
		300000 107 2
		1000000 278 2
	END
}

test_same_input_same_result() {
	same "$(model one nodes=3 cores=9 pages=9999999)" "$(model one nodes=3 cores=9 pages=9999999)"
}

# ns, of the caller, interrupted, missed, twice
test_each_cpu_is_drained_once() {
	local cpus remote drainers interrupted rest

	while read -r cpus remote drainers; do
		read -r _ _ interrupted rest < <(model drain cpus="$cpus" remote="$remote" \
			drainers="$drainers" folios=100)
		same "0 0" "$rest" "missed and twice of $cpus, $remote, $drainers"
		same $((cpus - remote)) "$interrupted" "interrupted of $cpus, $remote, $drainers"
	done <<-END
		1 0 1
		1 1 1
		64 0 1
		64 64 1
		64 13 1
		64 50 7
		3 3 8
		1000 999 64
	END
}

test_what_the_caller_drains_takes_it_longer() {
	local one two

	one=$(ns drain cpus=64 node=64 remote=64)
	two=$(ns drain cpus=64 node=64 remote=64 folios=30)
	holds 'two > one * 1.5' "one=$one" "two=$two"
	two=$(ns drain cpus=128 node=128 remote=128)
	holds 'two > one * 1.95 && two < one * 2.05' "one=$one" "two=$two"
}

# However many CPUs drain a node, they pass its LRU lock one after the other
test_lru_lock_serialises() {
	local time

	time=$(ns folio_ns=1000 drain cpus=64 node=64 folios=31)
	holds 'time >= 64 * 31 * 1000' "time=$time"
	time=$(ns folio_ns=1000 drain cpus=64 node=64 folios=31 remote=64 drainers=16 fetch=1)
	holds 'time >= 64 * 31 * 1000' "time=$time"
}

test_unknown_words_are_refused() {
	local words

	for words in "nothing=1 one" "one nothing=1" "drain nothing=1" "nonsense"; do
		# shellcheck disable=SC2086 # words
		if model $words >"$T/said" 2>&1; then
			echo "accepted: $words"
			return 1
		fi
		grep -q '^model: ' "$T/said"
	done
}

test_without_results_it_says_which() {
	mkdir "$T/p"
	cp -r "$TESTS_TOP/lab" "$T/p/"
	refuses 'results/padata.json is missing' env BUILD="$T/build" "$T/p/lab/bench/model.sh"
}

gcc -O2 -o "$SCRATCH/model" "$MODEL"/*.c -lm
run_tests "$@"
