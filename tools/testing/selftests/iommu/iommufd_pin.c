// SPDX-License-Identifier: GPL-2.0-only
/*
 * Map and unmap memory of several kinds through iommufd: every IOVA must
 * translate to its page, and nothing may stay pinned, whether the map succeeds,
 * fails or is killed.
 *
 *	iommufd_pin [-b [-c CONTAINER]] [-d DEVICE] [-e] [-m MIB] [-r ROUNDS]
 *
 * -b measures instead: nanoseconds for each page that is mapped and unmapped,
 * by 1 and 2 threads, each with a piece of the memory and its own ioctls.  With -c
 * it uses the ioctls of VFIO's type 1 instead, and CONTAINER (/dev/vfio/vfio, or
 * /dev/iommu, which understands them, too) with the PCI device
 * $VFIO_SELFTESTS_BDF.
 *
 * DEVICE is the character device of a PCI device that is bound to vfio-pci in
 * no-IOMMU mode (vfio.enable_unsafe_noiommu_mode=1).  Its page table is used by
 * software only, and user space can read it.  If there is none, the mock device
 * of CONFIG_IOMMUFD_TEST takes its place; do not measure that one.
 *
 * -e: DEVICE is the edu device of QEMU behind an IOMMU.  What it reads by DMA is
 * compared, for a sample of pages.
 *
 * MIB is a power of two, ROUNDS is how often a map is killed, or measured.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/iommufd.h>
#include <linux/kernel-page-flags.h>
#include <linux/pci_regs.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "../../../../drivers/iommu/iommufd/iommufd_test.h"
#include "kselftest.h"

#define PAGE		4096UL
#define HUGE		(2UL << 20)
#define IOVA		(256ULL << 20)	/* within the aperture of the mock device */
#define MAX_THREADS	2
#define SHMEM_HUGE	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

enum {
	SCATTERED = 1,		/* pages that follow each other are not adjacent */
	THP = 2,
	HUGETLB = 4,
	FILE_BACKED = 8,	/* a memfd */
	MIXED = 16,		/* each 32 MiB begin with a large folio */
};

static const struct kind {
	const char *name;
	unsigned int flags;
} kinds[] = {
	{ "scattered pages", SCATTERED },
	{ "pages", 0 },
	{ "THP", THP },
	{ "hugetlb", HUGETLB },
	{ "memfd, scattered pages", FILE_BACKED | SCATTERED },
	{ "memfd, mixed folios", FILE_BACKED | SCATTERED | MIXED },
	{ "memfd, hugetlb", FILE_BACKED | HUGETLB },
};

struct memory {
	const struct kind *kind;
	char *start;
	size_t size;
	int fd;			/* of a memfd, or -1 */
	__u64 *pfns;		/* from pagemap */
	unsigned int runs;	/* of adjacent pages */
};

static const char *device_path = "/dev/vfio/devices/noiommu-vfio0";
static int iommu_fd, device_fd;
static __u32 ioas_id, device_id;

/* With the ioctls of type 1 */
static const char *container_path;
static int container_fd;

/* The mock device, and what it is attached to */
static bool mock;
static __u32 mock_id, mock_hwpt_id;

static void die(const char *what)
{
	ksft_exit_fail_msg("%s: %s\n", what, strerror(errno));
}

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = write(fd, text, strlen(text));
	close(fd);
	return len < 0 ? -1 : 0;
}

/* The number behind NAME in a file of such lines; 0 if there is none */
static long read_number(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	size_t len = strlen(name);
	long number = 0;
	char line[256];

	if (!file)
		die(path);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && strchr(" :\t", line[len]))
			number = strtol(line + len + 1, NULL, 10);
	fclose(file);
	return number;
}

/* In pages, of the whole system */
static long pinned_folio_refs(void)
{
	if (write_file("/proc/sys/vm/stat_refresh", "1"))
		die("stat_refresh");
	return read_number("/proc/vmstat", "nr_foll_pin_acquired") -
	       read_number("/proc/vmstat", "nr_foll_pin_released");
}

/* In pages, of this process */
static long pinned_vm(void)
{
	return read_number("/proc/self/status", "VmPin") * 1024 / PAGE;
}

static size_t nr_pages(const struct memory *mem)
{
	return mem->size / PAGE;
}

static void touch(struct memory *mem)
{
	size_t i, stride = 1, nr = nr_pages(mem);

	/* Odd, so that all of a power of two is touched */
	if (mem->kind->flags & SCATTERED)
		stride = nr / 2 + nr / 8 + 1;
	for (i = 0; i < nr; i++)
		mem->start[i * stride % nr * PAGE] = i;
}

