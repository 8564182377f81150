// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for memmap_init_zone_device() (mm/mm_init.c)
 *
 * Several threads initialise the memory map of a device.  The result must be
 * that of one thread, byte for byte, and each struct page must be right for its
 * position.  Every initialisation starts from poison, so that a struct page
 * that was left out shows.
 *
 * The maps are those of private memory, because that need not exist.  All that
 * memmap_init_zone_device() knows about a device is in a struct dev_pagemap, so
 * one map serves all kinds of devices whose struct pages are stored alike.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/ktime.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page-flags.h>
#include <linux/page-isolation.h>
#include <linux/pageblock-flags.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include <trace/events/padata_mt.h>

#include "../../kernel/padata_mt/kunit.h"
#include "../internal.h"
#include "../mm_init.h"

#define ZDI_NR_PAGES	(4 * PAGES_PER_SECTION)
#define ZDI_POISON	0xa5

/* Helpers may come too late on a busy machine, but not every time. */
#define ZDI_ROUNDS	200
#define ZDI_PATIENCE_NS	(10 * NSEC_PER_MSEC)

/**
 * struct zdi_shape - a device
 * @name: For the report.
 * @type: The type of its memory.
 * @order: The order of its pages.
 * @altmap: If not 0, it stores its memory map itself, in this many pages.
 * @skip: Pages at its beginning that are not to be initialised.
 * @skip_end: Pages at its end that are not to be initialised.
 */
struct zdi_shape {
	const char		*name;
	enum memory_type	type;
	unsigned int		order;
	unsigned long		altmap;
	unsigned long		skip;
	unsigned long		skip_end;
};

static const struct zdi_shape zdi_shapes[] = {
	{ "order 0", MEMORY_DEVICE_FS_DAX },
	{ "order 0, unaligned", MEMORY_DEVICE_FS_DAX, .skip = 3, .skip_end = 8 },
	{ "order 0, altmap", MEMORY_DEVICE_FS_DAX, .altmap = 2050 },
	{ "order 0, generic", MEMORY_DEVICE_GENERIC },
	{ "order 9, altmap", MEMORY_DEVICE_GENERIC, 9, .altmap = 512 },
	{ "order 12, altmap", MEMORY_DEVICE_GENERIC, 12, .altmap = 4096 },
	{ "order 9, no altmap", MEMORY_DEVICE_GENERIC, 9 },
	{ "order 9, no altmap, unaligned", MEMORY_DEVICE_GENERIC, 9,
	  .skip = 512, .skip_end = 1024 },
	{ "order 12, no altmap", MEMORY_DEVICE_GENERIC, 12 },
};

/**
 * struct zdi_fixture - a memory map, and the device it is initialised for
 * @test: The running test.
 * @shape: The device.
 * @real: What the memory map was made for.
 * @pgmap: Describes the device.
 * @zone: The zone of all devices of the node.
 * @map: The memory map.
 * @copy: Room for a copy of it.
 * @task: Runs the test.
 * @threads: The number of threads that did the last initialisation.
 * @max_threads: The limit that the last job set on its threads.
 * @helped: A thread other than @task has done a part of it.
 */
struct zdi_fixture {
	struct kunit			*test;
	const struct zdi_shape		*shape;
	struct dev_pagemap		real;
	struct dev_pagemap		pgmap;
	struct zone			*zone;
	struct page			*map;
	struct page			*copy;
	struct task_struct		*task;
	unsigned int			threads;
	int				max_threads;
	bool				helped;
};

static void zdi_probe(void *data, const struct padata_mt_job *job,
		      unsigned int threads, unsigned long chunks, u64 ns,
		      u64 waited, int err)
{
	struct zdi_fixture *fx = data;

	if (current != fx->task)
		return;
	fx->threads = threads;
	fx->max_threads = job->max_threads;
}

/*
 * The caller leaves work to its helpers: after each chunk it waits until one has
 * come.  Some of these jobs take less time than a helper takes to start.
 */
static void zdi_wait_for_helper(void *data, const struct padata_mt_job *job,
				unsigned long start, unsigned long len, u64 ns,
				int err)
{
	struct zdi_fixture *fx = data;
	u64 end = ktime_get_ns() + ZDI_PATIENCE_NS;

	if (current != fx->task)
		WRITE_ONCE(fx->helped, true);
	while (!READ_ONCE(fx->helped) && ktime_get_ns() < end)
		cpu_relax();
}

static unsigned long zdi_pfn(const struct zdi_fixture *fx)
{
	return PHYS_PFN(fx->real.range.start);
}

/*
 * Makes every struct page valid, and gives each pageblock a migratetype that
 * the initialisation must change.
 */
static void zdi_reset(struct zdi_fixture *fx)
{
	unsigned long i;

	memmap_init_zone_device(fx->zone, zdi_pfn(fx), ZDI_NR_PAGES, &fx->real);
	for (i = 0; i < ZDI_NR_PAGES; i += pageblock_nr_pages)
		init_pageblock_migratetype(fx->map + i, MIGRATE_UNMOVABLE,
					   false);
}

