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
 */
#include "bench.h"

#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/workqueue.h>

unsigned int runs = 11;
module_param(runs, uint, 0444);
MODULE_PARM_DESC(runs, "Samples of each case");

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

static long measure_paths(void *data)
{
	int cpu = (long)data;
	int i, n;

	for (i = 0; i < nr_paths; i++) {
		for (n = MOST / 4; n <= MOST; n *= 2)
			path_measure(&paths[i], cpu, n);
		if (!paths[i].step_n)
			continue;
		path_step(&paths[i], cpu, paths[i].step_n);
		path_step(&paths[i], cpu, 2 * paths[i].step_n);
	}
	return 0;
}

static int __init qpw_bench_init(void)
{
	int err;

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