/* The word in brackets is the present one */
static bool read_choice(const char *path, char *choice, size_t len)
{
	FILE *file = fopen(path, "r");
	char line[256] = "", *start, *end;

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	start = strchr(line, '[');
	end = start ? strchr(start, ']') : NULL;
	if (!end || (size_t)(end - start) > len)
		return false;
	*end = 0;
	strcpy(choice, start + 1);
	return true;
}

/* Let each 32 MiB of a memfd begin with a large folio */
static void add_large_folios(struct memory *mem)
{
	char before[32];
	size_t offset;

	if (!read_choice(SHMEM_HUGE, before, sizeof(before)) ||
	    write_file(SHMEM_HUGE, "always"))
		return;
	for (offset = 0; offset < mem->size; offset += 16 * HUGE)
		fallocate(mem->fd, 0, offset, HUGE);
	write_file(SHMEM_HUGE, before);
}

static void read_pagemap(struct memory *mem)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t i, len = nr_pages(mem) * sizeof(*mem->pfns);

	if (fd < 0)
		die("pagemap");
	mem->runs = 0;
	if (pread(fd, mem->pfns, len,
		  (uintptr_t)mem->start / PAGE * sizeof(*mem->pfns)) != (ssize_t)len)
		die("pagemap");
	close(fd);
	for (i = 0; i < nr_pages(mem); i++) {
		mem->pfns[i] &= (1ULL << 55) - 1;
		if (!i || mem->pfns[i] != mem->pfns[i - 1] + 1)
			mem->runs++;
	}
}

static bool memory_create(struct memory *mem, const struct kind *kind,
			  size_t size, bool populate)
{
	unsigned int flags = kind->flags;
	int map_flags = MAP_FIXED;
	char *start;

	*mem = (struct memory){ .kind = kind, .size = size, .fd = -1 };
	start = mmap(NULL, size + HUGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		die("mmap");
	start += -(uintptr_t)start % HUGE;
	if (flags & FILE_BACKED) {
		mem->fd = memfd_create("pin", flags & HUGETLB ? MFD_HUGETLB : 0);
		if (mem->fd < 0)
			return false;
		if (ftruncate(mem->fd, size))
			die("memfd");
		map_flags |= MAP_SHARED;
	} else {
		map_flags |= MAP_PRIVATE | MAP_ANONYMOUS;
		if (flags & HUGETLB)
			map_flags |= MAP_HUGETLB;
	}
	mem->start = mmap(start, size, PROT_READ | PROT_WRITE, map_flags, mem->fd, 0);
	if (mem->start == MAP_FAILED) {
		if (mem->fd >= 0)
			close(mem->fd);
		return false;
	}
	if (!(flags & HUGETLB))
		madvise(mem->start, size,
			flags & THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (flags & MIXED)
		add_large_folios(mem);
	if (populate)
		touch(mem);
	mem->pfns = calloc(nr_pages(mem), sizeof(*mem->pfns));
	if (!mem->pfns)
		die("calloc");
	if (populate)
		read_pagemap(mem);
	return true;
}

static void memory_destroy(struct memory *mem)
{
	munmap(mem->start, mem->size);
	if (mem->fd >= 0)
		close(mem->fd);
	free(mem->pfns);
}

static int container_map(const void *start, __u64 iova, size_t len)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)start,
		.iova = iova,
		.size = len,
	};

	return ioctl(container_fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int container_unmap(__u64 iova, __u64 len)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = len,
	};

	return ioctl(container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static int map_user(const void *start, __u64 iova, size_t len)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas_id,
		.user_va = (uintptr_t)start,
		.length = len,
		.iova = iova,
	};

	return ioctl(iommu_fd, IOMMU_IOAS_MAP, &map);
}

static int map_piece(const struct memory *mem, size_t offset, size_t len)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas_id,
		.fd = mem->fd,
		.start = offset,
		.length = len,
		.iova = IOVA + offset,
	};

	if (container_path)
		return container_map(mem->start + offset, IOVA + offset, len);
	if (mem->fd < 0)
		return map_user(mem->start + offset, IOVA + offset, len);
	return ioctl(iommu_fd, IOMMU_IOAS_MAP_FILE, &map);
}

static int unmap(__u64 iova, __u64 len)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = ioas_id,
		.iova = iova,
		.length = len,
	};

	return ioctl(iommu_fd, IOMMU_IOAS_UNMAP, &arg);
}

static int unmap_piece(const struct memory *mem, size_t offset, size_t len)
{
	if (container_path)
		return container_unmap(IOVA + offset, len);
	return unmap(IOVA + offset, len);
}

