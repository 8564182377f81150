// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): the mode of each CPU, and drains of remote CPUs
 *
 * Idea and names: Leonardo Bras and Marcelo Tosatti,
 * https://lore.kernel.org/linux-mm/20260323175544.807534301@redhat.com/
 */

/**
 * DOC: How it works
 *
 * **Invariant.**  Any context that can run a critical section concurrently with
 * another CPU has acquired the lock word with cmpxchg.  While a critical section
 * lasts, the lock word is non-zero for every context that can contend for it.
 * Without PREEMPT_RT this means:
 *
 * - *Local mode.*  Only the owner, the CPU that the lock belongs to, enters
 *   critical sections, with preemption disabled.  An interrupt or NMI on the
 *   owner can nest in a critical section.  If the owner does not disable
 *   interrupts for that lock, the interrupt or NMI may only try it.  The lock
 *   word that it then reads was set with a plain store.
 * - *Remote mode and leaving.*  Both the owner and a drainer may enter.  Both
 *   acquire the lock word with cmpxchg.  The owner spins with preemption
 *   disabled, possibly with interrupts disabled.  The drainer holds the lock with
 *   interrupts disabled and does not wait for anything while it holds it, so only
 *   a hypervisor can extend its critical section.  The drainer spins with
 *   interrupts and preemption enabled and holds no other lock of this type.  The
 *   owner may therefore do anything in its critical section that it could do
 *   without QPW.  A drainer that must not wait tries the lock.
 *
 * Modes change as follows:
 *
 * - **Local to remote.**  The owner's stopper thread writes the mode, with
 *   preemption disabled.  No critical section of the owner is in progress then:
 *   no task can have been preempted inside one, and every interrupt handler has
 *   returned.  An IPI could not do this, because it can interrupt a critical
 *   section.  The mode is written with release semantics, and a drainer reads it
 *   with acquire semantics.  The drainer therefore sees everything that the owner
 *   did in local mode, including its plain stores to the lock word.
 * - **Remote to leaving to local.**  A drainer reads the mode and drains inside
 *   one SRCU read-side critical section, and starts in remote mode only.  After
 *   the mode has become leaving, synchronize_srcu() waits for all drainers that
 *   read remote.  Then the owner's stopper thread writes local.  All stores of
 *   drainers happened before synchronize_srcu() returned, hence before the first
 *   critical section of the owner in local mode.  The owner takes its locks in
 *   the same way in remote and in leaving mode, so any CPU may set the mode to
 *   leaving at any time.
 * - **Offline CPUs.**  The mode of an offline CPU is written under the CPU
 *   hotplug lock, so never while that CPU is coming online or going offline.
 *   The mode is valid before the first instruction of a CPU that comes online,
 *   and does not change from the start of its teardown until the last callback
 *   for the dead CPU has run.  Such a callback can run concurrently with a
 *   drainer that started earlier.  Therefore the lock of an offline CPU is
 *   acquired with cmpxchg in every mode.
 *
 * A critical section therefore begins and ends in the same mode.  The unlock does
 * not test the mode: it stores zero with release semantics in every mode.
 *
 * **Raw spinlocks.**  A cache whose critical sections must not sleep on PREEMPT_RT
 * has a raw spinlock for each CPU instead of a lock of this type, see
 * qpw_owner_needs_lock().  Every access disables interrupts.  The invariant: *in
 * local mode only the owner accesses the cache; in all other modes, and once the
 * CPU is dead, each access holds the raw spinlock.*
 *
 * - The owner reads its mode after it has disabled interrupts, in an interrupt
 *   handler as well.  While the owner is online, only its stopper thread enters
 *   and leaves local mode, so the mode that the owner has read stays valid
 *   until it enables interrupts.
 * - A drainer reads the mode and drains in one RCU read-side critical section, and
 *   starts in remote mode only.  After the mode has become leaving,
 *   synchronize_rcu() waits for all drainers that read remote.  Then the owner
 *   enters local mode.  A work function is a drainer as well:
 *   synchronize_srcu() waits for it.
 * - A callback for a dead CPU can run concurrently with a drainer that found
 *   the CPU online, so the callback takes the lock in every mode.
 * - A holder drops a bounded number of references and takes no other lock.  If raw
 *   spinlocks are fair, the owner waits for one drain of each other CPU at most,
 *   and all but the first of these find an empty cache.  A guest without
 *   paravirtual spinlocks may use unfair spinlocks.  There, too, drainers skip
 *   an empty cache.
 *
 * **PREEMPT_RT.**  The lock is the spinlock_t that local_lock() uses there, which
 * can sleep.  The owner and other CPUs may take it in every mode.  The mode only
 * says which task drains.  An owner that has been preempted by a real-time task
 * can delay a drainer, and a drainer without a real-time priority has none to
 * lend.  Therefore qpw/N, a thread with a real-time priority, drains CPU N on
 * behalf of the caller.  A real-time task of the same or a higher priority can
 * still keep the owner in its critical section.  Each CPU in remote mode has its
 * own thread, so a stalled owner delays only the drain of its own CPU.
 *
 * The drainer disables preemption once it has the lock.  It cannot do so before,
 * because it may have to sleep, unless it only tries the lock.  In between, a
 * task with a priority above that of the drainer (50) can preempt it.  An owner
 * that waits then lends the drainer its own priority, and waits only for tasks on
 * the drainer's CPU that outrank both of them, and for the few instructions of
 * the drainer's critical section.
 *
 * **The gate**, on PREEMPT_RT.  A drainer that has to wait for a lock queues
 * itself as a waiter and lends its priority to the owner.  To do so it holds
 * the lock's wait_lock and takes the owner's pi_lock and runqueue lock.  The
 * owner's release then takes wait_lock and wakes up the drainer.  An owner that
 * itself holds a runqueue lock, or any lock that a wake-up takes, would
 * deadlock.  Such an owner cannot be preempted, and enters the gate with
 * qpw_nolock_begin().  The invariant: *while a CPU is inside the gate, no
 * drainer is queued at a lock of that CPU.*
 *
 * - The CPU increments qpw_gate.nolock and then reads qpw_gate.drainers.  If that
 *   is not zero, it leaves the gate and tries no lock.
 * - The drainer increments qpw_gate.drainers, spins until nolock is zero, and
 *   only then takes the lock.  It decrements drainers after its release.
 *
 * This is store buffering (SB in tools/memory-model), with a full barrier on each
 * side: either the CPU sees the drainer, or the drainer sees the CPU.  The CPU
 * cannot be preempted inside the gate and stays there for a short time, so the
 * drainer spins.  A CPU that enters later sees the drainer, so the drainer spins
 * for one critical section at most.  A CPU in local mode has no drainer and skips
 * the gate.  A CPU that is not preemptible does not enter or leave local mode, so
 * it leaves the gate if and only if it has entered it.
 *
 * A task on the CPU can also wait for a lock that another task on the CPU, or a
 * drainer, holds.  The waiting task does not run while the caller is not
 * preemptible, but it can already be queued as a waiter.  The release wakes it
 * up, but it takes the lock only once it runs.  Therefore local_qpw_trylock()
 * fails in every mode if the lock has a waiter.  local_trylock() takes such a
 * lock, and can deadlock.
 *
 * **Work** records its CPU, but workqueues do not guarantee that it runs there:
 * when a CPU goes offline, its workers continue on other CPUs.  The worker
 * therefore first disables migration.  If it is on the CPU of the work, it calls
 * the work function.  If that CPU is in remote mode, it calls the function in an
 * SRCU read-side critical section, like any other drainer.  In all other cases it
 * drops the work: the CPU is going offline, and callbacks for the dead CPU will
 * drain it.  The worker records in the work that it was dropped or, before it
 * calls the function, that it was not.  A flush reads that record after the work
 * has ended.
 *
 * Work is initialized as a work item and flushed as one in every mode.  If the
 * caller has run it, there is nothing to flush, whatever the CPU's mode is by
 * then.
 *
 * **Barriers.**
 *
 * - The release in qpw_publish_mode() pairs with the acquire in qpw_mode_of().
 *   Message passing (MP): the drainer that reads remote sees the lock word of the
 *   last critical section in local mode.
 * - The release in qpw_clear() pairs with the acquire in qpw_try_spin().  MP: the
 *   next holder of the lock sees the cache as the last one left it.
 * - The full barrier in qpw_enter_gate() pairs with that in
 *   qpw_announce_drainer() (SB, above).  The release in qpw_leave_gate() pairs
 *   with the acquire in qpw_announce_drainer(), and the release in
 *   qpw_retract_drainer() with the acquire in qpw_enter_gate().  MP: whichever of
 *   the two comes second sees the lock as the first one left it.
 * - The store of QPW_LEAVING is ordered before the wait for drainers by the
 *   barriers of synchronize_srcu(), which pair with those of srcu_read_lock().
 *   SB: either the drainer reads leaving, or synchronize_srcu() waits for it.
 *   For raw spinlocks, the barriers of synchronize_rcu() do the same for drainers
 *   in RCU read-side critical sections.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/kthread.h>
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

#if IS_ENABLED(CONFIG_QPW_KUNIT_TEST)
EXPORT_TRACEPOINT_SYMBOL_GPL(qpw_remote_hold);
#endif

/* A drainer's read-side critical section: reading the mode and draining */
DEFINE_STATIC_SRCU(qpw_srcu);

