// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): the mode of each CPU, and work done for others
 *
 * Idea and names: Leonardo Bras and Marcelo Tosatti,
 * https://lore.kernel.org/linux-mm/20260323175544.807534301@redhat.com/
 */

/**
 * DOC: How it works
 *
 * **The invariant.**  Whoever may be inside a section of a CPU's lock at the
 * same time as others has taken the lock's word by compare and exchange; and
 * the word is non-zero, for everybody who could meet it, as long as a section
 * lasts.  In detail, without PREEMPT_RT:
 *
 * - *Local mode.*  Only the CPU enters sections of its locks, with preemption
 *   off.  What can interleave is an interrupt or NMI on that CPU, which nests.
 *   It may only try locks that are not irqsave, and meets the word that a plain
 *   store has set.
 * - *Remote mode and leaving.*  The CPU and one that drains it may both want to
 *   enter.  Both use cmpxchg.  The CPU waits with preemption disabled, possibly
 *   with interrupts disabled.  The drainer holds the lock with interrupts
 *   disabled and waits for nothing meanwhile, so only a hypervisor can extend
 *   its critical section.  The drainer waits with interrupts and preemption
 *   enabled, and holds no other lock of this type.  So the CPU may do in its
 *   critical section whatever it could do before.  A drainer that must not wait
 *   tries the lock.
 *
 * What keeps the modes apart:
 *
 * - **Local to remote** happens on the CPU itself, in the stopper thread, with
 *   preemption off.  So none of its sections is in flight: a task's would have
 *   had to be preempted, an interrupt's has ended.  (An IPI would not do, as it
 *   can interrupt a section.)  The mode is published with release; a drainer
 *   reads it with acquire, and thereby sees all that the CPU did in sections of
 *   local mode, plain stores to the lock's word included.
 * - **Remote to leaving to local.**  A drainer reads the mode and drains inside
 *   one SRCU section, and begins only in remote mode.  After leaving has been
 *   written, synchronize_srcu() waits for those that did not see it.  Then the
 *   stopper thread goes to local mode on the CPU.  What drainers wrote happened
 *   before synchronize_srcu() returned, so before the CPU's first section in
 *   local mode.  The CPU itself locks alike in remote mode and in leaving, and
 *   so anybody may write leaving at any time.
 * - **Offline CPUs.**  Their mode is written under the CPU hotplug lock, so not
 *   while they come or go: it is there before their first instruction, and the
 *   same from teardown until the last callback for the dead CPU has run.  Such
 *   callbacks may find a drainer at it that began earlier.  So locking the
 *   lock of an offline CPU uses compare and exchange in any mode.
 *
 * Thus a section begins and ends in the same mode, and unlocking need not ask
 * for it: it stores zero with release in any mode.
 *
 * On PREEMPT_RT the lock is what local_lock() is there, a spinlock that sleeps.
 * The CPU may take it and others may, in any mode; the mode only says who does
 * the work.  There a drainer could be kept waiting by an owner that has been
 * preempted by some real-time task, and lend the owner no priority because it
 * has none.  So work for a CPU in remote mode is done by a thread with a
 * real-time priority, on behalf of its caller.  A real-time task of the same or
 * a higher priority can still keep the owner from leaving its section, and then
 * nobody can drain its CPU; each such CPU has a thread of its own, so that the
 * others are drained.
 *
 * The drainer disables preemption once it has the lock.  It cannot do so before,
 * because it may have to sleep, unless it only tries the lock.  In between a task
 * with a priority above 50, the drainer's, can preempt it.  An owner that waits
 * then lends the drainer its own priority.  So the owner waits only for tasks on
 * the drainer's CPU that outrank both the drainer and the owner, and for the few
 * instructions of the drainer's critical section.
 *
 * **The gate**, on PREEMPT_RT.  A drainer that waits for a lock is queued there
 * and lends its priority to the owner: it holds the lock's wait_lock and takes
 * the owner's pi_lock and runqueue lock.  The owner's release then takes
 * wait_lock and wakes up the drainer.  An owner that itself holds a runqueue
 * lock, or any lock that a wake-up takes, would deadlock.  Such a caller cannot
 * be preempted, and enters the gate with qpw_nolock_begin().  The invariant:
 * *while a CPU is inside the gate, no drainer is queued at a lock of that CPU.*
 *
 * - The CPU counts itself into qpw_gate.nolock and then reads
 *   qpw_gate.drainers.  If that is not zero, it leaves and tries no lock.
 * - The drainer counts itself into qpw_gate.drainers, then waits until nolock is
 *   zero, and only then takes the lock.  It counts itself out after its release.
 *
 * The two full barriers pair: either the CPU sees the drainer, or the drainer
 * sees the CPU.  The CPU's sections are short and cannot be preempted, so the
 * drainer spins; a CPU that comes later sees the drainer, so the drainer spins
 * for one section at most.  A CPU in local mode has no drainer and skips the
 * gate.  A CPU that is not preemptible does not enter or leave local mode, so it
 * leaves the gate if and only if it has entered it.
 *
 * A task of the CPU can wait for a lock, too: for another task of the CPU, or for
 * a drainer.  It does not run while the CPU is inside the gate, but it can be a
 * waiter before: woken up by the release, it takes the lock only once it runs.
 * So inside the gate local_qpw_trylock() fails if the lock has a waiter.  A CPU
 * in local mode has what PREEMPT_RT has without QPW.
 *
 * **Work** remembers its CPU, but workqueues do not keep it there: when a CPU
 * goes offline, its workers go on elsewhere while it still executes.  So a
 * work function is entered with migration disabled, and only on its CPU, or in
 * an SRCU section as any other drainer.  Otherwise it is dropped: the CPU is on
 * its way out, and callbacks for the dead CPU will drain it.  The worker
 * writes to the work which of the two it does, before it calls the function, and
 * a flush reads that after the work is over.
 *
 * Work is set up as a work item and flushed as one in any mode.  If it has run
 * at once there is nothing to flush, whatever the CPU's mode is by then.
 *
 * **Barriers.**
 *
 * - The release in qpw_publish_mode() pairs with the acquire in qpw_mode_of().
 * - The release in qpw_clear() pairs with the acquire in qpw_try_spin().
 * - The full barrier in qpw_enter_gate() pairs with that in
 *   qpw_announce_drainer(), the release in qpw_leave_gate() with the acquire
 *   in qpw_announce_drainer(), and the release in qpw_retract_drainer() with the
 *   acquire in qpw_enter_gate().
 * - The store of QPW_LEAVING is ordered before the wait by the barriers of
 *   synchronize_srcu(), and they pair with those of srcu_read_lock().
 *
 * **Room to leave: an owner without an atomic operation.**  Not built.  On
 * kmalloc() and kfree() it would save the two locked operations that a CPU in
 * remote mode executes and others do not, and leave it the test of a flag.
 *
 * Drainers would claim CPUs before they take their locks: set a flag of each,
 * wait for one grace period of RCU for all of them, drain, and clear the flags
 * once nobody drains any more.  The owner reads its flag with preemption off,
 * and with acquire.  Where it is clear it does what it does in local mode; where
 * it is set, compare and exchange.
 *
 * The invariant would be: *a drainer takes a lock only if every section of its
 * CPU that found the flag clear has ended.*  Such a section is a reader of RCU,
 * so the grace period sees to it.  A section that found the flag set excludes
 * drainers by the word, also if the flag is cleared before it ends; and an
 * interrupt in it, which finds the flag clear, meets the word.  Clearing the
 * flag with release hands what was drained to the owner's next section.
 *
 * What it needs is here: unlocking goes neither by mode nor by flag, and users
 * do not rely on work having been done before flush_percpu_work(), so that one
 * grace period can serve many CPUs.  What it costs is that grace period in each
 * drain: an idle CPU, and one that is nohz_full and in user space, do not notice
 * it, but one that stays in the kernel for long gets an interrupt from RCU, and
 * the caller waits for milliseconds rather than for some hundred instructions.
 * PREEMPT_RT, where sections can be preempted, would keep its lock.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/qpw.h>
#include <linux/sched/clock.h>
#include <linux/sched/isolation.h>
#include <linux/seq_file.h>
#include <linux/srcu.h>
#include <linux/stop_machine.h>
#include <kunit/visibility.h>

#define CREATE_TRACE_POINTS
#include <trace/events/qpw.h>

DEFINE_STATIC_KEY_FALSE(qpw_possible);
EXPORT_SYMBOL_GPL(qpw_possible);

DEFINE_PER_CPU_READ_MOSTLY(int, qpw_mode) = QPW_LOCAL;
EXPORT_PER_CPU_SYMBOL_GPL(qpw_mode);

/* Held while work is done for a CPU in remote mode */
DEFINE_STATIC_SRCU(qpw_srcu);

