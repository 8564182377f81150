// SPDX-License-Identifier: GPL-2.0-only
/*
 * padata_mt.c - multithreaded jobs
 *
 * See Documentation/core-api/padata.rst for more information.
 */

/**
 * DOC: How a multithreaded job runs
 *
 * The task that calls padata_do_multithreaded() is the job's main thread.  It
 * begins alone, with a small chunk and then larger ones, and measures; unless the
 * job is eager.  When what is left would take long enough, it allocates a struct
 * padata_mt_run, copies the job and its progress there, and sends helpers to it.
 * From then on main thread and helpers do the same: take a chunk, run it, take
 * the next one, until none is left.
 *
 * *Chunks.*  They are handed out in ascending order, by moving run->next on, so
 * what was handed out is one range.  A thread holds one chunk at a time and takes
 * none after an error, so all that must be remembered to undo a job is one failed
 * chunk for each thread.  A run has room for that from the beginning.
 *
 * *Closing.*  A run is closed when run->next has come to the end: because the
 * work has run out, or because an error or a signal has put it there.  It is
 * never opened again.  A helper takes its first chunk in the same critical section
 * of run->lock in which it becomes one of run->holders, and is one until it has
 * found that there is no other for it.  The main thread looks for holders, under
 * the lock too, after it has seen the run closed: so each helper either is one by
 * then, and the main thread waits for it, or never gets a chunk, and nobody waits
 * for it.
 *
 * *Lifetime.*  Main thread and helpers hold a reference to the run.  A helper
 * touches what belongs to the caller (thread_fn, fn_arg, the lockdep map of the
 * call site) only while it is a holder.  What it may touch later, the run and its
 * worker, belongs to this file.
 *
 * *Workers* are kernel threads that lend themselves to runs as helpers.  They
 * are created in the background when a run lacks some, and ended when they were
 * idle for long.  A worker is new, then idle, taken, and helping by turns:
 *
 *  - idle: on pool.idle, asleep or about to be.
 *  - assigned: on run->sent and counted in pool.helping, with worker->run set.
 *    The thread that assigned it, which may be the worker itself, sets its CPUs
 *    and its nice value while worker->placing is set, clears that, and wakes it.
 *  - helping: off these lists, works on worker->run until that is closed or
 *    until the worker has to leave.  Then it assigns itself to a run on
 *    pool.pending, or becomes idle.
 *
 * All of this changes under pool.lock.  Where its CPUs are busy an assigned worker
 * may not run for long, so the main thread recalls all of run->sent once the run
 * is closed.  A worker that is being placed then becomes idle when that is over:
 * until then nothing else may place it.  The placing thread has a reference to
 * the run of its own.
 *
 * *Leaving.*  Before each chunk, also its first, a helper looks whether it may
 * stay.  It leaves when CPUs went or max_helpers was lowered, when there are more
 * callers and helpers than CPUs twice in a row, when the policy of the main thread
 * is one that has no helpers, or when the CPUs that the main thread may use, less
 * isolated and nohz_full ones, are too few for it.  If they are enough, it moves.
 * The run holds a reference to the main thread, and to the run in whose chunk that
 * calls, so both masks can be read.  A helper that leaves gives its place back:
 * the main thread asks for another one after its next chunk, if it is worth it.
 *
 * *Giving back.*  padata_mt_should_stop() lets a helper leave in the middle of a
 * chunk.  The chunk takes the helper's place in run->failed, which is therefore
 * not given to another helper, and the main thread runs it when all are done.
 *
 * A run that could not get all helpers it wants is on pool.pending until it has
 * them, a helper finds it closed, or its main thread takes it off, which it does
 * before it drops its reference.  It is sent a helper for each of its CPUs at
 * most, and never a second one: so padata_mt_run.failed has room for all.
 *
 * *How many helpers* is a question of what is left to do: one for each
 * PADATA_MT_WORTH_NS.  The main thread asks it again after each chunk of its
 * own, for the first indices of a job may be the cheap ones.  In the same way
 * each thread adapts the length of its chunks to PADATA_MT_SLICE_NS.  What the
 * first indices cost says nothing about the later ones, so padata_mt_max_chunk()
 * bounds the chunks as well.
 *
 * *Who sends helpers.*  The main thread sends PADATA_MT_FANOUT of them and then
 * works; each helper sends as many before its first chunk.  After each of its
 * chunks the main thread sends one more if some are missing, for a helper that was
 * sent may not have come.
 *
 * *Stragglers.*  After boot helpers have the lowest priority, and one that holds
 * the last chunk may be kept from running by others.  The main thread that waits
 * lifts one such helper to its own priority; when that one is done it lifts the
 * next.  A caller that has become a SCHED_FIFO or SCHED_RR task lends SCHED_FIFO
 * of its priority.  A deadline cannot be lent, so a deadline caller lends nice 0.
 * The main thread reads its priority when the wait begins, and again when a lift
 * wakes it.  A priority that it gains otherwise while it waits (sched_setscheduler(),
 * renice, priority inheritance) is not passed on: the wait then lasts until each
 * holder has ended its present chunk, at the CPU time that this helper gets.
 * A helper is lifted under run->lock while it holds a chunk, and puts its priority
 * back after it gave up that chunk, thus after it was lifted.  A lifted helper may
 * wait for a nested job itself: then it has set its padata_mt_thread.waits under
 * the lock of the run that it helps, and the thread that lifts it wakes it, so
 * that it passes the lift on.  Apart from that nothing wakes a waiting main thread
 * before the last helper is done, and the hung task detector sees it.
 *
 * *Lockdep.*  Each thread of a job holds the lockdep map of the call site while it
 * runs the thread function, the main thread too: what it locks there a helper may
 * lock another time.  The main thread also takes and releases it before it begins,
 * as flush_work() does.  Calls that nest use the map's subclasses, by how many
 * chunks they are nested in: a thread that holds a map at some depth only takes
 * maps that are deeper, so call sites may nest in each other in any order.  So do
 * calls from a scope of memory allocations, because reclaim may call what others
 * call from outside, and allocate memory there.
 *
 * *Locks.*  pool.lock, run->lock and the locks of padata_mt_calls do not nest in
 * each other; the scheduler's nest in run->lock.  All are raw and held for a
 * bounded time because helpers of lowest priority take them as well, also where
 * a spinlock_t can be preempted.  Neither is taken in interrupts.
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

/* A helper costs some microseconds; it should find many times that to do. */
#define PADATA_MT_WORTH_NS	(100 * NSEC_PER_USEC)

