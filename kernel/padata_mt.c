// SPDX-License-Identifier: GPL-2.0-only
/*
 * padata_mt.c - multithreaded jobs
 *
 * See Documentation/core-api/padata.rst for more information.
 */

/**
 * DOC: How a multithreaded job runs
 *
 * The task that calls padata_do_multithreaded() is the main thread of the job.
 * Unless the job is eager, the main thread starts alone: it runs a small chunk,
 * then larger ones, and measures their time.  When the rest of the job would take
 * long enough, the main thread allocates a struct padata_mt_run, copies the job
 * and its progress there, and sends helpers to it.  From then on the main thread
 * and the helpers do the same: take a chunk, run it, take the next one, until no
 * chunk is left.
 *
 * *Chunks.*  A thread takes a chunk by advancing run->next.  So all indices that
 * were taken form one contiguous range.  A thread holds one chunk at a time and
 * does not take another one after an error.  So the only state needed to undo a
 * job is one failed chunk for each thread, and a run has room for that from the
 * start.
 *
 * *Closing.*  A run is closed when run->next has reached the end: because no work
 * is left, or because an error or a signal has moved it there.  A closed run is
 * never reopened.  A helper takes its first chunk and joins run->holders in the
 * same critical section of run->lock.  It leaves the list when it finds no
 * further chunk.  The main thread looks for holders under the same lock, after
 * it has seen the run closed.  So each helper is either a holder by then, and
 * the main thread waits for it, or it never gets a chunk, and no thread waits
 * for it.
 *
 * *Lifetime.*  The main thread and each helper hold a reference to the run.  A
 * helper accesses data of the caller (thread_fn, fn_arg, the lockdep map of the
 * call site) only while it is a holder.  Everything that it accesses later, the
 * run and its worker, belongs to this file.
 *
 * *Workers* are kernel threads that become helpers of runs.  They are created
 * in the background when a run lacks helpers, and exit after they have been
 * idle for a long time.  A worker is in one of three states:
 *
 *  - idle: on pool.idle, asleep or about to sleep.
 *  - assigned: on run->sent and counted in pool.helping, and worker->run is set.
 *    The thread that assigned it, which may be the worker itself, sets the CPU
 *    mask and the nice value of the worker while worker->placing is set.  Then it
 *    clears worker->placing and wakes the worker.
 *  - helping: on neither list.  It works on worker->run until that is closed or
 *    until the worker has to leave.  Then it assigns itself to a run on
 *    pool.pending, or becomes idle.
 *
 * The state changes under pool.lock.  If its CPUs are busy, an assigned worker may
 * not run for a long time, so the main thread recalls all workers on run->sent
 * once the run is closed.  A worker that is being placed at that time becomes
 * idle after the placement, and no other thread may place it before that.  The
 * placing thread holds its own reference to the run.
 *
 * *Leaving.*  Before each chunk, including its first, a helper checks whether it
 * may stay.  It leaves if any of these is true:
 *
 *  - CPUs went offline, or max_helpers was lowered;
 *  - it finds more callers and helpers than CPUs, twice in a row;
 *  - the scheduling policy of the main thread is one that gets no helpers;
 *  - the main thread may use too few CPUs, not counting isolated and nohz_full
 *    CPUs.
 *
 * If there are enough of these CPUs, but their set has changed, the helper
 * moves.  The run holds references to the main thread and to the outer run, so
 * both CPU masks can be read.  A helper that leaves makes room for another one:
 * after its own next chunk, the main thread asks for a new helper if the rest
 * of the work is worth it.
 *
 * *Giving back.*  padata_mt_should_stop() lets a helper leave in the middle of a
 * chunk.  The chunk then occupies the helper's entry of run->failed, which no
 * other helper gets, and the main thread runs the chunk when all helpers are done.
 *
 * *Pending runs.*  A run that lacks helpers is on pool.pending until it has them,
 * until a helper finds it closed, or until its main thread takes it off.  The
 * main thread does that before it drops its reference.  Each of its CPUs gets
 * one helper at most during the life of a run, so padata_mt_run.failed has room
 * for all of them.
 *
 * *How many helpers.*  A job gets one helper for each PADATA_MT_WORTH_NS of the
 * remaining work.  The main thread computes this again after each of its chunks,
 * because the first indices of a job may be the cheap ones.  Each thread adapts
 * the length of its chunks to PADATA_MT_SLICE_NS in the same way.  The cost of the
 * first indices does not predict that of later ones, so padata_mt_max_chunk()
 * bounds the chunks as well.
 *
 * *Fan-out.*  The main thread sends PADATA_MT_FANOUT helpers and then works.
 * Each helper sends the same number before its first chunk.  After each of its
 * chunks the main thread sends one more if some are missing, because a helper
 * that was sent may not have run yet.
 *
 * *Stragglers.*  After boot, helpers run at nice 19, so other tasks may keep a
 * helper from completing the last chunk.  A main thread that waits lifts one
 * helper to its own priority, and lifts the next one when the first is done.  A
 * caller that has become a SCHED_FIFO or SCHED_RR task lends SCHED_FIFO at its
 * priority.  A deadline cannot be lent, so a deadline caller lends nice 0.  The
 * main thread reads its priority when the wait begins, and again when a lift
 * wakes it.  If its priority rises in another way during the wait
 * (sched_setscheduler(), renice, priority inheritance), it does not pass that
 * on.  The wait then lasts until each holder has completed its chunk at the
 * priority that the holder has.
 *
 * A helper is lifted under run->lock while it holds a chunk.  It restores its
 * priority after it has given up that chunk, hence after the lift.  A lifted
 * helper may itself be waiting for a nested job.  In that case it has set
 * padata_mt_thread.waits under the lock of the run that it helps.  The thread
 * that lifts it then also wakes it up, so that it passes the lift on.  Nothing
 * else wakes a waiting main thread before the last helper is done, so the hung
 * task detector sees the wait.
 *
 * *Lockdep.*  Each thread of a job, including the main thread, holds the lockdep
 * map of the call site while it runs the thread function: a helper may take the
 * locks that the main thread takes there.  The main thread also acquires and
 * releases the map before it starts, as flush_work() does.  Nested calls use the
 * subclasses of the map, by the number of chunks that they are nested in.  A
 * thread that holds a map at some depth takes only maps at greater depths, so
 * call sites may nest in each other in any order.  Calls in a memory allocation
 * scope use other subclasses.  The reason is that reclaim may run a job from
 * the same call site as code that then enters reclaim because it allocates
 * memory.
 *
 * *Locks.*  pool.lock, run->lock and the locks of padata_mt_calls do not nest in
 * each other.  The scheduler's locks nest in run->lock.  The locks of this file
 * are raw spinlocks that are held for a bounded time: helpers at nice 19 take
 * them as well, and on PREEMPT_RT the holder of a spinlock_t can be preempted.
 * None of them is taken in interrupts.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/padata.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/deadline.h>
#include <linux/sched/isolation.h>
#include <linux/sched/mm.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include <kunit/static_stub.h>

#include "padata_mt_internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/padata_mt.h>

/* Starting a helper costs microseconds; its work should take much longer. */
#define PADATA_MT_WORTH_NS	(100 * NSEC_PER_USEC)

/* The cost of an index is unknown at first, and the first calls are slow. */
#define PADATA_MT_PROBE_NS	(20 * NSEC_PER_USEC)

/* Chunks grow by this factor at most while the cost of an index is measured. */
#define PADATA_MT_GROWTH	16

/* The target time of a chunk, so that a thread heeds signals and isolation. */
#define PADATA_MT_SLICE_NS	(10 * NSEC_PER_MSEC)

/* A chunk is this part of a thread's equal share of the remaining work. */
#define PADATA_MT_SHARE		2

/* Nesting depths that lockdep can distinguish, in and outside of scopes */
#define PADATA_MT_LOCKDEP_DEPTH	(MAX_LOCKDEP_SUBCLASSES / 2)

/* How many helpers a thread sends before its own first chunk */
#define PADATA_MT_FANOUT	2

/* Hash bits of padata_mt_calls */
#define PADATA_MT_CALL_BITS	6

/* A helper leaves if it finds too many threads this often in a row. */
#define PADATA_MT_CROWDED	2

/* Do not reclaim or use reserves: the job also runs without helpers. */
#define PADATA_MT_GFP		(GFP_NOWAIT | __GFP_NOMEMALLOC)

#define PADATA_MT_MEMALLOC	(PF_MEMALLOC | PF_MEMALLOC_NOFS |	\
				 PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN)

/**
 * struct padata_mt_range - a chunk
 * @start: The first index.
 * @len: The number of indices, 0 if there is no chunk.
 */
struct padata_mt_range {
	unsigned long	start;
	unsigned long	len;
};

/**
 * struct padata_mt_progress - how far a job has come
 * @next: The first index that no thread has taken.
 * @chunks: The number of chunks taken.
 * @threads: The number of threads that took a chunk.
 * @nr_failed: The number of chunks that failed or were given back.
 * @err: The first error.
 */
