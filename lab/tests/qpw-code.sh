#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Without CONFIG_QPW, what QPW touches is compiled to the machine code of the unpatched base:
# every function of these objects except those in may_differ(). Disassembly is compared, not
# objects, since line numbers and the order of functions change. (The replacements that
# alternatives patch in are in a section of their own, in the order of the functions. They
# are not compared; the original instructions are.)

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"

OBJECTS=(mm/slub.o mm/folio.o mm/mlock.o mm/memcontrol.o fs/buffer.o)

# What may differ, and why: it is the draining that QPW is about
may_differ() {
	sed 's/ *#.*//' <<-END
		mm/slub.o flush_all_cpus_locked		# works are set up first, then queued together
		mm/slub.o flush_rcu_sheaves_on_cache	# the same
		mm/slub.o run_flush_works		# new: queues and flushes them
		mm/slub.o flush_cpu_sheaves		# the work: has the CPU as an argument
		mm/slub.o flush_rcu_sheaf		# the same
		mm/slub.o sheaf_flush_main		# part of that work, which flushes in passes
		mm/slub.o deferred_work_barrier		# lets one task at a time wait, with and without QPW
		mm/slub.o __qpw_work_fn			# new: enters a work function on its CPU only
		mm/folio.o __lru_add_drain_all		# works are set up first, then queued together
		mm/folio.o lru_add_drain_per_cpu	# the work: is one of a CPU
		mm/folio.o lru_add_drain_remote		# new: drains a CPU that is offline
		mm/folio.o folio_batch_drain_remote	# new: part of it
		mm/folio.o folio_batch_detach		# new: part of it
		mm/mlock.o mlock_drain_remote		# part of it: takes the lock for a moment only
		mm/slub.o slab_flush_workqueue		# new: not called without QPW
		mm/folio.o __qpw_work_fn		# as above
		mm/memcontrol.o drain_all_stock		# uses drain_stocks
		mm/memcontrol.o drain_stocks		# new: drains a CPU
		mm/memcontrol.o run_or_queue_drain	# new: part of it
		mm/memcontrol.o drain_stocks_again	# new: repeats a drain
		mm/memcontrol.o lock_stock		# new: takes the lock of a CPU to drain
		mm/memcontrol.o drain_cpu_memcg_stock	# the work: moves charges aside first
		mm/memcontrol.o drain_cpu_obj_stock	# the same
		mm/memcontrol.o memcg_stock_drain_fn	# the same
		mm/memcontrol.o obj_stock_drain_fn	# the same
		mm/memcontrol.o drain_local_memcg_stock	# was that work
		mm/memcontrol.o drain_local_obj_stock	# the same
		mm/memcontrol.o memcg_hotplug_cpu_dead	# the same for a CPU that is offline
		mm/memcontrol.o mem_cgroup_flush_workqueue	# drains CPUs in remote mode: none
		mm/memcontrol.o mem_cgroup_css_offline	# repeats a drain that was skipped
		mm/memcontrol.o mem_cgroup_init		# sets up the works
		mm/memcontrol.o memory_high_write	# drain_all_stock() is inlined or not
		mm/memcontrol.o memory_max_write	# the same
		mm/memcontrol.o try_charge_memcg	# the same
		mm/memcontrol.o refill_stock		# drain_idx is elsewhere in the stock
		mm/memcontrol.o __refill_obj_stock	# the same
		mm/memcontrol.o __qpw_work_fn		# as above
		mm/memcontrol.o mem_cgroup_take_over_high	# new, of topic padata
		mm/memcontrol.o mem_cgroup_add_over_high	# the same
		mm/memcontrol.o __mem_cgroup_handle_over_high	# padata: heeds the task that is charged for
		mm/memcontrol.o __memcg_kmem_charge_page	# padata: task_struct.objcg is elsewhere
		mm/memcontrol.o __memcg_slab_post_alloc_hook	# the same
		mm/memcontrol.o current_obj_cgroup	# the same
		mm/memcontrol.o current_objcg_update	# the same
		mm/memcontrol.o mem_cgroup_attach	# the same
		mm/memcontrol.o mem_cgroup_exit		# the same
		mm/memcontrol.o mem_cgroup_fork		# the same
		fs/buffer.o find_get_block_common	# other registers; make bench counts the instructions
	END
}

# The objects as built into $ROOM/FOLDER
build() { # CONFIG [SERIES]
	CONFIG=$1 SERIES=${2:-} OUT='' TARGETS="${OBJECTS[*]}" "$LAB/kernel.sh"
}

# "function instruction" a line, functions sorted. A relocation against a place in a section
# moves with what is before it: in code it becomes the function's name, else it is cut off.
code() { # OBJECT
	{ objdump -t "$1"; objdump -dr --no-show-raw-insn --no-addresses "$1"; } | awk '
		function hex(s,   i, n) {
			for (i = 1; i <= length(s); i++)
				n = n * 16 + index("123456789abcdef", substr(s, i, 1))
			return n
		}
		function function_at(section, at) {
			return (section, at) in symbol ? symbol[section, at] : at
		}
		/ F \./ { symbol[$(NF - 2), hex($1) + 0] = $NF; next }
		/^Disassembly of section/ { on = !/altinstr/; next }
		/^<.*>:$/ { name = substr($1, 2, length($1) - 3); next }
		!on || !NF { next }
		$1 ~ /^R_X86_64/ && match($2, /[+-]0x[0-9a-f]+$/) && $2 ~ /^(\.|__bug_table)/ {
			section = substr($2, 1, RSTART - 1)
			at = hex(substr($2, RSTART + 3)) + ($1 ~ /PC32|PLT32/ ? 4 : 0)
			$2 = section ~ /^\.text/ ? function_at(section, at) : section
		}
		{ $1 = $1; gsub(/[0-9a-f]+ </, "<"); print name "\t" $0 }' |
		sort -s -t "$(printf '\t')" -k1,1
}

# Names of functions that are in one object only, or differ
differing() { # OBJECT OBJECT
	{ diff <(code "$1") <(code "$2") || true; } | sed -nE 's/^[<>] ([^\t]+)\t.*/\1/p' |
		sed -E 's/\.(cold|part|constprop|isra)\b.*//' | sort -u
}

# "OBJECT function" for all that differs between two object folders
all_differing() { # FOLDER FOLDER
	local object

	for object in "${OBJECTS[@]}"; do
		[ "$(code "$ROOM/$1/$object" | wc -l)" -gt 500 ] ||
			{ echo "$object: no code"; return 1; }
		differing "$ROOM/$1/$object" "$ROOM/$2/$object" | sed "s|^|$object |"
	done
}

test_without_qpw_the_code_is_that_of_the_base() {
	build qemu none
	build qemu-noqpw
	all_differing base/qemu qemu-noqpw | tee "$T/differs"
	grep -vxFf <(may_differ | sed 's/[ \t]*$//') "$T/differs" >"$T/more" || true
	same '' "$(<"$T/more")" "functions that must not differ"
}

# The same comparison finds what CONFIG_QPW changes on paths that are no draining
test_the_comparison_finds_differences() {
	local function

	build qemu none
	build qemu
	all_differing base/qemu qemu >"$T/differs"
	for function in 'mm/slub.o kmem_cache_alloc_noprof' 'mm/slub.o kfree' \
		'mm/mlock.o mlock_folio' 'mm/folio.o lru_add_drain' 'fs/buffer.o .*'; do
		grep -qx "$function" "$T/differs" || { echo "no difference in $function"; return 1; }
	done
}

run_tests "$@"
