// SPDX-License-Identifier: GPL-2.0-only
/*
 * What multithreaded padata jobs cost and bring.
 *
 * Reading a file in /sys/kernel/debug/padata_bench runs one benchmark in the
 * reading task, on that task's CPUs, and prints what it saw: one line for each
 * sample, or where there are thousands, one line that sums them up.  Cases that
 * are compared are run in turn.  All times are in nanoseconds by ktime_get().
 */

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/padata.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "loops.h"
#include "wq_jobs.h"

static unsigned int runs = 21;
module_param(runs, uint, 0644);
MODULE_PARM_DESC(runs, "Samples of each case");

static unsigned int index_rounds = 8;
module_param(index_rounds, uint, 0644);
MODULE_PARM_DESC(index_rounds, "What an index of a small job costs");

static unsigned int size_ms = 20000;
module_param(size_ms, uint, 0644);
MODULE_PARM_DESC(size_ms, "Time for one size of small jobs, else fewer runs");

static unsigned int job_ms = 6000;
module_param(job_ms, uint, 0644);
MODULE_PARM_DESC(job_ms, "How long the long job takes one thread");

static int max_threads;
module_param(max_threads, int, 0644);
MODULE_PARM_DESC(max_threads, "Of the long job");

/* Threads, each bound to a CPU, with a part each */

struct bench_part {
	void			(*fn)(unsigned long start, unsigned long end);
	unsigned long		start;
	unsigned long		end;
	struct task_struct	*task;
	struct completion	done;
};

static int bench_part_thread(void *data)
{
	struct bench_part *part = data;

	part->fn(part->start, part->end);
	complete(&part->done);

	set_current_state(TASK_IDLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_IDLE);
	}
	__set_current_state(TASK_RUNNING);

	return 0;
}

static int bench_start_part(struct bench_part *part, unsigned int cpu)
{
	init_completion(&part->done);
	part->task = kthread_create(bench_part_thread, part, "padata_bench");
	if (IS_ERR(part->task))
		return PTR_ERR(part->task);
	kthread_bind(part->task, cpu);

	return 0;
}

/* The time of @threads on CPUs 0, 1 and so on, or a negative error */
static s64 bench_static(void (*fn)(unsigned long start, unsigned long end),
			unsigned long size, unsigned int threads)
{
	struct bench_part parts[2] = {};
	unsigned int i, n;
	ktime_t began;
	s64 ns = 0;

	for (n = 0; n < threads && !ns; n++) {
		parts[n].fn = fn;
		parts[n].start = size / threads * n;
		parts[n].end = size / threads * (n + 1);
		ns = bench_start_part(&parts[n], n);
	}
	if (ns) {
		for (i = 0; i + 1 < n; i++)
			kthread_stop(parts[i].task);
		return ns;
	}

	began = ktime_get();
	for (i = 0; i < n; i++)
		wake_up_process(parts[i].task);
	for (i = 0; i < n; i++)
		wait_for_completion(&parts[i].done);
	ns = ktime_to_ns(ktime_sub(ktime_get(), began));

	for (i = 0; i < n; i++)
		kthread_stop(parts[i].task);

	return ns;
}

static s64 bench_job(struct padata_mt_job *job)
{
	ktime_t began = ktime_get();
	int err = padata_do_multithreaded(job);

	return err ?: ktime_to_ns(ktime_sub(ktime_get(), began));
}

/* Many samples in one line: runs, median, 10th, 90th and 99th percentile */

static int bench_cmp(const void *a, const void *b)
{
	return cmp_int(*(const s64 *)a, *(const s64 *)b);
}

static void bench_sum_up(struct seq_file *m, s64 *samples, unsigned int n)
{
	sort(samples, n, sizeof(*samples), bench_cmp, NULL);
	seq_printf(m, " %u %lld %lld %lld %lld", n, samples[n / 2],
		   samples[n / 10], samples[n * 9 / 10], samples[n * 99 / 100]);
}

/* speedup: even and uneven loops, by one thread and by two */

static enum loop_pattern bench_pattern;

static void bench_loop(unsigned long start, unsigned long end)
{
	unsigned long x = 0;

	/* A constant for the compiler in each, as in the OpenMP program */
	switch (bench_pattern) {
	case LOOP_EVEN:
		while (start < end)
			x = loop_index(LOOP_EVEN, start++, x);
		break;
	case LOOP_UNEVEN:
		while (start < end)
			x = loop_index(LOOP_UNEVEN, start++, x);
		break;
	case LOOP_RISING:
		while (start < end)
			x = loop_index(LOOP_RISING, start++, x);
		break;
	default:
		while (start < end)
			x = loop_index(LOOP_FALLING, start++, x);
	}
	loop_keep(x);
}

