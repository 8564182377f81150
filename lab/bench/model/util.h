/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LAB_MODEL_UTIL_H
#define LAB_MODEL_UTIL_H

#include <stdio.h>
#include <stdlib.h>

static inline void fail(const char *why)
{
	fprintf(stderr, "model: %s\n", why);
	exit(1);
}

static inline void *grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		fail("out of memory");
	return p;
}

static inline void *zalloc(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	if (!p)
		fail("out of memory");
	return p;
}

static inline double smaller(double a, double b)
{
	return a < b ? a : b;
}

static inline double larger(double a, double b)
{
	return a > b ? a : b;
}

/* Where f(x, arg) is smallest, if there is one minimum between @low and @high */
static inline double minimum(double low, double high, double (*f)(double x, void *arg),
			     void *arg)
{
	double a, b;

	while (high - low > 0.001) {
		a = low + (high - low) * 0.382;
		b = low + (high - low) * 0.618;
		if (f(a, arg) < f(b, arg))
			high = b;
		else
			low = a;
	}
	return (low + high) / 2;
}

#endif
