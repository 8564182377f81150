/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _QPW_BENCH_H
#define _QPW_BENCH_H

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/types.h>

/* The most turns of a path that are counted: multiples of what a folio batch holds */
#define MOST	(4 * 310)

enum context {
	IRQS_OFF,	/* a task with interrupts off */
	TASK,
	SOFTIRQ,
	HARDIRQ,
	NR_CONTEXTS,
};

/* Something of which N turns can be counted; all but run() is done outside */
struct hot_path {
	const char	*name;
	int		size;
	enum context	context;
	void		(*prepare)(int n);
	void		(*run)(int n);
	void		(*clean_up)(int n);
	/* turns to execute step by step; 0 where that cannot be done */
	int		step_n;
};

extern const char *const context_names[NR_CONTEXTS];
extern const struct hot_path paths[];
extern const int nr_paths;
extern const struct hot_path accounted_paths[];
extern const int nr_accounted_paths;
extern unsigned int runs;

/* Instructions of N turns in the path's context, which is entered for that */
u64 count_in_context(const struct hot_path *path, int n);

/* Prints how many instructions, and how many locked ones, N turns take. */
void path_step(const struct hot_path *path, int cpu, int n);
int steps_init(void);
void steps_exit(void);

int paths_init(void);
void paths_exit(void);

int buffers_init(void);
void buffers_exit(void);
void buffers_prepare(int n);
void getblk_1(int n);
void getblk_4(int n);
void getblk_32(int n);
void findblk_1(int n);
void findblk_4(int n);

void measure_drains(void);

#endif /* _QPW_BENCH_H */
