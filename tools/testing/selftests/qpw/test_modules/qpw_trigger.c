// SPDX-License-Identifier: GPL-2.0-only
/*
 * Use slab caches on many CPUs, and free objects by kfree_rcu(), for tests of
 * QPW.  Files in debugfs/qpw_trigger:
 *
 * destroy:	write a number.  That many times, the module creates a cache,
 *		shrinks it while it is in use, and destroys it right after
 *		freeing objects
 * barrier:	write a number.  That many times, the module frees objects, and
 *		checks after kvfree_rcu_barrier() that they are gone
 * deferred:	write the number of a CPU.  It defers call_rcu() for old objects
 *		right before another task flushes its sheaves for
 *		kvfree_rcu_barrier().  The module then checks that the objects
 *		are gone
 * nolock:	write a number.  kfree_nolock() frees that many objects of the
 *		cache qpw_trigger_nolock, which nothing else uses, while a raw
 *		spinlock is held
 * switch:	write the number of a CPU.  kfree_nolock() frees objects of that
 *		cache at each context switch of the CPU, with the lock of its
 *		runqueue held, while the writer drains its sheaves.  Read how
 *		many objects were freed
 * stuck:	write the number of a CPU.  kfree_rcu_nolock() and
 *		kfree_nolock() free objects in an interrupt on it, and the cache
 *		of the former is destroyed after kvfree_rcu_barrier()
 *
 * The module uses the CPUs that the writer may use.  A write fails with EIO if
 * an object had two owners or outlived the barrier.  Without init_on_free=1 the
 * latter cannot be detected, and the files barrier and deferred fail with
 * EOPNOTSUPP.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#define TRIGGER_OBJECTS		200
#define TRIGGER_HAND		16
#define TRIGGER_SHRINKS		20
/* Few enough old objects that they do not fill a sheaf */
#define TRIGGER_OLD		8
#define TRIGGER_NOLOCK		64
#define TRIGGER_NOLOCK_SIZE	192
#define TRIGGER_SWITCH		24
#define TRIGGER_ROUNDS		200
#define TRIGGER_MARK		0x5aa5c33cUL
#define TRIGGER_PATIENCE	(10ULL * NSEC_PER_SEC)
#define TRIGGER_QUIET		(200ULL * NSEC_PER_MSEC)

/*
 * Freeing may wipe an object, or overwrite its middle with a pointer.  The mark
 * is after that pointer.
 */
struct trigger_object {
	struct kvfree_rcu_head	rcu;
	char			data[104];
	unsigned long		mark;
};

/*
 * The work of one CPU.  It keeps an object on each page, so that the page stays
 * in the cache and the mark of freed objects can be read.
 */
struct trigger_share {
	struct work_struct	work;
	struct trigger_run	*run;
	unsigned int		clashes;
	unsigned int		nr_kept;
	unsigned int		nr_freed;
	struct trigger_object	*kept[TRIGGER_OBJECTS];
	struct trigger_object	*freed[TRIGGER_OBJECTS];
};

struct trigger_run {
	struct kmem_cache	*cache;
	struct cpumask		cpus;
	bool			stop;
	struct trigger_share	share[];
};

static struct workqueue_struct *trigger_wq;

static struct kmem_cache *trigger_create(const char *name)
{
	return kmem_cache_create(name, sizeof(struct trigger_object), 0,
				 SLAB_NO_MERGE, NULL);
}

static bool trigger_is_pinned(struct trigger_share *share,
			      struct trigger_object *obj)
{
	void *last;

	if (!share->nr_kept)
		return false;
	last = share->kept[share->nr_kept - 1];
	return PAGE_ALIGN_DOWN((unsigned long)last) ==
	       PAGE_ALIGN_DOWN((unsigned long)obj);
}

