/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A raw serial line. Anything may arrive, with any pauses; after a silence a packet still does,
 * whole and once. The first byte chooses the buffer, then each 0xee is followed by a pause. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/smp.h"
#include "dfu/smp_raw.h"
#include "input.h"

#define PAUSE 0xeeu

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void say_packet(struct dfu_smp_raw_decoder *dec, uint64_t now_ms)
{
    static const uint8_t packet[] = { 8, 0, 0, 1, 0, 0, 7, 6, 0xa0 };

    for (size_t i = 0; i < sizeof packet; i++) {
        bool is_whole = dfu_smp_raw_feed(dec, packet[i], now_ms);

        require(is_whole == (i == sizeof packet - 1));
    }
    require(dec->len == sizeof packet && memcmp(dec->buf, packet, sizeof packet) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t cap = 16u + (len > 0 ? data[0] : 0u);
    uint8_t *buf = malloc(cap);
    struct dfu_smp_raw_decoder dec;
    uint64_t now_ms = 0;

    require(buf != NULL);
    dfu_smp_raw_decoder_init(&dec, buf, cap);
    for (size_t i = 1; i < len; i++) {
        if (data[i] == PAUSE && i + 1 < len) {
            now_ms += data[++i] * 4u;
        } else if (dfu_smp_raw_feed(&dec, data[i], now_ms)) {
            require(dec.len >= DFU_SMP_HEADER_SIZE && dec.len <= cap);
        }
    }
    say_packet(&dec, now_ms + DFU_SMP_RAW_SILENCE_MS);
    free(buf);
    return 0;
}
