/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* dump.h - what dumpinfo shows of an image file, and the three forms it takes. */
#ifndef DFU_DUMP_H
#define DFU_DUMP_H

#include <stdbool.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "dfu/image.h"

/* What a trailer at the end of the file says; only magic where that is of no known form. */
struct dump_trailer {
    bool is_there, is_known;
    uint8_t magic[16];
    uint8_t image_ok, copy_done, swap_info;
    uint32_t swap_size;
    uint32_t key_field_len; /* 0: not encrypted */
};

struct dump {
    const char *filename; /* without folders */
    const uint8_t *data;
    size_t len;
    struct dfu_image image;
    struct dump_trailer trailer;
};

/* One TLV area's entries in turn. Returns the number of entries visited. */
size_t dump_each_tlv(const struct dump *dump, bool protected_area,
                     void (*visit)(void *ctx, const struct dump *dump,
                                   const struct dfu_image_tlv *tlv),
                     void *ctx);

/* Wrong in a way that leaves nothing to walk along. */
bool dump_is_hopeless(enum dfu_image_fault fault);

/* imgtool's names; "UNKNOWN" for a type it does not know. */
const char *dump_tlv_name(uint16_t type);

struct dump_flag {
    uint32_t bit;
    const char *name;
};
extern const struct dump_flag dump_flags[]; /* ends with bit 0 */

static inline uint32_t dump_area_total(const struct dump *dump, bool protected_area)
{
    return protected_area ? dump->image.prot_end - dump->image.tlv_off
                          : dump->image.end - dump->image.prot_end;
}

#define DUMP_MAGIC_PROTECTED   0x6908u
#define DUMP_MAGIC_UNPROTECTED 0x6907u

void dump_human(const struct dump *dump, FILE *out);
void dump_yaml(const struct dump *dump, FILE *out);
void dump_json(const struct dump *dump, FILE *out); /* without a final newline */

/* The same and more: offsets, names of flags, values that were taken apart. NULL without memory. */
cJSON *dump_facts(const struct dump *dump, enum dfu_image_fault fault);

#endif
