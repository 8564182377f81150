# SPDX-License-Identifier: GPL-2.0-only
# results/model.json for a reader

def percent: . * 100 | round | if . > 0 then "+\(.)%" else "\(.)%" end;
def bare: . * 100 | round | "\(.)%";
def seconds: . / 10 | round / 100 | "\(.) s";

(.checks.errors[] | "\(.machine): " + ([
	(.fitted | select(.worst) | "fitted, off by \(.mean | bare), at worst \(.worst | percent)"),
	(.predicted | select(.worst) | "predicted, off by \(.mean | bare), at worst \(.worst | percent)")] |
	join("; "))),
(.checks.predicted | "all \(.times) predicted times: off by \(.mean | bare), at worst \(.worst | percent); \(.within_a_quarter) within a quarter"),
(.checks.repeated | "their \(.speedups) speed-ups, published twice: apart by \(.mean | bare), at worst \(.worst | percent)"),
(.checks.small_jobs[] | "job of \(.size) on UML: \(.chunks) chunks (measured \(.measured_chunks)), \(.threads) threads (\(.measured_threads)), \(.error | percent)"),
(.checks.guest | "guest of 64 GiB, 2 CPUs: \(.chunks) chunks (measured \(.measured_chunks)), \(.error | percent)"),
(.checks.stocks | "drain of 128 CPUs as published of memcg stocks: \(.error | percent)"),
(.stops[] | "64 TiB, \(.nodes) nodes, \(.design): stops at \(.cpus) CPUs, \(.ms | seconds)"),
(.checks.pins_predicted[] | "pins, \(.machine), \(.state): \(.times) predicted speed-ups off by \(.mean | bare), at worst \(.worst | percent)"),
(.pins[] | "1 TiB pinned, \(.memory), \(.state), \(.cpus) CPUs, \(.nodes) node(s): \(.s * 1000 | seconds), one thread \(.one_s * 1000 | seconds)"),
(.exits[] | "exit by \(.threads) threads: \(.speedup)x")
