/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The input chooses geometry, splits, saves, cuts and resumes of a staged image. Whatever it
 * chooses: no unit is programmed twice, nothing outside the slot changes, and an image that was
 * flushed is on flash whole. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/update.h"
#include "input.h"
#include "nor.h"
#include "progress_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTOR 512u
#define COUNT  8u
#define SLOT   (SECTOR * COUNT)

struct world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_flash_img img;
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
    struct progress_store memory;
    struct dfu_stream_store store;
    struct dfu_stream_identity identity;
    uint8_t image[SLOT];
};

static void start(struct world *w, struct input *in)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_SWAP_MOVE, DFU_MODE_OVERWRITE,
                                                DFU_MODE_SWAP_OFFSET };
    uint8_t write_size = (uint8_t)(1u << take_byte(in) % 6);

    w->nor = nor_new(SECTOR, 2 * COUNT, write_size, take_byte(in) & 1 ? 0xff : 0x00);
    w->map = (struct dfu_slot_map){
        .mode = modes[take_byte(in) % 3],
        .max_align = (uint8_t)(write_size > 8 ? write_size : 8),
        .max_sectors = 8,
        .image_count = 1,
    };
    w->map.images[0].primary = nor_area(w->nor, "slot0_partition", COUNT);
    w->map.images[0].secondary = nor_area(w->nor, "slot1_partition", COUNT);
    w->store = progress_store_of(&w->memory);
    for (size_t i = 0; i < sizeof w->image; i++) {
        w->image[i] = (uint8_t)(i * 5 + (i >> 8) * 11);
    }
}

static int open_writer(struct world *w, uint32_t total)
{
    const struct dfu_flash_img_config config = { .buf = w->block,
                                                 .buf_len = sizeof w->block,
                                                 .erase_progressively = true };

    return dfu_flash_img_init(&w->img, &w->map, w->map.images[0].secondary, total, &config);
}

/* After power returned: go on where the record says, if it can be believed. */
static void resume(struct world *w, uint32_t total)
{
    dfu_sim_flash_power_on(&w->nor->flash);
    assert(open_writer(w, total) == DFU_OK);
    assert(dfu_stream_progress_load(&w->img.stream, &w->store, &w->identity) == DFU_OK);
}

static void send(struct world *w, struct input *in, uint32_t total)
{
    for (;;) {
        struct dfu_stream *stream = &w->img.stream;
        uint32_t at = stream->written + stream->buffered;
        uint8_t what = take_byte(in);
        uint32_t n = in->len == 0 ? total - at : what;
        int err;

        if (what >= 0xf0 && in->len > 0) {
            dfu_sim_flash_cut(&w->nor->flash, (enum dfu_sim_cut_when)(1 + what % 3),
                              w->nor->flash.ops + 1 + take_byte(in) % 8, what);
            continue;
        }
        if (what % 7 == 0) {
            assert(dfu_stream_progress_save(stream, &w->store, &w->identity) == DFU_OK);
        }
        n = n < total - at ? n : total - at;
        err = dfu_flash_img_buffered_write(&w->img, w->image + at, n, at + n == total);
        if (err == DFU_OK && at + n == total) {
            return;
        }
        if (err != DFU_OK) {
            assert(err == DFU_ERR_POWER && w->nor->flash.is_off);
            resume(w, total);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);
    struct input in = { data, size };
    uint32_t total, off;

    assert(w);
    start(w, &in);
    total = take_byte(&in) * 16u + take_byte(&in) % 16u;
    if (open_writer(w, total) == DFU_OK && total > 0) {
        send(w, &in, total);
        off = dfu_slot_upload_offset(&w->map, 0);
        assert(memcmp(w->nor->flash.mem + SLOT + off, w->image, total) == 0);
        assert(w->nor->flash.double_programs == 0);
        assert(dfu_area_is_erased(w->map.images[0].primary, 0, SLOT) == 1);
        assert(dfu_flash_img_bytes_written(&w->img) == total);
    } else {
        assert(w->nor->flash.ops == 0);
    }
    nor_free(w->nor);
    free(w);
    return 0;
}
