// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing a number to debugfs/torture_modes/flip puts so many CPUs, chosen at
 * random, into remote mode or out of it; `flips` says how often that was done.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/qpw.h>

#define MOST_MS	5

static unsigned int seed;
module_param(seed, uint, 0444);

static struct rnd_state rnd;
static DEFINE_MUTEX(lock);
static struct dentry *dir;
static atomic_t flips;

static int flip(void *unused, u64 times)
{
	int cpu, err;
	bool remote;

	guard(mutex)(&lock);
	while (times--) {
		cpu = prandom_u32_state(&rnd) % nr_cpu_ids;
		if (!cpu_possible(cpu))
			continue;
		remote = !qpw_is_cpu_remote(cpu);
		err = qpw_set_remote(cpu, remote);
		if (err)
			return err;
		atomic_inc(&flips);
		fsleep(prandom_u32_state(&rnd) % (MOST_MS * USEC_PER_MSEC));
	}
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(flip_fops, NULL, flip, "%llu\n");

static int __init torture_modes_init(void)
{
	prandom_seed_state(&rnd, seed);
	dir = debugfs_create_dir("torture_modes", NULL);
	debugfs_create_file_unsafe("flip", 0200, dir, NULL, &flip_fops);
	debugfs_create_atomic_t("flips", 0444, dir, &flips);
	return 0;
}
module_init(torture_modes_init);

static void __exit torture_modes_exit(void)
{
	debugfs_remove(dir);
}
module_exit(torture_modes_exit);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("CPUs into remote mode and out of it");
MODULE_LICENSE("GPL");
