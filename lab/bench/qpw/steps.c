// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executing a path step by step, to count locked instructions
 */
#include "bench.h"

#include <linux/irqflags.h>
#include <linux/kdebug.h>
#include <linux/preempt.h>
#include <asm/processor-flags.h>

static bool stepping;
static unsigned int steps, locked_steps;

static bool is_prefix(u8 byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
	case 0x66: case 0x67: case 0xf2: case 0xf3:
	case 0x40 ... 0x4f:
		return true;
	}
	return false;
}

/* A lock prefix, or an exchange with memory, which needs none */
static bool is_locked(const u8 *insn)
{
	while (is_prefix(*insn))
		insn++;
	if (*insn == 0xf0)
		return true;
	return (insn[0] == 0x86 || insn[0] == 0x87) && insn[1] < 0xc0;
}

static int on_step(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;

	if (event != DIE_DEBUG || !stepping)
		return NOTIFY_DONE;
	steps++;
	if (is_locked((const u8 *)args->regs->ip))
		locked_steps++;
	return NOTIFY_STOP;
}

static struct notifier_block step_notifier = {
	.notifier_call	= on_step,
	.priority	= INT_MAX,
};

/* Takes effect after the next instruction */
static __always_inline void set_flags(unsigned long flags)
{
	asm volatile("push %0; popf" : : "g" (flags) : "memory", "cc");
}

/*
 * With interrupts disabled, unless the path wants them enabled.  What an
 * interrupt does is not stepped, as the processor clears the flag for it.
 */
void path_step(const struct hot_path *path, int cpu, int n)
{
	bool irqs_off = path->context != TASK;
	unsigned long flags;

	path->prepare(n);
	preempt_disable();
	if (irqs_off)
		local_irq_save(flags);
	steps = 0;
	locked_steps = 0;
	stepping = true;
	set_flags(native_save_fl() | X86_EFLAGS_TF);
	path->run(n);
	set_flags(native_save_fl() & ~X86_EFLAGS_TF);
	stepping = false;
	if (irqs_off)
		local_irq_restore(flags);
	preempt_enable();
	path->clean_up(n);
	pr_info("steps %d %s %d %s %d %u %u\n", cpu, path->name, path->size,
		context_names[path->context], n, steps, locked_steps);
}

int steps_init(void)
{
	return register_die_notifier(&step_notifier);
}

void steps_exit(void)
{
	unregister_die_notifier(&step_notifier);
}