/* Serializes changes of modes */
static DEFINE_MUTEX(qpw_mode_lock);

/* Not in the cacheline of the mode, because other CPUs write these. */
struct qpw_counters {
	atomic_long_t	queued;
	atomic_long_t	remote_runs;
	atomic_long_t	remote_waits;
	atomic64_t	longest_hold;
};

static DEFINE_PER_CPU_ALIGNED(struct qpw_counters, qpw_counters);

DEFINE_PER_CPU(unsigned long, qpw_owner_waits);
EXPORT_PER_CPU_SYMBOL_GPL(qpw_owner_waits);

static struct qpw_counters *qpw_counters_of(int cpu)
{
	return per_cpu_ptr(&qpw_counters, cpu);
}

/**
 * qpw_read_stats - Read the counters of a CPU
 * @cpu: Any possible CPU.
 * @stats: The result.
 *
 * Context: Any.
 */
void qpw_read_stats(int cpu, struct qpw_stats *stats)
{
	struct qpw_counters *c = qpw_counters_of(cpu);

	stats->queued = atomic_long_read(&c->queued);
	stats->remote_runs = atomic_long_read(&c->remote_runs);
	/* Only @cpu writes this counter. */
	stats->owner_waits = data_race(per_cpu(qpw_owner_waits, cpu));
	stats->remote_waits = atomic_long_read(&c->remote_waits);
	stats->longest_hold = atomic64_read(&c->longest_hold);
}
EXPORT_SYMBOL_IF_KUNIT(qpw_read_stats);

