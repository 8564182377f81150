// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): the mode of each CPU
 *
 * Idea and names: Leonardo Bras and Marcelo Tosatti,
 * https://lore.kernel.org/linux-mm/20260323175544.807534301@redhat.com/
 */

/**
 * DOC: How it works
 *
 * **Invariant.**  Any context that can run a critical section concurrently with
 * another CPU has acquired the lock word with cmpxchg.  While a critical
 * section lasts, the lock word is non-zero for every context that can contend
 * for it.  Without PREEMPT_RT this means:
 *
 * - *Local mode.*  Only the owner, the CPU that the lock belongs to, enters
 *   critical sections, with preemption disabled.  An interrupt or NMI on the
 *   owner can nest in a critical section.  If the owner does not disable
 *   interrupts for that lock, the interrupt or NMI may only try it.  The lock
 *   word that it then reads was set with a plain store.
 * - *Remote mode and leaving.*  Both the owner and a drainer may enter.  Both
 *   acquire the lock word with cmpxchg.  The owner spins with preemption
 *   disabled, possibly with interrupts disabled.  The drainer holds the lock
 *   with interrupts disabled and does not wait for anything while it holds it,
 *   so only a hypervisor can extend its critical section.  The drainer spins
 *   with interrupts and preemption enabled and holds no other lock of this
 *   type.  The owner may therefore do anything in its critical section that it
 *   could do without QPW.  A drainer that must not wait tries the lock.
 *
 * Modes change as follows:
 *
 * - **Local to remote.**  The owner's stopper thread writes the mode, with
 *   preemption disabled.  No critical section of the owner is in progress then:
 *   no task can have been preempted inside one, and every interrupt handler has
 *   returned.  An IPI could not do this, because it can interrupt a critical
 *   section.  The mode is written with release semantics, and a drainer reads
 *   it with acquire semantics.  The drainer therefore sees everything that the
 *   owner did in local mode, including its plain stores to the lock word.
 * - **Remote to leaving to local.**  A drainer reads the mode in an RCU
 *   read-side critical section.  If it reads remote, it increments the number
 *   of drainers of that CPU in the same section, and decrements it when it is
 *   done.  The mode becomes leaving.  When an RCU grace period has passed since
 *   and the number is zero, every drainer that read remote is done, and the
 *   owner's stopper thread writes local.  All stores of drainers happened
 *   before the number was zero, hence before the first critical section of the
 *   owner in local mode.  The owner takes its locks in the same way in remote
 *   mode and in leaving mode, so any CPU may change one into the other at any
 *   time.  Each time the CPU becomes leaving, another grace period must pass.
 *   "Changing modes" in change.c says which task does all this.
 * - **Offline CPUs.**  The mode of an offline CPU is written under the CPU
 *   hotplug lock, so never while that CPU is coming online or going offline.
 *   The mode is valid before the first instruction of a CPU that comes online,
 *   and does not change from the start of its teardown until the last callback
 *   for the dead CPU has run.  Such a callback can run concurrently with a
 *   drainer that started earlier.  Therefore the lock of an offline CPU is
 *   acquired with cmpxchg in every mode.
 *
 * A critical section therefore begins and ends in the same mode.  The unlock
 * does not test the mode: it stores zero with release semantics in every mode.
 *
 * **Raw spinlocks.**  A cache whose critical sections must not sleep on
 * PREEMPT_RT has a raw spinlock for each CPU instead of a lock of this type,
 * see qpw_owner_needs_lock().  Every access disables interrupts.  The
 * invariant: *in local mode only the owner accesses the cache; in all other
 * modes, and once the CPU is dead, each access holds the raw spinlock.*
 *
 * - The owner reads its mode after it has disabled interrupts, in an interrupt
 *   handler as well.  While the owner is online, only its stopper thread enters
 *   and leaves local mode, so the mode that the owner has read stays valid
 *   until it enables interrupts.
 * - A drainer reads the mode and drains in one RCU read-side critical section,
 *   and starts in remote mode only.  The owner enters local mode after a grace
 *   period, hence after all drainers that read remote.  A work function that
 *   runs remotely is counted as a drainer instead.
 * - A callback for a dead CPU can run concurrently with a drainer that found
 *   the CPU online, so the callback takes the lock in every mode.
 * - A holder drops a bounded number of references and takes no other lock.  If
 *   raw spinlocks are fair, the owner waits for one drain of each other CPU at
 *   most, and all but the first of these find an empty cache.  A guest without
 *   paravirtual spinlocks may use unfair spinlocks.  There, too, drainers skip
 *   an empty cache.
 *
 * **Barriers.**
 *
 * - The release in qpw_publish_mode() pairs with the acquire in qpw_mode_of().
 *   Message passing (MP): the drainer that reads remote sees the lock word of
 *   the last critical section in local mode.
 * - The release in qpw_clear() pairs with the acquire in qpw_try_spin(), both
 *   in linux/qpw_lock_word.h.  MP: the next holder of the lock sees the cache
 *   as the last one left it.
 * - The store of QPW_LEAVING precedes the start of the RCU grace period in
 *   qpw_begin_to_leave().  Either the drainer reads leaving, or its read-side
 *   critical section ends before the grace period does, and the increment is
 *   visible.
 * - The release in qpw_end_drain() pairs with the acquire in
 *   qpw_has_drainers().  MP: the task that reads zero sees what all drainers
 *   stored.  Increments and decrements in between continue the release
 *   sequence.
 */

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/qpw_mode.h>
#include <linux/rcupdate.h>

