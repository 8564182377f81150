# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as qpw.sh gathers them, to one object of figures and goals. A line is
# a case, what was counted, and its words and numbers; qpw_bench.c and native.c say which.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };
def numbers: map(tonumber);

[inputs | split(" ")] as $all |
def lines($case; $what): $all | map(select(.[0] == $case and .[1] == $what));

# Instructions of one turn of a path: what more turns take more
def per_turn($case; $cpu; $path):
	lines($case; "path") | map(select(.[2] == $cpu and .[3] == $path) | .[4:6] | numbers) |
	group_by(.[0]) | map([.[0][0], (map(.[1]) | min)]) |
	(last[1] - first[1]) / (last[0] - first[0]);

# A folio takes a little more or less (0.2%), as counters of the zone overflow or do not.
#
# Locked instructions of one turn, and how many of all steps it were
def stepped($case; $cpu; $path):
	lines($case; "steps") | map(select(.[2] == $cpu and .[3] == $path) | .[4:7] | numbers) |
	(last[0] - first[0]) as $turns |
	{ steps: ((last[1] - first[1]) / $turns), locked: ((last[2] - first[2]) / $turns) };

def path($name; $case; $cpu; $path):
	per_turn($case; $cpu; $path) as $n | per_turn("unpatched"; $cpu; $path) as $base |
	stepped($case; $cpu; $path) as $s | stepped("unpatched"; $cpu; $path) as $s0 |
	{ case: $name, path: $path, instructions: ($n | places(2)), unpatched: ($base | places(2)),
	  more: ($n - $base | places(2)), ratio: ($n / $base | places(4)),
	  locked: ($s.locked | places(2)), locked_more: ($s.locked - $s0.locked | places(2)) };

def drain($case; $what; $full): lines($case; "drain") |
	map(select(.[2] == $what and .[3] == $full)[4] | tonumber) | min;
def shrink($case): drain($case; "shrink"; "1") - drain($case; "shrink"; "0");

["pair", "kmalloc", "folio"] as $names |
[ path("n"; "n"; "0"; $names[]), path("0"; "0"; "0"; $names[]),
  path("housekeeping"; "remote"; "0"; $names[]), path("remote"; "remote"; "1"; $names[]) ] as $paths |
def figure($case; $path): $paths[] | select(.case == $case and .path == $path);

# ticks of 60 additions, which are 60 cycles; of the lock alone and among them
(lines("host"; "native") | map(.[2:7] | numbers)) as $native |
def cycles($i; $j): $native | map((.[$j] - .[$i]) / .[0] * 60) | median | places(1);
{ alone: cycles(1; 2), among: cycles(3; 4) } as $locked |

# A kmalloc of 60 cycles, if its instructions take as long as each other, and the lock
def reckoned($cost): figure("remote"; "kmalloc") |
	(60 * .ratio + .locked_more * $cost) / 60 | places(3);

def at_most($case; $path; $limit):
	figure($case; $path) | goal(.ratio; "<= \($limit)"; .ratio <= $limit);
def none_locked($case; $path):
	figure($case; $path) | goal(.locked_more; "no locked operation more"; .locked_more < 0.1);

{ benchmark: "QPW: fast paths and drains", machine: $machine, load: $load, base: $base,
  commit: $commit, date: $date, gcc: $gcc,
  unit: "instructions executed; cycles where it says so",
  kind: "instructions: exact, by -icount, memory controller off; locked: counted step by step; cycles: measured on the host in the same run",
  paths: $paths,
  drains: {
	work: { queued: drain("0"; "work"; "1"), remote: drain("remote"; "work"; "1") },
	shrink: { unpatched: shrink("unpatched"), queued: shrink("0"), remote: shrink("remote") } },
  longest_hold: (lines("remote"; "hold") | last | last | tonumber),
  locked_cycles: ($locked + { what: "compare and exchange instead of a store, alone and among 60 cycles of other work" }),
  goals: {
	"QPW=n, kmalloc and kfree": at_most("n"; "pair"; 1),
	"QPW=n, folio": at_most("n"; "folio"; 1.002),
	"no CPU remote, kmalloc and kfree": at_most("0"; "pair"; 1.01),
	"no CPU remote, kmalloc and kfree, locked": none_locked("0"; "pair"),
	"no CPU remote, folio": at_most("0"; "folio"; 1.01),
	"no CPU remote, folio, locked": none_locked("0"; "folio"),
	"another CPU remote, kmalloc and kfree": at_most("housekeeping"; "pair"; 1.03),
	"another CPU remote, kmalloc and kfree, locked": none_locked("housekeeping"; "pair"),
	"another CPU remote, folio": at_most("housekeeping"; "folio"; 1.03),
	"another CPU remote, folio, locked": none_locked("housekeeping"; "folio"),
	"remote CPU, kmalloc of 60 cycles, reckoned with the lock alone":
		(reckoned($locked.alone) | goal(.; "<= 1.25"; . <= 1.25)) },
  reckoned_among: reckoned($locked.among) } |
.goals += (.drains | {
	"remote drain of 16 list entries, of queueing it":
		(.work.remote / .work.queued | places(3) | goal(.; "<= 1/3"; . <= 1 / 3)),
	"remote drain of 16 objects in SLUB, of queueing it":
		(.shrink.remote / .shrink.queued | places(3) | goal(.; "<= 1/3"; . <= 1 / 3)) })
