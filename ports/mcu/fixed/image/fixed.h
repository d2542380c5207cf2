/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - the bootloader's one policy, instead of src/image/fixed.h. */
#ifndef DFU_MCU_IMAGE_FIXED_H
#define DFU_MCU_IMAGE_FIXED_H

#include "boot_config.h"
#include "image/reader.h"

/* Revoked keys are taken out of a copy. */
__attribute__((always_inline)) static inline const struct dfu_image_policy *fixed_policy(
    const struct dfu_image_policy *policy)
{
    return boot_config.revocation ? policy : &boot_config.policy;
}

static inline struct dfu_image_policy copied_policy(const struct dfu_image_policy *policy)
{
    return boot_config.revocation
               ? *policy
               : (struct dfu_image_policy){ .body_is_clear = policy->body_is_clear,
                                            .unpacker = policy->unpacker };
}

static inline const struct dfu_unpacker *fixed_unpacker(const struct dfu_image_policy *policy)
{
    return boot_config.policy.unpacker ? policy->unpacker : NULL;
}

/* The options name one key at most. */
static inline const struct dfu_key *fixed_key(const struct dfu_image_policy *policy, size_t i)
{
    return fixed_policy(policy)->key_count == 1 ? &boot_config.policy.keys[0]
                                                : &fixed_policy(policy)->keys[i];
}

/* ... and one hash. */
_Static_assert(sizeof boot_hashes == 2 * sizeof boot_hashes[0], "a hash, and NULL");

static inline const struct dfu_hash_alg *fixed_hash(const struct dfu_image_policy *policy, size_t i)
{
    (void)policy;
    return i == 0 ? boot_hashes[0] : NULL;
}

static inline const struct dfu_hash_alg *fixed_found(const struct dfu_hash_alg *hash)
{
    return hash ? boot_hashes[0] : NULL;
}

/* Images lie in areas, and nothing stands before them. */
static inline int fixed_read(const struct dfu_reader *reader, uint32_t off, void *buf, size_t len)
{
    return boot_config.policy.decryption || boot_config.policy.unpacker
               ? reader->read(reader->ctx, off, buf, len)
               : image_read_area(reader->ctx, off, buf, len);
}

#endif
