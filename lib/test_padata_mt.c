// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for multithreaded padata jobs (kernel/padata_mt/)
 *
 * A fixture describes a job and records every call of its thread function and
 * of its undo function: the range, the task and its attributes, and how many
 * calls were in progress at once.  After a job has run, pmt_check() compares
 * the record with what padata_mt.h promises for any job.  Most tests are thus a
 * description of jobs and one call of pmt_run_and_check().
 *
 * A built-in suite runs during boot.  Run it again through debugfs, or as a
 * module, to test what differs after boot, such as the nice value of helpers.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/rtmutex.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/isolation.h>
#include <linux/sched/mm.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/workqueue.h>
#include <uapi/linux/sched/types.h>

#include "../kernel/padata_mt/kunit.h"

#define PMT_MAX_CALLS		4096
#define PMT_MAX_UNDOS		64
#define PMT_MAX_ERRORS		4
#define PMT_RANDOM_JOBS		300
#define PMT_PATIENCE		(10 * HZ)

/*
 * A call takes the same time for any length, so choose a length that needs few
 * calls.
 */
#define PMT_HUGE		(ULONG_MAX / 1000)

#define PMT_LARGE		(1000UL * 1000)

/* Work for which helpers are worth it, even if it is a single index. */
#define PMT_LONG_NS		(200 * NSEC_PER_USEC)

static unsigned long seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "Seed of the randomised jobs, 0 to choose one");

/* The part of a job that differs between tests. */
struct pmt_shape {
	const char	*name;
	unsigned long	start;
	unsigned long	size;
	unsigned long	align;
	unsigned long	min_chunk;
	int		max_threads;
};

struct pmt_call {
	unsigned long		start;
	unsigned long		end;
	struct task_struct	*task;
	unsigned int		flags;
	int			nice;
	int			cpu;
	int			err;
	bool			astray;
};

/**
 * struct pmt_fixture - one job and what its functions saw
 * @test: The running test.
 * @job: The job under test.
 * @stats: What the job reported.
 * @ret: What it returned.
 * @patience: How long a lone thread waits in its call for others, in jiffies.
 *            The first call does not wait, because it is alone.
 * @company: How many threads must be in their calls at the same time.
 * @met: They were, or @patience is exhausted.
 * @call_ns: How long every call computes.
 * @dwell_us: How long every call sleeps.
 * @helper_dwell_us: How long calls in helpers sleep.
 * @nr_fail: How many of @fail are to fail.
 * @fail: The indices whose chunks fail.
 * @fail_together: All threads fail once they have met.
 * @kill_at: The caller gets a fatal signal before this index is done.
 * @killed: The caller got the signal.
 * @lift: Helpers wait until they have the nice value of the caller.
 * @inner: The job that every call runs in turn.
 * @rivals: Other jobs run in the meantime: a helper may leave, help them, and
 *          return.
 * @cpus: Where helpers may run, or NULL.
 * @narrow: The CPUs that the caller is limited to during the job, or NULL.
 * @narrowed: The caller has been limited to @narrow.
 * @calls_before: The number of calls before that.
 * @sum: For tests that count indices only.
 * @main: The task that runs the job.
 * @lock: Protects the members below.
 * @active: Calls in progress.
 * @max_active: The highest @active so far.
 * @nr_errors: Errors that were returned.
 * @after_error: Calls that began after an error.
 * @lifted: Helpers that got the nice value of the caller.
 * @left_low: Helpers that did not get it.
 * @inner_err: Calls of @inner that failed.
 * @nodes: The nodes that helpers of a NUMA-aware job ran on.
 * @nr_calls: Calls so far.
 * @calls: The first PMT_MAX_CALLS of them.
 * @nr_undos: Calls of the undo function so far.
 * @undos: The first PMT_MAX_UNDOS of them.
 */
struct pmt_fixture {
	struct kunit		*test;
	struct padata_mt_job	job;
	struct padata_mt_stats	stats;
	int			ret;
	unsigned long		patience;
	unsigned int		company;
	struct completion	met;
	u64			call_ns;
	unsigned int		dwell_us;
	unsigned int		helper_dwell_us;
	unsigned int		nr_fail;
	unsigned long		fail[PMT_MAX_ERRORS];
	bool			fail_together;
	unsigned long		kill_at;
	bool			killed;
	bool			lift;
	const struct padata_mt_job *inner;
	bool			rivals;
	const struct cpumask	*cpus;
	const struct cpumask	*narrow;
	struct completion	narrowed;
	unsigned int		calls_before;
	atomic_long_t		sum;
	struct task_struct	*main;

	spinlock_t		lock;	/* Protects the members below */
	unsigned int		active;
	unsigned int		max_active;
	unsigned int		nr_errors;
	unsigned int		after_error;
	unsigned int		lifted;
	unsigned int		left_low;
	unsigned int		inner_err;
	nodemask_t		nodes;
	unsigned int		nr_calls;
	struct pmt_call		calls[PMT_MAX_CALLS];
	unsigned int		nr_undos;
	struct pmt_call		undos[PMT_MAX_UNDOS];
};

static void pmt_expect(struct pmt_fixture *fx, bool met, const char *what)
{
	struct padata_mt_job *job = &fx->job;

	KUNIT_EXPECT_TRUE_MSG(fx->test, met,
			      "%s: start %lu size %lu align %lu min_chunk %lu max_threads %d numa_aware %d eager %d killable %d ret %d",
			      what, job->start, job->size, job->align,
			      job->min_chunk, job->max_threads,
			      job->numa_aware, job->eager, job->killable,
			      fx->ret);
}

#define PMT_EXPECT(fx, condition)	pmt_expect(fx, condition, #condition)

/* CPUs that this task and its helpers may use */
static unsigned int pmt_find_cpus(struct cpumask *cpus)
{
	cpumask_and(cpus, current->cpus_ptr, cpu_online_mask);

	guard(rcu)();
	cpumask_and(cpus, cpus, housekeeping_cpumask(HK_TYPE_DOMAIN));
	cpumask_and(cpus, cpus, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));

	return cpumask_weight(cpus);
}

/*
 * Skips the test without CONFIG_PADATA, or if this task and its helpers may use
 * fewer than @cpus CPUs.  Returns the number of threads that a job can have.
 */
static unsigned int pmt_need_cpus(struct kunit *test, unsigned int cpus)
{
	struct cpumask *mask = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	unsigned int found;

	KUNIT_ASSERT_NOT_NULL(test, mask);
	found = pmt_find_cpus(mask);
	if (!IS_ENABLED(CONFIG_PADATA) || found < cpus)
		kunit_skip(test, "requires CONFIG_PADATA and %u CPUs", cpus);

	return found;
}

static bool pmt_is_in(unsigned long index, const struct pmt_call *call)
{
	return call->start <= index && index < call->end;
}

/* The error of a chunk encodes the index that failed. */
static int pmt_error(const struct pmt_fixture *fx, const struct pmt_call *call)
{
	unsigned int i;

	for (i = 0; i < fx->nr_fail; i++)
		if (pmt_is_in(fx->fail[i], call))
			return -1000 - i;

	return 0;
}

static bool pmt_is_astray(const struct pmt_fixture *fx)
{
	if (fx->main == current || !fx->cpus)
		return false;

	return !cpumask_subset(current->cpus_ptr, fx->cpus);
}

static unsigned int pmt_enter(struct pmt_fixture *fx, struct pmt_call *call)
{
	unsigned int n;

	guard(spinlock)(&fx->lock);

	n = fx->nr_calls++;
	if (n < PMT_MAX_CALLS)
		fx->calls[n] = *call;
	fx->after_error += !!fx->nr_errors;
	fx->active++;
	fx->max_active = max(fx->max_active, fx->active);

	return n;
}

static void pmt_leave(struct pmt_fixture *fx, unsigned int n, int err)
{
	guard(spinlock)(&fx->lock);

	fx->active--;
	fx->nr_errors += !!err;
	if (n < PMT_MAX_CALLS)
		fx->calls[n].err = err;
}

static void pmt_compute(u64 ns)
{
	u64 end = ktime_get_ns() + ns;

	while (ns && ktime_get_ns() < end)
		cpu_relax();
}

/*
 * The first thread that sees enough threads, or runs out of patience, ends the
 * wait of all threads, also for the rest of the job.
 */
static void pmt_meet(struct pmt_fixture *fx, unsigned int n)
{
	if (!fx->patience || !n || completion_done(&fx->met))
		return;
	if (READ_ONCE(fx->max_active) >= fx->company ||
	    !wait_for_completion_timeout(&fx->met, fx->patience))
		complete_all(&fx->met);
}

static void pmt_sleep(struct pmt_fixture *fx)
{
	unsigned int us = fx->dwell_us;

	if (current != fx->main)
		us += fx->helper_dwell_us;
	if (us)
		usleep_range(us, 2 * us);
}

/* Returns whether this task got the nice value of @main soon enough. */
static bool pmt_wait_to_be_lifted(struct task_struct *main)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	while (task_nice(current) != task_nice(main)) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(100, 200);
	}

	return true;
}

static void pmt_be_lifted(struct pmt_fixture *fx)
{
	bool lifted;

	if (!fx->lift || current == fx->main)
		return;

	lifted = pmt_wait_to_be_lifted(fx->main);
	guard(spinlock)(&fx->lock);
	fx->lifted += lifted;
	fx->left_low += !lifted;
}

static void pmt_kill(struct pmt_fixture *fx, const struct pmt_call *call)
{
	if (fx->killed || !pmt_is_in(fx->kill_at, call))
		return;
	fx->killed = true;
	send_sig(SIGKILL, fx->main, 1);
}

static void pmt_run_inner(struct pmt_fixture *fx)
{
	struct padata_mt_job job = *fx->inner;
	atomic_long_t sum = ATOMIC_LONG_INIT(0);

	job.fn_arg = &sum;
	if (!padata_do_multithreaded(&job) &&
	    atomic_long_read(&sum) == job.size)
		return;

	guard(spinlock)(&fx->lock);
	fx->inner_err++;
}

static int pmt_thread_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;
	struct pmt_call call = {
		.start = start, .end = end, .task = current,
		.flags = current->flags, .nice = task_nice(current),
		.cpu = raw_smp_processor_id(),
		.astray = pmt_is_astray(fx),
	};
	unsigned int n = pmt_enter(fx, &call);

	pmt_meet(fx, n);
	pmt_compute(fx->call_ns);
	pmt_sleep(fx);
	pmt_be_lifted(fx);
	pmt_kill(fx, &call);
	if (fx->inner)
		pmt_run_inner(fx);

	call.err = pmt_error(fx, &call);
	if (fx->fail_together && n)
		call.err = -2000;
	pmt_leave(fx, n, call.err);

	return call.err;
}

static void pmt_undo_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;

	guard(spinlock)(&fx->lock);

	if (fx->nr_undos < PMT_MAX_UNDOS)
		fx->undos[fx->nr_undos] = (struct pmt_call){
			.start = start, .end = end, .task = current,
			.astray = fx->active,
		};
	fx->nr_undos++;
}

static void pmt_shape_job(struct pmt_fixture *fx, const struct pmt_shape *shape)
{
	fx->job = (struct padata_mt_job){
		.thread_fn	= pmt_thread_fn,
		.undo_fn	= pmt_undo_fn,
		.fn_arg		= fx,
		.start		= shape->start,
		.size		= shape->size,
		.align		= shape->align,
		.min_chunk	= shape->min_chunk,
		/*
		 * Remove the default bound for jobs that would have too many
		 * chunks.
		 */
		.max_chunk	= shape->size > PMT_LARGE ? ULONG_MAX : 0,
		.max_threads	= shape->max_threads,
		.stats		= &fx->stats,
	};
}

static void pmt_run(struct pmt_fixture *fx)
{
	fx->main = current;
	fx->active = 0;
	fx->max_active = 0;
	fx->nr_errors = 0;
	fx->after_error = 0;
	fx->inner_err = 0;
	fx->nr_calls = 0;
	fx->nr_undos = 0;
	fx->killed = false;
	fx->lifted = 0;
	fx->left_low = 0;
	/* Poison the statistics to notice members that are not written. */
	memset(&fx->stats, 0xa5, sizeof(fx->stats));
	reinit_completion(&fx->met);

	fx->ret = padata_do_multithreaded(&fx->job);
}

static int pmt_cmp_calls(const void *a, const void *b)
{
	const struct pmt_call *x = a, *y = b;

	return cmp_int(x->start, y->start);
}

/*
 * The calls cover the job from its start without a gap or an overlap, and up to
 * its end if there was no error.
 */
static void pmt_check_coverage(struct pmt_fixture *fx)
{
	unsigned long next = fx->job.start;
	struct pmt_call *call;

	sort(fx->calls, fx->nr_calls, sizeof(*fx->calls), pmt_cmp_calls, NULL);

	for (call = fx->calls; call < fx->calls + fx->nr_calls; call++) {
		PMT_EXPECT(fx, call->start == next);
		PMT_EXPECT(fx, call->start < call->end);
		PMT_EXPECT(fx, !call->astray);
		next = call->end;
	}
	PMT_EXPECT(fx, fx->ret || next == fx->job.start + fx->job.size);
}