#include "internal.h"

/*
 * The number of tasks that drain a CPU.  Other CPUs write it, so it is not in
 * the cacheline of the mode.
 */
static DEFINE_PER_CPU_ALIGNED(atomic_t, qpw_drainers);

DEFINE_STATIC_KEY_FALSE(qpw_possible);
EXPORT_SYMBOL_GPL(qpw_possible);

DEFINE_PER_CPU_READ_MOSTLY(int, qpw_mode) = QPW_LOCAL;
EXPORT_PER_CPU_SYMBOL_GPL(qpw_mode);

/**
 * qpw_begin_drain - Become a drainer of a CPU, if it is in remote mode
 * @cpu: The CPU.
 *
 * If the caller queues work for a CPU that is not in remote mode, it calls this
 * function and queues the work in one RCU read-side critical section.
 *
 * Context: Any but NMI.
 *
 * Return: true if the caller is a drainer now.
 */
bool qpw_begin_drain(int cpu)
{
	guard(rcu)();
	if (!__qpw_is_cpu_remote(cpu))
		return false;
	atomic_inc(per_cpu_ptr(&qpw_drainers, cpu));
	return true;
}

/**
 * qpw_end_drain - Stop being a drainer of a CPU
 * @cpu: The CPU, as given to qpw_begin_drain().
 */
void qpw_end_drain(int cpu)
{
	/* Pairs with the acquire in qpw_has_drainers(). */
	atomic_dec_return_release(per_cpu_ptr(&qpw_drainers, cpu));
}

/**
 * qpw_has_drainers - Is a task draining a CPU?
 * @cpu: The CPU.  It is leaving, and an RCU grace period has passed since it
 *	was in remote mode.
 *
 * Return: false if no task is draining @cpu, and none will before @cpu is in
 * remote mode again.
 */
bool qpw_has_drainers(int cpu)
{
	/* Pairs with the release in qpw_end_drain(). */
	return atomic_read_acquire(per_cpu_ptr(&qpw_drainers, cpu));
}

#ifdef CONFIG_LOCKDEP
struct lockdep_map qpw_drain_map = STATIC_LOCKDEP_MAP_INIT("qpw_drain",
							    &qpw_drain_map);

/* Warns if the caller must not access the cache of @cpu. */
void __qpw_check_cpu(int cpu)
{
	lockdep_assert(cpu == raw_smp_processor_id() || !cpu_online(cpu) ||
		       (qpw_mode_of(cpu) != QPW_LOCAL &&
			lock_is_held(&qpw_drain_map)));
}
EXPORT_SYMBOL_GPL(__qpw_check_cpu);
#endif

void qpw_publish_mode(int cpu, enum qpw_mode mode)
{
	/* Code that still finds the key disabled would not read the mode. */
	lockdep_assert(mode == QPW_LOCAL || static_key_enabled(&qpw_possible));
	/* Pairs with the acquire in qpw_mode_of(). */
	smp_store_release(per_cpu_ptr(&qpw_mode, cpu), mode);
}
