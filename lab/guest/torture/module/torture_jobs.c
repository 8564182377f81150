// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multithreaded jobs whose descriptions and errors are random, some nested. In
 * debugfs/torture_jobs:
 *
 * run		write a number to have so many jobs run, one after the other, in the
 *		writing task; a fatal signal ends that
 * begun	how many jobs began; each is in one of the next three, too
 * completed	had no error, and each index exactly once
 * undone	had an error; exactly what had been completed was undone
 * lost		neither of that
 * killed	how many of those undone were ended by a fatal signal
 * nested	how many were run in a chunk of another
 * shared	how many had helpers
 * helping	helpers at work at present, for any job
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/padata.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define MOST_INDICES	2048
#define MOST_US		200
/* Lockdep can tell so many from each other: see kernel/padata_mt.c */
#define MOST_NESTED	2

unsigned int padata_mt_nr_helping(void);

/* The errors a job may have returned, by what was raised in it */
enum {
	RAISED_EIO,
	RAISED_ENOMEM,
	RAISED_EINTR,
};

struct torture {
	struct padata_mt_job	job;
	struct padata_mt_stats	stats;
	struct rnd_state	rnd;		/* for the description only */
	unsigned int		depth;
	unsigned long		fail;		/* index, or none */
	unsigned long		nest;		/* index, or none */
	unsigned int		us;
	bool			hungry;
	unsigned long		raised;
	atomic_t		active;
	atomic_t		wrong;
	DECLARE_BITMAP(done, MOST_INDICES);
};

static unsigned int seed;
module_param(seed, uint, 0444);

static struct dentry *dir;
static atomic_t turns, begun, completed, undone, lost, killed, nested, shared;

static int run_one(unsigned int depth);

static int raise_error(struct torture *t, int which, int err)
{
	set_bit(which, &t->raised);
	return err;
}

/* An error of a nested job may be that this task is to die. */
static int nest(struct torture *t)
{
	int err = run_one(t->depth + 1);

	switch (err) {
	case -EINTR:
		return raise_error(t, RAISED_EINTR, err);
	case -ENOMEM:
		return raise_error(t, RAISED_ENOMEM, err);
	case -EIO:
		return raise_error(t, RAISED_EIO, err);
	}
	return err;
}

static int do_index(struct torture *t, unsigned long i)
{
	void *memory;

	if (i == t->fail)
		return raise_error(t, RAISED_EIO, -EIO);
	if (t->hungry) {
		memory = kmalloc(64, GFP_KERNEL_ACCOUNT);
		if (!memory)
			return raise_error(t, RAISED_ENOMEM, -ENOMEM);
		kfree(memory);
	}
	if (i == t->nest)
		return nest(t);
	return 0;
}

/* Indices are bits, from the start of the job on. */
static void take_bits(struct torture *t, unsigned long start, unsigned long end)
{
	for (; start < end; start++)
		if (!test_and_clear_bit(start, t->done))
			atomic_inc(&t->wrong);
}

static int do_chunk(unsigned long start, unsigned long end, void *arg)
{
	struct torture *t = arg;
	unsigned long first, i;
	int err = 0;

	atomic_inc(&t->active);
	start -= t->job.start;
	end -= t->job.start;
	first = start;
	for (i = first; i < end; i++) {
		err = do_index(t, i);
		if (err)
			break;
		if (test_and_set_bit(i, t->done))
			atomic_inc(&t->wrong);
	}
	if (t->us)
		fsleep(t->us);
	if (err)
		take_bits(t, first, i);
	atomic_dec(&t->active);
	return err;
}

static void undo_range(unsigned long start, unsigned long end, void *arg)
{
	struct torture *t = arg;

	if (atomic_read(&t->active))
		atomic_inc(&t->wrong);
	take_bits(t, start - t->job.start, end - t->job.start);
}

static u32 below(struct torture *t, u32 limit)
{
	return prandom_u32_state(&t->rnd) % limit;
}

