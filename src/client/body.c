/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "client/body.h"

#include "dfu/err.h"

static int find(const struct dfu_answer *answer, const char *name, enum dfu_cbor_type type,
                void *out)
{
    struct dfu_cbor_key key = { name, type, out, false };

    return dfu_cbor_decode_map(body_of(answer), &key, 1) || !key.found ? DFU_ERR_FORMAT : 0;
}

int body_open_array(const struct dfu_answer *answer, const char *key, struct dfu_cbor_walk *walk)
{
    struct dfu_cbor_span array;
    int err = find(answer, key, DFU_CBOR_ARRAY, &array);

    return err ? err : dfu_cbor_open_array(walk, array);
}

int body_open_map(const struct dfu_answer *answer, const char *key, struct dfu_cbor_walk *walk)
{
    struct dfu_cbor_span map;
    int err = find(answer, key, DFU_CBOR_MAP, &map);

    return err ? err : dfu_cbor_open_map(walk, map);
}

int body_uint(const struct dfu_answer *answer, const char *key, uint32_t *out)
{
    *out = 0;
    return find(answer, key, DFU_CBOR_UINT, out);
}
