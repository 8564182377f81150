// SPDX-License-Identifier: GPL-2.0-only
/* Drains of all CPUs */

#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "drain.h"
#include "util.h"

#define BATCH	31		/* folios, FOLIO_BATCH_SIZE */
#define POINTERS 8		/* in a cache line */

struct state;

struct target {
	bool			done;
	int			drained;
	double			since;
};

/* Somebody who drains CPUs, one after the other: the caller, a helper, a CPU itself */
struct drainer {
	struct state		*s;
	int			cpu;
	int			target, end;
	int			left;		/* folios of this target */
	int			batch;
	void			(*then)(struct drainer *d);
	struct sim_waiter	waiter;
};

struct state {
	const struct params	*p;
	const struct drain	*d;
	struct drain_result	*r;
	struct sim_costs	costs;
	struct target		*targets;
	struct drainer		*own;		/* of each CPU in local mode */
	struct drainer		*helpers;	/* the caller is the first */
	struct sim_lock		*lru;		/* of each node */
	int			local;		/* CPUs, the first ones */
	int			queueing, flushing;
	int			helping;
	bool			sleeping;
};

static double queue_ns(const struct params *p)
{
	return p->queue_cycles * p->cycle_ns;
}

/* What of queueing and flushing is neither the caller's nor the drain itself */
static double switch_ns(const struct params *p)
{
	double all = p->queued_instructions - p->remote_instructions;

	return larger(all * p->instruction_ns -
		      (1 + p->flush_share) * queue_ns(p), 0);
}

static void busy(struct state *s, const struct drainer *d, double ns)
{
	if (d == &s->helpers[0])
		s->r->caller_ns += ns;
}

static struct sim_lock *lru_of(struct state *s, int cpu)
{
	return &s->lru[cpu / s->d->cpus_per_node];
}

static void drainer_target(struct drainer *d);

static void drainer_lock(void *arg)
{
	struct drainer *d = arg;

	d->waiter.since = sim_now();
	sim_acquire(lru_of(d->s, d->target), &d->waiter);
}

/* Folios that another CPU has batched are in its cache. */
static double fetch_ns(const struct drainer *d)
{
	return d->batch * sim_transfer(&d->s->costs, d->target, d->cpu);
}

static void drainer_next_batch(struct drainer *d)
{
	struct target *t = &d->s->targets[d->target];
	double ns;

	if (d->left) {
		d->batch = smaller(d->left, BATCH);
		d->left -= d->batch;
		ns = d->s->d->fetch ? fetch_ns(d) : 0;
		busy(d->s, d, ns);
		sim_at(sim_now() + ns, drainer_lock, d);
		return;
	}
	t->drained++;
	d->target++;
	drainer_target(d);
}

static void drainer_unlock(void *arg)
{
	struct drainer *d = arg;

	sim_release(lru_of(d->s, d->target));
	drainer_next_batch(d);
}

/* The lock and the end of the list come from who had it before. */
static void drainer_locked(void *arg)
{
	struct drainer *d = arg;
	struct state *s = d->s;
	struct sim_lock *lru = lru_of(s, d->target);
	double ns = d->batch * s->p->folio_ns + (s->d->fetch ? 0 : fetch_ns(d)) +
		    2 * sim_transfer(&s->costs, lru->from, d->cpu);

	busy(s, d, ns + sim_now() - d->waiter.since);
	sim_at(sim_now() + ns, drainer_unlock, d);
}

static void drainer_detached(void *arg)
{
	drainer_next_batch(arg);
}

/* The lock's line, and those with the pointers */
static void drainer_target(struct drainer *d)
{
	struct state *s = d->s;
	double ns, lines;

	if (d->target == d->end) {
		d->then(d);
		return;
	}
	d->left = s->d->folios;
	lines = 1 + (d->left + POINTERS - 1) / POINTERS;
	ns = s->p->remote_instructions * s->p->instruction_ns +
	     lines * sim_transfer(&s->costs, d->target, d->cpu);
	busy(s, d, ns);
	sim_at(sim_now() + ns, drainer_detached, d);
}

static void drainer_init(struct state *s, struct drainer *d, int cpu, int target,
			 int end, void (*then)(struct drainer *d))
{
	d->s = s;
	d->cpu = cpu;
	d->target = target;
	d->end = end;
	d->then = then;
	d->waiter.cpu = cpu;
	d->waiter.fn = drainer_locked;
	d->waiter.arg = d;
}

static void caller_flush(void *arg);

static void caller_wakes(struct state *s)
{
	if (!s->sleeping)
		return;
	s->sleeping = false;
	sim_at(sim_now() + s->p->wake_ns, caller_flush, s);
}

/* CPUs that do it themselves */

static void target_done(struct drainer *d)
{
	struct state *s = d->s;
	struct target *t = &s->targets[d->cpu];
	double stolen = sim_now() - t->since + switch_ns(s->p) / 2;

	t->done = true;
	s->r->interrupted++;
	s->r->stolen_ns += stolen;
	s->r->longest_ns = larger(s->r->longest_ns, stolen);
	if (s->flushing == d->cpu)
		caller_wakes(s);
}

static void target_switched(void *arg)
{
	drainer_target(arg);
}

static void target_wakes(void *arg)
{
	struct drainer *d = arg;
	struct state *s = d->s;

	s->targets[d->cpu].since = sim_now();
	sim_at(sim_now() + switch_ns(s->p) / 2, target_switched, d);
}