/*
 * The lock of another CPU that this CPU holds.  It holds one at most, and does not
 * schedule until it releases the lock.
 */
struct qpw_hold {
	u64	asked;	/* 0 if not traced */
	u64	since;	/* 0 if the lock is this CPU's own */
};

static DEFINE_PER_CPU(struct qpw_hold, qpw_hold);

/* The time before the first attempt to take a lock, 0 if not traced */
static u64 qpw_clock_if_traced(void)
{
	return trace_qpw_remote_hold_enabled() ? local_clock() : 0;
}

static void qpw_note_locked(int cpu, u64 asked)
{
	bool remote = cpu != smp_processor_id();

	__this_cpu_write(qpw_hold.asked, asked);
	__this_cpu_write(qpw_hold.since, remote ? local_clock() : 0);
}

/* The time of the release, if it is the lock of another CPU */
static u64 qpw_end_of_hold(void)
{
	return __this_cpu_read(qpw_hold.since) ? local_clock() : 0;
}

/* Called after the release, so that nothing waits for a tracer. */
static void qpw_note_unlocked(int cpu, u64 until)
{
	atomic64_t *longest = &qpw_counters_of(cpu)->longest_hold;
	u64 asked = __this_cpu_read(qpw_hold.asked);
	u64 since = __this_cpu_read(qpw_hold.since);
	s64 held, old;

	if (!since)
		return;
	held = until - min(since, until);
	old = atomic64_read(longest);
	while (held > old && !atomic64_try_cmpxchg_relaxed(longest, &old, held))
		;
	/* A hotplug callback may have migrated while it waited. */
	if (asked)
		trace_qpw_remote_hold(cpu, since - min(asked, since), held);
}