/* Inner boundaries are aligned, and inner chunks large enough. */
static void pmt_check_chunks(struct pmt_fixture *fx)
{
	unsigned long align = max(fx->job.align, 1UL);
	unsigned long last = fx->job.start + fx->job.size;
	struct pmt_call *call;
	unsigned int i;

	for (i = 1; i < fx->nr_calls; i++) {
		call = &fx->calls[i];
		PMT_EXPECT(fx, call->start % align == 0);
		if (call->end != last)
			PMT_EXPECT(fx, call->end - call->start >=
				       fx->job.min_chunk);
	}
}

/* Calls are in order by now. */
static bool pmt_is_first_of_task(const struct pmt_fixture *fx, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (fx->calls[i].task == fx->calls[n].task)
			return false;

	return true;
}

static unsigned int pmt_count_tasks(const struct pmt_fixture *fx)
{
	unsigned int i, tasks = 0;

	for (i = 0; i < fx->nr_calls; i++)
		tasks += pmt_is_first_of_task(fx, i);

	return tasks;
}

/*
 * The limit was observed, no call is still in progress, and the statistics are
 * correct.
 */
static void pmt_check_threads(struct pmt_fixture *fx)
{
	unsigned int limit = fx->job.max_threads ?: INT_MAX;
	unsigned int tasks = pmt_count_tasks(fx);

	limit = min(limit, num_online_cpus());
	PMT_EXPECT(fx, fx->active == 0);
	PMT_EXPECT(fx, fx->max_active <= limit);

	if (!fx->job.stats)
		return;
	if (fx->rivals)
		PMT_EXPECT(fx, fx->stats.threads >= tasks);
	else
		PMT_EXPECT(fx, fx->stats.threads == tasks);
	PMT_EXPECT(fx, fx->stats.chunks == fx->nr_calls);
	PMT_EXPECT(fx, fx->stats.ns >= fx->call_ns * !!fx->nr_calls);
}

/* Returns whether one chunk of the minimum size covers the whole job. */
static bool pmt_is_one_chunk(const struct padata_mt_job *job)
{
	unsigned long align = max(job->align, 1UL);
	unsigned long len = max(job->min_chunk, 1UL);
	unsigned long over;

	if (len >= job->size)
		return true;
	over = (job->start + len) % align;

	return over && align - over >= job->size - len;
}

/*
 * A job for one thread runs in its caller.  It is one call, unless the job is
 * killable or has a max_chunk.
 */
static void pmt_check_single(struct pmt_fixture *fx)
{
	const struct padata_mt_job *job = &fx->job;

	if (!job->size || (job->max_threads != 1 && !pmt_is_one_chunk(job)))
		return;

	PMT_EXPECT(fx, fx->nr_calls == 1 || job->killable || job->max_chunk);
	PMT_EXPECT(fx, pmt_count_tasks(fx) <= 1);
	PMT_EXPECT(fx, !fx->nr_calls || fx->calls[0].task == fx->main);
}

static bool pmt_has_raised(const struct pmt_fixture *fx, int err)
{
	unsigned int i;

	for (i = 0; i < fx->nr_calls; i++)
		if (fx->calls[i].err == err)
			return true;

	return false;
}

/* The job returns an error that was raised, and no call began after it. */
static void pmt_check_error(struct pmt_fixture *fx)
{
	bool killed = fx->killed && fx->job.killable;

	PMT_EXPECT(fx, !fx->nr_errors == !fx->ret || killed);
	killed = killed && fx->ret == -EINTR;
	if (fx->ret)
		PMT_EXPECT(fx, killed || pmt_has_raised(fx, fx->ret));

	/*
	 * Other threads may continue until the failed thread has recorded its
	 * error.
	 */
	PMT_EXPECT(fx, pmt_count_tasks(fx) > 1 || !fx->after_error);
	PMT_EXPECT(fx, fx->nr_errors <= pmt_count_tasks(fx));
}

/* Finds the next range of adjacent completed calls, from *@i on. */
static bool pmt_next_done(const struct pmt_fixture *fx, unsigned int *i,
			  struct pmt_call *done)
{
	while (*i < fx->nr_calls && fx->calls[*i].err)
		(*i)++;
	if (*i == fx->nr_calls)
		return false;

	done->start = fx->calls[*i].start;
	while (*i < fx->nr_calls && !fx->calls[*i].err)
		done->end = fx->calls[(*i)++].end;

	return true;
}

/* The caller undid what was completed, in order, when no call was in progress. */
static void pmt_check_undo(struct pmt_fixture *fx)
{
	struct pmt_call done;
	unsigned int i = 0, n = 0;

	while (fx->ret && fx->job.undo_fn && pmt_next_done(fx, &i, &done)) {
		struct pmt_call *undo = &fx->undos[n++];

		if (n > min(fx->nr_undos, PMT_MAX_UNDOS))
			break;
		PMT_EXPECT(fx, undo->start == done.start);
		PMT_EXPECT(fx, undo->end == done.end);
		PMT_EXPECT(fx, undo->task == fx->main);
		PMT_EXPECT(fx, !undo->astray);
	}
	PMT_EXPECT(fx, fx->nr_undos == n);
}

static void pmt_check(struct pmt_fixture *fx)
{
	/*
	 * Not an assertion, which would end the task while a test may be
	 * waiting for it.
	 */
	PMT_EXPECT(fx, fx->nr_calls <= PMT_MAX_CALLS);
	fx->nr_calls = min(fx->nr_calls, PMT_MAX_CALLS);

	pmt_check_coverage(fx);
	pmt_check_chunks(fx);
	pmt_check_threads(fx);
	pmt_check_single(fx);
	pmt_check_error(fx);
	pmt_check_undo(fx);
}

static void pmt_run_and_check(struct pmt_fixture *fx)
{
	pmt_run(fx);
	pmt_check(fx);
}

static void pmt_init_fixture(struct pmt_fixture *fx, struct kunit *test)
{
	fx->test = test;
	fx->company = 2;
	fx->kill_at = ULONG_MAX;
	spin_lock_init(&fx->lock);
	init_completion(&fx->met);
}

static struct pmt_fixture *pmt_new_fixture(struct kunit *test)
{
	struct pmt_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fx);
	pmt_init_fixture(fx, test);

	return fx;
}

static const struct pmt_shape pmt_shapes[] = {
	/*  name		start	size	align	min	max_threads */
	{ "one index",		0,	1,	1,	1,	4 },
	{ "one index, start 7",	7,	1,	8,	8,	4 },
	{ "below min_chunk",	0,	99,	1,	100,	4 },
	{ "exactly min_chunk",	0,	100,	1,	100,	4 },
	{ "two min_chunks",	0,	200,	1,	100,	4 },
	{ "two min_chunks - 1",	0,	199,	1,	100,	4 },
	{ "below align",	0,	63,	64,	1,	4 },
	{ "align boundary inside", 60,	8,	64,	1,	4 },
	{ "two aligns",		0,	128,	64,	1,	4 },
	{ "even",		0,	4096,	64,	64,	4 },
	{ "unaligned start",	37,	4096,	64,	64,	4 },
	{ "unaligned end",	64,	4095,	64,	64,	4 },
	{ "unaligned both",	101,	3001,	64,	64,	4 },
	{ "align 3",		1,	1000,	3,	1,	4 },
	{ "align 7, min_chunk 10", 5,	1003,	7,	10,	4 },
	{ "align > min_chunk",	11,	1000,	100,	3,	4 },
	{ "align < min_chunk",	11,	1000,	3,	100,	4 },
	{ "min_chunk not aligned", 11,	10000,	64,	100,	4 },
	{ "primes",		7919,	104729,	13,	251,	5 },
	{ "more threads than work", 0,	5,	1,	1,	64 },
	{ "INT_MAX threads",	0,	1000,	1,	1,	INT_MAX },
	{ "one thread",		3,	1000,	1,	1,	1 },
	{ "two threads",	3,	1000,	1,	1,	2 },
	{ "align 0",		3,	1000,	0,	1,	4 },
	{ "min_chunk 0",	3,	1000,	1,	0,	4 },
	{ "max_threads 0",	3,	1000,	1,	1,	0 },
	{ "all 0",		3,	1000,	0,	0,	0 },
	{ "huge",		0,	ULONG_MAX, 1,	PMT_HUGE, 4 },
	{ "huge, align 3",	1,	ULONG_MAX - 1, 3, PMT_HUGE, 4 },
	{ "huge align",		1,	ULONG_MAX - 1, ULONG_MAX, 1, 4 },
	{ "huge min_chunk",	1,	ULONG_MAX - 1, 1, ULONG_MAX, 4 },
	{ "align ULONG_MAX / 2", 0,	ULONG_MAX, ULONG_MAX / 2, ULONG_MAX / 2, 4 },
	{ "top, one index",	ULONG_MAX - 1,	1,	1,	1,	4 },
	{ "top",		ULONG_MAX - 1000, 1000,	1,	1,	4 },
	{ "top, unaligned",	ULONG_MAX - 1000, 999,	64,	1,	4 },
	{ "top, align < min_chunk", ULONG_MAX - 1000, 1000, 7,	100,	4 },
};

KUNIT_ARRAY_PARAM_DESC(pmt_shapes, pmt_shapes, name);

static void pmt_test_shapes(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	/* Give helpers a chance to take part. */
	fx->patience = 1;
	fx->call_ns = PMT_LONG_NS;
	pmt_shape_job(fx, test->param_value);
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(test, fx->ret, 0);

	fx->job.numa_aware = true;
	fx->job.eager = true;
	fx->job.killable = true;
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(test, fx->ret, 0);
}

static void pmt_random_shape(struct rnd_state *rnd, struct pmt_shape *shape)
{
	u32 bits = prandom_u32_state(rnd);

	shape->size = prandom_u32_state(rnd) % 3000;
	shape->start = prandom_u32_state(rnd) % 1000;
	shape->align = prandom_u32_state(rnd) % 70;
	shape->min_chunk = prandom_u32_state(rnd) % 200;
	shape->max_threads = prandom_u32_state(rnd) % 9;

	if (bits & 1)
		shape->align = 1UL << shape->align % 10;
	if (bits & 2)
		shape->min_chunk = 1;
	if ((bits & 12) == 12)
		shape->start = ULONG_MAX - shape->start - shape->size;
}

/* Every second job fails, in up to PMT_MAX_ERRORS places. */
static void pmt_random_errors(struct rnd_state *rnd, struct pmt_fixture *fx)
{
	unsigned int i;

	fx->nr_fail = 0;
	if (prandom_u32_state(rnd) % 2 || !fx->job.size)
		return;

	fx->nr_fail = 1 + prandom_u32_state(rnd) % PMT_MAX_ERRORS;
	for (i = 0; i < fx->nr_fail; i++)
		fx->fail[i] = fx->job.start +
			      prandom_u32_state(rnd) % fx->job.size;
}

static void pmt_random_job(struct rnd_state *rnd, struct pmt_fixture *fx)
{
	static const u64 call_ns[] = { 0, 1000, 20000, PMT_LONG_NS };
	struct pmt_shape shape = {};
	u32 bits = prandom_u32_state(rnd);

	pmt_random_shape(rnd, &shape);
	pmt_shape_job(fx, &shape);
	pmt_random_errors(rnd, fx);
	fx->job.numa_aware = bits & 1;
	fx->job.killable = bits & 2;
	fx->job.eager = bits & 128;
	fx->call_ns = call_ns[(bits >> 2) % ARRAY_SIZE(call_ns)];
	fx->patience = bits & 64 ? 1 : 0;
}

static void pmt_seed(struct kunit *test, struct rnd_state *rnd)
{
	u64 used = seed ?: get_random_long();

	kunit_info(test, "repeat with test_padata_mt.seed=%llu\n", used);
	prandom_seed_state(rnd, used);
}

static void pmt_test_random(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct rnd_state rnd;
	unsigned int i;

	pmt_seed(test, &rnd);
	for (i = 0; i < PMT_RANDOM_JOBS; i++) {
		pmt_random_job(&rnd, fx);
		pmt_run_and_check(fx);
		if (test->status == KUNIT_FAILURE)
			break;
	}
}

static void pmt_test_empty(struct kunit *test)
{
	static const struct pmt_shape shape = { .start = 5, .max_threads = 4 };
	struct pmt_fixture *fx = test->priv;

	pmt_shape_job(fx, &shape);
	pmt_run_and_check(fx);

	KUNIT_EXPECT_EQ(test, fx->ret, 0);
	KUNIT_EXPECT_EQ(test, fx->nr_calls, 0);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 0);
	KUNIT_EXPECT_EQ(test, fx->stats.chunks, 0);
}

