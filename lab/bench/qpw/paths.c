// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fast paths
 *
 * "pair" allocates and frees at once, so it never leaves its sheaf.  "kmalloc"
 * and "kfree" do many of one kind, "alloc" and "free" the same in a cache that
 * nobody else uses: there, sheaves and slabs are alike in each sample.
 */
#include "bench.h"

#include <linux/array_size.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/swap.h>

#define SIZE	64

static void *things[MOST];
static struct kmem_cache *cache;

static void nothing(int n)
{
}

/* The size has to be constant, as it is with most callers. */
#define DEFINE_PAIR(size)				\
static void pair_##size(int n)				\
{							\
	while (n--)					\
		kfree(kmalloc(size, GFP_ATOMIC));	\
}

DEFINE_PAIR(8)
DEFINE_PAIR(64)
DEFINE_PAIR(256)
DEFINE_PAIR(1024)
DEFINE_PAIR(4096)

static void pair_nolock(int n)
{
	while (n--)
		kfree_nolock(kmalloc_nolock(SIZE, 0, NUMA_NO_NODE));
}

/* The group's charges come from the CPU's cache, and return to it. */
static void accounted_pair(int n)
{
	while (n--)
		kfree(kmalloc(SIZE, GFP_ATOMIC | __GFP_ACCOUNT));
}

static void accounted_page(int n)
{
	while (n--)
		__free_page(alloc_page(GFP_ATOMIC | __GFP_ACCOUNT));
}

static void kmalloc_run(int n)
{
	int i;

	for (i = 0; i < n; i++)
		things[i] = kmalloc(SIZE, GFP_ATOMIC);
}

static void kfree_run(int n)
{
	while (n--)
		kfree(things[n]);
}

/* Slabs and sheaves are there when it counts. */
static void kmalloc_prepare(int n)
{
	kmalloc_run(n);
	kfree_run(n);
}

static void alloc_run(int n)
{
	int i;

	for (i = 0; i < n; i++)
		things[i] = kmem_cache_alloc(cache, GFP_ATOMIC);
}

static void free_run(int n)
{
	while (n--)
		kmem_cache_free(cache, things[n]);
}

static void alloc_prepare(int n)
{
	alloc_run(n);
	free_run(n);
}

static void free_prepare(int n)
{
	alloc_prepare(n);
	alloc_run(n);
}

struct thing {
	struct rcu_head	rcu;
	char		data[SIZE - sizeof(struct rcu_head)];
};

static void kfree_rcu_run(int n)
{
	struct thing *thing;

	while (n--) {
		thing = things[n];
		kfree_rcu(thing, rcu);
	}
}

static void wait_for_rcu(int n)
{
	rcu_barrier();
}

static void folio_prepare(int n)
{
	while (n--)
		things[n] = folio_alloc(GFP_KERNEL, 0);
}

static void folio_run(int n)
{
	while (n--)
		folio_add_lru(things[n]);
}

static void folio_free(int n)
{
	while (n--)
		folio_put(things[n]);
}

const struct hot_path paths[] = {
	{ "pair", 8, IRQS_OFF, nothing, pair_8, nothing, 31 },
	{ "pair", 64, IRQS_OFF, nothing, pair_64, nothing, 31 },
	{ "pair", 256, IRQS_OFF, nothing, pair_256, nothing, 31 },
	{ "pair", 1024, IRQS_OFF, nothing, pair_1024, nothing, 31 },
	{ "pair", 4096, IRQS_OFF, nothing, pair_4096, nothing, 31 },
	{ "pair", 64, TASK, nothing, pair_64, nothing },
	{ "pair", 64, SOFTIRQ, nothing, pair_64, nothing },
	{ "pair", 64, HARDIRQ, nothing, pair_64, nothing },
	{ "nolock", SIZE, IRQS_OFF, nothing, pair_nolock, nothing, 31 },
	{ "nolock", SIZE, HARDIRQ, nothing, pair_nolock, nothing },
	{ "kmalloc", SIZE, IRQS_OFF, kmalloc_prepare, kmalloc_run, kfree_run, 8 },
	{ "kfree", SIZE, IRQS_OFF, kmalloc_run, kfree_run, nothing, 8 },
	{ "alloc", SIZE, IRQS_OFF, alloc_prepare, alloc_run, free_run, 8 },
	{ "free", SIZE, IRQS_OFF, free_prepare, free_run, nothing, 8 },
	{ "kfree_rcu", SIZE, IRQS_OFF, kmalloc_run, kfree_rcu_run, wait_for_rcu, 8 },
	{ "folio", PAGE_SIZE, IRQS_OFF, folio_prepare, folio_run, folio_free, 62 },
	/* Interrupts have to be enabled for these. */
	{ "getblk", PAGE_SIZE, TASK, buffers_prepare, getblk_1, nothing, 32 },
	{ "getblk4", PAGE_SIZE, TASK, buffers_prepare, getblk_4, nothing, 32 },
	{ "getblk32", PAGE_SIZE, TASK, buffers_prepare, getblk_32, nothing, 32 },
	{ "findblk", PAGE_SIZE, TASK, buffers_prepare, findblk_1, nothing, 32 },
	{ "findblk4", PAGE_SIZE, TASK, buffers_prepare, findblk_4, nothing, 32 },
};
const int nr_paths = ARRAY_SIZE(paths);

const struct hot_path accounted_paths[] = {
	{ "accounted", SIZE, IRQS_OFF, nothing, accounted_pair, nothing, 31 },
	{ "charge", PAGE_SIZE, IRQS_OFF, nothing, accounted_page, nothing, 31 },
};
const int nr_accounted_paths = ARRAY_SIZE(accounted_paths);

int paths_init(void)
{
	cache = kmem_cache_create("qpw_bench_paths", SIZE, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -ENOMEM;
}

void paths_exit(void)
{
	kmem_cache_destroy(cache);
}