#ifdef CONFIG_LOCKDEP
/* Warns if the caller must not access the cache of @cpu. */
void __qpw_check_cpu(int cpu)
{
	lockdep_assert(cpu == raw_smp_processor_id() || !cpu_online(cpu) ||
		       (qpw_mode_of(cpu) != QPW_LOCAL &&
			srcu_read_lock_held(&qpw_srcu)));
}
EXPORT_SYMBOL_GPL(__qpw_check_cpu);
#endif

#ifndef CONFIG_PREEMPT_RT

/* The result is stable inside a critical section of @cpu's locks, see above. */
static bool qpw_takes_spinlock(int cpu)
{
	return qpw_mode_of(cpu) != QPW_LOCAL || !cpu_online(cpu);
}

/* Takes a lock of this CPU, which is in local mode. */
static bool qpw_mark_local(qpw_lock_t *lock, bool tried)
{
	if (!tried)
		return true;
	if (qpw_is_locked(lock))
		return false;
	qpw_mark(lock);
	return true;
}

/* Called with interrupts disabled. */
static bool qpw_try_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	bool local = !qpw_takes_spinlock(cpu);

	__qpw_check_cpu(cpu);
	if (local ? !qpw_mark_local(lock, tried) : !qpw_try_spin(lock))
		return false;
	qpw_debug_locked(lock, local);
	return true;
}

/**
 * __qpw_lock_cpu - Take the lock of a given CPU
 * @lock: The lock.
 * @tried: @lock is a qpw_trylock_t.
 * @cpu: The CPU whose lock it is.
 *
 * The lockdep annotation precedes each attempt, so lockdep reports a deadlock
 * before the wait begins.  The attempt ends before interrupts are enabled: while
 * it waits the drainer holds nothing that an interrupt could want.
 *
 * Context: May sleep.  Returns with interrupts disabled.
 */
void __qpw_lock_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	bool waited = false;
	u64 asked;

	might_sleep();
	WARN_ON_ONCE(irqs_disabled());
	asked = qpw_clock_if_traced();
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
	qpw_note_locked(cpu, asked);
	if (waited)
		atomic_long_inc(&qpw_counters_of(cpu)->remote_waits);
}
EXPORT_SYMBOL_GPL(__qpw_lock_cpu);

/**
 * __qpw_trylock_cpu - Take the lock of a given CPU if it is free
 * @lock: The lock.
 * @tried: @lock is a qpw_trylock_t.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Interrupts enabled, may be atomic.  Returns with interrupts disabled
 * if the lock was taken.
 *
 * Return: true if the lock was taken.
 */
bool __qpw_trylock_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	u64 asked = qpw_clock_if_traced();

	WARN_ON_ONCE(irqs_disabled());
	local_irq_disable();
	if (!qpw_try_cpu(lock, tried, cpu)) {
		local_irq_enable();
		return false;
	}
	qpw_dep_acquire_try(lock);
	qpw_note_locked(cpu, asked);
	return true;
}
EXPORT_SYMBOL_GPL(__qpw_trylock_cpu);

/**
 * __qpw_unlock_cpu - Release the lock of a given CPU
 * @lock: The lock.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Interrupts disabled, and they stay disabled.
 */
void __qpw_unlock_cpu(qpw_lock_t *lock, int cpu)
{
	if (IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		qpw_debug_unlock(lock, !qpw_takes_spinlock(cpu));
	qpw_dep_release(lock);
	qpw_clear(lock);
	qpw_note_unlocked(cpu, qpw_end_of_hold());
}
EXPORT_SYMBOL_GPL(__qpw_unlock_cpu);

#endif /* !CONFIG_PREEMPT_RT */

/* Returns whether qpw/N and the wait for a grace period may run on this CPU. */
static bool qpw_is_housekeeper(int cpu)
{
	guard(rcu)();
	return housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN) &&
	       housekeeping_test_cpu(cpu, HK_TYPE_KERNEL_NOISE) &&
	       !__qpw_is_cpu_remote(cpu);
}

