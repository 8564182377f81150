// SPDX-License-Identifier: GPL-2.0-only
/* Nodes, threads and workers of deferred init */

#include <math.h>
#include <string.h>

#include "init.h"
#include "util.h"

struct world;
struct node;

struct thread {
	struct node		*node;
	struct world		*world;
	int			cpu;
	unsigned long		start, len, todo, portion;
	double			slice;
	double			began;
	double			updates;	/* of counters, to do under the lock */
	unsigned int		chunks;
	struct sim_waiter	waiter;
};

struct node {
	struct world		*world;
	struct thread		main;
	unsigned long		next, end;
	unsigned long		old_chunk;	/* of all the same length, if any */
	unsigned int		possible;	/* helpers */
	unsigned int		threads;	/* run->threads, 0 without a run */
	unsigned int		missing;
	unsigned int		holders;
	unsigned int		expected;	/* helpers the old engine waits for */
	int			free_cpu;
	int			active;		/* threads that write struct pages */
	bool			waiting;
	bool			ready;
	double			began, last_start, ended;
	unsigned int		took_part;
	struct sim_line		claims;
	struct sim_lock		zone;
};

struct range {
	unsigned long		start, end;
};

struct world {
	const struct params	*p;
	const struct shape	*s;
	const struct design	*d;
	struct rules		rules;
	struct sim_costs	costs;		/* of any line */
	struct sim_costs	claim_costs;
	double			*law;
	unsigned long		portion;
	struct node		*nodes;
	int			cpus;

	/* pool of workers */
	struct sim_line		pool;
	struct sim_line		kthreadd;
	unsigned int		idle, workers, helping, missing, managers;
	int			turn;		/* whose run gets the next helper */

	struct sim_line		counters;	/* vm_zone_stat */
	struct range		*done;
	size_t			nr_done, room;
};

static void thread_take(void *arg);
static void thread_portion(struct thread *t);
static void pool_seek(struct world *w);

/* Workers */

static unsigned int pool_limit(const struct world *w)
{
	return w->cpus - w->s->nodes;	/* all main threads are callers */
}

static bool pool_lacks_workers(const struct world *w)
{
	return w->workers < smaller(w->helping + w->missing, pool_limit(w));
}

/* By turns; a node's helpers stay on its CPUs. */
static struct node *pool_pending(struct world *w)
{
	struct node *n;
	int i;

	for (i = 0; i < w->s->nodes; i++) {
		n = &w->nodes[(w->turn + i) % w->s->nodes];
		if (!n->missing)
			continue;
		w->turn = (w->turn + i + 1) % w->s->nodes;
		return n;
	}
	return NULL;
}

static void helper_begin(void *arg)
{
	struct thread *t = arg;

	t->slice = t->node->main.slice;
	thread_take(t);
}

/* Placing a worker on the node's CPUs means to move it there. */
static void pool_assign(struct world *w, struct node *n, double delay)
{
	struct thread *t = zalloc(1, sizeof(*t));

	n->missing--;
	w->missing--;
	w->helping++;
	t->node = n;
	t->world = w;
	t->cpu = n->free_cpu++;
	sim_at(sim_now() + delay, helper_begin, t);
}

static void worker_looks(void *arg)
{
	struct world *w = arg;
	struct node *n = pool_pending(w);

	if (!n || w->helping >= pool_limit(w))
		w->idle++;
	else
		pool_assign(w, n, w->p->wake_ns);
}

static void worker_comes(void *arg)
{
	struct world *w = arg;

	if (w->d->tree)
		pool_seek(w);
	sim_visit(&w->pool, &w->costs, w->workers % w->cpus, 1, worker_looks, w);
}

static void manager_goes_on(void *arg);

static void manager_creates(struct world *w)
{
	double ns = w->p->clone_ns;

	w->workers++;
	/* kthreadd is woken, then the thread, then who wanted it. */
	w->kthreadd.free_at = larger(w->kthreadd.free_at,
				     sim_now() + w->p->wake_ns) + ns;
	sim_at(w->kthreadd.free_at + 2 * w->p->wake_ns, manager_goes_on, w);
}

static void manager_goes_on(void *arg)
{
	struct world *w = arg;

	sim_at(sim_now() + w->p->wake_ns, worker_comes, w);
	if (pool_lacks_workers(w))
		manager_creates(w);
	else
		w->managers--;
}

static void manager_begins(void *arg)
{
	struct world *w = arg;

	if (pool_lacks_workers(w))
		manager_creates(w);
	else
		w->managers--;
}

