/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* received.h - bytes between the interrupt that takes them from the UART and port_getc(). */
#ifndef DFU_MCU_RECEIVED_H
#define DFU_MCU_RECEIVED_H

#include <stdbool.h>

/* Take what the UART holds; false if some had to stay there for want of room. */
bool received_take(void);

bool received_is_empty(void);

/* The oldest byte, or -1. */
int received_get(void);

#endif