/* Of changes of mode, one at a time */
static DEFINE_MUTEX(qpw_mode_lock);

/*
 * Apart from the mode, which a CPU reads all the time: others write these.
 */
struct qpw_counters {
	atomic_long_t	queued;
	atomic_long_t	remote_runs;
	atomic_long_t	remote_waits;
	atomic64_t	longest_hold;
	u64		hold_start;
};

static DEFINE_PER_CPU_ALIGNED(struct qpw_counters, qpw_counters);

DEFINE_PER_CPU(unsigned long, qpw_owner_waits);
EXPORT_PER_CPU_SYMBOL_GPL(qpw_owner_waits);

static struct qpw_counters *qpw_counters_of(int cpu)
{
	return per_cpu_ptr(&qpw_counters, cpu);
}

/**
 * qpw_read_stats - Read what happened to a CPU's caches
 * @cpu: Any possible CPU.
 * @stats: Where to store it.
 *
 * Context: Any.
 */
void qpw_read_stats(int cpu, struct qpw_stats *stats)
{
	struct qpw_counters *c = qpw_counters_of(cpu);

	stats->queued = atomic_long_read(&c->queued);
	stats->remote_runs = atomic_long_read(&c->remote_runs);
	/* Only @cpu writes it. */
	stats->owner_waits = data_race(per_cpu(qpw_owner_waits, cpu));
	stats->remote_waits = atomic_long_read(&c->remote_waits);
	stats->longest_hold = atomic64_read(&c->longest_hold);
}
EXPORT_SYMBOL_IF_KUNIT(qpw_read_stats);

