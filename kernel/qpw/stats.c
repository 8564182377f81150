// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): counters, tracepoints, and the file in debugfs
 */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/minmax.h>
#include <linux/qpw_mode.h>
#include <linux/seq_file.h>
#include <kunit/visibility.h>

#define CREATE_TRACE_POINTS
#include "stats.h"

#if IS_ENABLED(CONFIG_KUNIT)
EXPORT_TRACEPOINT_SYMBOL_GPL(qpw_remote_hold);
#endif

DEFINE_PER_CPU_ALIGNED(struct qpw_counters, qpw_counters);
DEFINE_PER_CPU(struct qpw_hold, qpw_hold);

DEFINE_PER_CPU(unsigned long, qpw_owner_waits);
EXPORT_PER_CPU_SYMBOL_GPL(qpw_owner_waits);

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

/* Called after the release, so that nothing waits for a tracer. */
void qpw_note_unlocked(int cpu, u64 until)
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
