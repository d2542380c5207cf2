/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sign_job.h - one signing: from the options of the command line to what the image shall say.
 * Every take function reads its options, and returns 0, or an exit code after saying what is
 * wrong. */
#ifndef DFU_SIGN_JOB_H
#define DFU_SIGN_JOB_H

#include "board.h"
#include "cli.h"
#include "cryptkey.h"
#include "dfu/image_writer.h"
#include "keyfile.h"
#include "sign_values.h"

#define SIGN_CUSTOM_MAX 64u
#define SIGN_RUNS_MAX   8u

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
    O_SIGNER,
    O_SIGNER_TIMEOUT,
    O_SECTORS,
    O_MODE,
    O_SBOM,
    O_SBOM_FROM,
};

/* What goes to OUTFILE: the image, or what is to be signed of it. */
enum sign_vector { SIGN_WHOLE, SIGN_PAYLOAD, SIGN_DIGEST };

/* The bootloader's view of the slots, by a board's name or by their sectors. */
struct sign_geometry {
    bool is_known;
    char name[96];           /* "the bootloader of board sim" */
    struct dfu_board *board; /* NULL: sectors were given */
    struct dfu_slot_map map;
    const struct dfu_area *scratch; /* also where the mode has no use for it */
    struct dfu_area areas[3];
    struct dfu_sector_run runs[3][SIGN_RUNS_MAX];
};

/* What was asked for, and what has to be released at its end. */
struct sign_job {
    struct cli *cli;
    struct dfu_image_spec spec;
    struct dfu_image_slot slot;
    bool pads, confirms, tests;
    enum sign_vector vector;
    struct sign_geometry geometry;
    uint32_t counter;
    struct dfu_image_dependency *dependencies;
    uint8_t vendor_id[SIGN_UUID_SIZE], class_id[SIGN_UUID_SIZE];
    struct dfu_custom_tlv custom[SIGN_CUSTOM_MAX];
    struct keyfile key;              /* -k, or --fix-sig-pubkey */
    struct dfu_signer inner, signer; /* signer: inner, and what it signs is kept */
    bool pads_signature;
    unsigned patience_s; /* with --signer */
    int signer_exit;     /* what a signer that is elsewhere ended with */
    uint8_t *fixed;      /* --fix-sig */
    size_t fixed_len;
    uint8_t signature[DFU_SIGNATURE_MAX];
    size_t signature_len;   /* 0: nothing was signed yet */
    struct cryptkey device; /* -E */
    struct dfu_wrapper wrapper;
    uint8_t content_key[DFU_CONTENT_KEY_MAX];
    struct dfu_image_encryption encryption;
    bool compresses;
    struct dfu_image_compression compression;
    char *sbom; /* NULL: none is wanted */
    struct cli_staged staged_sbom, staged_signature;
    uint8_t *input;
    size_t input_len;
    int64_t base; /* address of the input's first byte, or -1 */
    uint8_t *image;
};

/* The slot: by a board's name, by options, or both (options win). */
int sign_take_slot(struct sign_job *job);

/* Whether an image of len bytes fits; what says which image: "the image". */
int sign_check_fit(struct sign_job *job, uint32_t len, const char *what);

/* The same, and by imgtool's rule where a slot size was given: then trailer bytes must be left. */
int sign_check_size(struct sign_job *job, uint32_t len, uint32_t trailer);

/* The slot's alignment and erased value from --board; then, those known, the whole geometry. */
int sign_take_board(struct sign_job *job);
int sign_take_geometry(struct sign_job *job);
void sign_free_geometry(struct sign_job *job);

/* Who signs, and whether the image or a part of it is wanted. */
int sign_take_signer(struct sign_job *job);

/* Whom it is encrypted for, after the signer. */
int sign_take_encryption(struct sign_job *job);

/* Whether the payload is compressed, and how. */
int sign_take_compression(struct sign_job *job);

/* Put the compressed payload in place of the plain one of *payload_len bytes, if that pays. *err is
 * what dfu_image_compress said. */
int sign_compress(struct sign_job *job, size_t room, uint32_t *payload_len, int *err);

/* A key in a token, or behind --signer, as job->inner. */
int sign_take_elsewhere(struct sign_job *job);

/* The line that imgtool prints about it, or NULL. */
const char *sign_line(const struct sign_job *job);

/* --sig-out, once the image is made; shown when the image is. */
int sign_stage_signature(struct sign_job *job);

/* --sbom: the text and its TLV; later the file, which is shown when the image is. */
int sign_take_sbom(struct sign_job *job);
int sign_stage_sbom(struct sign_job *job);

/* Refuse to write over the input; write the image of len bytes, padded if that was asked for. */
int sign_check_out(struct sign_job *job);
int sign_write_out(struct sign_job *job, uint32_t len);

/* The program, or a linked one's bytes, into job->input. */
int sign_load_input(struct sign_job *job);

/* Everything else, in imgtool's order; reads the input and the key. */
int sign_take_options(struct sign_job *job);

/* A number option into *out, which keeps its value where the option is absent. */
int sign_take_number(struct sign_job *job, int id, uint64_t min, uint64_t max, uint32_t *out);

#endif
