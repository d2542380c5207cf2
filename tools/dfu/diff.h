/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* diff.h - in what two images differ, as facts; cmd_diff.c prints them. */
#ifndef DFU_DIFF_H
#define DFU_DIFF_H

#include "dfu/image.h"

#define DIFF_FIELDS_MAX 10u

struct diff_side {
    uint8_t *data; /* the caller's */
    size_t len;
    struct dfu_memory_span span;
    struct dfu_reader reader;
    struct dfu_image image;
};

struct diff_value {
    bool is_there;
    const uint8_t *data;
    uint16_t len;
};

struct diff_tlv {
    uint16_t type;
    bool is_protected;
    char name[32]; /* "SHA256", "0xa0" */
    struct diff_value a, b;
};

struct diff {
    struct {
        const char *name;
        char a[32], b[32];
    } fields[DIFF_FIELDS_MAX];
    size_t field_count;
    struct diff_tlv *tlvs;
    size_t tlv_count;
    struct {
        uint32_t off, len; /* from the start of the payload */
    } * ranges;
    size_t range_count;
    uint32_t a_size, b_size, differing; /* of the payload */
    bool rest_differs;                  /* padding and trailers behind the images */
};

/* Open a side for comparing: what can be walked along, valid or not. */
enum dfu_image_fault diff_open(struct diff_side *side);

/* 0, or DFU_ERR_NOSPACE without memory; *out is freed either way. The sides must outlive it. */
int diff_images(const struct diff_side *a, const struct diff_side *b, struct diff *out);
bool diff_is_empty(const struct diff *diff);
void diff_free(struct diff *diff);

#endif