static int bench_loop_chunk(unsigned long start, unsigned long end, void *arg)
{
	bench_loop(start, end);
	return 0;
}

static s64 bench_speedup_once(const char *how, struct padata_mt_stats *stats)
{
	struct padata_mt_job job = {
		.thread_fn	= bench_loop_chunk,
		.size		= LOOP_SIZE,
		.min_chunk	= LOOP_MIN_CHUNK,
		.stats		= stats,
	};
	ktime_t began = ktime_get();

	switch (how[0]) {
	case 'p':
		return bench_job(&job);
	case 's':
		return bench_static(bench_loop, LOOP_SIZE, 2);
	default:
		bench_loop(0, LOOP_SIZE);
		return ktime_to_ns(ktime_sub(ktime_get(), began));
	}
}

static int speedup_show(struct seq_file *m, void *v)
{
	static const char * const hows[] = { "direct", "static", "padata" };
	unsigned int run, i;

	for (run = 0; run < runs * LOOP_PATTERNS; run++) {
		bench_pattern = run % LOOP_PATTERNS;
		for (i = 0; i < ARRAY_SIZE(hows); i++) {
			const char *how = hows[(run + i) % ARRAY_SIZE(hows)];
			struct padata_mt_stats stats = { 1, 1 };
			s64 ns = bench_speedup_once(how, &stats);

			if (ns < 0)
				return ns;
			seq_printf(m, "speedup %s %s %lld %lu %u\n",
				   loop_names[bench_pattern], how, ns,
				   stats.chunks, stats.threads);
		}
	}

	return 0;
}

/* Threads that wait for each other */

#define BENCH_MAX_THREADS	64
#define BENCH_MEET_NS		(100 * NSEC_PER_MSEC)

static struct {
	atomic_t	arrived;
	int		expected;
	s64		at[BENCH_MAX_THREADS];
	struct task_struct *who[BENCH_MAX_THREADS];
} meeting;

static void bench_prepare_meeting(int expected)
{
	memset(meeting.who, 0, sizeof(meeting.who));
	atomic_set(&meeting.arrived, 0);
	meeting.expected = expected;
}

static bool bench_has_met(void)
{
	return atomic_read(&meeting.arrived) >= meeting.expected;
}

/* Has this task come, or all others?  Then do not wait (again). */
static bool bench_came(void)
{
	int i, n = atomic_read(&meeting.arrived);

	for (i = 0; i < n; i++)
		if (READ_ONCE(meeting.who[i]) == current)
			return true;

	return n >= meeting.expected;
}

static s64 bench_arrive(void)
{
	s64 now = ktime_get_ns();
	int me = atomic_inc_return(&meeting.arrived) - 1;

	if (me < BENCH_MAX_THREADS) {
		WRITE_ONCE(meeting.who[me], current);
		meeting.at[me] = now;
	}

	return now;
}

static void bench_meet(void)
{
	s64 now = bench_arrive();

	while (!bench_has_met() && ktime_get_ns() - now < BENCH_MEET_NS)
		cpu_relax();
}

/* claim: jobs of chunks that cost next to nothing, from when both threads are there */

static int bench_claim_chunk(unsigned long start, unsigned long end, void *arg)
{
	const unsigned int *cycles = arg;

	if (!bench_has_met() && !bench_came())
		bench_meet();
	claim_chunk(*cycles);
	return 0;
}

/* From when the second thread is there, or 0 if none came */
static s64 bench_claim_once(unsigned int cycles, unsigned int bits,
			    unsigned long *chunks)
{
	struct padata_mt_stats stats;
	struct padata_mt_job job = {
		.thread_fn	= bench_claim_chunk,
		.fn_arg		= &cycles,
		.size		= 1UL << bits,
		/* Else 2^60 indices are 2^48 chunks */
		.max_chunk	= ULONG_MAX,
		.max_threads	= 2,
		.eager		= true,
		.stats		= &stats,
	};
	int err;

	bench_prepare_meeting(2);
	err = padata_do_multithreaded(&job);
	*chunks = stats.chunks;

	return err ?: bench_has_met() ? ktime_get_ns() - meeting.at[1] : 0;
}

