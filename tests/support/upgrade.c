/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "hex.h"

#define SECTOR      0x1000u
#define SMALL_WRITE 64u /* larger ones carry firmware */

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "upgrade test: %s\n", what);
        abort();
    }
}

static struct world_area_spec equal_sectors(uint32_t count)
{
    return (struct world_area_spec){
        .size = count * SECTOR,
        .write_size = 8,
        .runs = { { SECTOR, count } },
        .run_count = 1,
    };
}

static struct world_spec spec_of(enum dfu_boot_mode mode, uint32_t primary, uint32_t secondary)
{
    struct world_spec spec = {
        .mode = mode,
        .max_align = 8,
        .max_sectors = 128,
        .erased = 0xff,
        .validate_primary = true,
    };

    spec.areas[WORLD_PRI] = equal_sectors(primary);
    if (secondary > 0) {
        spec.areas[WORLD_SEC] = equal_sectors(secondary);
    }
    return spec;
}

struct world_spec spec_move(void)
{
    return spec_of(DFU_MODE_SWAP_MOVE, 5, 4);
}

struct world_spec spec_equal(enum dfu_boot_mode mode, bool has_secondary)
{
    return spec_of(mode, 4, has_secondary ? 4 : 0);
}

struct world_spec spec_overwrite(void)
{
    return spec_of(DFU_MODE_OVERWRITE, 4, 4);
}

struct world_spec spec_overwrite_fast(void)
{
    struct world_spec spec = spec_overwrite();

    spec.is_fast = true;
    return spec;
}

struct world_spec spec_offset(void)
{
    return spec_of(DFU_MODE_SWAP_OFFSET, 4, 5);
}

struct world_spec spec_scratch(void)
{
    struct world_spec spec = spec_equal(DFU_MODE_SWAP_SCRATCH, true);

    spec.areas[WORLD_SCR] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SCR].size = spec.areas[WORLD_SCR].runs[0].size;
    spec.areas[WORLD_SCR].runs[0].count = 1;
    return spec;
}

struct world_spec spec_scratch_shared(void)
{
    struct world_spec spec = spec_scratch();

    spec.max_sectors = 32;
    spec.areas[WORLD_PRI].size = 0x3000;
    spec.areas[WORLD_PRI].runs[0].count = 3;
    spec.areas[WORLD_SEC] = spec.areas[WORLD_PRI];
    return spec;
}

struct world_spec spec_with_pairs(struct world_spec spec, uint8_t pairs)
{
    for (uint8_t i = 1; i < pairs; i++) {
        spec.areas[boot_world_primary(i)] = spec.areas[WORLD_PRI];
        spec.areas[boot_world_secondary(i)] = spec.areas[WORLD_SEC];
    }
    return spec;
}

struct world_spec spec_move_pairs(uint8_t pairs)
{
    return spec_with_pairs(spec_move(), pairs);
}

struct device *device_new(const struct world_spec *spec)
{
    struct device *device = calloc(1, sizeof *device);

    must(device != NULL, "out of memory");
    boot_world_init(&device->world, spec);
    device->world.journal = &device->journal;
    device->world.log = &device->log;
    return device;
}

void device_free(struct device *device)
{
    boot_world_journal_free(&device->journal);
    boot_world_free(&device->world);
    free(device);
}

static bool is_secondary(enum world_place place)
{
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        if (place == boot_world_secondary(i)) {
            return true;
        }
    }
    return false;
}

void put_recipe(struct device *device, enum world_place place, struct test_recipe *recipe,
                uint32_t size)
{
    uint32_t at = is_secondary(place) ? dfu_slot_upload_offset(&device->world.map, 0) : 0;
    uint8_t *image = malloc(size);

    must(image != NULL, "out of memory");
    recipe->hdr_size = 32;
    recipe->pattern = (uint8_t)(recipe->version.major * 41 + place);
    recipe->tlvs[0] = (struct test_tlv){ DFU_TLV_SHA256, NULL, 32 };
    recipe->tlv_count = 1;
    recipe->body = size - (uint32_t)test_image_size(recipe);
    test_image_build(recipe, image);
    boot_world_load(&device->world, place, at, image, size);
    free(image);
}

void put_image_with(struct device *device, enum world_place place, uint8_t major, uint32_t size,
                    uint32_t flags)
{
    struct test_recipe recipe = { .flags = flags, .version = { .major = major } };

    put_recipe(device, place, &recipe, size);
}

void put_image_for_ram(struct device *device, enum world_place place, uint8_t major, uint32_t size,
                       uint32_t addr)
{
    struct test_recipe recipe = {
        .flags = DFU_IMAGE_F_RAM_LOAD,
        .load_addr = addr,
        .version = { .major = major },
    };

    put_recipe(device, place, &recipe, size);
}

void put_image_needing(struct device *device, enum world_place place, uint8_t major, uint32_t size,
                       uint8_t other, uint8_t other_major)
{
    const uint8_t value[12] = { other, 0, 0, 0, other_major };
    struct test_recipe recipe = {
        .version = { .major = major },
        .prot = { { DFU_TLV_DEPENDENCY, value, sizeof value } },
        .prot_count = 1,
    };

    put_recipe(device, place, &recipe, size);
}

void put_image(struct device *device, enum world_place place, uint8_t major, uint32_t size)
{
    put_image_with(device, place, major, size, 0);
}

void put_bytes(struct device *device, enum world_place place, uint32_t off, const char *hex)
{
    uint8_t bytes[64];
    size_t len = hex_bytes(hex, bytes, sizeof bytes);

    boot_world_load(&device->world, place, off, bytes, len);
}

void wipe(struct device *device, enum world_place place, uint32_t off, uint32_t len)
{
    memset(boot_world_bytes(&device->world, place) + off, device->world.spec.erased, len);
    dfu_sim_flash_adopt(&device->world.sim);
}

