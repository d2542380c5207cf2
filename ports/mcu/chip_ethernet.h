/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* chip_ethernet.h - what a chip with Ethernet adds. port.cmake names CHIP_ETHERNET_IRQ. */
#ifndef DFU_MCU_CHIP_ETHERNET_H
#define DFU_MCU_CHIP_ETHERNET_H

#include <stddef.h>
#include <stdint.h>

#define CHIP_ETHERNET_FRAME_MAX 1536u

/* On, with CHIP_ETHERNET_IRQ asked for while frames wait; mac gets the six bytes of its address. */
void chip_ethernet_start(uint8_t *mac);

/* The next frame, without its check sequence: its length, or 0. frame: CHIP_ETHERNET_FRAME_MAX bytes,
 * aligned as words. */
size_t chip_ethernet_receive(void *frame);

/* The same with what is to be sent. */
void chip_ethernet_send(const void *frame, size_t len);

#endif