/* A piece of the memory for each of several threads */
struct piece {
	int (*op)(const struct memory *mem, size_t offset, size_t len);
	const struct memory *mem;
	size_t offset, len;
	pthread_barrier_t *barrier;
	__u64 end;
	int ret;
};

static void *piece_thread(void *arg)
{
	struct piece *piece = arg;

	if (piece->barrier)
		pthread_barrier_wait(piece->barrier);
	piece->ret = piece->op(piece->mem, piece->offset, piece->len);
	piece->end = now();
	return NULL;
}

/* Nanoseconds until the last thread is ready */
static __u64 run(int (*op)(const struct memory *, size_t, size_t),
		 const struct memory *mem, int nr_threads)
{
	struct piece pieces[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	pthread_barrier_t barrier;
	__u64 start, end = 0;
	int i;

	for (i = 0; i < nr_threads; i++)
		pieces[i] = (struct piece){
			.op = op,
			.mem = mem,
			.offset = mem->size / nr_threads * i,
			.len = mem->size / nr_threads,
			.barrier = nr_threads > 1 ? &barrier : NULL,
		};
	if (nr_threads > 1) {
		pthread_barrier_init(&barrier, NULL, nr_threads + 1);
		for (i = 0; i < nr_threads; i++)
			if (pthread_create(&threads[i], NULL, piece_thread, &pieces[i]))
				die("pthread_create");
		start = now();
		pthread_barrier_wait(&barrier);
		for (i = 0; i < nr_threads; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&barrier);
	} else {
		start = now();
		piece_thread(pieces);
	}
	for (i = 0; i < nr_threads; i++) {
		if (pieces[i].ret)
			die("map or unmap");
		if (pieces[i].end > end)
			end = pieces[i].end;
	}
	return end - start;
}

/*
 * The registers of the edu device, and a page into which it copies what it has
 * read.  See https://www.qemu.org/docs/master/specs/edu.html
 */
static bool edu;
static __u64 *edu_dma_registers, *edu_copy;

#define EDU_DMA_REGISTERS	0x80
#define EDU_DMA_TO_MEMORY	2
#define EDU_DMA_RUN		1
#define EDU_BUFFER		0x40000
#define EDU_COPY_IOVA		(IOVA - HUGE)
#define EDU_SAMPLES		12

static struct vfio_region_info device_region(__u32 index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device_fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO");
	return info;
}

static void edu_open(void)
{
	struct vfio_region_info bar = device_region(VFIO_PCI_BAR0_REGION_INDEX);
	struct vfio_region_info config = device_region(VFIO_PCI_CONFIG_REGION_INDEX);
	__u16 command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char *start;

	start = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device_fd,
		     bar.offset);
	edu_copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED || edu_copy == MAP_FAILED)
		die("mmap");
	edu_dma_registers = (__u64 *)(start + EDU_DMA_REGISTERS);
	if (pwrite(device_fd, &command, sizeof(command),
		   config.offset + PCI_COMMAND) != sizeof(command))
		die("PCI_COMMAND");
}

static int mock_ioctl(struct iommu_test_cmd *cmd, int op, __u32 id)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	cmd->id = id;
	return ioctl(iommu_fd, IOMMU_TEST_CMD, cmd);
}

static void container_open(void)
{
	const char *bdf = getenv("VFIO_SELFTESTS_BDF");
	char path[PATH_MAX], group[PATH_MAX];
	ssize_t len;
	int fd;

	if (!bdf)
		ksft_exit_fail_msg("VFIO_SELFTESTS_BDF is not set\n");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(path, group, sizeof(group) - 1);
	if (len < 0)
		die(path);
	group[len] = 0;
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(group, '/'));
	fd = open(path, O_RDWR);
	if (fd < 0)
		die(path);
	container_fd = open(container_path, O_RDWR);
	if (container_fd < 0)
		die(container_path);
	if (ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container_fd) ||
	    ioctl(container_fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("the container's IOMMU");
	/* From here on a domain exists */
	device_fd = ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (device_fd < 0)
		die("VFIO_GROUP_GET_DEVICE_FD");
}

