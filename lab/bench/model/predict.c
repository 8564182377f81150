// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred init of machines that nobody has measured: 1024 CPUs in 8 sockets, one node, a
 * node for each socket, or four. And what would move the point where it stops scaling.
 */

#include <stdio.h>

#include "check.h"
#include "init.h"

#define SOCKETS		8
#define CORES		64		/* of a socket, of two threads each */
#define SOCKET_PEAK	460.8		/* GB/s, 12 channels DDR5-4800 */
#define TIB_PAGES	(1ul << 28)

#define AS_IT_IS	.sections = true, .past_caches = true, .no_pass = true

static const struct {
	const char	*name;
	struct design	design;
} designs[] = {
	{ "unpatched", { .old = true } },
	{ "threads only", { 0 } },
	{ "series", { AS_IT_IS } },
	{ "workers exist", { AS_IT_IS, .idle = true } },
	{ "workers create workers", { AS_IT_IS, .tree = true } },
	{ "blocks freed one by one", { .past_caches = true, .no_pass = true } },
	{ "ordinary stores", { .sections = true, .no_pass = true } },
	{ "a pass to free", { .sections = true, .past_caches = true } },
	{ "counters per chunk", { AS_IT_IS, .batch_updates = true } },
	{ "all", { AS_IT_IS, .batch_updates = true, .tree = true } },
};

enum { THREADS = 1, SERIES = 2, COUNTERS = 8, ALL = 9 };

#define NR_DESIGNS	((int)(sizeof(designs) / sizeof(designs[0])))

static void predict(const struct params *p, const char *what, int nodes, int tib,
		    int i, int threads)
{
	struct design d = designs[i].design;
	struct shape s = {
		.nodes = nodes,
		.cores = SOCKETS * CORES / nodes, .smt = 2,
		.cpus_per_socket = 2 * CORES,
		.pages = tib * TIB_PAGES / nodes,
		.page_ns = p->page_ns + memory_free_ns(p, &d) +
			   (d.no_pass ? 0 : p->pass_ns),
		.peak = SOCKETS * SOCKET_PEAK / nodes,
	};
	struct result r;

	d.threads = threads;
	init_simulate(p, &s, &d, &r);
	printf("%s\t%d\t%d\t%s\t%d\t%.3f\t%u\t%lu\t%.3f\t%.4f\t%.4f\t%.6f\n",
	       what, nodes, tib, designs[i].name, threads * nodes, r.ns / 1e6,
	       r.threads, r.chunks, r.last_start_ns / 1e6, r.lock_waited,
	       r.counters_busy, r.claims_busy);
}

static int cpus_of_node(int nodes)
{
	return 2 * SOCKETS * CORES / nodes;
}

/* All memories and designs with all CPUs; all numbers of threads with some of them */
static void predict_shape(const struct params *p, int nodes)
{
	int tib, i, threads, all = cpus_of_node(nodes);

	for (tib = 1; tib <= 64; tib *= 4)
		for (i = 0; i < NR_DESIGNS; i++)
			predict(p, "init", nodes, tib, i, all);
	for (threads = 1; threads < all; threads *= 2) {
		predict(p, "init", nodes, 64, THREADS, threads);
		predict(p, "init", nodes, 64, SERIES, threads);
		predict(p, "init", nodes, 64, COUNTERS, threads);
		predict(p, "init", nodes, 64, ALL, threads);
	}
}

void predict_init(const struct params *p)
{
	predict_shape(p, 1);
	predict_shape(p, 8);
	predict_shape(p, 32);
}

static void predict_if(const struct params *p, const char *name, double value)
{
	struct params q = *p;
	char what[80];
	int i, nodes;

	params_set(&q, name, value);
	snprintf(what, sizeof(what), "if\t%s\t%.4g", name, value);
	for (nodes = 1; nodes <= 8; nodes *= 8) {
		for (i = SERIES; i < NR_DESIGNS; i += ALL - SERIES)
			predict(&q, what, nodes, 64, i, cpus_of_node(nodes));
		predict(&q, what, nodes, 1, COUNTERS, cpus_of_node(nodes));
	}
}

/* What half or twice of an assumption does */
void predict_ifs(const struct params *p)
{
	predict_if(p, "core_ns", p->core_ns / 2);
	predict_if(p, "core_ns", p->core_ns * 2);
	predict_if(p, "socket_ns", p->socket_ns / 2);
	predict_if(p, "socket_ns", p->socket_ns * 2);
	predict_if(p, "hold_ns", p->hold_ns / 2);
	predict_if(p, "hold_ns", p->hold_ns * 2);
	predict_if(p, "wake_ns", p->wake_ns / 2);
	predict_if(p, "wake_ns", p->wake_ns * 2);
	predict_if(p, "clone_ns", p->clone_ns / 2);
	predict_if(p, "clone_ns", p->clone_ns * 2);
	predict_if(p, "page_ns", p->page_ns * 2);
	predict_if(p, "section_updates", 5);
}
