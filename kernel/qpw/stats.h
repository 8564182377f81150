/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): counters, and how long drainers hold locks
 */

#ifndef _KERNEL_QPW_STATS_H
#define _KERNEL_QPW_STATS_H

#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <trace/events/qpw.h>

/* Not in the cacheline of the mode, because other CPUs write these. */
struct qpw_counters {
	atomic_long_t	queued;
	atomic_long_t	remote_runs;
	atomic_long_t	remote_waits;
	atomic64_t	longest_hold;
};

DECLARE_PER_CPU_ALIGNED(struct qpw_counters, qpw_counters);

static inline struct qpw_counters *qpw_counters_of(int cpu)
{
	return per_cpu_ptr(&qpw_counters, cpu);
}

/*
 * The lock of another CPU that this CPU holds.  It holds one at most, and does
 * not schedule until it releases the lock.
 */
struct qpw_hold {
	u64	asked;	/* 0 if not traced */
	u64	since;	/* 0 if the lock is this CPU's own */
};

DECLARE_PER_CPU(struct qpw_hold, qpw_hold);

/* The time before the first attempt to take a lock, 0 if not traced */
static inline u64 qpw_clock_if_traced(void)
{
	return trace_qpw_remote_hold_enabled() ? local_clock() : 0;
}

static inline void qpw_note_locked(int cpu, u64 asked)
{
	bool remote = cpu != smp_processor_id();

	__this_cpu_write(qpw_hold.asked, asked);
	__this_cpu_write(qpw_hold.since, remote ? local_clock() : 0);
}

/* The time of the release, if it is the lock of another CPU */
static inline u64 qpw_end_of_hold(void)
{
	return __this_cpu_read(qpw_hold.since) ? local_clock() : 0;
}

void qpw_note_unlocked(int cpu, u64 until);

#endif /* _KERNEL_QPW_STATS_H */
