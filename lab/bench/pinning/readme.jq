# SPDX-License-Identifier: GPL-2.0-only
#
# results/pinning.json for the README

def both($what): "\(.unpatched[$what]) → \(.patched[$what])";
def pair($what): "\(both($what)) (\(.ratio[$what]))";

. as $all |
"Maps and unmaps of \(.mib) MiB by iommufd, unpatched → patched (ratio); 2 CPUs for the gain of two",
"threads of user space with ioctls of their own (\(.date), \(.machine), load before and after \(.load), commit \(.commit)):",
"",
"| memory | runs of adjacent pages | instructions of a page: map | unmap | unmap of what only the map holds | two threads against one, patched: map | unmap |",
"|---|---|---|---|---|---|---|",
(.instructions[] | .name as $name |
	($all.last_references[] | select(.name == $name)) as $last |
	($all.times[] | select(.name == $name).patched) as $t |
	"| \(.name) | \(.runs) | \(pair("map")) | \(pair("unmap")) | \($last | pair("unmap")) | \($t.map.gain.median)x | \($t.unmap.gain.median)x |"),
"",
(if .containers then
"The same memory by the ioctls of VFIO's type 1, behind an emulated IOMMU of Intel, instructions of a page,",
"unpatched → patched:",
"",
"| memory | vfio_iommu_type1: map | unmap | iommufd, opened as container: map | unmap |",
"|---|---|---|---|---|",
(.containers[] | "| \(.name) | \(.type1 | both("map")) | \(.type1 | both("unmap")) | \(.compatible | both("map")) | \(.compatible | both("unmap")) |"),
""
else empty end),
"Memory that the map has to allocate first, ns of a page, and two threads against one:",
"",
"| memory | unpatched | two | patched | two |",
"|---|---|---|---|---|",
(.fresh[] | "| \(.name) | \(.unpatched.one.median) | \(.unpatched.gain.median)x | \(.patched.one.median) | \(.patched.gain.median)x |"),
"",
"Another thread takes the mmap lock for writing all the time, mean and longest wait:",
(.waits[] | "\(.memory): \(.unpatched.mean.median) and \(.unpatched.longest.median) us unpatched, \(.patched.mean.median) and \(.patched.longest.median) us patched."),
"",
"Small maps, instructions of a call:",
"",
"| size | map | unmap |",
"|---|---|---|",
(.small[] | "| \(.name) | \(pair("map")) | \(pair("unmap")) |"),
"",
"Goals reached: \([.goals[].reached | select(.)] | length) of \(.goals | length)\(.goals | to_entries | map(select(.value.reached | not) | "\(.key), \(.value.value) (\(.value.goal))") | if . == [] then "." else "; missed: \(join("; "))." end)"