static void bind_device(void)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	iommu_fd = open("/dev/iommu", O_RDWR);
	if (iommu_fd < 0)
		ksft_exit_skip("no /dev/iommu\n");
	if (ioctl(iommu_fd, IOMMU_IOAS_ALLOC, &alloc))
		die("IOMMU_IOAS_ALLOC");
	ioas_id = alloc.out_ioas_id;

	device_fd = open(device_path, O_RDWR);
	mock = device_fd < 0;
	if (mock && edu)
		die(device_path);
	if (mock)
		return;
	bind.iommufd = iommu_fd;
	if (ioctl(device_fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		die("VFIO_DEVICE_BIND_IOMMUFD");
	device_id = bind.out_devid;
	if (edu)
		edu_open();
}

static void mock_attach(__u32 id)
{
	struct iommu_test_cmd cmd = {};

	if (mock_id) {
		cmd.mock_domain_replace.pt_id = id;
		if (mock_ioctl(&cmd, IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, mock_id))
			die("IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE");
		mock_hwpt_id = id;
		return;
	}
	if (mock_ioctl(&cmd, IOMMU_TEST_OP_MOCK_DOMAIN, id))
		ksft_exit_skip("no %s and no mock device\n", device_path);
	mock_id = cmd.mock_domain.out_stdev_id;
	mock_hwpt_id = cmd.mock_domain.out_hwpt_id;
	device_id = cmd.mock_domain.out_idev_id;
}

static void destroy(__u32 id)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = id };

	if (ioctl(iommu_fd, IOMMU_DESTROY, &arg))
		die("IOMMU_DESTROY");
}

/* From here on a domain exists, so a map pins its memory at once */
static void attach(__u32 id)
{
	struct vfio_device_attach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.pt_id = id,
	};

	if (mock)
		mock_attach(id);
	else if (ioctl(device_fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

static void detach(void)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

	if (mock) {
		destroy(mock_id);
		mock_id = 0;
	} else if (ioctl(device_fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg)) {
		die("VFIO_DEVICE_DETACH_IOMMUFD_PT");
	}
}

/* A domain that is filled from the one that exists */
static __u32 second_domain(void)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.dev_id = device_id,
		.pt_id = ioas_id,
	};

	if (ioctl(iommu_fd, IOMMU_HWPT_ALLOC, &alloc))
		die("IOMMU_HWPT_ALLOC");
	return alloc.out_hwpt_id;
}

/* Bytes that are contiguous from this page on, within the piece that has it */
static __u64 contiguous(const struct memory *mem, size_t page, int nr_pieces,
			__u64 max)
{
	size_t per_piece = nr_pages(mem) / nr_pieces;
	size_t end = (page / per_piece + 1) * per_piece;
	size_t i = page + 1;

	while (i < end && mem->pfns[i] == mem->pfns[i - 1] + 1 &&
	       (i - page) * PAGE < max)
		i++;
	return (i - page) * PAGE;
}

/* The device reads and writes, too */
static void device_write(__u64 *at, __u64 value)
{
	__atomic_store_n(at, value, __ATOMIC_SEQ_CST);
}

