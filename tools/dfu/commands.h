/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* commands.h - every command, one line each; main.c lists them in the order help shows. */
#ifndef DFU_COMMANDS_H
#define DFU_COMMANDS_H

#include "cli.h"

extern const struct cli_command cmd_version;

#endif
