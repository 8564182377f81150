// SPDX-License-Identifier: GPL-2.0-only
/* Events, cache lines and locks */

#include <stdint.h>
#include <stdlib.h>

#include "sim.h"
#include "util.h"

struct event {
	double		when;
	uint64_t	number;
	sim_fn		fn;
	void		*arg;
};

static struct {
	struct event	*heap;
	size_t		nr, room;
	uint64_t	number;
	uint64_t	random;
	double		now;
} sim;

void sim_begin(void)
{
	sim.nr = 0;
	sim.number = 0;
	sim.now = 0;
	sim.random = 0x9e3779b97f4a7c15u;
}

double sim_now(void)
{
	return sim.now;
}

static int before(const struct event *a, const struct event *b)
{
	return a->when < b->when ||
	       (a->when == b->when && a->number < b->number);
}

static void rise(size_t i, struct event e)
{
	while (i && before(&e, &sim.heap[(i - 1) / 2])) {
		sim.heap[i] = sim.heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	sim.heap[i] = e;
}

void sim_at(double when, sim_fn fn, void *arg)
{
	struct event e = { when, sim.number++, fn, arg };

	if (sim.nr == sim.room) {
		sim.room = sim.room ? 2 * sim.room : 1024;
		sim.heap = grow(sim.heap, sim.room * sizeof(e));
	}
	rise(sim.nr++, e);
}

/* The last one goes where the first one was, and down to its place. */
static struct event pop(void)
{
	struct event first = sim.heap[0], e = sim.heap[--sim.nr];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < sim.nr) {
		if (child + 1 < sim.nr &&
		    before(&sim.heap[child + 1], &sim.heap[child]))
			child++;
		if (!before(&sim.heap[child], &e))
			break;
		sim.heap[i] = sim.heap[child];
		i = child;
	}
	sim.heap[i] = e;
	return first;
}

void sim_run(void)
{
	struct event e;

	while (sim.nr) {
		e = pop();
		if (e.when < sim.now)
			fail("an event in the past");
		sim.now = e.when;
		e.fn(e.arg);
	}
}

double sim_jitter(double part)
{
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 7;
	sim.random ^= sim.random << 17;
	return 1 + part * ((double)(sim.random >> 11) / (1ull << 52) - 1);
}

double sim_transfer(const struct sim_costs *c, int from, int to)
{
	if (from == to || from < 0)
		return c->hit_ns;
	if (from / c->cpus_per_socket == to / c->cpus_per_socket)
		return c->core_ns;
	return c->socket_ns;
}

void sim_visit(struct sim_line *line, const struct sim_costs *c, int cpu,
	       double times, sim_fn fn, void *arg)
{
	double ns = times * sim_transfer(c, line->cpu, cpu);

	if (line->free_at < sim.now)
		line->free_at = sim.now;
	line->free_at += ns;
	line->busy_ns += ns;
	line->cpu = cpu;
	sim_at(line->free_at, fn, arg);
}

void sim_lock_init(struct sim_lock *lock)
{
	*lock = (struct sim_lock){ .cpu = -1, .from = -1 };
	lock->last = &lock->first;
}

static void grant(struct sim_lock *lock, struct sim_waiter *w)
{
	lock->owner = w;
	lock->from = lock->cpu;
	lock->cpu = w->cpu;
	lock->waited_ns += sim.now - w->since;
	sim_at(sim.now, w->fn, w->arg);
}

void sim_acquire(struct sim_lock *lock, struct sim_waiter *w)
{
	w->since = sim.now;
	w->next = NULL;
	if (!lock->owner) {
		grant(lock, w);
		return;
	}
	*lock->last = w;
	lock->last = &w->next;
}

void sim_release(struct sim_lock *lock)
{
	struct sim_waiter *w = lock->first;

	lock->owner = NULL;
	if (!w)
		return;
	lock->first = w->next;
	if (!lock->first)
		lock->last = &lock->first;
	grant(lock, w);
}
