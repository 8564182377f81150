/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): the mode of each CPU, see linux/qpw.h
 */
#ifndef _LINUX_QPW_MODE_H
#define _LINUX_QPW_MODE_H

#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/types.h>

struct cpumask;

#ifdef CONFIG_QPW

#include <linux/jump_label.h>
#include <linux/percpu.h>

/**
 * enum qpw_mode - how the locks of a CPU work, and which CPU drains its caches
 * @QPW_LOCAL: Only the CPU itself takes its locks, without an atomic operation.
 * @QPW_REMOTE: Its locks are spinlocks, and other CPUs drain its caches.
 * @QPW_LEAVING: Its locks are still spinlocks, because a drain that started in
 *	remote mode may be in progress.  New drains queue work.
 */
enum qpw_mode {
	QPW_LOCAL,
	QPW_REMOTE,
	QPW_LEAVING,
};

/* True once a CPU may be in another mode than QPW_LOCAL */
DECLARE_STATIC_KEY_FALSE(qpw_possible);
DECLARE_PER_CPU_READ_MOSTLY(int, qpw_mode);

/* How often a CPU that is not in local mode found its own lock taken */
DECLARE_PER_CPU(unsigned long, qpw_owner_waits);

static inline enum qpw_mode qpw_mode_of(int cpu)
{
	if (!static_branch_unlikely(&qpw_possible))
		return QPW_LOCAL;
	/* Pairs with the release in qpw_publish_mode(). */
	return smp_load_acquire(per_cpu_ptr(&qpw_mode, cpu));
}

static inline bool __qpw_is_cpu_remote(int cpu)
{
	return qpw_mode_of(cpu) == QPW_REMOTE;
}

static inline bool __qpw_is_possible(void)
{
	return static_branch_unlikely(&qpw_possible);
}

/* Called with preemption disabled; the answer is stable until it is enabled. */
static __always_inline bool qpw_in_local_mode(void)
{
	if (!static_branch_unlikely(&qpw_possible))
		return true;
	/*
	 * The only concurrent writes replace QPW_REMOTE with QPW_LEAVING, or
	 * the reverse, and neither of them is local.
	 */
	return likely(data_race(__this_cpu_read(qpw_mode)) == QPW_LOCAL);
}

#ifdef CONFIG_LOCKDEP
void __qpw_check_cpu(int cpu);
#else
static inline void __qpw_check_cpu(int cpu) { }
#endif

/**
 * struct qpw_stats - the counters of a CPU
 * @queued: Work items queued on the CPU.
 * @remote_runs: Work that its caller or qpw/N ran, because the CPU was in
 *	remote mode.
 * @owner_waits: Times that the CPU found its own lock taken, while it was not
 *	in local mode.  Not counted on PREEMPT_RT.
 * @remote_waits: Times that a drainer had to wait for a lock of the CPU.  Not
 *	counted on PREEMPT_RT.
 * @longest_hold: The longest time, in ns, that a drainer held a lock of the
 *	CPU.
 */
struct qpw_stats {
	unsigned long	queued;
	unsigned long	remote_runs;
	unsigned long	owner_waits;
	unsigned long	remote_waits;
	u64		longest_hold;
};

int qpw_set_remote(int cpu, bool remote);
bool qpw_follows_isolation(void);
void qpw_begin_isolation(const struct cpumask *isolated);
void qpw_end_isolation(void);
void qpw_read_stats(int cpu, struct qpw_stats *stats);
void __init qpw_start_remote(const struct cpumask *cpus);
void __init qpw_init(void);

#else /* !CONFIG_QPW */

static __always_inline bool qpw_in_local_mode(void)
{
	return true;
}

static inline bool __qpw_is_cpu_remote(int cpu)
{
	return false;
}

static inline bool __qpw_is_possible(void)
{
	return false;
}

static inline void qpw_init(void) { }

static inline bool qpw_follows_isolation(void)
{
	return false;
}

static inline void qpw_begin_isolation(const struct cpumask *isolated) { }
static inline void qpw_end_isolation(void) { }

#endif /* !CONFIG_QPW */

/**
 * qpw_is_cpu_remote - Is a CPU in remote mode?
 * @cpu: Any possible CPU.
 *
 * Context: Any.  The result may be stale immediately.  On @cpu itself with
 * preemption disabled, however, @cpu does not enter remote mode.  If the result
 * is true in an RCU read-side critical section, @cpu does not return to local
 * mode before that critical section ends.
 *
 * Return: true if other CPUs drain @cpu's caches.
 */
static inline bool qpw_is_cpu_remote(int cpu)
{
	return __qpw_is_cpu_remote(cpu);
}

/**
 * qpw_owner_needs_lock - Can another CPU drain this CPU's caches?
 *
 * For caches that cannot use a qpw_lock_t, because their critical sections must
 * not sleep on PREEMPT_RT.  Such a cache has a raw spinlock for each CPU.  The
 * owner takes it only if this function returns true.  A drainer always takes
 * it: in a work function that runs remotely, in a CPU hotplug callback for a
 * dead CPU, or in an RCU read-side critical section in which
 * qpw_is_cpu_remote() returned true.  Both disable interrupts, and take no
 * other lock while they hold the raw spinlock.
 *
 * Context: On the cache's own CPU, with interrupts disabled until the end of
 * the critical section.  The result does not change before that.
 *
 * Return: true if this CPU is in remote mode, or is leaving it.
 */
static __always_inline bool qpw_owner_needs_lock(void)
{
	return !qpw_in_local_mode();
}

/**
 * qpw_is_possible - Has any CPU been in remote mode?
 *
 * For code that is needed only if a CPU's caches may have been drained
 * remotely.
 *
 * Context: Any.  Once it is true it remains so.
 *
 * Return: true if a CPU is or was in remote mode, or is about to be.
 */
static inline bool qpw_is_possible(void)
{
	return __qpw_is_possible();
}

#endif /* _LINUX_QPW_MODE_H */
