// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pool of hugetlb pages of 2 MiB can gain at best from a second thread: kernel
 * threads, each bound to a CPU, allocate pages of that size from the nodes in turn, and
 * free them.  They share no lock but those of the page allocator.  One line in the log for
 * each sample: "plain WHAT WHO NS".
 */
#define pr_fmt(fmt) "plain " fmt

#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>

#define THREADS	2
#define ORDER	9

static int pages = 4000;
module_param(pages, int, 0);

static int runs = 7;
module_param(runs, int, 0);

struct worker {
	struct list_head pages;
	struct completion ready, go, done;
	int (*fn)(struct worker *worker);
	int nr, err;
};

static struct worker workers[THREADS];

static int alloc(struct worker *worker)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_THISNODE | __GFP_NOWARN |
		    __GFP_RETRY_MAYFAIL;
	int node = first_online_node;
	struct page *page;
	int i;

	for (i = 0; i < worker->nr; i++) {
		page = alloc_pages_node(node, gfp, ORDER);
		if (!page) {
			pr_err("%d pages of %d\n", i, worker->nr);
			return -ENOMEM;
		}
		list_add(&page->lru, &worker->pages);
		node = next_node_in(node, node_online_map);
		cond_resched();
	}
	return 0;
}

static int release(struct worker *worker)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &worker->pages, lru) {
		list_del(&page->lru);
		__free_pages(page, ORDER);
		cond_resched();
	}
	return 0;
}

static int work(void *data)
{
	struct worker *worker = data;

	complete(&worker->ready);
	wait_for_completion(&worker->go);
	worker->err = worker->fn(worker);
	kthread_complete_and_exit(&worker->done, 0);
}

static int start(struct worker *worker, int cpu)
{
	struct task_struct *task;

	init_completion(&worker->ready);
	init_completion(&worker->go);
	init_completion(&worker->done);
	task = kthread_run_on_cpu(work, worker, cpu, "plain_pages/%u");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&worker->ready);
	return 0;
}

/* Those that were started run, also if another could not be. */
static int sample(const char *what, int (*fn)(struct worker *worker), int threads)
{
	int started, i, err = 0;
	u64 begin;

	for (started = 0; started < threads; started++) {
		workers[started].fn = fn;
		workers[started].nr = pages / threads;
		err = start(&workers[started], started);
		if (err)
			break;
	}
	begin = ktime_get_ns();
	for (i = 0; i < started; i++)
		complete(&workers[i].go);
	for (i = 0; i < started; i++) {
		wait_for_completion(&workers[i].done);
		err = err ?: workers[i].err;
	}
	if (!err)
		pr_info("%s %s %llu\n", what, threads == 1 ? "alone" : "helpers",
			ktime_get_ns() - begin);
	return err;
}

static int __init plain_pages_init(void)
{
	int i, threads, err;

	for (i = 0; i < THREADS; i++)
		INIT_LIST_HEAD(&workers[i].pages);
	for (i = 0; i < runs; i++) {
		for (threads = 1; threads <= THREADS; threads++) {
			err = sample("alloc", alloc, threads);
			if (!err)
				err = sample("free", release, threads);
			if (err)
				return err;
		}
	}
	return 0;
}
module_init(plain_pages_init);

static void __exit plain_pages_exit(void)
{
}
module_exit(plain_pages_exit);

MODULE_DESCRIPTION("Benchmark of the page allocator with one and two threads");
MODULE_LICENSE("GPL");
