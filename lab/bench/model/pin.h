/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that several threads pin, or give back: how much faster than one */

#ifndef LAB_MODEL_PIN_H
#define LAB_MODEL_PIN_H

#include "params.h"

/* Parts of what one thread takes, which is 1 */
struct pin_law {
	double	shared;		/* done for one thread at a time */
	double	extra;		/* that the rest takes longer if threads are many */
};

/* @cores: of the node, with two threads each */
double pin_speedup(const struct params *p, const struct pin_law *law, int threads,
		   int cores);
/* What was published, and 1 TiB */
void predict_pins(const struct params *p);
void predict_exits(const struct params *p);

#endif
