/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _QPW_DRAINS_H
#define _QPW_DRAINS_H

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/types.h>

/* Something that drains the caches of all CPUs */
struct drain {
	const char	*name;
	/* Caches something on each CPU, or empties what there is. */
	void		(*prepare)(void);
	void		(*run)(void);
	void		(*clean_up)(void);
	/* Is a CPU running at any time of it?  Else instructions cannot be told. */
	bool		busy;
};

extern const struct drain drains[];
extern const int nr_drains;

/* What the drains are of; @lru_add_drain_all is not exported. */
int caches_init(void (*lru_add_drain_all)(void));
void caches_exit(void);

/* What happened on all CPUs since events_start() */
struct events {
	unsigned int	works, switches, ipis;
};

int events_init(void);
void events_exit(void);
void events_start(void);
struct events events_stop(void);

#endif /* _QPW_DRAINS_H */
