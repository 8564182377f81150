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
 *  - idle: on pool.idle, asleep until worker->run is set, or about to be.
 *  - taken: off that list, counted in pool.helping.  The one who took it gives
 *    it its CPUs and its nice value before he tells it the run: he sets
 *    worker->run and wakes it.  The release of worker->run pairs with the acquire
 *    in padata_mt_come().
 *  - helping: works on worker->run until that is closed, or until it is
 *    surplus because there are fewer CPUs or a lower max_helpers than before.
 *    Then it takes itself for a run on pool.pending, or becomes idle.
 *
 * A worker that was told a run, but has not yet come to run, is in run->sent.
 * Where its CPUs are busy it may be there for long: so the main thread recalls
 * such workers once the run is closed.  They are idle again then.
 *
 * A run that could not get all helpers it wants is on pool.pending until it has
 * them, a helper finds it closed, or its main thread takes it off, which it does
 * before it drops its reference.  It is sent a helper for each of its CPUs at
 * most, and never a second one: so padata_mt_run.failed has room for all.
 *
 * *How many helpers* is a question of what is left to do: one for each
 * PADATA_MT_WORTH_NS.  The main thread asks it again after each chunk of its
 * own, for the first indices of a job may be the cheap ones.  In the same way
 * each thread adapts the length of its chunks to PADATA_MT_SLICE_NS.  Helpers
 * that left because they were surplus are not replaced in this job.
 *
 * *Stragglers.*  After boot helpers have the lowest priority, and one that holds
 * the last chunk may be kept from running by others.  The main thread that waits
 * lifts one such helper to its own nice value; when that one is done it lifts
 * the next.  A helper is lifted under run->lock while it holds a chunk, and puts
 * its nice value back after it gave up that chunk, thus after it was lifted.  The
 * one who waits looks from time to time whether his own priority has become
 * better, to pass that on: he may be a helper himself, of a job that this one is
 * nested in, and be waited for.
 *
 * *Lockdep.*  A helper holds the lockdep map of its call site while it runs the
 * thread function, and the main thread takes and releases it before it begins,
 * as flush_work() does.  Calls that nest use the map's subclasses, by how many
 * helpers they are nested in: one that holds a map at some depth only takes maps
 * that are deeper, so call sites may nest in each other in any order.  So do
 * calls from a scope of memory allocations, because reclaim may call what others
 * call from outside, and allocate memory there.
 *
 * *Locks.*  pool.lock and run->lock do not nest.  Both are raw and held for a
 * bounded time because helpers of lowest priority take them as well, also where
 * a spinlock_t can be preempted.  Neither is taken in interrupts.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/export.h>
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
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
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

/* How often a main thread that waits looks whether it was lifted, in jiffies. */
#define PADATA_MT_RELIFT	DIV_ROUND_UP(HZ, 50)

/* Nested jobs that lockdep can tell from each other, in a scope and outside */
#define PADATA_MT_LOCKDEP_DEPTH	(MAX_LOCKDEP_SUBCLASSES / 2)

#define PADATA_MT_IDLE		(60 * HZ)

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
 * @nr_failed: Chunks that failed.
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
 * @lifted: It has the nice value of the main thread, which waits for it.
 */
struct padata_mt_thread {
	struct task_struct	*task;
	struct list_head	node;
	struct padata_mt_range	chunk;
	unsigned long		chunks;
	u64			ns;
	unsigned long		slice;
	bool			lifted;
};

/**
 * struct padata_mt_run - a job that may have helpers
 * @ref: One for the main thread and each helper.
 * @job: A copy, because the caller's is gone when a late helper comes.
 * @map: The call site's, for lockdep.
 * @depth: Of helpers whose chunks this job is nested in.
 * @pflags: The main thread's allocation scope.
 * @nice: Of the helpers.
 * @slice: What threads begin with as padata_mt_thread.slice.
 * @end: Of the job.
 * @max_threads: Threads this job can have at all, and room in @failed.
 * @idle: There is no holder any more, and there will be none.
 * @cpus: Where helpers may run.
 * @pending: In pool.pending while helpers are missing.  This and all down to
 *           @free is protected by pool.lock.
 * @sent: Workers that were told this run and have not yet come.
 * @threads: The main thread, and helpers sent or missing.
 * @missing: Helpers to send.
 * @cpu: Where the last helper was sent, at first where the main thread was.
 * @nid: The node of @cpu.
 * @free: CPUs to which no helper was sent.
 * @next: First index that was not handed out, or @end once the run is closed.
 * @lock: Protects all below.
 * @waiting: The main thread waits for @idle.
 * @lift_nice: Of a helper that is waited for, the main thread's by then.
 * @holders: Helpers that take chunks.
 * @progress: Of the threads that are done, and where the run was closed.
 * @failed: The chunks that failed.
 */
