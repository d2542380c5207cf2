/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* verdict.h - how a verdict comes about. Everything here is written so that one wrong bit, one
 * skipped instruction or one forgotten call ends in refusal. */
#ifndef DFU_IMAGE_VERDICT_H
#define DFU_IMAGE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/image.h"

/* What has been proved about an image, as words far apart from each other and from 0. Proofs are
 * collected by xor; a verdict is trust only if exactly those that the policy asks for are there. */
#define PROOF_NONE      0x00000000u
#define PROOF_HASH      0x3c6a95d2u /* the stored hash is that of the bytes */
#define PROOF_SIGNATURE 0xa59c4b17u /* a trusted key signed them */
#define PROOF_UNPACKED  0x96539ae4u /* all that holds for what they decode to, too */

void verdict_refuse(struct dfu_verdict *verdict);

/* Trust if nothing is wrong and proof is exactly what is needed; else refuse. */
void verdict_decide(struct dfu_verdict *verdict, enum dfu_image_fault fault, uint32_t proof,
                    uint32_t needed);

/* PROOF_SIGNATURE if a signature check returned 0, else PROOF_NONE. */
uint32_t verdict_signature(int result);

/* A verdict for an image that nobody looked at: dfu_verdict_is_trusted does not take it. Worth
 * something only beside a configuration that leaves images unchecked. */
void verdict_waive(struct dfu_verdict *verdict);
bool verdict_is_waived(const struct dfu_verdict *verdict);

/* PROOF_UNPACKED if the verdict on what was decoded is trust, else PROOF_NONE. */
uint32_t verdict_unpacked(const struct dfu_verdict *verdict);

/* PROOF_HASH if both are equal, PROOF_NONE if not. Takes as long either way. */
uint32_t verdict_same_bytes(const uint8_t *a, const uint8_t *b, size_t len);

#endif