static __u64 device_read(__u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

static void edu_dma(__u64 src, __u64 dst, __u64 direction)
{
	__u64 start = now();

	device_write(&edu_dma_registers[0], src);
	device_write(&edu_dma_registers[1], dst);
	device_write(&edu_dma_registers[2], sizeof(*edu_copy));
	device_write(&edu_dma_registers[3], direction | EDU_DMA_RUN);
	while (device_read(&edu_dma_registers[3]) & EDU_DMA_RUN) {
		if (now() - start > 30000000000ULL)
			ksft_exit_fail_msg("no DMA by the device within 30 s\n");
		usleep(1000);
	}
}

static bool edu_reads(struct memory *mem, size_t page)
{
	__u64 want = now();

	device_write((__u64 *)(mem->start + page * PAGE), want);
	device_write(edu_copy, ~want);
	edu_dma(IOVA + page * PAGE, EDU_BUFFER, 0);
	edu_dma(EDU_BUFFER, EDU_COPY_IOVA, EDU_DMA_TO_MEMORY);
	if (device_read(edu_copy) == want)
		return true;
	ksft_print_msg("page %zu: the device has read %llx, not %llx\n", page,
		       (long long)device_read(edu_copy), (long long)want);
	return false;
}

static bool edu_translations_are_right(struct memory *mem)
{
	size_t i, nr = nr_pages(mem);
	bool right = true;

	if (map_user(edu_copy, EDU_COPY_IOVA, PAGE))
		die("map");
	for (i = 0; i < EDU_SAMPLES; i++)
		right &= edu_reads(mem, (nr - 1) * i / (EDU_SAMPLES - 1));
	if (unmap(EDU_COPY_IOVA, PAGE))
		die("unmap");
	return right;
}

/* The kernel compares each page */
static bool mock_translations_are_right(struct memory *mem)
{
	struct iommu_test_cmd cmd = {
		.check_map = {
			.iova = IOVA,
			.length = mem->size,
			.uptr = (uintptr_t)mem->start,
		},
	};

	return !mock_ioctl(&cmd, IOMMU_TEST_OP_MD_CHECK_MAP, mock_hwpt_id);
}

/* Compares the page table with pagemap, and what is contiguous */
static bool translations_are_right(struct memory *mem, int nr_pieces)
{
	const __u64 offset = 0x120, max = 4 * HUGE;
	size_t page, nr = nr_pages(mem);

	/* A longterm pin may have moved pages */
	read_pagemap(mem);
	if (mock)
		return mock_translations_are_right(mem);
	if (edu)
		return edu_translations_are_right(mem);
	for (page = 0; page < nr; page += page + 97 < nr ? 97 : 1) {
		struct iommu_ioas_noiommu_get_pa get = {
			.size = sizeof(get),
			.ioas_id = ioas_id,
			.iova = IOVA + page * PAGE + offset,
			.length = max,
		};
		__u64 length = contiguous(mem, page, nr_pieces, max + offset) - offset;

		if (length > max)
			length = max;
		if (ioctl(iommu_fd, IOMMU_IOAS_NOIOMMU_GET_PA, &get))
			die("IOMMU_IOAS_NOIOMMU_GET_PA");
		if (get.out_phys != mem->pfns[page] * PAGE + offset ||
		    get.length != length) {
			ksft_print_msg("page %zu: %llx, length %llx, not %llx, %llx\n",
				       page, (long long)get.out_phys,
				       (long long)get.length,
				       (long long)(mem->pfns[page] * PAGE + offset),
				       (long long)length);
			return false;
		}
	}
	return true;
}

/* Compares what is pinned with what should be; others may pin for a moment */
static bool pinned(long before, long want)
{
	long vm, refs;
	int i;

	for (i = 0; i < 10; i++) {
		vm = pinned_vm();
		refs = pinned_folio_refs() - before;
		if (vm == want && refs == want)
			return true;
		usleep(20000);
	}
	ksft_print_msg("VmPin: %ld pages, references: %ld, not %ld\n", vm, refs, want);
	return false;
}

static void test_map(struct memory *mem, int nr_threads)
{
	const char *name = mem->kind->name;
	long before = pinned_folio_refs();
	bool pins;

	run(map_piece, mem, nr_threads);
	pins = pinned(before, nr_pages(mem));
	ksft_test_result(translations_are_right(mem, nr_threads),
			 "%s, %d threads: each IOVA translates to its page (%u runs)\n",
			 name, nr_threads, mem->runs);
	run(unmap_piece, mem, nr_threads);
	pins &= pinned(before, 0);
	ksft_test_result(pins, "%s, %d threads: pinned while mapped\n", name, nr_threads);
}

/* Domains that come and go read the pages from each other */
static void test_domains(struct memory *mem)
{
	const char *name = mem->kind->name;
	long before = pinned_folio_refs();
	bool pins, right;
	__u32 second;

	run(map_piece, mem, 2);
	second = second_domain();
	pins = pinned(before, nr_pages(mem));
	/* The first domain goes, and its place is taken */
	attach(second);
	pins &= pinned(before, nr_pages(mem));
	right = translations_are_right(mem, 2);
	detach();
	destroy(second);
	pins &= pinned(before, 0);
	attach(ioas_id);
	pins &= pinned(before, nr_pages(mem));
	right &= translations_are_right(mem, 2);
	run(unmap_piece, mem, 2);
	pins &= pinned(before, 0);
	ksft_test_result(right, "%s: a second domain has the same translations\n", name);
	ksft_test_result(pins, "%s: pages are pinned once for all domains\n", name);
}

/* The last page of the memory is missing */
static void test_hole(struct memory *mem)
{
	long before = pinned_folio_refs();
	size_t hole = mem->kind->flags & HUGETLB ? HUGE : PAGE;
	int ret;

	munmap(mem->start + mem->size - hole, hole);
	ret = map_piece(mem, 0, mem->size);
	ksft_test_result(ret && errno == EFAULT && pinned(before, 0),
			 "%s, with a hole: the map fails and pins nothing\n",
			 mem->kind->name);
}

/* Free huge pages, in small ones */
static long free_pages(const struct kind *kind)
{
	if (kind->flags & HUGETLB)
		return read_number("/proc/meminfo", "HugePages_Free") * (HUGE / PAGE);
	return 0;
}

static __u64 read_word(int fd, __u64 index)
{
	__u64 word;

	if (pread(fd, &word, sizeof(word), index * sizeof(word)) != sizeof(word))
		die("kpageflags or kpagecount");
	return word;
}

/*
 * Pages of user space that are not mapped, but are not free either.  Dropping
 * caches also drains the folio batches of CPUs, which hold some.
 */
static size_t unmapped_pages(const struct memory *mem)
{
	const __u64 user = 1ULL << KPF_ANON | 1ULL << KPF_SWAPBACKED;
	int flags = open("/proc/kpageflags", O_RDONLY);
	int counts = open("/proc/kpagecount", O_RDONLY);
	size_t i, nr = 0;

	if (flags < 0 || counts < 0)
		die("kpageflags or kpagecount");
	if (write_file("/proc/sys/vm/drop_caches", "1"))
		die("drop_caches");
	for (i = 0; i < nr_pages(mem); i++)
		if ((read_word(flags, mem->pfns[i]) & user) &&
		    !read_word(counts, mem->pfns[i]))
			nr++;
	close(flags);
	close(counts);
	return nr;
}

/* The process has unmapped the memory, as at its exit: unpinning frees it. */
static void test_last_references(const struct kind *kind, size_t size)
{
	long before = 0, pins = pinned_folio_refs(), lost;
	struct memory mem;
	size_t unmapped;
	bool unpinned;
	int i;

	/* The first round fills caches and allocates tables */
	for (i = 0; i < 4; i++) {
		memory_create(&mem, kind, size, true);
		run(map_piece, &mem, 1);
		/* A longterm pin may have moved pages */
		read_pagemap(&mem);
		munmap(mem.start, mem.size);
		if (mem.fd >= 0 && ftruncate(mem.fd, 0))
			die("ftruncate");
		run(unmap_piece, &mem, 1);
		unmapped = unmapped_pages(&mem);
		memory_destroy(&mem);
		if (!i)
			before = free_pages(kind);
	}
	unpinned = pinned(pins, 0);
	lost = before - free_pages(kind);
	ksft_print_msg("%s: %ld pages of the pool lost, %zu pages not free\n", kind->name,
		       lost, unmapped);
	ksft_test_result(unpinned && !lost && !unmapped,
			 "%s: what only a map holds is unpinned, and free again\n",
			 kind->name);
}

static int nr_kind_tests(const struct kind *kind)
{
	return kind->flags & FILE_BACKED ? 7 : 8;
}

static void test_kind(const struct kind *kind, size_t size)
{
	struct memory mem;
	int i;

	if (!memory_create(&mem, kind, size, true)) {
		for (i = 0; i < nr_kind_tests(kind); i++)
			ksft_test_result_skip("%s: no such memory\n", kind->name);
		return;
	}
	test_map(&mem, 1);
	test_map(&mem, 2);
	test_domains(&mem);
	if (mem.fd < 0)
		test_hole(&mem);
	memory_destroy(&mem);
	test_last_references(kind, size);
}

/* Without CAP_IPC_LOCK: what is locked is limited, and returns to its start */
static void limit_child(struct memory *mem)
{
	struct rlimit limit = { mem->size, mem->size };
	int round;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setuid(65534))
		_exit(2);
	for (round = 0; round < 3; round++) {
		if (map_piece(mem, 0, mem->size))
			_exit(3);
		if (!map_user(mem->start, IOVA + mem->size, PAGE) || errno != ENOMEM)
			_exit(4);
		if (unmap(IOVA, mem->size))
			_exit(5);
	}
	_exit(0);
}