/* The caller */

static void caller_flushed(void *arg)
{
	struct state *s = arg;

	s->flushing++;
	caller_flush(s);
}

static void caller_flush(void *arg)
{
	struct state *s = arg;
	double ns = s->p->flush_share * queue_ns(s->p);

	if (s->flushing == s->local) {
		s->r->ns = sim_now();
		return;
	}
	if (!s->targets[s->flushing].done) {
		s->sleeping = true;
		s->r->caller_ns += ns;
		return;
	}
	s->r->caller_ns += ns / 10;
	sim_at(sim_now() + ns / 10, caller_flushed, s);
}

static void helper_done(struct drainer *d)
{
	struct state *s = d->s;

	if (--s->helping)
		return;
	/* If the caller is not the last one, it has to be woken. */
	sim_at(sim_now() + (d == &s->helpers[0] ? 0 : s->p->wake_ns),
	       caller_flush, s);
}

/* A share of the CPUs in remote mode for each */
static void caller_shares(struct state *s)
{
	int i, n = s->d->drainers, cpus = s->d->cpus - s->local;
	double ns;

	s->helping = n;
	ns = (n - 1) * queue_ns(s->p);
	s->r->caller_ns += ns;
	for (i = 0; i < n; i++) {
		int from = s->local + (long)cpus * i / n;

		drainer_init(s, &s->helpers[i], i ? from : 0, from,
			     s->local + (long)cpus * (i + 1) / n, helper_done);
		sim_at(sim_now() + (i ? i * queue_ns(s->p) + s->p->wake_ns : ns),
		       target_switched, &s->helpers[i]);
	}
}

static void caller_queues(void *arg)
{
	struct state *s = arg;
	int cpu = s->queueing++;

	if (cpu == s->local) {
		caller_shares(s);
		return;
	}
	drainer_init(s, &s->own[cpu], cpu, cpu, cpu + 1, target_done);
	s->r->caller_ns += queue_ns(s->p);
	sim_at(sim_now() + queue_ns(s->p) + s->p->wake_ns, target_wakes,
	       &s->own[cpu]);
	sim_at(sim_now() + queue_ns(s->p), caller_queues, s);
}

static void state_init(struct state *s)
{
	const struct params *p = s->p;
	int i, nodes = (s->d->cpus - 1) / s->d->cpus_per_node + 1;

	s->costs = (struct sim_costs){ p->hit_ns, p->core_ns, p->socket_ns,
				       s->d->cpus_per_node };
	s->local = s->d->cpus - s->d->remote;
	s->targets = zalloc(s->d->cpus, sizeof(*s->targets));
	s->own = zalloc(s->d->cpus, sizeof(*s->own));
	s->helpers = zalloc(s->d->drainers, sizeof(*s->helpers));
	s->lru = zalloc(nodes, sizeof(*s->lru));
	for (i = 0; i < nodes; i++)
		sim_lock_init(&s->lru[i]);
}

static void count_cpus(const struct state *s)
{
	int i;

	for (i = 0; i < s->d->cpus; i++) {
		s->r->missed += !s->targets[i].drained;
		s->r->twice += s->targets[i].drained > 1;
	}
}

void drain_simulate(const struct params *p, const struct drain *d,
		    struct drain_result *r)
{
	struct state s = { .p = p, .d = d, .r = r };

	memset(r, 0, sizeof(*r));
	sim_begin();
	state_init(&s);
	sim_at(0, caller_queues, &s);
	sim_run();
	count_cpus(&s);
	free(s.targets);
	free(s.own);
	free(s.helpers);
	free(s.lru);
}

static void predict(const struct params *p, const char *name, struct drain d)
{
	struct drain_result r;

	drain_simulate(p, &d, &r);
	printf("drain\t%s\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t%d\t%.3f\t%.3f\n", name,
	       d.cpus, d.remote, d.folios, d.drainers, r.ns / 1e3,
	       r.caller_ns / 1e3, r.interrupted, r.stolen_ns / 1e3,
	       r.longest_ns / 1e3);
}

/* Half a batch for each CPU, or all batches full */
static void predict_cpus(const struct params *p, int cpus, int folios)
{
	predict(p, "queued", (struct drain){ cpus, 128, 0, folios, 1, 0 });
	predict(p, "half remote",
		(struct drain){ cpus, 128, cpus / 2, folios, 1, 0 });
	predict(p, "all remote", (struct drain){ cpus, 128, cpus, folios, 1, 0 });
	if (cpus < 16)
		return;
	predict(p, "all remote, 8 drainers",
		(struct drain){ cpus, 128, cpus, folios, 8, 0 });
	predict(p, "all remote, a drainer for 16 CPUs, folios fetched before",
		(struct drain){ cpus, 128, cpus, folios, cpus / 16, 1 });
}

void predict_drains(const struct params *p)
{
	int cpus;

	/* What was published of memcg stocks has no folios, and no flush. */
	predict(p, "stocks of 128 CPUs", (struct drain){ 128, 128, 128, 0, 1, 0 });
	for (cpus = 2; cpus <= 1024; cpus *= 2) {
		predict_cpus(p, cpus, BATCH / 2);
		predict_cpus(p, cpus, 7 * BATCH);
	}
}
