/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The only place that says an image is trusted, and the only one that asks. Each comparison is
 * made twice on volatile copies, in different ways, so that a compiler keeps both and a single
 * glitch does not pass. */
#include "image/verdict.h"

#define TRUSTED   0x6ac1d359u
#define WAIVED    0x953e2ca6u
#define DISTURBED 0x17e8b4c6u /* check = word ^ this; 0 and all ones fit nothing */

void verdict_refuse(struct dfu_verdict *verdict)
{
    verdict->word = 0;
    verdict->check = 0;
}

void verdict_decide(struct dfu_verdict *verdict, enum dfu_image_fault fault, uint32_t proof,
                    uint32_t needed)
{
    volatile enum dfu_image_fault seen = fault;
    volatile uint32_t have = proof;
    volatile uint32_t want = needed;

    verdict_refuse(verdict);
    if (seen != DFU_IMAGE_FINE || have != want || want == PROOF_NONE) {
        return;
    }
    verdict->word = TRUSTED ^ have ^ want;
    if ((have ^ want) == 0 && seen == DFU_IMAGE_FINE) {
        verdict->check = TRUSTED ^ DISTURBED ^ (uint32_t)seen;
    }
}

bool dfu_verdict_is_trusted(const struct dfu_verdict *verdict)
{
    volatile uint32_t word = verdict->word;
    volatile uint32_t check = verdict->check;

    if (word != TRUSTED) {
        return false;
    }
    return (check ^ DISTURBED) == TRUSTED && (word ^ check) == DISTURBED;
}

void verdict_waive(struct dfu_verdict *verdict)
{
    verdict->word = WAIVED;
    verdict->check = WAIVED ^ DISTURBED;
}

bool verdict_is_waived(const struct dfu_verdict *verdict)
{
    volatile uint32_t word = verdict->word;
    volatile uint32_t check = verdict->check;

    if (word != WAIVED) {
        return false;
    }
    return (check ^ DISTURBED) == WAIVED && (word ^ check) == DISTURBED;
}

uint32_t verdict_signature(int result)
{
    volatile int seen = result;
    volatile uint32_t proof = PROOF_NONE;

    if (seen == 0) {
        proof = PROOF_SIGNATURE ^ (uint32_t)seen;
    }
    return seen == 0 ? proof : PROOF_NONE;
}

uint32_t verdict_unpacked(const struct dfu_verdict *verdict)
{
    volatile uint32_t proof = PROOF_NONE;

    if (dfu_verdict_is_trusted(verdict)) {
        proof = PROOF_UNPACKED ^ (verdict->word ^ TRUSTED);
    }
    return dfu_verdict_is_trusted(verdict) ? proof : PROOF_NONE;
}

uint32_t verdict_same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t forwards = 0;
    volatile uint8_t backwards = 0;
    volatile size_t compared = 0;

    for (size_t i = 0; i < len; i++) {
        forwards = (uint8_t)(forwards | (a[i] ^ b[i]));
        backwards = (uint8_t)(backwards | (a[len - 1 - i] ^ b[len - 1 - i]));
        compared++;
    }
    if (forwards != 0 || compared != len || len == 0) {
        return PROOF_NONE;
    }
    return backwards == 0 ? PROOF_HASH : PROOF_NONE;
}
