// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb_batch.c - hugetlb folios on which several threads work
 */

#include <linux/cpumask.h>
#include <linux/hugetlb.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "hugetlb_batch.h"
#include "hugetlb_internal.h"

/*
 * The cost of a folio may rise suddenly, for example when memory has to be
 * compacted, so a thread takes at most this many batches at a time.
 */
#define HUGETLB_MAX_CHUNK	4

/* This bounds the memory for batches, to 3 MiB for 2 TiB of pages of 2 MiB. */
#define HUGETLB_MAX_BATCHES	65536UL

struct hugetlb_pass {
	struct hugetlb_batches	*batches;
	int			(*fn)(struct hugetlb_batch *batch, void *arg);
	void			*arg;
};

static void init_batch(struct hugetlb_batch *batch, unsigned long size)
{
	INIT_LIST_HEAD(&batch->folios);
	INIT_LIST_HEAD(&batch->vmemmap_pages);
	batch->size = size;
	batch->filled = 0;
}

/**
 * hugetlb_batches_init - prepare batches without folios
 * @batches: The batches.
 * @h: The pool that grows or shrinks.
 * @nr_folios: The number of folios, for example 40 for two batches of
 *             HUGETLB_BATCH folios and one of half that size.  If it is very
 *             large, the batches are for fewer folios.
 *
 * If there is not enough free memory for several batches, there is only one, and
 * the calling task does all work.
 *
 * Context: Process context, may sleep if there are more than HUGETLB_BATCH folios.
 */
void hugetlb_batches_init(struct hugetlb_batches *batches, struct hstate *h,
			  unsigned long nr_folios)
{
	struct hugetlb_batch *batch = NULL;
	unsigned long i, nr;

	batches->h = h;
	if (nr_folios > HUGETLB_BATCH) {
		nr = min(DIV_ROUND_UP(nr_folios, HUGETLB_BATCH),
			 HUGETLB_MAX_BATCHES);
		batch = kvmalloc_array(nr, sizeof(*batch),
				       GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	}
	if (!batch) {
		batches->batch = &batches->all;
		batches->nr = 1;
		init_batch(&batches->all, nr_folios);
		return;
	}

	batches->batch = batch;
	batches->nr = nr;
	for (i = 0; i < nr; i++) {
		init_batch(&batch[i], min(nr_folios, HUGETLB_BATCH));
		nr_folios -= batch[i].size;
	}
}

static int hugetlb_run_batches(unsigned long start, unsigned long end, void *arg)
{
	struct hugetlb_pass *pass = arg;
	int err = 0;

	for (; start < end && !err; start++) {
		err = pass->fn(&pass->batches->batch[start], pass->arg);
		cond_resched();
	}

	return err;
}

/*
 * More threads only compete for zone locks and hugetlb_lock.  On two large
 * machines, 144 and 192 CPUs, allocation at boot by 16 threads was twice as fast
 * as by 8, and a quarter of the CPUs came within 20% of the best number.  On the
 * smaller one 64 threads were slower than 32.
 */
static int max_threads(struct hstate *h)
{
	if (hstate_is_gigantic(h))
		return 1;

	return max(num_online_cpus() / 4, 8);
}

/* The path for a single batch does not pay for the job. */
static noinline int run_job(struct hugetlb_pass *pass)
{
	struct padata_mt_job job = {
		.thread_fn	= hugetlb_run_batches,
		.fn_arg		= pass,
		.size		= pass->batches->nr,
		.max_chunk	= HUGETLB_MAX_CHUNK,
		.max_threads	= max_threads(pass->batches->h),
		.numa_aware	= true,
	};

	return padata_do_multithreaded(&job);
}

/**
 * hugetlb_batches_run - call a function for each batch, in several threads
 * @batches: The batches.
 * @fn: The function.  Returns 0, or an error, after which no further batch is
 *      started.  It keeps what it did.  If it returns -EAGAIN from
 *      padata_mt_should_stop(), it is called again for this batch and for others
 *      that it has completed.
 * @arg: The argument of @fn.
 *
 * Gigantic pages are processed by the calling task alone, and so is a single
 * batch.
 *
 * Context: Process context, may sleep.  The caller must not hold locks that
 *          @fn takes.  @fn may run in another task.
 * Return: 0 if @fn has succeeded for all batches, or one of its errors.
 */
int hugetlb_batches_run(struct hugetlb_batches *batches,
			int (*fn)(struct hugetlb_batch *batch, void *arg),
			void *arg)
{
	struct hugetlb_pass pass = {
		.batches = batches, .fn = fn, .arg = arg,
	};

	if (batches->nr == 1)
		return fn(batches->batch, arg);

	return run_job(&pass);
}

/**
 * hugetlb_batches_splice - collect the folios of all batches
 * @batches: The batches.
 *
 * Return: The list of folios of the first batch, which now has all of them.
 */
struct list_head *hugetlb_batches_splice(struct hugetlb_batches *batches)
{
	struct list_head *folios = &batches->batch->folios;
	unsigned long i;

	for (i = 1; i < batches->nr; i++)
		list_splice_tail_init(&batches->batch[i].folios, folios);

	return folios;
}