struct padata_mt_run {
	refcount_t			ref;
	struct padata_mt_job		job;
	struct lockdep_map		*map;
	unsigned int			depth;
	unsigned int			pflags;
	int				nice;
	unsigned long			slice;
	unsigned long			end;
	unsigned int			max_threads;
	struct completion		idle;
	struct cpumask			cpus;

	struct list_head		pending;
	struct list_head		sent;
	unsigned int			threads;
	unsigned int			missing;
	int				cpu;
	int				nid;
	struct cpumask			free;

	atomic_long_t			next ____cacheline_aligned_in_smp;

	raw_spinlock_t			lock ____cacheline_aligned_in_smp;
	bool				waiting;
	int				lift_nice;
	struct list_head		holders;
	struct padata_mt_progress	progress;
	struct padata_mt_range		failed[] __counted_by(max_threads);
};

/**
 * struct padata_mt_worker - a kernel thread that helps
 * @thread: Its part in @run.
 * @run: What it works on, set last by the one who took it.
 * @helping: It is counted in pool.helping.
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
	struct list_head	node;
	unsigned long		idle_since;
	int			cpu;
	int			nid;
	struct cpumask		cpus;
};

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

VISIBLE_IF_KUNIT unsigned int padata_mt_max_helpers __read_mostly = INT_MAX;
EXPORT_SYMBOL_IF_KUNIT(padata_mt_max_helpers);

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
	if (!p->err)
		p->err = err;
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

/* Runs: main thread and helpers at work */

