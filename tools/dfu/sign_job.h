/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sign_job.h - one signing: from the options of the command line to what the image shall say.
 * Every take function reads its options, and returns 0, or an exit code after saying what is
 * wrong. */
#ifndef DFU_SIGN_JOB_H
#define DFU_SIGN_JOB_H

#include "cli.h"
#include "dfu/image_writer.h"
#include "keyfile.h"
#include "sign_values.h"

#define SIGN_CUSTOM_MAX 64u

enum sign_option {
    O_KEY = 'k',
    O_VERSION = 'v',
    O_HEADER_SIZE = 'H',
    O_SLOT_SIZE = 'S',
    O_MAX_SECTORS = 'M',
    O_ERASED = 'R',
    O_COUNTER = 's',
    O_DEPENDENCIES = 'd',
    O_LOAD_ADDR = 'L',
    O_ROM_FIXED = 'F',
    O_ENDIAN = 'e',
    O_ENCRYPT = 'E',
    O_CLEAR = 'c',
    O_HEX_ADDR = 'x',
    O_KEY_FORMAT = 256,
    O_PAD_HEADER,
    O_ALIGN,
    O_MAX_ALIGN,
    O_PAD,
    O_TEST,
    O_CONFIRM,
    O_OVERWRITE,
    O_BOOT_RECORD,
    O_CUSTOM,
    O_CUSTOM_FILE,
    O_VID,
    O_CID,
    O_NON_BOOTABLE,
    O_SHA,
    O_PURE,
    O_PAD_SIG,
    O_ENCRYPT_KEYLEN,
    O_HMAC_SHA,
    O_SAVE_ENCTLV,
    O_COMPRESSION,
    O_VECTOR,
    O_FIX_SIG,
    O_FIX_SIG_PUBKEY,
    O_SIG_OUT,
    O_BOARD,
};

/* What was asked for, and what has to be released at its end. */
struct sign_job {
    struct cli *cli;
    struct dfu_image_spec spec;
    struct dfu_image_slot slot;
    bool pads, confirms;
    uint32_t largest; /* image that the board's bootloader takes; 0: no board was named */
    uint32_t counter;
    struct dfu_image_dependency *dependencies;
    uint8_t vendor_id[SIGN_UUID_SIZE], class_id[SIGN_UUID_SIZE];
    struct dfu_custom_tlv custom[SIGN_CUSTOM_MAX];
    struct keyfile key;
    struct dfu_signer signer;
    uint8_t *input;
    size_t input_len;
    uint8_t *image;
};

/* The slot: by a board's name, by options, or both (options win). */
int sign_take_slot(struct sign_job *job);

/* Everything else, in imgtool's order; reads the input and the key. */
int sign_take_options(struct sign_job *job);

/* A number option into *out, which keeps its value where the option is absent. */
int sign_take_number(struct sign_job *job, int id, uint64_t min, uint64_t max, uint32_t *out);

#endif
