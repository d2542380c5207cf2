/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* pcapng.h - a record as a capture file (IETF draft-ietf-opsawg-pcapng): each frame as a datagram
 * between 192.0.2.1 and the device, 192.0.2.2 port 1337, whatever link it came by. */
#ifndef DFU_TOOL_PCAPNG_H
#define DFU_TOOL_PCAPNG_H

#include "record.h"

/* 0 or an exit code. */
int pcapng_write(struct cli *cli, const char *path, const struct record *record);

#endif
