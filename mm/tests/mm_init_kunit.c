// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for mm/mm_init.c: how deferred init splits ranges, and which zones
 * have holes
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>

#include "../mm_init.h"

/* Splits a range, and checks each piece; returns the number of pieces. */
static unsigned int mmi_split(struct kunit *test, unsigned long pfn,
			      unsigned long end_pfn)
{
	unsigned int pieces = 0;

	while (pfn < end_pfn) {
		unsigned int order = deferred_free_order(pfn, end_pfn);
		unsigned long nr_pages = 1UL << order;

		KUNIT_ASSERT_LE(test, order, (unsigned int)MAX_PAGE_ORDER);
		KUNIT_ASSERT_TRUE(test, IS_ALIGNED(pfn, nr_pages));
		KUNIT_ASSERT_LE(test, nr_pages, end_pfn - pfn);

		/* Is it the largest?  Twice as much is too much. */
		if (order < MAX_PAGE_ORDER && IS_ALIGNED(pfn, 2 * nr_pages))
			KUNIT_ASSERT_GT(test, 2 * nr_pages, end_pfn - pfn);

		pfn += nr_pages;
		pieces++;
	}
	KUNIT_ASSERT_EQ(test, pfn, end_pfn);

	return pieces;
}

static void mmi_test_split(struct kunit *test)
{
	const unsigned long block = MAX_ORDER_NR_PAGES;
	unsigned long start, end;

	KUNIT_EXPECT_EQ(test, mmi_split(test, 0, block), 1);
	KUNIT_EXPECT_EQ(test, mmi_split(test, 0, 3 * block), 3);
	KUNIT_EXPECT_EQ(test, mmi_split(test, 5 * block, 6 * block), 1);
	KUNIT_EXPECT_EQ(test, mmi_split(test, 7, 8), 1);
	KUNIT_EXPECT_EQ(test, mmi_split(test, 1, block), MAX_PAGE_ORDER);
	KUNIT_EXPECT_EQ(test, mmi_split(test, block, 2 * block - 1), MAX_PAGE_ORDER);
	KUNIT_EXPECT_EQ(test, mmi_split(test, block - 1, block + 1), 2);

	/* Near the end of the address space, where 1 << order must not overflow */
	mmi_split(test, PHYS_PFN(ULLONG_MAX) - 5, PHYS_PFN(ULLONG_MAX));

	for (start = 0; start < 70; start++)
		for (end = start + 1; end < 200; end++)
			mmi_split(test, block - 35 + start, block - 35 + end);
}

/* Zones are tested as masks: a bit for each block of memory that is online. */
#define MMI_BLOCKS	10

static bool mmi_has_hole(unsigned long online)
{
	return online && hweight_long(online) != fls_long(online) - __ffs(online);
}

/* The zone spans its first to its last block that is online. */
static void mmi_set_zone(struct zone *zone, unsigned long online)
{
	unsigned long first = online ? __ffs(online) : 0;

	zone->zone_start_pfn = first * PAGES_PER_SECTION;
	zone->spanned_pages = (fls_long(online) - first) * PAGES_PER_SECTION;
	zone->present_pages = hweight_long(online) * PAGES_PER_SECTION;
}

static void mmi_test_remove_block(struct kunit *test, struct zone *zone,
				  unsigned long online, unsigned int block,
				  bool was_contiguous)
{
	unsigned long left = online & ~BIT(block);
	enum zone_holes holes;

	mmi_set_zone(zone, left);
	holes = zone_holes_after_removal(zone, was_contiguous,
					 block * PAGES_PER_SECTION,
					 PAGES_PER_SECTION);

	if (holes != ZONE_MAY_HAVE_HOLE)
		KUNIT_EXPECT_EQ_MSG(test, holes == ZONE_HAS_HOLE, mmi_has_hole(left),
				    "online %#lx, block %u removed", online, block);
	else
		/* The zone is scanned only if another block is missing. */
		KUNIT_EXPECT_TRUE_MSG(test, mmi_has_hole(left) && !was_contiguous,
				      "online %#lx, block %u removed", online, block);
}

/* All zones of some blocks, and each of their blocks */
static void mmi_test_removal(struct kunit *test)
{
	unsigned long online, block;
	struct zone *zone;

	zone = kunit_kzalloc(test, sizeof(*zone), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, zone);

	for (online = 1; online < BIT(MMI_BLOCKS); online++) {
		for_each_set_bit(block, &online, MMI_BLOCKS) {
			mmi_test_remove_block(test, zone, online, block, false);
			if (!mmi_has_hole(online))
				mmi_test_remove_block(test, zone, online, block, true);
		}
	}
}

