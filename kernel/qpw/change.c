// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): change the modes of CPUs while they run
 */

/**
 * DOC: Changing modes
 *
 * An update names all CPUs that are to be in remote mode.  It does not wait for
 * drainers.  A drainer can be stuck, for example behind a lock owner that a
 * real-time task has preempted, while the caller of the update holds locks of
 * the cpuset subsystem.
 *
 * - *Begin.*  CPUs that are named enter remote mode.  CPUs that are no longer
 *   named become leaving.
 * - *RCU grace period*, for which the caller of the update waits.  After that,
 *   no more work is queued on the CPUs that are named.  The caller then flushes
 *   the workqueues.
 * - *End.*  The leave work starts.  It puts each leaving CPU into local mode if
 *   a grace period has passed since it began to leave and it has no drainers.
 *   Otherwise it tries again later.  In leaving mode the locks of a CPU are
 *   slower than in local mode, and that is all.
 *
 * The leave work runs on an unbound workqueue.  An update cancels it at its
 * begin and queues it at its end, when unbound workers no longer use the CPUs
 * that have been isolated.  Otherwise it could be caught on one of these.  It
 * is queued without a delay, because the timer of a delayed work would be that
 * of the current CPU, which may have been isolated.
 *
 * **Locks.**  cpuset_top_mutex, qpw_mode_lock, CPU hotplug lock, stopper.  The
 * hotplug lock comes after qpw_mode_lock because an update has to create
 * threads on PREEMPT_RT.  A holder of qpw_mode_lock waits for the hotplug lock,
 * stopper threads, the patching of the static key and the creation of threads.
 * Neither QPW work functions nor CPU hotplug callbacks take it.  A drainer that
 * holds the hotplug lock delays an update only if CPU hotplug waits for that
 * lock, too.
 */

#define pr_fmt(fmt) "qpw: " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/qpw_mode.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/stop_machine.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>

#include "internal.h"

/* Serializes changes of modes, and protects the variables below */
static DEFINE_MUTEX(qpw_mode_lock);

struct cpumask qpw_wanted;

/* For a leaving CPU: the grace period that must have passed */
static DEFINE_PER_CPU(struct rcu_gp_seq, qpw_left);

static void qpw_leave_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(qpw_leave_work, qpw_leave_fn);
static unsigned long qpw_leave_delay = 1;

/*
 * Runs in the stopper thread: no critical section of this CPU is in progress.
 */
static int qpw_enter_mode(void *arg)
{
	qpw_publish_mode(smp_processor_id(), (long)arg);
	return 0;
}

static void qpw_change_mode(int cpu, enum qpw_mode mode)
{
	if (!cpu_online(cpu))
		qpw_publish_mode(cpu, mode);
	else
		WARN_ON_ONCE(stop_one_cpu(cpu, qpw_enter_mode,
					  (void *)(long)mode));
}

static void qpw_begin_to_leave(int cpu)
{
	qpw_publish_mode(cpu, QPW_LEAVING);
	start_poll_synchronize_rcu_full(per_cpu_ptr(&qpw_left, cpu));
	qpw_leave_delay = 1;
}

static void qpw_begin_change(int cpu)
{
	enum qpw_mode mode = qpw_mode_of(cpu);

	if (!cpumask_test_cpu(cpu, &qpw_wanted)) {
		if (mode == QPW_REMOTE)
			qpw_begin_to_leave(cpu);
	} else if (mode == QPW_LEAVING) {
		/* The CPU takes its locks in the same way in both modes. */
		qpw_publish_mode(cpu, QPW_REMOTE);
	} else if (mode == QPW_LOCAL) {
		qpw_change_mode(cpu, QPW_REMOTE);
	}
}

static int qpw_start_wanted_threads(void)
{
	int err;

	lockdep_assert_held(&qpw_mode_lock);
	err = qpw_start_threads(&qpw_wanted);
	if (err)
		pr_warn("cannot start the threads that drain CPUs %*pbl (%d), will try again; until then a preempted lock holder does not inherit their priority\n",
			cpumask_pr_args(&qpw_wanted), err);
	return err;
}