static void padata_mt_put_run(struct padata_mt_run *run)
{
	if (refcount_dec_and_test(&run->ref))
		kfree(run);
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
	return min(left / PADATA_MT_SHARE / READ_ONCE(run->threads), t->slice);
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

static void padata_mt_lift_one(struct padata_mt_run *run)
{
	struct padata_mt_thread *t;

	t = list_first_entry_or_null(&run->holders, typeof(*t), node);
	if (!t || run->lift_nice >= run->nice)
		return;

	t->lifted = true;
	set_user_nice(t->task, run->lift_nice);
}

/* The first chunk of a helper, and that it is a holder, are one transition. */
static bool padata_mt_join(struct padata_mt_run *run,
			   struct padata_mt_thread *t)
{
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

	if (err)
		padata_mt_fail(run, t, err);
	run->progress.chunks += t->chunks;
	run->progress.threads += !!t->chunks;
}

static void padata_mt_quit(struct padata_mt_run *run,
			   struct padata_mt_thread *t, int err)
{
	guard(raw_spinlock)(&run->lock);

	padata_mt_finish(run, t, err);
	list_del_init(&t->node);
	if (!run->waiting)
		return;
	if (list_empty(&run->holders))
		complete(&run->idle);
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

static int padata_mt_lift_nice(void)
{
	if (rt_or_dl_task(current))
		return 0;

	return current->policy == SCHED_IDLE ? MAX_NICE : task_nice(current);
}

/* The main thread may have been lifted itself while it waits. */
static void padata_mt_relift(struct padata_mt_run *run)
{
	int nice = padata_mt_lift_nice();

	guard(raw_spinlock)(&run->lock);

	if (nice >= run->lift_nice)
		return;
	run->lift_nice = nice;
	padata_mt_lift_one(run);
}

/* Waits for the helpers that hold a chunk; the run is closed, so no other will. */
static void padata_mt_wait(struct padata_mt_run *run)
{
	scoped_guard(raw_spinlock, &run->lock) {
		if (list_empty(&run->holders))
			return;
		run->waiting = true;
		run->lift_nice = padata_mt_lift_nice();
		padata_mt_lift_one(run);
	}

	while (!wait_for_completion_timeout(&run->idle, PADATA_MT_RELIFT))
		padata_mt_relift(run);
}

/* Where nobody is disturbed, at this moment */
static void padata_mt_copy_housekeeping(struct cpumask *cpus)
{
	guard(rcu)();
	cpumask_copy(cpus, housekeeping_cpumask(HK_TYPE_DOMAIN));
}

static bool padata_mt_uses_all_cpus(const struct padata_mt_job *job)
{
	return job->boot_all_cpus && system_state < SYSTEM_RUNNING;
}

/* Isolation may have changed since the helper was sent. */
static void padata_mt_heed_isolation(struct cpumask *cpus)
{
	scoped_guard(rcu) {
		const struct cpumask *allowed;

		allowed = housekeeping_cpumask(HK_TYPE_DOMAIN);
		if (cpumask_subset(cpus, allowed))
			return;
		cpumask_and(cpus, cpus, allowed);
	}

	/* If this fails, no CPU is left. */
	set_cpus_allowed_ptr(current, cpus);
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

/* CPUs went, or an administrator wants fewer helpers. */
static bool padata_mt_is_surplus(struct padata_mt_worker *worker)
{
	if (READ_ONCE(pool.helping) <= padata_mt_limit(1))
		return false;

	guard(raw_spinlock)(&pool.lock);
	if (pool.helping <= padata_mt_limit(1))
		return false;
	padata_mt_release(worker);

	return true;
}

/*
 * A helper whose CPUs were gone when it was to be placed, or went later, has
 * other ones, of its last run or the scheduler's choice.  These need not be
 * where the job may run, even if the CPU of this moment is.
 */
static bool padata_mt_may_stay(struct padata_mt_worker *worker)
{
	if (padata_mt_is_surplus(worker))
		return false;
	if (!padata_mt_uses_all_cpus(&worker->run->job))
		padata_mt_heed_isolation(&worker->cpus);

	return cpumask_subset(current->cpus_ptr, &worker->cpus);
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

static int padata_mt_call_in_helper(struct padata_mt_run *run,
				    struct padata_mt_thread *t)
{
	int err;

	padata_mt_map_acquire(run->map, run->depth, run->pflags);
	err = padata_mt_call_shared(run, t);
	padata_mt_map_release(run->map, run->depth);
	padata_mt_check_leak(&run->job);

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
	do {
		err = padata_mt_call_in_helper(run, t);
	} while (!err && padata_mt_may_stay(worker) && padata_mt_take(run, t));
	padata_mt_quit(run, t, err);
}

static void padata_mt_help(struct padata_mt_worker *worker)
{
	struct padata_mt_thread *t = &worker->thread;
	struct padata_mt_run *run = worker->run;
	unsigned int pflags = memalloc_flags_save(run->pflags);

	t->slice = run->slice;
	t->chunks = 0;
	padata_mt_take_part(worker);

	memalloc_flags_restore(pflags);
	if (t->lifted)
		set_user_nice(current, run->nice);
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
	refcount_inc(&run->ref);
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

	list_move(&worker->node, &run->sent);
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
	if (worker->nid != NUMA_NO_NODE)
		cpumask_and(&worker->cpus, &worker->cpus,
			    cpumask_of_node(worker->nid));

	/* Fails when these CPUs went offline; the helper will notice. */
	set_cpus_allowed_ptr(task, &worker->cpus);
	set_user_nice(task, run->nice);
	if (task != current)
		WRITE_ONCE(task->wake_cpu, worker->cpu);
}

/* Sends @max helpers at most, for the caller has something else to do. */
static void padata_mt_send_helpers(unsigned int max)
{
	struct padata_mt_worker *worker;
	struct padata_mt_run *run;
	struct task_struct *task;

	while (max-- && (worker = padata_mt_match(&run))) {
		padata_mt_place(worker, run);
		/* Once it has a run, it may help, be idle and end meanwhile. */
		task = get_task_struct(worker->thread.task);
		/* Pairs with the acquire in padata_mt_come(). */
		smp_store_release(&worker->run, run);
		wake_up_process(task);
		put_task_struct(task);
	}
}

/*
 * A worker that is still being placed is left to itself.  Returns how many are
 * idle now.
 */
static unsigned int padata_mt_recall(struct padata_mt_run *run)
{
	struct padata_mt_worker *worker, *next;
	unsigned int recalled = 0;

	lockdep_assert_held(&pool.lock);

	list_for_each_entry_safe(worker, next, &run->sent, node) {
		if (!READ_ONCE(worker->run))
			continue;
		WRITE_ONCE(worker->run, NULL);
		padata_mt_release(worker);
		/* Last, because it may not be asleep. */
		list_move_tail(&worker->node, &pool.idle);
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

/* Comes to its run, unless it was recalled meanwhile. */
static bool padata_mt_come(struct padata_mt_worker *worker)
{
	guard(raw_spinlock)(&pool.lock);

	/* Pairs with the release in padata_mt_send_helpers(). */
	if (!smp_load_acquire(&worker->run))
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

	if (!run)
		return padata_mt_wait_for_run(worker);

	padata_mt_place(worker, run);
	WRITE_ONCE(worker->run, run);

	return true;
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
			pool.workers++;
		wake_up_process(worker->thread.task);
	}
}

static struct padata_mt_worker *padata_mt_take_unused(void)
{
	struct padata_mt_worker *worker;

	guard(raw_spinlock)(&pool.lock);

	list_for_each_entry_reverse(worker, &pool.idle, node) {
		if (time_before(jiffies, worker->idle_since + PADATA_MT_IDLE))
			continue;
		list_del_init(&worker->node);
		pool.workers--;
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
				   PADATA_MT_IDLE);
}

/* The main thread's part */

/**
 * struct padata_mt_ctx - a call of padata_do_multithreaded()
 * @job: The caller's job.
 * @map: The call site's, for lockdep.
 * @depth: Of helpers whose chunks this call is made in.
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
	bool				late;
	bool				alone;
	unsigned int			helpers;
	u64				began;
	u64				waited;
	struct padata_mt_progress	progress;
	struct padata_mt_range		failed;
	struct padata_mt_run		*run;
};

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
					       current->cpus_ptr;
}

/* Where helpers may run */
static void padata_mt_find_cpus(struct padata_mt_run *run)
{
	cpumask_and(&run->cpus, padata_mt_own_cpus(), cpu_online_mask);
	if (padata_mt_uses_all_cpus(&run->job))
		return;

	guard(rcu)();
	cpumask_and(&run->cpus, &run->cpus,
		    housekeeping_cpumask(HK_TYPE_DOMAIN));
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

	limit = min(limit, cpumask_weight(padata_mt_own_cpus()));
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
	raw_spin_lock_init(&run->lock);
	init_completion(&run->idle);
	INIT_LIST_HEAD(&run->pending);
	INIT_LIST_HEAD(&run->sent);
	INIT_LIST_HEAD(&run->holders);

	return run;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_alloc_run);

static void padata_mt_describe(struct padata_mt_run *run,
			       const struct padata_mt_ctx *ctx,
			       unsigned long slice)
{
	run->job = *ctx->job;
	run->map = ctx->map;
	run->depth = ctx->depth;
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

	if (ctx->alone || !pool.ready)
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

	ctx->progress.threads = 1;
	if (trace_padata_mt_chunk_enabled())
		return padata_mt_call_timed(ctx->job, chunk, &ns);

	return padata_mt_call(ctx->job, chunk);
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
static unsigned long padata_mt_want_alone(unsigned long len, u64 ns,
					  u64 elapsed)
{
	u64 target = elapsed < PADATA_MT_PROBE_NS ? PADATA_MT_PROBE_NS :
						    PADATA_MT_SLICE_NS;

	return min(padata_mt_grow(len), padata_mt_in(target, len, ns));
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
		want = padata_mt_want_alone(len, ns, elapsed);
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
	padata_mt_seek_helpers(more);
}

/* Asks for more helpers if what is left turns out to be worth them. */
static void padata_mt_want_more(struct padata_mt_run *run,
				const struct padata_mt_thread *t)
{
	unsigned long left = run->end - atomic_long_read(&run->next);
	unsigned int limit = run->max_threads - 1, worth;

	/* Only this thread changes how many there are to be. */
	if (run->threads > limit)
		return;

	limit = min(limit, padata_mt_shares(&run->job, left));
	worth = padata_mt_worthwhile(padata_mt_scale(t->ns, left, t->chunk.len),
				     limit);
	if (worth >= run->threads)
		padata_mt_add_missing(run, worth + 1 - run->threads);
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
		err = padata_mt_call_shared(run, &t);
		if (!err)
			padata_mt_want_more(run, &t);
	} while (!err);

	/* The last chunk was completed nevertheless. */
	if (killed) {
		t.chunk.len = 0;
		err = -EINTR;
	}
	scoped_guard(raw_spinlock, &run->lock)
		padata_mt_finish(run, &t, err);
}

/* Works on the job together with helpers until it is closed and none is left. */
static void padata_mt_share(struct padata_mt_ctx *ctx)
{
	struct padata_mt_run *run = ctx->run;
	unsigned int recalled;

	padata_mt_add_missing(run, ctx->helpers);
	padata_mt_lead(run, ctx->progress.chunks);

	scoped_guard(raw_spinlock, &pool.lock) {
		padata_mt_unlist(run);
		recalled = padata_mt_recall(run);
	}
	if (recalled && READ_ONCE(pool.missing))
		padata_mt_seek_helpers(recalled);
	if (trace_padata_mt_job_end_enabled())
		ctx->waited = padata_mt_elapsed(ctx);
	padata_mt_wait(run);
	if (ctx->waited)
		ctx->waited = padata_mt_since(ctx->waited,
					      padata_mt_elapsed(ctx));

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

/* How many helpers wait for this task, one for another. */
static unsigned int padata_mt_depth(void)
{
	struct padata_mt_worker *worker;

	if (!(current->flags & PF_KTHREAD) ||
	    kthread_func(current) != padata_mt_work)
		return 0;
	worker = kthread_data(current);

	return worker->run->depth + 1;
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
		.depth = padata_mt_depth(),
		.late = READ_ONCE(pool.late),
	};

	if (!padata_mt_is_valid(job))
		return -EINVAL;

	might_sleep();
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

	return ctx.progress.err;
}
EXPORT_SYMBOL_GPL(padata_mt_do_job);

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