struct padata_mt_progress {
	unsigned long	next;
	unsigned long	chunks;
	unsigned int	threads;
	unsigned int	nr_failed;
	int		err;
};

/**
 * struct padata_mt_thread - a thread's part in a run
 * @task: The thread.
 * @node: Entry in padata_mt_run.holders.
 * @chunk: The chunk that the thread holds.
 * @chunks: The number of chunks that it has taken.
 * @ns: The duration of the last chunk, in nanoseconds.
 * @slice: The longest chunk, in indices: about PADATA_MT_SLICE_NS of work.
 * @lifted: The main thread waits and has lent its priority.
 * @waits: The thread waits for helpers of a nested job, and passes on a lift.
 * @counted: The id of the last run that counted this thread, because a helper
 *           can return to a run.
 * @gives_back: padata_mt_should_stop() has asked the helper to leave.
 */
struct padata_mt_thread {
	struct task_struct	*task;
	struct list_head	node;
	struct padata_mt_range	chunk;
	unsigned long		chunks;
	u64			ns;
	unsigned long		slice;
	bool			lifted;
	bool			waits;
	bool			gives_back;
	u64			counted;
};

/**
 * struct padata_mt_run - a job that may have helpers
 * @ref: References: the main thread, each helper, each placement in progress.
 * @job: A copy of the job, because the caller's may be gone when a helper starts.
 * @map: The lockdep map of the call site.
 * @depth: The number of chunks that this job is nested in.
 * @pflags: The allocation scope of the main thread.
 * @id: A unique number.
 * @main: The main thread.
 * @bound: Helpers are limited to the CPUs that @main may use.
 * @unhelped: The scheduling policy of @main is one that gets no helpers.
 * @outer: The run that this job is nested in.
 * @nice: The nice value of helpers.
 * @slice: The initial value of padata_mt_thread.slice.
 * @end: The end of the job.
 * @max_threads: The largest number of threads, and the size of @failed.
 * @cpus: The CPUs for helpers when the run was created.
 * @pending: Entry in pool.pending while helpers are missing.  This member and all
 *           down to @free are protected by pool.lock.
 * @sent: Workers that are assigned to this run and have not yet started.
 * @limit: The number of helpers that may still be added.
 * @threads: The main thread plus the helpers that were sent or are missing.
 * @missing: The number of helpers to send.
 * @cpu: The CPU of the last helper that was sent, initially of the main thread.
 * @nid: The node of @cpu.
 * @free: The CPUs to which no helper was sent.
 * @next: The first index that no thread has taken; @end once the run is closed.
 * @lock: Protects all members below.
 * @waiting: The main thread waits until @holders is empty.
 * @lift_prio: The priority that a straggler gets.
 * @holders: The helpers that may hold a chunk.
 * @progress: The progress of threads that are done, and where the run was closed.
 * @failed: The chunks that failed or were given back.
 */
struct padata_mt_run {
	refcount_t			ref;
	struct padata_mt_job		job;
	struct lockdep_map		*map;
	unsigned int			depth;
	unsigned int			pflags;
	u64				id;
	struct task_struct		*main;
	bool				bound;
	bool				unhelped;
	struct padata_mt_run		*outer;
	int				nice;
	unsigned long			slice;
	unsigned long			end;
	unsigned int			max_threads;
	struct cpumask			cpus;

	struct list_head		pending;
	struct list_head		sent;
	unsigned int			limit;
	unsigned int			threads;
	unsigned int			missing;
	int				cpu;
	int				nid;
	struct cpumask			free;

	atomic_long_t			next ____cacheline_aligned_in_smp;

	raw_spinlock_t			lock ____cacheline_aligned_in_smp;
	bool				waiting;
	int				lift_prio;
	struct list_head		holders;
	struct padata_mt_progress	progress;
	struct padata_mt_range		failed[] __counted_by(max_threads);
};

/**
 * struct padata_mt_worker - a kernel thread that can help a run
 * @thread: The worker's part in @run.
 * @run: The run that it helps, NULL while it is idle.  Protected by pool.lock.
 * @helping: The worker is counted in pool.helping.
 * @placing: A thread sets its CPU mask and nice value.  Protected by pool.lock.
 * @crowded: How often in a row it found too many threads.
 * @node: Entry in pool.idle or padata_mt_run.sent.
 * @idle_since: The start of its idle time, in jiffies.
 * @cpu: The CPU to start on.
 * @nid: The node to stay on, or NUMA_NO_NODE.
 * @cpus: The CPUs that it may use at present.
 */
struct padata_mt_worker {
	struct padata_mt_thread	thread;
	struct padata_mt_run	*run;
	bool			helping;
	bool			placing;
	unsigned int		crowded;
	struct list_head	node;
	unsigned long		idle_since;
	int			cpu;
	int			nid;
	struct cpumask		cpus;
};

/**
 * struct padata_mt_ctx - a call of padata_do_multithreaded()
 * @job: The caller's job.
 * @map: The lockdep map of the call site.
 * @depth: The number of chunks that this call is nested in.
 * @task: The caller.
 * @node: Entry in padata_mt_calls.
 * @late: Time is measured with ktime_get(), not sched_clock().
 * @alone: The job gets no helper.
 * @helpers: The number of helpers at first.
 * @began: The start time, in nanoseconds.
 * @waited: How long the main thread waited for stragglers, if that is traced.
 * @progress: The progress of the main thread while it is alone, then of all.
 * @failed: The chunk that failed while the main thread was alone.
 * @run: The run, or NULL.
 */
struct padata_mt_ctx {
	const struct padata_mt_job	*job;
	struct lockdep_map		*map;
	unsigned int			depth;
	struct task_struct		*task;
	struct hlist_node		node;
	bool				late;
	bool				alone;
	unsigned int			helpers;
	u64				began;
	u64				waited;
	struct padata_mt_progress	progress;
	struct padata_mt_range		failed;
	struct padata_mt_run		*run;
};

/* Calls in progress, hashed by task, innermost call first */
static struct padata_mt_calls {
	raw_spinlock_t		lock;
	struct hlist_head	head;
} padata_mt_calls[1 << PADATA_MT_CALL_BITS] = {
	[0 ... (1 << PADATA_MT_CALL_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(padata_mt_calls.lock),
	},
};

static atomic64_t padata_mt_runs;

static int padata_mt_work(void *worker);
static void padata_mt_seek_helpers(unsigned int max);
static void padata_mt_manage(struct work_struct *work);

/* All runs and workers; the lock protects counts and lists. */
static struct {
	raw_spinlock_t		lock;
	struct list_head	idle;		/* Workers, in order of use */
	struct list_head	pending;	/* Runs that lack helpers */
	unsigned int		missing;	/* Sum of their missing helpers */
	unsigned int		workers;
	unsigned int		helping;	/* Workers assigned or helping */
	atomic_t		callers;	/* Jobs in progress, without those of helpers */
	bool			ready;		/* Workqueues run */
	bool			late;		/* ktime_get() is precise */
	struct delayed_work	manager;
} pool = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(pool.lock),
	.idle = LIST_HEAD_INIT(pool.idle),
	.pending = LIST_HEAD_INIT(pool.pending),
	.manager = __DELAYED_WORK_INITIALIZER(pool.manager, padata_mt_manage, 0),
};

/* Idle time after which a worker ends, in ms */
VISIBLE_IF_KUNIT unsigned int padata_mt_idle_ms __read_mostly = 60 * MSEC_PER_SEC;

VISIBLE_IF_KUNIT unsigned int padata_mt_max_helpers __read_mostly = INT_MAX;
EXPORT_SYMBOL_IF_KUNIT(padata_mt_max_helpers);

#ifdef CONFIG_PADATA_MT_DEBUG
static unsigned int padata_mt_delay_us;
module_param_named(delay_us, padata_mt_delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us, "Longest random delay in race windows, 0 for none");

static void padata_mt_delay(void)
{
	unsigned int us = READ_ONCE(padata_mt_delay_us);

	if (us && get_random_u32_below(4) == 0)
		udelay(get_random_u32_inclusive(1, min(us, 1000)));
}
#else
static inline void padata_mt_delay(void)
{
}
#endif

/*
 * A race window, without locks held.  CONFIG_PADATA_MT_DEBUG makes it wider, and a
 * KUnit test can let another thread run in it.
 */
VISIBLE_IF_KUNIT void padata_mt_window(void)
{
	KUNIT_STATIC_STUB_REDIRECT(padata_mt_window);
	padata_mt_delay();
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_window);

/*
 * The decision on helpers needs a clock of high resolution.  Before clocksources
 * are available, ktime_get() has the resolution of jiffies.  After that, it is
 * sched_clock() that has, on some architectures.
 */
static u64 padata_mt_clock(bool late)
{
	return late ? ktime_get_ns() : sched_clock();
}

/* The clocks of two CPUs may differ. */
static u64 padata_mt_since(u64 began, u64 now)
{
	return now > began ? now - began : 0;
}

