// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look at all pages of the machine, and at what the kernel has counted of them, at the
 * same time: else this program's own memory would be in one and not in the other. Prints
 * "WHAT FOUND COUNTED", in pages:
 *
 *	lru		on the lists by which memory is reclaimed
 *	mlocked		locked
 *	unevictable	on no list that is looked at, as those locked are
 *	lost		in use by processes or tmpfs but on no such list; never counted
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Visible in /proc/kpageflags, but in no header for user space */
#define KPF_MLOCKED	33

#define CHUNK		8192

static uint64_t flags[CHUNK];
static char vmstat[65536];

static unsigned long lru, mlocked, unevictable, lost;

static bool has(uint64_t page, int flag)
{
	return page & 1ULL << flag;
}

static void look_at(uint64_t page)
{
	if (has(page, KPF_NOPAGE))
		return;
	lru += has(page, KPF_LRU);
	mlocked += has(page, KPF_MLOCKED);
	unevictable += has(page, KPF_UNEVICTABLE);
	lost += has(page, KPF_SWAPBACKED) && !has(page, KPF_LRU);
}

static void look(void)
{
	int fd = open("/proc/kpageflags", O_RDONLY);
	ssize_t len, i;

	if (fd < 0)
		err(1, "/proc/kpageflags");
	while ((len = read(fd, flags, sizeof(flags))) > 0)
		for (i = 0; i < len / (ssize_t)sizeof(flags[0]); i++)
			look_at(flags[i]);
	if (len)
		err(1, "/proc/kpageflags");
	close(fd);
}

static void read_counters(void)
{
	int fd = open("/proc/vmstat", O_RDONLY);
	size_t done = 0;
	ssize_t len;

	if (fd < 0)
		err(1, "/proc/vmstat");
	do {
		len = read(fd, vmstat + done, sizeof(vmstat) - 1 - done);
		if (len < 0)
			err(1, "/proc/vmstat");
		done += len;
	} while (len);
	vmstat[done] = '\0';
	close(fd);
}

static unsigned long counter(const char *name)
{
	char *line = vmstat;
	size_t len = strlen(name);

	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtoul(line + len, NULL, 10);
	}
	errx(1, "no %s in /proc/vmstat", name);
}

/* Each CPU has counted on its own, and has folios in hand. */
static void collect(void)
{
	int drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
	int stat = open("/proc/sys/vm/stat_refresh", O_WRONLY);

	if (drop < 0 || write(drop, "1", 1) != 1)
		err(1, "drop_caches");
	if (stat < 0 || write(stat, "1", 1) != 1)
		err(1, "stat_refresh");
	close(drop);
	close(stat);
}

int main(void)
{
	/* All memory that is needed is there before anything is counted. */
	memset(flags, 1, sizeof(flags));
	memset(vmstat, 1, sizeof(vmstat));
	look();
	read_counters();
	lru = 0;
	mlocked = 0;
	unevictable = 0;
	lost = 0;

	collect();
	look();
	read_counters();
	printf("lru %lu %lu\n", lru,
	       counter("nr_inactive_anon") + counter("nr_active_anon") +
	       counter("nr_inactive_file") + counter("nr_active_file") +
	       counter("nr_unevictable"));
	printf("mlocked %lu %lu\n", mlocked, counter("nr_mlock"));
	printf("unevictable %lu %lu\n", unevictable, counter("nr_unevictable"));
	printf("lost %lu 0\n", lost);
	return 0;
}
