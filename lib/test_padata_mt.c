// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for multithreaded padata jobs (kernel/padata_mt.c)
 *
 * A fixture describes a job and records every call of its thread function: the
 * range, the task, and how many calls were under way at once.  After a job has
 * run, pmt_check() compares the record with what padata.h promises for any job.
 * Most tests are thus a description of jobs and one call of pmt_run_and_check().
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/padata.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define PMT_MAX_CALLS		4096
#define PMT_RANDOM_JOBS		300

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
};

/**
 * struct pmt_fixture - one job and what its thread function saw
 * @test: The running test.
 * @job: The job under test.
 * @stats: What the job reported.
 * @patience: How long a lone thread waits in its call for a second, in jiffies.
 * @met: Two threads were in the thread function, or @patience is exhausted.
 * @dwell_us: How long every call sleeps.
 * @helper_dwell_us: How long calls in helpers sleep.
 * @main: The task that runs the job.
 * @lock: Held to change what follows.
 * @active: Calls under way.
 * @max_active: The highest @active so far.
 * @nr_calls: Calls so far.
 * @calls: The first PMT_MAX_CALLS of them.
 */
struct pmt_fixture {
	struct kunit		*test;
	struct padata_mt_job	job;
	struct padata_mt_stats	stats;
	unsigned long		patience;
	struct completion	met;
	unsigned int		dwell_us;
	unsigned int		helper_dwell_us;
	struct task_struct	*main;

	spinlock_t		lock;	/* Protects the members below */
	unsigned int		active;
	unsigned int		max_active;
	unsigned int		nr_calls;
	struct pmt_call		calls[PMT_MAX_CALLS];
};

static void pmt_expect(struct pmt_fixture *fx, bool met, const char *what)
{
	struct padata_mt_job *job = &fx->job;

	KUNIT_EXPECT_TRUE_MSG(fx->test, met,
			      "%s: start %lu size %lu align %lu min_chunk %lu max_threads %d numa_aware %d",
			      what, job->start, job->size, job->align,
			      job->min_chunk, job->max_threads,
			      job->numa_aware);
}

#define PMT_EXPECT(fx, condition)	pmt_expect(fx, condition, #condition)

static unsigned int pmt_enter(struct pmt_fixture *fx, unsigned long start,
			      unsigned long end)
{
	guard(spinlock)(&fx->lock);

	if (fx->nr_calls < PMT_MAX_CALLS)
		fx->calls[fx->nr_calls] = (struct pmt_call){
			.start = start, .end = end, .task = current,
		};
	fx->nr_calls++;
	fx->active++;
	fx->max_active = max(fx->max_active, fx->active);

	return fx->max_active;
}

static void pmt_leave(struct pmt_fixture *fx)
{
	guard(spinlock)(&fx->lock);
	fx->active--;
}

static void pmt_thread_fn(unsigned long start, unsigned long end, void *arg)
{
	struct pmt_fixture *fx = arg;
	unsigned int dwell_us = fx->dwell_us;

	/* The first to know ends the waiting, for the rest of the job too. */
	if (pmt_enter(fx, start, end) > 1 || !fx->patience ||
	    !wait_for_completion_timeout(&fx->met, fx->patience))
		complete_all(&fx->met);

	if (current != fx->main)
		dwell_us += fx->helper_dwell_us;
	if (dwell_us)
		usleep_range(dwell_us, 2 * dwell_us);

	pmt_leave(fx);
}

static void pmt_shape_job(struct pmt_fixture *fx, const struct pmt_shape *shape)
{
	fx->job = (struct padata_mt_job){
		.thread_fn	= pmt_thread_fn,
		.fn_arg		= fx,
		.start		= shape->start,
		.size		= shape->size,
		.align		= shape->align,
		.min_chunk	= shape->min_chunk,
		.max_threads	= shape->max_threads,
		.stats		= &fx->stats,
	};
}