/* In pageblocks.  The span is that after the removal. */
static const struct mmi_case {
	const char *name;
	unsigned int start, end;
	unsigned int removed_start, removed_end;
	unsigned int absent;
	bool was_contiguous;
	enum zone_holes holes;
} mmi_removals[] = {
	{ "first, small holes elsewhere", 80, 160, 70, 80, 1, true, ZONE_HAS_NO_HOLE },
	{ "last, small holes elsewhere", 80, 160, 160, 170, 1, true, ZONE_HAS_NO_HOLE },
	{ "middle, small holes elsewhere", 80, 160, 90, 100, 1, true, ZONE_HAS_HOLE },
	{ "first, maybe holes elsewhere", 80, 160, 70, 80, 1, false, ZONE_MAY_HAVE_HOLE },
	{ "last, maybe holes elsewhere", 80, 160, 160, 170, 1, false, ZONE_MAY_HAVE_HOLE },
	{ "last, a hole before it", 80, 140, 160, 170, 0, false, ZONE_HAS_NO_HOLE },
	{ "only block, was a hole", 0, 0, 70, 80, 0, false, ZONE_HAS_NO_HOLE },
	{ "only block", 0, 0, 70, 80, 0, true, ZONE_HAS_NO_HOLE },

	/* A block, and then the memory map that it contains: 2 pageblocks */
	{ "memory map: last", 80, 160, 162, 170, 0, true, ZONE_HAS_NO_HOLE },
	{ "memory map: last, then", 80, 160, 160, 162, 0, true, ZONE_HAS_NO_HOLE },
	{ "memory map: first", 70, 160, 72, 80, 10, true, ZONE_HAS_HOLE },
	{ "memory map: first, then", 80, 160, 70, 72, 0, false, ZONE_HAS_NO_HOLE },
	{ "memory map: middle", 80, 160, 92, 100, 10, true, ZONE_HAS_HOLE },
	{ "memory map: middle, then", 80, 160, 90, 92, 10, false, ZONE_HAS_HOLE },

	/* A memory map of whole sections is online until it is removed. */
	{ "sections of memory map: last", 80, 162, 162, 170, 2, true, ZONE_HAS_NO_HOLE },
};

static void mmi_test_removal_cases(struct kunit *test)
{
	struct zone *zone;
	int i;

	zone = kunit_kzalloc(test, sizeof(*zone), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, zone);

	for (i = 0; i < ARRAY_SIZE(mmi_removals); i++) {
		const struct mmi_case *c = &mmi_removals[i];
		unsigned long start = c->removed_start * pageblock_nr_pages;
		unsigned long end = c->removed_end * pageblock_nr_pages;

		zone->zone_start_pfn = c->start * pageblock_nr_pages;
		zone->spanned_pages = (c->end - c->start) * pageblock_nr_pages;
		zone->present_pages = zone->spanned_pages -
				      c->absent * pageblock_nr_pages;

		KUNIT_EXPECT_EQ_MSG(test, c->holes,
				    zone_holes_after_removal(zone, c->was_contiguous,
							     start, end - start),
				    "%s", c->name);
	}
}

/*
 * The zones of the running system.  Boot and memory hotplug take some zones for
 * contiguous because they lack no page.  zone->contiguous may be clear without
 * need if small holes are in the zone.
 */
static void mmi_test_contiguous(struct kunit *test)
{
	struct zone *zone;

	get_online_mems();
	for_each_populated_zone(zone) {
		if (zone->contiguous)
			KUNIT_EXPECT_TRUE_MSG(test, zone_scan_contiguous(zone),
					      "zone %s of node %d", zone->name,
					      zone_to_nid(zone));
		if (zone->present_pages == zone->spanned_pages)
			KUNIT_EXPECT_TRUE_MSG(test, zone->contiguous,
					      "zone %s of node %d", zone->name,
					      zone_to_nid(zone));
	}
	put_online_mems();
}

static struct kunit_case mmi_cases[] = {
	KUNIT_CASE(mmi_test_split),
	KUNIT_CASE(mmi_test_removal),
	KUNIT_CASE(mmi_test_removal_cases),
	KUNIT_CASE(mmi_test_contiguous),
	{}
};

static struct kunit_suite mmi_suite = {
	.name = "mm_init",
	.test_cases = mmi_cases,
};

kunit_test_suite(mmi_suite);

MODULE_DESCRIPTION("KUnit tests for mm/mm_init.c");
MODULE_LICENSE("GPL");
