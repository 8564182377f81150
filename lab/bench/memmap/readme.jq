# SPDX-License-Identifier: GPL-2.0-only
#
# results/memmap.json for the README

def ways: ["memset", "fields", "copies", "non-temporal"];
. as $all |
def cell($mib; $threads; $way):
	($all.native[] | select(.mib == $mib and .threads == $threads and .way == $way) |
	 "\(.write.median) ns (\(.to_memset.median)x)") // "–";

"Memory maps (\(.date), \(.machine), load before and after \(.load), commit \(.commit)). What it costs this",
"processor to write a struct page, in user space, and beside memset() of as many bytes:",
"",
"| memory map | threads | memset() | field by field | copies | non-temporal |",
"|---|---|---|---|---|---|",
((256, 1024) as $mib | (1, 2) as $threads |
	"| \($mib) MiB | \($threads) | \([ways[] | cell($mib; $threads; .)] | join(" | ")) |"),
"",
"In guests, times emulated:",
"",
"| work | unpatched | patched, one thread | two threads | instructions |",
"|---|---|---|---|---|",
(.times[] | .case as $case | ($all.instructions[] | select(.case == $case)) as $i |
	"| \(.name) | \(.unpatched.ms.median) ms | \(.one.ms.median) ms (\(.one.ratio)) | \(.two.ms.median) ms (\(.two.ratio)) | \($i.unpatched) → \($i.patched) (\($i.ratio)) |"),
"",
(.calls_per_gib[] | "Deferred init calls `\(.function | gsub(","; "()` and `"))()` \(.unpatched) times per GiB unpatched, \(.patched) times patched (\(.ratio))."),
(.scans[] | "\(.name): the kernel looks at \(.unpatched) pageblocks unpatched, at \(.patched) patched."),
"",
"Goals reached: \([.goals[].reached | select(.)] | length) of \(.goals | length)\(.goals | to_entries | map(select(.value.reached | not) | "\(.key), \(.value.value) (\(.value.goal))") | if . == [] then "." else "; missed: \(join("; "))." end)"
