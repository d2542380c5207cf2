/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* DFU 1.1 appendix B. Its CRC is the common CRC-32 without the final inversion. */
#include "dfu/usb_suffix.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

#define CRC_SIZE 4u

static const uint8_t signature[] = { 'U', 'F', 'D' };

int dfu_usb_suffix_read(const uint8_t *file, size_t len, struct dfu_usb_suffix *out)
{
    const uint8_t *at;

    if (len < DFU_USB_SUFFIX_SIZE) {
        return DFU_ERR_NOENT;
    }
    at = file + len - DFU_USB_SUFFIX_SIZE;
    if (memcmp(at + 8, signature, sizeof signature) != 0) {
        return DFU_ERR_NOENT;
    }
    out->device = get_le16(at);
    out->product = get_le16(at + 2);
    out->vendor = get_le16(at + 4);
    out->spec = get_le16(at + 6);
    out->length = at[11];
    out->crc = get_le32(at + 12);
    if (~dfu_crc32(0, file, len - CRC_SIZE) != out->crc) {
        return DFU_ERR_NOENT;
    }
    return out->length >= DFU_USB_SUFFIX_SIZE && out->length <= len ? DFU_OK : DFU_ERR_FORMAT;
}

void dfu_usb_suffix_make(const uint8_t *file, size_t len, struct dfu_usb_suffix *suffix,
                         uint8_t out[DFU_USB_SUFFIX_SIZE])
{
    uint32_t crc;

    suffix->length = DFU_USB_SUFFIX_SIZE;
    put_le16(out, suffix->device);
    put_le16(out + 2, suffix->product);
    put_le16(out + 4, suffix->vendor);
    put_le16(out + 6, suffix->spec);
    memcpy(out + 8, signature, sizeof signature);
    out[11] = suffix->length;
    crc = dfu_crc32(0, file, len);
    suffix->crc = ~dfu_crc32(crc, out, DFU_USB_SUFFIX_SIZE - CRC_SIZE);
    put_le32(out + 12, suffix->crc);
}

bool dfu_usb_suffix_fits(const struct dfu_usb_suffix *suffix, uint16_t vendor, uint16_t product)
{
    return (suffix->vendor == DFU_USB_SUFFIX_ANY || suffix->vendor == vendor) &&
           (suffix->product == DFU_USB_SUFFIX_ANY || suffix->product == product);
}