/* Nothing is known about a job before; the first calls are slower than most. */
#define PADATA_MT_PROBE_NS	(20 * NSEC_PER_USEC)

/* Chunks grow by at most this factor while what they cost is being learnt. */
#define PADATA_MT_GROWTH	16

/* How long a chunk should take at most, so that signals and isolation count. */
#define PADATA_MT_SLICE_NS	(10 * NSEC_PER_MSEC)

/* Threads take this part of their equal share of what is left. */
#define PADATA_MT_SHARE		2

/* Nested jobs that lockdep can tell from each other, in a scope and outside */
#define PADATA_MT_LOCKDEP_DEPTH	(MAX_LOCKDEP_SUBCLASSES / 2)

/* How many helpers a thread sends before it works itself */
#define PADATA_MT_FANOUT	2

/* What lists the calls in progress by task */
#define PADATA_MT_CALL_BITS	6

/* A helper leaves if there are too many threads this often in a row. */
#define PADATA_MT_CROWDED	2

/* Never wait for memory and never take the reserves: help is not worth it. */
#define PADATA_MT_GFP		(GFP_NOWAIT | __GFP_NOMEMALLOC)

#define PADATA_MT_MEMALLOC	(PF_MEMALLOC | PF_MEMALLOC_NOFS |	\
				 PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN)

/**
 * struct padata_mt_range - a chunk
 * @start: Its first index.
 * @len: How many it has, 0 for none.
 */
struct padata_mt_range {
	unsigned long	start;
	unsigned long	len;
};