/* What the chunks themselves cost */
static s64 bench_claim_body(unsigned int cycles)
{
	s64 began = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < 10000; i++)
		claim_chunk(cycles);

	return (ktime_get_ns() - began) / 10000;
}

static void bench_claim(struct seq_file *m, unsigned int cycles,
			unsigned int bits, s64 *samples)
{
	unsigned int run, n = 0;
	unsigned long chunks;
	s64 ns;

	for (run = 0; run < runs; run++) {
		ns = bench_claim_once(cycles, bits, &chunks);
		if (ns > 0)
			samples[n++] = ns;
		cond_resched();
	}
	if (!n)
		return;
	seq_printf(m, "claim padata %lld %u %lu", bench_claim_body(cycles),
		   bits, chunks);
	bench_sum_up(m, samples, n);
	seq_putc(m, '\n');
}

static int claim_show(struct seq_file *m, void *v)
{
	s64 *samples = kvcalloc(runs, sizeof(*samples), GFP_KERNEL);
	unsigned int i, bits;

	if (!samples)
		return -ENOMEM;

	for (i = 0; i < ARRAY_SIZE(claim_cycles); i++)
		for (bits = CLAIM_MIN_BITS; bits <= CLAIM_MAX_BITS;
		     bits += CLAIM_STEP_BITS)
			bench_claim(m, claim_cycles[i], bits, samples);
	kvfree(samples);

	return 0;
}

/* small: jobs from one index to a million, and the loop without padata */

static noinline int bench_small_chunk(unsigned long start, unsigned long end,
				      void *arg)
{
	unsigned long x = 0;

	for (; start < end; start++)
		x = loop_rounds(x ^ start, index_rounds);
	loop_keep(x);

	return 0;
}

static s64 bench_small_once(struct padata_mt_job *job, bool padata)
{
	ktime_t began = ktime_get();

	if (padata)
		padata_do_multithreaded(job);
	else
		job->thread_fn(0, job->size, NULL);

	return ktime_to_ns(ktime_sub(ktime_get(), began));
}

static unsigned int bench_small_runs(struct padata_mt_job *job)
{
	s64 once = max(bench_small_once(job, false), 1LL);

	return clamp(div64_s64((s64)size_ms * NSEC_PER_MSEC / 2, once), 11,
		     runs);
}

static void bench_small(struct seq_file *m, unsigned long size, s64 *direct,
			s64 *padata)
{
	struct padata_mt_stats stats;
	struct padata_mt_job job = {
		.thread_fn	= bench_small_chunk,
		.size		= size,
		.stats		= &stats,
	};
	unsigned int run, n = bench_small_runs(&job);

	for (run = 0; run < n; run++) {
		if (run % 2)
			direct[run] = bench_small_once(&job, false);
		padata[run] = bench_small_once(&job, true);
		if (!(run % 2))
			direct[run] = bench_small_once(&job, false);
		cond_resched();
	}

	seq_printf(m, "small %lu %lu %u", size, stats.chunks, stats.threads);
	bench_sum_up(m, direct, n);
	bench_sum_up(m, padata, n);
	seq_putc(m, '\n');
}

static int small_show(struct seq_file *m, void *v)
{
	s64 *direct = kvcalloc(runs, sizeof(*direct), GFP_KERNEL);
	s64 *padata = kvcalloc(runs, sizeof(*padata), GFP_KERNEL);
	unsigned long size;

	if (direct && padata) {
		for (size = 1; size <= 1000000; size *= 10) {
			bench_small(m, size, direct, padata);
			if (size < 1000000)
				bench_small(m, 3 * size, direct, padata);
		}
	}
	kvfree(direct);
	kvfree(padata);

	return direct && padata ? 0 : -ENOMEM;
}

/* latency: until helpers have begun, by padata's threads and by workqueues */

/* The administrator's files for it say where its workers may run, and how. */
static struct workqueue_struct *bench_wq;

static struct work_struct bench_works[BENCH_MAX_THREADS];

static DECLARE_WAIT_QUEUE_HEAD(bench_met);

/* Asleep, because the host may have fewer CPUs than threads would spin on. */
static void bench_meet_asleep(void)
{
	bench_arrive();
	if (bench_has_met())
		wake_up_all(&bench_met);
	else
		wait_event_timeout(bench_met, bench_has_met(),
				   nsecs_to_jiffies(BENCH_MEET_NS));
}

static void bench_latency_work(struct work_struct *work)
{
	bench_meet_asleep();
}