/* About x * num / den, without overflow */
static u64 padata_mt_scale(u64 x, u64 num, u64 den)
{
	num = max(num, 1ULL);
	den = max(den, 1ULL);

	if (num < den)
		return div64_u64(x, div64_u64(den, num));
	if (check_mul_overflow(x, div64_u64(num, den), &x))
		return U64_MAX;

	return x;
}

/* The number of indices that take @target ns if @len indices took @ns ns */
static unsigned long padata_mt_in(u64 target, unsigned long len, u64 ns)
{
	return clamp(padata_mt_scale(len, target, ns), 1, ULONG_MAX);
}

static unsigned long padata_mt_slice(unsigned long len, u64 ns)
{
	return padata_mt_in(PADATA_MT_SLICE_NS, len, ns);
}

static unsigned long padata_mt_grow(unsigned long len)
{
	return len < ULONG_MAX / PADATA_MT_GROWTH ? len * PADATA_MT_GROWTH :
						    ULONG_MAX;
}

/* After a signal there is no failed chunk to record. */
static void padata_mt_note_error(struct padata_mt_progress *p, int err,
				 struct padata_mt_range *failed,
				 const struct padata_mt_range *chunk)
{
	if (chunk->len)
		failed[p->nr_failed++] = *chunk;
	/* Pairs with the read in padata_mt_is_ending(). */
	if (!p->err)
		WRITE_ONCE(p->err, err);
}

static int padata_mt_call(const struct padata_mt_job *job,
			  const struct padata_mt_range *chunk)
{
	return job->thread_fn(chunk->start, chunk->start + chunk->len,
			      job->fn_arg);
}

/* The length of chunks needs a cheap clock, not a precise one. */
static int padata_mt_call_timed(const struct padata_mt_job *job,
				const struct padata_mt_range *chunk, u64 *ns)
{
	u64 began = local_clock();
	int err = padata_mt_call(job, chunk);

	*ns = padata_mt_since(began, local_clock());
	trace_padata_mt_chunk(job, chunk->start, chunk->len, *ns, err);

	return err;
}

static bool padata_mt_is_killed(const struct padata_mt_job *job)
{
	return job->killable && fatal_signal_pending(current);
}

static struct padata_mt_calls *padata_mt_own_calls(void)
{
	return &padata_mt_calls[hash_ptr(current, PADATA_MT_CALL_BITS)];
}

/* Runs: chunks, errors and stragglers */

static void padata_mt_put_run(struct padata_mt_run *run)
{
	struct padata_mt_run *outer;

	for (; run && refcount_dec_and_test(&run->ref); run = outer) {
		outer = run->outer;
		put_task_struct(run->main);
		kfree(run);
	}
}

static struct padata_mt_run *padata_mt_get_run(struct padata_mt_run *run)
{
	if (run)
		refcount_inc(&run->ref);

	return run;
}

static bool padata_mt_is_closed(struct padata_mt_run *run)
{
	return (unsigned long)atomic_long_read(&run->next) == run->end;
}

/* Guided self-scheduling: chunks shrink with the rest, so threads end together. */
static unsigned long padata_mt_want(const struct padata_mt_run *run,
				    const struct padata_mt_thread *t,
				    unsigned long left)
{
	/* Without pool.lock, because an approximate number is enough. */
	return min3(left / PADATA_MT_SHARE / READ_ONCE(run->threads), t->slice,
		    padata_mt_max_chunk(&run->job));
}

/* Takes the next chunk, if one is left. */
static bool padata_mt_take(struct padata_mt_run *run,
			   struct padata_mt_thread *t)
{
	long next = atomic_long_read(&run->next);
	unsigned long left, len;

	do {
		left = run->end - next;
		if (!left)
			return false;
		len = padata_mt_chunk_len(&run->job, next, left,
					  padata_mt_want(run, t, left));
	} while (!atomic_long_try_cmpxchg(&run->next, &next, next + len));

	t->chunk.start = next;
	t->chunk.len = len;
	t->chunks++;

	return true;
}

/* Closes the run.  If no work is left, a signal has no effect. */
static void padata_mt_fail(struct padata_mt_run *run,
			   struct padata_mt_thread *t, int err)
{
	unsigned long next = atomic_long_xchg(&run->next, run->end);

	lockdep_assert_held(&run->lock);

	if (next != run->end)
		run->progress.next = next;
	else if (!t->chunk.len)
		return;
	padata_mt_note_error(&run->progress, err, run->failed, &t->chunk);
}

/*
 * The straggler may itself wait for a helper of a nested job.  Only then it must
 * be woken: it sets and clears t->waits under this lock.
 */
static void padata_mt_lift_one(struct padata_mt_run *run)
{
	struct sched_param param = {
		.sched_priority = MAX_RT_PRIO - 1 - run->lift_prio,
	};
	struct padata_mt_thread *t;

	lockdep_assert_held(&run->lock);

	t = list_first_entry_or_null(&run->holders, typeof(*t), node);
	if (!t || run->lift_prio >= NICE_TO_PRIO(run->nice))
		return;

	t->lifted = true;
	if (rt_prio(run->lift_prio))
		sched_setscheduler_nocheck(t->task, SCHED_FIFO, &param);
	else
		set_user_nice(t->task, PRIO_TO_NICE(run->lift_prio));
	if (t->waits)
		wake_up_process(t->task);
}

/* A helper takes its first chunk and becomes a holder in one critical section. */
static bool padata_mt_join(struct padata_mt_run *run,
			   struct padata_mt_thread *t)
{
	padata_mt_window();
	guard(raw_spinlock)(&run->lock);

	if (!padata_mt_take(run, t))
		return false;
	list_add_tail(&t->node, &run->holders);

	return true;
}

/* Called when the thread holds no chunk and will take none. */
static void padata_mt_finish(struct padata_mt_run *run,
			     struct padata_mt_thread *t, int err)
{
	lockdep_assert_held(&run->lock);

	/* The main thread runs the chunk in the end, unless there is an error. */
	if (t->gives_back)
		run->failed[run->progress.nr_failed++] = t->chunk;
	else if (err)
		padata_mt_fail(run, t, err);
	run->progress.chunks += t->chunks;
	if (t->chunks && t->counted != run->id)
		run->progress.threads++;
	t->counted = run->id;
}

static void padata_mt_quit(struct padata_mt_run *run,
			   struct padata_mt_thread *t, int err)
{
	padata_mt_window();
	guard(raw_spinlock)(&run->lock);

	padata_mt_finish(run, t, err);
	list_del_init(&t->node);
	if (!run->waiting)
		return;
	if (list_empty(&run->holders))
		wake_up_process(run->main);
	else if (t->lifted)
		padata_mt_lift_one(run);
}

/*
 * The cost of an index varies, and so does the CPU time that a thread gets.  A
 * chunk that another bound kept short does not show that the slice is too small.
 * It may still show that the slice is too large.
 */
static void padata_mt_adapt(struct padata_mt_thread *t)
{
	unsigned long len = t->chunk.len;

	if (t->ns > PADATA_MT_SLICE_NS)
		t->slice = max(padata_mt_slice(len, t->ns),
			       len / PADATA_MT_GROWTH);
	else if (len >= t->slice)
		t->slice = min(padata_mt_slice(len, t->ns),
			       padata_mt_grow(len));
}

static int padata_mt_call_shared(struct padata_mt_run *run,
				 struct padata_mt_thread *t)
{
	int err;

	cond_resched_tasks_rcu_qs();
	err = padata_mt_call_timed(&run->job, &t->chunk, &t->ns);
	padata_mt_adapt(t);

	return err;
}

/* The priority to lend to a straggler.  A deadline cannot be lent. */
static int padata_mt_lift_prio(void)
{
	int prio = READ_ONCE(current->prio);

	if (dl_prio(prio))
		return DEFAULT_PRIO;

	/* Sampled at the same time as the priority above */
	return data_race(current->policy) == SCHED_IDLE ? MAX_PRIO - 1 : prio;
}

/* The thread of the helper that runs this code, or NULL */
static struct padata_mt_worker *padata_mt_self(void)
{
	if (!(current->flags & PF_KTHREAD) ||
	    kthread_func(current) != padata_mt_work)
		return NULL;

	return kthread_data(current);
}

/* Sets waits under the lock of the run in which this helper can be lifted. */
static void padata_mt_set_waits(struct padata_mt_worker *self, bool waits)
{
	if (!self)
		return;

	guard(raw_spinlock)(&self->run->lock);
	self->thread.waits = waits;
}

/* Returns whether there are holders.  Passes a lift of this task on to one. */
static bool padata_mt_is_held(struct padata_mt_run *run)
{
	int prio = padata_mt_lift_prio();

	guard(raw_spinlock)(&run->lock);

	if (list_empty(&run->holders))
		return false;
	if (!run->waiting || prio < run->lift_prio) {
		run->waiting = true;
		run->lift_prio = prio;
		padata_mt_lift_one(run);
	}

	return true;
}

