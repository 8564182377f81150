# SPDX-License-Identifier: GPL-2.0-only
#
# results/model.json for the README

def percent: fabs * 100 | round | "\(.)%";
def figures($n): if . == 0 then 0 else pow(10; $n - 1 - (fabs | log10 | floor)) as $p | . * $p | round / $p end;
def seconds: . / 1000 | figures(2) | "\(.) s";
def ms: figures(2) | "\(.) ms";

.stops as $stops | .init as $init | .ifs as $ifs | .drains as $drains |
def stop($nodes; $design): $stops[] | select(.nodes == $nodes and .design == $design);
def init($nodes; $design): $init | map(select(.nodes == $nodes and .design == $design and .tib == 64));
def last_start($design): init(1; $design) | max_by(.cpus).last_start_ms;
def drain($how; $cpus): $drains[] | select(.how == $how and .cpus == $cpus and .folios == 15);

stop(8; "series") as $eight | stop(32; "series") as $many | stop(8; "counters per chunk") as $counters |
stop(1; "series") as $one | drain("queued"; 1024) as $queued | drain("all remote"; 1024) as $remote |

"Fitted to one machine published in 2020 and one time of another, it is off by \(.checks.predicted.mean | percent) on average in",
"\(.checks.predicted.times) other times, at worst by \(.checks.predicted.worst | percent); speed-ups published twice differ by \(.checks.repeated.mean | percent). In chunks of jobs on User",
"Mode Linux it is off by \([.checks.small_jobs[] | .chunks - .measured_chunks | fabs] | max) at most. But 1024 CPUs are far from all that: believe what limits, not",
"how many seconds (\(.date), commit \(.commit)). Scaling stops where twice the CPUs are",
"less than 1.25 times as fast.",
"",
"- *8 or 32 nodes* stop at \($eight.cpus) and \($many.cpus) CPUs, with \($eight.ms | seconds) and \($many.ms | seconds) for 64 TiB: each free of 4 MiB updates",
"  `vm_zone_stat` \(.parameters[] | select(.name == "block_updates").value) times (counted in a guest), one cache line for all nodes. Did the line stay for",
"  them, it would be \($ifs[] | select(.parameter == "block_updates" and .nodes == 8 and .tib == 64 and .design == "series").ms | seconds). Counted once per chunk instead: \($counters.ms | seconds), where \($counters.cpus) CPUs",
"  use all the bandwidth of memory, and only less traffic would help (half of it: \(init(8; "all") | min_by(.ms).ms | seconds)).",
"- *One node* of that size stops at \($one.cpus) CPUs, \($one.ms | seconds), for zone->lock; CPUs of other sockets make it",
"  worse (\(init(1; "series") | max_by(.cpus).ms | seconds)). With the counters, and the lock taken for 32 MiB at a time: \(init(1; "counters, lock") | min_by(.ms).ms | seconds).",
"- padata itself does not limit: the line of claims is busy for \($init | map(select(.design == "series" and .tib == 64).claims_busy) | max * 100 | figures(1))% of the time at most, so more",
"  pools of indices gain nothing. The last helper comes after \(last_start("series") | ms), as one worker is created after",
"  the other; workers that create workers make it \(last_start("workers create workers") | ms), of use below 1 TiB only.",
"- *Drains* (`results/model-drain.svg`), 15 folios a CPU: 16 CPUs in remote mode take the caller \(drain("all remote"; 16).us / 16 | figures(2)) us",
"  each, those of other sockets \(($remote.us - drain("all remote"; 512).us) / 512 | figures(2)) us, and disturb nobody. Queueing is no faster up to \($drains | map(select(.how == "all remote" and .folios == 15 and (.us <= 1.01 * drain("queued"; .cpus).us)).cpus) | max) CPUs;",
"  1024 take \($queued.us / 1000 | ms) against \($remote.us / 1000 | ms), and \($queued.stolen_us / 1000 | ms) from the others. With 8 drainers \(drain("all remote, 8 drainers"; 1024).us / 1000 | ms); more of",
"  them in a node need folios fetched before the LRU lock is taken. The one published figure is missed",
"  by \(.checks.stocks.error | percent)."
