/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A command group of your own, whole: the brightness of a lamp, read and written. Numbers from 64
 * up are free; 64 and 65 are dfukit's history and pages. Its binding's ctx is a uint32_t. */
#include <dfu/smp.h>

enum { LAMP_GROUP = 70, LAMP_LEVEL = 0, LAMP_TOO_BRIGHT = 2 };

static int read_level(struct dfu_smp_call *call)
{
    dfu_cbor_pair_uint(call->enc, "level", *(uint32_t *)call->ctx);
    return 0;
}

static int write_level(struct dfu_smp_call *call)
{
    uint32_t level = 0;
    struct dfu_cbor_key keys[] = { { "level", DFU_CBOR_UINT, &level, false } };

    if (dfu_cbor_decode_map(call->request, keys, 1) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    if (level > 100) {
        return dfu_smp_fail(call, LAMP_TOO_BRIGHT);
    }
    *(uint32_t *)call->ctx = level;
    return 0;
}

static const struct dfu_smp_command commands[] = {
    [LAMP_LEVEL] = { .read = read_level, .write = write_level },
};
static const uint8_t to_v1[] = { [LAMP_TOO_BRIGHT] = DFU_SMP_EINVAL }; /* for old clients */

const struct dfu_smp_group lamp_group = { LAMP_GROUP, 1, "lamp", commands, to_v1, sizeof to_v1 };