static int bench_latency_chunk(unsigned long start, unsigned long end,
			       void *arg)
{
	/* The caller's own chunk is not what is measured. */
	if (current == arg) {
		u64 began = ktime_get_ns();

		while (!bench_has_met() &&
		       ktime_get_ns() - began < BENCH_MEET_NS)
			cpu_relax();
	} else if (!bench_has_met() && !bench_came()) {
		bench_meet_asleep();
	}

	return 0;
}

static s64 bench_send_padata(int helpers)
{
	struct padata_mt_job job = {
		.thread_fn	= bench_latency_chunk,
		.fn_arg		= current,
		.size		= 1000,
		.max_threads	= helpers + 1,
		.eager		= true,
	};
	s64 began = ktime_get_ns();

	padata_do_multithreaded(&job);

	return began;
}

static s64 bench_send_works(struct workqueue_struct *wq, int helpers)
{
	s64 began = ktime_get_ns();
	int i;

	for (i = 0; i < helpers; i++)
		queue_work(wq, &bench_works[i]);
	bench_latency_chunk(0, 1, current);
	for (i = 0; i < helpers; i++)
		flush_work(&bench_works[i]);

	return began;
}

static const char * const bench_mechanisms[] = {
	"padata", "system_dfl_wq", "own_wq",
};

/* False if some helper did not come in time */
static bool bench_latency_once(unsigned int mechanism, int helpers, s64 *first,
			       s64 *last)
{
	s64 began;

	bench_prepare_meeting(helpers);
	if (mechanism == 0)
		began = bench_send_padata(helpers);
	else
		began = bench_send_works(mechanism == 1 ? system_dfl_wq :
							  bench_wq, helpers);
	if (!bench_has_met())
		return false;

	*first = meeting.at[0] - began;
	*last = meeting.at[helpers - 1] - began;

	return true;
}

struct bench_latency {
	unsigned int	n;
	s64		*first;
	s64		*last;
};

static void bench_latency(struct seq_file *m, struct bench_latency *cases,
			  int helpers)
{
	unsigned int order[ARRAY_SIZE(bench_mechanisms)];
	struct bench_latency *c;
	unsigned int run, i, j;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		order[i] = i;
	for (run = 0; run < runs; run++) {
		/* In random order, as each finds what the one before it left in the caches */
		for (i = ARRAY_SIZE(order) - 1; i; i--) {
			j = get_random_u32_below(i + 1);
			swap(order[i], order[j]);
		}
		for (i = 0; i < ARRAY_SIZE(order); i++) {
			c = &cases[order[i]];
			/* Workers and CPUs become idle meanwhile. */
			usleep_range(300, 600);
			c->n += bench_latency_once(order[i], helpers,
						   &c->first[c->n],
						   &c->last[c->n]);
		}
	}

	for (i = 0; i < ARRAY_SIZE(bench_mechanisms); i++) {
		if (!cases[i].n)
			continue;
		seq_printf(m, "latency %s %d", bench_mechanisms[i], helpers);
		bench_sum_up(m, cases[i].first, cases[i].n);
		bench_sum_up(m, cases[i].last, cases[i].n);
		seq_putc(m, '\n');
	}
}

static int latency_show(struct seq_file *m, void *v)
{
	struct bench_latency cases[ARRAY_SIZE(bench_mechanisms)] = {};
	int helpers = min(num_online_cpus(), BENCH_MAX_THREADS) - 1;
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cases[i].first = kvcalloc(runs, sizeof(s64), GFP_KERNEL);
		cases[i].last = kvcalloc(runs, sizeof(s64), GFP_KERNEL);
		if (!cases[i].first || !cases[i].last)
			err = -ENOMEM;
	}
	if (!err && helpers > 0)
		bench_latency(m, cases, helpers);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		kvfree(cases[i].first);
		kvfree(cases[i].last);
	}

	return err;
}

/* job: a long one, for what it does to others */

static int job_show(struct seq_file *m, void *v)
{
	static unsigned long size;
	struct padata_mt_stats stats;
	struct padata_mt_job job = {
		.thread_fn	= bench_small_chunk,
		.max_threads	= max_threads,
		.stats		= &stats,
	};
	s64 ns;
	int i;

	/* The same job each time, whatever runs beside it */
	if (!size) {
		job.size = 1000000;
		ns = bench_small_once(&job, false);
		for (i = 0; i < 4; i++)
			ns = min(ns, bench_small_once(&job, false));
		size = div64_s64((s64)job_ms * NSEC_PER_MSEC * job.size, ns);
	}
	job.size = size;
	ns = bench_job(&job);
	if (ns < 0)
		return ns;
	seq_printf(m, "%u %lu %lld\n", stats.threads, stats.chunks, ns);

	return 0;
}

