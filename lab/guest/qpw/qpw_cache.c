// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing to the parameter "destroy" creates a cache, uses it and destroys it,
 * as somebody does who unloads a driver or unmounts a file system.
 */
#include <linux/module.h>
#include <linux/slab.h>

#define OBJECTS	8

static int destroy_set(const char *val, const struct kernel_param *kp)
{
	void *objects[OBJECTS];
	struct kmem_cache *s;
	int i;

	s = kmem_cache_create("qpw_demo", 96, 0, SLAB_NO_MERGE, NULL);
	if (!s)
		return -ENOMEM;
	for (i = 0; i < OBJECTS; i++)
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
	for (i = 0; i < OBJECTS; i++)
		if (objects[i])
			kmem_cache_free(s, objects[i]);
	kmem_cache_destroy(s);
	return 0;
}

static const struct kernel_param_ops destroy_ops = {
	.set = destroy_set,
};
module_param_cb(destroy, &destroy_ops, NULL, 0200);

MODULE_DESCRIPTION("A cache that comes and goes");
MODULE_LICENSE("GPL");
