/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes in slots and trailers: every start ends, stays inside its slots and runs only what
 * verifies.
 *
 * Input: one byte of configuration, then pokes: where (u16), how many bytes (u8), the bytes. The
 * slots hold an old and a new image, or what is poked over them. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "boot_world.h"
#include "dfu/err.h"
#include "test_image.h"

#define SECTOR     512u
#define IMAGE_SIZE 1100u
#define OPS_MAX    600u /* a swap and its trailers are about 60 */
#define STARTS     3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world_spec spec_of(uint8_t config)
{
    struct world_spec spec = {
        .mode = (config & 1) != 0 ? DFU_MODE_SWAP_MOVE : DFU_MODE_OVERWRITE,
        .is_fast = (config & 2) != 0,
        .max_align = 8,
        .max_sectors = 8,
        .erased = (config & 4) != 0 ? 0x00 : 0xff,
        .validate_primary = true,
        .prevent_downgrade = (config & 8) != 0,
        .bootstrap = (config & 16) != 0,
        .guard = SECTOR,
    };

    for (int i = WORLD_PRI; i <= WORLD_SEC; i++) {
        uint32_t count = i == WORLD_PRI && (config & 1) != 0 ? 6 : 5;

        spec.areas[i] = (struct world_area_spec){
            .size = count * SECTOR,
            .write_size = (config & 32) != 0 ? 8 : 4,
            .runs = { { SECTOR, count } },
            .run_count = 1,
        };
    }
    return spec;
}

static void put_image(struct world *w, enum world_place place, uint8_t major)
{
    uint8_t image[IMAGE_SIZE];
    struct test_recipe recipe = {
        .hdr_size = 32,
        .body = IMAGE_SIZE - 32 - 4 - 36,
        .version = { .major = major },
        .pattern = major,
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
    };

    assert(test_image_size(&recipe) == sizeof image);
    test_image_build(&recipe, image);
    boot_world_load(w, place, 0, image, sizeof image);
}

static void poke(struct world *w, const uint8_t *data, size_t size)
{
    uint32_t slots = w->area[WORLD_PRI].size + w->area[WORLD_SEC].size;

    while (size > 3) {
        uint32_t off = get_le16(data) % slots;
        uint32_t len = min_u32(min_u32(data[2], (uint32_t)size - 3), slots - off);

        memcpy(w->sim.mem + w->area[WORLD_PRI].base + off, data + 3, len);
        data += 3 + len;
        size -= 3 + len;
    }
    dfu_sim_flash_adopt(&w->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dfu_boot_outlook outlook;
    struct world_spec spec;
    struct world w;

    if (size == 0) {
        return 0;
    }
    spec = spec_of(data[0]);
    boot_world_init(&w, &spec);
    put_image(&w, WORLD_PRI, 1);
    put_image(&w, WORLD_SEC, 2);
    poke(&w, data + 1, size - 1);
    for (int i = 0; i < STARTS; i++) {
        struct world_boot boot;

        dfu_sim_flash_power_on(&w.sim);
        boot = boot_world_start(&w);
        assert(boot.err == DFU_OK || boot.err == DFU_ERR_VERIFY);
        assert(boot.ops < OPS_MAX);
        assert(boot_world_guard_is_intact(&w));
        assert(dfu_boot_look(&w.cfg, 0, &outlook) == DFU_OK);
        assert(dfu_verdict_is_trusted(&outlook.primary_report.verdict) == (boot.err == DFU_OK));
    }
    boot_world_free(&w);
    return 0;
}