#ifdef CONFIG_LOCKDEP
/* May the cache of @cpu be worked on here? */
void __qpw_check_cpu(int cpu)
{
	lockdep_assert(cpu == raw_smp_processor_id() || !cpu_online(cpu) ||
		       (qpw_mode_of(cpu) != QPW_LOCAL &&
			srcu_read_lock_held(&qpw_srcu)));
}
EXPORT_SYMBOL_GPL(__qpw_check_cpu);
#endif

#ifndef CONFIG_PREEMPT_RT

/* The answer holds as long as a section of @cpu's locks lasts, see DOC. */
static bool qpw_takes_spinlock(int cpu)
{
	return qpw_mode_of(cpu) != QPW_LOCAL || !cpu_online(cpu);
}

/* Of a CPU in local mode, which is this one */
static bool qpw_mark_local(qpw_lock_t *lock, bool tried)
{
	if (!tried)
		return true;
	if (qpw_is_locked(lock))
		return false;
	qpw_mark(lock);
	return true;
}

/* With interrupts off, which they stay if it succeeds */
static bool qpw_try_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	bool local = !qpw_takes_spinlock(cpu);

	__qpw_check_cpu(cpu);
	if (local ? !qpw_mark_local(lock, tried) : !qpw_try_spin(lock))
		return false;
	__this_cpu_write(qpw_counters.hold_start,
			 cpu == smp_processor_id() ? 0 : local_clock());
	qpw_debug_locked(lock, local);
	return true;
}

