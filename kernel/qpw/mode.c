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
 * - **Remote to leaving to local.**  A drainer reads the mode and drains inside
 *   one SRCU read-side critical section, and starts in remote mode only.  After
 *   the mode has become leaving, synchronize_srcu() waits for all drainers that
 *   read remote.  Then the owner's stopper thread writes local.  All stores of
 *   drainers happened before synchronize_srcu() returned, hence before the
 *   first critical section of the owner in local mode.  The owner takes its
 *   locks in the same way in remote and in leaving mode, so any CPU may set the
 *   mode to leaving at any time.
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
 *   and starts in remote mode only.  After the mode has become leaving,
 *   synchronize_rcu() waits for all drainers that read remote.  Then the owner
 *   enters local mode.  A work function is a drainer as well:
 *   synchronize_srcu() waits for it.
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
 * - The store of QPW_LEAVING is ordered before the wait for drainers by the
 *   barriers of synchronize_srcu(), which pair with those of srcu_read_lock().
 *   Store buffering (SB): either the drainer reads leaving, or
 *   synchronize_srcu() waits for it.  For raw spinlocks, the barriers of
 *   synchronize_rcu() do the same for drainers in RCU read-side critical
 *   sections.
 */

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/qpw_mode.h>
#include <linux/srcu.h>

#include "internal.h"

/* A drainer's read-side critical section: reading the mode and draining */
DEFINE_SRCU(qpw_srcu);

DEFINE_STATIC_KEY_FALSE(qpw_possible);
EXPORT_SYMBOL_GPL(qpw_possible);

DEFINE_PER_CPU_READ_MOSTLY(int, qpw_mode) = QPW_LOCAL;
EXPORT_PER_CPU_SYMBOL_GPL(qpw_mode);

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

void qpw_publish_mode(int cpu, enum qpw_mode mode)
{
	/* Code that still finds the key disabled would not read the mode. */
	lockdep_assert(mode == QPW_LOCAL || static_key_enabled(&qpw_possible));
	/* Pairs with the acquire in qpw_mode_of(). */
	smp_store_release(per_cpu_ptr(&qpw_mode, cpu), mode);
}

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
