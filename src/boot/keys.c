/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/keys.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/look.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"
#include "image/decrypt.h"

#define FILLER 0xffu /* in a key field, whatever erased flash reads as */

/* One key field of a trailer: the key, or as it came in its TLV. */
struct key_field {
    uint8_t bytes[DFU_WRAPPED_KEY_MAX];
    uint32_t off, len;
};

static const struct dfu_image_decryption *decryption_of(const struct boot_pair *pair)
{
    return cfg_of(pair)->policy.decryption;
}

static struct swap_place place_of(const struct swap *swap, int i)
{
    return cfg_of(swap->pair)->strategy->plan->header(swap, i == 0);
}

static int err_of(enum dfu_image_fault fault)
{
    switch (fault) {
    case DFU_IMAGE_FINE: return DFU_OK;
    case DFU_IMAGE_UNREADABLE: return DFU_ERR_IO;
    default: return DFU_ERR_VERIFY;
    }
}

static int open_image(struct swap_place at, struct dfu_area_span *span, struct dfu_reader *reader,
                      struct dfu_image *image)
{
    *span = (struct dfu_area_span){ at.area, at.off };
    *reader = dfu_area_reader(span);
    return err_of(dfu_image_open(image, reader, 0));
}

static int find(const struct boot_pair *pair, struct swap_place at, struct dfu_content_key *key)
{
    struct dfu_area_span span;
    struct dfu_reader reader;
    struct dfu_image image;
    int err = open_image(at, &span, &reader, &image);

    *key = (struct dfu_content_key){ .cipher = NULL };
    if (err) {
        return err == DFU_ERR_VERIFY ? DFU_OK : err; /* no image */
    }
    return err_of(dfu_image_content_key(decryption_of(pair), &image, key));
}

/* ---- Before the first step ---- */

/* An image that cannot be encrypted again must not move out: plain, it would lie open, and come
 * back as nonsense. One that does not run anyway is worth nothing. */
static int find_of_primary(struct swap *swap)
{
    int err = find(swap->pair, place_of(swap, 0), &swap->keys[0]);
    struct dfu_image_report report;

    if (err != DFU_ERR_VERIFY) {
        return err;
    }
    swap->keys[0] = (struct dfu_content_key){ .cipher = NULL };
    if (look_at_primary(swap->pair, &report) != BOOT_CHECK_GOOD) {
        return DFU_OK;
    }
    boot_emit(swap->pair,
              (struct dfu_boot_event){ .id = DFU_BOOT_EV_KEY_MISSING, .a = swap->pair->image });
    return DFU_ERR_VERIFY;
}

/* ---- The fields in the trailer ---- */

static int locate(const struct boot_pair *pair, const struct dfu_area *area, int i,
                  struct key_field *field)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, area, &at);

    field->off = at.key[i];
    field->len = cfg_of(pair)->map->key_size;
    return err ? err : field->len <= sizeof field->bytes ? DFU_OK : DFU_ERR_INVAL;
}

static int read_field(const struct boot_pair *pair, const struct dfu_area *area, int i,
                      struct key_field *field)
{
    int err = locate(pair, area, i, field);

    return err ? err : dfu_area_read(area, field->off, field->bytes, field->len);
}

/* What the field of an image's key shall hold; the image still is where it began. */
static int fill_field(const struct swap *swap, int i, struct key_field *field)
{
    const struct dfu_content_key *key = &swap->keys[i];
    struct dfu_area_span span;
    struct dfu_reader reader;
    struct dfu_image image;
    uint16_t wrapped_len;
    int err;

    memset(field->bytes, FILLER, field->len);
    if (!key->cipher) {
        return DFU_OK;
    }
    if (!cfg_of(swap->pair)->map->keeps_wrapped_keys) {
        memcpy(field->bytes, key->bytes, min_u32(key->len, field->len));
        return key->len <= field->len ? DFU_OK : DFU_ERR_NOTSUP;
    }
    err = open_image(place_of(swap, i), &span, &reader, &image);
    return err ? err
               : err_of(content_key_wrapped(decryption_of(swap->pair), &image, field->bytes,
                                            field->len, &wrapped_len));
}

