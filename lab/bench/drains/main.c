// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it takes to drain the caches of all CPUs: instructions of all of them
 * together, works that were run, context switches, and interrupts that CPUs
 * sent to others.
 *
 * For an emulator whose time stamp counter advances by one for each instruction,
 * of whatever CPU (QEMU's -icount shift=0).  Where all CPUs wait, it jumps to
 * the next timer, which no count of instructions is.  Events are counted in
 * samples of their own, for counting them takes instructions too.
 *
 * Loading the module does all that and prints a line for each sample; it stays
 * for nothing.
 */
#include "bench.h"

#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <asm/tsc.h>

static unsigned int runs = 5;
module_param(runs, uint, 0444);
MODULE_PARM_DESC(runs, "Samples of each case");

static unsigned long lru_add_drain_all_at;
module_param(lru_add_drain_all_at, ulong, 0444);
MODULE_PARM_DESC(lru_add_drain_all_at, "Where the kernel has that function");

static void count_instructions(const struct drain *drain)
{
	u64 count;

	drain->prepare();
	count = rdtsc();
	drain->run();
	count = rdtsc() - count;
	drain->clean_up();
	pr_info("instructions %d %s %llu\n", num_online_cpus(), drain->name,
		count);
}

static void count_events(const struct drain *drain)
{
	struct events events;

	drain->prepare();
	events_start();
	drain->run();
	events = events_stop();
	drain->clean_up();
	pr_info("events %d %s %u %u %u\n", num_online_cpus(), drain->name,
		events.works, events.switches, events.ipis);
}

static void measure(void (*count)(const struct drain *drain), bool all)
{
	unsigned int run;
	int i;

	for (i = 0; i < nr_drains; i++)
		for (run = 0; run < runs && (all || drains[i].busy); run++)
			count(&drains[i]);
}

static int __init qpw_drains_init(void)
{
	int err;

	if (!lru_add_drain_all_at)
		return -EINVAL;
	set_cpus_allowed_ptr(current, cpumask_of(0));
	err = caches_init((void (*)(void))lru_add_drain_all_at);
	if (err)
		return err;
	measure(count_instructions, false);
	err = events_init();
	if (!err) {
		measure(count_events, true);
		events_exit();
	}
	caches_exit();
	return err;
}
module_init(qpw_drains_init);

static void __exit qpw_drains_exit(void)
{
}
module_exit(qpw_drains_exit);

MODULE_DESCRIPTION("What draining the caches of all CPUs takes");
MODULE_LICENSE("GPL");