/* helpers: jobs of a caller that is bound to CPUs 0 and 1, by padata and by a workqueue */

#define HELPERS_JOB_NS		(100 * NSEC_PER_MSEC)
#define HELPERS_SLICE_NS	(10 * NSEC_PER_MSEC)

static bool helpers_hog;
module_param_named(hog, helpers_hog, bool, 0644);
MODULE_PARM_DESC(hog, "CPU 1 is busy during the jobs of helpers");

/* When the caller ended its last chunk */
static s64 helpers_left;

static int helpers_chunk(unsigned long start, unsigned long end, void *arg)
{
	bench_small_chunk(start, end, NULL);
	if (current == arg)
		helpers_left = ktime_get_ns();

	return 0;
}

/* A line: how, ns, ns that the caller waited, chunks of helpers, helpers that gave up */
static void helpers_padata(struct seq_file *m, unsigned long size)
{
	struct padata_mt_stats stats;
	struct padata_mt_job job = {
		.thread_fn	= helpers_chunk,
		.fn_arg		= current,
		.size		= size,
		.stats		= &stats,
	};
	s64 began = ktime_get_ns(), ended;

	padata_do_multithreaded(&job);
	ended = ktime_get_ns();
	seq_printf(m, "helpers padata %lld %lld %u 0\n", ended - began,
		   ended - helpers_left, stats.threads - 1);
}

static void helpers_wq(struct seq_file *m, unsigned long size,
		       unsigned long slice, const struct cpumask *cpus)
{
	struct wq_job job = {
		.fn		= helpers_chunk,
		.arg		= current,
		.end		= size,
		.slice		= slice,
		.helpers	= 1,
		.cpus		= cpus,
	};
	s64 began = ktime_get_ns(), ended;

	wq_job_run(bench_wq, &job);
	ended = ktime_get_ns();
	seq_printf(m, "helpers workqueue %lld %lld %d %d\n", ended - began,
		   ended - helpers_left, atomic_read(&job.helped) > 0,
		   atomic_read(&job.declined));
}

static void helpers_direct(struct seq_file *m, unsigned long size)
{
	s64 began = ktime_get_ns();

	helpers_chunk(0, size, current);
	seq_printf(m, "helpers direct %lld 0 0 0\n", ktime_get_ns() - began);
}

static int helpers_hog_thread(void *unused)
{
	while (!kthread_should_stop())
		cond_resched();

	return 0;
}

static struct task_struct *helpers_start_hog(void)
{
	struct task_struct *hog;

	hog = kthread_create(helpers_hog_thread, NULL, "padata_bench_hog");
	if (!IS_ERR(hog)) {
		kthread_bind(hog, 1);
		wake_up_process(hog);
	}

	return hog;
}

static void helpers_jobs(struct seq_file *m, const struct cpumask *cpus)
{
	struct padata_mt_job job = {
		.thread_fn	= bench_small_chunk,
		.size		= 100000,
	};
	unsigned long size, slice;
	unsigned int run, how;
	s64 ns;

	ns = bench_small_once(&job, false);
	ns = min(ns, bench_small_once(&job, false));
	size = div64_s64((s64)HELPERS_JOB_NS * job.size, ns);
	slice = div64_s64((s64)HELPERS_SLICE_NS * job.size, ns);

	for (run = 0; run < 3 * runs; run++) {
		how = run % 3;
		msleep(20);
		if (how == 0)
			helpers_direct(m, size);
		else if (how == 1)
			helpers_padata(m, size);
		else
			helpers_wq(m, size, slice, cpus);
	}
}

static int helpers_show(struct seq_file *m, void *v)
{
	struct cpumask *cpus = kzalloc(2 * sizeof(*cpus), GFP_KERNEL);
	struct task_struct *hog = NULL;
	int err;

	if (!cpus)
		return -ENOMEM;
	cpumask_copy(&cpus[1], current->cpus_ptr);
	cpumask_set_cpu(0, &cpus[0]);
	cpumask_set_cpu(1, &cpus[0]);
	err = set_cpus_allowed_ptr(current, &cpus[0]);
	if (!err && helpers_hog) {
		hog = helpers_start_hog();
		err = PTR_ERR_OR_ZERO(hog);
	}
	if (!err) {
		helpers_jobs(m, &cpus[0]);
		if (hog)
			kthread_stop(hog);
	}
	set_cpus_allowed_ptr(current, &cpus[1]);
	kfree(cpus);

	return err;
}

