// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting a path in a task, with interrupts off, and in interrupts of the own CPU
 */
#include "bench.h"

#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <asm/tsc.h>

const char *const context_names[NR_CONTEXTS] = {
	[IRQS_OFF]	= "irqs-off",
	[TASK]		= "task",
	[SOFTIRQ]	= "softirq",
	[HARDIRQ]	= "hardirq",
};

static const struct hot_path *wanted;
static int wanted_n;
static u64 counted;

static void count(void)
{
	u64 begin = rdtsc();

	wanted->run(wanted_n);
	counted = rdtsc() - begin;
}

static void count_irqs_off(void)
{
	unsigned long flags;

	local_irq_save(flags);
	count();
	local_irq_restore(flags);
}

static void on_tasklet(struct tasklet_struct *unused)
{
	WARN_ON_ONCE(!in_serving_softirq());
	count();
}

/* Softirqs are run before local_bh_enable() returns. */
static void count_in_softirq(void)
{
	static DECLARE_TASKLET(tasklet, on_tasklet);

	local_bh_disable();
	tasklet_schedule(&tasklet);
	local_bh_enable();
	tasklet_unlock_wait(&tasklet);
}

static void on_irq_work(struct irq_work *unused)
{
	WARN_ON_ONCE(!in_hardirq());
	count();
}

static void count_in_hardirq(void)
{
	static struct irq_work work = IRQ_WORK_INIT_HARD(on_irq_work);

	irq_work_queue(&work);
	irq_work_sync(&work);
}

u64 count_in_context(const struct hot_path *path, int n)
{
	static void (*const count_in[NR_CONTEXTS])(void) = {
		[IRQS_OFF]	= count_irqs_off,
		[TASK]		= count,
		[SOFTIRQ]	= count_in_softirq,
		[HARDIRQ]	= count_in_hardirq,
	};

	wanted = path;
	wanted_n = n;
	preempt_disable();
	count_in[path->context]();
	preempt_enable();
	return counted;
}