static void pmt_expect_invalid(struct pmt_fixture *fx)
{
	pmt_run(fx);
	PMT_EXPECT(fx, fx->ret == -EINVAL);
	PMT_EXPECT(fx, !fx->nr_calls);
}

/* Invalid jobs are rejected, even if their size is 0. */
static void pmt_test_invalid(struct kunit *test)
{
	static const struct pmt_shape shape = { .start = 5, .size = 10 };
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	kunit_warning_suppress(test) {
		for (i = 0; i < 2; i++) {
			pmt_shape_job(fx, &shape);
			fx->job.size *= i;
			fx->job.max_threads = -1;
			pmt_expect_invalid(fx);
			fx->job.max_threads = INT_MIN;
			pmt_expect_invalid(fx);
			fx->job.max_threads = 0;
			fx->job.thread_fn = NULL;
			pmt_expect_invalid(fx);
		}
		pmt_shape_job(fx, &shape);
		fx->job.start = ULONG_MAX - 9;
		pmt_expect_invalid(fx);
		fx->job.start = 1;
		fx->job.size = ULONG_MAX;
		pmt_expect_invalid(fx);
	}
}

static const struct pmt_shape pmt_parallel_shapes[] = {
	{ "fewest for two threads", 0,	3,	1,	1,	2 },
	{ "min_chunk limits",	0,	300,	1,	100,	2 },
	{ "align limits",	0,	192,	64,	1,	2 },
	{ "many indices",	0,	1000,	1,	1,	8 },
	{ "huge",		0,	ULONG_MAX, 1,	PMT_HUGE, 8 },
	{ "max_threads 0",	0,	1000,	1,	1,	0 },
};

KUNIT_ARRAY_PARAM_DESC(pmt_parallel, pmt_parallel_shapes, name);

static void pmt_test_parallel(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	pmt_need_cpus(test, 2);
	fx->patience = PMT_PATIENCE;
	fx->call_ns = PMT_LONG_NS;
	pmt_shape_job(fx, test->param_value);
	pmt_run_and_check(fx);

	KUNIT_EXPECT_GE(test, fx->max_active, 2);
	KUNIT_EXPECT_GE(test, fx->stats.threads, 2);
}

static void pmt_test_max_threads(struct kunit *test)
{
	struct pmt_shape shape = { .size = 64, .align = 1, .min_chunk = 1 };
	struct pmt_fixture *fx = test->priv;
	unsigned int cpus = pmt_need_cpus(test, 2);

	/*
	 * While calls sleep, every available helper can join, and one too many
	 * would show.
	 */
	fx->dwell_us = 1000;
	fx->call_ns = PMT_LONG_NS;
	for (shape.max_threads = 1; shape.max_threads <= 6; shape.max_threads++) {
		fx->company = min_t(unsigned int, shape.max_threads, cpus);
		fx->patience = fx->company > 1 ? PMT_PATIENCE : 0;
		pmt_shape_job(fx, &shape);
		pmt_run_and_check(fx);
		KUNIT_EXPECT_GE(test, fx->max_active, fx->company);
	}
}

static const struct pmt_shape pmt_parallel_shape = {
	.start = 3, .size = 1000, .align = 4, .min_chunk = 10, .max_threads = 4,
};

/* A job that always has a helper */
static void pmt_shape_parallel(struct pmt_fixture *fx)
{
	pmt_shape_job(fx, &pmt_parallel_shape);
	fx->patience = PMT_PATIENCE;
	fx->call_ns = PMT_LONG_NS;
}

static void pmt_test_straggler(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	pmt_need_cpus(test, 2);
	/* The main thread has done the rest long before the helper is done. */
	fx->helper_dwell_us = 50000;
	pmt_shape_parallel(fx);
	pmt_run_and_check(fx);

	KUNIT_EXPECT_GE(test, fx->stats.threads, 2);
}

static void pmt_test_run_again(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct padata_mt_job before;
	unsigned int i;

	pmt_shape_parallel(fx);
	fx->patience = 1;
	memcpy(&before, &fx->job, sizeof(before));

	for (i = 0; i < 6; i++) {
		fx->nr_fail = i % 2;
		fx->fail[0] = 500;
		pmt_run_and_check(fx);
		KUNIT_EXPECT_EQ(test, !fx->ret, !fx->nr_fail);
		KUNIT_EXPECT_MEMEQ(test, &fx->job, &before, sizeof(before));
	}
}

static void pmt_test_no_stats(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	pmt_shape_parallel(fx);
	fx->patience = 1;
	fx->job.stats = NULL;
	pmt_run_and_check(fx);

	fx->job.max_threads = 1;
	pmt_run_and_check(fx);
}

struct pmt_errors {
	const char	*name;
	unsigned int	nr_fail;
	unsigned long	fail[PMT_MAX_ERRORS];
	int		max_threads;
	bool		no_undo;
};

static const struct pmt_errors pmt_errors[] = {
	{ "first index",	1, { 3 },	4 },
	{ "middle index",	1, { 500 },	4 },
	{ "last index",		1, { 1002 },	4 },
	{ "first index, one thread", 1, { 3 },	1 },
	{ "last index, one thread", 1, { 1002 },	1 },
	{ "several indices",	4, { 400, 410, 500, 600 }, 4 },
	{ "first three indices", 3, { 3, 4, 5 }, 4 },
	{ "without undo",	1, { 500 },	4,	true },
};

KUNIT_ARRAY_PARAM_DESC(pmt_errors, pmt_errors, name);

static void pmt_test_errors(struct kunit *test)
{
	const struct pmt_errors *errors = test->param_value;
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		pmt_shape_parallel(fx);
		fx->patience = i % 2;
		fx->call_ns = i % 4 ? 20000 : PMT_LONG_NS;
		fx->job.killable = i & 4;
		fx->job.max_threads = errors->max_threads;
		fx->nr_fail = errors->nr_fail;
		memcpy(fx->fail, errors->fail, sizeof(fx->fail));
		if (errors->no_undo)
			fx->job.undo_fn = NULL;
		pmt_run_and_check(fx);
		KUNIT_EXPECT_NE(test, fx->ret, 0);
	}
}

/*
 * Other threads take chunks until the failed thread has recorded its error.
 * That cannot take as long as the rest of the job.
 */
static void pmt_test_ended(struct kunit *test)
{
	static const struct pmt_shape shape = { .size = 2000, .max_threads = 4 };
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	pmt_need_cpus(test, 2);
	for (i = 0; i < 4; i++) {
		pmt_shape_job(fx, &shape);
		fx->patience = PMT_PATIENCE;
		fx->dwell_us = 20000;
		fx->job.eager = true;
		fx->nr_fail = 1;
		fx->fail[0] = i;
		pmt_run_and_check(fx);
		KUNIT_EXPECT_EQ(test, fx->ret, -1000);
		KUNIT_EXPECT_LT(test, fx->calls[fx->nr_calls - 1].end, 1000);
	}
}

/* All threads are in the thread function, and fail there. */
static void pmt_test_fail_together(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	unsigned int threads = min(4, pmt_need_cpus(test, 2));

	pmt_shape_parallel(fx);
	fx->company = threads;
	fx->fail_together = true;
	pmt_run_and_check(fx);

	KUNIT_EXPECT_EQ(test, fx->ret, -2000);
	KUNIT_EXPECT_EQ(test, fx->nr_errors, threads);
	KUNIT_EXPECT_EQ(test, fx->nr_undos, 1);
}

/* Tasks to run jobs in: they end before the test does. */
struct pmt_task {
	struct pmt_fixture	*fx;
	const struct cpumask	*cpus;
	unsigned int		jobs;
	bool			sigkill;
	bool			early;
	struct rnd_state	rnd;
	struct completion	done;
	struct work_struct	work;
};

static int pmt_task_fn(void *arg)
{
	struct pmt_task *task = arg;

	if (task->cpus)
		set_cpus_allowed_ptr(current, task->cpus);
	if (task->sigkill)
		allow_signal(SIGKILL);
	if (task->early)
		send_sig(SIGKILL, current, 1);
	pmt_run(task->fx);

	kthread_complete_and_exit(&task->done, 0);
}

static void pmt_start(struct pmt_task *task, int (*fn)(void *arg))
{
	struct task_struct *thread;

	init_completion(&task->done);
	thread = kthread_run(fn, task, "test_padata_mt");
	KUNIT_ASSERT_FALSE(task->fx->test, IS_ERR(thread));
}

static void pmt_run_in_task(struct pmt_task *task)
{
	pmt_start(task, pmt_task_fn);
	wait_for_completion(&task->done);
	pmt_check(task->fx);
}

static void pmt_test_killed(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_task task = { .fx = fx, .sigkill = true };
	static const unsigned long at[] = { 3, 100, 500, 990, 1002 };
	unsigned int i;

	for (i = 0; i < 4 * ARRAY_SIZE(at); i++) {
		pmt_shape_parallel(fx);
		fx->patience = i & 1;
		fx->job.killable = true;
		fx->job.max_threads = i & 2 ? 1 : 4;
		fx->kill_at = at[i / 4];
		pmt_run_in_task(&task);
		/* The signal came too late if no chunk was left to take. */
		KUNIT_EXPECT_TRUE(test, fx->ret == -EINTR ||
				  fx->calls[fx->nr_calls - 1].end == 1003);
		KUNIT_EXPECT_TRUE(test, fx->killed);
		if (i < 4)
			KUNIT_EXPECT_EQ(test, fx->ret, -EINTR);
		if (fx->kill_at == 1002)
			KUNIT_EXPECT_EQ(test, fx->ret, 0);
	}
}

/* A signal ends jobs with helpers long before the helpers could complete them. */
static void pmt_test_killed_shared(struct kunit *test)
{
	static const struct pmt_shape shape = { .size = 2000, .max_threads = 4 };
	struct pmt_fixture *fx = test->priv;
	struct pmt_task task = { .fx = fx, .sigkill = true };

	pmt_need_cpus(test, 2);
	pmt_shape_job(fx, &shape);
	fx->patience = PMT_PATIENCE;
	fx->dwell_us = 20000;
	fx->job.eager = true;
	fx->job.killable = true;
	fx->kill_at = 0;
	pmt_run_in_task(&task);
	KUNIT_EXPECT_EQ(test, fx->ret, -EINTR);
}

static void pmt_test_killed_early(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_task task = { .fx = fx, .sigkill = true, .early = true };

	pmt_shape_parallel(fx);
	fx->job.killable = true;
	pmt_start(&task, pmt_task_fn);
	wait_for_completion(&task.done);

	KUNIT_EXPECT_EQ(test, fx->ret, -EINTR);
	KUNIT_EXPECT_EQ(test, fx->nr_calls, 0);
	KUNIT_EXPECT_EQ(test, fx->nr_undos, 0);
}

static void pmt_test_not_killable(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_task task = { .fx = fx, .sigkill = true };

	pmt_shape_parallel(fx);
	fx->patience = 1;
	fx->kill_at = 100;
	pmt_run_in_task(&task);

	KUNIT_EXPECT_EQ(test, fx->ret, 0);
	KUNIT_EXPECT_TRUE(test, fx->killed);
}

static int pmt_count_fn(unsigned long start, unsigned long end, void *arg)
{
	atomic_long_add(end - start, arg);
	pmt_compute(20000);

	return 0;
}

/* Every call of the outer job runs an inner one. */
static void pmt_test_nested(struct kunit *test)
{
	static const struct padata_mt_job inner = {
		.thread_fn = pmt_count_fn, .start = 7, .size = 100,
		.min_chunk = 3,
	};
	struct pmt_fixture *fx = test->priv;

	pmt_shape_parallel(fx);
	fx->patience = 1;
	fx->inner = &inner;
	pmt_run_and_check(fx);

	KUNIT_EXPECT_EQ(test, fx->ret, 0);
	KUNIT_EXPECT_EQ(test, fx->inner_err, 0);
}

/* The same call site in outer and inner calls */
static int pmt_recurse_fn(unsigned long start, unsigned long end, void *arg)
{
	struct padata_mt_job job = {
		.thread_fn = pmt_recurse_fn, .fn_arg = arg, .size = 3,
	};
	int *depth = arg;

	pmt_compute(PMT_LONG_NS / 2);
	if (end - start > 1)
		return pmt_recurse_fn(start, start + 1, arg) ?:
		       pmt_recurse_fn(start + 1, end, arg);
	if (depth[0] == 0)
		return 0;

	job.fn_arg = depth + 1;
	return padata_do_multithreaded(&job);
}

static void pmt_test_recursive(struct kunit *test)
{
	int depths[] = { 3, 2, 1, 0 };

	KUNIT_EXPECT_EQ(test, pmt_recurse_fn(0, 1, depths), 0);
}

static int pmt_many_fn(void *arg)
{
	struct pmt_task *task = arg;
	unsigned int i;

	for (i = 0; i < task->jobs; i++) {
		pmt_random_job(&task->rnd, task->fx);
		pmt_run_and_check(task->fx);
	}
	kthread_complete_and_exit(&task->done, 0);
}