static void trigger_alloc(struct work_struct *work)
{
	struct trigger_share *share;
	struct trigger_object *obj;
	int i;

	share = container_of(work, struct trigger_share, work);
	share->nr_kept = 0;
	share->nr_freed = 0;
	for (i = 0; i < TRIGGER_OBJECTS; i++) {
		obj = kmem_cache_alloc(share->run->cache, GFP_KERNEL);
		if (!obj)
			break;
		obj->mark = TRIGGER_MARK;
		if (trigger_is_pinned(share, obj))
			share->freed[share->nr_freed++] = obj;
		else
			share->kept[share->nr_kept++] = obj;
	}
}

static void trigger_free(struct work_struct *work)
{
	struct trigger_share *share;
	int i;

	share = container_of(work, struct trigger_share, work);
	for (i = 0; i < share->nr_freed; i++)
		kfree_rcu(share->freed[i], rcu);
}

/* If the object has a second owner, that owner overwrites the mark. */
static void trigger_use_one(struct trigger_share *share, int i)
{
	struct trigger_object *obj = share->freed[i];

	if (!obj)
		return;
	if (READ_ONCE(obj->mark) != (unsigned long)&share->freed[i])
		share->clashes++;
	if (i % 8)
		kmem_cache_free(share->run->cache, obj);
	else
		kfree_rcu(obj, rcu);
}

/* Allocates and frees objects, a handful at a time, until it is stopped. */
static void trigger_churn(struct work_struct *work)
{
	struct trigger_share *share;
	struct trigger_object *obj;
	int i;

	share = container_of(work, struct trigger_share, work);
	while (!READ_ONCE(share->run->stop)) {
		for (i = 0; i < TRIGGER_HAND; i++) {
			obj = kmem_cache_alloc(share->run->cache, GFP_KERNEL);
			if (obj)
				obj->mark = (unsigned long)&share->freed[i];
			share->freed[i] = obj;
		}
		for (i = 0; i < TRIGGER_HAND; i++)
			trigger_use_one(share, i);
		cond_resched();
	}
}

static void trigger_free_kept(struct work_struct *work)
{
	struct trigger_share *share;
	int i;

	share = container_of(work, struct trigger_share, work);
	for (i = 0; i < share->nr_kept; i++)
		kmem_cache_free(share->run->cache, share->kept[i]);
}

/*
 * Counts the objects among the first @most that have not been freed.  KASAN
 * does not check this, because it would report the freed ones.
 */
static unsigned int trigger_count_alive(struct trigger_share *share, int most)
{
	unsigned int alive = 0;
	int i;

	for (i = 0; i < share->nr_freed && i < most; i++)
		alive += READ_ONCE_NOCHECK(share->freed[i]->mark) ==
			 TRIGGER_MARK;
	return alive;
}

static struct trigger_run *trigger_new_run(struct kmem_cache *cache)
{
	struct trigger_run *run;
	int cpu;

	run = kvzalloc_flex(*run, share, nr_cpu_ids);
	if (!run)
		return NULL;
	run->cache = cache;
	cpumask_copy(&run->cpus, current->cpus_ptr);
	for_each_cpu(cpu, &run->cpus)
		run->share[cpu].run = run;
	return run;
}

/* On all CPUs of @run.  If one is offline, another CPU does its share. */
static void trigger_start(struct trigger_run *run, work_func_t func)
{
	int cpu;

	cpus_read_lock();
	for_each_cpu(cpu, &run->cpus) {
		INIT_WORK(&run->share[cpu].work, func);
		queue_work_on(cpu_online(cpu) ? cpu : cpumask_any(cpu_online_mask),
			      trigger_wq, &run->share[cpu].work);
	}
	cpus_read_unlock();
}

static void trigger_finish(struct trigger_run *run)
{
	int cpu;

	for_each_cpu(cpu, &run->cpus)
		flush_work(&run->share[cpu].work);
}

static void trigger_do(struct trigger_run *run, work_func_t func)
{
	trigger_start(run, func);
	trigger_finish(run);
}

