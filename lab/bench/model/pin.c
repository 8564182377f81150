// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning a guest's memory by several threads, whoever they are: helpers in the kernel, as
 * published, or threads of user space with ioctls of their own. And the exit of a task whose
 * memory several threads zap.
 *
 * Each thread works for a while and then wants what the node serves one after the other, its
 * memory or a lock: memory.c's law, with parts of one thread's time instead of ns. What the
 * parts are is fitted for each machine: of memory that has to be zeroed, and of memory that
 * is there already, where threads also make each other's own work longer (page-table locks,
 * counters).
 */

#include <math.h>
#include <stdio.h>

#include "init.h"
#include "pin.h"
#include "published_pin.h"
#include "util.h"

#define MILAN_CORES	64	/* of a node */
#define SKYLAKE_CORES	26
#define MILAN_NODES	2
#define TIB_GIB		1024

static const int cores_of[] = { SKYLAKE_CORES, MILAN_CORES };

/* Parts of what one thread takes, which is 1 */
struct pin_law {
	double	shared;		/* done for one thread at a time */
	double	extra;		/* that the rest takes longer if threads are many */
};

struct pin_fit {
	struct pin_law	fresh, populated;
};

/* @cores: of the node, with two threads each */
static double pin_speedup(const struct params *p, const struct pin_law *law,
			  int threads, int cores)
{
	const struct shape s = { .cores = cores, .smt = 2 };
	double own = (1 - law->shared) * threads / memory_in_cores(p, &s, threads);

	if (threads > 1)
		own *= 1 + law->extra;
	return threads / (own + memory_ns(own, law->shared, threads));
}

static const struct published_pin *fitted_on(enum pin_machine machine, bool fresh)
{
	const struct published_pin *m = published_pin;

	while (m->machine != machine || m->fresh != fresh || !m->fitted)
		m++;
	return m;
}

struct misfit {
	const struct params		*p;
	const struct published_pin	*m;
	struct pin_law			law;
};

/* Of the first and the last number of threads */
static double misfit(const struct misfit *fit)
{
	double e, sum = 0;
	int i;

	for (i = 0; i < PIN_TIMES; i += PIN_TIMES - 1) {
		e = log(pin_speedup(fit->p, &fit->law, pin_threads[i],
				    cores_of[fit->m->machine]) / fit->m->speedup[i]);
		sum += e * e;
	}
	return sum;
}

static double misfit_shared(double shared, void *arg)
{
	struct misfit *fit = arg;

	fit->law.shared = shared;
	return misfit(fit);
}

/* With the best part that is shared */
static double misfit_extra(double extra, void *arg)
{
	struct misfit *fit = arg;

	fit->law.extra = extra;
	return misfit_shared(minimum(0, 1, misfit_shared, fit), fit);
}

static struct pin_law fit_law(const struct params *p, enum pin_machine machine, bool fresh)
{
	struct misfit fit = { .p = p, .m = fitted_on(machine, fresh) };

	/* Zeroing needs no locks */
	misfit_extra(fresh ? 0 : minimum(0, 2, misfit_extra, &fit), &fit);
	return fit.law;
}

static struct pin_fit fit_machine(const struct params *p, enum pin_machine machine)
{
	return (struct pin_fit){ fit_law(p, machine, true), fit_law(p, machine, false) };
}

static void print_law(const char *machine, const char *what, const struct pin_law *law)
{
	printf("pin_law\t%s\t%s\t%.4f\t%.4f\n", machine, what, law->shared, law->extra);
}

static void check_pins(const struct params *p)
{
	const struct published_pin *m;
	struct pin_fit fits[NR_PIN_MACHINES];
	int i, k;

	for (i = 0; i < NR_PIN_MACHINES; i++) {
		fits[i] = fit_machine(p, i);
		print_law(pin_machines[i], "fresh", &fits[i].fresh);
		print_law(pin_machines[i], "populated", &fits[i].populated);
	}
	for (m = published_pin; m < published_pin + NR_PUBLISHED_PIN; m++)
		for (k = 0; k < PIN_TIMES; k++)
			printf("pin_check\t%s\t%s\t%s\t%d\t%d\t%s\t%.1f\t%.2f\n",
			       pin_machines[m->machine], m->memory,
			       m->fresh ? "fresh" : "populated", m->gib, pin_threads[k],
			       m->fitted && k % (PIN_TIMES - 1) == 0 ? "fitted" : "predicted",
			       m->speedup[k],
			       pin_speedup(p, m->fresh ? &fits[m->machine].fresh :
						&fits[m->machine].populated,
					   pin_threads[k], cores_of[m->machine]));
}

/* @nodes: that have the memory, and as many threads each */
static void predict(const struct params *p, const struct published_pin *m,
		    const struct pin_law *law, int threads, int nodes)
{
	double seconds = m->seconds * TIB_GIB / m->gib;

	printf("pin\t%s\t%s\t%d\t%d\t%.3f\t%.3f\n", m->memory,
	       m->fresh ? "fresh" : "populated", threads, nodes, seconds,
	       seconds / nodes / pin_speedup(p, law, threads / nodes, MILAN_CORES));
}

/* 1 TiB by all numbers of CPUs of the larger machine, on one node or two */
static void predict_tib(const struct params *p)
{
	struct pin_fit fit = fit_machine(p, MILAN);
	int fresh, nodes, threads;

	for (fresh = 0; fresh < 2; fresh++)
		for (nodes = 1; nodes <= MILAN_NODES; nodes++)
			for (threads = 16; threads <= 256; threads *= 4)
				if (threads <= nodes * 2 * MILAN_CORES)
					predict(p, fitted_on(MILAN, fresh),
						fresh ? &fit.fresh : &fit.populated,
						threads, nodes);
}

void predict_pins(const struct params *p)
{
	check_pins(p);
	predict_tib(p);
}

static double misfit_gain(double shared, void *arg)
{
	const struct params *p = arg;
	const struct pin_law law = { .shared = shared };

	return fabs(log(pin_speedup(p, &law, 2, MILAN_CORES) / p->exit_gain));
}

/* If all that two threads lack of a gain of 2 is because something is shared */
void predict_exits(const struct params *p)
{
	struct params q = *p;
	struct pin_law law = { .shared = minimum(0, 1, misfit_gain, &q) };
	int threads;

	for (threads = 2; threads <= 64; threads *= 2)
		printf("exit\t%.3f\t%.4f\t%d\t%.3f\n", p->exit_gain, law.shared, threads,
		       pin_speedup(p, &law, threads, MILAN_CORES));
}