/* Jobs are never refused, regardless of other jobs. */
static void pmt_test_many(struct kunit *test)
{
	struct pmt_task tasks[6] = {};
	struct rnd_state rnd;
	unsigned int i;

	pmt_seed(test, &rnd);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i].fx = pmt_new_fixture(test);
		tasks[i].fx->rivals = true;
		tasks[i].jobs = 40;
		prandom_seed_state(&tasks[i].rnd, prandom_u32_state(&rnd));
	}
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		pmt_start(&tasks[i], pmt_many_fn);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		wait_for_completion(&tasks[i].done);
}

static void pmt_work_fn(struct work_struct *work)
{
	struct pmt_task *task = container_of(work, struct pmt_task, work);

	pmt_run(task->fx);
}

static void pmt_run_in_work(struct pmt_task *task, struct workqueue_struct *wq)
{
	INIT_WORK_ONSTACK(&task->work, pmt_work_fn);
	queue_work_on(raw_smp_processor_id(), wq, &task->work);
	flush_work(&task->work);
	destroy_work_on_stack(&task->work);
	pmt_check(task->fx);
}

/* A bound work item may have helpers on other CPUs, even on a reclaim workqueue. */
static void pmt_test_reclaim_worker(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_task task = { .fx = fx };
	struct workqueue_struct *wq;

	pmt_need_cpus(test, 2);
	wq = alloc_workqueue("test_padata_mt", WQ_MEM_RECLAIM | WQ_PERCPU, 0);
	KUNIT_ASSERT_NOT_NULL(test, wq);
	pmt_shape_parallel(fx);
	pmt_run_in_work(&task, wq);
	destroy_workqueue(wq);

	KUNIT_EXPECT_GE(test, fx->max_active, 2);
}

static void pmt_test_one_cpu(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_task task = { .fx = fx };

	task.cpus = cpumask_of(cpumask_any(current->cpus_ptr));
	pmt_shape_parallel(fx);
	fx->patience = 1;
	pmt_run_in_task(&task);

	KUNIT_EXPECT_EQ(test, fx->stats.threads, 1);
}

static void pmt_test_two_cpus(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct cpumask *cpus = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	struct pmt_task task = { .fx = fx, .cpus = cpus };

	pmt_need_cpus(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, cpus);
	pmt_find_cpus(cpus);
	while (cpumask_weight(cpus) > 2)
		cpumask_clear_cpu(cpumask_last(cpus), cpus);
	fx->cpus = cpus;
	pmt_shape_parallel(fx);
	pmt_run_in_task(&task);

	KUNIT_EXPECT_EQ(test, fx->stats.threads, 2);
}

static bool pmt_is_on_a_node(const struct task_struct *task)
{
	int nid;

	for_each_online_node(nid)
		if (cpumask_subset(task->cpus_ptr, cpumask_of_node(nid)))
			return true;

	return false;
}

static int pmt_node_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;
	int err = pmt_thread_fn(start, end, arg);

	if (current != fx->main) {
		guard(spinlock)(&fx->lock);
		fx->inner_err += !pmt_is_on_a_node(current);
		node_set(numa_node_id(), fx->nodes);
	}

	return err;
}

/*
 * Counts the nodes that have a CPU for a helper, not counting that of the main
 * thread.
 */
static unsigned int pmt_count_nodes(struct kunit *test)
{
	struct cpumask *cpus = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	unsigned int found = 0;
	int nid;

	KUNIT_ASSERT_NOT_NULL(test, cpus);
	pmt_find_cpus(cpus);
	for_each_node_state(nid, N_CPU)
		found += cpumask_weight_and(cpus, cpumask_of_node(nid)) >= 2;

	return found;
}

/* Each helper stays on one node, and they are on more than one node. */
static void pmt_test_numa(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	if (pmt_count_nodes(test) < 2)
		kunit_skip(test, "requires two nodes with two CPUs each");

	pmt_shape_parallel(fx);
	/* Two helpers; a third could share a node with one of them. */
	fx->job.max_threads = 3;
	fx->company = 3;
	fx->job.numa_aware = true;
	fx->job.thread_fn = pmt_node_fn;
	pmt_run_and_check(fx);

	KUNIT_EXPECT_EQ(test, fx->inner_err, 0);
	KUNIT_EXPECT_GE(test, fx->max_active, 3);
	KUNIT_EXPECT_GE(test, nodes_weight(fx->nodes), 2);
}

static void pmt_expect_flags(struct pmt_fixture *fx, unsigned int flags)
{
	const unsigned int mask = PF_MEMALLOC | PF_MEMALLOC_NOIO |
				  PF_MEMALLOC_NOFS | PF_MEMALLOC_PIN;
	unsigned int i;

	KUNIT_EXPECT_GE(fx->test, fx->stats.threads, 2);
	for (i = 0; i < fx->nr_calls; i++)
		KUNIT_EXPECT_EQ(fx->test, fx->calls[i].flags & mask, flags);
}

static void pmt_test_memalloc(struct kunit *test)
{
	static const unsigned int scopes[] = {
		PF_MEMALLOC_NOIO, 0, PF_MEMALLOC_NOFS, PF_MEMALLOC, 0,
		PF_MEMALLOC_PIN | PF_MEMALLOC_NOFS, 0,
	};
	struct pmt_fixture *fx = test->priv;
	unsigned int i, saved;

	pmt_need_cpus(test, 2);
	for (i = 0; i < ARRAY_SIZE(scopes); i++) {
		pmt_shape_parallel(fx);
		saved = memalloc_flags_save(scopes[i]);
		pmt_run(fx);
		memalloc_flags_restore(saved);
		pmt_check(fx);
		pmt_expect_flags(fx, scopes[i]);
	}
}

/* A better nice value than that of helpers that are not lifted */
#define PMT_NICE	(-5)

/*
 * A helper starts with the nice value of helpers.  It may already have been
 * lifted by the time it takes its last chunk.
 */
static void pmt_expect_nice(struct pmt_fixture *fx, int nice)
{
	unsigned int i;

	for (i = 0; i < fx->nr_calls; i++)
		if (fx->calls[i].task != fx->main &&
		    pmt_is_first_of_task(fx, i))
			KUNIT_EXPECT_EQ(fx->test, fx->calls[i].nice, nice);
}

/*
 * All helpers that the main thread waits for are lifted.  A helper that has
 * just started is not.
 */
static void pmt_test_nice(struct kunit *test)
{
	int nice = system_state < SYSTEM_RUNNING ? 0 : MAX_NICE;
	struct pmt_fixture *fx = test->priv;
	unsigned int threads = min(3, pmt_need_cpus(test, 2));
	unsigned int i;

	/* Each test has its own task, so this need not be undone. */
	set_user_nice(current, PMT_NICE);
	for (i = 0; i < 10; i++) {
		pmt_shape_parallel(fx);
		fx->job.size = 100;
		fx->job.max_threads = threads;
		fx->company = threads;
		fx->lift = i % 2;
		pmt_run_and_check(fx);

		KUNIT_EXPECT_EQ(test, fx->stats.threads, threads);
		KUNIT_EXPECT_EQ(test, fx->left_low, 0);
		KUNIT_EXPECT_EQ(test, !fx->lifted, !fx->lift);
		pmt_expect_nice(fx, nice);
	}
}

/* A job in a helper of another job: both main threads wait for its helper. */
struct pmt_lift {
	struct task_struct	*main;
	struct task_struct	*helper;
	struct completion	outer;
	struct completion	inner;
	bool			through;
	bool			lifted;
};

/* Waits until the helper of the outer job waits for this helper, with a timeout. */
static void pmt_wait_for_waiter(struct pmt_lift *lift)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	while (!READ_ONCE(lift->through) || task_is_running(lift->helper)) {
		if (time_after(jiffies, end))
			return;
		usleep_range(100, 200);
	}
}

static int pmt_lift_inner_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_lift *lift = arg;

	if (current == lift->helper) {
		wait_for_completion_timeout(&lift->inner, PMT_PATIENCE);
		WRITE_ONCE(lift->through, true);
		return 0;
	}
	complete_all(&lift->inner);
	pmt_wait_for_waiter(lift);
	complete_all(&lift->outer);
	lift->lifted = pmt_wait_to_be_lifted(lift->main);

	return 0;
}

static int pmt_lift_outer_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_lift *lift = arg;
	struct padata_mt_job job = {
		.thread_fn = pmt_lift_inner_fn, .fn_arg = lift, .size = 2,
		.max_threads = 2, .eager = true,
	};

	if (current == lift->main) {
		wait_for_completion_timeout(&lift->outer, 3 * PMT_PATIENCE);
		return 0;
	}
	lift->helper = current;

	return padata_do_multithreaded(&job);
}

static void pmt_test_nested_lift(struct kunit *test)
{
	struct pmt_lift lift = { .main = current };
	struct padata_mt_job job = {
		.thread_fn = pmt_lift_outer_fn, .fn_arg = &lift, .size = 2,
		.max_threads = 2, .eager = true,
	};

	pmt_need_cpus(test, 3);
	set_user_nice(current, PMT_NICE);
	init_completion(&lift.outer);
	init_completion(&lift.inner);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_TRUE(test, lift.lifted);
}

/*
 * A helper's first call leaves bottom halves disabled; its second enables them.
 */
struct pmt_leak {
	struct kunit			*test;
	struct task_struct		*main;
	struct completion		leaked;
	struct completion		mended;
	struct kunit_suppressed_warning	*warning;
	unsigned int			calls;
};

static int pmt_leak_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_leak *leak = arg;

	if (current == leak->main) {
		if (wait_for_completion_timeout(&leak->leaked, PMT_PATIENCE))
			wait_for_completion(&leak->mended);
	} else if (++leak->calls == 1) {
		leak->warning = kunit_start_suppress_warning(leak->test);
		complete_all(&leak->leaked);
		local_bh_disable();
	} else if (leak->calls == 2) {
		local_bh_enable();
		kunit_end_suppress_warning(leak->test, leak->warning);
		complete_all(&leak->mended);
	}

	return 0;
}

/*
 * A leaked context would affect the helper's next job, so it is reported
 * immediately.
 */
static void pmt_test_leak(struct kunit *test)
{
	struct pmt_leak leak = { .test = test, .main = current };
	struct padata_mt_job job = {
		.thread_fn = pmt_leak_fn, .fn_arg = &leak, .size = 3,
		.max_threads = 2, .eager = true,
	};
	/* On some architectures the warning comes only once. */
	static bool told;

	pmt_need_cpus(test, 2);
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || !IS_ENABLED(CONFIG_BUG))
		kunit_skip(test, "requires CONFIG_BUG and !DEBUG_ATOMIC_SLEEP");

	init_completion(&leak.leaked);
	init_completion(&leak.mended);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_ASSERT_NOT_NULL(test, leak.warning);
	told |= kunit_suppressed_warning_count(leak.warning);
	KUNIT_EXPECT_TRUE(test, told);
}

/* A helper that starts late no longer accesses the job. */
static void pmt_test_late(struct kunit *test)
{
	struct pmt_fixture *fx;
	unsigned int i;

	for (i = 0; i < 500; i++) {
		fx = kzalloc_obj(*fx);
		KUNIT_ASSERT_NOT_NULL(test, fx);
		pmt_init_fixture(fx, test);
		pmt_shape_job(fx, &pmt_parallel_shape);
		fx->job.size = 100;
		fx->call_ns = 20000;
		pmt_run_and_check(fx);
		memset(fx, 0x6b, sizeof(*fx));
		kfree(fx);
	}
}

/* No chunk is longer than max_chunk or its default, regardless of its cost. */
static void pmt_check_max_chunk(struct pmt_fixture *fx, unsigned long most)
{
	const struct pmt_call *call;

	for (call = fx->calls; call < fx->calls + fx->nr_calls; call++)
		PMT_EXPECT(fx, call->end - call->start <= most);
}

struct pmt_max_chunk {
	const char	*name;
	unsigned long	size;
	unsigned long	align;
	unsigned long	min_chunk;
	unsigned long	max_chunk;
	unsigned long	most;
};

static const struct pmt_max_chunk pmt_max_chunks[] = {
	{ "default",		PMT_LARGE, 0,	0,	0,	4096 },
	{ "default, min_chunk",	PMT_LARGE, 0,	1000,	0,	16000 },
	{ "default, align",	PMT_LARGE, 512,	100,	0,	8192 },
	{ "max_chunk 100",	100000,	0,	0,	100,	100 },
	{ "max_chunk 100, align 64", 100000,	64,	0,	100,	128 },
	{ "max_chunk < min_chunk", 100000,	0,	200,	100,	200 },
	{ "max_chunk 1",	1000,	0,	0,	1,	1 },
};

KUNIT_ARRAY_PARAM_DESC(pmt_max_chunk, pmt_max_chunks, name);

