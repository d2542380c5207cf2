/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* config_wire.h - the configuration channel over TCP, where there is no HID: the two control
 * requests of a feature report, by their numbers in the HID class.
 *
 * The host sends SET_REPORT and the report's 30 bytes, or GET_REPORT alone. The device answers each
 * with one byte, in order: TAKEN (after GET_REPORT with the report's 30 bytes behind it) or
 * STALLED. Anything else ends the connection, and so does a restart of the device. */
#ifndef DFU_POSIX_CONFIG_WIRE_H
#define DFU_POSIX_CONFIG_WIRE_H

#define DFU_CONFIG_WIRE_GET_REPORT 0x01u
#define DFU_CONFIG_WIRE_SET_REPORT 0x09u
#define DFU_CONFIG_WIRE_TAKEN      0u
#define DFU_CONFIG_WIRE_STALLED    1u

#endif
