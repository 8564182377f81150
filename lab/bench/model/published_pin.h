/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much faster a guest's memory was pinned for VFIO by helpers of padata, as Daniel Jordan
 * published it in January 2022, of kernel 5.14: "vfio/type1: Cache locked_vm to ease mmap_lock
 * contention", the rows with a cache of 131072 pages. Memory of a guest is on one node.
 * https://lore.kernel.org/all/20220106004656.126790-9-daniel.m.jordan@oracle.com/
 *
 * Left out: guests of 16 GiB, and what took less than a second by one thread.
 */

#ifndef LAB_MODEL_PUBLISHED_PIN_H
#define LAB_MODEL_PUBLISHED_PIN_H

#include <stdbool.h>

#define PIN_TIMES	4

enum pin_machine { SKYLAKE, MILAN, NR_PIN_MACHINES };

static const char *const pin_machines[] = { "Skylake 8167M", "Milan 7J13" };

static const int pin_threads[PIN_TIMES] = { 8, 16, 24, 32 };

static const struct published_pin {
	enum pin_machine	machine;
	const char		*memory;
	bool			fresh;		/* allocated and zeroed by the pin */
	bool			fitted;		/* with 8 and 32 threads */
	int			gib;
	double			seconds;	/* by one thread */
	double			speedup[PIN_TIMES];
} published_pin[] = {
	{ SKYLAKE, "hugetlb", true,  false, 128, 26.6, {  7.5, 12.7, 13.1, 12.9 } },
	{ SKYLAKE, "hugetlb", true,  true,  360, 75.1, {  7.4, 12.6, 13.0, 12.9 } },
	{ SKYLAKE, "hugetlb", false, false, 360,  1.8, {  6.1, 11.5, 10.4, 15.1 } },
	{ SKYLAKE, "THP",     true,  false, 128, 29.5, {  7.3, 12.5, 12.9, 12.8 } },
	{ SKYLAKE, "THP",     true,  false, 360, 83.8, {  7.4, 12.7, 13.6, 13.4 } },
	{ SKYLAKE, "THP",     false, false, 128,  5.1, {  5.5,  9.7, 13.9, 16.5 } },
	{ SKYLAKE, "THP",     false, true,  360, 14.4, {  5.5,  9.7, 13.5, 16.5 } },
	{ MILAN,   "hugetlb", true,  false, 128,  9.6, {  4.4,  4.2,  4.1,  4.5 } },
	{ MILAN,   "hugetlb", true,  true,  980, 74.1, {  4.4,  4.7,  4.6,  4.6 } },
	{ MILAN,   "hugetlb", false, false, 980,  2.0, {  5.0,  9.4,  7.1, 11.2 } },
	{ MILAN,   "THP",     true,  false, 128, 10.9, {  4.7,  5.0,  4.6,  4.8 } },
	{ MILAN,   "THP",     true,  false, 980, 85.3, {  4.7,  5.2,  5.1,  5.0 } },
	{ MILAN,   "THP",     false, false, 128,  3.4, {  3.8,  5.0,  5.8, 11.7 } },
	{ MILAN,   "THP",     false, true,  980, 19.6, {  4.7,  6.9,  8.8,  9.7 } },
};

#define NR_PUBLISHED_PIN	((int)(sizeof(published_pin) / sizeof(published_pin[0])))

#endif