/**
 * __qpw_lock_cpu - Take a given CPU's lock
 * @lock: The lock.
 * @tried: It is a qpw_trylock_t.
 * @cpu: The CPU whose lock it is.
 *
 * lockdep learns of each attempt before its outcome is known, so it reports a
 * deadlock before the wait begins.  The attempt ends before interrupts are
 * enabled: while it waits the drainer holds nothing that an interrupt could want.
 *
 * Context: May sleep.  Returns with interrupts disabled.
 */
void __qpw_lock_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	bool waited = false;

	might_sleep();
	WARN_ON_ONCE(irqs_disabled());
	for (;;) {
		local_irq_disable();
		qpw_dep_acquire(lock);
		if (qpw_try_cpu(lock, tried, cpu))
			break;
		qpw_dep_release(lock);
		local_irq_enable();
		waited = true;
		/* cmpxchg would take the cacheline away from the owner. */
		do {
			cpu_relax();
		} while (qpw_is_locked(lock));
	}
	if (waited)
		atomic_long_inc(&qpw_counters_of(cpu)->remote_waits);
}
EXPORT_SYMBOL_GPL(__qpw_lock_cpu);

/**
 * __qpw_trylock_cpu - Take a given CPU's lock if it is free
 * @lock: The lock.
 * @tried: It is a qpw_trylock_t.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Interrupts enabled, may be atomic.  Returns with interrupts disabled
 * if the lock was taken.
 *
 * Return: true if it was.
 */
bool __qpw_trylock_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	WARN_ON_ONCE(irqs_disabled());
	local_irq_disable();
	if (!qpw_try_cpu(lock, tried, cpu)) {
		local_irq_enable();
		return false;
	}
	qpw_dep_acquire_try(lock);
	return true;
}
EXPORT_SYMBOL_GPL(__qpw_trylock_cpu);

static void qpw_note_hold(int cpu)
{
	u64 start = __this_cpu_read(qpw_counters.hold_start);
	atomic64_t *longest = &qpw_counters_of(cpu)->longest_hold;
	s64 held, old;

	if (!start)
		return;
	held = local_clock() - start;
	old = atomic64_read(longest);
	while (held > old && !atomic64_try_cmpxchg_relaxed(longest, &old, held))
		;
}

/**
 * __qpw_unlock_cpu - Release a given CPU's lock
 * @lock: The lock.
 * @cpu: Whose it is.
 *
 * Context: Interrupts are off, and stay off.
 */
void __qpw_unlock_cpu(qpw_lock_t *lock, int cpu)
{
	if (IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		qpw_debug_unlock(lock, !qpw_takes_spinlock(cpu));
	qpw_dep_release(lock);
	qpw_clear(lock);
	qpw_note_hold(cpu);
}
EXPORT_SYMBOL_GPL(__qpw_unlock_cpu);

#endif /* !CONFIG_PREEMPT_RT */

/* May this CPU be disturbed, by a thread or by the callback of a grace period? */
static bool qpw_is_housekeeper(int cpu)
{
	guard(rcu)();
	return housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN) &&
	       housekeeping_test_cpu(cpu, HK_TYPE_KERNEL_NOISE) &&
	       !__qpw_is_cpu_remote(cpu);
}

/* Do work for another CPU, if that is in remote mode. */
static bool qpw_run_remotely(struct qpw_struct *qpw)
{
	int cpu = qpw->cpu;

	guard(srcu)(&qpw_srcu);
	if (!__qpw_is_cpu_remote(cpu))
		return false;

	trace_qpw_remote_run(cpu, qpw->func);
	atomic_long_inc(&qpw_counters_of(cpu)->remote_runs);
	WRITE_ONCE(qpw->dropped, false);
	migrate_disable();
	qpw->func(qpw);
	migrate_enable();
	return true;
}