/* __ref: init section suites run before init memory is freed, and only then. */
static void __ref pmt_run(struct pmt_fixture *fx)
{
	fx->main = current;
	fx->active = 0;
	fx->max_active = 0;
	fx->nr_calls = 0;
	/* Poison, so that what is not written is noticed. */
	memset(&fx->stats, 0xa5, sizeof(fx->stats));
	reinit_completion(&fx->met);

	padata_do_multithreaded(&fx->job);
}

static int pmt_cmp_calls(const void *a, const void *b)
{
	const struct pmt_call *x = a, *y = b;

	return cmp_int(x->start, y->start);
}

/* Every index was given to the thread function exactly once. */
static void pmt_check_coverage(struct pmt_fixture *fx)
{
	unsigned long next = fx->job.start;
	struct pmt_call *call;

	sort(fx->calls, fx->nr_calls, sizeof(*fx->calls), pmt_cmp_calls, NULL);

	for (call = fx->calls; call < fx->calls + fx->nr_calls; call++) {
		PMT_EXPECT(fx, call->start == next);
		PMT_EXPECT(fx, call->start < call->end);
		next = call->end;
	}
	PMT_EXPECT(fx, next == fx->job.start + fx->job.size);
}

/* Inner boundaries are aligned, and inner chunks large enough. */
static void pmt_check_chunks(struct pmt_fixture *fx)
{
	unsigned long align = max(fx->job.align, 1UL);
	struct pmt_call *call;
	unsigned int i;

	for (i = 1; i < fx->nr_calls; i++) {
		call = &fx->calls[i];
		PMT_EXPECT(fx, call->start % align == 0);
		if (i < fx->nr_calls - 1)
			PMT_EXPECT(fx, call->end - call->start >=
				       fx->job.min_chunk);
	}
}

static unsigned int pmt_count_tasks(struct pmt_fixture *fx)
{
	unsigned int i, j, tasks = 0;

	for (i = 0; i < fx->nr_calls; i++) {
		for (j = 0; j < i; j++)
			if (fx->calls[j].task == fx->calls[i].task)
				break;
		if (j == i)
			tasks++;
	}

	return tasks;
}

/* The limit held, nobody is left behind, and the report is true. */
static void pmt_check_threads(struct pmt_fixture *fx)
{
	unsigned int limit = max(fx->job.max_threads, 1);
	unsigned int tasks = pmt_count_tasks(fx);

	PMT_EXPECT(fx, fx->active == 0);
	PMT_EXPECT(fx, fx->max_active <= limit);
	PMT_EXPECT(fx, tasks <= limit);

	if (!fx->job.stats)
		return;
	PMT_EXPECT(fx, fx->stats.threads == tasks);
	PMT_EXPECT(fx, fx->stats.chunks == fx->nr_calls);
}

static bool pmt_is_for_one_thread(const struct padata_mt_job *job)
{
	unsigned long unit = max3(job->min_chunk, job->align, 1UL);

	return job->max_threads <= 1 || job->size / unit <= 1;
}

/* A job for one thread is one call, in the task that runs it. */
static void pmt_check_single(struct pmt_fixture *fx)
{
	if (!fx->job.size || !pmt_is_for_one_thread(&fx->job))
		return;

	PMT_EXPECT(fx, fx->nr_calls == 1);
	PMT_EXPECT(fx, fx->calls[0].task == fx->main);
}

static void pmt_check(struct pmt_fixture *fx)
{
	KUNIT_ASSERT_LE(fx->test, fx->nr_calls, PMT_MAX_CALLS);

	pmt_check_coverage(fx);
	pmt_check_chunks(fx);
	pmt_check_threads(fx);
	pmt_check_single(fx);
}

static void pmt_run_and_check(struct pmt_fixture *fx)
{
	pmt_run(fx);
	pmt_check(fx);
}

