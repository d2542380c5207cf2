/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Hostile maps, and the agreement of the two ways to read one: what the table of wanted keys
 * accepts, the walk accepts too, with the same spans inside the message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/cbor.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool lies_in(struct dfu_cbor_span inner, struct dfu_cbor_span outer)
{
    return inner.data >= outer.data && inner.len <= outer.len &&
           (size_t)(inner.data - outer.data) <= outer.len - inner.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dfu_cbor_span map = { data, len };
    struct dfu_cbor_span bytes = { 0 }, text = { 0 }, array = { 0 }, nested = { 0 }, any = { 0 };
    uint32_t number;
    uint64_t large;
    int32_t integer;
    bool boolean, flag;
    struct dfu_cbor_key keys[] = {
        { .name = "off", .type = DFU_CBOR_UINT, .out = &number },
        { .name = "u", .type = DFU_CBOR_UINT64, .out = &large },
        { .name = "i", .type = DFU_CBOR_INT, .out = &integer },
        { .name = "b", .type = DFU_CBOR_BOOL, .out = &boolean },
        { .name = "f", .type = DFU_CBOR_FLAG, .out = &flag },
        { .name = "data", .type = DFU_CBOR_BYTES, .out = &bytes },
        { .name = "t", .type = DFU_CBOR_TEXT, .out = &text },
        { .name = "a", .type = DFU_CBOR_ARRAY, .out = &array },
        { .name = "m", .type = DFU_CBOR_MAP, .out = &nested },
        { .name = "x", .type = DFU_CBOR_ANY, .out = &any },
    };
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span key, value;
    bool is_accepted = dfu_cbor_decode_map(map, keys, sizeof(keys) / sizeof(keys[0])) == 0;
    bool is_walked = dfu_cbor_open_map(&walk, map) == 0;
    int more = is_walked ? 1 : -1;

    while (more > 0) {
        more = dfu_cbor_next_pair(&walk, &key, &value);
        require(more <= 0 || (lies_in(key, map) && lies_in(value, map) && value.len > 0));
    }
    require(!is_accepted || more == 0);
    if (is_accepted) {
        require(!keys[5].found || lies_in(bytes, map));
        require(!keys[6].found || lies_in(text, map));
        require(!keys[7].found || lies_in(array, map));
        require(!keys[8].found || dfu_cbor_decode_map(nested, keys, 1) <= 0);
        require(!keys[9].found || (lies_in(any, map) && any.len > 0));
    }
    return 0;
}