#ifdef CONFIG_PREEMPT_RT

/**
 * struct qpw_gate - excludes drainers that wait from sections that must not wake
 * @nolock: How many such sections this CPU is inside; only this CPU writes it.
 * @drainers: How many drainers wait for or hold one of this CPU's locks.
 *
 * "The gate" in the overview above explains the protocol.
 */
struct qpw_gate {
	unsigned int	nolock;
	atomic_t	drainers;
};

static DEFINE_PER_CPU_ALIGNED(struct qpw_gate, qpw_gate);

/**
 * qpw_announce_drainer - Keep a CPU from entering its gate
 * @cpu: The CPU that is going to be drained.
 *
 * Context: Task context, outside this CPU's own gate.  Spins while @cpu is inside
 * its gate.
 */
void qpw_announce_drainer(int cpu)
{
	struct qpw_gate *gate = per_cpu_ptr(&qpw_gate, cpu);

	atomic_inc(&gate->drainers);
	/* Pairs with the barrier in qpw_enter_gate(). */
	smp_mb__after_atomic();
	/* Pairs with the release in qpw_leave_gate(). */
	smp_cond_load_acquire(&gate->nolock, !VAL);
}
EXPORT_SYMBOL_GPL(qpw_announce_drainer);

/**
 * qpw_retract_drainer - Let a CPU enter its gate again
 * @cpu: As for qpw_announce_drainer().
 *
 * Context: Any.  The drainer is not queued at a lock of @cpu.
 */
void qpw_retract_drainer(int cpu)
{
	/* Pairs with the acquire in qpw_enter_gate(). */
	atomic_dec_return_release(&per_cpu_ptr(&qpw_gate, cpu)->drainers);
}
EXPORT_SYMBOL_GPL(qpw_retract_drainer);

/**
 * qpw_enter_gate - Keep drainers of this CPU from waiting for its locks
 *
 * An NMI or interrupt that comes between the load and the store of nolock leaves
 * it as it was.
 *
 * Context: Not preemptible.
 *
 * Return: false if there is a drainer; this CPU is not inside the gate then.
 */
bool qpw_enter_gate(void)
{
	struct qpw_gate *gate = this_cpu_ptr(&qpw_gate);

	WRITE_ONCE(gate->nolock, READ_ONCE(gate->nolock) + 1);
	/* Pairs with the barrier in qpw_announce_drainer(). */
	smp_mb();
	/* Pairs with the release in qpw_retract_drainer(). */
	if (likely(!atomic_read_acquire(&gate->drainers)))
		return true;
	qpw_leave_gate();
	return false;
}
EXPORT_SYMBOL_GPL(qpw_enter_gate);

/**
 * qpw_leave_gate - Let drainers of this CPU wait for its locks again
 *
 * Context: As for qpw_enter_gate().
 */
void qpw_leave_gate(void)
{
	struct qpw_gate *gate = this_cpu_ptr(&qpw_gate);

	/* Pairs with the acquire in qpw_announce_drainer(). */
	smp_store_release(&gate->nolock, READ_ONCE(gate->nolock) - 1);
}
EXPORT_SYMBOL_GPL(qpw_leave_gate);

/* One for each CPU, for an owner can keep it waiting for as long as it likes */
static DEFINE_PER_CPU(struct kthread_worker *, qpw_worker);

struct qpw_errand {
	struct kthread_work	work;
	struct qpw_struct	*qpw;
	bool			done;
};

static void qpw_errand_fn(struct kthread_work *work)
{
	struct qpw_errand *errand;

	errand = container_of(work, struct qpw_errand, work);
	/* The caller holds the same: it waits for what this takes. */
	lock_map_acquire(&errand->qpw->work.lockdep_map);
	errand->done = qpw_run_remotely(errand->qpw);
	lock_map_release(&errand->qpw->work.lockdep_map);
}