/*
 * Waits for the holders.  The run is closed, so no helper becomes a holder.  The
 * last holder wakes this task in the critical section in which it leaves the list,
 * so no wake-up is pending after the list was seen empty.
 */
static void padata_mt_wait(struct padata_mt_run *run)
{
	struct padata_mt_worker *self = padata_mt_self();

	padata_mt_window();
	if (!padata_mt_is_held(run))
		return;
	padata_mt_set_waits(self, true);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!padata_mt_is_held(run))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	padata_mt_set_waits(self, false);
}

/* Helpers stay off isolated CPUs and nohz_full CPUs. */
static void padata_mt_and_housekeeping(struct cpumask *cpus)
{
	guard(rcu)();
	cpumask_and(cpus, cpus, housekeeping_cpumask(HK_TYPE_DOMAIN));
	cpumask_and(cpus, cpus, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
}

static bool padata_mt_is_housekeeping(const struct cpumask *cpus)
{
	guard(rcu)();

	return cpumask_subset(cpus, housekeeping_cpumask(HK_TYPE_DOMAIN)) &&
	       cpumask_subset(cpus, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
}

/* The CPUs of an idle worker.  Isolation at run time can leave none. */
static void padata_mt_copy_housekeeping(struct cpumask *cpus)
{
	cpumask_copy(cpus, cpu_possible_mask);
	padata_mt_and_housekeeping(cpus);
	if (!cpumask_empty(cpus))
		return;

	guard(rcu)();
	cpumask_copy(cpus, housekeeping_cpumask(HK_TYPE_DOMAIN));
}

static bool padata_mt_uses_all_cpus(const struct padata_mt_job *job)
{
	return job->boot_all_cpus && system_state < SYSTEM_RUNNING;
}

/*
 * Returns whether a helper may use all of @cpus now.  Isolation, the CPU mask of
 * the main thread and those of outer main threads may have changed.  No lock is
 * needed: the helper sees a concurrent change before its next chunk.
 */
static bool padata_mt_is_allowed(const struct padata_mt_run *run,
				 const struct cpumask *cpus)
{
	const struct padata_mt_run *r;

	for (r = run; r; r = r->outer)
		if (r->bound &&
		    /* A mask that is half updated is read again before the next chunk. */
		    !data_race(cpumask_subset(cpus, &r->main->cpus_mask)))
			return false;

	return padata_mt_uses_all_cpus(&run->job) ||
	       padata_mt_is_housekeeping(cpus);
}

/*
 * Removes the CPUs that a helper may not use now.  Reads cpus_mask, because cpus_ptr
 * is one CPU while the main thread has migration disabled.
 */
static void padata_mt_and_allowed(const struct padata_mt_run *run,
				  struct cpumask *cpus)
{
	const struct padata_mt_run *r;

	for (r = run; r; r = r->outer) {
		if (!r->bound)
			continue;
		guard(raw_spinlock_irqsave)(&r->main->pi_lock);
		cpumask_and(cpus, cpus, &r->main->cpus_mask);
	}
	if (!padata_mt_uses_all_cpus(&run->job))
		padata_mt_and_housekeeping(cpus);
}

/* The limit for all helpers.  A caller needs a CPU, too. */
static unsigned int padata_mt_limit(unsigned int callers)
{
	unsigned int cpus = num_online_cpus();

	return min(cpus - min(cpus, callers),
		   READ_ONCE(padata_mt_max_helpers));
}

static void padata_mt_release(struct padata_mt_worker *worker)
{
	lockdep_assert_held(&pool.lock);

	WRITE_ONCE(pool.helping, pool.helping - worker->helping);
	worker->helping = false;
}

/* Allows the run another helper in place of this one. */
static void padata_mt_depart(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run = worker->run;

	lockdep_assert_held(&pool.lock);

	padata_mt_release(worker);
	WRITE_ONCE(run->threads, run->threads - 1);
	__cpumask_set_cpu(worker->cpu, &run->free);
}

/* CPUs went offline, or the administrator lowered max_helpers. */
static bool padata_mt_exceeds(unsigned int callers)
{
	return READ_ONCE(pool.helping) > padata_mt_limit(callers);
}

/* Short jobs count as callers as well, so one sample is not enough. */
static bool padata_mt_is_crowded(struct padata_mt_worker *worker)
{
	if (padata_mt_exceeds(1))
		return true;
	if (padata_mt_exceeds(atomic_read(&pool.callers)))
		worker->crowded++;
	else
		worker->crowded = 0;

	return worker->crowded >= PADATA_MT_CROWDED;
}

static bool padata_mt_is_surplus(struct padata_mt_worker *worker)
{
	unsigned int callers;

	if (!padata_mt_is_crowded(worker))
		return false;

	guard(raw_spinlock)(&pool.lock);
	callers = max(atomic_read(&pool.callers), 1);
	if (!padata_mt_exceeds(worker->crowded ? callers : 1))
		return false;
	padata_mt_depart(worker);

	return true;
}

/*
 * Helpers run at nice 19.  A real-time or deadline caller would wait for them, and
 * they would take CPU time from the peers of a SCHED_IDLE caller.
 */
static bool padata_mt_is_served(const struct task_struct *task)
{
	/* The policy may change at any time; the next check sees that. */
	int policy = data_race(task->policy);

	return policy == SCHED_NORMAL || policy == SCHED_BATCH ||
	       policy == SCHED_EXT;
}

static bool padata_mt_is_unhelped(const struct padata_mt_run *run)
{
	return READ_ONCE(run->unhelped) || !padata_mt_is_served(run->main);
}

/* The job has lost CPUs: is there still one for this helper and the main thread? */
static bool padata_mt_has_cpu(struct padata_mt_worker *worker)
{
	unsigned int cpus = cpumask_weight(&worker->cpus);
	struct padata_mt_run *run = worker->run;

	/*
	 * A sleeping main thread may still be on a CPU that it may not use any
	 * more.  If its mask changes again, the next check sees that.
	 */
	if (cpus && (cpumask_test_cpu(task_cpu(run->main), &worker->cpus) ||
		     /* Without a lock, see above. */
		     data_race(cpumask_subset(&run->main->cpus_mask,
					      &worker->cpus))))
		cpus--;

	guard(raw_spinlock)(&pool.lock);
	if (worker->nid == NUMA_NO_NODE)
		WRITE_ONCE(run->limit, min(run->limit, cpus));
	else if (!cpus && run->limit)
		WRITE_ONCE(run->limit, run->limit - 1);

	return cpus && run->threads - 1 - run->missing <= run->limit;
}

/*
 * If its CPUs were gone at placement or went offline later, a helper has the CPU
 * mask of its last run or one that the scheduler chose.  That mask may contain
 * CPUs that the job must not use, even if the present CPU is not one of them.
 */
static bool padata_mt_heed_cpus(struct padata_mt_worker *worker)
{
	if (cpumask_empty(&worker->cpus) ||
	    !cpumask_subset(&worker->cpus, cpu_online_mask) ||
	    !padata_mt_is_allowed(worker->run, &worker->cpus)) {
		cpumask_and(&worker->cpus, &worker->cpus, cpu_online_mask);
		padata_mt_and_allowed(worker->run, &worker->cpus);
		if (!padata_mt_has_cpu(worker))
			return false;
		/* This fails if no CPU is left. */
		set_cpus_allowed_ptr(current, &worker->cpus);
	}

	/* If CPU hotplug changes the mask, the next check sees that. */
	return data_race(cpumask_subset(current->cpus_ptr, &worker->cpus));
}

/* Called before each chunk of a helper. */
static bool padata_mt_may_stay(struct padata_mt_worker *worker)
{
	if (padata_mt_is_surplus(worker))
		return false;
	if (!padata_mt_is_unhelped(worker->run) && padata_mt_heed_cpus(worker))
		return true;

	guard(raw_spinlock)(&pool.lock);
	padata_mt_depart(worker);

	return false;
}

static bool padata_mt_is_tracked(unsigned int depth)
{
	return IS_ENABLED(CONFIG_LOCKDEP) && depth < PADATA_MT_LOCKDEP_DEPTH;
}

static void padata_mt_map_acquire(struct lockdep_map *map, unsigned int depth,
				  unsigned int pflags)
{
	unsigned int __maybe_unused subclass = depth;

	if (pflags & PADATA_MT_MEMALLOC)
		subclass += PADATA_MT_LOCKDEP_DEPTH;
	if (padata_mt_is_tracked(depth))
		lock_acquire_exclusive(map, subclass, 0, NULL, _THIS_IP_);
}

static void padata_mt_map_release(struct lockdep_map *map, unsigned int depth)
{
	if (padata_mt_is_tracked(depth))
		lock_map_release(map);
}

/* A leaked context would affect the next job of this thread. */
static void padata_mt_check_leak(const struct padata_mt_job *job)
{
	WARN_ONCE(in_atomic() || rcu_preempt_depth() || lockdep_depth(current),
		  "%ps returned with a lock held or preemption off\n",
		  job->thread_fn);
}

static int padata_mt_call_tracked(struct padata_mt_run *run,
				  struct padata_mt_thread *t)
{
	int err;

	padata_mt_map_acquire(run->map, run->depth, run->pflags);
	err = padata_mt_call_shared(run, t);
	padata_mt_map_release(run->map, run->depth);

	return err;
}

static int padata_mt_call_in_helper(struct padata_mt_run *run,
				    struct padata_mt_thread *t)
{
	int err;

	t->gives_back = false;
	err = padata_mt_call_tracked(run, t);
	padata_mt_check_leak(&run->job);
	if (err != -EAGAIN)
		t->gives_back = false;

	return err;
}

/* Takes @run off pool.pending.  It gets none of the helpers that it lacks. */
static void padata_mt_unlist(struct padata_mt_run *run)
{
	lockdep_assert_held(&pool.lock);

	if (list_empty(&run->pending))
		return;
	list_del_init(&run->pending);
	WRITE_ONCE(pool.missing, pool.missing - run->missing);
	run->missing = 0;
}

/*
 * Takes a closed run off pool.pending, because its main thread may be busy for a
 * while.  If the check without the lock misses that it is pending, the main thread
 * takes it off.
 */
static void padata_mt_leave(struct padata_mt_run *run)
{
	/* Without the lock, as a hint. */
	if (data_race(list_empty(&run->pending)) || !padata_mt_is_closed(run))
		return;

	guard(raw_spinlock)(&pool.lock);
	padata_mt_unlist(run);
}

static void padata_mt_take_part(struct padata_mt_worker *worker)
{
	struct padata_mt_thread *t = &worker->thread;
	struct padata_mt_run *run = worker->run;
	int err;

	if (!padata_mt_may_stay(worker) || !padata_mt_join(run, t))
		return;
	/* The main thread waits for holders: leave a closed run at once. */
	do {
		err = padata_mt_call_in_helper(run, t);
	} while (!err && !padata_mt_is_closed(run) &&
		 padata_mt_may_stay(worker) && padata_mt_take(run, t));
	padata_mt_quit(run, t, err);
}

static void padata_mt_help(struct padata_mt_worker *worker)
{
	struct padata_mt_thread *t = &worker->thread;
	struct padata_mt_run *run = worker->run;
	unsigned int pflags = memalloc_flags_save(run->pflags);

	/* Fan-out: the last of many helpers starts earlier than if one thread sent all. */
	if (READ_ONCE(pool.missing))
		padata_mt_seek_helpers(PADATA_MT_FANOUT);

	t->slice = run->slice;
	t->chunks = 0;
	t->gives_back = false;
	worker->crowded = 0;
	padata_mt_take_part(worker);

	memalloc_flags_restore(pflags);
	if (t->lifted)
		sched_set_normal(current, run->nice);
	t->lifted = false;
	padata_mt_leave(run);
	padata_mt_put_run(run);
}

/* Workers: assignment, placement, recall and end */

static bool padata_mt_has_room(void)
{
	return pool.helping < padata_mt_limit(atomic_read(&pool.callers));
}

/* The next node with a CPU to which no helper was sent */
static int padata_mt_next_node(struct padata_mt_run *run)
{
	unsigned int tries;

	for (tries = nr_node_ids; tries; tries--) {
		run->nid = next_node_in(run->nid, node_states[N_CPU]);
		if (cpumask_intersects(cpumask_of_node(run->nid), &run->free))
			return run->nid;
	}

	return NUMA_NO_NODE;
}

static void padata_mt_choose_cpu(struct padata_mt_worker *worker,
				 struct padata_mt_run *run)
{
	worker->nid = NUMA_NO_NODE;
	if (run->job.numa_aware)
		worker->nid = padata_mt_next_node(run);
	if (worker->nid == NUMA_NO_NODE)
		run->cpu = cpumask_next_wrap(run->cpu, &run->free);
	else
		run->cpu = cpumask_first_and(cpumask_of_node(worker->nid),
					     &run->free);
	__cpumask_clear_cpu(run->cpu, &run->free);
	worker->cpu = run->cpu;
}

/* Pending runs get helpers round robin. */
static void padata_mt_assign(struct padata_mt_worker *worker,
			     struct padata_mt_run *run)
{
	lockdep_assert_held(&pool.lock);

	WRITE_ONCE(pool.helping, pool.helping + 1);
	worker->helping = true;
	worker->placing = true;
	WRITE_ONCE(worker->run, run);
	list_move(&worker->node, &run->sent);
	/* One reference for the helper, one until it is placed */
	refcount_add(2, &run->ref);
	padata_mt_choose_cpu(worker, run);
	WRITE_ONCE(pool.missing, pool.missing - 1);
	if (--run->missing)
		list_move_tail(&run->pending, &pool.pending);
	else
		list_del_init(&run->pending);
}

/* Assigns an idle worker to a pending run, if there are both. */
static struct padata_mt_worker *padata_mt_match(struct padata_mt_run **runp)
{
	struct padata_mt_worker *worker;
	struct padata_mt_run *run;

	guard(raw_spinlock)(&pool.lock);

	worker = list_first_entry_or_null(&pool.idle, typeof(*worker), node);
	run = list_first_entry_or_null(&pool.pending, typeof(*run), pending);
	if (!worker || !run || !padata_mt_has_room())
		return NULL;

	padata_mt_assign(worker, run);
	*runp = run;

	return worker;
}

/* Before the worker can run, so that it never runs on a CPU that it may not use. */
static void padata_mt_place(struct padata_mt_worker *worker,
			    struct padata_mt_run *run)
{
	struct task_struct *task = worker->thread.task;

	cpumask_copy(&worker->cpus, &run->cpus);
	padata_mt_and_allowed(run, &worker->cpus);
	if (worker->nid != NUMA_NO_NODE)
		cpumask_and(&worker->cpus, &worker->cpus,
			    cpumask_of_node(worker->nid));

	/* Fails if these CPUs are gone; the helper checks that. */
	set_cpus_allowed_ptr(task, &worker->cpus);
	set_user_nice(task, run->nice);
	if (task != current && cpumask_test_cpu(worker->cpu, &worker->cpus))
		WRITE_ONCE(task->wake_cpu, worker->cpu);
}

/* The worker becomes idle. */
static void padata_mt_make_idle(struct padata_mt_worker *worker)
{
	lockdep_assert_held(&pool.lock);

	worker->idle_since = jiffies;
	/* At the tail, because the worker may not be asleep yet. */
	list_move_tail(&worker->node, &pool.idle);
}

/* Places an assigned worker.  Returns false if it was recalled meanwhile. */
static bool padata_mt_deliver(struct padata_mt_worker *worker,
			      struct padata_mt_run *run)
{
	bool sent;

	padata_mt_window();
	padata_mt_place(worker, run);
	padata_mt_window();
	scoped_guard(raw_spinlock, &pool.lock) {
		worker->placing = false;
		sent = worker->run;
		if (!sent)
			padata_mt_make_idle(worker);
	}
	padata_mt_put_run(run);

	return sent;
}

/* Sends @max helpers at most, because the caller has work to do. */
static void padata_mt_send_helpers(unsigned int max)
{
	struct padata_mt_worker *worker;
	struct padata_mt_run *run;
	struct task_struct *task;

	while (max-- && (worker = padata_mt_match(&run))) {
		/* After its placement the worker may help, become idle and end at any time. */
		task = get_task_struct(worker->thread.task);
		if (padata_mt_deliver(worker, run))
			wake_up_process(task);
		put_task_struct(task);
	}
}

/*
 * Takes back the workers that have not started.  A worker that is being placed
 * becomes idle after the placement, and no other thread may place it before.
 * Returns the number of workers that are free now.
 */
static unsigned int padata_mt_recall(struct padata_mt_run *run)
{
	struct padata_mt_worker *worker, *next;
	unsigned int recalled = 0;

	lockdep_assert_held(&pool.lock);

	list_for_each_entry_safe(worker, next, &run->sent, node) {
		padata_mt_depart(worker);
		WRITE_ONCE(worker->run, NULL);
		list_del_init(&worker->node);
		if (!worker->placing)
			padata_mt_make_idle(worker);
		/* Not the last reference: the main thread has one. */
		refcount_dec(&run->ref);
		recalled++;
	}

	return recalled;
}

/*
 * Leaves the last run, which may have been freed, and finds another one or
 * becomes idle.
 */
static struct padata_mt_run *padata_mt_next_run(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run;

	padata_mt_window();
	guard(raw_spinlock)(&pool.lock);

	padata_mt_release(worker);
	WRITE_ONCE(worker->run, NULL);

	run = list_first_entry_or_null(&pool.pending, typeof(*run), pending);
	if (run && padata_mt_has_room()) {
		padata_mt_assign(worker, run);
		return run;
	}

	worker->idle_since = jiffies;
	list_add(&worker->node, &pool.idle);

	return NULL;
}

/* Starts to help, unless the worker is not yet placed or was recalled. */
static bool padata_mt_come(struct padata_mt_worker *worker)
{
	guard(raw_spinlock)(&pool.lock);

	if (!worker->run || worker->placing)
		return false;
	list_del_init(&worker->node);

	return true;
}

/* Returns false if the worker is to end. */
static bool padata_mt_wait_for_run(struct padata_mt_worker *worker)
{
	bool stop = false;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (READ_ONCE(worker->run) && padata_mt_come(worker))
			break;
		stop = kthread_should_stop();
		if (stop)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);

	return !stop;
}

static bool padata_mt_find_run(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run = padata_mt_next_run(worker);

	if (run)
		padata_mt_deliver(worker, run);

	return padata_mt_wait_for_run(worker);
}

static int padata_mt_work(void *worker)
{
	while (padata_mt_find_run(worker))
		padata_mt_help(worker);

	return 0;
}

static struct padata_mt_worker *padata_mt_create_worker(void)
{
	struct padata_mt_worker *worker = kzalloc_obj(*worker);
	struct task_struct *task;

	if (!worker)
		return NULL;

	task = kthread_create(padata_mt_work, worker, "padata_mt");
	if (IS_ERR(task)) {
		kfree(worker);
		return NULL;
	}

	INIT_LIST_HEAD(&worker->node);
	INIT_LIST_HEAD(&worker->thread.node);
	worker->thread.task = task;

	/* A bound thread, so that user space cannot change its CPU mask. */
	padata_mt_copy_housekeeping(&worker->cpus);
	kthread_bind_mask(task, &worker->cpus);

	return worker;
}

/* New and idle workers can still be assigned. */
static bool padata_mt_lacks_workers(void)
{
	guard(raw_spinlock)(&pool.lock);

	return pool.workers < min(pool.helping + pool.missing,
				  padata_mt_limit(atomic_read(&pool.callers)));
}

/*
 * Sends @max helpers at most to pending runs, after a run was added or the limit
 * rose.
 */
static void padata_mt_seek_helpers(unsigned int max)
{
	/* Orders adding a run before this; pairs with padata_mt_leave_cpu(). */
	smp_mb();
	padata_mt_send_helpers(max);
	if (padata_mt_lacks_workers())
		mod_delayed_work(system_dfl_wq, &pool.manager, 0);
}

static void padata_mt_add_workers(void)
{
	struct padata_mt_worker *worker;

	while (padata_mt_lacks_workers()) {
		worker = padata_mt_create_worker();
		if (!worker)
			break;
		scoped_guard(raw_spinlock, &pool.lock)
			WRITE_ONCE(pool.workers, pool.workers + 1);
		wake_up_process(worker->thread.task);
	}
}

static struct padata_mt_worker *padata_mt_take_unused(void)
{
	struct padata_mt_worker *worker;

	guard(raw_spinlock)(&pool.lock);

	list_for_each_entry_reverse(worker, &pool.idle, node) {
		if (time_before(jiffies, worker->idle_since +
				msecs_to_jiffies(READ_ONCE(padata_mt_idle_ms))))
			continue;
		list_del_init(&worker->node);
		WRITE_ONCE(pool.workers, pool.workers - 1);
		return worker;
	}

	return NULL;
}

/* The last CPU of a worker may have been isolated since. */
static void padata_mt_end_workers(void)
{
	struct padata_mt_worker *worker;

	while ((worker = padata_mt_take_unused())) {
		padata_mt_copy_housekeeping(&worker->cpus);
		set_cpus_allowed_ptr(worker->thread.task, &worker->cpus);
		/* kthread_stop() waits, and a thread at nice 19 may take long to end. */
		set_user_nice(worker->thread.task, 0);
		kthread_stop(worker->thread.task);
		kfree(worker);
	}
}

static void padata_mt_manage(struct work_struct *work)
{
	padata_mt_add_workers();
	padata_mt_end_workers();

	/* Only this function changes the number of workers. */
	if (pool.workers)
		queue_delayed_work(system_dfl_wq, &pool.manager,
				   1 + msecs_to_jiffies(READ_ONCE(padata_mt_idle_ms)));
}

/* The main thread */

static unsigned long padata_mt_left(const struct padata_mt_ctx *ctx)
{
	return ctx->job->size - (ctx->progress.next - ctx->job->start);
}

static u64 padata_mt_elapsed(const struct padata_mt_ctx *ctx)
{
	return padata_mt_since(ctx->began, padata_mt_clock(ctx->late));
}

/* The CPU mask of a workqueue worker is not that of its work item. */
static const struct cpumask *padata_mt_own_cpus(void)
{
	return current->flags & PF_WQ_WORKER ? cpu_possible_mask :
					       &current->cpus_mask;
}

/* Finds the CPUs for helpers. */
static void padata_mt_find_cpus(struct padata_mt_run *run)
{
	/* padata_mt_and_allowed() and each helper read a mask that changes again. */
	data_race(cpumask_and(&run->cpus, padata_mt_own_cpus(), cpu_online_mask));
	padata_mt_and_allowed(run, &run->cpus);
}

/* One helper for each PADATA_MT_WORTH_NS */
static unsigned int padata_mt_worthwhile(u64 ns, unsigned int limit)
{
	return min(div_u64(ns, PADATA_MT_WORTH_NS), limit);
}

/* The number of helpers that find a chunk in @left indices */
static unsigned long padata_mt_shares(const struct padata_mt_job *job,
				      unsigned long left)
{
	return left / max3(job->align, job->min_chunk, 1UL);
}

/* The number of helpers that the job may have, without regard to CPUs and work */
static unsigned int padata_mt_possible(const struct padata_mt_job *job,
				       unsigned long left)
{
	unsigned int limit = padata_mt_limit(1);

	/* An upper bound; padata_mt_find_cpus() finds the CPUs. */
	limit = min(limit, data_race(cpumask_weight(padata_mt_own_cpus())));
	if (job->max_threads)
		limit = min(limit, job->max_threads - 1U);

	return min(limit, padata_mt_shares(job, left - 1));
}

VISIBLE_IF_KUNIT struct padata_mt_run *
padata_mt_alloc_run(unsigned int max_threads)
{
	struct padata_mt_run *run;

	KUNIT_STATIC_STUB_REDIRECT(padata_mt_alloc_run, max_threads);

	run = kzalloc_flex(*run, failed, max_threads, PADATA_MT_GFP);
	if (!run)
		return NULL;

	run->max_threads = max_threads;
	refcount_set(&run->ref, 1);
	run->main = get_task_struct(current);
	raw_spin_lock_init(&run->lock);
	INIT_LIST_HEAD(&run->pending);
	INIT_LIST_HEAD(&run->sent);
	INIT_LIST_HEAD(&run->holders);

	return run;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_alloc_run);

/* A caller that has inherited a real-time priority works alone, too. */
static bool padata_mt_may_have_helpers(void)
{
	/* Priority inheritance can change this at any time; checked after each chunk. */
	return padata_mt_is_served(current) && !data_race(rt_or_dl_task(current));
}

/* The innermost run whose chunk this task holds, or NULL */
static struct padata_mt_run *padata_mt_present_run(void)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();
	struct padata_mt_worker *self = padata_mt_self();
	struct padata_mt_ctx *ctx;

	guard(raw_spinlock)(&calls->lock);
	hlist_for_each_entry(ctx, &calls->head, node)
		if (ctx->task == current && ctx->run)
			return ctx->run;

	return self ? self->run : NULL;
}