/* memory: what bound threads gain on writing memory, 64 bytes at a time */

#define BENCH_BLOCK_ORDER	MAX_PAGE_ORDER
#define BENCH_BLOCK_BYTES	(PAGE_SIZE << BENCH_BLOCK_ORDER)
#define BENCH_RECORD		64
#define BENCH_RECORDS		(BENCH_BLOCK_BYTES / BENCH_RECORD)
#define BENCH_BLOCKS		64

static u64 *bench_blocks[BENCH_BLOCKS];

/* As setting up a struct page does: all zeroes, then some fields */
static void bench_write(unsigned long start, unsigned long end)
{
	u64 *record;

	for (; start < end; start++) {
		record = bench_blocks[start / BENCH_RECORDS] +
			 start % BENCH_RECORDS * (BENCH_RECORD / sizeof(u64));
		memset(record, 0, BENCH_RECORD);
		WRITE_ONCE(record[0], start);
		WRITE_ONCE(record[1], (unsigned long)record);
		WRITE_ONCE(record[2], (unsigned long)record);
		WRITE_ONCE(record[6], ~0UL);
	}
}

static int bench_get_blocks(void)
{
	int i;

	for (i = 0; i < BENCH_BLOCKS; i++) {
		bench_blocks[i] = (u64 *)__get_free_pages(GFP_KERNEL,
							  BENCH_BLOCK_ORDER);
		if (!bench_blocks[i])
			return -ENOMEM;
	}

	return 0;
}

static void bench_put_blocks(void)
{
	int i;

	for (i = 0; i < BENCH_BLOCKS; i++) {
		free_pages((unsigned long)bench_blocks[i], BENCH_BLOCK_ORDER);
		bench_blocks[i] = NULL;
	}
}

/* One sample of each, so that it can be taken in turn with others */
static int memory_show(struct seq_file *m, void *v)
{
	s64 ns = bench_get_blocks();
	unsigned int threads;

	if (!ns)
		ns = bench_static(bench_write, BENCH_BLOCKS * BENCH_RECORDS, 1);
	for (threads = 1; threads <= 2 && ns >= 0; threads++) {
		ns = bench_static(bench_write, BENCH_BLOCKS * BENCH_RECORDS,
				  threads);
		seq_printf(m, "memory %u %lld\n", threads, ns);
	}
	bench_put_blocks();

	return min(ns, 0);
}

static const struct bench_file {
	const char	*name;
	int		(*show)(struct seq_file *m, void *v);
} bench_files[] = {
	{ "speedup",	speedup_show },
	{ "claim",	claim_show },
	{ "small",	small_show },
	{ "latency",	latency_show },
	{ "job",	job_show },
	{ "helpers",	helpers_show },
	{ "memory",	memory_show },
};

/* Room for all that is printed: were it too small, all would be run again. */
static int bench_open(struct inode *inode, struct file *file)
{
	const struct bench_file *f = inode->i_private;

	return single_open_size(file, f->show, NULL, SZ_256K);
}

static const struct file_operations bench_fops = {
	.owner		= THIS_MODULE,
	.open		= bench_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static struct dentry *bench_dir;

static int __init padata_bench_init(void)
{
	int i;

	for (i = 0; i < BENCH_MAX_THREADS; i++)
		INIT_WORK(&bench_works[i], bench_latency_work);
	bench_wq = alloc_workqueue("padata_bench", WQ_UNBOUND | WQ_SYSFS, 0);
	if (!bench_wq)
		return -ENOMEM;

	bench_dir = debugfs_create_dir("padata_bench", NULL);
	for (i = 0; i < ARRAY_SIZE(bench_files); i++)
		debugfs_create_file(bench_files[i].name, 0400, bench_dir,
				    (void *)&bench_files[i], &bench_fops);

	return 0;
}
module_init(padata_bench_init);

static void __exit padata_bench_exit(void)
{
	debugfs_remove_recursive(bench_dir);
	destroy_workqueue(bench_wq);
}
module_exit(padata_bench_exit);

MODULE_DESCRIPTION("Benchmark of multithreaded padata jobs");
MODULE_LICENSE("GPL");
