/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Console framing. Anything may arrive; afterwards a packet between line noise still does, whole
 * and once, for every line length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/smp_serial.h"
#include "input.h"

#define PACKET_MAX 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dfu_smp_serial_encoder enc;
    struct dfu_smp_serial_decoder dec;
    uint8_t *buf = malloc(PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE);
    uint8_t line[256];
    size_t line_max = DFU_SMP_SERIAL_LINE_MIN + (len > 0 ? data[0] % 249 : 0);
    size_t packet_len = len < PACKET_MAX ? len : PACKET_MAX;
    size_t n;
    unsigned packets = 0;

    require(buf != NULL);
    dfu_smp_serial_decoder_init(&dec, buf, PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE);
    for (size_t i = 0; i < len; i++) {
        if (dfu_smp_serial_feed(&dec, data[i]) == DFU_SMP_SERIAL_PACKET) {
            require(dec.len <= PACKET_MAX);
        }
    }
    require(dfu_smp_serial_encode(&enc, data, packet_len) == 0);
    while ((n = dfu_smp_serial_next_line(&enc, line, line_max)) > 0) {
        require(n <= line_max);
        for (size_t i = 0; i < n; i++) {
            if (dfu_smp_serial_feed(&dec, line[i]) == DFU_SMP_SERIAL_PACKET) {
                packets++;
                require(dec.len == packet_len && i == n - 1);
                require(packet_len == 0 || memcmp(buf, data, packet_len) == 0);
            }
        }
        (void)dfu_smp_serial_feed(&dec, '$'); /* a prompt */
    }
    require(packets == 1);
    free(buf);
    return 0;
}
