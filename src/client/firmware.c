/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Look at a file before it is sent: is it an image, is it whole, and what is it called? */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/upgrade.h"

static const struct dfu_hash_alg *find_sha256(const struct dfu_hash_alg *const *hashes)
{
    while (*hashes && (*hashes)->tlv_type != DFU_TLV_SHA256) {
        hashes++;
    }
    return *hashes;
}

static int digest_of(const struct dfu_reader *file, uint32_t size, const struct dfu_hash_alg *alg,
                     uint8_t *buf, size_t buf_len, uint8_t *out)
{
    struct dfu_hash hash = { .alg = alg };
    int err = alg->start(&hash);
    int finish_err;

    if (err) {
        return err;
    }
    for (uint32_t off = 0; !err && off < size;) {
        uint32_t len = min_u32(size - off, buf_len < UINT32_MAX ? (uint32_t)buf_len : UINT32_MAX);

        err = file->read(file->ctx, off, buf, len);
        if (!err) {
            err = alg->update(&hash, buf, len);
        }
        off += len;
    }
    finish_err = alg->finish(&hash, out);
    return err ? err : finish_err;
}

/* What a compressed image decodes to has a hash of its own, which stands in the protected TLVs. */
static enum dfu_image_fault find_run_hash(const struct dfu_image *image, struct dfu_firmware *out)
{
    struct dfu_image_tlv tlv;
    int err = dfu_image_tlv_find(image, DFU_TLV_DECOMP_SHA, true, &tlv);

    memcpy(out->run_hash, out->hash, out->hash_len);
    if (err == DFU_ERR_NOENT) {
        return DFU_IMAGE_FINE;
    }
    if (err || tlv.len != out->hash_len) {
        return DFU_IMAGE_BAD_COMPRESSION;
    }
    return dfu_image_tlv_read(image, &tlv, out->run_hash, sizeof(out->run_hash)) < 0
               ? DFU_IMAGE_UNREADABLE
               : DFU_IMAGE_FINE;
}

int dfu_firmware_inspect(const struct dfu_reader *file, const struct dfu_hash_alg *const *hashes,
                         uint8_t *buf, size_t buf_len, struct dfu_firmware *out)
{
    const struct dfu_image_policy policy = { .hashes = hashes, .hash_only = true };
    const struct dfu_hash_alg *sha256 = find_sha256(hashes);
    struct dfu_image_report report;
    struct dfu_image image;
    int len;

    *out = (struct dfu_firmware){ .size = file->size };
    if (!sha256 || buf_len < 64) {
        return DFU_ERR_INVAL;
    }
    dfu_image_verify(&policy, file, 0, buf, buf_len, NULL, NULL, &report);
    out->fault = report.fault;
    if (report.fault == DFU_IMAGE_FINE || report.fault == DFU_IMAGE_NOT_SUPPORTED) {
        out->fault = dfu_image_open(&image, file, 0);
    }
    if (out->fault == DFU_IMAGE_FINE) {
        out->header = image.header;
        out->size = image.end;
        len = dfu_image_stored_hash(&image, out->hash);
        if (len < 0 && len != DFU_ERR_NOENT) {
            return len;
        }
        out->hash_len = len > 0 ? (size_t)len : 0;
        out->fault = len > 0 ? find_run_hash(&image, out) : DFU_IMAGE_HASH_MISSING;
    }
    return digest_of(file, out->size, sha256, buf, buf_len, out->sha);
}
