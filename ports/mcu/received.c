/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "received.h"

#include "chip.h"

#define SIZE 64u

static volatile uint8_t bytes[SIZE];
static volatile uint8_t head, tail;

bool received_take(void)
{
    while (chip_has_byte()) {
        uint8_t next = (uint8_t)((head + 1) % SIZE);

        if (next == tail) {
            return false;
        }
        bytes[head] = chip_take_byte();
        head = next;
    }
    return true;
}

bool received_is_empty(void)
{
    return head == tail;
}

int received_get(void)
{
    int byte;

    if (received_is_empty()) {
        return -1;
    }
    byte = bytes[tail];
    tail = (uint8_t)((tail + 1) % SIZE);
    return byte;
}
