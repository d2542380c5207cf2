/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Answers of the OS group. */
#include "dfu/cbor.h"
#include "dfu/client.h"
#include "dfu/err.h"

static int read_text(const struct dfu_answer *answer, const char *name, struct dfu_client_text *out)
{
    struct dfu_cbor_span text;
    struct dfu_cbor_key key = { name, DFU_CBOR_TEXT, &text, false };

    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, &key, 1) ||
        !key.found) {
        return DFU_ERR_FORMAT;
    }
    *out = (struct dfu_client_text){ (const char *)text.data, text.len };
    return 0;
}

int dfu_client_echo_read(const struct dfu_answer *answer, struct dfu_client_text *out)
{
    return read_text(answer, "r", out);
}

int dfu_client_info_read(const struct dfu_answer *answer, struct dfu_client_text *out)
{
    return read_text(answer, "output", out);
}

int dfu_client_datetime_read(const struct dfu_answer *answer, struct dfu_client_text *out)
{
    return read_text(answer, "datetime", out);
}

int dfu_client_params_read(const struct dfu_answer *answer, struct dfu_client_params *out)
{
    struct dfu_cbor_key keys[] = {
        { "buf_size", DFU_CBOR_UINT, &out->buf_size, false },
        { "buf_count", DFU_CBOR_UINT, &out->buf_count, false },
    };

    *out = (struct dfu_client_params){ .buf_count = 1 };
    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 2) ||
        !keys[0].found) {
        return DFU_ERR_FORMAT;
    }
    return 0;
}

int dfu_client_bootinfo_read(const struct dfu_answer *answer, struct dfu_client_bootinfo *out)
{
    struct dfu_cbor_span name = { 0 };
    struct dfu_cbor_key keys[] = {
        { "bootloader", DFU_CBOR_TEXT, &name, false },
        { "mode", DFU_CBOR_INT, &out->mode, false },
        { "no-downgrade", DFU_CBOR_FLAG, &out->no_downgrade, false },
    };

    *out = (struct dfu_client_bootinfo){ .mode = -1 };
    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 3)) {
        return DFU_ERR_FORMAT;
    }
    out->bootloader = (struct dfu_client_text){ (const char *)name.data, name.len };
    out->has_mode = keys[1].found;
    return 0;
}
