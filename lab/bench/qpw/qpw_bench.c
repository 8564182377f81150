// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many instructions the fast paths take that QPW touches, and how many a
 * drain of another CPU's cache.
 *
 * For an emulator whose time stamp counter advances by one for each instruction,
 * of whatever CPU (QEMU's -icount shift=0).  Interrupts are off in each sample
 * of a fast path, so it takes the same number of instructions each time; what
 * another CPU does meanwhile would be counted too, so the smallest sample is
 * the one to believe.
 *
 * Independently of that, the fast paths are executed step by step, and locked
 * instructions among them are counted.
 *
 * Loading the module does all that and prints a line for each sample; it stays
 * for nothing.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/kdebug.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#if IS_ENABLED(CONFIG_QPW)
#include <linux/qpw.h>
#endif

#define SIZE	64
#define MOST	(4 * 310)

static unsigned int runs = 11;
module_param(runs, uint, 0444);
MODULE_PARM_DESC(runs, "Samples of each case");

static void *things[MOST];

/* The fast paths */

struct hot_path {
	const char	*name;
	void		(*prepare)(int n);
	void		(*run)(int n);
	void		(*clean_up)(int n);
	int		step_n;
};

static void nothing(int n)
{
}

static void pair_run(int n)
{
	while (n--)
		kfree(kmalloc(SIZE, GFP_ATOMIC));
}

static void burst_run(int n)
{
	int i;

	for (i = 0; i < n; i++)
		things[i] = kmalloc(SIZE, GFP_ATOMIC);
}

static void burst_free(int n)
{
	while (n--)
		kfree(things[n]);
}

/* Slabs and sheaves are there when it counts. */
static void burst_prepare(int n)
{
	burst_run(n);
	burst_free(n);
}

static void folio_prepare(int n)
{
	while (n--)
		things[n] = folio_alloc(GFP_KERNEL, 0);
}

static void folio_run(int n)
{
	while (n--)
		folio_add_lru(things[n]);
}

static void folio_free(int n)
{
	while (n--)
		folio_put(things[n]);
}

static const struct hot_path paths[] = {
	{ "pair", nothing, pair_run, nothing, 31 },
	{ "kmalloc", burst_prepare, burst_run, burst_free, 8 },
	{ "folio", folio_prepare, folio_run, folio_free, 62 },
};

static u64 path_sample(const struct hot_path *path, int n)
{
	unsigned long flags;
	u64 count;

	path->prepare(n);
	preempt_disable();
	local_irq_save(flags);
	count = rdtsc();
	path->run(n);
	count = rdtsc() - count;
	local_irq_restore(flags);
	preempt_enable();
	path->clean_up(n);
	return count;
}

/* A multiple of what a folio batch holds, so that batches are emptied as often */
static void path_measure(const struct hot_path *path, const char *where)
{
	unsigned int run;
	int n;

	for (n = MOST / 4; n <= MOST; n *= 2)
		for (run = 0; run < runs; run++)
			pr_info("path %s %s %d %llu\n", where, path->name, n,
				path_sample(path, n));
}

/* Step by step */

static bool stepping;
static unsigned int steps, locked_steps;

static bool is_prefix(u8 byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
	case 0x66: case 0x67: case 0xf2: case 0xf3:
	case 0x40 ... 0x4f:
		return true;
	}
	return false;
}

/* A lock prefix, or an exchange with memory, which needs none */
static bool is_locked(const u8 *insn)
{
	while (is_prefix(*insn))
		insn++;
	if (*insn == 0xf0)
		return true;
	return (insn[0] == 0x86 || insn[0] == 0x87) && insn[1] < 0xc0;
}

static int on_step(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;

	if (event != DIE_DEBUG || !stepping)
		return NOTIFY_DONE;
	steps++;
	if (is_locked((const u8 *)args->regs->ip))
		locked_steps++;
	return NOTIFY_STOP;
}

static struct notifier_block step_notifier = {
	.notifier_call	= on_step,
	.priority	= INT_MAX,
};

/* Takes effect after the next instruction */
static __always_inline void set_flags(unsigned long flags)
{
	asm volatile("push %0; popf" : : "g" (flags) : "memory", "cc");
}

