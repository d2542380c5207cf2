/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "base/bytes.h"
#include "dfu/smp.h"

/* Byte 0: reserved (3 bits), version (2), op (3). */
#define OP_MASK       0x07u
#define VERSION_SHIFT 3u
#define VERSION_MASK  0x03u

void dfu_smp_header_encode(const struct dfu_smp_header *header, uint8_t out[DFU_SMP_HEADER_SIZE])
{
    out[0] = (uint8_t)((header->version & VERSION_MASK) << VERSION_SHIFT | (header->op & OP_MASK));
    out[1] = header->flags;
    put_be16(out + 2, header->length);
    put_be16(out + 4, header->group);
    out[6] = header->seq;
    out[7] = header->id;
}

void dfu_smp_header_decode(const uint8_t in[DFU_SMP_HEADER_SIZE], struct dfu_smp_header *out)
{
    out->op = in[0] & OP_MASK;
    out->version = (in[0] >> VERSION_SHIFT) & VERSION_MASK;
    out->flags = in[1];
    out->length = get_be16(in + 2);
    out->group = get_be16(in + 4);
    out->seq = in[6];
    out->id = in[7];
}
