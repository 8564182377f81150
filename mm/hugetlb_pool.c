// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_pool.c - the pages by which a pool grows or shrinks at run time
 */

#include <linux/cleanup.h>
#include <linux/hugetlb.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "hugetlb_batch.h"
#include "hugetlb_internal.h"
#include "hugetlb_vmemmap.h"

/**
 * DOC: Resizing a pool in several threads
 *
 * A write to nr_hugepages holds h->resize_lock.  The pages by which the pool
 * changes are in batches, on which several threads work, while they are outside
 * of the pool: not yet in it, or not any more.  The writing task removes pages
 * from the pool, and each thread adds the pages of its batches, under
 * hugetlb_lock, a few at a time.
 *
 * *Nodes.*  The threads take the node of their next page from the same rotation,
 * h->next_nid_to_alloc, that one thread would use.  A node on which allocations
 * fail loses its turns to the other nodes, whichever thread finds that out.  So
 * each node ends up with as many pages as with one thread, unless allocations
 * fail: then the threads compete for what is left.  The allowed nodes come from
 * the memory policy of the writing task; helpers do not have it.
 *
 * *Signals.*  Any signal that the writing task receives ends a growth, and pages
 * that have been allocated are kept.  padata only knows fatal signals, so each
 * thread looks for signals of that task.
 */

/* The turns that a thread takes for a page, for each node */
#define HUGETLB_MAX_TURNS	16

/* What the threads that allocate pages share */
struct hugetlb_growth {
	struct hugetlb_batches	batches;
	nodemask_t		*nodes_allowed;
	nodemask_t		*noretry;	/* changed with atomic operations */
	struct task_struct	*writer;
	bool			optimize;	/* before pages are added */
	bool			helped;		/* by another thread */
	spinlock_t		lock;		/* protects h->next_nid_to_alloc */
};

static struct folio *alloc_on_node(struct hugetlb_growth *growth, int nid)
{
	struct hstate *h = growth->batches.h;
	gfp_t gfp_mask = htlb_alloc_mask(h) | __GFP_THISNODE;

	return only_alloc_fresh_hugetlb_folio(h, gfp_mask, nid,
					      growth->nodes_allowed,
					      growth->noretry);
}

static int next_node_to_alloc(struct hugetlb_growth *growth)
{
	guard(spinlock)(&growth->lock);

	return hstate_next_node_to_alloc(&growth->batches.h->next_nid_to_alloc,
					 growth->nodes_allowed);
}

/*
 * Tries each allowed node except @full.  Other threads may take the turns of a
 * node that this one waits for, but hardly ever HUGETLB_MAX_TURNS times.
 */
static struct folio *alloc_on_other_node(struct hugetlb_growth *growth, int full)
{
	nodemask_t untried = *growth->nodes_allowed;
	int turns = HUGETLB_MAX_TURNS * nodes_weight(untried);
	struct folio *folio = NULL;
	int nid;

	node_clear(full, untried);
	while (!folio && !nodes_empty(untried) &&
	       !signal_pending(growth->writer)) {
		nid = turns-- > 0 ? next_node_to_alloc(growth) :
				    first_node(untried);
		if (!node_isset(nid, untried))
			continue;
		folio = alloc_on_node(growth, nid);
		node_clear(nid, untried);
	}

	return folio;
}

static int add_one(struct hugetlb_growth *growth, struct hugetlb_batch *batch)
{
	int nid = next_node_to_alloc(growth);
	struct folio *folio;

	folio = alloc_on_node(growth, nid);
	if (!folio)
		folio = alloc_on_other_node(growth, nid);
	if (folio) {
		list_add(&folio->lru, &batch->folios);
		batch->filled++;
	}
	/* Bail for signals. Probably ctrl-c from user */
	if (signal_pending(growth->writer))
		return -EINTR;

	return folio ? 0 : -ENOMEM;
}

/* No CPU uses an old mapping of the pages any more. */
static int add_batch_to_pool(struct hugetlb_batch *batch, void *arg)
{
	struct hugetlb_growth *growth = arg;

	hugetlb_vmemmap_free_batch(batch);
	if (!list_empty(&batch->folios))
		add_allocated_folios(growth->batches.h, &batch->folios);

	return 0;
}