static void path_step(const struct hot_path *path, const char *where, int n)
{
	unsigned long flags;

	path->prepare(n);
	preempt_disable();
	local_irq_save(flags);
	steps = 0;
	locked_steps = 0;
	stepping = true;
	set_flags(native_save_fl() | X86_EFLAGS_TF);
	path->run(n);
	set_flags(native_save_fl() & ~X86_EFLAGS_TF);
	stepping = false;
	local_irq_restore(flags);
	preempt_enable();
	path->clean_up(n);
	pr_info("steps %s %s %d %u %u\n", where, path->name, n, steps,
		locked_steps);
}

static long measure_paths(void *data)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		path_measure(&paths[i], data);
		path_step(&paths[i], data, paths[i].step_n);
		path_step(&paths[i], data, 2 * paths[i].step_n);
	}
	return 0;
}

/* Drains */

#define CACHED	16

static struct kmem_cache *cache;

static long fill_sheaf(void *unused)
{
	int i;

	for (i = 0; i < CACHED; i++)
		things[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 0; i < CACHED; i++)
		kmem_cache_free(cache, things[i]);
	return 0;
}

/* With and without objects in the sheaf of CPU 1 */
static void measure_shrink(void)
{
	unsigned int run;
	u64 count;
	int full;

	cache = kmem_cache_create("qpw_bench", SIZE, 0, SLAB_NO_MERGE, NULL);
	if (!cache)
		return;
	kmem_cache_shrink(cache);
	for (run = 0; run < 2 * runs; run++) {
		full = run % 2;
		if (full)
			work_on_cpu(1, fill_sheaf, NULL);
		count = rdtsc();
		kmem_cache_shrink(cache);
		count = rdtsc() - count;
		pr_info("drain shrink %d %llu\n", full, count);
	}
	kmem_cache_destroy(cache);
}

#if IS_ENABLED(CONFIG_QPW)

struct shelf {
	qpw_lock_t		lock;
	struct list_head	items;
};

static DEFINE_PER_CPU(struct shelf, shelves) = {
	.lock = INIT_QPW_LOCK(lock),
};

static struct list_head items[CACHED];

static void shelf_drain(struct qpw_struct *qpw)
{
	int cpu = qpw_get_cpu(qpw);
	LIST_HEAD(list);

	qpw_lock(&shelves.lock, cpu);
	list_splice_init(per_cpu_ptr(&shelves.items, cpu), &list);
	qpw_unlock(&shelves.lock, cpu);
	while (!list_empty(&list))
		list_del_init(list.next);
}

static long shelf_fill(void *unused)
{
	int i;

	local_qpw_lock(&shelves.lock);
	for (i = 0; i < CACHED; i++)
		list_add(&items[i], this_cpu_ptr(&shelves.items));
	local_qpw_unlock(&shelves.lock);
	return 0;
}

static void measure_work(void)
{
	struct qpw_struct qpw;
	unsigned int run;
	u64 count;

	INIT_LIST_HEAD(per_cpu_ptr(&shelves.items, 1));
	for (run = 0; run < runs; run++) {
		work_on_cpu(1, shelf_fill, NULL);
		count = rdtsc();
		INIT_QPW(&qpw, shelf_drain, 1);
		queue_percpu_work_on(1, system_percpu_wq, &qpw);
		flush_percpu_work(&qpw);
		count = rdtsc() - count;
		pr_info("drain work 1 %llu\n", count);
	}
}

#else

static void measure_work(void) { }

#endif

static int __init qpw_bench_init(void)
{
	register_die_notifier(&step_notifier);
	work_on_cpu(0, measure_paths, "0");
	work_on_cpu(1, measure_paths, "1");
	unregister_die_notifier(&step_notifier);
	measure_shrink();
	measure_work();
	return 0;
}
module_init(qpw_bench_init);

static void __exit qpw_bench_exit(void)
{
}
module_exit(qpw_bench_exit);

MODULE_DESCRIPTION("Instructions of the paths that QPW touches");
MODULE_LICENSE("GPL");
