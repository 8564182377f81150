// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a drain of CPU 1's caches takes
 */
#include "bench.h"

#include <linux/list.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/tsc.h>

#if IS_ENABLED(CONFIG_QPW)
#include <linux/qpw.h>
#endif

#define CACHED	16

static void *things[CACHED];
static struct kmem_cache *cache;

static long fill_sheaf(void *unused)
{
	int i;

	for (i = 0; i < CACHED; i++)
		things[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 0; i < CACHED; i++)
		kmem_cache_free(cache, things[i]);
	return 0;
}

/* With and without objects in the sheaf of CPU 1 */
static void measure_shrink(void)
{
	unsigned int run;
	u64 count;
	int full;

	cache = kmem_cache_create("qpw_bench", 64, 0, SLAB_NO_MERGE, NULL);
	if (!cache)
		return;
	kmem_cache_shrink(cache);
	for (run = 0; run < 2 * runs; run++) {
		full = run % 2;
		if (full)
			work_on_cpu(1, fill_sheaf, NULL);
		count = rdtsc();
		kmem_cache_shrink(cache);
		count = rdtsc() - count;
		pr_info("drain shrink %d %llu\n", full, count);
	}
	kmem_cache_destroy(cache);
}

#if IS_ENABLED(CONFIG_QPW)

struct shelf {
	qpw_lock_t		lock;
	struct list_head	items;
};

static DEFINE_PER_CPU(struct shelf, shelves) = {
	.lock = INIT_QPW_LOCK(lock),
};

static struct list_head items[CACHED];

static void shelf_drain(struct qpw_struct *qpw)
{
	int cpu = qpw_get_cpu(qpw);
	LIST_HEAD(list);

	qpw_lock(&shelves.lock, cpu);
	list_splice_init(per_cpu_ptr(&shelves.items, cpu), &list);
	qpw_unlock(&shelves.lock, cpu);
	while (!list_empty(&list))
		list_del_init(list.next);
}

static long shelf_fill(void *unused)
{
	int i;

	local_qpw_lock(&shelves.lock);
	for (i = 0; i < CACHED; i++)
		list_add(&items[i], this_cpu_ptr(&shelves.items));
	local_qpw_unlock(&shelves.lock);
	return 0;
}

static void measure_work(void)
{
	struct qpw_struct qpw;
	unsigned int run;
	u64 count;

	INIT_LIST_HEAD(per_cpu_ptr(&shelves.items, 1));
	for (run = 0; run < runs; run++) {
		work_on_cpu(1, shelf_fill, NULL);
		count = rdtsc();
		INIT_QPW(&qpw, shelf_drain, 1);
		queue_percpu_work_on(1, system_percpu_wq, &qpw);
		flush_percpu_work(&qpw);
		count = rdtsc() - count;
		pr_info("drain work 1 %llu\n", count);
	}
}

#else

static void measure_work(void) { }

#endif

void measure_drains(void)
{
	measure_shrink();
	measure_work();
}
