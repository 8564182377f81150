// SPDX-License-Identifier: GPL-2.0-only
/* One simulation, as its keys say: what the tests ask */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drain.h"
#include "init.h"
#include "one.h"
#include "util.h"

static int used;

/* The value of KEY=VALUE, or @initial */
static double key(char **keys, const char *name, double initial)
{
	size_t len = strlen(name);

	for (; *keys; keys++)
		if (!strncmp(*keys, name, len) && (*keys)[len] == '=') {
			used++;
			return strtod(*keys + len + 1, NULL);
		}
	return initial;
}

static void refuse_others(char **keys)
{
	while (*keys++)
		used--;
	if (used)
		fail("no such key");
}

void one_init(const struct params *p, char **keys)
{
	struct design d = {
		.old = key(keys, "old", 0),
		.threads = key(keys, "threads", 0),
		.idle = key(keys, "idle", 0),
		.tree = key(keys, "tree", 0),
		.sections = key(keys, "sections", 0),
		.past_caches = key(keys, "past_caches", 0),
		.batch_updates = key(keys, "batch_updates", 0),
		.min_chunk = key(keys, "min_chunk", 0),
		.portion = key(keys, "portion", 0),
		.no_locks = key(keys, "no_locks", 0),
	};
	struct shape s = {
		.nodes = key(keys, "nodes", 1),
		.cores = key(keys, "cores", 8),
		.smt = key(keys, "smt", 1),
		.cpus_per_socket = key(keys, "socket", 8),
		.pages = key(keys, "pages", 1 << 24),
		.page_ns = key(keys, "page_ns", 10),
		.peak = key(keys, "peak", 100),
	};
	struct result r;

	refuse_others(keys);
	init_simulate(p, &s, &d, &r);
	printf("%.0f %lu %lu %lu %lu %u\n", r.ns, r.pages, r.missed, r.twice,
	       r.chunks, r.threads);
}

void one_drain(const struct params *p, char **keys)
{
	struct drain d = {
		.cpus = key(keys, "cpus", 8),
		.cpus_per_node = key(keys, "node", 8),
		.remote = key(keys, "remote", 0),
		.folios = key(keys, "folios", 15),
		.drainers = key(keys, "drainers", 1),
		.fetch = key(keys, "fetch", 0),
	};
	struct drain_result r;

	refuse_others(keys);
	drain_simulate(p, &d, &r);
	printf("%.0f %.0f %d %d %d\n", r.ns, r.caller_ns, r.interrupted,
	       r.missed, r.twice);
}
