// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many instructions the fast paths take that QPW touches, and how many a
 * drain of another CPU's cache.
 *
 * For an emulator whose time stamp counter advances by one for each instruction,
 * of whatever CPU (QEMU's -icount shift=0).  What interrupts and other CPUs do
 * meanwhile is counted too, so of several samples the smallest is the one to
 * believe, and is what is printed.
 *
 * Independently of that, the fast paths are executed step by step, and locked
 * instructions among them are counted.
 *
 * Loading the module does all that, on CPUs 0 and 1; it stays for nothing.
 *
 * With accounted=1 it does only what charges the memory cgroup of the task that
 * loads it.
 */
#include "bench.h"

#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

unsigned int runs = 11;
module_param(runs, uint, 0444);
MODULE_PARM_DESC(runs, "Samples of each case");

static bool accounted;
module_param(accounted, bool, 0444);
MODULE_PARM_DESC(accounted, "Only paths that charge the caller's memory cgroup");

static u64 path_sample(const struct hot_path *path, int n)
{
	u64 count;

	path->prepare(n);
	count = count_in_context(path, n);
	path->clean_up(n);
	return count;
}

static void path_measure(const struct hot_path *path, int cpu, int n)
{
	u64 count = U64_MAX;
	unsigned int run;

	for (run = 0; run < runs; run++)
		count = min(count, path_sample(path, n));
	pr_info("path %d %s %d %s %d %llu\n", cpu, path->name, path->size,
		context_names[path->context], n, count);
}

static void measure_each(const struct hot_path *path, int nr, int cpu)
{
	int n;

	for (; nr--; path++) {
		for (n = MOST / 4; n <= MOST; n *= 2)
			path_measure(path, cpu, n);
		if (!path->step_n)
			continue;
		path_step(path, cpu, path->step_n);
		path_step(path, cpu, 2 * path->step_n);
	}
}

static long measure_paths(void *data)
{
	measure_each(paths, nr_paths, (long)data);
	return 0;
}

/* In this task, because a worker is in no memory cgroup */
static int measure_accounted(void)
{
	int cpu, err;

	err = steps_init();
	if (err)
		return err;
	for (cpu = 0; cpu < 2 && !err; cpu++) {
		err = set_cpus_allowed_ptr(current, cpumask_of(cpu));
		if (!err)
			measure_each(accounted_paths, nr_accounted_paths, cpu);
	}
	steps_exit();
	return err;
}

static int __init qpw_bench_init(void)
{
	int err;

	if (accounted)
		return measure_accounted();
	err = paths_init();
	if (err)
		return err;
	err = buffers_init();
	if (err)
		goto out_paths;
	err = steps_init();
	if (!err) {
		work_on_cpu(0, measure_paths, (void *)0);
		work_on_cpu(1, measure_paths, (void *)1);
		steps_exit();
		measure_drains();
	}
	buffers_exit();
out_paths:
	paths_exit();
	return err;
}
module_init(qpw_bench_init);

static void __exit qpw_bench_exit(void)
{
}
module_exit(qpw_bench_exit);

MODULE_DESCRIPTION("Instructions of the paths that QPW touches");
MODULE_LICENSE("GPL");
