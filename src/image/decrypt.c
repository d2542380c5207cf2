/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Encrypted images: which key opens a body, and the body as it was before encryption. */
#include "image/decrypt.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

struct dfu_content_key content_key_for(const struct dfu_cipher *cipher,
                                       const struct dfu_image_header *header)
{
    uint8_t len = content_key_len(header->flags);

    return (struct dfu_content_key){
        .cipher = len > 0 ? cipher : NULL,
        .body_off = header->hdr_size,
        .body_len = header->img_size,
        .len = len,
    };
}

/* One of our keys on the first TLV of its kind. */
static enum dfu_image_fault try_key(const struct dfu_unwrap_key *key, const struct dfu_image *image,
                                    struct dfu_content_key *out, uint8_t *wrapped, uint16_t *len)
{
    struct dfu_image_tlv tlv;
    int err = dfu_image_tlv_find(image, key->alg->tlv_type, false, &tlv);

    if (err) {
        return err == DFU_ERR_NOENT ? DFU_IMAGE_ENC_MISSING : DFU_IMAGE_UNREADABLE;
    }
    if (tlv.len != key->alg->wrapped_len[out->len == 32] || tlv.len > DFU_WRAPPED_KEY_MAX) {
        return DFU_IMAGE_ENC_LENGTH;
    }
    if (dfu_image_tlv_read(image, &tlv, wrapped, DFU_WRAPPED_KEY_MAX) < 0) {
        return DFU_IMAGE_UNREADABLE;
    }
    *len = tlv.len;
    err = key->alg->unwrap(key, wrapped, tlv.len, out->bytes, out->len);
    return err ? DFU_IMAGE_ENC_KEY : DFU_IMAGE_FINE;
}

static enum dfu_image_fault open_key(const struct dfu_image_decryption *how,
                                     const struct dfu_image *image, struct dfu_content_key *out,
                                     uint8_t *wrapped, uint16_t *len)
{
    enum dfu_image_fault fault = DFU_IMAGE_ENC_MISSING;

    *out = content_key_for(how->cipher, &image->header);
    if (!out->cipher) {
        return DFU_IMAGE_FINE;
    }
    for (size_t i = 0; i < how->key_count; i++) {
        enum dfu_image_fault found = try_key(&how->keys[i], image, out, wrapped, len);

        if (found == DFU_IMAGE_FINE || found == DFU_IMAGE_UNREADABLE) {
            return found;
        }
        fault = found == DFU_IMAGE_ENC_MISSING ? fault : found;
    }
    wipe_secret(out->bytes, sizeof(out->bytes));
    return fault;
}

enum dfu_image_fault dfu_image_content_key(const struct dfu_image_decryption *how,
                                           const struct dfu_image *image,
                                           struct dfu_content_key *out)
{
    uint8_t wrapped[DFU_WRAPPED_KEY_MAX];
    uint16_t len;

    return open_key(how, image, out, wrapped, &len);
}

enum dfu_image_fault content_key_wrapped(const struct dfu_image_decryption *how,
                                         const struct dfu_image *image, uint8_t *out, size_t room,
                                         uint16_t *len)
{
    uint8_t wrapped[DFU_WRAPPED_KEY_MAX];
    struct dfu_content_key key;
    enum dfu_image_fault fault = open_key(how, image, &key, wrapped, len);

    wipe_secret(&key, sizeof(key));
    if (!fault && *len > room) {
        fault = DFU_IMAGE_ENC_LENGTH;
    }
    if (!fault) {
        memcpy(out, wrapped, *len);
    }
    return fault;
}

enum dfu_image_fault content_key_unwrap(const struct dfu_image_decryption *how,
                                        const uint8_t *wrapped, size_t room,
                                        struct dfu_content_key *out)
{
    for (size_t i = 0; i < how->key_count; i++) {
        const struct dfu_unwrap_key *key = &how->keys[i];
        uint16_t len = key->alg->wrapped_len[out->len == 32];

        if (len <= room && key->alg->unwrap(key, wrapped, len, out->bytes, out->len) == 0) {
            return DFU_IMAGE_FINE;
        }
    }
    return DFU_IMAGE_ENC_KEY;
}

int dfu_content_key_apply(const struct dfu_content_key *key, uint32_t off, uint8_t *data,
                          size_t len)
{
    uint32_t from = max_u32(off, key->body_off);
    uint64_t end = (uint64_t)off + len, body_end = (uint64_t)key->body_off + key->body_len;

    end = end < body_end ? end : body_end;
    if (!key->cipher || end <= from) {
        return DFU_OK;
    }
    return key->cipher->apply(key->bytes, key->len, from - key->body_off, data + (from - off),
                              (size_t)(end - from));
}

static int read_plain(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_plain_span *span = ctx;
    int err = span->reader->read(span->reader->ctx, off, buf, len);

    return err ? err : dfu_content_key_apply(&span->key, off, buf, len);
}

struct dfu_reader dfu_plain_reader(struct dfu_plain_span *span)
{
    return (struct dfu_reader){ .read = read_plain, .ctx = span, .size = span->reader->size };
}

const struct dfu_image_opener dfu_image_opener = {
    .find_key = dfu_image_content_key,
    .read = read_plain,
};