static void zdi_init(struct zdi_fixture *fx)
{
	const struct zdi_shape *shape = fx->shape;

	zdi_reset(fx);
	memset(fx->map, ZDI_POISON, ZDI_NR_PAGES * sizeof(*fx->map));
	fx->threads = 0;
	WRITE_ONCE(fx->helped, false);
	memmap_init_zone_device(fx->zone, zdi_pfn(fx) + shape->skip,
				ZDI_NR_PAGES - shape->skip - shape->skip_end,
				&fx->pgmap);
}

/* What a struct page must be, apart from its place in a compound page */
static struct page zdi_expected(struct zdi_fixture *fx, struct page *page)
{
	struct page expected;

	__init_single_page(&expected, page_to_pfn(page), ZONE_DEVICE,
			   zone_to_nid(fx->zone));
	__set_bit(PG_reserved, &expected.flags.f);
	page_folio(&expected)->pgmap = &fx->pgmap;
	expected.zone_device_data = NULL;
	if (fx->shape->type != MEMORY_DEVICE_GENERIC)
		atomic_set(&expected._refcount, 0);

	return expected;
}

static bool zdi_is_head(struct zdi_fixture *fx, struct page *page)
{
	struct page expected = zdi_expected(fx, page);

	if (fx->shape->order)
		__set_bit(PG_head, &expected.flags.f);

	return !memcmp(page, &expected, sizeof(*page)) &&
	       page_zone(page) == fx->zone &&
	       page_folio(page)->pgmap == &fx->pgmap &&
	       folio_order(page_folio(page)) == fx->shape->order;
}

/* The first tail pages hold fields of the folio. */
static bool zdi_is_plain_tail(struct zdi_fixture *fx, struct page *page,
			      struct page *head)
{
	struct page expected = zdi_expected(fx, page);

	prep_compound_tail(&expected, head, fx->shape->order);
	atomic_set(&expected._refcount, 0);

	return !memcmp(page, &expected, sizeof(*page));
}

static bool zdi_is_tail(struct zdi_fixture *fx, struct page *page,
			struct page *head)
{
	if (page - head > 3 && !zdi_is_plain_tail(fx, page, head))
		return false;

	return PageTail(page) && compound_head(page) == head &&
	       PageReserved(page) && page_zone(page) == fx->zone &&
	       page_to_nid(page) == zone_to_nid(fx->zone) &&
	       page_ref_count(page) == 0;
}

static bool zdi_is_right(struct zdi_fixture *fx, unsigned long i)
{
	const struct zdi_shape *shape = fx->shape;
	unsigned long first = shape->skip + shape->altmap;
	struct page *page = fx->map + i;
	unsigned long nth;

	if (i < first || i >= ZDI_NR_PAGES - shape->skip_end)
		return !memchr_inv(page, ZDI_POISON, sizeof(*page));

	if (IS_ALIGNED(zdi_pfn(fx) + i, pageblock_nr_pages) &&
	    get_pageblock_migratetype(page) != MIGRATE_MOVABLE)
		return false;

	nth = (i - first) % (1UL << shape->order);

	return nth ? zdi_is_tail(fx, page, page - nth) : zdi_is_head(fx, page);
}

static void zdi_check(struct zdi_fixture *fx)
{
	unsigned long i;

	for (i = 0; i < ZDI_NR_PAGES; i++)
		if (!zdi_is_right(fx, i))
			break;

	KUNIT_EXPECT_EQ_MSG(fx->test, i, ZDI_NR_PAGES,
			    "first struct page that is wrong, with %u threads",
			    fx->threads);
}

static void zdi_compare(struct zdi_fixture *fx)
{
	unsigned long i;

	for (i = 0; i < ZDI_NR_PAGES; i++)
		if (memcmp(fx->map + i, fx->copy + i, sizeof(*fx->map)))
			break;

	KUNIT_EXPECT_EQ_MSG(fx->test, i, ZDI_NR_PAGES,
			    "first struct page that differs, with %u threads",
			    fx->threads);
}

/* Without a run there are no helpers. */
static struct padata_mt_run *zdi_no_run(unsigned int max_threads)
{
	return NULL;
}

static void zdi_init_alone(struct zdi_fixture *fx)
{
	kunit_activate_static_stub(fx->test, padata_mt_alloc_run, zdi_no_run);
	zdi_init(fx);
	kunit_deactivate_static_stub(fx->test, padata_mt_alloc_run);

	KUNIT_EXPECT_EQ(fx->test, fx->threads, 1);
	zdi_check(fx);
	memcpy(fx->copy, fx->map, ZDI_NR_PAGES * sizeof(*fx->map));
}

static void zdi_unprobe_chunks(void *fx)
{
	unregister_trace_padata_mt_chunk(zdi_wait_for_helper, fx);
	tracepoint_synchronize_unregister();
}