static void padata_mt_describe(struct padata_mt_run *run,
			       const struct padata_mt_ctx *ctx,
			       unsigned long slice)
{
	run->job = *ctx->job;
	run->map = ctx->map;
	run->id = atomic64_inc_return(&padata_mt_runs);
	run->depth = ctx->depth;
	run->bound = !(current->flags & PF_WQ_WORKER);
	run->outer = padata_mt_get_run(padata_mt_present_run());
	run->pflags = current->flags & PADATA_MT_MEMALLOC;
	run->nice = system_state < SYSTEM_RUNNING ? 0 : MAX_NICE;
	run->end = run->job.start + run->job.size;
	run->progress.next = run->end;
	atomic_long_set(&run->next, ctx->progress.next);
	run->slice = slice;
	run->cpu = raw_smp_processor_id();
	run->nid = cpu_to_node(run->cpu);

	padata_mt_find_cpus(run);
	cpumask_copy(&run->free, &run->cpus);
	__cpumask_clear_cpu(run->cpu, &run->free);
}

/*
 * Creates a run if helpers are worth it, given that @len indices took @ns, and if
 * there are CPUs for them.
 */
static void padata_mt_consider_helpers(struct padata_mt_ctx *ctx,
				       unsigned long len, u64 ns)
{
	unsigned long left = padata_mt_left(ctx);
	unsigned int possible, helpers;
	struct padata_mt_run *run;

	if (ctx->alone || !pool.ready || !padata_mt_may_have_helpers())
		return;

	possible = padata_mt_possible(ctx->job, left);
	helpers = padata_mt_worthwhile(padata_mt_scale(ns, left, len),
				       possible);
	if (!helpers)
		return;

	run = padata_mt_alloc_run(1 + possible);
	if (!run)
		return;

	padata_mt_describe(run, ctx, padata_mt_slice(len, ns));
	possible = min(possible, cpumask_weight(&run->free));
	run->max_threads = 1 + possible;
	run->limit = possible;
	run->threads = 1;
	ctx->alone = !possible;
	ctx->helpers = min(helpers, possible);
	if (ctx->alone)
		padata_mt_put_run(run);
	else
		ctx->run = run;
}