/* By a thread whose priority is worth lending to the owner of a lock */
static bool qpw_run_for_caller(struct qpw_struct *qpw)
{
	struct kthread_worker *worker = READ_ONCE(per_cpu(qpw_worker, qpw->cpu));
	struct qpw_errand errand = { .qpw = qpw };

	if (!worker || worker->task == current)
		return qpw_run_remotely(qpw);
	kthread_init_work(&errand.work, qpw_errand_fn);
	kthread_queue_work(worker, &errand.work);
	kthread_flush_work(&errand.work);
	return errand.done;
}

static int qpw_start_worker(int cpu)
{
	cpumask_var_t housekeepers __free(free_cpumask_var) = CPUMASK_VAR_NULL;
	struct kthread_worker *worker;
	int other;

	if (per_cpu(qpw_worker, cpu))
		return 0;
	if (!zalloc_cpumask_var(&housekeepers, GFP_KERNEL))
		return -ENOMEM;
	for_each_possible_cpu(other)
		if (other != cpu && qpw_is_housekeeper(other))
			cpumask_set_cpu(other, housekeepers);
	/* Not on @cpu: the thread could not run while @cpu is not preemptible. */
	if (cpumask_empty(housekeepers))
		cpumask_andnot(housekeepers, cpu_possible_mask, cpumask_of(cpu));

	worker = kthread_create_worker(0, "qpw/%d", cpu);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	kthread_affine_preferred(worker->task, housekeepers);
	sched_set_fifo(worker->task);
	wake_up_process(worker->task);
	/* Pairs with the address dependency in qpw_run_for_caller(). */
	smp_store_release(per_cpu_ptr(&qpw_worker, cpu), worker);
	return 0;
}

static int __init qpw_start_workers(void)
{
	int cpu, err = 0;

	for_each_possible_cpu(cpu)
		if (!err && __qpw_is_cpu_remote(cpu))
			err = qpw_start_worker(cpu);
	return err;
}
core_initcall(qpw_start_workers);

#else /* !CONFIG_PREEMPT_RT */

static bool qpw_run_for_caller(struct qpw_struct *qpw)
{
	return qpw_run_remotely(qpw);
}

static int qpw_start_worker(int cpu)
{
	return 0;
}

#endif /* !CONFIG_PREEMPT_RT */

/**
 * __qpw_work_fn - Do queued work
 * @work: The work item in a struct qpw_struct.
 *
 * Where this is not the work's CPU, the worker's CPU went offline.
 */
void __qpw_work_fn(struct work_struct *work)
{
	struct qpw_struct *qpw = container_of(work, struct qpw_struct, work);

	migrate_disable();
	if (likely(smp_processor_id() == qpw->cpu)) {
		/* Not later: nothing may be left of it when its function returns. */
		WRITE_ONCE(qpw->dropped, false);
		qpw->func(qpw);
	} else if (!qpw_run_remotely(qpw)) {
		WRITE_ONCE(qpw->dropped, true);
	}
	migrate_enable();
}
EXPORT_SYMBOL_GPL(__qpw_work_fn);

static bool qpw_queue(int cpu, struct workqueue_struct *wq,
		      struct qpw_struct *qpw)
{
	/* The work may be over, and its memory gone, once it is queued. */
	qpw_func_t func = qpw->func;

	lockdep_assert(qpw->cpu == cpu);
	if (!queue_work_on(cpu, wq, &qpw->work))
		return false;
	trace_qpw_queue(cpu, func);
	atomic_long_inc(&qpw_counters_of(cpu)->queued);
	return true;
}