/**
 * struct padata_mt_progress - how far a job has come
 * @next: First index that was not handed out.
 * @chunks: Chunks handed out.
 * @threads: Threads that took one.
 * @nr_failed: Chunks that failed or were given back.
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
 * @node: In padata_mt_run.holders while a helper is one.
 * @chunk: The chunk it holds.
 * @chunks: How many it has had.
 * @ns: What the last one took.
 * @slice: Indices that should take PADATA_MT_SLICE_NS, the most in a chunk.
 * @lifted: It has the priority of the main thread, which waits for it.
 * @waits: It waits for the helpers of a nested job, and passes a lift on.
 * @counted: The last run that counted it, because it may come back to one.
 * @gives_back: It was asked to leave, and has not done its chunk.
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
 * @ref: One for the main thread and each helper.
 * @job: A copy, because the caller's is gone when a late helper comes.
 * @map: The call site's, for lockdep.
 * @depth: Of helpers whose chunks this job is nested in.
 * @pflags: The main thread's allocation scope.
 * @id: No other run has it.
 * @main: The main thread.
 * @bound: Helpers run on the CPUs that @main may use.
 * @unhelped: The priority of @main is none that helpers can serve.
 * @outer: The run of which this one's main thread has a chunk.
 * @nice: Of the helpers.
 * @slice: What threads begin with as padata_mt_thread.slice.
 * @end: Of the job.
 * @max_threads: Threads this job can have at all, and room in @failed.
 * @cpus: Where helpers may run, as long as @main may and CPUs are not isolated.
 * @pending: In pool.pending while helpers are missing.  This and all down to
 *           @free is protected by pool.lock.
 * @sent: Workers assigned to this run that have not yet come.
 * @limit: Helpers it can still have, at most @max_threads - 1.
 * @threads: The main thread, and helpers sent or missing.
 * @missing: Helpers to send.
 * @cpu: Where the last helper was sent, at first where the main thread was.
 * @nid: The node of @cpu.
 * @free: CPUs to which no helper was sent.
 * @next: First index that was not handed out, or @end once the run is closed.
 * @lock: Protects all below.
 * @waiting: The main thread waits until there is no holder.
 * @lift_prio: Of a helper that is waited for, the main thread's by then.
 * @holders: Helpers that take chunks.
 * @progress: Of the threads that are done, and where the run was closed.
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
 * struct padata_mt_worker - a kernel thread that helps
 * @thread: Its part in @run.
 * @run: What it works on, NULL while it is idle.  Under pool.lock.
 * @helping: It is counted in pool.helping.
 * @placing: Its CPUs and its nice value are being set.  Under pool.lock.
 * @crowded: How often in a row it found too many threads.
 * @node: In pool.idle, or in padata_mt_run.sent.
 * @idle_since: In jiffies.
 * @cpu: Where to begin.
 * @nid: Where to stay, or NUMA_NO_NODE.
 * @cpus: Where it may run at present.
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
 * @map: The call site's, for lockdep.
 * @depth: Of chunks that this call is made in.
 * @task: The caller.
 * @node: In padata_mt_calls.
 * @late: Which clock.
 * @alone: There is no helper to be had for this job.
 * @helpers: How many seem worth it at first.
 * @began: When.
 * @waited: How long the main thread waited for stragglers, if that is traced.
 * @progress: How far the main thread came alone, in the end how far all came.
 * @failed: The chunk that failed while it was alone.
 * @run: The run, if there is one.
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

/* Calls in progress by task, the innermost of each first */
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

/* All runs and workers; counts and lists under lock. */
static struct {
	raw_spinlock_t		lock;
	struct list_head	idle;		/* Workers, best first */
	struct list_head	pending;	/* Runs that lack helpers */
	unsigned int		missing;	/* Of all of these */
	unsigned int		workers;
	unsigned int		helping;	/* Workers that are taken */
	atomic_t		callers;	/* Jobs under way, save in helpers */
	bool			ready;		/* Works are run */
	bool			late;		/* Clocks are good */
	struct delayed_work	manager;
} pool = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(pool.lock),
	.idle = LIST_HEAD_INIT(pool.idle),
	.pending = LIST_HEAD_INIT(pool.pending),
	.manager = __DELAYED_WORK_INITIALIZER(pool.manager, padata_mt_manage, 0),
};