/* Calls the work function here if the CPU of the work is in remote mode. */
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
 * struct qpw_gate - keeps drainers from waiting while their CPU must not wake tasks
 * @nolock: How deeply this CPU is nested in the gate; only this CPU writes it.
 * @drainers: How many drainers wait for or hold one of this CPU's locks.
 *
 * "The gate" in the overview above describes the protocol.
 */
struct qpw_gate {
	unsigned int	nolock;
	atomic_t	drainers;
};

static DEFINE_PER_CPU_ALIGNED(struct qpw_gate, qpw_gate);

/*
 * Keeps @cpu from entering its gate.  Called outside this CPU's own gate.  Spins
 * while @cpu is inside its gate.
 */
static void qpw_announce_drainer(int cpu)
{
	struct qpw_gate *gate = per_cpu_ptr(&qpw_gate, cpu);

	atomic_inc(&gate->drainers);
	/* Pairs with the barrier in qpw_enter_gate(). */
	smp_mb__after_atomic();
	/* Pairs with the release in qpw_leave_gate(). */
	smp_cond_load_acquire(&gate->nolock, !VAL);
}

/* Lets @cpu enter its gate again: the caller is not queued at a lock of @cpu. */
static void qpw_retract_drainer(int cpu)
{
	/* Pairs with the acquire in qpw_enter_gate(). */
	atomic_dec_return_release(&per_cpu_ptr(&qpw_gate, cpu)->drainers);
}

/**
 * __qpw_lock_cpu - Take the lock of a given CPU
 * @lock: The lock.
 * @cpu: The CPU whose lock it is.
 *
 * On PREEMPT_RT a local lock is a spinlock_t, which any CPU may take.  Until
 * preemption is disabled, a task that outranks the drainer can preempt it.  An
 * owner that waits for the lock lends the drainer its own priority.
 *
 * Context: May sleep.  Returns with preemption and migration disabled.
 */
void __qpw_lock_cpu(spinlock_t *lock, int cpu)
	__acquires(lock)
{
	u64 asked;

	migrate_disable();
	__qpw_check_cpu(cpu);
	asked = qpw_clock_if_traced();
	/* Before this CPU can become a waiter, see qpw_nolock_begin(). */
	qpw_announce_drainer(cpu);
	spin_lock(lock);
	preempt_disable();
	qpw_note_locked(cpu, asked);
}
EXPORT_SYMBOL_GPL(__qpw_lock_cpu);

/**
 * __qpw_trylock_cpu - Take the lock of a given CPU if it is free
 * @lock: The lock.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Any, may be atomic.  Returns with preemption and migration disabled if
 * the lock was taken.
 *
 * Return: true if the lock was taken.
 */
bool __qpw_trylock_cpu(spinlock_t *lock, int cpu)
	__cond_acquires(true, lock)
{
	u64 asked;

	/* As in local_trylock(): the wait_lock of the lock is not safe there. */
	if (in_nmi() || in_hardirq())
		return false;
	migrate_disable();
	__qpw_check_cpu(cpu);
	asked = qpw_clock_if_traced();
	qpw_announce_drainer(cpu);
	/* Before the attempt, which does not sleep */
	preempt_disable();
	if (spin_trylock(lock)) {
		qpw_note_locked(cpu, asked);
		return true;
	}
	qpw_retract_drainer(cpu);
	preempt_enable();
	migrate_enable();
	return false;
}
EXPORT_SYMBOL_GPL(__qpw_trylock_cpu);

/**
 * __qpw_unlock_cpu - Release the lock of a given CPU
 * @lock: The lock.
 * @cpu: The CPU whose lock it is.
 */
void __qpw_unlock_cpu(spinlock_t *lock, int cpu)
	__releases(lock)
{
	/* Not after the release, which may have to wake up the owner. */
	u64 until = qpw_end_of_hold();

	spin_unlock(lock);
	qpw_retract_drainer(cpu);
	qpw_note_unlocked(cpu, until);
	preempt_enable();
	migrate_enable();
}
EXPORT_SYMBOL_GPL(__qpw_unlock_cpu);

