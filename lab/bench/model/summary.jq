# SPDX-License-Identifier: GPL-2.0-only
#
# What the model printed, words with tabs between, to one object. The measured times that it
# is compared with come from the results of the other parts.

def places($n): pow(10; $n) as $p | . * $p | round / $p;
def error($model; $known): $model / $known - 1 | places(3);
def mean: if length == 0 then null else add / length | places(3) end;
def worst: if length == 0 then null else max_by(fabs) end;
def number: tonumber? // .;
def off: { times: length, mean: (map(fabs) | mean), worst: worst,
	within_a_quarter: (map(select(fabs <= 0.25)) | length) };

[inputs | split("\t") | map(number)] as $all |
def rows($what): $all | map(select(.[0] == $what) | .[1:]);
def objects($what; $keys): rows($what) | map(. as $row |
	[$keys, $row] | transpose | map({ key: .[0], value: .[1] }) | from_entries);

objects("check"; ["machine", "memory", "threads", "version", "how", "serial_ms", "ms", "model_ms"]) |
map(.error = error(.model_ms; .ms)) as $published |

# Whoever measured twice found other times, and other speed-ups
($published | group_by([.machine, .threads]) |
	map(select(length == 2 and .[0].threads > 1) |
		error(.[1].ms / .[1].serial_ms; .[0].ms / .[0].serial_ms))) as $repeated |

($padata[0].small | map(select(.where == "uml"))) as $measured_small |
objects("small"; ["size", "chunks", "threads", "ns"]) | map(. as $m |
	($measured_small[] | select(.size == $m.size)) as $k |
	{ size, chunks, measured_chunks: $k.chunks, threads, measured_threads: $k.threads,
	  ns, measured_ns: $k.padata.median, error: error(.ns; $k.padata.median) }) |
. as $small |

($init[0] | { chunks: ([.threads[].chunks] | add),
	ms: (.cases[] | select(.gib == 64 and .kernel == "patched" and .cpus > 1).median) }) as $known |
(objects("pin_check"; ["machine", "memory", "state", "gib", "threads", "how", "speedup",
	"model_speedup"]) | map(.error = error(.model_speedup; .speedup))) as $pins |

(rows("guest")[0] | { chunks: .[4], measured_chunks: $known.chunks,
	ms: (.[0] / 1e6 | places(1)), measured_ms: $known.ms,
	error: error(.[0] / 1e6; $known.ms) }) as $guest |

objects("drain"; ["how", "cpus", "remote", "folios", "drainers", "us", "caller_us",
	"interrupted", "stolen_us", "longest_us"]) as $drains |
($drains[] | select(.how | startswith("stocks")) | (.us * 2600) as $cycles |
	{ cycles: ($cycles | round), published_cycles: 58054,
	  error: error($cycles; 58054) }) as $stocks |

["nodes", "tib", "design", "cpus", "ms", "threads_of_node", "chunks", "last_start_ms",
	"lock_waited", "counters_busy", "claims_busy"] as $keys |
objects("init"; $keys) as $predictions |

# Where twice the CPUs are less than 1.25 times as fast
def stops($nodes; $design): $predictions |
	map(select(.nodes == $nodes and .design == $design and .tib == 64)) | sort_by(.cpus) |
	[., .[1:]] | transpose | map(select(.[1])) |
	(map(select(.[0].ms / .[1].ms < 1.25))[0] // [last[1]])[0] |
	{ nodes, design, cpus, ms };

{ benchmark: "Scale on paper: deferred init and drains of all CPUs",
  kind: "simulated; nothing here was measured but what `measured_` and `published` say",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date,
  parameters: objects("parameter"; ["name", "value", "unit", "kind", "source"]),
  checks: {
	published: $published,
	errors: ($published | group_by(.machine) | map({ machine: .[0].machine,
		fitted: (map(select(.how == "fitted" and .threads > 1).error) |
			{ mean: (map(fabs) | mean), worst: worst }),
		predicted: (map(select(.how == "predicted" and .threads > 1).error) |
			{ mean: (map(fabs) | mean), worst: worst }) })),
	predicted: ($published | map(select(.how == "predicted" and .threads > 1).error) |
		off),
	repeated: ($repeated | { speedups: length, mean: (map(fabs) | mean), worst: worst }),
	small_jobs: $small, guest: $guest, stocks: $stocks, pins: $pins,
	pins_predicted: ($pins | map(select(.how == "predicted")) | group_by([.machine, .state]) |
		map({ machine: .[0].machine, state: .[0].state } + (map(.error) | off))) },
  init: $predictions,
  stops: [stops(1, 8, 32; "threads only", "series", "counters per chunk", "all")],
  ifs: objects("if"; ["parameter", "value"] + $keys),
  pin_laws: objects("pin_law"; ["machine", "state", "shared", "extra"]),
  pins: objects("pin"; ["memory", "state", "cpus", "nodes", "one_s", "s"]),
  exits: objects("exit"; ["two", "shared", "threads", "speedup"]),
  drains: ($drains | map(select(.how | startswith("stocks") | not))) }