void request_image(struct device *device, uint8_t image, bool permanent)
{
    const struct dfu_slot_map *map = &device->world.map;
    const struct dfu_area *secondary = map->images[image].secondary;

    dfu_sim_flash_power_on(&device->world.sim);
    must(dfu_trailer_write_magic(map, secondary) == 0, "no request");
    must(!permanent || dfu_trailer_write_image_ok(map, secondary) == 0, "no request");
    must(dfu_trailer_write_swap_info(map, secondary, permanent ? DFU_SWAP_PERM : DFU_SWAP_TEST,
                                     image) == 0,
         "no request");
}

uint32_t update_off(const struct device *d)
{
    return dfu_slot_upload_offset(&d->world.map, 0);
}

void request(struct device *device, bool permanent)
{
    request_image(device, 0, permanent);
}

void confirm_image(struct device *device, uint8_t image)
{
    must(dfu_trailer_write_image_ok(&device->world.map, device->world.map.images[image].primary) ==
             0,
         "no confirmation");
}

void confirm(struct device *device)
{
    confirm_image(device, 0);
}

unsigned holds_at(struct device *device, enum world_place place, uint32_t off)
{
    struct dfu_image_header header;
    const uint8_t *raw = boot_world_bytes(&device->world, place) + off;

    return dfu_image_header_parse(raw, &header) == DFU_IMAGE_FINE ? header.version.major : 0;
}

unsigned holds(struct device *device, enum world_place place)
{
    return holds_at(device, place, 0);
}

unsigned start(struct device *device)
{
    dfu_sim_flash_power_on(&device->world.sim);
    device->last = boot_world_start(&device->world);
    return device->last.err ? 0 : device->last.result.header.version.major;
}

void start_cut(struct device *device, enum dfu_sim_cut_when when, uint32_t op, uint64_t seed)
{
    dfu_sim_flash_power_on(&device->world.sim);
    dfu_sim_flash_cut(&device->world.sim, when, op, seed);
    device->last = boot_world_start(&device->world);
    must(device->last.err == DFU_ERR_POWER, "power did not fail");
}

void check_after_every_cut(struct device *device, unsigned which, uint64_t tears,
                           void (*check)(struct device *device))
{
    uint8_t *before = malloc(device->world.state_size);
    uint32_t count;

    must(before != NULL, "out of memory");
    boot_world_keep(&device->world, before);
    must(start(device) == which, "another image runs without a cut");
    count = device->last.ops;
    for (uint32_t op = 1; op <= count; op++) {
        for (uint64_t seed = 0; seed <= tears; seed++) {
            boot_world_restore(&device->world, before);
            start_cut(device, seed ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE, op, seed);
            must(start(device) == which, "another image runs after a cut");
            check(device);
        }
    }
    free(before);
}

struct dfu_slot_state trailer(struct device *device, enum world_place place)
{
    struct dfu_slot_state state;

    dfu_sim_flash_power_on(&device->world.sim);
    must(dfu_slot_state_read(&device->world.map, &device->world.area[place], &state) == 0,
         "no trailer");
    return state;
}

struct dfu_trailer fields_of(struct device *device, enum world_place place)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(&device->world.map, &device->world.area[place], &at);

    must(err == DFU_OK, "no trailer");
    return at;
}

bool is_blank(struct device *device, enum world_place place, uint32_t off, uint32_t len)
{
    dfu_sim_flash_power_on(&device->world.sim);
    return dfu_area_is_erased(&device->world.area[place], off, len) == 1;
}

bool ram_is_blank(const struct device *device)
{
    for (size_t i = 0; i < sizeof device->world.ram_bytes; i++) {
        if (device->world.ram_bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- What happened, as text ---- */

static bool is_next_piece(const struct world_op *before, const struct world_op *op)
{
    return before->kind == DFU_SIM_WRITE && before->len > SMALL_WRITE &&
           op->kind == DFU_SIM_WRITE && op->len > SMALL_WRITE &&
           op->off == before->off + before->len;
}

static void add_op(const struct device *device, struct text *out, const struct world_op *op,
                   uint32_t len)
{
    enum world_place place = boot_world_place_of(&device->world, op->off);
    uint32_t shown = op->len;

    text_add(out, op->kind == DFU_SIM_ERASE ? "E " : op->len > SMALL_WRITE ? "W " : "w ");
    text_add(out, boot_world_place_names[place]);
    text_add(out, " ");
    text_add_hex(out, op->off - device->world.area[place].base);
    if (op->kind == DFU_SIM_WRITE && op->len > SMALL_WRITE) {
        text_add(out, "+");
        text_add_hex(out, len);
    } else if (op->kind == DFU_SIM_WRITE) {
        while (shown > 0 && op->data[shown - 1] == device->world.spec.erased) {
            shown--;
        }
        text_add(out, " ");
        text_add_bytes(out, op->data, shown);
    }
    text_add(out, "\n");
}

const char *ops_of(struct device *device)
{
    struct text out = text_in(device->ops, sizeof device->ops);
    const struct world_journal *journal = &device->journal;

    for (size_t i = 0; i < journal->count;) {
        const struct world_op *first = &journal->ops[i];
        uint32_t len = first->len;

        while (++i < journal->count && is_next_piece(&journal->ops[i - 1], &journal->ops[i])) {
            len += journal->ops[i].len;
        }
        add_op(device, &out, first, len);
    }
    return device->ops;
}

const char *lines_of(struct device *device)
{
    struct text out = text_in(device->lines, sizeof device->lines);

    for (size_t i = 0; i < device->log.count; i++) {
        text_add(&out, device->log.lines[i]);
        text_add(&out, "\n");
    }
    return device->lines;
}
