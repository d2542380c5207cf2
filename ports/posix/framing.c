/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "framing.h"

void dfu_framing_init(struct dfu_framing *framing, bool is_raw, uint8_t *buf, size_t cap)
{
    framing->is_raw = is_raw;
    framing->was_text = false;
    framing->buf = buf;
    dfu_smp_serial_decoder_init(&framing->console, buf, cap);
    dfu_smp_raw_decoder_init(&framing->raw, buf, cap - DFU_SMP_SERIAL_CRC_SIZE);
}

size_t dfu_framing_feed(struct dfu_framing *framing, uint8_t byte, uint64_t now_ms)
{
    enum dfu_smp_serial_result result;

    if (framing->is_raw) {
        return dfu_smp_raw_feed(&framing->raw, byte, now_ms) ? framing->raw.len : 0;
    }
    result = dfu_smp_serial_feed(&framing->console, byte);
    framing->was_text = result == DFU_SMP_SERIAL_TEXT;
    return result == DFU_SMP_SERIAL_PACKET ? framing->console.len : 0;
}

int dfu_framing_send(const struct dfu_framing *framing, const uint8_t *packet, size_t len,
                     int (*put)(void *ctx, const uint8_t *data, size_t len), void *ctx)
{
    struct dfu_smp_serial_encoder encoder;
    uint8_t line[DFU_SMP_SERIAL_LINE_MAX];
    size_t line_len;
    int result = 0;

    if (framing->is_raw) {
        return put(ctx, packet, len);
    }
    if (dfu_smp_serial_encode(&encoder, packet, len)) {
        return 0;
    }
    while (!result && (line_len = dfu_smp_serial_next_line(&encoder, line, sizeof line)) > 0) {
        result = put(ctx, line, line_len);
    }
    return result;
}
