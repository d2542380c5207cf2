/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - which policy images are checked by: the one that was passed.
 *
 * A program with a single, constant configuration puts headers of its own before src/image/fixed.h,
 * src/boot/fixed.h and src/recovery/fixed.h (ports/mcu/fixed/), whose answers are that constant: a
 * compiler that sees the whole program then leaves out what the configuration does not ask for. */
#ifndef DFU_IMAGE_FIXED_H
#define DFU_IMAGE_FIXED_H

#include "dfu/image.h"

/* But for what differs from slot to slot, body_is_clear and unpacker, which a copy has. */
static inline const struct dfu_image_policy *fixed_policy(const struct dfu_image_policy *policy)
{
    return policy;
}

static inline struct dfu_image_policy copied_policy(const struct dfu_image_policy *policy)
{
    return *policy;
}

static inline const struct dfu_unpacker *fixed_unpacker(const struct dfu_image_policy *policy)
{
    return policy->unpacker;
}

/* The key with this number, of those that the policy has. */
static inline const struct dfu_key *fixed_key(const struct dfu_image_policy *policy, size_t i)
{
    return &policy->keys[i];
}

/* The hash with this number, from 0; NULL behind the last. */
static inline const struct dfu_hash_alg *fixed_hash(const struct dfu_image_policy *policy, size_t i)
{
    return policy->hashes ? policy->hashes[i] : NULL;
}

/* One that was found in the policy. */
static inline const struct dfu_hash_alg *fixed_found(const struct dfu_hash_alg *hash)
{
    return hash;
}

static inline int fixed_read(const struct dfu_reader *reader, uint32_t off, void *buf, size_t len)
{
    return reader->read(reader->ctx, off, buf, len);
}

#endif