/* The job has only one chunk, or may have only one thread. */
static bool padata_mt_is_single(const struct padata_mt_job *job)
{
	return job->max_threads == 1 ||
	       padata_mt_chunk_len(job, job->start, job->size, 0) == job->size;
}

static int padata_mt_call_alone(struct padata_mt_ctx *ctx,
				const struct padata_mt_range *chunk)
{
	u64 ns;
	int err;

	ctx->progress.threads = 1;
	padata_mt_map_acquire(ctx->map, ctx->depth, current->flags);
	if (trace_padata_mt_chunk_enabled())
		err = padata_mt_call_timed(ctx->job, chunk, &ns);
	else
		err = padata_mt_call(ctx->job, chunk);
	padata_mt_map_release(ctx->map, ctx->depth);

	return err;
}

static unsigned long padata_mt_step_alone(struct padata_mt_ctx *ctx,
					  unsigned long want)
{
	struct padata_mt_progress *p = &ctx->progress;
	struct padata_mt_range chunk = { .start = p->next };
	int err = -EINTR;

	if (!padata_mt_is_killed(ctx->job)) {
		chunk.len = padata_mt_chunk_len(ctx->job, p->next,
						padata_mt_left(ctx), want);
		p->next += chunk.len;
		p->chunks++;
		err = padata_mt_call_alone(ctx, &chunk);
	}
	if (err)
		padata_mt_note_error(p, err, &ctx->failed, &chunk);

	return chunk.len;
}