static void zdi_init_together(struct zdi_fixture *fx)
{
	unsigned int rounds = ZDI_ROUNDS;
	int err = register_trace_padata_mt_chunk(zdi_wait_for_helper, fx);

	KUNIT_ASSERT_EQ(fx->test, 0, err);
	KUNIT_ASSERT_EQ(fx->test, 0,
			kunit_add_action_or_reset(fx->test, zdi_unprobe_chunks,
						  fx));

	do {
		zdi_init(fx);
		zdi_check(fx);
		zdi_compare(fx);
	} while (fx->threads < 2 && --rounds);

	KUNIT_EXPECT_GE(fx->test, fx->threads, 2);
}

static void zdi_test(struct kunit *test)
{
	struct zdi_fixture *fx = test->priv;
	int cpus = cpumask_weight(cpumask_of_node(zone_to_nid(fx->zone)));

	zdi_init_alone(fx);
	/* How many threads join depends on chance; check how many may. */
	KUNIT_EXPECT_EQ(test, fx->max_threads, cpus);
	if (cpus < 2)
		kunit_skip(test, "requires a node with two CPUs");
	zdi_init_together(fx);
}

static vm_fault_t zdi_migrate_to_ram(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static void zdi_folio_free(struct folio *folio)
{
}

static const struct dev_pagemap_ops zdi_ops = {
	.migrate_to_ram	= zdi_migrate_to_ram,
	.folio_free	= zdi_folio_free,
};

static void zdi_release_region(struct resource *res)
{
	release_mem_region(res->start, resource_size(res));
}

KUNIT_DEFINE_ACTION_WRAPPER(zdi_release_region_action, zdi_release_region,
			    struct resource *)

static void zdi_unmap(void *data)
{
	struct zdi_fixture *fx = data;

	zdi_reset(fx);
	memunmap_pages(&fx->real);
}

/*
 * Without an altmap, the memory map may store the tail struct pages of a
 * compound page only once, so it is created for that order.
 */
static void zdi_map(struct zdi_fixture *fx)
{
	const struct zdi_shape *shape = fx->shape;
	struct kunit *test = fx->test;
	struct resource *res;
	int err;

	res = request_free_mem_region(&iomem_resource, PFN_PHYS(ZDI_NR_PAGES),
				      "zone_device_init");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, res);
	err = kunit_add_action_or_reset(test, zdi_release_region_action, res);
	KUNIT_ASSERT_EQ(test, 0, err);

	fx->real.type = MEMORY_DEVICE_PRIVATE;
	fx->real.range.start = res->start;
	fx->real.range.end = res->end;
	fx->real.nr_range = 1;
	fx->real.ops = &zdi_ops;
	fx->real.owner = fx;
	if (!shape->altmap)
		fx->real.vmemmap_shift = shape->order;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, memremap_pages(&fx->real,
							  numa_mem_id()));
	fx->map = pfn_to_page(zdi_pfn(fx));
	fx->zone = page_zone(fx->map);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, zdi_unmap,
							   fx));
}

static void zdi_describe(struct zdi_fixture *fx)
{
	const struct zdi_shape *shape = fx->shape;

	fx->pgmap.type = shape->type;
	fx->pgmap.vmemmap_shift = shape->order;
	if (!shape->altmap)
		return;

	fx->pgmap.flags = PGMAP_ALTMAP_VALID;
	fx->pgmap.altmap.base_pfn = zdi_pfn(fx);
	fx->pgmap.altmap.free = shape->altmap;
}

KUNIT_DEFINE_ACTION_WRAPPER(zdi_vfree, vfree, void *)

static void zdi_unprobe(void *fx)
{
	unregister_trace_padata_mt_job_end(zdi_probe, fx);
	tracepoint_synchronize_unregister();
}

static int zdi_setup(struct kunit *test)
{
	struct zdi_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fx);
	test->priv = fx;
	fx->test = test;
	fx->shape = test->param_value;
	fx->task = current;

	KUNIT_ASSERT_EQ(test, 0, register_trace_padata_mt_job_end(zdi_probe,
								  fx));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, zdi_unprobe,
							   fx));

	fx->copy = vmalloc_array(ZDI_NR_PAGES, sizeof(*fx->copy));
	KUNIT_ASSERT_NOT_NULL(test, fx->copy);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, zdi_vfree,
							   fx->copy));
	zdi_map(fx);
	zdi_describe(fx);

	return 0;
}

KUNIT_ARRAY_PARAM_DESC(zdi_shape, zdi_shapes, name);

static struct kunit_case zdi_cases[] = {
	KUNIT_CASE_PARAM(zdi_test, zdi_shape_gen_params),
	{}
};

static struct kunit_suite zdi_suite = {
	.name = "zone_device_init",
	.init = zdi_setup,
	.test_cases = zdi_cases,
};

kunit_test_suite(zdi_suite);

MODULE_DESCRIPTION("KUnit tests for memmap_init_zone_device()");
MODULE_LICENSE("GPL");
