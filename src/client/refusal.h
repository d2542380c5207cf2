/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* refusal.h - the words for refusals, one table a group. */
#ifndef DFU_CLIENT_REFUSAL_H
#define DFU_CLIENT_REFUSAL_H

#include "dfu/client.h"

struct refusal_words {
    const char *what, *hint;
};

struct refusal_table {
    const struct refusal_words *words; /* by code; holes are NULL */
    size_t count;
};

/* Of the groups beside OS and image; empty for one that is not known. */
struct refusal_table refusal_table_of_group(uint16_t group);

#endif
