// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a shell cannot do in the guest of the public reports:
 *
 *	reports hold KIB FILE		touch memory, create FILE, keep it
 *	reports spin FILE		touch a page, create FILE, spin
 *	reports nvme DEVICE VERB NSID	"attach" or "detach" a namespace
 */
#include <err.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE			4096
#define NVME_ATTACHMENT		0x15
#define NVME_DETACH		1

/* Page by page, in any case; a huge page would be in no CPU's cache. */
static void touch(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (p == MAP_FAILED)
		err(1, "mmap");
	madvise(p, size, MADV_NOHUGEPAGE);
	for (i = 0; i < size; i += PAGE)
		__atomic_store_n(p + i, 1, __ATOMIC_RELAXED);
}

static void create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		err(1, "%s", path);
	close(fd);
}

/* To or from controller 0, the only one */
static void attachment(const char *device, int select, int nsid)
{
	static uint16_t controllers[2048] = { 1, 0 };
	struct nvme_admin_cmd cmd = {
		.opcode = NVME_ATTACHMENT,
		.nsid = nsid,
		.addr = (uintptr_t)controllers,
		.data_len = sizeof(controllers),
		.cdw10 = select,
	};
	int fd = open(device, O_RDWR);
	int status;

	if (fd < 0)
		err(1, "%s", device);
	status = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);
	if (status < 0)
		err(1, "%s", device);
	if (status)
		errx(1, "%s: NVMe status %#x", device, status);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "hold")) {
		touch(atol(argv[2]) * 1024);
		create(argv[3]);
		for (;;)
			pause();
	} else if (argc == 3 && !strcmp(argv[1], "spin")) {
		touch(PAGE);
		create(argv[2]);
		for (;;)
			__asm__ volatile("" ::: "memory");
	} else if (argc == 5 && !strcmp(argv[1], "nvme")) {
		attachment(argv[2], strcmp(argv[3], "detach") ? 0 : NVME_DETACH,
			   atoi(argv[4]));
		return 0;
	}
	return 2;
}
