/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "client/upload_chunk.h"

#include "base/bytes.h"
#include "client/request.h"
#include "dfu/err.h"
#include "dfu/image.h"

#define CHUNK_ALIGN 16u /* servers that write only whole units would ask for the rest again */

/* What the first chunk says about the whole. */
static void put_identity(const struct dfu_upload *u, struct dfu_cbor_encoder *enc)
{
    const struct dfu_upload_config *config = &u->config;

    if (config->image_number != 0) {
        dfu_cbor_pair_uint(enc, "image", config->image_number);
    }
    dfu_cbor_pair_uint(enc, "len", config->image.size);
    dfu_cbor_pair_bytes(enc, "sha", config->sha, sizeof(config->sha));
    if (config->upgrade_only) {
        dfu_cbor_pair_bool(enc, "upgrade", true);
    }
}

int upload_chunk_encode(struct dfu_upload *u, struct dfu_call *call, uint32_t off, uint8_t *frame,
                        size_t cap, uint32_t *len)
{
    struct dfu_cbor_encoder enc;
    uint32_t room, head;
    uint8_t *data;
    int err;

    cap = cap < u->config.frame_max ? cap : u->config.frame_max;
    request_begin(&enc, frame, cap);
    if (off == 0) {
        put_identity(u, &enc);
    }
    dfu_cbor_pair_uint(&enc, "off", off);
    dfu_cbor_put_text(&enc, "data");
    if (enc.err) {
        return enc.err;
    }
    room = (uint32_t)(enc.cap - enc.len);
    head = room <= UINT16_MAX ? 3 : 5;
    if (room < head + DFU_IMAGE_HEADER_SIZE) {
        return DFU_ERR_NOSPACE;
    }
    if (*len > room - head) {
        *len = round_down(room - head, CHUNK_ALIGN);
    }
    /* Read to the frame's end; the encoder moves it into place (it allows for the overlap). */
    data = frame + cap - *len;
    err = u->config.image.read(u->config.image.ctx, off, data, *len);
    if (err) {
        return err;
    }
    dfu_cbor_put_bytes(&enc, data, *len);
    return request_end(&enc, call, frame);
}

int upload_chunk_answer(const struct dfu_upload *u, const struct dfu_answer *answer, uint32_t *off,
                        bool *has_match, bool *match)
{
    struct dfu_cbor_key keys[] = {
        { "off", DFU_CBOR_UINT, off, false },
        { "match", DFU_CBOR_BOOL, match, false },
    };
    int err = dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 2);

    *has_match = keys[1].found;
    return err || !keys[0].found || *off > u->config.image.size ? DFU_ERR_FORMAT : 0;
}