static void test_limit(size_t size)
{
	long before = pinned_folio_refs();
	struct memory mem;
	int status;
	pid_t pid;

	memory_create(&mem, &kinds[0], size, true);
	pid = fork();
	if (!pid)
		limit_child(&mem);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork");
	ksft_test_result(WIFEXITED(status) && !WEXITSTATUS(status) && pinned(before, 0),
			 "RLIMIT_MEMLOCK is enforced and nothing stays locked (%x)\n",
			 status);
	memory_destroy(&mem);
}

/* Shared with a child that is killed */
struct shared {
	int progress;		/* of the child, see kill_child() */
};

static void report(struct shared *shared, int progress)
{
	__atomic_store_n(&shared->progress, progress, __ATOMIC_RELEASE);
}

/* Progress: 1 before the map, 2 after it, 3 after unmap */
static void kill_child(const struct kind *kind, size_t size, bool populate,
		       struct shared *shared)
{
	struct memory mem;

	if (!memory_create(&mem, kind, size, populate))
		_exit(1);
	report(shared, 1);
	if (map_piece(&mem, 0, size))
		_exit(1);
	report(shared, 2);
	/* A memfd that is not populated yet is full now */
	if (unmap(IOVA, size))
		_exit(1);
	report(shared, 3);
	pause();
	_exit(0);
}

