// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): modes follow the partitions that cpusets isolate
 */

#include <linux/cpumask.h>
#include <linux/qpw_mode.h>

#include "internal.h"

/**
 * qpw_follows_isolation - Do isolated partitions change modes?
 *
 * Return: true with qpw=auto.
 */
bool qpw_follows_isolation(void)
{
	return qpw_is_auto;
}

/**
 * qpw_begin_isolation - Put the CPUs that are isolated now into remote mode
 * @isolated: All CPUs in isolated partitions.
 *
 * With qpw=auto, the CPUs in remote mode are those that the command line or a
 * partition isolates.  Does nothing if qpw= selects CPUs.
 *
 * Context: Process context, may sleep.  housekeeping_update() calls it before
 * it waits for an RCU grace period.
 */
void qpw_begin_isolation(const struct cpumask *isolated)
{
	/* The caller holds a mutex. */
	static struct cpumask cpus;

	if (!qpw_is_auto)
		return;
	cpumask_or(&cpus, isolated, &qpw_boot_cpus);
	qpw_begin_update(&cpus);
}

/**
 * qpw_end_isolation - Let the CPUs that are no longer isolated enter local mode
 *
 * Context: Process context, may sleep.  The last step of housekeeping_update().
 */
void qpw_end_isolation(void)
{
	if (qpw_is_auto)
		qpw_end_update();
}
