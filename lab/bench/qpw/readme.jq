# SPDX-License-Identifier: GPL-2.0-only
#
# results/qpw.json for the README. Sizes and contexts of a path share a row where all their
# figures are the same.

def names: { pair: "kmalloc and kfree", nolock: "the same, nolock", alloc: "many objects of a cache",
	free: "freeing them", accounted: "kmalloc and kfree, accounted", charge: "a page, charged to a group",
	kfree_rcu: "kfree_rcu", folio: "folio_add_lru", mlock: "mlock, a page",
	munlock: "munlock, a page" };
def lookups: { getblk: "`__getblk()` of one block", getblk4: "of 4 blocks in turn", getblk32: "of 32 blocks in turn",
	findblk: "`__find_get_block()` of one block", findblk4: "of 4 blocks in turn" };
def contexts: { "irqs-off": "interrupts off", task: "task", softirq: "softirq", hardirq: "hardirq" };

def round1: . * 10 | round / 10;
def case($case): map(select(.case == $case))[0];
def shown: ((.ratio - 1) * 100 | round1) as $more |
	(if $more > 0 then "+\($more)%" elif $more < 0 then "\($more)%" else "0" end) +
	(if .within then "" else ", **goal \(.limit)x**" end);
def where: map(.[0]) | (map(.size) | unique) as $sizes |
	(map(.context) | unique | map(contexts[.] // empty)) as $contexts |
	(if ($sizes | length) > 1 then ", \($sizes | map(tostring) | join(", ")) bytes" else "" end) +
	(if ($contexts | length) > 1 then " (\($contexts | join(", ")))" else "" end);
def locked: map(.[] | select(.case == "remote" and .locked_more))[0] |
	if . then "\(.locked_more | round), \(.reckoned)x" else "–" end;
def row: . as $rows | .[0] | "| \(names[.[0].path])\($rows | where) | \(.[0].unpatched | round1) | " +
	([case("n", "0", "housekeeping", "remote", "1") | shown] | join(" | ")) + " | \($rows | locked) |";

def counted($n; $locked): "\($n | round1), \($locked | round1)";
def now: counted(.instructions; .locked);
def before: counted(.unpatched; .locked - .locked_more);
def lookup_row($name): "| \($name) | \(case("n") | before) | " +
	([case("n", "0", "housekeeping", "1") | now] | join(" | ")) +
	" | \(case("remote") | before) | \(case("remote") | now) |";

"Instructions, unpatched, and how many more with QPW (exact; \(.date), commit \(.commit)):",
"",
"| path | unpatched | `CONFIG_QPW=n` | `qpw=0` | `auto`, not isolated | `auto`, isolated | `qpw=1` | isolated: locked ones more; reckoned |",
"|---|---|---|---|---|---|---|---|",
(.paths as $paths | names | keys_unsorted[] as $name | $paths | map(select(.path == $name)) |
	group_by([.size, .context]) | group_by(map(.instructions))[] | row),
"",
"Lookups in the buffer cache: instructions, and locked ones among them. A CPU caches 16 buffer",
"heads, so 4 blocks hit and 32 miss. An isolated CPU caches none, unless it is in remote mode.",
"",
"| lookup | unpatched | `CONFIG_QPW=n` | `qpw=0` | `auto` | `qpw=1` | isolated, unpatched | isolated, `auto` |",
"|---|---|---|---|---|---|---|---|",
(.paths as $paths | lookups | to_entries[] | . as $name |
	$paths | map(select(.path == $name.key)) | lookup_row($name.value)),
"",
"Reckoned: with \(.locked_cycles.alone) cycles for a locked operation, measured here, if a kmalloc takes 60. Draining 16",
"entries of another CPU's list takes \(.drains.work.remote) instructions, queueing and flushing that work \(.drains.work.queued); 16",
"objects in its sheaf \(.drains.shrink.remote), unpatched \(.drains.shrink.unpatched). A lock is held for at most \(.longest_hold) meanwhile.",
(.goals | map(select(.reached)) | length) as $reached |
"Goals reached: \($reached) of \(.goals | length)\(.goals | to_entries | map(select(.value.reached | not) | "; missed: \(.key), \(.value.value) (\(.value.goal))") | join(""))."
