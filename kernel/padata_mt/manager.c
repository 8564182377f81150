// SPDX-License-Identifier: GPL-2.0-only
/*
 * manager.c - the creation and the end of the workers of multithreaded jobs
 */

#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "internal.h"

/* The idle time after which a worker exits, in ms */
static unsigned int padata_mt_idle_ms __read_mostly = 60 * MSEC_PER_SEC;

static struct padata_mt_worker *padata_mt_create_worker(void)
{
	struct padata_mt_worker *worker = kzalloc_obj(*worker);
	struct task_struct *task;

	if (!worker)
		return NULL;

	task = kthread_create(padata_mt_work, worker, "padata_mt");
	if (IS_ERR(task)) {
		kfree(worker);
		return NULL;
	}

	INIT_LIST_HEAD(&worker->node);
	INIT_LIST_HEAD(&worker->thread.node);
	worker->thread.task = task;

	/* A bound thread, so that user space cannot change its CPU mask. */
	padata_mt_copy_housekeeping(&worker->cpus);
	kthread_bind_mask(task, &worker->cpus);

	return worker;
}

static void padata_mt_add_workers(void)
{
	struct padata_mt_worker *worker;

	while (padata_mt_lacks_workers()) {
		worker = padata_mt_create_worker();
		if (!worker)
			break;
		scoped_guard(raw_spinlock, &padata_mt_pool.lock)
			WRITE_ONCE(padata_mt_pool.workers,
				   padata_mt_pool.workers + 1);
		wake_up_process(worker->thread.task);
	}
}

static struct padata_mt_worker *padata_mt_take_unused(void)
{
	struct padata_mt_worker *worker;

	guard(raw_spinlock)(&padata_mt_pool.lock);

	list_for_each_entry_reverse(worker, &padata_mt_pool.idle, node) {
		if (time_before(jiffies, worker->idle_since +
				msecs_to_jiffies(READ_ONCE(padata_mt_idle_ms))))
			continue;
		list_del_init(&worker->node);
		WRITE_ONCE(padata_mt_pool.workers, padata_mt_pool.workers - 1);
		return worker;
	}

	return NULL;
}

/* The CPUs of an idle worker may have been isolated since its last run. */
static void padata_mt_end_workers(void)
{
	struct padata_mt_worker *worker;

	while ((worker = padata_mt_take_unused())) {
		padata_mt_copy_housekeeping(&worker->cpus);
		set_cpus_allowed_ptr(worker->thread.task, &worker->cpus);
		/*
		 * kthread_stop() waits, and a thread at nice 19 may take a long
		 * time to exit.
		 */
		set_user_nice(worker->thread.task, 0);
		kthread_stop(worker->thread.task);
		kfree(worker);
	}
}

static void padata_mt_manage(struct work_struct *work)
{
	padata_mt_add_workers();
	padata_mt_end_workers();

	/* Only this function changes the number of workers. */
	if (padata_mt_pool.workers)
		queue_delayed_work(system_dfl_wq, &padata_mt_pool.manager,
				   1 + msecs_to_jiffies(READ_ONCE(padata_mt_idle_ms)));
}

#if IS_ENABLED(CONFIG_KUNIT) || IS_ENABLED(CONFIG_PADATA_MT_DEBUG)
/* Ends the workers that have been idle for longer than the new value. */
VISIBLE_IF_KUNIT int padata_mt_set_idle_ms(const char *val,
					   const struct kernel_param *kp)
{
	unsigned int ms;
	int err = kstrtouint(val, 0, &ms);

	if (err)
		return err;
	WRITE_ONCE(padata_mt_idle_ms, ms);
	if (padata_mt_pool.ready)
		mod_delayed_work(system_dfl_wq, &padata_mt_pool.manager, 0);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_set_idle_ms);
#endif

#ifdef CONFIG_PADATA_MT_DEBUG
static const struct kernel_param_ops padata_mt_idle_ms_ops = {
	.set = padata_mt_set_idle_ms,
	.get = param_get_uint,
};
module_param_cb(idle_ms, &padata_mt_idle_ms_ops, &padata_mt_idle_ms, 0644);
MODULE_PARM_DESC(idle_ms, "How long a helper is idle before it ends, in ms");
#endif

/* Runs after workqueue_init() and before the first job. */
static int __init padata_mt_init(void)
{
	INIT_DELAYED_WORK(&padata_mt_pool.manager, padata_mt_manage);
	padata_mt_pool.ready = true;
	return 0;
}
early_initcall(padata_mt_init);
