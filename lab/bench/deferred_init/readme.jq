# SPDX-License-Identifier: GPL-2.0-only
#
# results/deferred_init.json for the README

def shown: "\(.median) ms (\(.ms | min) to \(.ms | max))";
def case($gib; $cpus; $kernel): .cases[] |
	select(.gib == $gib and .cpus == $cpus and .kernel == $kernel);
def enough: if .p >= 0.001 then ", p = \(.p * 1000 | round / 1000)" else ", p < 0.001" end;

. as $all |
"Deferred struct page init, \(.cases[0].ms | length) boots of each case in turn, by the host's clock (\(.date),",
"\(.machine), load before and after \(.load), commit \(.commit)):",
"",
"| guest | CPUs | unpatched | patched | patched is faster in |",
"|---|---|---|---|---|",
(.patched_is_faster[] | . as $f |
	"| \(.gib) GiB | \(.cpus) | \($all | case($f.gib; $f.cpus; "unpatched") | shown) | \($all | case($f.gib; $f.cpus; "patched") | shown) | \(.wins) of \(.pairs) pairs\(enough) |"),
"",
"How the work of 64 GiB is split; all initialise \(.split | map(.pages) | unique | map(tostring) | join(" or ")) pages:",
"",
"| CPUs | threads that had chunks | chunks | of each thread |",
"|---|---|---|---|",
(.split[] | "| \(.cpus) | \(.threads) | \(.chunks) | \(.least) to \(.most) |")