static void pmt_test_max_chunk(struct kunit *test)
{
	const struct pmt_max_chunk *param = test->param_value;
	struct pmt_shape shape = {
		.size = param->size, .align = param->align,
		.min_chunk = param->min_chunk,
	};
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		/* A single thread splits the job only if it must. */
		shape.max_threads = i % 3 ?: 4;
		pmt_shape_job(fx, &shape);
		fx->job.max_chunk = param->max_chunk;
		fx->job.killable = !param->max_chunk || i > 2;
		fx->job.eager = i % 2;
		pmt_run_and_check(fx);
		pmt_check_max_chunk(fx, param->most);
	}
}

/* Two threads are in their chunks: one ends the job, the other asks. */
struct pmt_stop {
	struct task_struct	*main;
	struct completion	both;
	bool			main_ends;
	bool			kill;
	bool			stopped;
	bool			timeout;
	int			reason;
};

static int pmt_ask_fn(struct pmt_stop *stop)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	while (!stop->reason && time_before(jiffies, end)) {
		stop->reason = padata_mt_should_stop();
		usleep_range(100, 200);
	}

	return stop->reason;
}

static int pmt_stop_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_stop *stop = arg;

	if (start == 0)
		wait_for_completion_timeout(&stop->both, PMT_PATIENCE);
	else
		complete_all(&stop->both);
	if (stop->main_ends ? current != stop->main : current == stop->main)
		return pmt_ask_fn(stop);
	if (!stop->kill)
		return -EIO;
	send_sig(SIGKILL, stop->main, 1);

	return 0;
}

static void pmt_run_stop(struct kunit *test, bool main_ends, bool kill)
{
	struct pmt_stop stop = {
		.main = current, .main_ends = main_ends, .kill = kill,
	};
	struct padata_mt_job job = {
		.thread_fn = pmt_stop_fn, .fn_arg = &stop, .size = 2,
		.max_threads = 2, .eager = true, .killable = kill,
	};

	init_completion(&stop.both);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), kill ? -EINTR : -EIO);
	KUNIT_EXPECT_EQ(test, stop.reason, -EINTR);
}

/* An error in one thread stops the other, whichever of them is the main thread. */
static void pmt_test_stop(struct kunit *test)
{
	pmt_need_cpus(test, 2);
	KUNIT_EXPECT_EQ(test, padata_mt_should_stop(), 0);
	pmt_run_stop(test, true, false);
	pmt_run_stop(test, false, false);
	KUNIT_EXPECT_EQ(test, padata_mt_should_stop(), 0);
}

/* So does a fatal signal to the main thread. */
static void pmt_test_stop_killed(struct kunit *test)
{
	pmt_need_cpus(test, 2);
	allow_signal(SIGKILL);
	pmt_run_stop(test, true, true);
	flush_signals(current);
	pmt_run_stop(test, false, true);
	disallow_signal(SIGKILL);
	flush_signals(current);
}

/* While a helper is in its chunk, the main thread binds itself to its own CPU. */
static int pmt_bind_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_stop *stop = arg;
	unsigned long late = jiffies + PMT_PATIENCE;

	if (current != stop->main) {
		complete_all(&stop->both);
		return pmt_ask_fn(stop);
	}
	if (!READ_ONCE(stop->reason) &&
	    wait_for_completion_timeout(&stop->both, PMT_PATIENCE))
		set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	while (!READ_ONCE(stop->reason) && time_before(jiffies, late))
		usleep_range(100, 200);

	return 0;
}

/* A helper that asks gives its chunk back if its CPU is not the caller's any more. */
static void pmt_test_stop_narrowed(struct kunit *test)
{
	struct cpumask *before = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	struct pmt_stop stop = { .main = current };
	struct padata_mt_stats stats;
	struct padata_mt_job job = {
		.thread_fn = pmt_bind_fn, .fn_arg = &stop, .size = 2,
		.max_threads = 2, .eager = true, .stats = &stats,
	};

	pmt_need_cpus(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, before);
	cpumask_copy(before, &current->cpus_mask);
	init_completion(&stop.both);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	set_cpus_allowed_ptr(current, before);
	KUNIT_EXPECT_EQ(test, stop.reason, -EAGAIN);
	/* The main thread has repeated the helper's chunk. */
	KUNIT_EXPECT_EQ(test, stats.chunks, 3);
}

/* The priority of main threads that are SCHED_FIFO */
#define PMT_FIFO		50

/* A SCHED_FIFO task waits for a lock that the main thread holds. */
struct pmt_boost {
	struct task_struct	*waiter;
	struct completion	done;
#ifdef CONFIG_RT_MUTEXES
	struct rt_mutex		lock;
#endif
};

/*
 * A main thread takes an RT policy, or inherits an RT priority if there is a @boost;
 * a helper gives its chunk back, or leaves.
 */
struct pmt_policy {
	struct pmt_fixture	*fx;
	struct completion	helped;
	int			policy;
	struct pmt_boost	*boost;
	bool			gives_back;
	bool			begun;
	bool			changed;
	unsigned int		given_back;
	unsigned int		after;
};

static void pmt_set_policy(struct kunit *test, int policy)
{
	struct sched_attr attr = {
		.size		= sizeof(attr),
		.sched_policy	= policy,
		.sched_priority	= policy == SCHED_FIFO ? PMT_FIFO : 0,
	};

	if (policy == SCHED_DEADLINE) {
		attr.sched_runtime = 80 * NSEC_PER_MSEC;
		attr.sched_deadline = 100 * NSEC_PER_MSEC;
		attr.sched_period = attr.sched_deadline;
	}

	KUNIT_EXPECT_EQ(test, sched_setattr_nocheck(current, &attr), 0);
}

static int pmt_boost_fn(void *arg)
{
	struct pmt_boost *boost = arg;

	sched_set_fifo(current);
#ifdef CONFIG_RT_MUTEXES
	rt_mutex_lock(&boost->lock);
	rt_mutex_unlock(&boost->lock);
#endif
	kthread_complete_and_exit(&boost->done, 0);
}

/* Not in the thread function: lockdep would see the lock inside the job, too. */
static void pmt_take_lock(struct kunit *test, struct pmt_boost *boost)
{
	boost->waiter = kthread_create(pmt_boost_fn, boost, "test_padata_mt");
	KUNIT_ASSERT_FALSE(test, IS_ERR(boost->waiter));
	init_completion(&boost->done);
#ifdef CONFIG_RT_MUTEXES
	rt_mutex_init(&boost->lock);
	rt_mutex_lock(&boost->lock);
#endif
}

/* The waiter blocks at the lock, so this task inherits its priority. */
static void pmt_inherit(struct kunit *test, struct pmt_boost *boost)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	wake_up_process(boost->waiter);
	while (!rt_or_dl_task(current) && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_TRUE(test, rt_or_dl_task(current));
	KUNIT_EXPECT_EQ(test, current->policy, SCHED_NORMAL);
}

static void pmt_drop_lock(struct pmt_boost *boost)
{
#ifdef CONFIG_RT_MUTEXES
	rt_mutex_unlock(&boost->lock);
#endif
	wait_for_completion(&boost->done);
}

static void pmt_prepare_policy(struct pmt_policy *p)
{
	if (p->boost)
		pmt_take_lock(p->fx->test, p->boost);
}

static void pmt_change_policy(struct pmt_policy *p)
{
	if (p->boost)
		pmt_inherit(p->fx->test, p->boost);
	else
		pmt_set_policy(p->fx->test, p->policy);
}

static void pmt_restore_policy(struct pmt_policy *p)
{
	if (p->boost)
		pmt_drop_lock(p->boost);
	else
		pmt_set_policy(p->fx->test, SCHED_NORMAL);
}

static int pmt_policy_helper(struct pmt_policy *p)
{
	unsigned long end = jiffies + PMT_PATIENCE;
	int err = 0;

	p->after += READ_ONCE(p->changed);
	complete_all(&p->helped);
	while (p->gives_back && !err && time_before(jiffies, end)) {
		err = padata_mt_should_stop();
		usleep_range(100, 200);
	}
	p->given_back += err == -EAGAIN;
	while (!p->gives_back && !READ_ONCE(p->changed) &&
	       time_before(jiffies, end))
		usleep_range(100, 200);

	return err;
}

static int pmt_policy_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_policy *p = arg;
	struct pmt_fixture *fx = p->fx;

	atomic_long_add(end - start, &fx->sum);
	if (current != fx->main) {
		int err = pmt_policy_helper(p);

		if (err)
			atomic_long_sub(end - start, &fx->sum);
		return err;
	}
	if (!p->begun) {
		wait_for_completion_timeout(&p->helped, PMT_PATIENCE);
		pmt_change_policy(p);
		p->begun = true;
		/* padata looks at the inherited priority after the chunk. */
		if (p->boost)
			return 0;
	}
	WRITE_ONCE(p->changed, true);

	return 0;
}

static void pmt_check_policy(struct pmt_policy *p)
{
	struct padata_mt_job job = {
		.thread_fn = pmt_policy_fn, .fn_arg = p, .size = 1000,
		.max_threads = 2, .max_chunk = 1, .eager = true,
	};
	struct pmt_fixture *fx = p->fx;

	/* From the beginning: alone */
	pmt_prepare_policy(p);
	pmt_change_policy(p);
	pmt_shape_parallel(fx);
	fx->patience = 1;
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(fx->test, fx->stats.threads, 1);
	pmt_restore_policy(p);

	/* During the job: the helper leaves */
	pmt_prepare_policy(p);
	init_completion(&p->helped);
	atomic_long_set(&fx->sum, 0);
	fx->main = current;
	KUNIT_EXPECT_EQ(fx->test, padata_do_multithreaded(&job), 0);
	pmt_restore_policy(p);
	KUNIT_EXPECT_EQ(fx->test, atomic_long_read(&fx->sum), 1000);
	KUNIT_EXPECT_TRUE(fx->test, p->changed);
	KUNIT_EXPECT_EQ(fx->test, p->given_back, p->gives_back);
	KUNIT_EXPECT_EQ(fx->test, p->after, 0);
}

static void pmt_test_policy(struct kunit *test)
{
	static const int policies[] = { SCHED_FIFO, SCHED_DEADLINE, SCHED_IDLE };
	unsigned int i;

	pmt_need_cpus(test, 2);
	for (i = 0; i < 2 * ARRAY_SIZE(policies); i++) {
		struct pmt_policy p = {
			.fx = test->priv, .policy = policies[i / 2],
			.gives_back = i % 2,
		};

		pmt_check_policy(&p);
	}
}

/* A caller that a SCHED_FIFO task waits for is like a SCHED_FIFO caller. */
static void pmt_test_inherits_rt(struct kunit *test)
{
	struct pmt_boost *boost = kunit_kzalloc(test, sizeof(*boost), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, boost);
	if (!IS_ENABLED(CONFIG_RT_MUTEXES))
		kunit_skip(test, "requires CONFIG_RT_MUTEXES");
	pmt_need_cpus(test, 2);
	for (i = 0; i < 2; i++) {
		struct pmt_policy p = {
			.fx = test->priv, .boost = boost, .gives_back = i,
		};

		pmt_check_policy(&p);
	}
}

/*
 * A main thread becomes SCHED_FIFO while a helper has a chunk, and on each of
 * their CPUs a rival, a SCHED_FIFO task of lower priority, never sleeps.  The
 * rivals end by themselves before the deadline server lets any other task run.
 */
#define PMT_RIVAL_MS		800
#define PMT_RIVALS		2

struct pmt_rival {
	struct pmt_rivalry	*all;
	struct task_struct	*task;
	bool			busy;
	struct completion	done;
};

struct pmt_rivalry {
	struct kunit		*test;
	struct task_struct	*main;
	struct completion	helped;
	bool			begun;
	bool			over;
	int			helper_policy;
	unsigned int		helper_prio;
	struct pmt_rival	rivals[PMT_RIVALS];
};

static int pmt_rival_fn(void *arg)
{
	struct pmt_rival *rival = arg;
	u64 end = ktime_get_ns() + PMT_RIVAL_MS * NSEC_PER_MSEC;

	WRITE_ONCE(rival->busy, true);
	while (!READ_ONCE(rival->all->over) && ktime_get_ns() < end)
		cond_resched();
	WRITE_ONCE(rival->busy, false);

	kthread_complete_and_exit(&rival->done, 0);
}

/*
 * Creates all rivals before any of them runs, because a running one keeps
 * kthreadd off its CPU.
 */
static void pmt_create_rivals(struct pmt_rivalry *all,
			      const struct cpumask *cpus)
{
	struct pmt_rival *rival = all->rivals;
	unsigned int cpu;

	for_each_cpu(cpu, cpus) {
		rival->all = all;
		init_completion(&rival->done);
		rival->task = kthread_create(pmt_rival_fn, rival,
					     "test_padata_mt");
		KUNIT_ASSERT_FALSE(all->test, IS_ERR(rival->task));
		kthread_bind(rival->task, cpu);
		sched_set_fifo_low(rival->task);
		rival++;
	}
}