/**
 * qpw_enter_gate - Keep drainers of this CPU from waiting for its locks
 *
 * An NMI or interrupt between the load and the store of nolock restores its value
 * before it returns.
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

/* One for each CPU: a stalled owner delays only its own drainer. */
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
	/* The caller holds this map as well: it waits for what the function locks. */
	lock_map_acquire(&errand->qpw->work.lockdep_map);
	errand->done = qpw_run_remotely(errand->qpw);
	lock_map_release(&errand->qpw->work.lockdep_map);
}

/*
 * Lets qpw/N call the work function, so that a preempted owner inherits its
 * priority.
 */
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
	/* Not on @cpu, where it could not run while the owner is not preemptible. */
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
 * __qpw_work_fn - Run queued work
 * @work: The work item in a struct qpw_struct.
 *
 * If this is not the CPU of the work, that CPU has gone offline.
 */
void __qpw_work_fn(struct work_struct *work)
{
	struct qpw_struct *qpw = container_of(work, struct qpw_struct, work);

	migrate_disable();
	if (likely(smp_processor_id() == qpw->cpu)) {
		/* Not later: the work may be freed when its function returns. */
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
	/* Once queued, the work may end and its memory may be freed. */
	qpw_func_t func = qpw->func;

	lockdep_assert(qpw->cpu == cpu);
	if (!queue_work_on(cpu, wq, &qpw->work))
		return false;
	trace_qpw_queue(cpu, func);
	atomic_long_inc(&qpw_counters_of(cpu)->queued);
	return true;
}

/* Calls @run for a CPU in remote mode, otherwise queues the work. */
static bool qpw_run_or_queue(int cpu, struct workqueue_struct *wq,
			     struct qpw_struct *qpw,
			     bool (*run)(struct qpw_struct *qpw))
{
	bool done;

	if (!__qpw_is_cpu_remote(cpu))
		return qpw_queue(cpu, wq, qpw);

	lockdep_assert(qpw->cpu == cpu);
	/*
	 * A flush depends on the locks of the function, even if the function
	 * runs here.
	 */
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
 * The function only tries the lock and never waits for an owner, so PREEMPT_RT
 * does not need qpw/N and its priority here.
 */
bool __queue_percpu_work_on_nowait(int cpu, struct workqueue_struct *wq,
				   struct qpw_struct *qpw)
{
	return qpw_run_or_queue(cpu, wq, qpw, qpw_run_remotely);
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on_nowait);

/*
 * Queues work for the CPUs in local mode among BITS_PER_LONG of @cpus, and
 * returns the others.  The caller keeps this result, because modes can change in
 * between.  The works cannot keep it, because other callers may queue the same
 * works.
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
	/* Code that still finds the key disabled would not read the mode. */
	lockdep_assert(mode == QPW_LOCAL || static_key_enabled(&qpw_possible));
	/* Pairs with the acquire in qpw_mode_of(). */
	smp_store_release(per_cpu_ptr(&qpw_mode, cpu), mode);
}

/* Runs in the stopper thread: no critical section of this CPU is in progress. */
static int qpw_enter_mode(void *arg)
{
	qpw_publish_mode(smp_processor_id(), (long)arg);
	return 0;
}

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
	/* Drainers that take a raw spinlock, see qpw_owner_needs_lock() */
	synchronize_rcu();
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
 * qpw_set_remote - Put a CPU into remote mode or back into local mode
 * @cpu: Any possible CPU, online or not.
 * @remote: Whether other CPUs may drain its caches.
 *
 * Context: Process context, may sleep.  Must not be called from a QPW work
 * function.  Takes the CPU hotplug lock.
 *
 * Return: 0 on success or if @cpu is in that mode already, -EINVAL if @cpu does
 * not exist, -ENOMEM or -EINTR if qpw/N cannot be started on PREEMPT_RT.
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
 * Context: Boot, on the only CPU that runs, before the first use of a QPW lock.
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
