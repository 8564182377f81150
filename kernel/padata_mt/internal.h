/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * internal.h - what the files of multithreaded padata jobs share
 *
 * Each file calls only functions of files above it in this list:
 *
 *  debug.c	race windows
 *  straggler.c	waiting for helpers, and lifting them
 *  context.c	in whose name helpers work
 *  progress.c	chunks: calls, errors, holders, undo
 *  cpus.c	the CPUs of helpers
 *  pool.c	workers, and the runs that lack them
 *  helper.c	a helper's part in a run
 *  manager.c	the creation and the end of workers
 *  calls.c	calls in progress: how they nest, and when to stop
 *  start.c	the main thread alone, and the creation of a run
 *  job.c	the main thread
 *  params.c	padata_mt.max_helpers
 *
 * These headers have inline functions that several of the files use:
 *
 *  chunk.h	taking a chunk, and calling the thread function
 *  estimate.h	the length of chunks, and the number of helpers
 *  limits.h	how many helpers there may be, and for which callers
 *  lockdep.h	the maps of call sites
 */

#ifndef _KERNEL_PADATA_MT_INTERNAL_H
#define _KERNEL_PADATA_MT_INTERNAL_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/padata_mt.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "kunit.h"

/**
 * DOC: Locks of multithreaded jobs
 *
 * padata_mt_pool.lock, run->lock and the locks of padata_mt_calls do not nest
 * in each other.  The scheduler's locks nest in run->lock.  All of these are
 * raw spinlocks that are held for a bounded time: helpers at nice 19 take them
 * as well, and on PREEMPT_RT the holder of a spinlock_t can be preempted.  None
 * of them is taken in interrupts.
 */

/* How many helpers a thread sends before its own first chunk */
#define PADATA_MT_FANOUT	3

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
 * struct padata_mt_progress - the progress of a job
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
 * @lifted: The main thread waits and has lent its priority to this thread.
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
 * @job: A copy of the job, because the caller's may be gone when a helper
 *       starts.
 * @map: The lockdep map of the call site.
 * @depth: The number of chunks that this job is nested in.
 * @pflags: The allocation scope of the main thread.
 * @memcg: The memory cgroup that the main thread charges.
 * @id: A unique number.
 * @main: The main thread.
 * @bound: Helpers are limited to the CPUs that @main may use.
 * @unhelped: @main has a scheduling policy, or a CPU group, that gets no
 *            helpers.
 * @outer: The run that this job is nested in.
 * @nice: The nice value of helpers.
 * @slice: The initial value of padata_mt_thread.slice, adapted by @main.
 * @end: The end of the job.
 * @max_threads: The largest number of threads, and the size of @failed.
 * @cpus: The CPUs for helpers when the run was created.
 * @pending: Entry in padata_mt_pool.pending while helpers are missing.
 *           padata_mt_pool.lock protects this member and all members down to
 *           @free.
 * @sent: Workers that are assigned to this run and have not yet started.
 * @limit: The maximum number of helpers.  It only decreases.
 * @threads: The main thread plus the helpers that were sent or are missing.
 * @missing: The number of helpers to send.
 * @cpu: The CPU of the last helper that was sent, initially that of the main
 *       thread.
 * @nid: The node of @cpu if the job is numa_aware, otherwise that of the
 *       initial @cpu.
 * @free: The CPUs that may still get a helper.
 * @next: The first index that no thread has taken; @end once the run is closed.
 * @lock: Protects all members below.
 * @waiting: The main thread waits until @holders is empty.
 * @lift_prio: The priority that a straggler gets.
 * @holders: The helpers that may hold a chunk.
 * @progress: The progress of threads that are done, and where the run was
 *            closed.
 * @over_high: What helpers that are done owe for exceeding memory.high, in pages.
 * @failed: The chunks that failed or were given back.
 */
struct padata_mt_run {
	refcount_t			ref;
	struct padata_mt_job		job;
	struct lockdep_map		*map;
	unsigned int			depth;
	unsigned int			pflags;
	struct mem_cgroup		*memcg;
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
	unsigned int			over_high;
	struct padata_mt_range		failed[] __counted_by(max_threads);
};

