/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dump.h"

#define JOIN_GAP 16u /* equal bytes between two ranges that are told as one */

enum dfu_image_fault diff_open(struct diff_side *side)
{
    enum dfu_image_fault fault;

    side->span = (struct dfu_memory_span){ side->data, (uint32_t)side->len };
    side->reader = dfu_memory_reader(&side->span);
    fault = dfu_image_open(&side->image, &side->reader, 0);
    return side->image.end != 0 && !dump_is_hopeless(fault) ? DFU_IMAGE_FINE : fault;
}

static void add_field(struct diff *d, const char *name, const char *a, const char *b)
{
    if (strcmp(a, b) != 0) {
        d->fields[d->field_count].name = name;
        snprintf(d->fields[d->field_count].a, sizeof(d->fields[0].a), "%s", a);
        snprintf(d->fields[d->field_count].b, sizeof(d->fields[0].b), "%s", b);
        d->field_count++;
    }
}

static void add_number(struct diff *d, const char *name, uint32_t a, uint32_t b)
{
    char a_text[16], b_text[16];

    snprintf(a_text, sizeof(a_text), "0x%x", a);
    snprintf(b_text, sizeof(b_text), "0x%x", b);
    add_field(d, name, a_text, b_text);
}

static void compare_headers(const struct diff_side *a, const struct diff_side *b, struct diff *d)
{
    const struct dfu_image_header *x = &a->image.header, *y = &b->image.header;
    char a_text[DFU_IMAGE_VERSION_STRLEN], b_text[DFU_IMAGE_VERSION_STRLEN];
    uint32_t padding = min_u32(x->hdr_size, y->hdr_size);

    add_number(d, "load_addr", x->load_addr, y->load_addr);
    add_number(d, "hdr_size", x->hdr_size, y->hdr_size);
    add_number(d, "protected_tlv_size", x->protect_tlv_size, y->protect_tlv_size);
    add_number(d, "img_size", x->img_size, y->img_size);
    add_number(d, "flags", x->flags, y->flags);
    add_field(d, "version", dfu_image_version_text(&x->version, a_text),
              dfu_image_version_text(&y->version, b_text));
    /* The last word that is defined, and what fills the header up; all of it is signed. */
    if (memcmp(a->data + 28, b->data + 28, padding - 28) != 0) {
        add_field(d, "header_padding", "one", "another");
    }
}

static struct diff_value value_of(const struct diff_side *side, const struct dfu_image_tlv *tlv)
{
    return (struct diff_value){ true, side->data + tlv->off, tlv->len };
}

/* The n-th TLV of a type in one of the areas. */
static bool find_tlv(const struct diff_side *side, const struct diff_tlv *like, size_t n,
                     struct diff_value *out)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;

    while (dfu_image_tlv_next(&side->image, &cursor, &tlv) > 0) {
        if (tlv.type == like->type && tlv.is_protected == like->is_protected && n-- == 0) {
            *out = value_of(side, &tlv);
            return true;
        }
    }
    return false;
}

static bool is_same(const struct diff_value *a, const struct diff_value *b)
{
    return a->is_there == b->is_there && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static int add_tlv(struct diff *d, const struct diff_tlv *tlv)
{
    struct diff_tlv *grown = realloc(d->tlvs, (d->tlv_count + 1) * sizeof(*grown));

    if (!grown) {
        return DFU_ERR_NOSPACE;
    }
    d->tlvs = grown;
    grown[d->tlv_count++] = *tlv;
    return 0;
}

/* How many of the same kind stand before it. */
static size_t rank_of(const struct diff_side *side, const struct dfu_image_tlv *wanted)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;
    size_t rank = 0;

    while (dfu_image_tlv_next(&side->image, &cursor, &tlv) > 0 && tlv.off != wanted->off) {
        rank += tlv.type == wanted->type && tlv.is_protected == wanted->is_protected;
    }
    return rank;
}

/* Each TLV of a against its like in b; with only_missing, those of a that b lacks, the other way. */
static int compare_tlvs(const struct diff_side *a, const struct diff_side *b, bool only_missing,
                        struct diff *d)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;
    int err = 0;

    while (!err && dfu_image_tlv_next(&a->image, &cursor, &tlv) > 0) {
        struct diff_tlv entry = { .type = tlv.type, .is_protected = tlv.is_protected };
        struct diff_value own = value_of(a, &tlv), other = { 0 };
        bool is_found = find_tlv(b, &entry, rank_of(a, &tlv), &other);
        const char *name = dump_tlv_name(tlv.type);

        if (only_missing ? is_found : is_found && is_same(&own, &other)) {
            continue;
        }
        entry.a = only_missing ? other : own;
        entry.b = only_missing ? own : other;
        if (strcmp(name, "UNKNOWN") == 0) {
            snprintf(entry.name, sizeof(entry.name), "0x%x", tlv.type);
        } else {
            snprintf(entry.name, sizeof(entry.name), "%s", name);
        }
        err = add_tlv(d, &entry);
    }
    return err;
}

static int add_range(struct diff *d, uint32_t off, uint32_t len)
{
    void *grown;

    if (d->range_count > 0) {
        uint32_t end = d->ranges[d->range_count - 1].off + d->ranges[d->range_count - 1].len;

        if (off - end < JOIN_GAP) {
            d->ranges[d->range_count - 1].len += off - end + len;
            return 0;
        }
    }
    /* Powers of two: doubled whenever one is reached. */
    if ((d->range_count & (d->range_count - 1)) == 0) {
        grown = realloc(d->ranges, (d->range_count ? 2 * d->range_count : 1) * sizeof(*d->ranges));
        if (!grown) {
            return DFU_ERR_NOSPACE;
        }
        d->ranges = grown;
    }
    d->ranges[d->range_count].off = off;
    d->ranges[d->range_count++].len = len;
    return 0;
}

static int compare_payloads(const struct diff_side *a, const struct diff_side *b, struct diff *d)
{
    const uint8_t *x = a->data + a->image.header.hdr_size;
    const uint8_t *y = b->data + b->image.header.hdr_size;
    uint32_t i, common;
    int err = 0;

    d->a_size = a->image.header.img_size;
    d->b_size = b->image.header.img_size;
    common = min_u32(d->a_size, d->b_size);
    for (i = 0; i < common && !err; i++) {
        if (x[i] != y[i]) {
            d->differing++;
            err = add_range(d, i, 1);
        }
    }
    if (!err && d->a_size != d->b_size) {
        uint32_t more = max_u32(d->a_size, d->b_size) - common;

        d->differing += more;
        err = add_range(d, common, more);
    }
    return err;
}

int diff_images(const struct diff_side *a, const struct diff_side *b, struct diff *out)
{
    size_t a_rest = a->len - a->image.end, b_rest = b->len - b->image.end;
    int err;

    *out = (struct diff){ 0 };
    compare_headers(a, b, out);
    err = compare_tlvs(a, b, false, out);
    if (!err) {
        err = compare_tlvs(b, a, true, out);
    }
    if (!err) {
        err = compare_payloads(a, b, out);
    }
    out->rest_differs =
        a_rest != b_rest || memcmp(a->data + a->image.end, b->data + b->image.end, a_rest) != 0;
    return err;
}

bool diff_is_empty(const struct diff *diff)
{
    return diff->field_count == 0 && diff->tlv_count == 0 && diff->range_count == 0 &&
           !diff->rest_differs;
}

void diff_free(struct diff *diff)
{
    free(diff->tlvs);
    free(diff->ranges);
}
