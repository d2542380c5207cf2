/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sbom.h - a software bill of materials beside an image: CycloneDX 1.5 as JSON, whose SHA-256 the
 * image carries in a protected TLV, so that one signature covers both. */
#ifndef DFU_SBOM_H
#define DFU_SBOM_H

#include "cli.h"
#include "dfu/image.h"

#define SBOM_DIGEST_SIZE 32u

struct sbom_subject {
    const char *file; /* the program's, for its name */
    struct dfu_image_version version;
    const uint8_t *program;
    size_t program_len;
};

/* Write the bill of a program; components, where not NULL, names a CycloneDX file whose components,
 * services and dependencies are taken over. The same input gives the same text; a time stamp is in
 * it only if SOURCE_DATE_EPOCH says one. The caller frees *text with cJSON_free. */
int sbom_make(struct cli *cli, const struct sbom_subject *subject, const char *components,
              char **text, uint8_t digest[SBOM_DIGEST_SIZE]);

/* 0, or an exit code after saying that path is not what the image was signed with. */
int sbom_check(struct cli *cli, const struct dfu_image *image, const char *image_path,
               const char *path);

#endif
