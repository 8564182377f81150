// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the stores of a memory map cost this processor, beside memset() of as many bytes, in
 * user space: the loops of mm/mm_init.c with general registers only, as the kernel is built.
 *
 *	native MIB ROUNDS
 *
 * A line for each round: "native", MiB, the number of threads, how it was written, and
 * nanoseconds of a struct page to write it, and to read it once afterwards.
 */
#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_THREADS	2

/* A cache line, as on 64-bit systems */
struct page {
	uint64_t flags;
	struct list {
		struct list *next, *prev;
	} lru;
	uint64_t mapping, index, private;
	int32_t mapcount, refcount;
	uint64_t memcg;
};

#ifdef __x86_64__
#define KERNEL __attribute__((target("general-regs-only")))

KERNEL static inline void store_nontemporal(uint64_t *to, uint64_t value)
{
	asm volatile("movnti %1, %0" : "=m" (*to) : "r" (value));
}

KERNEL static inline void order_nontemporal(void)
{
	asm volatile("sfence" : : : "memory");
}
#else
#define KERNEL
#endif

/* The compiler must not make one store of those for several struct pages. */
KERNEL static inline void barrier(void)
{
	asm volatile("" : : : "memory");
}

/* init_struct_page() of pages whose zone and node do not change */
KERNEL static void write_fields(struct page *page, struct page *end,
				const struct page *template)
{
	uint64_t flags = template->flags;

	for (; page < end; page++) {
		page->mapping = 0;
		page->index = 0;
		page->private = 0;
		page->memcg = 0;
		page->flags = flags;
		page->refcount = 0;
		page->mapcount = -1;
		page->lru.next = &page->lru;
		page->lru.prev = &page->lru;
		barrier();
	}
}

/* copy_zone_device_pages() without non-temporal stores */
KERNEL static void write_copies(struct page *page, struct page *end,
				const struct page *template)
{
	for (; page < end; page++) {
		*page = *template;
		barrier();
	}
}

#ifdef __x86_64__
/* write_pages_nontemporal() with lists, as for pages that are to be freed next */
KERNEL static void write_nontemporal(struct page *page, struct page *end,
				     const struct page *template)
{
	const struct page filled = *template;
	const uint64_t *words = (const uint64_t *)&filled;

	for (; page < end; page++) {
		uint64_t *to = (uint64_t *)page;
		uint64_t lru = (uint64_t)&page->lru;

		store_nontemporal(to + 0, words[0]);
		store_nontemporal(to + 1, lru);
		store_nontemporal(to + 2, lru);
		store_nontemporal(to + 3, words[3]);
		store_nontemporal(to + 4, words[4]);
		store_nontemporal(to + 5, words[5]);
		store_nontemporal(to + 6, words[6]);
		store_nontemporal(to + 7, words[7]);
	}
	order_nontemporal();
}
#endif

static void write_memset(struct page *page, struct page *end, const struct page *template)
{
	(void)template;
	memset(page, 0, (end - page) * sizeof(*page));
}

static const struct way {
	const char *name;
	void (*write)(struct page *page, struct page *end, const struct page *template);
} ways[] = {
	{ "memset", write_memset },
	{ "fields", write_fields },
	{ "copies", write_copies },
#ifdef __x86_64__
	{ "non-temporal", write_nontemporal },
#endif
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

struct piece {
	const struct way *way;
	struct page *start, *end;
	pthread_barrier_t *barrier;
	double begin, written, read;
	uint64_t sum;
};

static void *run_piece(void *arg)
{
	static const struct page template = {
		.flags = 0x123456789abcdefULL, .mapcount = -1,
	};
	struct piece *piece = arg;

	pthread_barrier_wait(piece->barrier);
	piece->begin = now();
	piece->way->write(piece->start, piece->end, &template);
	piece->written = now();

	pthread_barrier_wait(piece->barrier);
	piece->read = now();
	for (struct page *page = piece->start; page < piece->end; page++)
		piece->sum += *(volatile uint64_t *)&page->flags;
	piece->read = now() - piece->read;
	return NULL;
}

static void measure(const struct way *way, struct page *pages, size_t nr, int nr_threads)
{
	double begin = 0, end = 0, read = 0;
	struct piece pieces[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, nr_threads);
	for (int i = 0; i < nr_threads; i++) {
		pieces[i] = (struct piece){
			.way = way,
			.barrier = &barrier,
			.start = pages + nr / nr_threads * i,
			.end = pages + nr / nr_threads * (i + 1),
		};
		if (pthread_create(&threads[i], NULL, run_piece, &pieces[i]))
			errx(1, "no thread");
	}
	for (int i = 0; i < nr_threads; i++) {
		pthread_join(threads[i], NULL);
		if (!i || pieces[i].begin < begin)
			begin = pieces[i].begin;
		if (pieces[i].written > end)
			end = pieces[i].written;
		if (pieces[i].read > read)
			read = pieces[i].read;
	}
	pthread_barrier_destroy(&barrier);
	printf("native %zu %d %s %.3f %.3f\n", nr * sizeof(*pages) >> 20, nr_threads,
	       way->name, (end - begin) / nr, read / nr);
}

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[1], NULL, 0) << 20 : 0;
	int rounds = argc == 3 ? atoi(argv[2]) : 0;
	struct page *pages;

	if (!size || rounds <= 0)
		errx(1, "usage: native MIB ROUNDS");
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		err(1, "%zu bytes", size);

	/* The kernel maps its memory maps by large pages. */
	madvise(pages, size, MADV_HUGEPAGE);
	memset(pages, 1, size);
	for (int round = 0; round < rounds; round++)
		for (int threads = 1; threads <= MAX_THREADS; threads++)
			for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
				measure(&ways[i], pages, size / sizeof(*pages), threads);
	return 0;
}
