/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that several threads pin, or give back: how much faster than one */

#ifndef LAB_MODEL_PIN_H
#define LAB_MODEL_PIN_H

#include "params.h"

/* What was published, and 1 TiB */
void predict_pins(const struct params *p);
void predict_exits(const struct params *p);

#endif
