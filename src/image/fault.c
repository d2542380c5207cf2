/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/image.h"

const char *dfu_image_fault_text(enum dfu_image_fault fault)
{
    static const char *const texts[] = {
        [DFU_IMAGE_FINE] = "fine",
        [DFU_IMAGE_TRUNCATED] = "it ends before its own lengths do",
        [DFU_IMAGE_BAD_MAGIC] = "not an image: wrong magic number",
        [DFU_IMAGE_BAD_HEADER] = "header size below 32",
        [DFU_IMAGE_BAD_TLV_MAGIC] = "no TLV area where the header says",
        [DFU_IMAGE_SIZE_OVERFLOW] = "sizes that do not fit 32 bits",
        [DFU_IMAGE_TOO_LARGE] = "larger than what the slot can hold",
        [DFU_IMAGE_BAD_FLAGS] = "contradictory encryption or compression flags",
        [DFU_IMAGE_BAD_PROT_SIZE] = "header and protected TLV area disagree about its size",
        [DFU_IMAGE_BAD_TLV_BOUNDS] = "a TLV crosses the end of its area",
        [DFU_IMAGE_TLV_NOT_ALLOWED] = "a TLV in the unprotected area that must not be there",
        [DFU_IMAGE_BAD_TLV_VALUE] = "a protected TLV of the wrong length, or a second counter",
        [DFU_IMAGE_HASH_MISSING] = "no hash of a kind that is accepted",
        [DFU_IMAGE_HASH_LENGTH] = "hash of the wrong length",
        [DFU_IMAGE_HASH_MISMATCH] = "hash does not match",
        [DFU_IMAGE_KEY_UNKNOWN] = "signed by none of the trusted keys",
        [DFU_IMAGE_SIG_MISSING] = "not signed",
        [DFU_IMAGE_SIG_LENGTH] = "signature of the wrong length",
        [DFU_IMAGE_SIG_INVALID] = "signature does not match",
        [DFU_IMAGE_BAD_PURE] = "malformed marker of a pure signature",
        [DFU_IMAGE_ENC_MISSING] = "encrypted, but not for a key of the kinds that were given",
        [DFU_IMAGE_ENC_LENGTH] = "the key it is encrypted with is wrapped in the wrong length",
        [DFU_IMAGE_ENC_KEY] = "encrypted for another key, or its wrapped key was changed",
        [DFU_IMAGE_NOT_SUPPORTED] = "encrypted or compressed in a way that cannot be read here",
        [DFU_IMAGE_BAD_COMPRESSION] = "its compressed body is damaged or of another size",
        [DFU_IMAGE_NO_MEMORY] = "more memory is needed to decompress it than there is",
        [DFU_IMAGE_UNREADABLE] = "it cannot be read",
        [DFU_IMAGE_COUNTER_MISSING] = "without a security counter",
        [DFU_IMAGE_WRONG_ADDRESS] = "linked for another address than the primary slot's",
        [DFU_IMAGE_COUNTER_TOO_LOW] = "its security counter is lower than one confirmed before",
    };
    size_t index = (size_t)fault;

    return index < sizeof(texts) / sizeof(texts[0]) ? texts[index] : "unknown fault";
}