/* Have a work function run by @run, or queue the work. */
static bool qpw_run_or_queue(int cpu, struct workqueue_struct *wq,
			     struct qpw_struct *qpw,
			     bool (*run)(struct qpw_struct *qpw))
{
	bool done;

	if (!__qpw_is_cpu_remote(cpu))
		return qpw_queue(cpu, wq, qpw);

	lockdep_assert(qpw->cpu == cpu);
	/* A flush waits for what the function takes, also if it runs here. */
	lock_map_acquire(&qpw->work.lockdep_map);
	done = run(qpw);
	lock_map_release(&qpw->work.lockdep_map);
	return done || qpw_queue(cpu, wq, qpw);
}

bool __queue_percpu_work_on(int cpu, struct workqueue_struct *wq,
			    struct qpw_struct *qpw)
{
	return qpw_run_or_queue(cpu, wq, qpw, qpw_run_for_caller);
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on);

/*
 * The function only tries the lock.  So nothing waits for its owner, and the
 * owner needs no priority lent: PREEMPT_RT can do without the thread.
 */
bool __queue_percpu_work_on_nowait(int cpu, struct workqueue_struct *wq,
				   struct qpw_struct *qpw)
{
	return qpw_run_or_queue(cpu, wq, qpw, qpw_run_remotely);
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on_nowait);

/*
 * Which of BITS_PER_LONG CPUs were not queued for, as they are in remote mode.
 * The caller remembers that, because modes can change before it goes on, and
 * not the works, because other callers may queue the same ones.
 */
static unsigned long qpw_queue_local(const struct cpumask *cpus, int first,
				     struct workqueue_struct *wq,
				     struct qpw_struct __percpu *qpws)
{
	unsigned long mask = cpumask_bits(cpus)[BIT_WORD(first)];
	unsigned long remote = 0;
	unsigned int bit;

	for_each_set_bit(bit, &mask, min(BITS_PER_LONG, nr_cpu_ids - first)) {
		int cpu = first + bit;

		if (__qpw_is_cpu_remote(cpu))
			remote |= BIT(bit);
		else
			qpw_queue(cpu, wq, per_cpu_ptr(qpws, cpu));
	}
	return remote;
}

void __queue_percpu_work_on_cpus(const struct cpumask *cpus,
				 struct workqueue_struct *wq,
				 struct qpw_struct __percpu *qpws)
{
	unsigned long remote;
	unsigned int bit;
	int first, cpu;

	for (first = 0; first < nr_cpu_ids; first += BITS_PER_LONG) {
		remote = qpw_queue_local(cpus, first, wq, qpws);
		for_each_set_bit(bit, &remote, BITS_PER_LONG) {
			cpu = first + bit;
			__queue_percpu_work_on(cpu, wq, per_cpu_ptr(qpws, cpu));
		}
	}
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on_cpus);

static void qpw_publish_mode(int cpu, enum qpw_mode mode)
{
	/* Pairs with the acquire in qpw_mode_of(). */
	smp_store_release(per_cpu_ptr(&qpw_mode, cpu), mode);
}

/* Users of QPW that prepare a CPU for remote mode; under qpw_mode_lock */
static LIST_HEAD(qpw_users);

/* In the stopper thread: no critical section of this CPU's locks is in flight. */
static int qpw_enter_mode(void *arg)
{
	enum qpw_mode mode = (long)arg;
	struct qpw_user *user;

	/* No task of this CPU runs between these calls and the new mode. */
	if (mode == QPW_REMOTE)
		list_for_each_entry(user, &qpw_users, node)
			user->enter();
	qpw_publish_mode(smp_processor_id(), mode);
	return 0;
}

static int qpw_enter_user(void *user)
{
	((struct qpw_user *)user)->enter();
	return 0;
}

void __qpw_register_user(struct qpw_user *user)
{
	int cpu;

	guard(cpus_read_lock)();
	guard(mutex)(&qpw_mode_lock);
	list_add_tail(&user->node, &qpw_users);
	for_each_online_cpu(cpu)
		if (qpw_mode_of(cpu) != QPW_LOCAL)
			stop_one_cpu(cpu, qpw_enter_user, user);
}
EXPORT_SYMBOL_GPL(__qpw_register_user);