static void wait_until(struct shared *shared, int at, pid_t pid)
{
	while (__atomic_load_n(&shared->progress, __ATOMIC_ACQUIRE) < at) {
		if (waitpid(pid, NULL, WNOHANG))
			ksft_exit_fail_msg("the child that maps failed\n");
		usleep(50);
	}
}

/* Nanoseconds until a child is dead that is killed DELAY ns after progress AT */
static __u64 kill_after(const struct kind *kind, size_t size, bool populate,
			struct shared *shared, int at, __u64 delay, __u64 *mapped)
{
	struct timespec ts = { delay / 1000000000, delay % 1000000000 };
	__u64 start;
	pid_t pid;

	shared->progress = 0;
	pid = fork();
	if (!pid)
		kill_child(kind, size, populate, shared);
	if (pid < 0)
		die("fork");
	wait_until(shared, 1, pid);
	start = now();
	if (mapped) {
		wait_until(shared, 2, pid);
		*mapped = now() - start;
	}
	wait_until(shared, at, pid);
	nanosleep(&ts, NULL);
	start = now();
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
	start = now() - start;
	/* The area is left if the map was complete */
	unmap(0, UINT64_MAX);
	return start;
}

/*
 * Kill a task in its map, several times, at different moments.  The quickest
 * death is compared with that of a task which does not map, so what else the
 * machine does hardly matters.
 */
static void test_kill(const struct kind *kind, size_t size, bool populate, int rounds)
{
	__u64 idle, mapped, early, quickest = UINT64_MAX;
	struct shared *shared;
	struct memory mem;
	long before;
	int i;

	if (!memory_create(&mem, kind, size, false)) {
		ksft_test_result_skip("%s: no such memory\n", kind->name);
		ksft_test_result_skip("%s: no such memory\n", kind->name);
		return;
	}
	memory_destroy(&mem);
	before = pinned_folio_refs();
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	idle = kill_after(kind, size, populate, shared, 3, 0, &mapped);
	for (i = 0; i < rounds; i++) {
		early = kill_after(kind, size, populate, shared, 1,
				   mapped * (i % 4) / 10, NULL);
		/* Soon after the map has begun, but certainly not before */
		if (i % 4 && early < quickest)
			quickest = early;
	}
	ksft_print_msg("%s, %s: a map takes %llu us, exit %llu us, killed in a map %llu us\n",
		       kind->name, populate ? "populated" : "not populated",
		       (long long)mapped / 1000, (long long)idle / 1000,
		       (long long)quickest / 1000);
	ksft_test_result(quickest < idle + mapped / 2, "%s, %s: SIGKILL ends a map\n",
			 kind->name, populate ? "populated" : "not populated");
	ksft_test_result(pinned(before, 0), "%s, %s: a killed map pins nothing\n",
			 kind->name, populate ? "populated" : "not populated");
	munmap(shared, PAGE);
}

/* On one, what takes time or has to wait says nothing */
static bool several_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

static void measure(const struct kind *kind, size_t size, int rounds)
{
	struct memory mem;
	int nr_threads, i;

	if (!memory_create(&mem, kind, size, true)) {
		printf("# %s: no such memory\n", kind->name);
		return;
	}
	for (i = 0; i < rounds; i++)
		for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
			__u64 map = run(map_piece, &mem, nr_threads);
			__u64 unmap = run(unmap_piece, &mem, nr_threads);

			printf("bench %s; %zu pages in %u runs; round %d; ",
			       kind->name, nr_pages(&mem), mem.runs, i + 1);
			printf("threads %d; map %.2f; unmap %.2f\n", nr_threads,
			       (double)map / nr_pages(&mem),
			       (double)unmap / nr_pages(&mem));
		}
	memory_destroy(&mem);

	/* The map has to allocate and clear the memory, too */
	for (i = 0; several_cpus() && i < rounds; i++)
		for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
			memory_create(&mem, kind, size, false);
			printf("bench %s; fresh; threads %d; map %.2f\n", kind->name,
			       nr_threads,
			       (double)run(map_piece, &mem, nr_threads) / nr_pages(&mem));
			run(unmap_piece, &mem, 1);
			memory_destroy(&mem);
		}

	/* The pins hold the last references, as when a process exits */
	for (i = 0; i < rounds; i++) {
		memory_create(&mem, kind, size, true);
		run(map_piece, &mem, 1);
		munmap(mem.start, mem.size);
		if (mem.fd >= 0 && ftruncate(mem.fd, 0))
			die("ftruncate");
		printf("bench %s; %zu pages in %u runs; last references; unmap %.2f\n",
		       kind->name, nr_pages(&mem), mem.runs,
		       (double)run(unmap_piece, &mem, 1) / nr_pages(&mem));
		memory_destroy(&mem);
	}
}

