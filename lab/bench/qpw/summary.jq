# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as qpw.sh gathers them, to one object of figures and goals. A line is
# a case, what was counted, and its words and numbers; qpw/*.c say which.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };
def numbers: map(tonumber);

[inputs | split(" ")] as $all |
def lines($case; $what): $all | map(select(.[0] == $case and .[1] == $what));

# the numbers of one path, of CPU, name, size and context
def of_path($case; $what; $cpu; $path):
	lines($case; $what) | map(select(.[2] == $cpu and .[3:6] == $path) | .[6:] | numbers);

# Instructions of one turn of a path: what more turns take more
def per_turn($case; $cpu; $path): of_path($case; "path"; $cpu; $path) | sort_by(.[0]) |
	(last[1] - first[1]) / (last[0] - first[0]);

# Locked instructions of one turn; null where they were not counted
def locked($case; $cpu; $path): of_path($case; "steps"; $cpu; $path) | sort_by(.[0]) |
	if length == 0 then null else (last[2] - first[2]) / (last[0] - first[0]) end;

# ticks of 60 additions, which are 60 cycles; of the lock alone and among them
(lines("host"; "native") | map(.[2:7] | numbers)) as $native |
def cycles($i; $j): $native | map((.[$j] - .[$i]) / .[0] * 60) | median | places(1);
{ alone: cycles(1; 2), among: cycles(3; 4) } as $locked_cycles |

# A kmalloc of 60 cycles, if instructions take as long as each other, and the lock
def reckoned($cpu; $more_locked; $base; $ratio; $cost):
	($base * 60 / per_turn("unpatched"; $cpu; ["kmalloc", "64", "irqs-off"])) as $cycles |
	$ratio + $more_locked * $cost / $cycles | places(3);

# Folios vary by 0.2%, as counters of the zone overflow or do not
def limit: { n: 1.002, "0": 1.01, housekeeping: 1.03, remote: 1.25, "1": 1.25 }[.];

def path($name; $case; $cpu; $path):
	per_turn($case; $cpu; $path) as $n | per_turn("unpatched"; $cpu; $path) as $base |
	locked($case; $cpu; $path) as $locked |
	(if $locked then $locked - locked("unpatched"; $cpu; $path) else null end) as $more |
	{ case: $name, path: $path[0], size: ($path[1] | tonumber), context: $path[2],
	  instructions: ($n | places(2)), unpatched: ($base | places(2)),
	  more: ($n - $base | places(2)), ratio: ($n / $base | places(4)),
	  locked: (if $locked then $locked | places(2) else null end),
	  locked_more: (if $more then $more | places(2) else null end) } |
	.reckoned = (if $more then reckoned($cpu; .locked_more; $base; .ratio; $locked_cycles.alone) else null end) |
	.limit = ($name | limit) |
	.within = ((if .limit == 1.25 then .reckoned // .ratio else .ratio end) <= .limit);

def drain($case; $what; $full): lines($case; "drain") |
	map(select(.[2] == $what and .[3] == $full)[4] | tonumber) | min;
def shrink($case): drain($case; "shrink"; "1") - drain($case; "shrink"; "0");

(lines("unpatched"; "path") | map(select(.[2] == "0")[3:6]) |
	reduce .[] as $p ([]; if index([$p]) then . else . + [$p] end)) as $names |
[ $names[] as $p | path("n"; "n"; "0"; $p), path("0"; "0"; "0"; $p),
  path("housekeeping"; "auto"; "0"; $p), path("remote"; "auto"; "1"; $p),
  path("1"; "1"; "0"; $p) ] as $paths |
def figure($case; $path): $paths[] | select(.case == $case and .path == $path and
	.context == "irqs-off" and (.size == 64 or .size == 4096 and $path == "folio"));
def at_most($case; $path; $limit):
	figure($case; $path) | goal(.ratio; "<= \($limit)"; .ratio <= $limit);
def none_locked($case; $path):
	figure($case; $path) | goal(.locked_more; "no locked operation more"; .locked_more < 0.1);
# The buffer cache is used with interrupts enabled.
def lookup($case; $path): $paths[] | select(.case == $case and .path == $path and .context == "task");
def lookup_at_most($case; $limit): lookup($case; "getblk4") |
	goal(.ratio; "<= \($limit)"; .ratio <= $limit);
def lookup_locked($case; $path; $limit): lookup($case; $path) |
	goal(.locked_more; "<= \($limit)"; .locked_more <= $limit);
def kmalloc_reckoned($cost): figure("remote"; "kmalloc") |
	(60 * .ratio + .locked_more * $cost) / 60 | places(3);

{ benchmark: "QPW: fast paths and drains", machine: $machine, load: $load, base: $base,
  commit: $commit, date: $date, gcc: $gcc,
  unit: "instructions executed; cycles where it says so",
  kind: "instructions: exact, by -icount, memory controller off where nothing is charged; locked: counted step by step; cycles: measured on the host in the same run; reckoned: against unpatched, with what locked instructions cost, if 60 cycles pass in a kmalloc",
  cases: { n: "CONFIG_QPW=n", "0": "qpw=0", housekeeping: "qpw=auto, the CPU that is not isolated",
	remote: "qpw=auto, the isolated CPU", "1": "qpw=1" },
  paths: $paths,
  drains: {
	work: { queued: drain("0"; "work"; "1"), remote: drain("auto"; "work"; "1") },
	shrink: { unpatched: shrink("unpatched"), queued: shrink("0"), remote: shrink("auto") } },
  longest_hold: (lines("auto"; "hold") | last | last | tonumber),
  locked_cycles: ($locked_cycles + { what: "compare and exchange instead of a store, alone and among 60 cycles of other work" }),
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
	"QPW=n, accounted kmalloc and kfree": at_most("n"; "accounted"; 1.002),
	"no CPU remote, accounted kmalloc and kfree": at_most("0"; "accounted"; 1.01),
	"no CPU remote, accounted kmalloc and kfree, locked": none_locked("0"; "accounted"),
	"another CPU remote, accounted kmalloc and kfree": at_most("housekeeping"; "accounted"; 1.03),
	"another CPU remote, accounted kmalloc and kfree, locked": none_locked("housekeeping"; "accounted"),
	"QPW=n, lookup of a block": lookup_at_most("n"; 1),
	"no CPU remote, lookup of a block": lookup_at_most("0"; 1.01),
	"no CPU remote, lookup of a block, locked ones more": lookup_locked("0"; "getblk4"; 0),
	"another CPU remote, lookup of a block": lookup_at_most("housekeeping"; 1.03),
	"another CPU remote, lookup of a block, locked ones more": lookup_locked("housekeeping"; "getblk4"; 0),
	"remote CPU, lookup that hits, locked ones more": lookup_locked("1"; "getblk4"; 1),
	"remote CPU, lookup that misses, locked ones more": lookup_locked("1"; "getblk32"; 2),
	"isolated CPU, lookup of a block, of unpatched": lookup_at_most("remote"; 1),
	"remote CPU, kmalloc of 60 cycles, reckoned with the lock alone":
		(kmalloc_reckoned($locked_cycles.alone) | goal(.; "<= 1.25"; . <= 1.25)) },
  reckoned_among: kmalloc_reckoned($locked_cycles.among) } |
.goals += (.drains | {
	"remote drain of 16 list entries, of queueing it":
		(.work.remote / .work.queued | places(3) | goal(.; "<= 1/3"; . <= 1 / 3)),
	"remote drain of 16 objects in SLUB, of queueing it":
		(.shrink.remote / .shrink.queued | places(3) | goal(.; "<= 1/3"; . <= 1 / 3)) })