/* The next chunk while the cost of an index is still being measured */
static unsigned long padata_mt_want_alone(const struct padata_mt_job *job,
					  unsigned long len, u64 ns,
					  u64 elapsed)
{
	u64 target = elapsed < PADATA_MT_PROBE_NS ? PADATA_MT_PROBE_NS :
						    PADATA_MT_SLICE_NS;

	return min3(padata_mt_grow(len), padata_mt_in(target, len, ns),
		    padata_mt_max_chunk(job));
}

/* Works alone until the job has ended or has a run. */
static void padata_mt_begin(struct padata_mt_ctx *ctx)
{
	const struct padata_mt_job *job = ctx->job;
	bool single = padata_mt_is_single(job);
	unsigned long len, want = 0;
	u64 ns, elapsed = 0;

	if (single && !job->killable)
		want = job->size;
	if (job->eager && !single && !padata_mt_is_killed(job))
		padata_mt_consider_helpers(ctx, 1, PADATA_MT_WORTH_NS);

	while (padata_mt_left(ctx) && !ctx->run) {
		len = padata_mt_step_alone(ctx, want);
		if (!padata_mt_left(ctx) || ctx->progress.err)
			break;
		cond_resched_tasks_rcu_qs();
		ns = elapsed;
		elapsed = padata_mt_elapsed(ctx);
		ns = padata_mt_since(ns, elapsed);
		want = padata_mt_want_alone(job, len, ns, elapsed);
		if (elapsed > PADATA_MT_PROBE_NS && !padata_mt_is_killed(job))
			padata_mt_consider_helpers(ctx, len, ns);
	}
}

/* The number of helpers to add to those that were sent or are missing */
static void padata_mt_add_missing(struct padata_mt_run *run, unsigned int more)
{
	scoped_guard(raw_spinlock, &pool.lock) {
		run->missing += more;
		WRITE_ONCE(pool.missing, pool.missing + more);
		WRITE_ONCE(run->threads, run->threads + more);
		if (list_empty(&run->pending))
			list_add_tail(&run->pending, &pool.pending);
	}
	padata_mt_seek_helpers(min(more, PADATA_MT_FANOUT));
}

/* Asks for more helpers if the rest of the work is worth them. */
static void padata_mt_want_more(struct padata_mt_run *run,
				const struct padata_mt_thread *t)
{
	unsigned long left = run->end - atomic_long_read(&run->next);
	unsigned int threads = READ_ONCE(run->threads), worth;
	unsigned int limit = READ_ONCE(run->limit);

	/* Only this thread adds helpers, so both can only have become smaller. */
	if (threads > limit)
		return;

	limit = min(limit, padata_mt_shares(&run->job, left));
	worth = padata_mt_worthwhile(padata_mt_scale(t->ns, left, t->chunk.len),
				     limit);
	if (worth >= threads)
		padata_mt_add_missing(run, worth + 1 - threads);
}

/* No helper joins this run after this, unless the main thread asks for more. */
static void padata_mt_dismiss(struct padata_mt_run *run)
{
	unsigned int recalled;

	padata_mt_window();
	scoped_guard(raw_spinlock, &pool.lock) {
		WRITE_ONCE(run->threads, run->threads - run->missing);
		padata_mt_unlist(run);
		recalled = padata_mt_recall(run);
	}
	if (recalled && READ_ONCE(pool.missing))
		padata_mt_seek_helpers(recalled);
}

/* The scheduling policy of the caller may change during the job. */
static void padata_mt_review(struct padata_mt_run *run,
			     const struct padata_mt_thread *t)
{
	bool unhelped = !padata_mt_may_have_helpers();

	if (unhelped && !run->unhelped)
		padata_mt_dismiss(run);
	WRITE_ONCE(run->unhelped, unhelped);
	if (unhelped)
		return;
	padata_mt_want_more(run, t);
	/*
	 * A helper that was sent may not have run yet to send the next ones.
	 * Without the lock, because each main thread checks this after each chunk.
	 */
	if (data_race(run->missing) && data_race(padata_mt_has_room()))
		padata_mt_seek_helpers(1);
}

/* @chunks: The number of chunks that the main thread took while it was alone. */
static void padata_mt_lead(struct padata_mt_run *run, unsigned long chunks)
{
	struct padata_mt_thread t = { .chunks = chunks, .slice = run->slice };
	bool killed;
	int err = 0;

	do {
		killed = padata_mt_is_killed(&run->job);
		if (killed || !padata_mt_take(run, &t))
			break;
		err = padata_mt_call_tracked(run, &t);
		if (!err)
			padata_mt_review(run, &t);
	} while (!err);

	/* A signal does not make the last chunk fail. */
	if (killed) {
		t.chunk.len = 0;
		err = -EINTR;
	}
	scoped_guard(raw_spinlock, &run->lock)
		padata_mt_finish(run, &t, err);
}

/* Runs the chunks that helpers gave back, after all helpers are done. */
static void padata_mt_redo(struct padata_mt_run *run)
{
	struct padata_mt_progress *p = &run->progress;
	struct padata_mt_thread t = { .slice = run->slice };
	int err = 0;

	while (p->nr_failed && !p->err) {
		if (padata_mt_is_killed(&run->job)) {
			err = -EINTR;
		} else {
			t.chunk = run->failed[p->nr_failed - 1];
			p->chunks++;
			err = padata_mt_call_tracked(run, &t);
		}
		if (err)
			WRITE_ONCE(p->err, err);
		else
			p->nr_failed--;
	}
}

/* Works on the run until it is closed, then waits until no helper is left. */
static void padata_mt_share(struct padata_mt_ctx *ctx)
{
	struct padata_mt_run *run = ctx->run;

	padata_mt_add_missing(run, ctx->helpers);
	padata_mt_lead(run, ctx->progress.chunks);

	padata_mt_dismiss(run);
	if (trace_padata_mt_job_end_enabled())
		ctx->waited = padata_mt_elapsed(ctx);
	padata_mt_wait(run);
	if (ctx->waited)
		ctx->waited = padata_mt_since(ctx->waited,
					      padata_mt_elapsed(ctx));

	padata_mt_redo(run);

	scoped_guard(raw_spinlock, &run->lock)
		ctx->progress = run->progress;
}

static int padata_mt_cmp_ranges(const void *a, const void *b)
{
	const struct padata_mt_range *x = a, *y = b;

	return cmp_int(x->start, y->start);
}

/* Undoes all chunks that were taken and did not fail. */
static void padata_mt_undo(struct padata_mt_ctx *ctx)
{
	struct padata_mt_range *failed = &ctx->failed;
	const struct padata_mt_progress *p = &ctx->progress;
	const struct padata_mt_job *job = ctx->job;
	unsigned long next = job->start;
	unsigned int i;

	if (ctx->run)
		failed = ctx->run->failed;
	sort(failed, p->nr_failed, sizeof(*failed), padata_mt_cmp_ranges, NULL);
	for (i = 0; i < p->nr_failed; i++) {
		if (next < failed[i].start)
			job->undo_fn(next, failed[i].start, job->fn_arg);
		next = failed[i].start + failed[i].len;
	}
	if (next < p->next)
		job->undo_fn(next, p->next, job->fn_arg);
}

