// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking up blocks in the buffer cache of a RAM disk
 *
 * All blocks have their buffer heads, so no lookup reads or allocates.  Each
 * CPU remembers the last 16 buffer heads that it used.  A file system that
 * touches one inode goes back and forth between a few blocks of metadata: four
 * of them stand for that.  More blocks than a CPU remembers stand for a scan.
 */
#include "bench.h"

#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/err.h>
#include <linux/kdev_t.h>
#include <linux/major.h>
#include <linux/mm.h>

#define BLOCKS		32

static struct file *disk;
static struct block_device *bdev;

static void getblk(int n, int blocks)
{
	while (n--)
		brelse(__getblk(bdev, n & (blocks - 1), PAGE_SIZE));
}

static void find(int n, int blocks)
{
	while (n--)
		brelse(__find_get_block(bdev, n & (blocks - 1), PAGE_SIZE));
}

/* Their folios are active, and on the LRU, when it counts. */
void buffers_prepare(int n)
{
	int i;

	for (i = 0; i < 4; i++)
		getblk(BLOCKS, BLOCKS);
}

void getblk_1(int n)
{
	getblk(n, 1);
}

void getblk_4(int n)
{
	getblk(n, 4);
}

void getblk_32(int n)
{
	getblk(n, BLOCKS);
}

void findblk_1(int n)
{
	find(n, 1);
}

void findblk_4(int n)
{
	find(n, 4);
}

int buffers_init(void)
{
	int i;

	disk = bdev_file_open_by_dev(MKDEV(RAMDISK_MAJOR, 0), BLK_OPEN_READ,
				     NULL, NULL);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	bdev = file_bdev(disk);
	if (block_size(bdev) != PAGE_SIZE) {
		bdev_fput(disk);
		return -EINVAL;
	}
	for (i = 0; i < BLOCKS; i++)
		brelse(__bread(bdev, i, PAGE_SIZE));
	return 0;
}

void buffers_exit(void)
{
	bdev_fput(disk);
}
