// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of a slab cache that are taken on one CPU and given back on another, at
 * once or after a grace period. In debugfs/torture_objects:
 *
 * churn	write a number to have so many objects taken, each in place of one
 *		that somebody, anywhere, took before
 * empty	write anything to have all given back, waiting for grace periods
 * taken	how many there were
 * given	how many were given back; after `empty` as many
 * lacking	how often there was no memory for one
 * wrong	how many had not, when given back, what was written into them
 *
 * The cache is /sys/kernel/slab/torture_objects, whose `objects` says what the
 * allocator thinks.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#define SLOTS	1024

struct object {
	struct rcu_head	rcu;
	struct object	**slot;
	struct object	*self;
	char		data[80];
};

static unsigned int seed;
module_param(seed, uint, 0444);

static struct kmem_cache *cache;
static struct object *slots[SLOTS];
static struct dentry *dir;
static atomic_t turns, taken, given, lacking, wrong;

/* Whoever else has it too has written another slot into it. */
static bool is_whole(struct object *obj, struct object **slot)
{
	return READ_ONCE(obj->slot) == slot && READ_ONCE(obj->self) == obj;
}

/* What waits for its grace period is counted by then. */
static void give_late(struct rcu_head *rcu)
{
	struct object *obj = container_of(rcu, struct object, rcu);

	if (!is_whole(obj, obj->slot))
		atomic_inc(&wrong);
	kmem_cache_free(cache, obj);
	atomic_inc(&given);
}

static void give(struct object *obj, struct object **slot, u32 how)
{
	if (!obj)
		return;
	if (!is_whole(obj, slot))
		atomic_inc(&wrong);
	if (how % 8 == 0) {
		call_rcu(&obj->rcu, give_late);
		return;
	}
	if (how % 8 < 4)
		kfree_rcu(obj, rcu);
	else
		kmem_cache_free(cache, obj);
	atomic_inc(&given);
}

static struct object *take(struct object **slot)
{
	struct object *obj = kmem_cache_alloc(cache, GFP_KERNEL_ACCOUNT);

	if (!obj) {
		atomic_inc(&lacking);
		return NULL;
	}
	atomic_inc(&taken);
	obj->slot = slot;
	obj->self = obj;
	return obj;
}

/* Each writer has random numbers of its own, by its turn. */
static int churn(void *unused, u64 times)
{
	struct object **slot;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, ((u64)seed << 32) + atomic_inc_return(&turns));
	while (times--) {
		slot = &slots[prandom_u32_state(&rnd) % SLOTS];
		give(xchg(slot, take(slot)), slot, prandom_u32_state(&rnd));
		cond_resched();
	}
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(churn_fops, NULL, churn, "%llu\n");

static int empty(void *unused, u64 value)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		give(xchg(&slots[i], NULL), &slots[i], i);
	rcu_barrier();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(empty_fops, NULL, empty, "%llu\n");

static void make_files(void)
{
	dir = debugfs_create_dir("torture_objects", NULL);
	debugfs_create_file_unsafe("churn", 0200, dir, NULL, &churn_fops);
	debugfs_create_file_unsafe("empty", 0200, dir, NULL, &empty_fops);
	debugfs_create_atomic_t("taken", 0444, dir, &taken);
	debugfs_create_atomic_t("given", 0444, dir, &given);
	debugfs_create_atomic_t("lacking", 0444, dir, &lacking);
	debugfs_create_atomic_t("wrong", 0444, dir, &wrong);
}

static int __init torture_objects_init(void)
{
	cache = kmem_cache_create("torture_objects", sizeof(struct object), 0,
				  SLAB_NO_MERGE, NULL);
	if (!cache)
		return -ENOMEM;
	make_files();
	return 0;
}
module_init(torture_objects_init);

/* Warns if the cache has an object left. */
static void __exit torture_objects_exit(void)
{
	debugfs_remove(dir);
	empty(NULL, 0);
	kmem_cache_destroy(cache);
}
module_exit(torture_objects_exit);

MODULE_DESCRIPTION("Objects taken on one CPU and given back on another");
MODULE_LICENSE("GPL");