static void padata_mt_end(struct padata_mt_ctx *ctx)
{
	const struct padata_mt_progress *p = &ctx->progress;
	const struct padata_mt_job *job = ctx->job;
	u64 ns = padata_mt_elapsed(ctx);

	padata_mt_report(job, p->threads, p->chunks, ns);
	trace_padata_mt_job_end(job, p->threads, p->chunks, ns, ctx->waited,
				p->err);
	if (p->err && job->undo_fn)
		padata_mt_undo(ctx);
	if (ctx->run)
		padata_mt_put_run(ctx->run);
}

/* The innermost call in progress of this task, or NULL */
static struct padata_mt_ctx *padata_mt_present_call(struct padata_mt_calls *calls)
{
	struct padata_mt_ctx *ctx;

	lockdep_assert_held(&calls->lock);

	hlist_for_each_entry(ctx, &calls->head, node)
		if (ctx->task == current)
			return ctx;

	return NULL;
}

static void padata_mt_enter(struct padata_mt_ctx *ctx)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();
	struct padata_mt_worker *self = padata_mt_self();
	struct padata_mt_ctx *outer;

	ctx->task = current;
	guard(raw_spinlock)(&calls->lock);
	outer = padata_mt_present_call(calls);
	if (outer)
		ctx->depth = outer->depth + 1;
	else if (self)
		ctx->depth = self->run->depth + 1;
	hlist_add_head(&ctx->node, &calls->head);
}

static void padata_mt_exit(struct padata_mt_ctx *ctx)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();

	guard(raw_spinlock)(&calls->lock);
	hlist_del(&ctx->node);
}

/*
 * There may be a CPU for the helper of another job now.  If this does not see a
 * pending run, the main thread of that run sees the lower number of callers.
 */
static void padata_mt_leave_cpu(void)
{
	atomic_dec(&pool.callers);
	/* Pairs with the barrier in padata_mt_seek_helpers(). */
	smp_mb__after_atomic();
	if (READ_ONCE(pool.missing))
		padata_mt_seek_helpers(1);
}

static void padata_mt_run_job(struct padata_mt_ctx *ctx)
{
	padata_mt_begin(ctx);
	if (ctx->run)
		padata_mt_share(ctx);
	padata_mt_end(ctx);
}

/**
 * padata_mt_do_job - padata_do_multithreaded() for one call site
 * @job: The job.
 * @map: The lockdep map of the call site.
 *
 * Context: See padata_do_multithreaded().
 * Return: See padata_do_multithreaded().
 */
int padata_mt_do_job(const struct padata_mt_job *job, struct lockdep_map *map)
{
	struct padata_mt_ctx ctx = {
		.job = job,
		.map = map,
		.late = READ_ONCE(pool.late),
	};

	if (!padata_mt_is_valid(job))
		return -EINVAL;

	might_sleep();
	padata_mt_enter(&ctx);
	/* The helpers that this call waits for hold the map. */
	padata_mt_map_acquire(map, ctx.depth, current->flags);
	padata_mt_map_release(map, ctx.depth);
	trace_padata_mt_job_start(job);

	ctx.progress.next = job->start;
	ctx.began = padata_mt_clock(ctx.late);

	/* A helper is counted already. */
	if (!ctx.depth)
		atomic_inc(&pool.callers);
	padata_mt_run_job(&ctx);
	if (!ctx.depth)
		padata_mt_leave_cpu();
	padata_mt_exit(&ctx);

	return ctx.progress.err;
}
EXPORT_SYMBOL_GPL(padata_mt_do_job);

/* Pairs with the write in padata_mt_note_error(). */
static bool padata_mt_is_ending(const struct padata_mt_run *run)
{
	return READ_ONCE(run->progress.err) ||
	       (run->job.killable && fatal_signal_pending(run->main));
}

/* The calls of this task, each nested in a chunk of the next one */
static bool padata_mt_is_call_ending(void)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();
	struct padata_mt_ctx *ctx;

	guard(raw_spinlock)(&calls->lock);
	hlist_for_each_entry(ctx, &calls->head, node) {
		if (ctx->task != current)
			continue;
		if (padata_mt_is_killed(ctx->job) ||
		    (ctx->run && padata_mt_is_ending(ctx->run)))
			return true;
	}

	return false;
}

/* The reasons to leave that cannot wait until the end of a chunk */
static bool padata_mt_must_leave(const struct padata_mt_worker *self)
{
	return padata_mt_is_unhelped(self->run) || padata_mt_exceeds(1) ||
	       !padata_mt_is_allowed(self->run,
				     cpumask_of(raw_smp_processor_id()));
}

/**
 * padata_mt_should_stop - check in a thread function whether to stop
 *
 * For thread functions whose chunks may take long because the cost of an index can
 * rise sharply.  max_chunk bounds the number of indices in a chunk.  This function
 * bounds the time that a chunk takes after an error in another thread, or after a
 * fatal signal to the main thread of a killable job.  It also asks a helper to give
 * its chunk back: if its CPU was isolated or removed from the CPU mask of the main
 * thread, if the administrator lowered max_helpers, or if the main thread now has a
 * scheduling policy that gets no helpers (see padata_do_multithreaded()).
 *
 * A thread function that gets an error from this function undoes what it did of
 * its chunk, as after any error, and returns this error.  It may also complete the
 * chunk and return 0.  The main thread runs a chunk that was given back.  So its
 * indices are passed to the thread function again, after higher ones.
 *
 * Context: A thread function, in the task that called it, where a raw spinlock may
 *          be taken.  Does not sleep.  Costs tens of nanoseconds, so call it about
 *          once in a microsecond or less often.
 * Return: 0 to continue.
 *         -EINTR if the job is ending.
 *         -EAGAIN if a helper is to give back its chunk.
 */
int padata_mt_should_stop(void)
{
	struct padata_mt_worker *self = padata_mt_self();
	const struct padata_mt_run *run;

	if (padata_mt_is_call_ending())
		return -EINTR;
	if (!self)
		return 0;
	for (run = self->run; run; run = run->outer)
		if (padata_mt_is_ending(run))
			return -EINTR;
	if (!padata_mt_must_leave(self))
		return 0;
	self->thread.gives_back = true;

	return -EAGAIN;
}
EXPORT_SYMBOL_GPL(padata_mt_should_stop);

VISIBLE_IF_KUNIT int padata_mt_set_max_helpers(const char *val,
					       const struct kernel_param *kp)
{
	int n, err = kstrtoint(val, 0, &n);

	if (err || n < 0)
		return -EINVAL;
	WRITE_ONCE(padata_mt_max_helpers, n);
	/* The command line is parsed before workers exist. */
	if (pool.ready)
		padata_mt_seek_helpers(UINT_MAX);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_set_max_helpers);

/* Ends the workers that have been idle for longer than the new value. */
VISIBLE_IF_KUNIT int padata_mt_set_idle_ms(const char *val,
					   const struct kernel_param *kp)
{
	unsigned int ms;
	int err = kstrtouint(val, 0, &ms);

	if (err)
		return err;
	WRITE_ONCE(padata_mt_idle_ms, ms);
	if (pool.ready)
		mod_delayed_work(system_dfl_wq, &pool.manager, 0);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_set_idle_ms);

#ifdef CONFIG_PADATA_MT_DEBUG
static const struct kernel_param_ops padata_mt_idle_ms_ops = {
	.set = padata_mt_set_idle_ms,
	.get = param_get_uint,
};
module_param_cb(idle_ms, &padata_mt_idle_ms_ops, &padata_mt_idle_ms, 0644);
MODULE_PARM_DESC(idle_ms, "How long a helper is idle before it ends, in ms");
#endif

static const struct kernel_param_ops padata_mt_max_helpers_ops = {
	.set = padata_mt_set_max_helpers,
	.get = param_get_uint,
};
module_param_cb(max_helpers, &padata_mt_max_helpers_ops, &padata_mt_max_helpers,
		0644);
MODULE_PARM_DESC(max_helpers, "Most helpers of all jobs together, 0 for none");

#if IS_ENABLED(CONFIG_KUNIT)
unsigned int padata_mt_nr_helping(void)
{
	return READ_ONCE(pool.helping);
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_nr_helping);

unsigned int padata_mt_nr_workers(void)
{
	return READ_ONCE(pool.workers);
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_nr_workers);
#endif

/* Runs after workqueue_init() and before the first job. */
static int __init padata_mt_init(void)
{
	pool.ready = true;
	return 0;
}
early_initcall(padata_mt_init);

/* Runs after clocksource_done_booting(). */
static int __init padata_mt_init_late(void)
{
	WRITE_ONCE(pool.late, true);
	return 0;
}
fs_initcall_sync(padata_mt_init_late);
