# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/deferred_init.json

"Deferred struct page init, \(.date)", .machine, "load before, after: \(.load)", "",
(.cases[] | "\(.gib) GiB, \(.kernel), \(.cpus) CPUs: \(.median) ms (\(.ms | min) to \(.ms | max))"),
(.patched_is_faster[] | "\(.gib) GiB, \(.cpus) CPUs: patched is faster in \(.wins) of \(.pairs) pairs, p = \(.p * 1e4 | round / 1e4)"),
(.threads[] | "\(.thread): \(.chunks) chunks, busy for \(.busy_ns / 1e6 | round) ms"),
(.split[] | "\(.cpus) CPUs: \(.threads) threads, \(.chunks) chunks, \(.least) to \(.most) each, \(.pages) pages"),
(.goals | to_entries[] | "\(.key): \(.value.value | tostring), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
