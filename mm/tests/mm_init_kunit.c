// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for mm/mm_init.c: how deferred init splits ranges, and what the
 * running system has of zones
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>

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

/*
 * At boot, some zones are taken for contiguous because they lack no page.  Zones
 * to which memory was added since are another matter.
 */
static void mmi_test_contiguous(struct kunit *test)
{
	struct zone *zone;

	get_online_mems();
	for_each_populated_zone(zone) {
		if (zone->present_pages != zone->present_early_pages)
			continue;

		KUNIT_EXPECT_EQ_MSG(test, zone->contiguous,
				    zone_scan_contiguous(zone),
				    "zone %s of node %d", zone->name,
				    zone_to_nid(zone));
		if (zone->present_pages == zone->spanned_pages)
			KUNIT_EXPECT_TRUE(test, zone->contiguous);
	}
	put_online_mems();
}

static struct kunit_case mmi_cases[] = {
	KUNIT_CASE(mmi_test_split),
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
