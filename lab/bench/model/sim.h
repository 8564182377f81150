/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every simulation of the model consists of: events in the order of time, cache
 * lines that one CPU has at a time, and locks that are handed on in order.
 *
 * Nothing here depends on anything but its input: events of the same time happen in the
 * order in which they were set up.
 */

#ifndef LAB_MODEL_SIM_H
#define LAB_MODEL_SIM_H

typedef void (*sim_fn)(void *arg);

void sim_begin(void);
void sim_run(void);
double sim_now(void);		/* in ns */
void sim_at(double when, sim_fn fn, void *arg);
double sim_jitter(double part);	/* 1 - part to 1 + part, evenly */

/* How long it takes to get a cache line from another CPU */
struct sim_costs {
	double	hit_ns;		/* it is here already */
	double	core_ns;	/* from the same socket */
	double	socket_ns;	/* from another one */
	int	cpus_per_socket;
};

double sim_transfer(const struct sim_costs *c, int from, int to);

/* One CPU at a time, first come, first served */
struct sim_line {
	double	free_at;
	int	cpu;		/* that has it last, -1 for none */
	double	busy_ns;
};

#define SIM_LINE	{ 0, -1, 0 }

/* @fn is called when @cpu has had the line, for @times accesses. */
void sim_visit(struct sim_line *line, const struct sim_costs *c, int cpu,
	       double times, sim_fn fn, void *arg);

struct sim_waiter {
	int			cpu;
	double			since;
	sim_fn			fn;
	void			*arg;
	struct sim_waiter	*next;
};

struct sim_lock {
	struct sim_waiter	*owner, *first, **last;
	int			cpu;		/* that had it last */
	int			from;		/* that had it before the owner */
	double			waited_ns;
};

void sim_lock_init(struct sim_lock *lock);
/* @w->fn is called, in an event of its own, when @w has got the lock. */
void sim_acquire(struct sim_lock *lock, struct sim_waiter *w);
void sim_release(struct sim_lock *lock);

#endif
