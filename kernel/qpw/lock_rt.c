// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): taking the lock of another CPU on PREEMPT_RT
 */

/**
 * DOC: PREEMPT_RT
 *
 * **PREEMPT_RT.**  The lock is the spinlock_t that local_lock() uses there,
 * which can sleep.  The owner and other CPUs may take it in every mode.  The
 * mode only says which task drains.  An owner that has been preempted by a
 * real-time task can delay a drainer, and a drainer without a real-time
 * priority has none to lend.  Therefore qpw/N, a thread with a real-time
 * priority, drains CPU N on behalf of the caller.  A real-time task of the same
 * or a higher priority can still keep the owner in its critical section.  Each
 * CPU in remote mode has its own thread, so a stalled owner delays only the
 * drain of its own CPU.
 *
 * The drainer disables preemption once it has the lock.  It cannot do so
 * before, because it may have to sleep, unless it only tries the lock.  In
 * between, a task with a priority above that of the drainer (50) can preempt
 * it.  An owner that waits then lends the drainer its own priority, and waits
 * only for tasks on the drainer's CPU that outrank both of them, and for the
 * few instructions of the drainer's critical section.
 *
 * **The gate.**  A drainer that has to wait for a lock queues itself as a
 * waiter and lends its priority to the owner.  To do so it holds the lock's
 * wait_lock and takes the owner's pi_lock and runqueue lock.  The owner's
 * release then takes wait_lock and wakes up the drainer.  An owner that itself
 * holds a runqueue lock, or any lock that a wake-up takes, would deadlock.
 * Such an owner cannot be preempted, and enters the gate with
 * qpw_nolock_begin().  The invariant: *while a CPU is inside the gate, no
 * drainer is queued at a lock of that CPU.*
 *
 * - The CPU increments qpw_gate.nolock and then reads qpw_gate.drainers.  If
 *   that is not zero, it leaves the gate and tries no lock.
 * - The drainer increments qpw_gate.drainers, spins until nolock is zero, and
 *   only then takes the lock.  It decrements drainers after its release.
 *
 * This is store buffering (SB in tools/memory-model), with a full barrier on
 * each side: either the CPU sees the drainer, or the drainer sees the CPU.  The
 * CPU cannot be preempted inside the gate and stays there for a short time, so
 * the drainer spins.  A CPU that enters later sees the drainer, so the drainer
 * spins for one critical section at most.  A CPU in local mode has no drainer
 * and skips the gate.  A CPU that is not preemptible does not enter or leave
 * local mode, so it leaves the gate if and only if it has entered it.
 *
 * A task on the CPU can also wait for a lock that another task on the CPU, or a
 * drainer, holds.  The waiting task does not run while the caller is not
 * preemptible, but it can already be queued as a waiter.  The release wakes it
 * up, but it takes the lock only once it runs.  Therefore local_qpw_trylock()
 * fails in every mode if the lock has a waiter.  local_trylock() takes such a
 * lock, and can deadlock.
 *
 * **Barriers of the gate.**  The full barrier in qpw_enter_gate() pairs with
 * that in qpw_announce_drainer() (SB, above).  The release in qpw_leave_gate()
 * pairs with the acquire in qpw_announce_drainer(), and the release in
 * qpw_retract_drainer() with the acquire in qpw_enter_gate().  Message passing
 * (MP): whichever of the two comes second sees the lock as the first one left
 * it.
 */

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/qpw_lock.h>
#include <linux/spinlock.h>

#include "stats.h"

/**
 * struct qpw_gate - keeps drainers of a CPU from waiting while that CPU must
 * not wake tasks
 * @nolock: How deeply this CPU is nested in the gate; only this CPU writes it.
 * @drainers: How many drainers wait for or hold one of this CPU's locks.
 *
 * "The gate" above describes the protocol.
 */
struct qpw_gate {
	unsigned int	nolock;
	atomic_t	drainers;
};

static DEFINE_PER_CPU_ALIGNED(struct qpw_gate, qpw_gate);

/*
 * Keeps @cpu from entering its gate.  Called outside this CPU's own gate.
 * Spins while @cpu is inside its gate.
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

/*
 * Lets @cpu enter its gate again: the caller is not queued at a lock of @cpu.
 */
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

	__qpw_check_cpu(cpu);
	asked = qpw_clock_if_traced();
	/* Before this task can become a waiter, see qpw_nolock_begin(). */
	qpw_announce_drainer(cpu);
	spin_lock(lock);
	/* Migration may be enabled only after preemption has been. */
	migrate_disable();
	preempt_disable();
	qpw_note_locked(cpu, asked);
}
EXPORT_SYMBOL_GPL(__qpw_lock_cpu);

/**
 * __qpw_trylock_cpu - Take the lock of a given CPU if it is free
 * @lock: The lock.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Any, may be atomic.  Returns with preemption and migration disabled
 * if the lock was taken.
 *
 * Return: true if the lock was taken.
 */
bool __qpw_trylock_cpu(spinlock_t *lock, int cpu)
	__cond_acquires(true, lock)
{
	u64 asked;

	/*
	 * As in local_trylock(): the wait_lock of the lock is not safe there.
	 */
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
 * An NMI or interrupt between the load and the store of nolock restores its
 * value before it returns.
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
