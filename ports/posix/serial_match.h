/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* serial_match.h - which serial port is meant, where a target names one by what it is instead of by
 * a path that changes when it is plugged in again:
 *
 *   2fe3:0100          VID:PID of USB, in hexadecimal
 *   2fe3:0100:A1B2     and its serial number
 *   A1B2               the serial number alone
 *   /regex/            an extended regular expression (POSIX), looked for in "PATH VID:PID SERIAL
 *                      DESCRIPTION", what is not told left out
 *
 * Anything else is a path. Letters of either case match in all but the expression. */
#ifndef DFU_POSIX_SERIAL_MATCH_H
#define DFU_POSIX_SERIAL_MATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "link.h"
#include "nearby.h"

/* How much of a serial target's address names the port; options begin there with a comma, or it
 * ends. */
size_t dfu_serial_name_len(const char *address);

/* Whether a name is a path: it contains a slash and is no /regex/, or there is such a file. */
bool dfu_serial_is_path(const char *name);

/* Find the one port that a name other than a path means. 0; with why, DFU_ERR_NOENT: none of them,
 * DFU_ERR_INVAL: more than one, or no regular expression. */
int dfu_serial_choose(const char *name, const struct dfu_serial_port *ports, size_t count,
                      char path[PATH_MAX], char why[DFU_LINK_WHY_LEN]);

/* The same among the ports that this computer has now; a path is taken as it is. */
int dfu_serial_find(const char *name, char path[PATH_MAX], char why[DFU_LINK_WHY_LEN]);

/* "; there are /dev/ttyACM1 (2fe3:0100 A1B2), /dev/ttyS0" for the end of a sentence. */
void dfu_serial_candidates(char *text, size_t cap);

#endif