static const struct pmt_shape pmt_shapes[] = {
	/*  name		start	size	align	min	max_threads */
	{ "one index",		0,	1,	1,	1,	4 },
	{ "one index, at 7",	7,	1,	8,	8,	4 },
	{ "below min_chunk",	0,	99,	1,	100,	4 },
	{ "exactly min_chunk",	0,	100,	1,	100,	4 },
	{ "two min_chunks",	0,	200,	1,	100,	4 },
	{ "two, less one",	0,	199,	1,	100,	4 },
	{ "below align",	0,	63,	64,	1,	4 },
	{ "align in the middle", 60,	8,	64,	1,	4 },
	{ "two aligns",		0,	128,	64,	1,	4 },
	{ "even",		0,	4096,	64,	64,	4 },
	{ "unaligned start",	37,	4096,	64,	64,	4 },
	{ "unaligned end",	64,	4095,	64,	64,	4 },
	{ "unaligned both",	101,	3001,	64,	64,	4 },
	{ "align 3",		1,	1000,	3,	1,	4 },
	{ "align 7, min 10",	5,	1003,	7,	10,	4 },
	{ "align above min",	11,	1000,	100,	3,	4 },
	{ "min above align",	11,	1000,	3,	100,	4 },
	{ "min no multiple",	11,	10000,	64,	100,	4 },
	{ "primes",		7919,	104729,	13,	251,	5 },
	{ "more threads than work", 0,	5,	1,	1,	64 },
	{ "most threads",	0,	1000,	1,	1,	INT_MAX },
	{ "one thread",		3,	1000,	1,	1,	1 },
	{ "two threads",	3,	1000,	1,	1,	2 },
	{ "align 0",		3,	1000,	0,	1,	4 },
	{ "min_chunk 0",	3,	1000,	1,	0,	4 },
	{ "max_threads 0",	3,	1000,	1,	1,	0 },
	{ "max_threads -1",	3,	1000,	1,	1,	-1 },
	{ "max_threads lowest",	3,	1000,	1,	1,	INT_MIN },
	{ "all 0",		3,	1000,	0,	0,	0 },
	{ "huge",		0,	ULONG_MAX, 1,	1,	4 },
	{ "huge, align 3",	1,	ULONG_MAX - 1, 3, 1,	4 },
	{ "huge align",		1,	ULONG_MAX - 1, ULONG_MAX, 1, 4 },
	{ "huge min_chunk",	1,	ULONG_MAX - 1, 1, ULONG_MAX, 4 },
	{ "half align",		0,	ULONG_MAX, ULONG_MAX / 2, ULONG_MAX / 2, 4 },
	{ "top, short",		ULONG_MAX - 1,	1,	1,	1,	4 },
	{ "top",		ULONG_MAX - 1000, 1000,	1,	1,	4 },
	{ "top, unaligned",	ULONG_MAX - 1000, 999,	64,	1,	4 },
	{ "top, min above align", ULONG_MAX - 1000, 1000, 7,	100,	4 },
};

KUNIT_ARRAY_PARAM_DESC(pmt_shapes, pmt_shapes, name);

