/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* datetime.h - the one date format of SMP: YYYY-MM-DDTHH:MM:SS, with or without .mmm. */
#ifndef DFU_SMP_DATETIME_H
#define DFU_SMP_DATETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/smp_os.h"

#define DATETIME_TEXT_SIZE 32u

/* Returns buf. */
char *datetime_text(const struct dfu_smp_time *time, bool with_ms, char buf[DATETIME_TEXT_SIZE]);

/* The first 19 bytes, whatever separates the fields, and a fraction after them if it is there.
 * DFU_ERR_FORMAT for what is no number, DFU_ERR_RANGE for a month 13. */
int datetime_parse(const uint8_t *text, size_t len, struct dfu_smp_time *out);

#endif
