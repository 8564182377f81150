/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugetlb_batch.h - hugetlb folios on which several threads work
 */

#ifndef _MM_HUGETLB_BATCH_H
#define _MM_HUGETLB_BATCH_H

#include <linux/list.h>
#include <linux/slab.h>

struct hstate;

/**
 * struct hugetlb_batch - folios that one thread at a time works on
 *
 * @folios: The folios.  Linked by their lru, which is in a page of the memory
 *          map that vmemmap optimization copies.  So while folios are being
 *          optimized, until TLBs are flushed, the list must not change.
 * @vmemmap_pages: Pages of the memory map that are no longer mapped, and that
 *                 can be freed when TLBs have been flushed.
 * @size: The number of folios for which the batch is intended.
 * @filled: How many of them have been added, if they are added one by one.
 */
struct hugetlb_batch {
	struct list_head	folios;
	struct list_head	vmemmap_pages;
	unsigned long		size;
	unsigned long		filled;
};

/**
 * struct hugetlb_batches - all folios by which a pool grows or shrinks
 *
 * @h: The pool.
 * @batch: An array of @nr batches.
 * @nr: The number of batches.  If it is 1, only the calling task works on the
 *      folios.
 * @all: The batch to use if there is only one.
 */
struct hugetlb_batches {
	struct hstate		*h;
	struct hugetlb_batch	*batch;
	unsigned long		nr;
	struct hugetlb_batch	all;
};

void hugetlb_batches_init(struct hugetlb_batches *batches, struct hstate *h,
			  unsigned long nr_folios);
int hugetlb_batches_run(struct hugetlb_batches *batches,
			int (*fn)(struct hugetlb_batch *batch, void *arg),
			void *arg);
struct list_head *hugetlb_batches_splice(struct hugetlb_batches *batches);

/**
 * hugetlb_batches_destroy - free the memory of batches that have no folios
 * @batches: The batches.
 *
 * Context: Process context, may sleep.
 */
static inline void hugetlb_batches_destroy(struct hugetlb_batches *batches)
{
	if (batches->batch != &batches->all)
		kvfree(batches->batch);
}

#endif /* _MM_HUGETLB_BATCH_H */