/* The caches of all CPUs are flushed again and again while they are in use. */
static int trigger_shrink(struct trigger_run *run)
{
	unsigned int clashes = 0;
	int i, cpu;

	trigger_start(run, trigger_churn);
	for (i = 0; i < TRIGGER_SHRINKS; i++)
		kmem_cache_shrink(run->cache);
	kvfree_rcu_barrier();
	WRITE_ONCE(run->stop, true);
	trigger_finish(run);

	for_each_cpu(cpu, &run->cpus)
		clashes += run->share[cpu].clashes;
	if (!clashes)
		return 0;
	pr_info("%u objects had two owners\n", clashes);
	return -EIO;
}

/* If an object is left, kmem_cache_destroy() warns. */
static int trigger_destroy_once(void)
{
	struct kmem_cache *cache = trigger_create("qpw_trigger_brief");
	struct trigger_run *run;
	int err = -ENOMEM;

	if (!cache)
		return -ENOMEM;
	run = trigger_new_run(cache);
	if (run) {
		err = trigger_shrink(run);
		trigger_do(run, trigger_alloc);
		trigger_do(run, trigger_free_kept);
		trigger_do(run, trigger_free);
	}
	kmem_cache_destroy(cache);
	kvfree(run);
	return err;
}

static int trigger_destroy(void *unused, u64 rounds)
{
	int err = 0;

	while (rounds-- && !err)
		err = trigger_destroy_once();
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(trigger_destroy_fops, NULL, trigger_destroy, "%llu\n");

static int trigger_barrier_once(struct trigger_run *run)
{
	unsigned int alive = 0;
	int cpu;

	trigger_do(run, trigger_alloc);
	trigger_do(run, trigger_free);
	kvfree_rcu_barrier();
	for_each_cpu(cpu, &run->cpus)
		alive += trigger_count_alive(&run->share[cpu], TRIGGER_OBJECTS);
	trigger_do(run, trigger_free_kept);
	if (!alive)
		return 0;
	pr_info("%u objects outlived kvfree_rcu_barrier()\n", alive);
	return -EIO;
}

static int trigger_in_cache(int (*func)(struct trigger_run *run, u64 value),
			    u64 value)
{
	struct trigger_run *run = NULL;
	struct kmem_cache *cache;
	int err = -ENOMEM;

	if (!want_init_on_free())
		return -EOPNOTSUPP;
	cache = trigger_create("qpw_trigger");
	if (cache)
		run = trigger_new_run(cache);
	if (run)
		err = func(run, value);
	kmem_cache_destroy(cache);
	kvfree(run);
	return err;
}

static int trigger_barriers(struct trigger_run *run, u64 rounds)
{
	int err = 0;

	while (rounds-- && !err)
		err = trigger_barrier_once(run);
	return err;
}

static int trigger_barrier(void *unused, u64 rounds)
{
	return trigger_in_cache(trigger_barriers, rounds);
}
DEFINE_DEBUGFS_ATTRIBUTE(trigger_barrier_fops, NULL, trigger_barrier, "%llu\n");

/*
 * The steps of a race, in this order: the CPU has freed old objects and waits;
 * another task is about to flush its sheaves, and waits; the CPU has filled its
 * sheaf.
 */
enum {
	RACE_OFF,
	RACE_OLD_FREED,
	RACE_FLUSHING,
	RACE_FILLED,
};

static struct {
	int	cpu;
	int	step;
	u64	last_flush;
} trigger_race;

static bool trigger_await(int step, u64 patience)
{
	u64 end = local_clock() + patience;

	/* Pairs with the releases in trigger_race_fn(). */
	while (smp_load_acquire(&trigger_race.step) != step) {
		if (local_clock() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/* Called at qpw_queue and qpw_remote_run: a cache of @cpu is about to be flushed. */
static void trigger_probe(void *unused, int cpu, void *func)
{
	if (cpu != READ_ONCE(trigger_race.cpu))
		return;
	WRITE_ONCE(trigger_race.last_flush, local_clock());
	if (cmpxchg(&trigger_race.step, RACE_OLD_FREED, RACE_FLUSHING) ==
	    RACE_OLD_FREED)
		trigger_await(RACE_FILLED, TRIGGER_PATIENCE);
}

/*
 * Frees old objects, which do not fill a sheaf.  Then, right before the flush
 * and with interrupts disabled, it frees enough objects to fill the sheaf.
 * Interrupts stay disabled until all flushes have ended.
 */
static void trigger_race_fn(struct work_struct *work)
{
	struct trigger_share *share;
	int i;

	share = container_of(work, struct trigger_share, work);
	for (i = 0; i < TRIGGER_OLD; i++)
		kfree_rcu(share->freed[i], rcu);
	/* Pairs with the acquire in trigger_await(). */
	smp_store_release(&trigger_race.step, RACE_OLD_FREED);

	trigger_await(RACE_FLUSHING, TRIGGER_PATIENCE);
	local_irq_disable();
	for (; i < share->nr_freed; i++)
		kfree_rcu_nolock(share->freed[i], rcu);
	/* Pairs with the acquire in trigger_await(). */
	smp_store_release(&trigger_race.step, RACE_FILLED);
	while (local_clock() - READ_ONCE(trigger_race.last_flush) <
	       TRIGGER_QUIET)
		cpu_relax();
	local_irq_enable();
}

static int trigger_race_once(struct trigger_run *run, u64 cpu)
{
	struct trigger_share *share = &run->share[cpu];
	unsigned int alive;

	if (share->nr_freed <= TRIGGER_OLD)
		return -ENOMEM;
	/*
	 * So that a later rcu_barrier() does not wait for other callbacks of
	 * that CPU
	 */
	rcu_barrier();
	trigger_race.step = RACE_OFF;
	trigger_race.cpu = cpu;
	INIT_WORK(&share->work, trigger_race_fn);
	queue_work_on(cpu, trigger_wq, &share->work);
	trigger_await(RACE_OLD_FREED, TRIGGER_PATIENCE);
	kvfree_rcu_barrier();
	alive = trigger_count_alive(share, TRIGGER_OLD);
	flush_work(&share->work);
	trigger_race.cpu = -1;
	if (!alive)
		return 0;
	pr_info("%u objects freed before the flush outlived kvfree_rcu_barrier()\n", alive);
	return -EIO;
}

static int trigger_race_on(struct trigger_run *run, u64 cpu)
{
	int err;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	cpumask_copy(&run->cpus, cpumask_of(cpu));
	run->share[cpu].run = run;
	trigger_do(run, trigger_alloc);
	err = trigger_race_once(run, cpu);
	trigger_do(run, trigger_free_kept);
	return err;
}

static int trigger_deferred(void *unused, u64 cpu)
{
	static DEFINE_MUTEX(lock);

	guard(mutex)(&lock);
	return trigger_in_cache(trigger_race_on, cpu);
}
DEFINE_DEBUGFS_ATTRIBUTE(trigger_deferred_fops, NULL, trigger_deferred,
			 "%llu\n");

static struct kmem_cache *trigger_nolock_cache;

static int trigger_nolock(void *unused, u64 objects)
{
	static DEFINE_RAW_SPINLOCK(lock);
	void *objs[TRIGGER_NOLOCK];
	u64 i, n;

	if (objects > TRIGGER_NOLOCK)
		return -EINVAL;
	for (n = 0; n < objects; n++) {
		objs[n] = kmem_cache_alloc(trigger_nolock_cache, GFP_KERNEL);
		if (!objs[n])
			break;
	}
	raw_spin_lock(&lock);
	for (i = 0; i < n; i++)
		kfree_nolock(objs[i]);
	raw_spin_unlock(&lock);
	return n < objects ? -ENOMEM : 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(trigger_nolock_fops, NULL, trigger_nolock, "%llu\n");

/*
 * What is freed at context switches of @cpu.  The writer adds to the list, and only
 * @cpu takes from it.
 */
static struct {
	int			cpu;
	unsigned long		freed;
	struct llist_head	objects;
} trigger_switch = {
	.cpu = -1,
};

/* At sched_switch: this CPU holds the lock of its runqueue. */
static void trigger_switch_probe(void *unused, bool preempt,
				 struct task_struct *prev,
				 struct task_struct *next,
				 unsigned int prev_state)
{
	struct llist_node *node;
	int i;

	if (smp_processor_id() != READ_ONCE(trigger_switch.cpu))
		return;
	for (i = 0; i < TRIGGER_SWITCH; i++) {
		node = llist_del_first(&trigger_switch.objects);
		if (!node)
			break;
		kfree_nolock(node);
		trigger_switch.freed++;
	}
}

/* Fewer than a sheaf holds, so the CPU needs no lock but that of its sheaf. */
static int trigger_give_objects(void)
{
	struct llist_node *node;
	int i;

	for (i = 0; i < TRIGGER_SWITCH; i++) {
		node = kmem_cache_alloc(trigger_nolock_cache, GFP_KERNEL);
		if (!node)
			return -ENOMEM;
		llist_add(node, &trigger_switch.objects);
	}
	return 0;
}

static void trigger_take_objects_back(void)
{
	struct llist_node *node, *next;

	llist_for_each_safe(node, next,
			    llist_del_all(&trigger_switch.objects))
		kmem_cache_free(trigger_nolock_cache, node);
}

/* Drains the CPU until it has freed the objects on its list. */
static int trigger_switch_round(void)
{
	u64 end = local_clock() + TRIGGER_PATIENCE;
	int err;

	kmem_cache_shrink(trigger_nolock_cache);
	err = trigger_give_objects();
	while (!err && !llist_empty(&trigger_switch.objects)) {
		kmem_cache_shrink(trigger_nolock_cache);
		if (local_clock() > end)
			err = -ETIME;
	}
	return err;
}

static int trigger_switch_drain(int cpu)
{
	int i, err = 0;

	trigger_switch.freed = 0;
	WRITE_ONCE(trigger_switch.cpu, cpu);
	for (i = 0; i < TRIGGER_ROUNDS && !err; i++)
		err = trigger_switch_round();
	WRITE_ONCE(trigger_switch.cpu, -1);
	return err;
}

static struct tracepoint *trigger_points[3];

static int trigger_free_at_switches(void *unused, u64 cpu)
{
	static DEFINE_MUTEX(lock);
	int err;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	guard(mutex)(&lock);
	err = tracepoint_probe_register(trigger_points[2], trigger_switch_probe,
					NULL);
	if (err)
		return err;
	err = trigger_switch_drain(cpu);
	tracepoint_probe_unregister(trigger_points[2], trigger_switch_probe,
				    NULL);
	tracepoint_synchronize_unregister();
	trigger_take_objects_back();
	return err;
}

static int trigger_read_switch(void *unused, u64 *freed)
{
	/* The CPU may be freeing meanwhile. */
	*freed = data_race(trigger_switch.freed);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(trigger_switch_fops, trigger_read_switch,
			 trigger_free_at_switches, "%llu\n");

/*
 * Objects that are freed in a hard interrupt, so that PREEMPT_RT has to defer
 * the frees of both kinds
 */
struct trigger_stuck {
	struct trigger_object	*obj;
	void			*small;
};

static void trigger_free_in_irq(void *data)
{
	struct trigger_stuck *stuck = data;

	kfree_rcu_nolock(stuck->obj, rcu);
	kfree_nolock(stuck->small);
}

static int trigger_free_on(struct kmem_cache *cache, int cpu)
{
	struct trigger_stuck stuck = {
		.obj = kmem_cache_alloc(cache, GFP_KERNEL),
		.small = kmalloc_nolock(TRIGGER_NOLOCK_SIZE, 0, NUMA_NO_NODE),
	};

	if (stuck.obj && stuck.small)
		return smp_call_function_single(cpu, trigger_free_in_irq, &stuck,
						true);
	if (stuck.obj)
		kmem_cache_free(cache, stuck.obj);
	kfree_nolock(stuck.small);
	return -ENOMEM;
}

static int trigger_stuck(void *unused, u64 cpu)
{
	struct kmem_cache *cache;
	char name[32];
	int err;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	/* Concurrent calls must not share a cache, so each cache has its own name. */
	snprintf(name, sizeof(name), "qpw_trigger_stuck_%d", task_pid_nr(current));
	cache = trigger_create(name);
	if (!cache)
		return -ENOMEM;
	err = trigger_free_on(cache, cpu);
	kvfree_rcu_barrier();
	kmem_cache_destroy(cache);
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(trigger_stuck_fops, NULL, trigger_stuck, "%llu\n");

static void trigger_find_points(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "qpw_queue"))
		trigger_points[0] = tp;
	else if (!strcmp(tp->name, "qpw_remote_run"))
		trigger_points[1] = tp;
	else if (!strcmp(tp->name, "sched_switch"))
		trigger_points[2] = tp;
}

static void trigger_unwatch(void)
{
	int i;

	for (i = 0; i < 2; i++)
		tracepoint_probe_unregister(trigger_points[i], trigger_probe,
					    NULL);
	tracepoint_synchronize_unregister();
}

/* With CONFIG_QPW the tracepoints always exist. */
static int trigger_watch(void)
{
	int i, err;

	trigger_race.cpu = -1;
	for_each_kernel_tracepoint(trigger_find_points, NULL);
	for (i = 0; i < ARRAY_SIZE(trigger_points); i++)
		if (!trigger_points[i])
			return -ENODEV;
	for (i = 0; i < 2; i++) {
		err = tracepoint_probe_register(trigger_points[i],
						trigger_probe, NULL);
		if (err) {
			trigger_unwatch();
			return err;
		}
	}
	return 0;
}

static struct dentry *trigger_dir;

static void trigger_free_resources(void)
{
	kmem_cache_destroy(trigger_nolock_cache);
	if (trigger_wq)
		destroy_workqueue(trigger_wq);
}

static int __init trigger_init(void)
{
	int err = -ENOMEM;

	trigger_wq = alloc_workqueue("qpw_trigger", WQ_PERCPU, 0);
	trigger_nolock_cache = trigger_create("qpw_trigger_nolock");
	if (trigger_wq && trigger_nolock_cache)
		err = trigger_watch();
	if (err) {
		trigger_free_resources();
		return err;
	}

	trigger_dir = debugfs_create_dir("qpw_trigger", NULL);
	debugfs_create_file_unsafe("destroy", 0200, trigger_dir, NULL,
				   &trigger_destroy_fops);
	debugfs_create_file_unsafe("barrier", 0200, trigger_dir, NULL,
				   &trigger_barrier_fops);
	debugfs_create_file_unsafe("deferred", 0200, trigger_dir, NULL,
				   &trigger_deferred_fops);
	debugfs_create_file_unsafe("nolock", 0200, trigger_dir, NULL,
				   &trigger_nolock_fops);
	debugfs_create_file_unsafe("switch", 0600, trigger_dir, NULL,
				   &trigger_switch_fops);
	debugfs_create_file_unsafe("stuck", 0200, trigger_dir, NULL,
				   &trigger_stuck_fops);
	return 0;
}

static void __exit trigger_exit(void)
{
	debugfs_remove(trigger_dir);
	trigger_unwatch();
	trigger_free_resources();
}

module_init(trigger_init);
module_exit(trigger_exit);

MODULE_DESCRIPTION("Use slab caches for tests of QPW");
MODULE_LICENSE("GPL");
