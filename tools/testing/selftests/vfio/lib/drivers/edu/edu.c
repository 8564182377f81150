// SPDX-License-Identifier: GPL-2.0-only
/*
 * The edu device of QEMU (-device edu,dma_mask=0xffffffffffffffff), which any
 * machine can emulate behind an emulated IOMMU.  It copies between memory and
 * a buffer of its own, one transfer at a time, so a memcpy takes two transfers.
 *
 * See https://www.qemu.org/docs/master/specs/edu.html
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/io.h>

#include <libvfio.h>

#define PCI_VENDOR_ID_QEMU_EDU	0x1234
#define PCI_DEVICE_ID_QEMU_EDU	0x11e8

#define EDU_IRQ_STATUS		0x24
#define EDU_IRQ_RAISE		0x60
#define EDU_IRQ_ACK		0x64
#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define   EDU_DMA_RUN		0x1
#define   EDU_DMA_TO_MEMORY	0x2

#define EDU_BUFFER		0x40000

/* Some versions of QEMU refuse a transfer of the whole buffer of 4096 bytes. */
#define EDU_MAX_MEMCPY_SIZE	2048
/* A transfer takes 100 ms, and a test must not take more than 30 s. */
#define EDU_MAX_MEMCPY_COUNT	8

#define EDU_MSI			0

struct edu {
	iova_t src;
	iova_t dst;
	u64 size;
	u64 left;
};

static struct edu *to_edu(struct vfio_pci_device *device)
{
	return device->driver.region.vaddr;
}

static void *edu_bar(struct vfio_pci_device *device)
{
	return device->bars[0].vaddr;
}

static int edu_probe(struct vfio_pci_device *device)
{
	if (!vfio_pci_device_match(device, PCI_VENDOR_ID_QEMU_EDU,
				   PCI_DEVICE_ID_QEMU_EDU))
		return -ENODEV;

	VFIO_ASSERT_NOT_NULL(edu_bar(device));
	return 0;
}

static void edu_init(struct vfio_pci_device *device)
{
	VFIO_ASSERT_GE(device->driver.region.size, sizeof(struct edu));

	vfio_pci_cmd_set(device, PCI_COMMAND_MASTER);
	writel(readl(edu_bar(device) + EDU_IRQ_STATUS),
	       edu_bar(device) + EDU_IRQ_ACK);
	vfio_pci_msi_enable(device, EDU_MSI, 1);

	device->driver.max_memcpy_size = EDU_MAX_MEMCPY_SIZE;
	device->driver.max_memcpy_count = EDU_MAX_MEMCPY_COUNT;
	device->driver.msi = EDU_MSI;
}

static void edu_remove(struct vfio_pci_device *device)
{
	vfio_pci_msi_disable(device);
	vfio_pci_cmd_clear(device, PCI_COMMAND_MASTER);
}

static void edu_dma_start(struct vfio_pci_device *device, u64 src, u64 dst,
			  u64 size, u64 direction)
{
	writeq(src, edu_bar(device) + EDU_DMA_SRC);
	writeq(dst, edu_bar(device) + EDU_DMA_DST);
	writeq(size, edu_bar(device) + EDU_DMA_COUNT);
	writeq(direction | EDU_DMA_RUN, edu_bar(device) + EDU_DMA_CMD);
}

static void edu_dma_wait(struct vfio_pci_device *device)
{
	while (readq(edu_bar(device) + EDU_DMA_CMD) & EDU_DMA_RUN)
		usleep(1000);
}

static void edu_read(struct vfio_pci_device *device)
{
	struct edu *edu = to_edu(device);

	edu_dma_start(device, edu->src, EDU_BUFFER, edu->size, 0);
}

static void edu_memcpy_start(struct vfio_pci_device *device, iova_t src,
			     iova_t dst, u64 size, u64 count)
{
	*to_edu(device) = (struct edu){
		.src = src,
		.dst = dst,
		.size = size,
		.left = count,
	};
	edu_read(device);
}

/* The device does not report an access to an IOVA that is not mapped. */
static int edu_memcpy_wait(struct vfio_pci_device *device)
{
	struct edu *edu = to_edu(device);

	for (;;) {
		edu_dma_wait(device);
		edu_dma_start(device, EDU_BUFFER, edu->dst, edu->size,
			      EDU_DMA_TO_MEMORY);
		edu_dma_wait(device);
		if (!--edu->left)
			return 0;
		edu_read(device);
	}
}

static void edu_send_msi(struct vfio_pci_device *device)
{
	writel(1, edu_bar(device) + EDU_IRQ_RAISE);
	writel(1, edu_bar(device) + EDU_IRQ_ACK);
}

const struct vfio_pci_driver_ops edu_ops = {
	.name		= "edu",
	.probe		= edu_probe,
	.init		= edu_init,
	.remove		= edu_remove,
	.memcpy_start	= edu_memcpy_start,
	.memcpy_wait	= edu_memcpy_wait,
	.send_msi	= edu_send_msi,
};