/* How long a worker is idle before it ends, in ms */
VISIBLE_IF_KUNIT unsigned int padata_mt_idle_ms __read_mostly = 60 * MSEC_PER_SEC;

VISIBLE_IF_KUNIT unsigned int padata_mt_max_helpers __read_mostly = INT_MAX;
EXPORT_SYMBOL_IF_KUNIT(padata_mt_max_helpers);

/* Where another thread may come between: some delay makes it come more often. */
#ifdef CONFIG_PADATA_MT_DEBUG
static unsigned int padata_mt_delay_us;
module_param_named(delay_us, padata_mt_delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us, "Longest random delay in race windows, 0 for none");

static void padata_mt_window(void)
{
	unsigned int us = READ_ONCE(padata_mt_delay_us);

	if (us && get_random_u32_below(4) == 0)
		udelay(get_random_u32_inclusive(1, min(us, 1000)));
}
#else
static inline void padata_mt_window(void)
{
}
#endif

/*
 * Decides whether helpers are worth it, thus has to be a fine one.  Until
 * clocksources are up, jiffies are all that ktime_get() has.  Later, sched_clock()
 * is jiffies on some architectures.
 */
static u64 padata_mt_clock(bool late)
{
	return late ? ktime_get_ns() : sched_clock();
}

/* CPUs need not agree on the time. */
static u64 padata_mt_since(u64 began, u64 now)
{
	return now > began ? now - began : 0;
}

/* x * num / den, about, and never too large for its type */
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

/* As many indices as should take @target if @len took @ns, both in nanoseconds */
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

/* A thread that only heard of a signal has no chunk to note. */
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

/* For lengths of chunks a clock will do that is cheap, whatever it resolves. */
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

/* Runs: main thread and helpers at work */

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

/* Guided self-scheduling: chunks shrink with the work, so threads end together. */
static unsigned long padata_mt_want(const struct padata_mt_run *run,
				    const struct padata_mt_thread *t,
				    unsigned long left)
{
	/* A thread more or less makes no difference, so no pool.lock. */
	return min3(left / PADATA_MT_SHARE / READ_ONCE(run->threads), t->slice,
		    padata_mt_max_chunk(&run->job));
}

/* Takes the next chunk, if any is left. */
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

/* Closes the run.  A signal comes too late if nothing is left. */
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
 * The straggler may wait for a nested job's helper itself.  Only then it expects
 * to be woken: it sets and clears t->waits under this lock.
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

/* The first chunk of a helper, and that it is a holder, are one transition. */
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

/* A thread has no chunk any more, and will have none. */
static void padata_mt_finish(struct padata_mt_run *run,
			     struct padata_mt_thread *t, int err)
{
	lockdep_assert_held(&run->lock);

	/* The main thread does it in the end, unless there is an error. */
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
 * Some ranges are easier than others, and some threads have less of their CPU.
 * What kept a chunk short was not always the slice: then it says nothing, unless
 * it was too long nevertheless.
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

/* Of a helper that this task waits for.  A deadline cannot be lent. */
static int padata_mt_lift_prio(void)
{
	int prio = READ_ONCE(current->prio);

	if (dl_prio(prio))
		return DEFAULT_PRIO;

	/* As recent as the priority above */
	return data_race(current->policy) == SCHED_IDLE ? MAX_PRIO - 1 : prio;
}

/* The part of this task in the run that it helps, if it is a helper */
static struct padata_mt_worker *padata_mt_self(void)
{
	if (!(current->flags & PF_KTHREAD) ||
	    kthread_func(current) != padata_mt_work)
		return NULL;