/* The unpatched kernel has a pool of workers for each node. */
static unsigned int pool_managers(const struct world *w)
{
	if (w->d->tree)
		return w->cpus;
	return w->d->old ? w->s->nodes : 1;
}

static void pool_seek(struct world *w)
{
	if (!pool_lacks_workers(w) || w->managers >= pool_managers(w))
		return;
	w->managers++;
	sim_at(sim_now() + w->p->wake_ns, manager_begins, w);
}

/* Sends those that are idle, one after the other; returns how long that takes. */
static double pool_send(struct world *w, struct node *n)
{
	double ns = 0;

	while (n->missing && w->idle && w->helping < pool_limit(w)) {
		w->idle--;
		ns += w->costs.core_ns + w->p->queue_cycles * w->p->cycle_ns;
		pool_assign(w, n, ns + w->p->wake_ns);
	}
	pool_seek(w);
	return ns;
}

static void helper_quits(struct thread *t)
{
	struct world *w = t->world;

	w->helping--;
	sim_visit(&w->pool, &w->costs, t->cpu, 1, worker_looks, w);
	free(t);
}

/* Nodes */

static bool node_is_closed(const struct node *n)
{
	return n->next == n->end;
}

static void node_check_ready(struct node *n)
{
	struct world *w = n->world;

	if (!n->waiting || n->holders || n->expected || n->ready)
		return;
	n->ready = true;
	n->ended = sim_now();
	/* What it lacks it will not get. */
	w->missing -= n->missing;
	n->missing = 0;
}

static double node_add_missing(struct node *n, unsigned int more)
{
	n->threads += more;
	n->missing += more;
	n->world->missing += more;
	return pool_send(n->world, n);
}

static unsigned int node_shares(const struct node *n, unsigned long left)
{
	unsigned long least = larger(n->world->rules.min_chunk, 1);

	return smaller(left / least, 1u << 30);
}

static unsigned int node_possible(const struct node *n, unsigned long left)
{
	const struct world *w = n->world;
	unsigned int cpus = w->s->cores * w->s->smt;

	if (w->d->threads)
		cpus = smaller(cpus, w->d->threads);
	return smaller(cpus - 1, node_shares(n, left));
}

/* padata_mt_want_more(), by the main thread after a chunk of its own */
static double node_want_more(struct node *n, const struct thread *t, double ns)
{
	unsigned long left = n->end - n->next;
	unsigned int worth, limit;

	if (n->threads > n->possible)
		return 0;
	limit = smaller(n->possible, node_shares(n, left));
	worth = engine_worthwhile(&n->world->rules, ns * left / t->len, limit);
	if (worth < n->threads)
		return 0;
	return node_add_missing(n, worth + 1 - n->threads);
}

/* padata_mt_consider_helpers() */
static double node_consider(struct node *n, const struct thread *t, double ns)
{
	unsigned long left = n->end - n->next;
	unsigned int helpers;

	n->possible = node_possible(n, left - 1);
	helpers = engine_worthwhile(&n->world->rules, ns * left / t->len,
				    n->possible);
	if (!helpers)
		return 0;
	n->threads = 1;
	n->main.slice = engine_slice(&n->world->rules, t->len, ns);
	return node_add_missing(n, helpers);
}

static void node_out(struct thread *t)
{
	struct node *n = t->node;

	n->took_part += !!t->chunks;
	if (t == &n->main) {
		n->waiting = true;
	} else {
		n->holders -= !!t->chunks;
		n->expected -= n->world->d->old;
		helper_quits(t);
	}
	node_check_ready(n);
}

/* Threads: chunks */

static void thread_begin_chunk(struct thread *t, unsigned long len)
{
	struct node *n = t->node;

	t->start = n->next;
	t->len = len;
	t->todo = len;
	n->next += len;
	if (!t->chunks++) {
		n->last_start = sim_now();
		n->holders += t != &n->main;
	}
	t->began = sim_now();
	thread_portion(t);
}

static unsigned long shared_len(const struct thread *t, unsigned long left)
{
	const struct rules *r = &t->world->rules;

	return engine_chunk_len(r, t->node->next, left,
				engine_want(r, left, t->node->threads, t->slice));
}

static void thread_claimed(void *arg)
{
	struct thread *t = arg;
	struct node *n = t->node;
	unsigned long left = n->end - n->next;

	if (!left)
		node_out(t);
	else if (n->old_chunk)
		thread_begin_chunk(t, smaller(n->old_chunk, left));
	else
		thread_begin_chunk(t, shared_len(t, left));
}

static void thread_take(void *arg)
{
	struct thread *t = arg;

	sim_visit(&t->node->claims, &t->world->claim_costs, t->cpu, 1,
		  thread_claimed, t);
}