/* 0 is as good as 1 for most of these. */
static void describe(struct torture *t)
{
	struct padata_mt_job *job = &t->job;

	job->thread_fn = do_chunk;
	job->undo_fn = undo_range;
	job->fn_arg = t;
	job->stats = &t->stats;
	job->size = below(t, 1 << below(t, 12)) + 1;
	job->start = below(t, 2) ? below(t, 100) : ULONG_MAX - job->size;
	job->align = below(t, 2) ? 0 : below(t, 65);
	job->min_chunk = below(t, 2) ? 1 : below(t, 65);
	job->max_threads = below(t, 6);
	job->eager = below(t, 4);
	job->killable = below(t, 2);
	job->numa_aware = below(t, 2);
	t->us = below(t, 2) ? 0 : below(t, MOST_US);
	t->hungry = below(t, 2);
	t->fail = below(t, 3) ? ULONG_MAX : below(t, job->size);
	t->nest = t->depth == MOST_NESTED || below(t, 4) ? ULONG_MAX :
							   below(t, job->size);
}

static bool may_have_failed_by(struct torture *t, int err)
{
	switch (err) {
	case -EIO:
		return test_bit(RAISED_EIO, &t->raised);
	case -ENOMEM:
		return test_bit(RAISED_ENOMEM, &t->raised);
	case -EINTR:
		return test_bit(RAISED_EINTR, &t->raised) ||
		       (t->job.killable && fatal_signal_pending(current));
	}
	return false;
}

/* No index may be failed, and the job be completed */
static void account(struct torture *t, int err)
{
	bool sound = !atomic_read(&t->active) && !atomic_read(&t->wrong);

	if (sound && !err && !t->raised && bitmap_full(t->done, t->job.size))
		atomic_inc(&completed);
	else if (sound && may_have_failed_by(t, err) &&
		 bitmap_empty(t->done, t->job.size))
		atomic_inc(&undone);
	else
		atomic_inc(&lost);

	if (err == -EINTR)
		atomic_inc(&killed);
	if (t->depth)
		atomic_inc(&nested);
	if (t->stats.threads > 1)
		atomic_inc(&shared);
}

static int run_one(unsigned int depth)
{
	struct torture *t = kzalloc_obj(*t);
	int err;

	if (!t)
		return -ENOMEM;
	prandom_seed_state(&t->rnd, ((u64)seed << 32) + atomic_inc_return(&turns));
	t->depth = depth;
	describe(t);
	atomic_inc(&begun);
	err = padata_do_multithreaded(&t->job);
	account(t, err);
	kfree(t);
	return err;
}

static int run(void *unused, u64 times)
{
	while (times-- && !fatal_signal_pending(current))
		run_one(0);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(run_fops, NULL, run, "%llu\n");

static int helping_get(void *unused, u64 *value)
{
	*value = padata_mt_nr_helping();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(helping_fops, helping_get, NULL, "%llu\n");

static int __init torture_jobs_init(void)
{
	dir = debugfs_create_dir("torture_jobs", NULL);
	debugfs_create_file_unsafe("run", 0200, dir, NULL, &run_fops);
	debugfs_create_file_unsafe("helping", 0444, dir, NULL, &helping_fops);
	debugfs_create_atomic_t("begun", 0444, dir, &begun);
	debugfs_create_atomic_t("completed", 0444, dir, &completed);
	debugfs_create_atomic_t("undone", 0444, dir, &undone);
	debugfs_create_atomic_t("lost", 0444, dir, &lost);
	debugfs_create_atomic_t("killed", 0444, dir, &killed);
	debugfs_create_atomic_t("nested", 0444, dir, &nested);
	debugfs_create_atomic_t("shared", 0444, dir, &shared);
	return 0;
}
module_init(torture_jobs_init);

static void __exit torture_jobs_exit(void)
{
	debugfs_remove(dir);
}
module_exit(torture_jobs_exit);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("Multithreaded jobs with random errors");
MODULE_LICENSE("GPL");