/**
 * struct padata_mt_worker - a kernel thread that can help a run
 * @thread: The worker's part in @run.
 * @run: The run that it helps, NULL while it is idle.  Protected by
 *       padata_mt_pool.lock.
 * @helping: The worker is counted in padata_mt_pool.helping.
 * @placing: Some thread is setting this worker's CPU mask and nice value.
 *           Protected by padata_mt_pool.lock.
 * @crowded: How many times in a row it found too many threads.
 * @pflags: The allocation scope of the worker before it helped @run.
 * @runtime: The CPU time of the worker at the end of its last chunk.
 * @funds: The runtime that it has taken from the groups of the outermost main
 *         thread and not used, in nanoseconds.  Negative if it has used more.
 * @node: Entry in padata_mt_pool.idle or padata_mt_run.sent.
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
	unsigned int		pflags;
	u64			runtime;
	s64			funds;
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
 * @no_memory: There was no memory for a run.
 * @helpers: The initial number of helpers.
 * @began: The start time, in nanoseconds.
 * @waited: How long the main thread waited for stragglers, if that is traced.
 * @progress: The progress of the main thread while it is alone, then that of
 *            all threads.
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
	bool				no_memory;
	unsigned int			helpers;
	u64				began;
	u64				waited;
	struct padata_mt_progress	progress;
	struct padata_mt_range		failed;
	struct padata_mt_run		*run;
};

/**
 * struct padata_mt_pool - all workers, and the runs that lack helpers
 * @lock: Protects counts and lists.
 * @idle: Idle workers, the most recently used one first.  Recalled ones are at
 *        the end.
 * @pending: Runs that lack helpers.
 * @missing: The total number of helpers that the pending runs lack.
 * @workers: The number of workers.
 * @helping: The number of workers that are assigned or helping.
 * @callers: The number of jobs in progress, not counting nested jobs.
 * @ready: Workqueues can run work items.
 * @late: ktime_get() is precise.
 * @manager: Creates and ends workers.
 */
struct padata_mt_pool {
	raw_spinlock_t		lock;
	struct list_head	idle;
	struct list_head	pending;
	unsigned int		missing;
	unsigned int		workers;
	unsigned int		helping;
	atomic_t		callers;
	bool			ready;
	bool			late;
	struct delayed_work	manager;
};

extern struct padata_mt_pool padata_mt_pool;
extern unsigned int padata_mt_max_helpers;
extern atomic_long_t padata_mt_no_memory;

/* debug.c */
#if IS_ENABLED(CONFIG_KUNIT) || IS_ENABLED(CONFIG_PADATA_MT_DEBUG)
void padata_mt_window(void);
#else
static inline void padata_mt_window(void)
{
}
#endif

/* straggler.c */
void padata_mt_lift_one(struct padata_mt_run *run);
void padata_mt_wait(struct padata_mt_run *run, struct padata_mt_worker *self);

/* context.c */
u64 padata_mt_spare_runtime(const struct padata_mt_run *run);
bool padata_mt_fund(struct padata_mt_worker *self, u64 ns);
void padata_mt_borrow_mems(const struct padata_mt_run *run);
void padata_mt_borrow(struct padata_mt_worker *self);
void padata_mt_settle(struct padata_mt_worker *self);
void padata_mt_return(struct padata_mt_worker *self);
void padata_mt_charge_time(struct padata_mt_worker *self);
void padata_mt_take_over_high(struct padata_mt_run *run,
			      const struct padata_mt_worker *self);

/* progress.c */
void padata_mt_put_run(struct padata_mt_run *run);
void padata_mt_note_error(struct padata_mt_progress *p, int err,
			  struct padata_mt_range *failed,
			  const struct padata_mt_range *chunk);
int padata_mt_call_timed(const struct padata_mt_job *job,
			 const struct padata_mt_range *chunk, u64 *ns);
int padata_mt_call_tracked(struct padata_mt_run *run,
			   struct padata_mt_thread *t);
bool padata_mt_join(struct padata_mt_run *run, struct padata_mt_thread *t);
void padata_mt_finish(struct padata_mt_run *run, struct padata_mt_thread *t,
		      int err);
void padata_mt_quit(struct padata_mt_run *run, struct padata_mt_thread *t,
		    int err);
void padata_mt_undo(const struct padata_mt_job *job,
		    const struct padata_mt_progress *p,
		    struct padata_mt_range *failed);

/* cpus.c */
void padata_mt_copy_housekeeping(struct cpumask *cpus);
bool padata_mt_is_allowed(const struct padata_mt_run *run,
			  const struct cpumask *cpus);
void padata_mt_and_allowed(const struct padata_mt_run *run,
			   struct cpumask *cpus);
const struct cpumask *padata_mt_own_cpus(void);
void padata_mt_find_cpus(struct padata_mt_run *run);
void padata_mt_choose_cpu(struct padata_mt_worker *worker,
			  struct padata_mt_run *run);
void padata_mt_place(struct padata_mt_worker *worker,
		     struct padata_mt_run *run);

/* pool.c */
void padata_mt_depart(struct padata_mt_worker *worker);
void padata_mt_leave(struct padata_mt_run *run);
void padata_mt_add_missing(struct padata_mt_run *run, unsigned int more);
void padata_mt_dismiss(struct padata_mt_run *run);
bool padata_mt_lacks_workers(void);
void padata_mt_seek_helpers(unsigned int max);
bool padata_mt_find_run(struct padata_mt_worker *worker);

/* helper.c */
bool padata_mt_must_leave(const struct padata_mt_worker *self);
struct padata_mt_worker *padata_mt_self(void);
int padata_mt_work(void *worker);

/* calls.c */
struct padata_mt_run *padata_mt_present_run(void);
void padata_mt_enter(struct padata_mt_ctx *ctx);
void padata_mt_exit(struct padata_mt_ctx *ctx);

/* start.c */
u64 padata_mt_clock(bool late);
void padata_mt_begin(struct padata_mt_ctx *ctx);

#endif /* _KERNEL_PADATA_MT_INTERNAL_H */
