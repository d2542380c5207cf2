/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A copy like any other in overwrite mode: it has no journal, and is made again from the start
 * until it is complete. Only its source is another: the secondary as it decodes. */
#include "boot/decompress.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/copy.h"
#include "boot/keys.h"
#include "boot/progress.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"
#include "image/decrypt.h"
#include "image/unpack.h"

/* The secondary's image, layer by layer. Each points into the one before. */
struct layers {
    struct dfu_area_span span;
    struct dfu_reader stored, clear;
    struct dfu_plain_span plain;
    struct dfu_image image;
    struct dfu_unpacked unpacked;
};

static int fault_to_err(enum dfu_image_fault fault)
{
    return fault == DFU_IMAGE_UNREADABLE ? DFU_ERR_IO : fault ? DFU_ERR_FORMAT : DFU_OK;
}

static int decrypt(const struct boot_pair *pair, struct layers *l)
{
    const struct dfu_boot_config *cfg = cfg_of(pair);
    struct swap_place place = { pair->secondary, 0 };
    int err = cfg->encryption ? cfg->encryption->find(pair, place, &l->plain.key) : DFU_OK;

    if (!err && l->plain.key.cipher) {
        l->plain.reader = &l->stored;
        l->clear =
            (struct dfu_reader){ cfg->policy.decryption->opener->read, &l->plain, l->stored.size };
        l->image.reader = &l->clear;
    }
    return err;
}

static int open_update(const struct boot_pair *pair, struct layers *l)
{
    const struct dfu_unpacker *unpacker = cfg_of(pair)->policy.unpacker;
    int err;

    *l = (struct layers){ .span = { pair->secondary, 0 } };
    l->stored = dfu_area_reader(&l->span);
    err = fault_to_err(dfu_image_open(&l->image, &l->stored, 0));
    if (!err) {
        err = decrypt(pair, l);
    }
    if (!err) {
        err = fault_to_err(unpacker->way->open(&l->unpacked, &l->image, unpacker));
    }
    if (!err && l->unpacked.reader.size > slot_image_limit(cfg_of(pair)->map, pair->primary)) {
        err = DFU_ERR_FORMAT; /* it was another one when it was checked */
    }
    return err;
}

static void close_update(const struct boot_pair *pair, struct layers *l)
{
    cfg_of(pair)->policy.unpacker->way->close(&l->unpacked);
    wipe_secret(&l->plain.key, sizeof l->plain.key);
}

/* All of it, in whole write units; the last one is filled up with erased bytes. */
static int copy_decoded(const struct boot_pair *pair, struct layers *l)
{
    const struct dfu_boot_config *cfg = cfg_of(pair);
    const struct dfu_reader *from = &l->unpacked.reader;
    uint32_t n;

    for (uint32_t at = 0; at < from->size; at += n) {
        uint32_t padded;
        int err;

        n = min_u32(from->size - at, (uint32_t)cfg->buf_len);
        padded = round_up(n, pair->primary->write_size);
        memset(cfg->buf + n, pair->primary->erased, padded - n);
        err = from->read(from->ctx, at, cfg->buf, n);
        if (!err) {
            err = dfu_area_write(pair->primary, at, cfg->buf, padded);
        }
        if (err) {
            return err;
        }
        boot_feed(pair);
        progress_moved(pair, pair->primary, 0, padded);
    }
    return DFU_OK;
}

static int install(const struct boot_pair *pair, bool whole)
{
    struct layers l;
    int err = open_update(pair, &l);
    uint32_t size = l.unpacked.reader.size;

    if (!err) {
        err = copy_make_room(pair, size, whole);
    }
    if (!err) {
        copy_announce(pair, round_up(size, pair->primary->write_size));
        err = copy_decoded(pair, &l);
        progress_end(pair);
    }
    close_update(pair, &l);
    return err ? err : dfu_trailer_write_magic(cfg_of(pair)->map, pair->primary);
}

static int is_needed(const struct boot_pair *pair)
{
    struct dfu_image_header header;
    int err = slot_header_read(pair->secondary, 0, &header);

    return err ? err : (header.flags & COMPRESSED) != 0;
}

const struct dfu_boot_decompression dfu_boot_decompressed = {
    .is_needed = is_needed,
    .install = install,
};