static int write_fields(const struct swap *swap, const struct dfu_area *area)
{
    struct key_field field;
    int err = DFU_OK;

    for (int i = 0; !err && i < 2; i++) {
        err = locate(swap->pair, area, i, &field);
        if (!err) {
            err = fill_field(swap, i, &field);
        }
        if (!err) {
            err = dfu_area_write(area, field.off, field.bytes, field.len);
        }
    }
    wipe_secret(field.bytes, sizeof field.bytes);
    return err;
}

static int are_written(const struct swap *swap, const struct dfu_area *area)
{
    struct key_field have, want;
    bool same = true;
    int err = DFU_OK;

    for (int i = 0; !err && i < 2; i++) {
        err = read_field(swap->pair, area, i, &have);
        want.len = have.len;
        if (!err) {
            err = fill_field(swap, i, &want);
        }
        same = same && !err && memcmp(have.bytes, want.bytes, have.len) == 0;
    }
    wipe_secret(have.bytes, sizeof have.bytes);
    wipe_secret(want.bytes, sizeof want.bytes);
    return err ? err : same;
}

/* That the keys fit their fields is tried here, before anything is changed. */
static int begin(struct swap *swap)
{
    int err = find(swap->pair, place_of(swap, 1), &swap->keys[1]);

    if (!err) {
        err = find_of_primary(swap);
    }
    if (!err) {
        err = are_written(swap, swap->pair->primary);
    }
    return err < 0 ? err : DFU_OK;
}

/* ---- After a cut ---- */

static bool is_empty(const struct key_field *field)
{
    uint32_t i = 0;

    while (i < field->len && field->bytes[i] == FILLER) {
        i++;
    }
    return i == field->len;
}

static int unwrap_field(const struct boot_pair *pair, const struct key_field *field,
                        struct dfu_content_key *key)
{
    if (is_empty(field)) {
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_NO_KEY });
        key->cipher = NULL;
        return DFU_OK;
    }
    if (cfg_of(pair)->map->keeps_wrapped_keys) {
        return err_of(content_key_unwrap(decryption_of(pair), field->bytes, field->len, key));
    }
    memcpy(key->bytes, field->bytes, min_u32(key->len, field->len));
    return key->len <= field->len ? DFU_OK : DFU_ERR_NOTSUP;
}

/* Where no image was, there is no key; but one that has a key must not move out plain. */
static int resume_empty(struct swap *swap, const struct dfu_area *area, struct key_field *field)
{
    int err = read_field(swap->pair, area, 0, field);

    swap->keys[0] = (struct dfu_content_key){ .cipher = NULL };
    return err || is_empty(field) ? err : DFU_ERR_FORMAT;
}

static int resume_one(struct swap *swap, const struct dfu_area *area, int i,
                      struct key_field *field)
{
    struct swap_place at = place_of(swap, i);
    struct dfu_image_header header;
    int err = slot_header_read(at.area, at.off, &header);

    if (err == DFU_ERR_FORMAT && i == 0 && cfg_of(swap->pair)->strategy->plan->takes_empty) {
        return resume_empty(swap, area, field);
    }
    if (err) {
        return err;
    }
    swap->keys[i] = content_key_for(decryption_of(swap->pair)->cipher, &header);
    if (!swap->keys[i].cipher) {
        return DFU_OK;
    }
    err = read_field(swap->pair, area, i, field);
    return err ? err : unwrap_field(swap->pair, field, &swap->keys[i]);
}

static int resume(struct swap *swap, const struct dfu_area *area)
{
    struct key_field field;
    int err = DFU_OK;

    for (int i = 0; !err && i < 2; i++) {
        err = resume_one(swap, area, i, &field);
    }
    wipe_secret(field.bytes, sizeof field.bytes);
    return err;
}

static int move_fields(const struct boot_pair *pair, const struct dfu_area *dst,
                       const struct dfu_area *src)
{
    struct key_field field;
    int err = DFU_OK;

    for (int i = 0; !err && i < 2; i++) {
        struct key_field to;

        err = read_field(pair, src, i, &field);
        if (!err) {
            err = locate(pair, dst, i, &to);
        }
        if (!err) {
            err = dfu_area_write(dst, to.off, field.bytes, field.len);
        }
    }
    wipe_secret(field.bytes, sizeof field.bytes);
    return err;
}

const struct dfu_boot_encryption dfu_boot_encrypted = {
    .find = find,
    .begin = begin,
    .resume = resume,
    .write = write_fields,
    .are_written = are_written,
    .move = move_fields,
    .apply = dfu_content_key_apply,
};
