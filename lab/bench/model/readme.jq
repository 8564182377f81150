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
def pin($state; $cpus; $nodes): .pins[] | select(.state == $state and .cpus == $cpus and .nodes == $nodes) | .s * 1000 | seconds;
def one($state): .pins | map(select(.state == $state))[0].one_s * 1000 | seconds;
def drain($how; $cpus): $drains[] | select(.how == $how and .cpus == $cpus and .folios == 15);

. as $all | def parameter($name): $all.parameters[] | select(.name == $name).value;
stop(8; "series") as $eight | stop(32; "series") as $many | stop(8; "threads only") as $threads |
stop(1; "series") as $one | drain("queued"; 1024) as $queued | drain("all remote"; 1024) as $remote |

"The model is fitted to one machine published in 2020 and one time of another. It is off by \(.checks.predicted.mean | percent)",
"on average in \(.checks.predicted.times) other times, at worst by \(.checks.predicted.worst | percent); speed-ups that were published twice differ by",
"\(.checks.repeated.mean | percent). In chunks of jobs on User Mode Linux it is off",
"by \([.checks.small_jobs[] | .chunks - .measured_chunks | fabs] | max) at most. But 1024 CPUs are far outside that range: trust the bottlenecks,",
"not the seconds (\(.date), commit \(.commit)). Scaling ends where doubling the CPUs",
"makes the work less than 1.25 times as fast.",
"",
"- *8 or 32 nodes* scale up to \($eight.cpus) and \($many.cpus) CPUs, with \($eight.ms | seconds) and \($many.ms | seconds) for 64 TiB: these CPUs use",
"  all the memory bandwidth. With stores that go through the caches it would be \(init(8; "ordinary stores") | max_by(.cpus).ms | seconds).",
"  With nothing but threads 8 nodes would stop at \($threads.cpus) CPUs and \($threads.ms | seconds): each free of 4 MiB would update",
"  `vm_zone_stat` \(parameter("block_updates")) times, one cacheline for all nodes; today each free of 128 MiB does it \(parameter("section_updates")) times.",
"- *One node* of that size scales up to \($one.cpus) CPUs, \($one.ms | seconds), because of zone->lock, and does not become",
"  slower with more: \(init(1; "series") | max_by(.cpus).ms | seconds) with all. The lock is held for \(parameter("hold_ns")) ns for 4 MiB, which is assumed;",
"  with half of that \($ifs[] | select(.parameter == "hold_ns" and .value == parameter("hold_ns") / 2 and .nodes == 1 and .tib == 64 and .design == "series").ms | seconds). With threads only it would be \(init(1; "threads only") | max_by(.cpus).ms | seconds).",
"- padata itself is not the limit: the cacheline of run->next is busy for \($init | map(select(.design == "series" and .tib == 64).claims_busy) | max * 100 | figures(1))% of the time at",
"  most, so more pools of indices gain nothing. The last helper starts after \(last_start("series") | ms), because",
"  workers are created one after the other. If workers created workers, it would",
"  start after \(last_start("workers create workers") | ms), which helps only below 1 TiB.",
"- *Drains* (`results/model-drain.svg`), 15 folios per CPU: 16 CPUs in remote mode take the",
"  caller \(drain("all remote"; 16).us / 16 | figures(2)) us each, those of other sockets \(($remote.us - drain("all remote"; 512).us) / 512 | figures(2)) us, and are not disturbed. Queueing is no",
"  faster up to \($drains | map(select(.how == "all remote" and .folios == 15 and (.us <= 1.01 * drain("queued"; .cpus).us)).cpus) | max) CPUs;",
"  1024 take \($queued.us / 1000 | ms) queued and \($remote.us / 1000 | ms) remote; queueing also costs the other CPUs \($queued.stolen_us / 1000 | ms). With 8",
"  drainers \(drain("all remote, 8 drainers"; 1024).us / 1000 | ms); more drainers in a node help only if folios are fetched before the LRU lock",
"  is taken. The model misses the one published figure by \(.checks.stocks.error | percent).",
"- *Pins* of a guest of 1 TiB by the kernel and the Milan machine published in 2022, whose own seconds are the start",
"  (all these threads could be in the kernel or of user space). THP that are there: \(one("populated")) by one thread; memory of",
"  one node \(pin("populated"; 16; 1)) by 16 CPUs and \(pin("populated"; 64; 1)) by 64, of two nodes \(pin("populated"; 16; 2)), \(pin("populated"; 64; 2)) and, by 256, \(pin("populated"; 256; 2)). Memory that the pin has",
"  to zero: \(one("fresh")); \(pin("fresh"; 16; 1)) and \(pin("fresh"; 64; 1)); \(pin("fresh"; 16; 2)), \(pin("fresh"; 64; 2)) and \(pin("fresh"; 256; 2)). Fitted are two speed-ups of each kind of work and machine;",
"  the others are off, on average and at worst, by \([.checks.pins_predicted[] |
	"\(.mean | percent) and \(.worst | percent) (\(.machine | split(" ")[0]), \(.state))"] | join(", ")).",
"- *Exits* by several threads: if all that two threads lack (natively \(.exits[0].two)x, `results/teardown.json`) is due to",
"  something that they share, 16 gain \(.exits[] | select(.threads == 16).speedup | figures(2))x and 64 \(.exits[] | select(.threads == 64).speedup | figures(2))x. Aaron Lu measured 2.26x with 8 workers of his own",
"  in 2017 (munmap of 320 GiB, 4 nodes), and 1.74x with 32."