static unsigned int pmt_count_busy(const struct pmt_rivalry *all)
{
	unsigned int i, busy = 0;

	for (i = 0; i < PMT_RIVALS; i++)
		busy += READ_ONCE(all->rivals[i].busy);

	return busy;
}

static void pmt_start_rivals(struct pmt_rivalry *all)
{
	unsigned long end = jiffies + PMT_PATIENCE;
	unsigned int i;

	pmt_set_policy(all->test, SCHED_FIFO);
	for (i = 0; i < PMT_RIVALS; i++)
		wake_up_process(all->rivals[i].task);
	while (pmt_count_busy(all) < PMT_RIVALS && time_before(jiffies, end))
		usleep_range(100, 200);
	WRITE_ONCE(all->begun, true);
}

static int pmt_rivalry_fn(unsigned long start, unsigned long end, void *arg)
{
	unsigned long patience = jiffies + PMT_PATIENCE;
	struct pmt_rivalry *all = arg;

	if (current == all->main) {
		wait_for_completion_timeout(&all->helped, PMT_PATIENCE);
		pmt_start_rivals(all);
		return 0;
	}
	complete_all(&all->helped);
	while (!READ_ONCE(all->begun) && time_before(jiffies, patience))
		cond_resched();
	pmt_compute(NSEC_PER_MSEC);
	all->helper_policy = current->policy;
	all->helper_prio = current->rt_priority;

	return 0;
}

/*
 * The main thread need not wait until the rivals end: the helper outranks them,
 * too.
 */
static void pmt_test_becomes_rt(struct kunit *test)
{
	struct cpumask *cpus = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	struct pmt_rivalry all = { .test = test, .main = current };
	struct padata_mt_job job = {
		.thread_fn = pmt_rivalry_fn, .fn_arg = &all, .size = 2,
		.max_threads = 2, .eager = true,
	};
	unsigned int i, busy;

	pmt_need_cpus(test, PMT_RIVALS);
	KUNIT_ASSERT_NOT_NULL(test, cpus);
	pmt_find_cpus(cpus);
	while (cpumask_weight(cpus) > PMT_RIVALS)
		cpumask_clear_cpu(cpumask_last(cpus), cpus);
	set_cpus_allowed_ptr(current, cpus);
	init_completion(&all.helped);
	pmt_create_rivals(&all, cpus);

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	busy = pmt_count_busy(&all);
	WRITE_ONCE(all.over, true);
	for (i = 0; i < PMT_RIVALS; i++)
		wait_for_completion(&all.rivals[i].done);
	pmt_set_policy(test, SCHED_NORMAL);

	KUNIT_EXPECT_TRUE(test, all.begun);
	KUNIT_EXPECT_EQ(test, busy, PMT_RIVALS);
	KUNIT_EXPECT_EQ(test, all.helper_policy, SCHED_FIFO);
	KUNIT_EXPECT_EQ(test, all.helper_prio, PMT_FIFO);
}

/* A main thread that waits sleeps until the helper is done. */
struct pmt_sleep {
	struct task_struct	*main;
	struct completion	helped;
	unsigned long		switches;
	unsigned int		state;
};

static int pmt_sleep_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_sleep *sleep = arg;

	if (current != sleep->main) {
		complete_all(&sleep->helped);
		msleep(500);
		sleep->state = READ_ONCE(sleep->main->__state);
		return 0;
	}
	wait_for_completion_timeout(&sleep->helped, PMT_PATIENCE);
	sleep->switches = current->nvcsw + current->nivcsw;

	return 0;
}

static void pmt_test_sleep(struct kunit *test)
{
	struct pmt_sleep sleep = { .main = current };
	struct padata_mt_job job = {
		.thread_fn = pmt_sleep_fn, .fn_arg = &sleep, .size = 2,
		.max_threads = 2, .eager = true,
	};

	pmt_need_cpus(test, 2);
	init_completion(&sleep.helped);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	/* The hung task detector needs this state and no context switches. */
	KUNIT_EXPECT_EQ(test, sleep.state, TASK_UNINTERRUPTIBLE);
	/* Some switches have other causes; waking up every 20 ms would add 25. */
	KUNIT_EXPECT_LT(test, current->nvcsw + current->nivcsw - sleep.switches,
			10);
}

/* While helpers work, the main thread gets fewer CPUs. */
static int pmt_narrow_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;
	int err = pmt_thread_fn(start, end, arg);

	if (current != fx->main || completion_done(&fx->narrowed) ||
	    READ_ONCE(fx->max_active) < 2)
		return err;
	set_cpus_allowed_ptr(current, fx->narrow);
	fx->calls_before = READ_ONCE(fx->nr_calls);
	complete_all(&fx->narrowed);

	return err;
}

/*
 * Counts helpers' calls that began after that, except those that were about to
 * begin.
 */
static unsigned int pmt_count_astray(struct pmt_fixture *fx)
{
	unsigned int i, n = 0;

	for (i = fx->calls_before; i < fx->nr_calls; i++)
		n += fx->calls[i].task != fx->main &&
		     !cpumask_test_cpu(fx->calls[i].cpu, fx->narrow);

	return n;
}

static void pmt_test_narrowed(struct kunit *test)
{
	struct cpumask *narrow = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	unsigned int i, threads, cpus = pmt_need_cpus(test, 2);
	struct pmt_fixture *fx = test->priv;
	struct cpumask *before = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, narrow);
	KUNIT_ASSERT_NOT_NULL(test, before);
	cpumask_copy(before, &current->cpus_mask);
	fx->narrow = narrow;
	init_completion(&fx->narrowed);
	/* The caller keeps one CPU, or all but one. */
	for (i = 0; i < min(2, cpus - 1); i++) {
		pmt_find_cpus(narrow);
		while (cpumask_weight(narrow) > (i ? cpus - 1 : 1))
			cpumask_clear_cpu(cpumask_last(narrow), narrow);
		reinit_completion(&fx->narrowed);
		pmt_shape_parallel(fx);
		fx->job.thread_fn = pmt_narrow_fn;
		fx->job.max_threads = 0;
		fx->job.size = 3000;
		fx->job.max_chunk = 10;
		fx->company = cpus;
		pmt_run(fx);
		set_cpus_allowed_ptr(current, before);
		threads = fx->stats.threads;
		KUNIT_EXPECT_TRUE(test, completion_done(&fx->narrowed));
		KUNIT_EXPECT_LT(test, pmt_count_astray(fx), threads);
		pmt_check(fx);
	}
}

/* Only the eager flag says that these few indices are worth a helper. */
static void pmt_test_eager(struct kunit *test)
{
	static const struct pmt_shape shape = { .size = 3, .max_threads = 2 };
	struct pmt_fixture *fx = test->priv;

	pmt_need_cpus(test, 2);
	fx->patience = PMT_PATIENCE;
	pmt_shape_job(fx, &shape);
	fx->job.eager = true;
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 2);

	fx->patience = 0;
	for (fx->job.size = 0; fx->job.size < 3; fx->job.size++) {
		pmt_run_and_check(fx);
		KUNIT_EXPECT_LE(test, fx->stats.threads, fx->job.size);
	}
}

#define PMT_MANY	(1000UL * 1000)
#define PMT_TOO_LONG_NS	(30 * NSEC_PER_MSEC)

/*
 * Takes several times as long as a chunk should, by each clock that the engine
 * may use.
 */
static void pmt_take_too_long(void)
{
	u64 end = ktime_get_ns() + PMT_TOO_LONG_NS;
	u64 local_end = local_clock() + PMT_TOO_LONG_NS;

	while (ktime_get_ns() < end || local_clock() < local_end)
		usleep_range(1000, 2000);
}

/* Cheap indices, and then an error to end the job */
static int pmt_cheap_fn(unsigned long start, unsigned long end, void *arg)
{
	return start < 6 * PMT_MANY ? 0 : -EIO;
}

/*
 * After the first PMT_MANY indices, every call takes too long, whatever its
 * length.
 */
static int pmt_long_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;
	struct pmt_call call = { .start = start, .end = end, .task = current };
	unsigned int n;

	if (start < PMT_MANY)
		return 0;

	n = pmt_enter(fx, &call);
	pmt_take_too_long();
	pmt_leave(fx, n, n < 20 ? 0 : -EIO);

	return n < 20 ? 0 : -EIO;
}

static const struct pmt_call *pmt_next_of_task(const struct pmt_fixture *fx,
					       const struct pmt_call *call)
{
	const struct pmt_call *next;

	for (next = call + 1; next < fx->calls + fx->nr_calls; next++)
		if (next->task == call->task)
			return next;

	return NULL;
}

/* A thread whose chunk took too long takes a shorter one, if it can. */
static void pmt_check_shrinking(struct pmt_fixture *fx)
{
	const struct pmt_call *call, *next;
	unsigned long len;

	for (call = fx->calls; call < fx->calls + fx->nr_calls; call++) {
		next = pmt_next_of_task(fx, call);
		len = call->end - call->start;
		if (next)
			PMT_EXPECT(fx, next->end - next->start <=
				       max(len / 2, 1UL));
	}
}

/* The cost of cheap indices does not predict that of expensive ones. */
static void pmt_test_pace(struct kunit *test)
{
	static const struct pmt_shape shapes[] = {
		{ .size = ULONG_MAX, .max_threads = 4 },
		/* The share of the remaining work limits chunks, too. */
		{ .size = 2 * PMT_MANY, .max_threads = 4 },
	};
	struct pmt_fixture *fx = test->priv;
	unsigned int i, cpus = pmt_need_cpus(test, 1);
	struct padata_mt_job cheap = {
		.thread_fn	= pmt_cheap_fn,
		.size		= 40 * PMT_MANY,
		.min_chunk	= PMT_MANY,
		.max_threads	= 4,
		.eager		= true,
	};

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&cheap), -EIO);

	/* With one CPU there are no helpers. */
	for (i = 0; i < min(ARRAY_SIZE(shapes), cpus); i++) {
		pmt_shape_job(fx, &shapes[i]);
		fx->job.thread_fn = pmt_long_fn;
		fx->job.eager = i;
		pmt_run(fx);
		KUNIT_EXPECT_EQ(test, fx->ret, -EIO);
		pmt_check_shrinking(fx);
	}
}

/* The largest factor by which the chunks of a thread grow */
#define PMT_GROWTH	16

static void pmt_check_growth(struct pmt_fixture *fx)
{
	const struct pmt_call *call, *next;

	for (call = fx->calls; call < fx->calls + fx->nr_calls; call++) {
		next = pmt_next_of_task(fx, call);
		if (next)
			PMT_EXPECT(fx, (next->end - next->start) / PMT_GROWTH <=
				       call->end - call->start);
	}
}

/* Each thread leaves the other threads their share, so all finish together. */
static void pmt_check_shares(struct pmt_fixture *fx)
{
	unsigned long end = fx->job.start + fx->job.size;
	const struct pmt_call *call;

	for (call = fx->calls; call < fx->calls + fx->nr_calls; call++)
		PMT_EXPECT(fx, call->end - call->start <=
			       max((end - call->start) / 4, 1));
}

/* Indices that are too cheap to measure */
static void pmt_test_cheap(struct kunit *test)
{
	static const struct pmt_shape shape = { .size = ULONG_MAX,
						.max_threads = 4 };
	struct pmt_fixture *fx = test->priv;

	/* A single thread, but several calls */
	pmt_shape_job(fx, &shape);
	fx->job.max_threads = 1;
	fx->job.killable = true;
	pmt_run_and_check(fx);
	pmt_check_growth(fx);

	pmt_need_cpus(test, 2);
	pmt_shape_job(fx, &shape);
	fx->job.eager = true;
	pmt_run_and_check(fx);
	pmt_check_growth(fx);
	pmt_check_shares(fx);
}

#ifdef CONFIG_PADATA

static atomic_t pmt_runs_wanted;

static struct padata_mt_run *pmt_alloc_no_run(unsigned int max_threads)
{
	atomic_inc(&pmt_runs_wanted);
	return NULL;
}

static int pmt_no_work_fn(unsigned long start, unsigned long end, void *arg)
{
	return 0;
}

/* A clock that shows the time that a thread function claims to have taken */
static u64 pmt_claimed_ns;

static u64 pmt_claimed_clock(bool late)
{
	return pmt_claimed_ns;
}

static int pmt_claim_fn(unsigned long start, unsigned long end, void *arg)
{
	unsigned int *ns_per_index = arg;

	pmt_claimed_ns += *ns_per_index * (end - start);
	return 0;
}

/*
 * A job asks for helpers once it has run for 20 us, if the rest takes at least
 * 100 us more.
 */
