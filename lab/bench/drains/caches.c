// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling the caches of all CPUs, and draining them
 */
#include "bench.h"

#include <linux/array_size.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#define CACHED	8	/* in each CPU's cache; less than fits in any */

static struct folio *folios[NR_CPUS * CACHED];
static struct kmem_cache *cache;
static void (*drain_lru)(void);

static long add_folios(void *data)
{
	struct folio **mine = data;
	int i;

	for (i = 0; i < CACHED; i++)
		folio_add_lru(mine[i]);
	return 0;
}

static void lru_fill(void)
{
	int cpu, i;

	for (i = 0; i < nr_cpu_ids * CACHED; i++)
		folios[i] = folio_alloc(GFP_KERNEL | __GFP_NOFAIL, 0);
	drain_lru();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, add_folios, &folios[cpu * CACHED]);
}

static void lru_empty(void)
{
	int i;

	for (i = 0; i < nr_cpu_ids * CACHED; i++)
		folio_put(folios[i]);
	drain_lru();
}

static long use_cache(void *unused)
{
	void *objects[CACHED];
	int i;

	for (i = 0; i < CACHED; i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < CACHED; i++)
		kmem_cache_free(cache, objects[i]);
	return 0;
}

static void cache_fill(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		work_on_cpu(cpu, use_cache, NULL);
}

static void cache_shrink(void)
{
	kmem_cache_shrink(cache);
}

static int cache_create(void)
{
	cache = kmem_cache_create("qpw_drains", 64, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -ENOMEM;
}

static void cache_destroy(void)
{
	kmem_cache_destroy(cache);
	cache = NULL;
}

static void cache_renew(void)
{
	cache_create();
}

static void nothing(void)
{
}

static void drain_lru_now(void)
{
	drain_lru();
}

/* To destroy a cache takes a grace period, which all wait for. */
const struct drain drains[] = {
	{ "lru", lru_fill, drain_lru_now, lru_empty, true },
	{ "lru-empty", drain_lru_now, drain_lru_now, nothing, true },
	{ "shrink", cache_fill, cache_shrink, nothing, true },
	{ "shrink-empty", cache_shrink, cache_shrink, nothing, true },
	{ "destroy", cache_fill, cache_destroy, cache_renew, false },
};
const int nr_drains = ARRAY_SIZE(drains);

int caches_init(void (*lru_add_drain_all)(void))
{
	drain_lru = lru_add_drain_all;
	return cache_create();
}

void caches_exit(void)
{
	cache_destroy();
}