/* Another thread that takes the mmap lock for writing all the time, during a map */
struct contender {
	bool stop;
	__u64 longest, turns, ns;
};

static void *contend(void *arg)
{
	struct contender *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		__u64 start = now();
		void *at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED || munmap(at, PAGE))
			die("mmap");
		start = now() - start;
		c->turns++;
		c->ns += start;
		if (start > c->longest)
			c->longest = start;
	}
	return NULL;
}

static void measure_waits(const struct kind *kind, size_t size, int rounds, bool populate)
{
	struct memory mem;
	int i;

	for (i = 0; several_cpus() && i < rounds; i++) {
		struct contender contender = {};
		pthread_t thread;

		if (!memory_create(&mem, kind, size, populate))
			return;
		if (pthread_create(&thread, NULL, contend, &contender))
			die("pthread_create");
		run(map_piece, &mem, 1);
		__atomic_store_n(&contender.stop, true, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
		run(unmap_piece, &mem, 1);
		printf("bench %s; contended, %s; longest %llu; mean %.0f\n", kind->name,
		       populate ? "populated" : "fresh",
		       (unsigned long long)contender.longest,
		       (double)contender.ns / contender.turns);
		memory_destroy(&mem);
	}
}

#define SMALL_MAPS	512

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static __u64 median(__u64 *values, size_t nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 2];
}

/* Small maps, each of other pages, so that the fixed cost counts */
static void measure_small(size_t size)
{
	static const size_t sizes[] = { PAGE, 16 * PAGE, HUGE };
	static __u64 maps[SMALL_MAPS], unmaps[SMALL_MAPS];
	struct memory mem;
	size_t i, j;

	memory_create(&mem, &kinds[0], size, true);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t nr = mem.size / sizes[i];

		if (nr > SMALL_MAPS)
			nr = SMALL_MAPS;
		for (j = 0; j < nr; j++) {
			__u64 start = now();

			if (map_piece(&mem, j * sizes[i], sizes[i]))
				die("map");
			maps[j] = now() - start;
			start = now();
			if (unmap_piece(&mem, j * sizes[i], sizes[i]))
				die("unmap");
			unmaps[j] = now() - start;
		}
		printf("bench small, %zu KiB; map %llu; unmap %llu\n", sizes[i] / 1024,
		       (unsigned long long)median(maps, nr),
		       (unsigned long long)median(unmaps, nr));
	}
	memory_destroy(&mem);
}

int main(int argc, char **argv)
{
	size_t i, size = 256UL << 20;
	int opt, rounds = 16, nr_tests = 11;
	bool bench = false;

	while ((opt = getopt(argc, argv, "bc:d:em:r:")) != -1) {
		switch (opt) {
		case 'b':
			bench = true;
			break;
		case 'c':
			container_path = optarg;
			break;
		case 'd':
			device_path = optarg;
			break;
		case 'e':
			edu = true;
			break;
		case 'm':
			size = strtoul(optarg, NULL, 0) << 20;
			break;
		case 'r':
			rounds = strtol(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "usage: %s [-b [-c PATH]] [-d PATH] [-e] [-m MIB] [-r N]\n",
				argv[0]);
			return 1;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (bench) {
		if (container_path) {
			container_open();
		} else {
			bind_device();
			attach(ioas_id);
		}
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			measure(&kinds[i], size, rounds);
		if (container_path)
			return 0;
		measure_waits(&kinds[0], size, rounds, true);
		measure_waits(&kinds[0], size, rounds, false);
		measure_small(size);
		return 0;
	}

	ksft_print_header();
	if (sysconf(_SC_PAGESIZE) != PAGE)
		ksft_exit_skip("pages are not 4 KiB\n");
	bind_device();
	attach(ioas_id);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		nr_tests += nr_kind_tests(&kinds[i]);
	ksft_set_plan(nr_tests);
	ksft_print_msg("%zu MiB of each kind, %s\n", size >> 20,
		       mock ? "mock device" : device_path);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		test_kind(&kinds[i], size);
	test_limit(size);
	test_kill(&kinds[0], size, true, rounds);
	test_kill(&kinds[4], size, true, rounds);
	test_kill(&kinds[5], size, true, rounds);
	test_kill(&kinds[4], size, false, rounds);
	test_kill(&kinds[6], size, false, rounds);
	ksft_finished();
}
