/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* verify.h - what the commands that judge images share. */
#ifndef DFU_VERIFY_H
#define DFU_VERIFY_H

#include "cli.h"
#include "cryptkey.h"
#include "dfu/image.h"
#include "keyfile.h"

/* The verdict on an image in memory, by everything this tool knows. signer: the key it must be
 * signed with, NULL: its hash is enough. device: what opens it if it is encrypted, or NULL. */
int verify_judge(struct cli *cli, const uint8_t *data, size_t len, const struct keyfile *signer,
                 const struct cryptkey *device, struct dfu_image_report *report);

/* dfu verify --which: who of all keys given with -k signed it. */
int verify_which(struct cli *cli, const uint8_t *data, size_t len, const struct cryptkey *device);

#endif
