// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of the outcome table that only kernel code can do. Writing the name of an
 * operation to the parameter "do" does it.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define WORKS		64
#define AREA_PAGES	(32UL << (20 - PAGE_SHIFT))
#define AREAS		8

static unsigned long kvfree_rcu_barrier_at;
module_param(kvfree_rcu_barrier_at, ulong, 0400);
MODULE_PARM_DESC(kvfree_rcu_barrier_at,
		 "Address of kvfree_rcu_barrier(), which is not exported");

/* Map one page many times, until the areas to be purged exceed the limit. */
static int purge_areas(void)
{
	struct page **pages, *page;
	int i, err = -ENOMEM;
	unsigned long p;
	void *area;

	pages = kvmalloc_array(AREA_PAGES, sizeof(*pages), GFP_KERNEL);
	page = alloc_page(GFP_KERNEL);
	if (!pages || !page)
		goto out;
	for (p = 0; p < AREA_PAGES; p++)
		pages[p] = page;
	for (i = 0; i < AREAS; i++) {
		area = vmap(pages, AREA_PAGES, VM_MAP, PAGE_KERNEL);
		if (!area)
			goto out;
		vunmap(area);
	}
	err = 0;
out:
	if (page)
		__free_page(page);
	kvfree(pages);
	return err;
}

static int unmap_aliases(void)
{
	void *area = vmalloc(PAGE_SIZE);

	vfree(area);
	vm_unmap_aliases();
	return area ? 0 : -ENOMEM;
}

static int barrier_of_rcu(void)
{
	rcu_barrier();
	return 0;
}

static int barrier_of_kvfree_rcu(void)
{
	void (*barrier)(void) = (void *)kvfree_rcu_barrier_at;

	if (!barrier)
		return -ENOENT;
	barrier();
	return 0;
}

static int expedite(void)
{
	synchronize_rcu_expedited();
	return 0;
}

static void nothing(struct work_struct *work)
{
}

/* Unbound work, and work for any CPU, each after a delay */
static int delay_works(void)
{
	struct delayed_work *works;
	int i;

	works = kcalloc(WORKS, sizeof(*works), GFP_KERNEL);
	if (!works)
		return -ENOMEM;
	for (i = 0; i < WORKS; i++) {
		INIT_DELAYED_WORK(&works[i], nothing);
		queue_delayed_work(i & 1 ? system_dfl_wq : system_percpu_wq,
				   &works[i], 1 + i % 8);
	}
	for (i = 0; i < WORKS; i++)
		flush_delayed_work(&works[i]);
	kfree(works);
	return 0;
}

static netdev_tx_t drop(struct sk_buff *skb, struct net_device *dev)
{
	kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops device_ops = {
	.ndo_start_xmit = drop,
};

static void set_up_device(struct net_device *dev)
{
	dev->netdev_ops = &device_ops;
	dev->mtu = 1500;
}

static int remove_device(void)
{
	struct net_device *dev;
	int err;

	dev = alloc_netdev(0, "outcome%d", NET_NAME_ENUM, set_up_device);
	if (!dev)
		return -ENOMEM;
	err = register_netdev(dev);
	if (!err)
		unregister_netdev(dev);
	free_netdev(dev);
	return err;
}

static const struct {
	const char *name;
	int (*func)(void);
} operations[] = {
	{ "purge_areas", purge_areas },
	{ "unmap_aliases", unmap_aliases },
	{ "rcu_barrier", barrier_of_rcu },
	{ "kvfree_rcu_barrier", barrier_of_kvfree_rcu },
	{ "expedite", expedite },
	{ "delay_works", delay_works },
	{ "remove_device", remove_device },
};

static int do_set(const char *val, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (sysfs_streq(val, operations[i].name))
			return operations[i].func();
	return -EINVAL;
}

static const struct kernel_param_ops do_ops = {
	.set = do_set,
};
module_param_cb(do, &do_ops, NULL, 0200);
MODULE_PARM_DESC(do, "Name of an operation to do");

MODULE_DESCRIPTION("Operations that may disturb an isolated CPU");
MODULE_LICENSE("GPL");
