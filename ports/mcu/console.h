/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* console.h - the console as SMP uses it: packets in base64 lines between whatever else is
 * printed. */
#ifndef DFU_MCU_CONSOLE_H
#define DFU_MCU_CONSOLE_H

#include "dfu/smp.h"
#include "dfu/smp_serial.h"

#define CONSOLE_PACKET_MAX 512u

struct console {
    struct dfu_smp_serial_decoder decoder;
};

/* buf: the largest packet and DFU_SMP_SERIAL_CRC_SIZE. */
void console_init(struct console *console, uint8_t *buf, size_t size);

/* Take what has come. The length of a packet that is now whole in the buffer, else 0. */
size_t console_poll(struct console *console);

/* A link's send function. */
int console_send(void *ctx, const uint8_t *frame, size_t len);

void console_print(const char *text);
void console_print_line(const char *text);

#endif