static void pmt_test_small(struct kunit *test)
{
	static const struct {
		unsigned long size;
		unsigned int ns_per_index;
		bool asks;
	} cases[] = {
		{ 100, 0, false },
		{ 5, 22 * NSEC_PER_USEC, false },
		{ 6, 22 * NSEC_PER_USEC, true },
		{ 100 * 1000, 1, false },
		{ 200 * 1000, 1, true },
	};
	bool alone = pmt_need_cpus(test, 1) == 1;
	unsigned int i, ns_per_index;
	struct padata_mt_job job = {
		.thread_fn = pmt_claim_fn, .fn_arg = &ns_per_index,
	};

	kunit_activate_static_stub(test, padata_mt_alloc_run, pmt_alloc_no_run);
	kunit_activate_static_stub(test, padata_mt_clock, pmt_claimed_clock);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		job.size = cases[i].size;
		ns_per_index = cases[i].ns_per_index;
		atomic_set(&pmt_runs_wanted, 0);
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		KUNIT_EXPECT_EQ_MSG(test, !!atomic_read(&pmt_runs_wanted),
				    cases[i].asks && !alone, "case %u", i);
	}
}

static int pmt_back_fn(unsigned long start, unsigned long end, void *arg)
{
	pmt_claimed_ns -= NSEC_PER_MSEC;
	return 0;
}

/* The clock of the CPU to which the main thread moved is behind. */
static void pmt_test_clock_back(struct kunit *test)
{
	struct padata_mt_stats stats;
	struct padata_mt_job job = {
		.thread_fn = pmt_back_fn, .size = 100, .max_chunk = 10,
		.stats = &stats,
	};

	kunit_activate_static_stub(test, padata_mt_alloc_run, pmt_alloc_no_run);
	kunit_activate_static_stub(test, padata_mt_clock, pmt_claimed_clock);
	pmt_claimed_ns = NSEC_PER_SEC;
	atomic_set(&pmt_runs_wanted, 0);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, stats.ns, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&pmt_runs_wanted), 0);
}

static void pmt_test_no_memory(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	long before = atomic_long_read(&padata_mt_no_memory);

	kunit_activate_static_stub(test, padata_mt_alloc_run, pmt_alloc_no_run);
	atomic_set(&pmt_runs_wanted, 0);
	pmt_shape_parallel(fx);
	fx->patience = 1;
	pmt_run_and_check(fx);

	KUNIT_EXPECT_EQ(test, fx->ret, 0);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 1);
	if (pmt_need_cpus(test, 1) == 1)
		return;
	KUNIT_EXPECT_GT(test, atomic_read(&pmt_runs_wanted), 0);
	/* Once for the job, however often it tried to allocate memory */
	KUNIT_EXPECT_EQ(test, atomic_long_read(&padata_mt_no_memory), before + 1);
}

/*
 * If all indices were as cheap as the first ones, the job would be worth one or
 * two helpers.  When the later ones turn out to be more expensive, the main
 * thread asks for more helpers, and those that are there wait for them.
 */
static int pmt_dearer_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;

	if (start < 10000) {
		pmt_compute(10 * (end - start));
		return 0;
	}
	if (current != fx->main)
		return pmt_thread_fn(start, end, arg);
	if (READ_ONCE(fx->max_active) >= fx->company ||
	    completion_done(&fx->met))
		return -ECANCELED;
	pmt_take_too_long();

	return 0;
}

static void pmt_test_dearer(struct kunit *test)
{
	static const struct pmt_shape shape = { .size = 20000 };
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	pmt_need_cpus(test, 4);
	pmt_shape_job(fx, &shape);
	fx->job.thread_fn = pmt_dearer_fn;
	fx->job.undo_fn = NULL;
	fx->patience = PMT_PATIENCE;
	fx->company = 3;
	pmt_run(fx);
	KUNIT_EXPECT_GE(test, fx->max_active, 3);

	/*
	 * If the job asked for too many helpers, they would join within this
	 * time, in one of the jobs at least.
	 */
	fx->patience = HZ / 10;
	fx->job.max_threads = 3;
	for (i = 0; i < 5; i++) {
		pmt_run(fx);
		KUNIT_EXPECT_LE(test, fx->stats.threads, 3);
	}
}

static void pmt_set_max_helpers(struct kunit *test, const char *val, int ret)
{
	KUNIT_EXPECT_EQ_MSG(test, padata_mt_set_max_helpers(val, NULL), ret,
			    "max_helpers=%s", val);
}

static void pmt_wait_while_helped(void)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	while (padata_mt_nr_helping() && time_before(jiffies, end))
		usleep_range(1000, 2000);
}

/* Helpers of earlier jobs may take a moment to notice that their jobs have ended. */
static void pmt_wait_for_no_helper(struct kunit *test)
{
	pmt_wait_while_helped();
	KUNIT_EXPECT_EQ(test, padata_mt_nr_helping(), 0);
}

static void pmt_restore_max_helpers(void *max)
{
	WRITE_ONCE(padata_mt_max_helpers, (unsigned long)max);
}

/* The administrator's setting is restored after the test. */
static void pmt_allow_helpers(struct kunit *test, unsigned int max)
{
	unsigned long before = padata_mt_max_helpers;

	KUNIT_ASSERT_EQ(test, kunit_add_action(test, pmt_restore_max_helpers,
					       (void *)before), 0);
	WRITE_ONCE(padata_mt_max_helpers, max);
}

static void pmt_test_max_helpers(struct kunit *test)
{
	static const char * const bad[] = {
		"-1", "", "x", "1x", "2147483648", "-2147483648", " ", "1.5",
	};
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	pmt_need_cpus(test, 2);
	pmt_allow_helpers(test, 0);
	for (i = 0; i < 3; i++) {
		pmt_wait_for_no_helper(test);
		pmt_set_max_helpers(test, i ? i > 1 ? "2" : "1" : "0", 0);
		pmt_shape_parallel(fx);
		if (!i)
			fx->patience = 1;
		pmt_run_and_check(fx);
		KUNIT_EXPECT_LE(test, fx->stats.threads, i + 1);
		KUNIT_EXPECT_GE(test, fx->stats.threads, min(i + 1, 2));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		pmt_set_max_helpers(test, bad[i], -EINVAL);
	KUNIT_EXPECT_EQ(test, padata_mt_max_helpers, 2);
}

static void pmt_wait_for_surplus(void)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	while (READ_ONCE(padata_mt_max_helpers) && time_before(jiffies, end))
		usleep_range(1000, 2000);
}

/* While a helper has its first chunk, max_helpers becomes 0. */
static int pmt_surplus_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;
	int err = pmt_thread_fn(start, end, arg);

	if (current != fx->main) {
		pmt_wait_for_surplus();
	} else if (READ_ONCE(fx->max_active) > 1) {
		WRITE_ONCE(padata_mt_max_helpers, 0);
		pmt_wait_while_helped();
	}

	return err;
}

/* The helper takes no other chunk, and the job is completed nevertheless. */
static void pmt_test_surplus(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	unsigned int i, calls = 0;

	pmt_need_cpus(test, 2);
	pmt_allow_helpers(test, 1);
	pmt_wait_for_no_helper(test);
	pmt_shape_parallel(fx);
	fx->job.thread_fn = pmt_surplus_fn;
	pmt_run_and_check(fx);

	for (i = 0; i < fx->nr_calls; i++)
		calls += fx->calls[i].task != fx->main;
	KUNIT_EXPECT_EQ(test, calls, 1);
}

/* One helper for two jobs: the first job cannot end before the second one runs. */
struct pmt_relay {
	struct pmt_fixture	*fx;
	struct pmt_task		first;
	struct task_struct	*main;
	struct completion	helped;
	struct completion	wanted;
	struct completion	over;
};

static int pmt_relay_first_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_relay *relay = arg;

	if (current == relay->main) {
		wait_for_completion_timeout(&relay->over, 3 * PMT_PATIENCE);
		return 0;
	}
	complete_all(&relay->helped);
	wait_for_completion_timeout(&relay->wanted, PMT_PATIENCE);

	return 0;
}

static int pmt_relay_second_fn(unsigned long start, unsigned long end,
			       void *arg)
{
	struct pmt_relay *relay = arg;

	complete_all(&relay->wanted);

	return pmt_thread_fn(start, end, relay->fx);
}

static int pmt_relay_task_fn(void *arg)
{
	struct pmt_relay *relay = container_of(arg, struct pmt_relay, first);
	struct padata_mt_job job = {
		.thread_fn = pmt_relay_first_fn, .fn_arg = relay, .size = 2,
		.max_threads = 2, .eager = true,
	};

	relay->main = current;
	padata_do_multithreaded(&job);
	kthread_complete_and_exit(&relay->first.done, 0);
}

/* The helper finds the second job by itself. */
static void pmt_test_relay(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_relay relay = { .fx = fx, .first.fx = fx };

	pmt_need_cpus(test, 3);
	pmt_allow_helpers(test, 1);
	pmt_wait_for_no_helper(test);
	init_completion(&relay.helped);
	init_completion(&relay.wanted);
	init_completion(&relay.over);
	pmt_start(&relay.first, pmt_relay_task_fn);
	wait_for_completion_timeout(&relay.helped, PMT_PATIENCE);

	pmt_shape_parallel(fx);
	fx->job.thread_fn = pmt_relay_second_fn;
	fx->job.fn_arg = &relay;
	fx->job.undo_fn = NULL;
	fx->job.eager = true;
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 2);

	complete_all(&relay.over);
	wait_for_completion(&relay.first.done);
}

/* Keeps all other tasks off a CPU. */
struct pmt_hog {
	bool			busy;
	bool			stop;
	struct completion	done;
};

static int pmt_hog_fn(void *arg)
{
	unsigned long end = jiffies + PMT_PATIENCE;
	struct pmt_hog *hog = arg;

	preempt_disable();
	WRITE_ONCE(hog->busy, true);
	while (!READ_ONCE(hog->stop) && time_before(jiffies, end))
		cpu_relax();
	preempt_enable();

	kthread_complete_and_exit(&hog->done, 0);
}

static void pmt_start_hog(struct kunit *test, struct pmt_hog *hog, int cpu)
{
	struct task_struct *task;

	init_completion(&hog->done);
	task = kthread_create(pmt_hog_fn, hog, "test_padata_mt");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kthread_bind(task, cpu);
	wake_up_process(task);
	while (!READ_ONCE(hog->busy))
		usleep_range(100, 200);
}

/*
 * A helper that cannot start is free again when its job has ended.  It may have
 * started after all, on the CPU of this task, but not every time.
 */
static void pmt_test_recall(struct kunit *test)
{
	struct cpumask *cpus = kunit_kzalloc(test, cpumask_size(), GFP_KERNEL);
	struct padata_mt_job job = {
		.thread_fn = pmt_no_work_fn, .size = 2, .max_threads = 2,
		.eager = true,
	};
	struct pmt_fixture *fx = test->priv;
	unsigned int i, kept = 0;
	struct pmt_hog hog = {};

	pmt_need_cpus(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, cpus);
	pmt_find_cpus(cpus);
	while (cpumask_weight(cpus) > 2)
		cpumask_clear_cpu(cpumask_last(cpus), cpus);
	pmt_allow_helpers(test, 1);
	pmt_shape_parallel(fx);
	pmt_run_and_check(fx);
	pmt_wait_for_no_helper(test);

	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpus)));
	pmt_start_hog(test, &hog, cpumask_last(cpus));
	set_cpus_allowed_ptr(current, cpus);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		kept += padata_mt_nr_helping();
	}
	WRITE_ONCE(hog.stop, true);
	wait_for_completion(&hog.done);
	KUNIT_EXPECT_LT(test, kept, 10);
}

/* A task that stays in its job until the test lets the job end */
struct pmt_caller {
	struct pmt_task		task;
	struct completion	calling;
	struct completion	over;
};

static int pmt_caller_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_caller *caller = arg;

	complete_all(&caller->calling);
	wait_for_completion(&caller->over);

	return 0;
}

static int pmt_caller_task_fn(void *arg)
{
	struct pmt_caller *caller = container_of(arg, struct pmt_caller, task);
	struct padata_mt_job job = {
		.thread_fn = pmt_caller_fn, .fn_arg = caller, .size = 1,
	};

	padata_do_multithreaded(&job);
	kthread_complete_and_exit(&caller->task.done, 0);
}

static void pmt_start_caller(struct pmt_caller *caller, struct pmt_fixture *fx)
{
	caller->task.fx = fx;
	init_completion(&caller->calling);
	init_completion(&caller->over);
	pmt_start(&caller->task, pmt_caller_task_fn);
	wait_for_completion(&caller->calling);
}

/* As many callers as CPUs leave none for helpers. */
static void pmt_test_callers(struct kunit *test)
{
	unsigned int i, others = num_online_cpus() - 1;
	struct pmt_fixture *fx = test->priv;
	struct pmt_caller *callers;

	pmt_need_cpus(test, 2);
	callers = kunit_kcalloc(test, others, sizeof(*callers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, callers);
	for (i = 0; i < others; i++)
		pmt_start_caller(&callers[i], fx);

	pmt_shape_parallel(fx);
	fx->patience = 1;
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 1);

	for (i = 0; i < others; i++) {
		complete_all(&callers[i].over);
		wait_for_completion(&callers[i].task.done);
	}
}

