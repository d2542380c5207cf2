/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "console.h"

#include "port.h"

void console_init(struct console *console, uint8_t *buf, size_t size)
{
    dfu_smp_serial_decoder_init(&console->decoder, buf, size);
}

size_t console_poll(struct console *console)
{
    int byte;

    while ((byte = port_getc()) >= 0) {
        if (dfu_smp_serial_feed(&console->decoder, (uint8_t)byte) == DFU_SMP_SERIAL_PACKET) {
            return console->decoder.len;
        }
    }
    return 0;
}

int console_send(void *ctx, const uint8_t *frame, size_t len)
{
    struct dfu_smp_serial_encoder encoder;
    uint8_t line[DFU_SMP_SERIAL_LINE_MAX];
    int err = dfu_smp_serial_encode(&encoder, frame, len);
    size_t n;

    (void)ctx;
    while (!err && (n = dfu_smp_serial_next_line(&encoder, line, sizeof line)) > 0) {
        for (size_t i = 0; i < n; i++) {
            port_putc(line[i]);
        }
    }
    return err;
}

void console_print(const char *text)
{
    while (*text) {
        port_putc((uint8_t)*text++);
    }
}

void console_print_line(const char *text)
{
    console_print(text);
    console_print("\r\n");
}
