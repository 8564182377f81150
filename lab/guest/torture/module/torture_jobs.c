// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multithreaded jobs whose descriptions and errors are random, some nested.  Callers have
 * several scheduling policies, and some change policy and CPUs during the job.  Of some
 * jobs the later indices are dearer, or threads ask whether to stop.  In
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
 * policies	how often a caller began with a policy other than SCHED_NORMAL
 * changes	how often one changed its policy and its CPUs during the job
 * jumps	how many jobs reached their dearer indices
 * given_back	how often padata_mt_should_stop() told a helper to give back its chunk
 * helping	helpers at work at present, for any job
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/padata.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <uapi/linux/sched/types.h>

#define MOST_INDICES	2048
#define MOST_US		200
#define MOST_JUMP_US	50
/* Lockdep can tell so many from each other: see kernel/padata_mt/lockdep.h */
#define MOST_NESTED	2

unsigned int padata_mt_nr_helping(void);

/* The errors a job may have returned, by what was raised in it */
enum {
	RAISED_EIO,
	RAISED_ENOMEM,
	RAISED_EINTR,
	RAISED_EAGAIN,
};

struct torture {
	struct padata_mt_job	job;
	struct padata_mt_stats	stats;
	struct rnd_state	rnd;		/* for the description only */
	unsigned int		depth;
	unsigned long		fail;		/* index, or none */
	unsigned long		nest;		/* index, or none */
	unsigned long		change;		/* index, or none */
	unsigned long		jump;		/* index, or none */
	unsigned int		jump_us;
	unsigned int		us;
	bool			hungry;
	bool			asks;
	struct task_struct	*main;
	struct cpumask		cpus;		/* of @main before the job */
	unsigned long		raised;
	atomic_t		active;
	atomic_t		wrong;
	DECLARE_BITMAP(done, MOST_INDICES);
};

static unsigned int seed;
module_param(seed, uint, 0444);

static struct dentry *dir;
static atomic_t turns, begun, completed, undone, lost, killed, nested, shared;
static atomic_t policies, changes, jumps, given_back;

static int run_one(unsigned int depth);

static int raise_error(struct torture *t, int which, int err)
{
	set_bit(which, &t->raised);
	return err;
}

/* May fail: there is not always room for a deadline, nor are these always CPUs. */
static int set_policy(unsigned int policy)
{
	struct sched_attr attr = {
		.size		= sizeof(attr),
		.sched_policy	= policy,
	};

	/*
	 * A fault of 7.3 without the series, too: a task that is throttled when it
	 * leaves SCHED_DEADLINE, and returns after the replenishment timer has ignored
	 * it, never runs again. It can return once its old parameters are cleared.
	 */
	if (policy == SCHED_DEADLINE && current->policy != policy &&
	    READ_ONCE(current->dl.dl_runtime))
		return -EBUSY;

	if (policy == SCHED_FIFO || policy == SCHED_RR)
		attr.sched_priority = 1;
	if (policy == SCHED_DEADLINE) {
		attr.sched_runtime = 2 * NSEC_PER_MSEC;
		attr.sched_deadline = 10 * NSEC_PER_MSEC;
		attr.sched_period = 10 * NSEC_PER_MSEC;
	}
	return sched_setattr_nocheck(current, &attr);
}

static unsigned int any_policy(u32 random)
{
	static const unsigned int any[] = {
		SCHED_NORMAL, SCHED_NORMAL, SCHED_NORMAL, SCHED_BATCH,
		SCHED_IDLE, SCHED_FIFO, SCHED_RR, SCHED_DEADLINE,
	};

	return any[random % ARRAY_SIZE(any)];
}

/* Only the outermost main thread, which has not described a job meanwhile */
static void change_main(struct torture *t)
{
	unsigned int cpu = cpumask_any(&t->cpus);
	u32 random = prandom_u32_state(&t->rnd);

	if (random & 8 && !set_cpus_allowed_ptr(current, cpumask_of(cpu)))
		random |= 16;
	if (!set_policy(any_policy(random)) || random & 16)
		atomic_inc(&changes);
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
	case -EAGAIN:
		return raise_error(t, RAISED_EAGAIN, err);
	}
	return err;
}

static int ask(struct torture *t)
{
	int err = padata_mt_should_stop();

	if (err == -EINTR)
		return raise_error(t, RAISED_EINTR, err);
	if (err == -EAGAIN) {
		atomic_inc(&given_back);
		return raise_error(t, RAISED_EAGAIN, err);
	}
	return err;
}

static int do_index(struct torture *t, unsigned long i)
{
	void *memory;

	if (i == t->change && current == t->main)
		change_main(t);
	if (i == t->jump)
		atomic_inc(&jumps);
	if (i >= t->jump)
		udelay(t->jump_us);
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
	return t->asks ? ask(t) : 0;
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
	/* Time for a reason to give the chunk back */
	if (t->us && t->asks)
		fsleep(t->us);
	for (i = first; i < end; i++) {
		err = do_index(t, i);
		if (err)
			break;
		if (test_and_set_bit(i, t->done))
			atomic_inc(&t->wrong);
	}
	if (t->us && !t->asks)
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
	t->asks = below(t, 2);
	t->change = t->depth || below(t, 2) ? ULONG_MAX : below(t, job->size);
	t->jump = below(t, 3) ? ULONG_MAX : below(t, job->size);
	t->jump_us = 1 + below(t, MOST_JUMP_US);
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
	case -EAGAIN:
		/* The task helps another job, and is to give back that one's chunk. */
		return t->depth && test_bit(RAISED_EAGAIN, &t->raised);
	}
	return false;
}

/* No index may be failed, and the job be completed.  Chunks that were given back may. */
static void account(struct torture *t, int err)
{
	bool sound = !atomic_read(&t->active) && !atomic_read(&t->wrong);

	if (sound && !err && !(t->raised & ~BIT(RAISED_EAGAIN)) &&
	    bitmap_full(t->done, t->job.size))
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

/* A helper that runs a nested job keeps what the engine gave it. */
static void begin_caller(struct torture *t)
{
	unsigned int policy;

	if (t->depth)
		return;
	t->main = current;
	cpumask_copy(&t->cpus, &current->cpus_mask);
	policy = any_policy(prandom_u32_state(&t->rnd));
	if (policy != SCHED_NORMAL && !set_policy(policy))
		atomic_inc(&policies);
}

static void end_caller(struct torture *t)
{
	if (t->depth)
		return;
	set_policy(SCHED_NORMAL);
	set_cpus_allowed_ptr(current, &t->cpus);
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
	begin_caller(t);
	err = padata_do_multithreaded(&t->job);
	end_caller(t);
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
	debugfs_create_atomic_t("policies", 0444, dir, &policies);
	debugfs_create_atomic_t("changes", 0444, dir, &changes);
	debugfs_create_atomic_t("jumps", 0444, dir, &jumps);
	debugfs_create_atomic_t("given_back", 0444, dir, &given_back);
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
