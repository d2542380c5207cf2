/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Answers of the image group. */
#include "dfu/client.h"

#include <string.h>

#include "dfu/cbor.h"
#include "dfu/err.h"

/* The text goes to terminals as it is, so only what a version can hold is kept. */
static void keep_version(char out[DFU_CLIENT_VERSION_LEN], struct dfu_cbor_span text)
{
    size_t len = text.len < DFU_CLIENT_VERSION_LEN ? text.len : DFU_CLIENT_VERSION_LEN - 1;

    for (size_t i = 0; i < len; i++) {
        bool is_printable = text.data[i] > ' ' && text.data[i] < 0x7f;

        out[i] = (char)(is_printable ? text.data[i] : '?');
    }
    out[len] = 0;
}

static int read_slot(struct dfu_cbor_span item, struct dfu_client_slot *out)
{
    struct dfu_cbor_span version = { 0 }, hash = { 0 };
    struct dfu_cbor_key keys[] = {
        { "image", DFU_CBOR_UINT, &out->image, false },
        { "slot", DFU_CBOR_UINT, &out->slot, false },
        { "version", DFU_CBOR_TEXT, &version, false },
        { "hash", DFU_CBOR_BYTES, &hash, false },
        { "bootable", DFU_CBOR_BOOL, &out->bootable, false },
        { "pending", DFU_CBOR_BOOL, &out->pending, false },
        { "confirmed", DFU_CBOR_BOOL, &out->confirmed, false },
        { "active", DFU_CBOR_BOOL, &out->active, false },
        { "permanent", DFU_CBOR_BOOL, &out->permanent, false },
    };

    *out = (struct dfu_client_slot){ 0 };
    if (dfu_cbor_decode_map(item, keys, sizeof(keys) / sizeof(keys[0])) || !keys[1].found ||
        hash.len > DFU_HASH_MAX) {
        return DFU_ERR_FORMAT;
    }
    keep_version(out->version, version);
    if (hash.len > 0) {
        memcpy(out->hash, hash.data, hash.len);
    }
    out->hash_len = (uint8_t)hash.len;
    return 0;
}

static int open_images(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    struct dfu_cbor_span body = { answer->body, answer->len }, list;
    struct dfu_cbor_key key = { "images", DFU_CBOR_ARRAY, &list, false };

    if (dfu_cbor_decode_map(body, &key, 1) || !key.found) {
        return DFU_ERR_FORMAT;
    }
    return dfu_cbor_open_array(walk, list);
}

int dfu_client_images_read(const struct dfu_answer *answer, struct dfu_client_images *out)
{
    struct dfu_cbor_span item;
    struct dfu_cbor_walk walk;
    int more;

    out->count = 0;
    if (open_images(answer, &walk)) {
        return DFU_ERR_FORMAT;
    }
    while ((more = dfu_cbor_next_item(&walk, &item)) > 0) {
        if (out->count == DFU_CLIENT_SLOTS_MAX || read_slot(item, &out->slots[out->count])) {
            return DFU_ERR_FORMAT;
        }
        out->count++;
    }
    return more;
}

const struct dfu_client_slot *dfu_client_active(const struct dfu_client_images *images,
                                                uint32_t image)
{
    for (size_t i = 0; i < images->count; i++) {
        if (images->slots[i].active && images->slots[i].image == image) {
            return &images->slots[i];
        }
    }
    return NULL;
}

const struct dfu_client_slot *dfu_client_running(const struct dfu_client_images *images,
                                                 uint32_t image)
{
    const struct dfu_client_slot *slot = dfu_client_active(images, image);

    for (size_t i = 0; !slot && i < images->count; i++) {
        if (images->slots[i].image == image && images->slots[i].slot == 0) {
            slot = &images->slots[i];
        }
    }
    return slot;
}

const struct dfu_client_slot *dfu_client_holding(const struct dfu_client_images *images,
                                                 const uint8_t *hash, size_t hash_len)
{
    for (size_t i = 0; hash_len > 0 && i < images->count; i++) {
        const struct dfu_client_slot *slot = &images->slots[i];

        if (slot->hash_len == hash_len && memcmp(slot->hash, hash, hash_len) == 0) {
            return slot;
        }
    }
    return NULL;
}

static int read_size(struct dfu_cbor_span item, struct dfu_client_slot_size *out)
{
    uint32_t id = 0;
    struct dfu_cbor_key keys[] = {
        { "slot", DFU_CBOR_UINT, &out->slot, false },
        { "size", DFU_CBOR_UINT, &out->size, false },
        { "upload_image_id", DFU_CBOR_UINT, &id, false },
    };

    if (dfu_cbor_decode_map(item, keys, 3) || !keys[0].found || id > INT32_MAX) {
        return DFU_ERR_FORMAT;
    }
    out->upload_image_id = keys[2].found ? (int32_t)id : -1;
    return 0;
}

static int read_sizes_of_image(struct dfu_cbor_span item, struct dfu_client_slot_sizes *out)
{
    uint32_t image = 0, max_image_size = 0;
    struct dfu_cbor_span slots;
    struct dfu_cbor_key keys[] = {
        { "image", DFU_CBOR_UINT, &image, false },
        { "slots", DFU_CBOR_ARRAY, &slots, false },
        { "max_image_size", DFU_CBOR_UINT, &max_image_size, false },
    };
    struct dfu_cbor_walk walk;
    int more;

    if (dfu_cbor_decode_map(item, keys, 3) || !keys[1].found || dfu_cbor_open_array(&walk, slots)) {
        return DFU_ERR_FORMAT;
    }
    while ((more = dfu_cbor_next_item(&walk, &item)) > 0) {
        struct dfu_client_slot_size *size = &out->slots[out->count];

        if (out->count == DFU_CLIENT_SLOTS_MAX) {
            return DFU_ERR_FORMAT;
        }
        *size = (struct dfu_client_slot_size){ .image = image, .max_image_size = max_image_size };
        if (read_size(item, size)) {
            return DFU_ERR_FORMAT;
        }
        out->count++;
    }
    return more;
}

int dfu_client_slot_info_read(const struct dfu_answer *answer, struct dfu_client_slot_sizes *out)
{
    struct dfu_cbor_span item;
    struct dfu_cbor_walk walk;
    int more;

    out->count = 0;
    if (open_images(answer, &walk)) {
        return DFU_ERR_FORMAT;
    }
    while ((more = dfu_cbor_next_item(&walk, &item)) > 0) {
        if (read_sizes_of_image(item, out)) {
            return DFU_ERR_FORMAT;
        }
    }
    return more;
}