static void note_done(struct world *w, const struct thread *t)
{
	unsigned long base = (t->node - w->nodes) * w->s->pages;

	if (w->nr_done == w->room) {
		w->room = w->room ? 2 * w->room : 1024;
		w->done = grow(w->done, w->room * sizeof(*w->done));
	}
	w->done[w->nr_done++] = (struct range){
		base + t->start, base + t->start + t->len };
}

/* The main thread before it has a run, padata_mt_begin() */
static void thread_alone(struct thread *t, double ns)
{
	struct node *n = t->node;
	double spent = 0, elapsed = sim_now() - n->began;
	const struct rules *r = &n->world->rules;
	double want = engine_want_alone(r, t->len, ns, elapsed);

	if (node_is_closed(n)) {
		node_out(t);
		return;
	}
	if (elapsed > r->p->probe_ns)
		spent = node_consider(n, t, ns);
	if (n->threads)
		sim_at(sim_now() + spent, thread_take, t);
	else
		thread_begin_chunk(t, engine_chunk_len(r, n->next,
						       n->end - n->next, want));
}

static void thread_chunk_done(void *arg)
{
	struct thread *t = arg;
	struct node *n = t->node;
	double spent = 0, ns = sim_now() - t->began;

	note_done(n->world, t);
	if (n->old_chunk) {
		thread_take(t);
		return;
	}
	if (!n->threads) {
		thread_alone(t, ns);
		return;
	}
	t->slice = engine_adapt(&n->world->rules, t->slice, t->len, ns);
	if (t == &n->main && !node_is_closed(n))
		spent = node_want_more(n, t, ns);
	sim_at(sim_now() + spent, thread_take, t);
}

/* Threads: blocks of a chunk, as many at a time as make no difference */

static double thread_blocks(const struct thread *t)
{
	return t->portion / t->world->p->block_pages;
}

/* Blocks that are freed together */
static double thread_batch(const struct thread *t)
{
	const struct params *p = t->world->p;

	return t->world->d->sections ? p->section_pages / p->block_pages : 1;
}

static void thread_portion_done(void *arg)
{
	struct thread *t = arg;

	sim_release(&t->node->zone);
	t->todo -= t->portion;
	if (t->todo)
		thread_portion(t);
	else if (t->world->d->batch_updates)
		sim_visit(&t->world->counters, &t->world->costs, t->cpu, 1,
			  thread_chunk_done, t);
	else
		thread_chunk_done(t);
}

/* Between two updates others may get the line. */
static void thread_update(void *arg)
{
	struct thread *t = arg;
	struct world *w = t->world;

	if (t->updates-- >= 1)
		sim_visit(&w->counters, &w->costs, t->cpu,
			  thread_blocks(t) / thread_batch(t), thread_update, t);
	else
		thread_portion_done(t);
}

static void thread_locked(void *arg)
{
	struct thread *t = arg;
	struct world *w = t->world;
	double per_line = sim_transfer(&w->costs, t->node->zone.from, t->cpu);
	double ns = w->p->hold_ns + w->p->lock_lines * per_line / thread_batch(t);

	if (w->d->batch_updates)
		t->updates = 0;
	else
		t->updates = w->d->sections ? w->p->section_updates : w->p->block_updates;
	sim_at(sim_now() + ns * thread_blocks(t), thread_update, t);
}

static void thread_written(void *arg)
{
	struct thread *t = arg;

	t->node->active--;
	if (t->world->d->no_locks) {
		t->todo -= t->portion;
		if (t->todo)
			thread_portion(t);
		else
			thread_chunk_done(t);
		return;
	}
	t->waiter.cpu = t->cpu;
	t->waiter.fn = thread_locked;
	t->waiter.arg = t;
	sim_acquire(&t->node->zone, &t->waiter);
}

static void thread_portion(struct thread *t)
{
	struct world *w = t->world;
	double ns;

	t->portion = smaller(t->todo, w->portion);
	t->node->active++;
	ns = t->portion * w->law[t->node->active] * sim_jitter(w->p->jitter);
	sim_at(sim_now() + ns, thread_written, t);
}

/* Beginning and end */

/* The unpatched kernel splits the job before anything else. */
static void node_begin_old(struct node *n)
{
	struct world *w = n->world;

	n->threads = 1 + node_possible(n, n->end);
	if (n->threads == 1) {
		n->old_chunk = n->end;
		thread_begin_chunk(&n->main, n->end);
		return;
	}
	n->old_chunk = engine_old_chunk(&w->rules, n->end, n->threads);
	n->expected = n->threads - 1;
	n->threads = 1;
	sim_at(sim_now() + node_add_missing(n, n->expected), thread_take,
	       &n->main);
}