void __qpw_unregister_user(struct qpw_user *user)
{
	guard(mutex)(&qpw_mode_lock);
	list_del(&user->node);
}
EXPORT_SYMBOL_GPL(__qpw_unregister_user);

static int qpw_change_mode(int cpu, enum qpw_mode mode)
{
	if (cpu_online(cpu))
		return stop_one_cpu(cpu, qpw_enter_mode, (void *)(long)mode);
	qpw_publish_mode(cpu, mode);
	return 0;
}

static long qpw_wait_for_drainers(void *unused)
{
	synchronize_srcu(&qpw_srcu);
	return 0;
}

static int qpw_any_housekeeper(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (qpw_is_housekeeper(cpu))
			return cpu;
	return cpumask_any(cpu_online_mask);
}

static int qpw_leave_remote(int cpu)
{
	qpw_publish_mode(cpu, QPW_LEAVING);
	work_on_cpu(qpw_any_housekeeper(), qpw_wait_for_drainers, NULL);
	return qpw_change_mode(cpu, QPW_LOCAL);
}

/**
 * qpw_set_remote - Put a CPU into remote mode or out of it
 * @cpu: Any possible CPU, online or not.
 * @remote: Whether others are to do its per-CPU work.
 *
 * Context: Process context, may sleep.  Must not be called from a work function
 * of this mechanism.  Takes the CPU hotplug lock.
 *
 * Return: 0 on success or if it is in that mode already, -EINVAL if there is no
 * such CPU, -ENOMEM or -EINTR if PREEMPT_RT cannot start the thread it needs.
 */
int qpw_set_remote(int cpu, bool remote)
{
	int err;

	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return -EINVAL;

	guard(cpus_read_lock)();
	guard(mutex)(&qpw_mode_lock);
	if (remote && !static_key_enabled(&qpw_possible))
		static_branch_enable_cpuslocked(&qpw_possible);
	if (qpw_mode_of(cpu) == (remote ? QPW_REMOTE : QPW_LOCAL))
		return 0;
	err = remote ? qpw_start_worker(cpu) : 0;
	if (err)
		return err;
	return remote ? qpw_change_mode(cpu, QPW_REMOTE) :
			qpw_leave_remote(cpu);
}
EXPORT_SYMBOL_IF_KUNIT(qpw_set_remote);

/**
 * qpw_start_remote - Put CPUs into remote mode at boot
 * @cpus: The CPUs, at least one.
 *
 * Context: On the only CPU there is, before anybody used a lock.
 */
void __init qpw_start_remote(const struct cpumask *cpus)
{
	int cpu;

	static_branch_enable(&qpw_possible);
	for_each_cpu(cpu, cpus)
		qpw_publish_mode(cpu, QPW_REMOTE);
}

static int qpw_stats_show(struct seq_file *m, void *unused)
{
	static const char *const names[] = {
		[QPW_LOCAL]	= "local",
		[QPW_REMOTE]	= "remote",
		[QPW_LEAVING]	= "leaving",
	};
	struct qpw_stats stats;
	int cpu;

	seq_puts(m, "cpu mode queued remote_runs owner_waits remote_waits longest_hold_ns\n");
	for_each_possible_cpu(cpu) {
		qpw_read_stats(cpu, &stats);
		seq_printf(m, "%d %s %lu %lu %lu %lu %llu\n", cpu,
			   names[qpw_mode_of(cpu)], stats.queued,
			   stats.remote_runs, stats.owner_waits,
			   stats.remote_waits, stats.longest_hold);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(qpw_stats);

static int __init qpw_init_debugfs(void)
{
	debugfs_create_file("qpw", 0444, NULL, NULL, &qpw_stats_fops);
	return 0;
}
late_initcall(qpw_init_debugfs);