	return kthread_data(current);
}

/* Under the lock of the run that this task helps, which it may be lifted in */
static void padata_mt_set_waits(struct padata_mt_worker *self, bool waits)
{
	if (!self)
		return;

	guard(raw_spinlock)(&self->run->lock);
	self->thread.waits = waits;
}

/* Whether there are holders.  If so, lifts one if this task was lifted. */
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
 * Waits for the helpers that hold a chunk; the run is closed, so no other will.
 * The last holder wakes this task in the critical section in which it leaves the
 * list, so no wake-up is left over once the list was seen empty.
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

/* Isolated CPUs and nohz_full CPUs are for other work. */
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

/* For a worker without a run.  Isolation at run time can leave no other CPUs. */
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
 * Whether a helper may run on @cpus now: isolation and the affinity of the main
 * thread may have changed, and so may that of the main threads around it.
 * Without locks: who changes a mask meanwhile is seen before the next chunk.
 */
static bool padata_mt_is_allowed(const struct padata_mt_run *run,
				 const struct cpumask *cpus)
{
	const struct padata_mt_run *r;

	for (r = run; r; r = r->outer)
		if (r->bound &&
		    /* A mask that changes is seen whole before the next chunk. */
		    !data_race(cpumask_subset(cpus, &r->main->cpus_mask)))
			return false;

	return padata_mt_uses_all_cpus(&run->job) ||
	       padata_mt_is_housekeeping(cpus);
}

/* cpus_mask, because cpus_ptr is one CPU where the main thread may not migrate */
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

/* All helpers there may be; new ones make room for callers too. */
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

/* The run may have another helper instead, when there is room for it. */
static void padata_mt_depart(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run = worker->run;

	lockdep_assert_held(&pool.lock);

	padata_mt_release(worker);
	WRITE_ONCE(run->threads, run->threads - 1);
	__cpumask_set_cpu(worker->cpu, &run->free);
}

/* CPUs went, or an administrator wants fewer helpers. */
static bool padata_mt_exceeds(unsigned int callers)
{
	return READ_ONCE(pool.helping) > padata_mt_limit(callers);
}

/* The smallest job is a caller as well, so one look is not enough. */
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
 * Helpers are of the lowest priority, so a caller that is above all of that, or
 * below, is better off alone.
 */
static bool padata_mt_is_served(const struct task_struct *task)
{
	/* It may change at any time, then the next look counts. */
	int policy = data_race(task->policy);

	return policy == SCHED_NORMAL || policy == SCHED_BATCH ||
	       policy == SCHED_EXT;
}

static bool padata_mt_is_unhelped(const struct padata_mt_run *run)
{
	return READ_ONCE(run->unhelped) || !padata_mt_is_served(run->main);
}

/* After CPUs were lost: there need not be one for each helper, and the main thread. */
static bool padata_mt_has_cpu(struct padata_mt_worker *worker)
{
	unsigned int cpus = cpumask_weight(&worker->cpus);
	struct padata_mt_run *run = worker->run;

	/*
	 * A main thread that sleeps may still be where it must not run any more.
	 * Its mask may change again: that is for the next look.
	 */
	if (cpus && (cpumask_test_cpu(task_cpu(run->main), &worker->cpus) ||
		     /* no lock, see above */
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
 * A helper whose CPUs were gone when it was to be placed, or went later, has
 * other ones, of its last run or the scheduler's choice.  These need not be
 * where the job may run, even if the CPU of this moment is.
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
		/* If this fails, no CPU is left. */
		set_cpus_allowed_ptr(current, &worker->cpus);
	}

	/* CPU hotplug may change it: then the next look tells. */
	return data_race(cpumask_subset(current->cpus_ptr, &worker->cpus));
}

/* Before each chunk of a helper */
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

/* Whoever shares this thread next would suffer for it. */
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

/* From now on nobody else changes how many helpers the run lacks. */
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
 * No more helpers are sent to a run that is closed, though its main thread may
 * take long to say so.  If this overlooks that it is pending, that one will not.
 */
static void padata_mt_leave(struct padata_mt_run *run)
{
	/* Without the lock, for it is only a hint. */
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
	/* The main thread waits for holders: do not dwell on what is moot. */
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

	/* So the last of many helpers does not wait for one thread to send them all. */
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

/* Workers: who they are, and which run they work on */

static bool padata_mt_has_room(void)
{
	return pool.helping < padata_mt_limit(atomic_read(&pool.callers));
}

/* The next node with CPUs to which no helper was sent */
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

/* Runs get helpers by turns. */
static void padata_mt_assign(struct padata_mt_worker *worker,
			     struct padata_mt_run *run)
{
	lockdep_assert_held(&pool.lock);

	WRITE_ONCE(pool.helping, pool.helping + 1);
	worker->helping = true;
	worker->placing = true;
	WRITE_ONCE(worker->run, run);
	list_move(&worker->node, &run->sent);
	/* For the helper, and until it is placed */
	refcount_add(2, &run->ref);
	padata_mt_choose_cpu(worker, run);
	WRITE_ONCE(pool.missing, pool.missing - 1);
	if (--run->missing)
		list_move_tail(&run->pending, &pool.pending);
	else
		list_del_init(&run->pending);
}

/* An idle worker for a run that lacks helpers, if there are both. */
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

/* Before the worker can run: it must not be seen on a CPU it has no right to. */
static void padata_mt_place(struct padata_mt_worker *worker,
			    struct padata_mt_run *run)
{
	struct task_struct *task = worker->thread.task;

	cpumask_copy(&worker->cpus, &run->cpus);
	padata_mt_and_allowed(run, &worker->cpus);
	if (worker->nid != NUMA_NO_NODE)
		cpumask_and(&worker->cpus, &worker->cpus,
			    cpumask_of_node(worker->nid));

	/* Fails when these CPUs are gone; the helper will notice. */
	set_cpus_allowed_ptr(task, &worker->cpus);
	set_user_nice(task, run->nice);
	if (task != current && cpumask_test_cpu(worker->cpu, &worker->cpus))
		WRITE_ONCE(task->wake_cpu, worker->cpu);
}

/* Idle, unless it was assigned to another run since */
static void padata_mt_make_idle(struct padata_mt_worker *worker)
{
	lockdep_assert_held(&pool.lock);

	worker->idle_since = jiffies;
	/* Last, because it may not be asleep. */
	list_move_tail(&worker->node, &pool.idle);
}

/* Gives an assigned worker its CPUs.  Returns false if it was recalled meanwhile. */
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

/* Sends @max helpers at most, for the caller has something else to do. */
static void padata_mt_send_helpers(unsigned int max)
{
	struct padata_mt_worker *worker;
	struct padata_mt_run *run;
	struct task_struct *task;

	while (max-- && (worker = padata_mt_match(&run))) {
		/* Once it is placed, it may help, be idle and end meanwhile. */
		task = get_task_struct(worker->thread.task);
		if (padata_mt_deliver(worker, run))
			wake_up_process(task);
		put_task_struct(task);
	}
}

/*
 * Takes back the workers that have not come.  One that is being placed becomes
 * idle when that is over, because nothing else may place it before.  Returns how
 * many are free now.
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
		/* The main thread has a reference of its own. */
		refcount_dec(&run->ref);
		recalled++;
	}

	return recalled;
}

/*
 * Leaves the last run, which may no longer exist, and finds another one or
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

/* Comes to its run, unless it is not yet placed or was recalled. */
static bool padata_mt_come(struct padata_mt_worker *worker)
{
	guard(raw_spinlock)(&pool.lock);

	if (!worker->run || worker->placing)
		return false;
	list_del_init(&worker->node);

	return true;
}

/* Returns false if the worker is to end instead. */
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

