// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver as far as slab caches go: it creates some when it is loaded, uses them, and
 * destroys them when it is unloaded.
 */
#include <linux/module.h>
#include <linux/slab.h>

#define CACHES	4
#define OBJECTS	8

static struct kmem_cache *caches[CACHES];

static void use_cache(struct kmem_cache *cache)
{
	void *objects[OBJECTS];
	int i;

	for (i = 0; i < OBJECTS; i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 0; i < OBJECTS; i++)
		if (objects[i])
			kmem_cache_free(cache, objects[i]);
}

static void destroy_caches(void)
{
	int i;

	for (i = 0; i < CACHES; i++)
		kmem_cache_destroy(caches[i]);
}

static int __init reports_caches_init(void)
{
	char name[32];
	int i;

	for (i = 0; i < CACHES; i++) {
		snprintf(name, sizeof(name), "reports_%d", i);
		caches[i] = kmem_cache_create(name, 64 << i, 0, SLAB_NO_MERGE,
					      NULL);
		if (!caches[i]) {
			destroy_caches();
			return -ENOMEM;
		}
		use_cache(caches[i]);
	}
	return 0;
}
module_init(reports_caches_init);

static void __exit reports_caches_exit(void)
{
	destroy_caches();
}
module_exit(reports_caches_exit);

MODULE_DESCRIPTION("Slab caches that come and go with a module");
MODULE_LICENSE("GPL");
