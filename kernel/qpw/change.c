// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): a CPU changes its mode while it runs
 *
 * "How it works" in mode.c says why no critical section sees the change.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/qpw_mode.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>
#include <linux/smp.h>
#include <linux/srcu.h>
#include <linux/stop_machine.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>

#include "internal.h"

/* Serializes changes of modes */
static DEFINE_MUTEX(qpw_mode_lock);

/* Returns whether drainer threads and the wait for drainers may run on @cpu. */
bool qpw_is_housekeeper(int cpu)
{
	guard(rcu)();
	return housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN) &&
	       housekeeping_test_cpu(cpu, HK_TYPE_KERNEL_NOISE) &&
	       !__qpw_is_cpu_remote(cpu);
}

/*
 * Runs in the stopper thread: no critical section of this CPU is in progress.
 */
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
 * Return: 0 on success or if @cpu is in that mode already, -EINVAL if @cpu
 * does not exist, -ENOMEM or -EINTR if @cpu's thread cannot be started on
 * PREEMPT_RT.
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
