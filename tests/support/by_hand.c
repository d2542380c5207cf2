/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "by_hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/cbor.h"

static const char app[] = "dfukit-app\nname=new\n";

size_t by_hand_answer(const uint8_t *request, uint32_t off, int match, uint8_t *out)
{
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, out + 8, 64, false);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", off);
    if (match >= 0) {
        dfu_cbor_pair_bool(&enc, "match", match > 0);
    }
    dfu_cbor_end(&enc);
    memcpy(out, request, 8);
    out[0] = (uint8_t)(request[0] + 1);
    out[2] = 0;
    out[3] = (uint8_t)enc.len;
    return 8 + enc.len;
}

static size_t answer_map(const uint8_t *request, const char *map, size_t len, uint8_t *out)
{
    memcpy(out, request, 8);
    memcpy(out + 8, map, len);
    out[0] = (uint8_t)(request[0] + 1);
    out[2] = 0;
    out[3] = (uint8_t)len;
    return 8 + len;
}

void by_hand_begin(struct by_hand *h, uint32_t window)
{
    struct dfu_upload_config config;

    h->rig = rig_new(app, 20000, 512, 4);
    h->now_ms = 1;
    config = rig_upload_config(h->rig, window);
    assert_int_equal(dfu_upload_start(&h->u, &config), 0);
}

size_t by_hand_next(struct by_hand *h)
{
    return dfu_upload_next(&h->u, h->now_ms, h->frame, sizeof(h->frame));
}

int by_hand_reply(struct by_hand *h, uint32_t off, int match)
{
    return dfu_upload_answer(&h->u, h->now_ms, h->answer,
                             by_hand_answer(h->frame, off, match, h->answer));
}

void by_hand_reply_map(struct by_hand *h, const uint8_t *request, const char *map, size_t len)
{
    dfu_upload_answer(&h->u, h->now_ms, h->answer, answer_map(request, map, len, h->answer));
}

unsigned by_hand_next_group(struct by_hand *h)
{
    return by_hand_next(h) > 0 ? h->frame[5] : 0;
}
