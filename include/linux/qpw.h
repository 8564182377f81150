/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): drain another CPU's cache without disturbing it
 *
 * The idea and the names come from Leonardo Bras and Marcelo Tosatti, see
 * https://lore.kernel.org/linux-mm/20260323175544.807534301@redhat.com/
 */

/**
 * DOC: Semantics
 *
 * Only the owner, the CPU that a per-CPU cache belongs to, takes the lock of
 * that cache.  To drain the cache, another CPU must queue work on the owner.
 * On an isolated CPU that work preempts the task that the CPU is isolated for.
 * If this is a real-time task that does not yield, the work runs only in the
 * time that the deadline server takes from the task, and without that server it
 * never runs.  With QPW a CPU can be put into *remote mode*: other CPUs then
 * take the locks of its caches as well.  queue_percpu_work_on() then runs the
 * work function in its caller, or on PREEMPT_RT in a thread that works for the
 * caller.
 *
 * Each CPU has its own mode, which determines what the calls do:
 *
 * ===============  ================  ================  ====================
 * ..               local_qpw_lock    qpw_lock          queue_percpu_work_on
 * ===============  ================  ================  ====================
 * CONFIG_QPW=n     as local_lock     for its own CPU   queues the work
 * in local mode    as local_lock     for its own CPU   queues the work
 * in remote mode   takes a spinlock  takes the same    runs it immediately
 * PREEMPT_RT       as local_lock     takes the same    by mode, as above
 * ===============  ================  ================  ====================
 *
 * CPU hotplug callbacks may take the lock of an offline CPU in any mode.
 *
 * The argument @cpu of qpw_lock() and its variants selects the CPU whose lock
 * to take.  Work functions use these; they get @cpu from qpw_get_cpu().  Queued
 * work runs on its own CPU, and work for a CPU in remote mode runs inside
 * queue_percpu_work_on().  All other code works on the cache of the CPU that it
 * runs on.  It uses local_qpw_lock(), which first disables preemption
 * (PREEMPT_RT: migration) and then looks up the CPU.
 *
 * Which variant a work function needs depends on how the owner uses the lock:
 *
 * ==========================================  ==============================
 * the owner uses                              the work function uses
 * ==========================================  ==============================
 * local_qpw_lock(), local_qpw_trylock()       qpw_lock()
 * the ``_irq``, ``_irqsave`` or               qpw_lock_irq()
 * ``_nested_bh`` variant
 * any of these, and the caller cannot sleep   qpw_trylock()
 * ==========================================  ==============================
 *
 * The first two differ only without ``CONFIG_QPW``, where they are local_lock()
 * and local_lock_irq().  With it, another CPU may be waiting for the lock, so
 * both keep interrupts disabled until the unlock.  On PREEMPT_RT neither does.
 *
 * Do not hold the locks of two CPUs at once.  Hold another CPU's lock only to
 * move the cached objects aside, and process them after the unlock.  If other
 * code takes an empty cache to mean that all objects have been processed,
 * detach objects only under a mutex that this code takes as well.  Release the
 * mutex only after flush_percpu_work() has returned.
 *
 * **Setup.**  INIT_QPW() sets up the work once.  The work can then be queued
 * any number of times, even while it is pending, and by several callers at
 * once.  Unlike the function of a work item, its function can run in several
 * contexts at the same time: for each caller that queues it for a CPU in remote
 * mode, and, if the mode has just changed, in a worker.  The lock of the cache
 * serializes them.  As with flush_work(), a flush does not wait for work that
 * another caller is about to queue.  If several callers queue the same work and
 * rely on it being complete, they must therefore hold a mutex from queueing to
 * flushing.
 *
 * **USAGE**::
 *
 *	struct widget_cache {
 *		qpw_lock_t		lock;
 *		struct list_head	widgets;
 *	};
 *
 *	static DEFINE_PER_CPU(struct widget_cache, widget_caches) = {
 *		.lock = INIT_QPW_LOCK(lock),
 *	};
 *	static DEFINE_PER_CPU(struct qpw_struct, widget_drains);
 *	static struct workqueue_struct *widget_wq;
 *	static DEFINE_MUTEX(widget_drain_lock);
 *
 *	void widget_put(struct widget *widget)
 *	{
 *		guard(local_qpw_lock)(&widget_caches.lock);
 *		list_add(&widget->node, this_cpu_ptr(&widget_caches.widgets));
 *	}
 *
 *	static void widget_drain(struct qpw_struct *qpw)
 *	{
 *		int cpu = qpw_get_cpu(qpw);
 *		LIST_HEAD(widgets);
 *
 *		scoped_guard(qpw_lock, &widget_caches.lock, cpu)
 *			list_splice_init(per_cpu_ptr(&widget_caches.widgets,
 *						     cpu), &widgets);
 *		widgets_free(&widgets);
 *	}
 *
 *	void __init widget_init(void)
 *	{
 *		int cpu;
 *
 *		widget_wq = alloc_workqueue("widget", WQ_PERCPU, 0);
 *		for_each_possible_cpu(cpu)
 *			INIT_QPW(per_cpu_ptr(&widget_drains, cpu), widget_drain,
 *				 cpu);
 *	}
 *
 *	// housekeeping_update() calls it
 *	void widget_flush_workqueue(void)
 *	{
 *		flush_workqueue(widget_wq);
 *	}
 *
 *	void widget_drain_all(void)
 *	{
 *		int cpu;
 *
 *		guard(cpus_read_lock)();
 *		guard(mutex)(&widget_drain_lock);
 *		queue_percpu_work_on_cpus(cpu_online_mask, widget_wq,
 *					  &widget_drains);
 *		for_each_online_cpu(cpu)
 *			flush_percpu_work(per_cpu_ptr(&widget_drains, cpu));
 *	}
 */
#ifndef _LINUX_QPW_H
#define _LINUX_QPW_H

#include <linux/qpw_guard.h>
#include <linux/qpw_lock.h>
#include <linux/qpw_mode.h>
#include <linux/qpw_work.h>

#endif /* _LINUX_QPW_H */