/* A long job, whose helpers leave one by one as new callers come */
struct pmt_crowd {
	struct pmt_fixture	*fx;
	struct pmt_task		task;
	struct task_struct	*main;
	bool			over;
};

static int pmt_crowd_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_crowd *crowd = arg;

	usleep_range(500, 1000);

	return READ_ONCE(crowd->over) ? -ECANCELED : 0;
}

static int pmt_crowd_task_fn(void *arg)
{
	struct pmt_crowd *crowd = container_of(arg, struct pmt_crowd, task);
	struct padata_mt_job job = {
		.thread_fn = pmt_crowd_fn, .fn_arg = crowd,
		.size = 100 * PMT_MANY, .max_chunk = 1, .eager = true,
	};

	padata_do_multithreaded(&job);
	kthread_complete_and_exit(&crowd->task.done, 0);
}

static void pmt_expect_helping(struct kunit *test, unsigned int helpers)
{
	unsigned long end = jiffies + PMT_PATIENCE;

	while (padata_mt_nr_helping() != helpers && time_before(jiffies, end))
		usleep_range(1000, 2000);
	KUNIT_EXPECT_EQ(test, padata_mt_nr_helping(), helpers);
}

/* Each new caller takes the place of a helper, and frees it at the end. */
static void pmt_test_crowd(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_crowd crowd = { .task.fx = fx };
	unsigned int i, helpers = pmt_need_cpus(test, 2) - 1;
	struct pmt_caller *callers;

	if (helpers != num_online_cpus() - 1)
		kunit_skip(test, "requires that helpers may use every online CPU");
	callers = kunit_kcalloc(test, helpers, sizeof(*callers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, callers);
	pmt_wait_for_no_helper(test);
	pmt_start(&crowd.task, pmt_crowd_task_fn);
	pmt_expect_helping(test, helpers);
	for (i = 0; i < helpers; i++) {
		pmt_start_caller(&callers[i], fx);
		pmt_expect_helping(test, helpers - 1 - i);
	}
	for (i = 0; i < helpers; i++) {
		complete_all(&callers[i].over);
		wait_for_completion(&callers[i].task.done);
		pmt_expect_helping(test, i + 1);
	}
	WRITE_ONCE(crowd.over, true);
	wait_for_completion(&crowd.task.done);
}

/* Workers that have been idle for a long time exit, and later jobs get new ones. */
static void pmt_test_idle(struct kunit *test)
{
	unsigned long end = jiffies + PMT_PATIENCE;
	struct pmt_fixture *fx = test->priv;
	unsigned int i;

	pmt_need_cpus(test, 2);
	for (i = 0; i < 3; i++) {
		pmt_shape_parallel(fx);
		pmt_run_and_check(fx);
		KUNIT_EXPECT_GE(test, fx->stats.threads, 2);
		KUNIT_EXPECT_GT(test, padata_mt_nr_workers(), 0);
		pmt_wait_for_no_helper(test);
		KUNIT_EXPECT_EQ(test, padata_mt_set_idle_ms("1", NULL), 0);
		while (padata_mt_nr_workers() && time_before(jiffies, end))
			usleep_range(1000, 2000);
		KUNIT_EXPECT_EQ(test, padata_mt_nr_workers(), 0);
		KUNIT_EXPECT_EQ(test, padata_mt_set_idle_ms("60000", NULL), 0);
	}
}

/* A job that lacks a helper ends while this thread places a worker for it. */
static struct pmt_caller *pmt_placed_caller;
static unsigned int pmt_placed_helping;

static int pmt_placed_task_fn(void *arg)
{
	struct pmt_caller *caller = container_of(arg, struct pmt_caller, task);
	struct padata_mt_job job = {
		.thread_fn = pmt_caller_fn, .fn_arg = caller, .size = 2,
		.max_threads = 2, .eager = true,
	};

	padata_do_multithreaded(&job);
	kthread_complete_and_exit(&caller->task.done, 0);
}

static void pmt_end_placed(void)
{
	struct pmt_caller *caller = pmt_placed_caller;

	if (!caller)
		return;
	pmt_placed_caller = NULL;
	complete_all(&caller->over);
	wait_for_completion(&caller->task.done);
	pmt_placed_helping = padata_mt_nr_helping();
}

/* As many callers as CPUs, this task included, so the new one gets no helper yet. */
static int pmt_placing_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_caller *caller = arg;

	init_completion(&caller->calling);
	init_completion(&caller->over);
	pmt_start(&caller->task, pmt_placed_task_fn);
	wait_for_completion(&caller->calling);
	pmt_placed_caller = caller;

	return 0;
}

/* The worker is free for other jobs immediately, although it is not placed yet. */
static void pmt_test_recall_placing(struct kunit *test)
{
	unsigned int i, others = num_online_cpus() - 2;
	struct pmt_fixture *fx = test->priv;
	struct pmt_caller *callers;
	struct padata_mt_job job = {
		.thread_fn = pmt_placing_fn, .size = 1,
	};

	pmt_need_cpus(test, 2);
	callers = kunit_kcalloc(test, others + 1, sizeof(*callers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, callers);
	/* Run a job first, so that there is an idle worker. */
	pmt_shape_parallel(fx);
	pmt_run_and_check(fx);
	pmt_wait_for_no_helper(test);
	for (i = 0; i < others; i++)
		pmt_start_caller(&callers[i], fx);

	callers[others].task.fx = fx;
	job.fn_arg = &callers[others];
	pmt_placed_helping = UINT_MAX;
	kunit_activate_static_stub(test, padata_mt_window, pmt_end_placed);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	kunit_deactivate_static_stub(test, padata_mt_window);
	KUNIT_EXPECT_EQ(test, pmt_placed_helping, 0);

	/* If no worker was placed, the job has not ended yet. */
	pmt_end_placed();
	for (i = 0; i < others; i++) {
		complete_all(&callers[i].over);
		wait_for_completion(&callers[i].task.done);
	}
	pmt_wait_for_no_helper(test);
}

/*
 * The main thread sends at most three helpers before its first chunk.  All four
 * arrive nevertheless.
 */
#define PMT_FANOUT_HELPERS	4

static unsigned int pmt_windows;

static void pmt_count_window(void)
{
	pmt_windows++;
}

struct pmt_fanout {
	struct pmt_fixture	*fx;
	unsigned int		windows;
};

static int pmt_fanout_fn(unsigned long start, unsigned long end, void *arg)
{
	unsigned long patience = jiffies + PMT_PATIENCE;
	struct pmt_fanout *fanout = arg;
	struct pmt_fixture *fx = fanout->fx;
	int err;

	if (current == fx->main && !fanout->windows)
		fanout->windows = pmt_windows;
	scoped_guard(spinlock, &fx->lock)
		fx->max_active = max(fx->max_active, ++fx->active);
	while (READ_ONCE(fx->max_active) <= PMT_FANOUT_HELPERS &&
	       time_before(jiffies, patience))
		usleep_range(100, 200);
	err = READ_ONCE(fx->max_active) > PMT_FANOUT_HELPERS ? 0 : -ETIMEDOUT;
	scoped_guard(spinlock, &fx->lock)
		fx->active--;

	return err;
}

static void pmt_test_fanout(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_fanout fanout = { .fx = fx };
	struct padata_mt_job job = {
		.thread_fn = pmt_fanout_fn, .fn_arg = &fanout, .size = 100,
		.max_threads = 1 + PMT_FANOUT_HELPERS, .eager = true,
	};
	unsigned int i;

	pmt_need_cpus(test, 1 + PMT_FANOUT_HELPERS);
	/* The first job creates the workers, and the later jobs find them idle. */
	for (i = 0; i < 10; i++) {
		pmt_wait_for_no_helper(test);
		fx->main = current;
		fx->active = 0;
		fx->max_active = 0;
		fanout.windows = 0;
		pmt_windows = 0;
		kunit_activate_static_stub(test, padata_mt_window,
					   pmt_count_window);
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		kunit_deactivate_static_stub(test, padata_mt_window);
		/*
		 * Two windows for each helper that this thread sent, or fewer
		 * if a helper was faster.
		 */
		KUNIT_EXPECT_LE(test, fanout.windows, 6);
	}
}

/* One job keeps all helpers, so another job has none. */
static void pmt_test_exhausted(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct pmt_fixture *other = pmt_new_fixture(test);
	struct pmt_task task = { .fx = other };
	unsigned long end = jiffies + PMT_PATIENCE;
	unsigned int helpers = pmt_need_cpus(test, 2) - 1;

	if (helpers > 64)
		kunit_skip(test, "requires at most 64 helpers");
	pmt_allow_helpers(test, helpers);
	pmt_wait_for_no_helper(test);
	pmt_shape_parallel(other);
	other->job.max_threads = 0;
	other->job.size = 10000;
	other->company = UINT_MAX;
	pmt_start(&task, pmt_task_fn);
	while (READ_ONCE(other->active) <= helpers && time_before(jiffies, end))
		usleep_range(100, 200);
	KUNIT_EXPECT_EQ(test, other->active, 1 + helpers);

	pmt_shape_parallel(fx);
	fx->patience = 1;
	pmt_run_and_check(fx);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 1);
	KUNIT_EXPECT_EQ(test, padata_mt_nr_helping(), helpers);

	complete_all(&other->met);
	wait_for_completion(&task.done);
	pmt_check(other);
}

#endif /* CONFIG_PADATA */

static int pmt_test_init(struct kunit *test)
{
	test->priv = pmt_new_fixture(test);

	return 0;
}

static struct kunit_case pmt_test_cases[] = {
	KUNIT_CASE_PARAM(pmt_test_shapes, pmt_shapes_gen_params),
	KUNIT_CASE(pmt_test_random),
	KUNIT_CASE(pmt_test_empty),
	KUNIT_CASE(pmt_test_invalid),
	KUNIT_CASE_PARAM(pmt_test_parallel, pmt_parallel_gen_params),
	KUNIT_CASE(pmt_test_max_threads),
	KUNIT_CASE(pmt_test_straggler),
	KUNIT_CASE(pmt_test_run_again),
	KUNIT_CASE(pmt_test_no_stats),
	KUNIT_CASE_PARAM(pmt_test_errors, pmt_errors_gen_params),
	KUNIT_CASE(pmt_test_ended),
	KUNIT_CASE(pmt_test_fail_together),
	KUNIT_CASE(pmt_test_killed),
	KUNIT_CASE(pmt_test_killed_shared),
	KUNIT_CASE(pmt_test_killed_early),
	KUNIT_CASE(pmt_test_not_killable),
	KUNIT_CASE(pmt_test_nested),
	KUNIT_CASE(pmt_test_recursive),
	KUNIT_CASE(pmt_test_many),
	KUNIT_CASE(pmt_test_reclaim_worker),
	KUNIT_CASE(pmt_test_one_cpu),
	KUNIT_CASE(pmt_test_two_cpus),
	KUNIT_CASE(pmt_test_numa),
	KUNIT_CASE(pmt_test_memalloc),
	KUNIT_CASE(pmt_test_nice),
	KUNIT_CASE(pmt_test_nested_lift),
	KUNIT_CASE(pmt_test_leak),
	KUNIT_CASE(pmt_test_late),
	KUNIT_CASE_PARAM(pmt_test_max_chunk, pmt_max_chunk_gen_params),
	KUNIT_CASE(pmt_test_stop),
	KUNIT_CASE(pmt_test_stop_killed),
	KUNIT_CASE(pmt_test_stop_narrowed),
	KUNIT_CASE(pmt_test_policy),
	KUNIT_CASE(pmt_test_inherits_rt),
	KUNIT_CASE(pmt_test_becomes_rt),
	KUNIT_CASE(pmt_test_sleep),
	KUNIT_CASE(pmt_test_narrowed),
	KUNIT_CASE(pmt_test_eager),
	KUNIT_CASE(pmt_test_pace),
	KUNIT_CASE(pmt_test_cheap),
#ifdef CONFIG_PADATA
	KUNIT_CASE(pmt_test_small),
	KUNIT_CASE(pmt_test_clock_back),
	KUNIT_CASE(pmt_test_no_memory),
	KUNIT_CASE(pmt_test_dearer),
	KUNIT_CASE(pmt_test_max_helpers),
	KUNIT_CASE(pmt_test_surplus),
	KUNIT_CASE(pmt_test_relay),
	KUNIT_CASE(pmt_test_recall),
	KUNIT_CASE(pmt_test_callers),
	KUNIT_CASE(pmt_test_recall_placing),
	KUNIT_CASE(pmt_test_fanout),
	KUNIT_CASE(pmt_test_crowd),
	KUNIT_CASE(pmt_test_idle),
	KUNIT_CASE(pmt_test_exhausted),
#endif
	{}
};

static struct kunit_suite pmt_test_suite = {
	.name = "padata_mt",
	.init = pmt_test_init,
	.test_cases = pmt_test_cases,
};

kunit_test_suites(&pmt_test_suite);

MODULE_DESCRIPTION("KUnit tests for multithreaded padata jobs");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
