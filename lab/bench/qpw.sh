#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QPW: what the fast paths that take its locks cost, and what a drain of another CPU's cache
# saves. The module in qpw/ and qpw/mlock.c count instructions (see icount.sh); the module
# also executes the paths step by step and counts locked instructions. What such an
# instruction costs is measured on the host itself, by qpw/native.c, in the same run. The
# samples go to build/log/bench-qpw.lines, one a line; qpw/summary.jq makes
# results/qpw.json of them, and qpw/table.jq a table of what was reached.
#
# CPU 1 is isolated in all guests, so they differ by kernel and qpw= only. Addresses in user
# space are not random, for a page of mlock takes one instruction more with some. RUNS= is how
# many samples are taken.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"
# shellcheck source=../icount.sh
. "$LAB/icount.sh"

RUNS=${RUNS:-11}
SOURCE=$LAB/bench/qpw
OBJECTS=$ROOM/bench/qpw
ISOLATED='isolcpus=domain,managed_irq,1 nohz_full=1 rcu_nocbs=1'
lines=$LOG/bench-qpw.lines
results=$TOP/results/qpw.json

# name, kernel, boot parameter
cases() {
	cat <<-END
		unpatched unpatched
		n n
		0 patched qpw=0
		auto patched qpw=auto
		1 patched qpw=1
	END
}

build_guest() { # KERNEL
	local guest=$OBJECTS/$1/guest

	build_module "$SOURCE" "$(icount_folder "$1")" "$OBJECTS/$1/module"
	mkdir -p "$guest"
	gcc -O2 -Wall -Wextra -static -o "$guest/mlock" "$SOURCE/mlock.c"
	cp "$OBJECTS/$1/module/qpw_bench.ko" "$guest/"
	cat >"$guest/run" <<-END
		#!/bin/sh -e
		insmod /qpw_bench.ko runs=$RUNS
		dmesg | sed -n 's/.*qpw_bench: //p'
		echo 0 >/proc/sys/kernel/randomize_va_space
		/mlock 0 $RUNS
		/mlock 1 $RUNS
		[ ! -e /sys/kernel/debug/qpw ] || sed -n 's/^1 /hold 1 /p' /sys/kernel/debug/qpw
	END
	chmod +x "$guest/run"
	build_accounted_guest "$guest" "$guest-accounted"
}

# The same module charges a memory cgroup.
build_accounted_guest() { # GUEST ACCOUNTED
	mkdir -p "$2"
	cp "$1/qpw_bench.ko" "$2/"
	cat >"$2/run" <<-END
		#!/bin/sh -e
		echo +memory >/sys/fs/cgroup/cgroup.subtree_control
		mkdir /sys/fs/cgroup/bench
		echo 0 >/sys/fs/cgroup/bench/cgroup.procs
		insmod /qpw_bench.ko runs=$RUNS accounted=1
		dmesg | sed -n 's/.*qpw_bench: //p'
	END
	chmod +x "$2/run"
}

build() {
	local kernel

	say "bench qpw: building"
	icount_build
	for kernel in unpatched n patched; do build_guest "$kernel"; done
	gcc -O2 -Wall -Wextra -o "$OBJECTS/native" "$SOURCE/native.c"
}

run_all() {
	local name kernel parameter

	while read -r name kernel parameter <&3; do
		say "bench qpw: $name"
		icount_boot "bench-qpw-$name" "$kernel" "$OBJECTS/$kernel/guest" 2 "$ISOLATED $parameter"
		MEMCG=on icount_boot "bench-qpw-$name-accounted" "$kernel" \
			"$OBJECTS/$kernel/guest-accounted" 2 "$ISOLATED $parameter"
		sed "s/^/$name /" "$LOG/bench-qpw-$name"{,-accounted}.output >>"$lines"
		"$OBJECTS/native" "$RUNS" | sed 's/^/host /' >>"$lines"
	done 3< <(cases)
}

# What the case takes more, in percent
draw() {
	jq -r '.paths[] | select(.size != 8 and .size != 256 and .size != 1024 and
		(.context | IN("irqs-off", "syscall")) and (.path == "pair" and .size == 4096 | not)) |
		[.case, .path, .ratio * 100 - 100] | @tsv' "$results" | awk -F'\t' -v OFS='\t' '
		BEGIN { n = split("n,0,housekeeping,remote,1", c, ","); for (i = 1; i <= n; i++) slot[c[i]] = i
			split("pair nolock alloc free accounted charge kfree_rcu folio mlock munlock", p, " "); for (i in p) at[p[i]] = i }
		$2 in at { s = slot[$1]; print s, at[$2] + (s - (n + 1) / 2) * 0.16, $3 }' >"$LOG/bench-qpw.dat"
	gnuplot <<-END
		set terminal svg size 960,460 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/qpw.svg"
		set title "Instructions of paths with QPW's locks, more than unpatched"
		set ylabel "% more"
		set yrange [-2:9]
		set ytics 1
		set grid ytics
		set style fill solid 0.6
		set boxwidth 0.14
		set bmargin 4.5
		set key top left horizontal maxrows 2 samplen 2
		set xrange [0.5:10.5]
		set xtics ("kmalloc,\nkfree" 1, "the same,\nnolock" 2, "allocation\nof many" 3, "freeing\nof many" 4, \
			"kmalloc,\nkfree,\naccounted" 5, "a page,\ncharged" 6, "kfree_rcu" 7, "folio_add_lru" 8, \
			"mlock,\na page" 9, "munlock,\na page" 10)
		set xzeroaxis lt -1
		array title[5] = ["CONFIG_QPW=n", "qpw=0", "qpw=auto, not isolated", "qpw=auto, isolated", "qpw=1"]
		array color[5] = [0xd3d7cf, 0x888a85, 0x3465a4, 0xc17d11, 0xedd400]
		plot for [s = 1:5] "$LOG/bench-qpw.dat" using (\$1 == s ? \$2 : 1/0):3 \\
			with boxes lc rgb color[s] title title[s]
	END
}

bench_part --arg gcc "$(gcc -dumpfullversion)"
