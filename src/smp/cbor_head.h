/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cbor_head.h - the first byte of an item (RFC 8949, 3): its major type above, and below it a small
 * number or how many bytes of a larger one follow. */
#ifndef DFU_SMP_CBOR_HEAD_H
#define DFU_SMP_CBOR_HEAD_H

enum cbor_major {
    CBOR_UNSIGNED,
    CBOR_NEGATIVE, /* of n: -1 - n */
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE, /* and floats, and the break */
};

#define CBOR_MAJOR_SHIFT 5u

/* What stands below the major type. */
#define CBOR_MORE_1     24u /* up to here the number itself; 24 to 27: 1, 2, 4, 8 bytes of it follow */
#define CBOR_MORE_2     25u
#define CBOR_MORE_4     26u
#define CBOR_MORE_8     27u
#define CBOR_INDEFINITE 31u /* of an array or map: items up to a break */
#define CBOR_BELOW      31u

#define CBOR_FALSE 20u
#define CBOR_TRUE  21u
#define CBOR_BREAK 0xffu

#define CBOR_HEAD_MAX 9u

#endif