	/* Bound, so that nobody else changes where it runs. */
	padata_mt_copy_housekeeping(&worker->cpus);
	kthread_bind_mask(task, &worker->cpus);

	return worker;
}

/* Workers that are new or idle may yet come to help. */
static bool padata_mt_lacks_workers(void)
{
	guard(raw_spinlock)(&pool.lock);

	return pool.workers < min(pool.helping + pool.missing,
				  padata_mt_limit(atomic_read(&pool.callers)));
}

/*
 * For any run that lacks helpers, where there is a new run or a higher limit:
 * sends @max of them at most.
 */
static void padata_mt_seek_helpers(unsigned int max)
{
	/* A run was added before: pairs with padata_mt_leave_cpu(). */
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

/* They have last run where that may be forbidden by now. */
static void padata_mt_end_workers(void)
{
	struct padata_mt_worker *worker;

	while ((worker = padata_mt_take_unused())) {
		padata_mt_copy_housekeeping(&worker->cpus);
		set_cpus_allowed_ptr(worker->thread.task, &worker->cpus);
		/* Others would wait long for one of lowest priority to end. */
		set_user_nice(worker->thread.task, 0);
		kthread_stop(worker->thread.task);
		kfree(worker);
	}
}

static void padata_mt_manage(struct work_struct *work)
{
	padata_mt_add_workers();
	padata_mt_end_workers();

	/* Only this function changes how many there are. */
	if (pool.workers)
		queue_delayed_work(system_dfl_wq, &pool.manager,
				   1 + msecs_to_jiffies(READ_ONCE(padata_mt_idle_ms)));
}

/* The main thread's part */

static unsigned long padata_mt_left(const struct padata_mt_ctx *ctx)
{
	return ctx->job->size - (ctx->progress.next - ctx->job->start);
}

static u64 padata_mt_elapsed(const struct padata_mt_ctx *ctx)
{
	return padata_mt_since(ctx->began, padata_mt_clock(ctx->late));
}

/* Where a workqueue item runs says nothing about what it is for. */
static const struct cpumask *padata_mt_own_cpus(void)
{
	return current->flags & PF_WQ_WORKER ? cpu_possible_mask :
					       &current->cpus_mask;
}

/* Where helpers may run */
static void padata_mt_find_cpus(struct padata_mt_run *run)
{
	/* A mask that changes meanwhile is read again under its lock below. */
	data_race(cpumask_and(&run->cpus, padata_mt_own_cpus(), cpu_online_mask));
	padata_mt_and_allowed(run, &run->cpus);
}

/* One helper for so much work that waking it is nothing beside it */
static unsigned int padata_mt_worthwhile(u64 ns, unsigned int limit)
{
	return min(div_u64(ns, PADATA_MT_WORTH_NS), limit);
}

/* How many helpers would find something in @left indices */
static unsigned long padata_mt_shares(const struct padata_mt_job *job,
				      unsigned long left)
{
	return left / max3(job->align, job->min_chunk, 1UL);
}

/* How many helpers the job could have, if there were CPUs and work for them. */
static unsigned int padata_mt_possible(const struct padata_mt_job *job,
				       unsigned long left)
{
	unsigned int limit = padata_mt_limit(1);

	/* Only an upper bound: padata_mt_find_cpus() looks closer. */
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

/* Helpers are of no use to a caller that anything of lower priority delays. */
static bool padata_mt_may_have_helpers(void)
{
	/* Another task may lend its priority at any time; asked after each chunk. */
	return padata_mt_is_served(current) && !data_race(rt_or_dl_task(current));
}

/* The innermost run that this task has a chunk of, if any */
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
 * Gives the job a run if helpers are worth it, when @len indices take @ns, and
 * CPUs are there for them.
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

/* Not even two chunks, or not two threads */
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

/* While nothing is known about a job, only what takes no longer than to learn it */
static unsigned long padata_mt_want_alone(const struct padata_mt_job *job,
					  unsigned long len, u64 ns,
					  u64 elapsed)
{
	u64 target = elapsed < PADATA_MT_PROBE_NS ? PADATA_MT_PROBE_NS :
						    PADATA_MT_SLICE_NS;

	return min3(padata_mt_grow(len), padata_mt_in(target, len, ns),
		    padata_mt_max_chunk(job));
}

/* Works on the job until it is over, or has a run. */
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

/* Helpers that the run is to have beyond those that it was sent or lacks */
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

/* Asks for more helpers if what is left turns out to be worth them. */
static void padata_mt_want_more(struct padata_mt_run *run,
				const struct padata_mt_thread *t)
{
	unsigned long left = run->end - atomic_long_read(&run->next);
	unsigned int threads = READ_ONCE(run->threads), worth;
	unsigned int limit = READ_ONCE(run->limit);

	/* Only this thread adds to them, so there may be less by now. */
	if (threads > limit)
		return;

	limit = min(limit, padata_mt_shares(&run->job, left));
	worth = padata_mt_worthwhile(padata_mt_scale(t->ns, left, t->chunk.len),
				     limit);
	if (worth >= threads)
		padata_mt_add_missing(run, worth + 1 - threads);
}

/* No helper comes to this run any more, unless more are asked for. */
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

/* The policy of the caller may change during the job. */
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
	 * A helper that was sent may not have come to send the next ones.  Without
	 * the lock, because all main threads ask this after each chunk.
	 */
	if (data_race(run->missing) && data_race(padata_mt_has_room()))
		padata_mt_seek_helpers(1);
}

/* @chunks: What the main thread has had when it was alone. */
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

	/* The last chunk was completed nevertheless. */
	if (killed) {
		t.chunk.len = 0;
		err = -EINTR;
	}
	scoped_guard(raw_spinlock, &run->lock)
		padata_mt_finish(run, &t, err);
}