static void pmt_test_shapes(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	/* Give helpers a chance to have their part of it. */
	fx->patience = 1;
	pmt_shape_job(fx, test->param_value);
	pmt_run_and_check(fx);

	fx->job.numa_aware = true;
	pmt_run_and_check(fx);
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

static void pmt_test_random(struct kunit *test)
{
	u64 used = seed ?: get_random_long();
	struct pmt_fixture *fx = test->priv;
	struct pmt_shape shape = {};
	struct rnd_state rnd;
	unsigned int i;

	kunit_info(test, "repeat with test_padata_mt.seed=%llu\n", used);
	prandom_seed_state(&rnd, used);
	fx->patience = 1;

	for (i = 0; i < PMT_RANDOM_JOBS; i++) {
		pmt_random_shape(&rnd, &shape);
		pmt_shape_job(fx, &shape);
		fx->job.numa_aware = i % 2;
		pmt_run_and_check(fx);
		if (test->status == KUNIT_FAILURE)
			break;
	}
}

static void pmt_test_empty(struct kunit *test)
{
	static const struct pmt_shape shape = {
		.start = 5, .align = 1, .min_chunk = 1, .max_threads = 4,
	};
	struct pmt_fixture *fx = test->priv;

	pmt_shape_job(fx, &shape);
	pmt_run_and_check(fx);

	KUNIT_EXPECT_EQ(test, fx->nr_calls, 0);
	KUNIT_EXPECT_EQ(test, fx->stats.threads, 0);
	KUNIT_EXPECT_EQ(test, fx->stats.chunks, 0);
}

static const struct pmt_shape pmt_parallel_shapes[] = {
	{ "least for two",	0,	2,	1,	1,	2 },
	{ "min_chunk decides",	0,	200,	1,	100,	2 },
	{ "align decides",	0,	128,	64,	1,	2 },
	{ "many",		0,	1000,	1,	1,	8 },
	{ "huge",		0,	ULONG_MAX, 1,	1,	8 },
};

KUNIT_ARRAY_PARAM_DESC(pmt_parallel, pmt_parallel_shapes, name);

static void pmt_test_parallel(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	fx->patience = 10 * HZ;
	pmt_shape_job(fx, test->param_value);
	pmt_run_and_check(fx);

	KUNIT_EXPECT_GE(test, fx->max_active, 2);
	KUNIT_EXPECT_GE(test, fx->stats.threads, 2);
}

static void pmt_test_max_threads(struct kunit *test)
{
	struct pmt_shape shape = { .size = 64, .align = 1, .min_chunk = 1 };
	struct pmt_fixture *fx = test->priv;

	/* Calls that sleep let in every helper there is. */
	fx->dwell_us = 1000;
	for (shape.max_threads = 1; shape.max_threads <= 6; shape.max_threads++) {
		pmt_shape_job(fx, &shape);
		pmt_run_and_check(fx);
	}
}

static const struct pmt_shape pmt_parallel_shape = {
	.start = 3, .size = 1000, .align = 4, .min_chunk = 10, .max_threads = 4,
};

static void pmt_test_straggler(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	/* The main thread has done the rest long before the helper is done. */
	fx->patience = 10 * HZ;
	fx->helper_dwell_us = 50000;
	pmt_shape_job(fx, &pmt_parallel_shape);
	pmt_run_and_check(fx);

	KUNIT_EXPECT_GE(test, fx->stats.threads, 2);
}

static void pmt_test_run_again(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;
	struct padata_mt_job before;
	unsigned int i;

	fx->patience = 1;
	pmt_shape_job(fx, &pmt_parallel_shape);
	memcpy(&before, &fx->job, sizeof(before));

	for (i = 0; i < 3; i++) {
		pmt_run_and_check(fx);
		KUNIT_EXPECT_MEMEQ(test, &fx->job, &before, sizeof(before));
	}
}

static void pmt_test_no_stats(struct kunit *test)
{
	struct pmt_fixture *fx = test->priv;

	fx->patience = 1;
	pmt_shape_job(fx, &pmt_parallel_shape);
	fx->job.stats = NULL;
	pmt_run_and_check(fx);

	fx->job.max_threads = 1;
	pmt_run_and_check(fx);
}

static int pmt_test_init(struct kunit *test)
{
	struct pmt_fixture *fx;

	fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fx);

	fx->test = test;
	spin_lock_init(&fx->lock);
	init_completion(&fx->met);
	test->priv = fx;

	return 0;
}

static struct kunit_case pmt_test_cases[] = {
	KUNIT_CASE_PARAM(pmt_test_shapes, pmt_shapes_gen_params),
	KUNIT_CASE(pmt_test_random),
	KUNIT_CASE(pmt_test_empty),
	KUNIT_CASE_PARAM(pmt_test_parallel, pmt_parallel_gen_params),
	KUNIT_CASE(pmt_test_max_threads),
	KUNIT_CASE(pmt_test_straggler),
	KUNIT_CASE(pmt_test_run_again),
	KUNIT_CASE(pmt_test_no_stats),
	{}
};

static struct kunit_suite pmt_test_suite = {
	.name = "padata_mt",
	.init = pmt_test_init,
	.test_cases = pmt_test_cases,
};
kunit_test_init_section_suites(&pmt_test_suite);

MODULE_DESCRIPTION("KUnit tests for multithreaded padata jobs");
MODULE_LICENSE("GPL");
