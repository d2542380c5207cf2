/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sign_values.h - what imgtool's sign takes as text: versions, dependencies, UUIDs, TLVs.
 * Each returns 0, or an exit code after saying what is wrong. */
#ifndef DFU_SIGN_VALUES_H
#define DFU_SIGN_VALUES_H

#include "cli.h"
#include "dfu/image_writer.h"

#define SIGN_UUID_SIZE 16u

/* "1", "1.2", "1.2.3" or "1.2.3+4". */
int sign_parse_version(struct cli *cli, const char *text, struct dfu_image_version *out);

/* "(1, 1.2.3) (2, 2.0+5)"; the caller frees *out. */
int sign_parse_dependencies(struct cli *cli, const char *text, struct dfu_image_dependency **out,
                            size_t *count);

/* A UUID, or a name that becomes one within name_space (NULL: names are refused). */
int sign_parse_uuid(struct cli *cli, const char *text, const uint8_t *name_space,
                    uint8_t out[SIGN_UUID_SIZE]);

/* The namespace of vendor names: DNS. */
extern const uint8_t sign_vendor_space[SIGN_UUID_SIZE];

/* A type that custom TLVs may have. */
int sign_parse_tlv_type(struct cli *cli, const char *text, uint16_t *out);

/* "0x" and hexadecimal digits, or else text as it is; the caller frees *out. */
int sign_parse_tlv_value(struct cli *cli, const char *text, uint8_t **out, size_t *len);

#endif
