/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Shell, group 9. */
#include "dfu/smp_shell.h"

#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"

int dfu_client_shell(struct dfu_call *call, const char *const *words, size_t count, uint8_t *frame,
                     size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_SHELL, DFU_SMP_SHELL_EXEC);
    request_begin(&enc, frame, cap);
    dfu_cbor_put_text(&enc, "argv");
    dfu_cbor_begin_array(&enc);
    for (size_t i = 0; i < count; i++) {
        dfu_cbor_put_text(&enc, words[i]);
    }
    dfu_cbor_end(&enc);
    return request_end(&enc, call, frame);
}

int dfu_client_shell_read(const struct dfu_answer *answer, struct dfu_client_text *output,
                          int32_t *returned)
{
    struct dfu_cbor_span text;
    int32_t rc = 0;
    struct dfu_cbor_key keys[] = {
        { "o", DFU_CBOR_TEXT, &text, false },
        { "ret", DFU_CBOR_INT, returned, false },
        { "rc", DFU_CBOR_INT, &rc, false },
    };

    *returned = 0;
    if (dfu_cbor_decode_map(body_of(answer), keys, 3) || !keys[0].found) {
        return DFU_ERR_FORMAT;
    }
    *output = body_text(text);
    *returned = keys[1].found ? *returned : rc;
    return 0;
}