/* Does the chunks that helpers gave back.  There is no helper any more. */
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

/* Works on the job together with helpers until it is closed and none is left. */
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

/* All that was handed out is completed, but for what failed. */
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

/* The innermost call in progress of this task, if any */
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
 * Now there may be a CPU for another job's helper.  If no such job is seen here,
 * it sees that there is a caller less.
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
 * @map: Stands for waiting for the helpers of this call site's jobs.
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
	/* The helpers that this waits for hold it. */
	padata_mt_map_acquire(map, ctx.depth, current->flags);
	padata_mt_map_release(map, ctx.depth);
	trace_padata_mt_job_start(job);

	ctx.progress.next = job->start;
	ctx.began = padata_mt_clock(ctx.late);

	/* A helper has its CPU already. */
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

/* Calls of this task, one in a chunk of the other */
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

/* What makes a helper leave at its next chunk, as far as it can wait no longer */
static bool padata_mt_must_leave(const struct padata_mt_worker *self)
{
	return padata_mt_is_unhelped(self->run) || padata_mt_exceeds(1) ||
	       !padata_mt_is_allowed(self->run,
				     cpumask_of(raw_smp_processor_id()));
}

/**
 * padata_mt_should_stop - ask in a thread function whether to stop
 *
 * For thread functions whose chunks may take long: those whose indices may become
 * much more expensive from one to the next.  max_chunk bounds how many a chunk
 * has, this how long it goes on when the job is ending: there was an error in
 * another thread, or a fatal signal to the main thread of a killable job.  It
 * also tells a helper to give its chunk back: when its CPU was isolated or taken
 * from the main thread, when an administrator wants fewer helpers, or when the
 * main thread has become one that has none (see padata_do_multithreaded()).
 *
 * A thread function that gets an error from here undoes what it did of its
 * chunk, as after any error, and returns this error.  It may also go on and
 * complete the chunk.  The main thread runs a chunk that was given back; so its
 * indices are passed to the thread function once more, later than those behind.
 *
 * Context: A thread function, in the task that called it.  Any context in which
 *          that may take a raw spinlock.  Does not sleep.  Costs tens of
 *          nanoseconds, so ask about once in a microsecond or less often.
 * Return: 0 to go on.
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
	/* The command line comes before there is anybody to send. */
	if (pool.ready)
		padata_mt_seek_helpers(UINT_MAX);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_set_max_helpers);

/* Workers that were idle for longer end now. */
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

/* Comes after workqueue_init() and before the first jobs. */
static int __init padata_mt_init(void)
{
	pool.ready = true;
	return 0;
}
early_initcall(padata_mt_init);

/* Comes after clocksource_done_booting(). */
static int __init padata_mt_init_late(void)
{
	WRITE_ONCE(pool.late, true);
	return 0;
}
fs_initcall_sync(padata_mt_init_late);
