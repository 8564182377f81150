/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that the model was told, and by whom. Each can be set as NAME=VALUE on the command
 * line; model.sh sets what results/ has measured.
 */

#ifndef LAB_MODEL_PARAMS_H
#define LAB_MODEL_PARAMS_H

#include "sim.h"

/* name, value, unit, kind, source */
#define PARAMS(X)								\
X(page_ns, 2.66, "ns", "measured",						\
  "a struct page initialised by one thread in user space, AMD EPYC: message of the patch that passes over them once less") \
X(pass_ns, 0.72, "ns", "measured",						\
  "of __free_pages_prepare() for each page freed: frees of order 10 against order 8 on UML, by a module that is not kept") \
X(hit_ns, 2.27, "ns", "measured",						\
  "results/qpw.json: 5.9 cycles for a locked instruction alone, at 2.6 GHz")	\
X(claim_ns, 26.5, "ns", "measured",						\
  "results/padata.json: a chunk taken where two threads meet, two CPUs of one cache") \
X(index_ns, 9.03, "ns", "measured",						\
  "results/padata.json: an index of the small jobs, direct loop, UML")		\
X(queued_instructions, 10031, "instructions", "measured",			\
  "results/qpw.json: a work of 16 list entries queued and flushed, both CPUs")	\
X(remote_instructions, 535, "instructions", "measured",				\
  "results/qpw.json: the same done by the caller")				\
X(exit_gain, 1.66, "", "measured",						\
  "results/teardown.json: memory zapped by two threads against one, natively")	\
X(queue_cycles, 1221, "cycles", "published",					\
  "memcg stocks, 2023: queueing work on 128 CPUs took 156275 cycles")		\
X(block_updates, 5, "updates", "measured",					\
  "of vm_zone_stat by a free of 4 MiB: each of 205 frees in a guest of 4 GiB, traced")  \
X(section_updates, 2, "updates", "counted",					\
  "of vm_zone_stat by a free of all blocks of a section: NR_FREE_PAGES, NR_FREE_PAGES_BLOCKS") \
X(lock_lines, 4, "lines", "counted",						\
  "that a free gets from the CPU before: zone->lock, free_area, the list's tail, zone->vm_stat") \
X(slice_ns, 10e6, "ns", "code", "PADATA_MT_SLICE_NS")				\
X(probe_ns, 20e3, "ns", "code", "PADATA_MT_PROBE_NS")				\
X(worth_ns, 100e3, "ns", "code", "PADATA_MT_WORTH_NS")				\
X(share, 2, "", "code", "PADATA_MT_SHARE")					\
X(growth, 16, "", "code", "PADATA_MT_GROWTH")					\
X(max_chunk, 4096, "", "code", "PADATA_MT_MAX_CHUNK")				\
X(max_least, 16, "", "code", "PADATA_MT_MAX_LEAST")				\
X(section_pages, 32768, "pages", "code", "PAGES_PER_SECTION, x86-64")		\
X(block_pages, 1024, "pages", "code", "MAX_ORDER_NR_PAGES, x86-64")		\
X(bandwidth_share, 0.7, "", "fitted",						\
  "of the peak bandwidth of memory: Broadwell's times")				\
X(old_block_pages, 512, "pages", "assumed",					\
  "freed at a time by the kernel of the published times, 5.7: a pageblock")	\
X(old_block_updates, 1, "updates", "assumed",					\
  "of vm_zone_stat by that")							\
X(smt_yield, 1.3, "", "fitted",							\
  "of two threads of a core, in threads of a core each: the small EPYC guest, 4 threads against 2") \
X(line_bytes, 128, "bytes", "assumed",						\
  "of traffic for a struct page of 64 bytes: read for ownership, and written back") \
X(past_bytes, 64, "bytes", "assumed",						\
  "the same with stores that go past the caches: only written")		\
X(wake_ns, 6700, "ns", "assumed",						\
  "from waking a thread to its running: median of starts of queued work, measured for the design of the engine (0.8 to 12.8 us)") \
X(clone_ns, 6000, "ns", "assumed",						\
  "kthreadd's part in creating a thread: no source, an order of magnitude")	\
X(core_ns, 50, "ns", "assumed",							\
  "cache line modified by another core of the socket: 40 to 42 ns on a Broadwell of 10 cores (J. McCalpin, Intel forum), more on larger chips") \
X(socket_ns, 150, "ns", "assumed",						\
  "the same from another socket: three times that, no source of our own")	\
X(hold_ns, 150, "ns", "assumed",						\
  "zone->lock held for a free, without cache misses: some 400 instructions; a whole free takes 550 ns on UML beside its pass, so it is less")	\
X(instruction_ns, 0.385, "ns", "assumed", "one instruction a cycle at 2.6 GHz")	\
X(cycle_ns, 0.385, "ns", "assumed", "2.6 GHz")					\
X(flush_share, 0.25, "", "assumed",						\
  "of what queueing costs: the caller's part in waiting for a work that is not done; done ones a tenth") \
X(folio_ns, 60, "ns", "assumed",						\
  "to put a folio that is in the cache on its list: 150 of the 272 instructions of results/qpw.json") \
X(jitter, 0.25, "", "assumed", "blocks take 0.75 to 1.25 times the mean")

struct params {
#define X(name, value, unit, kind, source)	double name;
	PARAMS(X)
#undef X
};

void params_default(struct params *p);
void params_print(const struct params *p);
/* Returns 0 if there is no such name. */
int params_set(struct params *p, const char *name, double value);

#endif