static void node_begin(void *arg)
{
	struct node *n = arg;
	struct world *w = n->world;

	n->began = sim_now();
	if (w->d->old)
		node_begin_old(n);
	else if (node_possible(n, n->end - 1))
		thread_begin_chunk(&n->main,
				   engine_chunk_len(&w->rules, 0, n->end, 0));
	else
		thread_begin_chunk(&n->main, n->end);
}

static void node_init(struct world *w, int i)
{
	struct node *n = &w->nodes[i];

	n->world = w;
	n->end = w->s->pages;
	n->claims = (struct sim_line)SIM_LINE;
	sim_lock_init(&n->zone);
	n->main.node = n;
	n->main.world = w;
	n->main.cpu = i * w->s->cores * w->s->smt;
	n->free_cpu = n->main.cpu + 1;
	/* One process creates all main threads. */
	sim_at(i * (3 * w->p->wake_ns + w->p->clone_ns), node_begin, n);
}

/* Some 2^16 portions in all, but whole blocks, and no more than a section at first */
static unsigned long choose_portion(const struct world *w)
{
	double pages = (double)w->s->pages * w->s->nodes / 65536;
	unsigned long portion = w->p->block_pages;

	if (w->d->portion)
		return w->d->portion;
	while (portion < pages)
		portion *= 2;
	return portion;
}

static void world_init(struct world *w)
{
	const struct params *p = w->p;
	int i;

	w->cpus = w->s->nodes * w->s->cores * w->s->smt;
	w->costs = (struct sim_costs){ p->hit_ns, p->core_ns, p->socket_ns,
				       w->s->cpus_per_socket };
	w->claim_costs = (struct sim_costs){ p->hit_ns, p->claim_ns,
		p->claim_ns * p->socket_ns / p->core_ns, w->s->cpus_per_socket };
	w->rules = (struct rules){ p, w->d->min_chunk, w->d->min_chunk };
	if (!w->d->min_chunk)
		w->rules = (struct rules){ p, p->section_pages, p->section_pages };
	w->portion = choose_portion(w);
	w->law = memory_law(p, w->s, w->d);
	w->pool = (struct sim_line)SIM_LINE;
	w->kthreadd = w->pool;
	w->counters = w->pool;
	if (w->d->idle)
		w->idle = pool_limit(w);
	w->workers = w->idle;
	w->nodes = zalloc(w->s->nodes, sizeof(*w->nodes));
	for (i = 0; i < w->s->nodes; i++)
		node_init(w, i);
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Each page has to be in exactly one chunk that was completed. */
static void count_pages(struct world *w, struct result *r)
{
	unsigned long at = 0, end = w->s->pages * w->s->nodes;
	size_t i;

	qsort(w->done, w->nr_done, sizeof(*w->done), by_start);
	for (i = 0; i < w->nr_done; i++) {
		const struct range *c = &w->done[i];

		r->pages += c->end - c->start;
		if (c->start > at)
			r->missed += c->start - at;
		if (c->start < at)
			r->twice += smaller(at, c->end) - c->start;
		at = larger(at, c->end);
	}
	r->missed += end - smaller(at, end);
	r->chunks = w->nr_done;
}

static void sum_up(struct world *w, struct result *r)
{
	double waited = 0;
	int i;

	memset(r, 0, sizeof(*r));
	count_pages(w, r);
	for (i = 0; i < w->s->nodes; i++) {
		struct node *n = &w->nodes[i];

		if (!n->ready)
			fail("a node never became ready");
		r->ns = larger(r->ns, n->ended);
		r->node_ns = larger(r->node_ns, n->ended - n->began);
		r->last_start_ns = larger(r->last_start_ns, n->last_start);
		r->claims_busy = larger(r->claims_busy, n->claims.busy_ns);
		waited += n->zone.waited_ns;
	}
	r->threads = w->nodes[0].took_part;
	r->lock_waited = waited / (r->ns * r->threads * w->s->nodes);
	r->counters_busy = w->counters.busy_ns / r->ns;
	r->claims_busy /= r->ns;
}

void init_simulate(const struct params *p, const struct shape *s,
		   const struct design *d, struct result *r)
{
	struct world w = { .p = p, .s = s, .d = d };

	sim_begin();
	world_init(&w);
	sim_run();
	sum_up(&w, r);
	free(w.law);
	free(w.nodes);
	free(w.done);
}
