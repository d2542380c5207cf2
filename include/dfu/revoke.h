/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* revoke.h - keys that the bootloader no longer trusts, though it was built with them.
 *
 * Which they are is one small record (record.h) that grows: a power cut leaves the old or the new
 * set, never less. An image whose only signatures are by revoked keys is refused like one by an
 * unknown key. Two ways to revoke: a protected TLV DFU_TLV_REVOKE in an image that runs and is
 * here to stay (confirmed, or without a trailer), or dfu_revoke_key(). Both refuse to take away
 * the trust in what runs: so the last key stays, and no device is locked out by itself.
 *
 * Records that cannot be read revoke nothing: who can write that flash could have erased them. */
#ifndef DFU_REVOKE_H
#define DFU_REVOKE_H

#include <stdint.h>

#include "dfu/boot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Its value is the SHA-256 of a public key as KEYHASH has it (dfu getpubhash), 32 bytes; an image
 * may carry several. imgtool: --custom-tlv 0x00d0 0x... */
#define DFU_TLV_REVOKE 0x00d0u

#define DFU_REVOKED_MAX      6u /* keys */
#define DFU_REVOKE_KEYS_MAX  8u /* that a loader with revocation may be built with */
#define DFU_REVOKED_NAME_LEN 4u /* of a hash: enough to tell a loader's own keys apart */

/* The policy has SHA-256. */
struct dfu_boot_revocation_rules;
extern const struct dfu_boot_revocation_rules dfu_boot_revocation_rules;

struct dfu_boot_revocation {
    const struct dfu_boot_revocation_rules *rules; /* &dfu_boot_revocation_rules */
    const struct dfu_area *area;                   /* of its own; two sectors or more */
};

struct dfu_revoked {
    uint8_t count;
    uint8_t names[DFU_REVOKED_MAX][DFU_REVOKED_NAME_LEN];
};

/* What is revoked; nothing is no error. */
int dfu_revoked_read(const struct dfu_area *area, struct dfu_revoked *out);

/* Revoke one of cfg's keys, named by its hash. running: what dfu_boot() gave. DFU_ERR_NOENT: no
 * such key; DFU_ERR_PERM: what runs would not be trusted any more, or this is the last key;
 * DFU_ERR_NOSPACE: DFU_REVOKED_MAX are. Revoked already is success. */
int dfu_revoke_key(const struct dfu_boot_config *cfg, const struct dfu_boot_result *running,
                   const uint8_t hash[32]);

#ifdef __cplusplus
}
#endif
#endif