/* Changes modes as far as that is possible without waiting for drainers. */
static void qpw_begin_changes(void)
{
	int cpu;

	qpw_start_wanted_threads();

	guard(cpus_read_lock)();
	if (!cpumask_empty(&qpw_wanted) && !static_key_enabled(&qpw_possible))
		static_branch_enable_cpuslocked(&qpw_possible);
	for_each_possible_cpu(cpu)
		qpw_begin_change(cpu);
}

static bool qpw_may_end_leaving(int cpu)
{
	return poll_state_synchronize_rcu_full(per_cpu_ptr(&qpw_left, cpu)) &&
	       !qpw_has_drainers(cpu);
}

/* Returns whether the CPU must stay in leaving mode. */
static bool qpw_stays_leaving(int cpu)
{
	if (qpw_mode_of(cpu) != QPW_LEAVING)
		return false;
	if (!qpw_may_end_leaving(cpu))
		return true;
	qpw_change_mode(cpu, QPW_LOCAL);
	return false;
}

static void qpw_leave_fn(struct work_struct *work)
{
	bool again;
	int cpu;

	guard(mutex)(&qpw_mode_lock);
	/* A signal may have kept the caller of an update from starting them. */
	again = qpw_start_threads(&qpw_wanted);

	guard(cpus_read_lock)();
	for_each_possible_cpu(cpu)
		again |= qpw_stays_leaving(cpu);
	if (!again)
		return;
	qpw_leave_delay = min(2 * qpw_leave_delay, HZ);
	queue_delayed_work(system_dfl_wq, &qpw_leave_work, qpw_leave_delay);
}

/**
 * qpw_begin_update - Begin to put some CPUs into remote mode, all others into
 *	local mode
 * @cpus: The CPUs that are to be in remote mode.
 *
 * "Changing modes" above says what the caller must do next.  If a thread cannot
 * be started on PREEMPT_RT, the kernel logs a warning and tries again later.
 *
 * Context: Process context, may sleep.  Takes the CPU hotplug lock.
 */
void qpw_begin_update(const struct cpumask *cpus)
{
	cancel_delayed_work_sync(&qpw_leave_work);
	guard(mutex)(&qpw_mode_lock);
	cpumask_copy(&qpw_wanted, cpus);
	qpw_begin_changes();
}

/**
 * qpw_end_update - Let CPUs enter local mode
 *
 * Context: Process context, after qpw_begin_update().  Unbound workers no
 * longer use isolated CPUs.
 */
void qpw_end_update(void)
{
	mod_delayed_work(system_dfl_wq, &qpw_leave_work, 0);
}

/**
 * qpw_set_remote - Make a CPU remote or local
 * @cpu: Any possible CPU, online or not.
 * @remote: Whether other CPUs may drain its caches.
 *
 * Waits until @cpu is in that mode.  For tests: a partition that is made or
 * ended, even in the meantime, decides anew.
 *
 * Context: Process context, may sleep.  Must not be called from a QPW work
 * function.  Takes the CPU hotplug lock.
 *
 * Return: 0 on success or if @cpu is in that mode already, -EINVAL if @cpu
 * does not exist.
 */
int qpw_set_remote(int cpu, bool remote)
{
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return -EINVAL;

	qpw_may_wait_for_drainers();
	scoped_guard(mutex, &qpw_mode_lock) {
		assign_cpu(cpu, &qpw_wanted, remote);
		qpw_begin_changes();
	}
	qpw_end_update();
	while (qpw_mode_of(cpu) == QPW_LEAVING)
		schedule_timeout_uninterruptible(1);
	return 0;
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
	cpumask_copy(&qpw_wanted, cpus);
	for_each_cpu(cpu, cpus)
		qpw_publish_mode(cpu, QPW_REMOTE);
}

static int __init qpw_start_boot_threads(void)
{
	int err;

	scoped_guard(mutex, &qpw_mode_lock)
		err = qpw_start_wanted_threads();
	if (err)
		qpw_end_update();
	return 0;
}
core_initcall(qpw_start_boot_threads);