/* Continues where it was if the batch was given back, or a thread failed. */
static int fill_batch(struct hugetlb_batch *batch, void *arg)
{
	struct hugetlb_growth *growth = arg;
	int err = 0;

	if (current != growth->writer && !READ_ONCE(growth->helped))
		WRITE_ONCE(growth->helped, true);
	while (batch->filled < batch->size && !err) {
		if (growth->batches.nr > 1)
			err = padata_mt_should_stop();
		if (!err)
			err = add_one(growth, batch);
		cond_resched();
	}
	if (!growth->optimize)
		add_batch_to_pool(batch, growth);

	return err;
}

/*
 * While threads compete, one of them may find no page although one thread would.
 * So only the calling task gives up.
 */
static int fill_batches(struct hugetlb_growth *growth)
{
	struct hugetlb_batches *batches = &growth->batches;
	int err = hugetlb_batches_run(batches, fill_batch, growth);
	unsigned long i;

	if (err != -ENOMEM || !growth->helped)
		return err;

	/* Nor does a failure while threads compete mean that a node has no page. */
	nodes_clear(*growth->noretry);
	for (i = 0, err = 0; i < batches->nr && !err; i++)
		err = fill_batch(&batches->batch[i], growth);

	return err;
}

/**
 * hugetlb_pool_grow - add new pages to a pool
 * @h: The pool.
 * @nr_folios: The number of pages to add.  No more are added, and fewer if
 *             memory does not have that many, which is not always an error: the
 *             caller looks at the pool and calls again.
 * @nodes_allowed: The nodes of the pages.
 * @noretry: Nodes on which allocations do not try hard.
 *
 * Pages that have been allocated before an error are added as well.
 *
 * Context: Process context, may sleep.  The caller holds h->resize_lock.
 * Return: 0 on success.
 *         -ENOMEM if no node has memory for another page.
 *         -EINTR if the calling task has a signal.
 */
int hugetlb_pool_grow(struct hstate *h, unsigned long nr_folios,
		      nodemask_t *nodes_allowed, nodemask_t *noretry)
{
	unsigned long most = totalram_pages() >> huge_page_order(h);
	struct hugetlb_growth growth = {
		.nodes_allowed = nodes_allowed,
		.noretry = noretry,
		.writer = current,
		.optimize = hugetlb_vmemmap_wanted(h),
	};
	int err;

	lockdep_assert_held(&h->resize_lock);

	spin_lock_init(&growth.lock);
	hugetlb_batches_init(&growth.batches, h, min(nr_folios, max(most, 1)));
	err = fill_batches(&growth);
	if (growth.optimize) {
		hugetlb_vmemmap_optimize_batches(&growth.batches);
		hugetlb_batches_run(&growth.batches, add_batch_to_pool, &growth);
	}
	hugetlb_batches_destroy(&growth.batches);

	return err;
}

/* Folios whose vmemmap has been restored still have the flag. */
static bool has_hugetlb_flags(const struct hugetlb_batch *batch)
{
	struct folio *folio;

	list_for_each_entry(folio, &batch->folios, lru)
		if (folio_test_hugetlb(folio))
			return true;

	return false;
}

static void clear_hugetlb_flags(struct hugetlb_batch *batch)
{
	struct folio *folio;

	guard(spinlock_irq)(&hugetlb_lock);
	list_for_each_entry(folio, &batch->folios, lru)
		__folio_clear_hugetlb(folio);
}

static int free_batch(struct hugetlb_batch *batch, void *arg)
{
	struct folio *folio, *next;
	struct hstate *h = arg;

	if (has_hugetlb_flags(batch))
		clear_hugetlb_flags(batch);

	list_for_each_entry_safe(folio, next, &batch->folios, lru) {
		list_del(&folio->lru);
		update_and_free_hugetlb_folio(h, folio, false);
		cond_resched();
	}

	return 0;
}

/**
 * hugetlb_pool_free - free pages that were removed from a pool
 * @batches: The pages.
 *
 * If the vmemmap of a page cannot be restored, the page returns to the pool as
 * a surplus page.
 *
 * Context: Process context, may sleep.
 * Return: true if all pages were freed, false if there is a surplus page.
 */
bool hugetlb_pool_free(struct hugetlb_batches *batches)
{
	struct list_head *folios = &batches->batch->folios;

	if (batches->nr > 1) {
		if (!hugetlb_vmemmap_restore_batches(batches)) {
			hugetlb_batches_run(batches, free_batch, batches->h);
			return true;
		}
		folios = hugetlb_batches_splice(batches);
	}

	/* One page at a time, if need be */
	return update_and_free_pages_bulk(batches->h, folios);
}
