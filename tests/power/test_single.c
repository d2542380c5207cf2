/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Single slot, RAM load from a single slot, and firmware loader: an update is written over the
 * program itself, by recovery or by the loader. Whatever is cut, nothing runs but a whole image; a
 * mark that spares the check never outlives the image it was made for; the loader always runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cuts.h"
#include "dfu/err.h"
#include "dfu/update.h"
#include "layout.h"
#include "test_image.h"

#define OLD           1
#define NEW           2
#define LOADER        3
#define SECTOR        512u
#define SECTORS       4u
#define TEARS         4u
#define BOOTS_TO_REST 4
#define CHAINS        48u
#define CHAIN_OPS     24u
#define JOBS_MAX      1024
#define UNITS         ((size_t)6)
#define SIZES         3u /* the last: both the largest that fits */

enum stage { UPLOAD, START, STAGES };

static const struct mode {
    const char *name;
    enum dfu_boot_mode mode;
    bool marks, in_ram, has_loader;
} modes[] = {
    { "single-slot", DFU_MODE_SINGLE_SLOT, true, false, false },
    { "single-ram-load", DFU_MODE_SINGLE_RAM_LOAD, false, true, false },
    { "firmware-loader", DFU_MODE_FIRMWARE_LOADER, false, false, true },
};

#define MODES (sizeof modes / sizeof modes[0])

struct device {
    const struct mode *mode;
    uint8_t write_size, erased, sizes;
    enum layout layout;
    bool is_sticky, is_progressive;
    size_t row;
};

struct story {
    const struct device *device;
    struct cut_rig rig;
    struct world world;
    enum stage stage;
    uint8_t *image[NEW + 1]; /* by version */
    uint32_t size[NEW + 1];
};

/* ---- The device ---- */

static uint32_t build(const struct story *s, uint8_t major, uint32_t size, uint8_t **out)
{
    struct test_recipe recipe = {
        .load_addr = WORLD_RAM_ADDR + 64,
        .hdr_size = 32,
        .flags = s->device->mode->in_ram ? DFU_IMAGE_F_RAM_LOAD : 0,
        .version = { .major = major },
        .pattern = (uint8_t)(major * 41),
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
    };

    recipe.body = size - (uint32_t)test_image_size(&recipe);
    *out = malloc(size);
    if (!*out) {
        abort();
    }
    test_image_build(&recipe, *out);
    return size;
}

static void open_world(struct story *s)
{
    const struct device *device = s->device;
    struct world_spec spec = {
        .mode = device->mode->mode,
        .max_align = device->write_size > 8 ? device->write_size : 8,
        .max_sectors = 8,
        .erased = device->erased,
        .validate_primary = true,
        .guard = SECTOR,
    };

    for (int i = WORLD_PRI; i <= (device->mode->has_loader ? WORLD_SEC : WORLD_PRI); i++) {
        spec.areas[i].write_size = device->write_size;
        layout_slot(&spec.areas[i], device->layout, i == WORLD_PRI, SECTOR, SECTORS);
    }
    boot_world_init(&s->world, &spec);
    s->world.cfg.validate_once = device->mode->marks;
    s->world.cfg.loader_if_invalid = device->mode->has_loader;
}

static void fill(struct story *s)
{
    static const uint32_t sizes[SIZES][2] = { { 300, 1200 }, { 1200, 300 }, { 0, 0 } };

    for (uint8_t i = OLD; i <= NEW; i++) {
        uint32_t size = sizes[s->device->sizes][i - OLD];

        size = size > 0 ? size : round_down(dfu_slot_max_image(&s->world.map, 0), 32);
        s->size[i] = build(s, i, size, &s->image[i]);
    }
    boot_world_load(&s->world, WORLD_PRI, 0, s->image[OLD], s->size[OLD]);
    if (s->device->mode->has_loader) {
        uint8_t *loader;
        uint32_t size = build(s, LOADER, 400, &loader);

        boot_world_load(&s->world, WORLD_SEC, 0, loader, size);
        free(loader);
    }
    dfu_sim_flash_power_on(&s->world.sim);
    (void)boot_world_start(&s->world); /* marks the old image, where that is done */
}

/* ---- The stages ---- */

static int upload(struct story *s)
{
    const struct dfu_area *slot = &s->world.area[WORLD_PRI];
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
    const struct dfu_flash_img_config config = { .buf = block,
                                                 .buf_len = sizeof block,
                                                 .erase_progressively = s->device->is_progressive };
    struct dfu_flash_img img;
    int err = s->device->is_progressive ? DFU_OK : dfu_boot_erase_img_bank(slot);

    if (!err) {
        err = dfu_flash_img_init(&img, &s->world.map, slot, s->size[NEW], &config);
    }
    return err ? err : dfu_flash_img_buffered_write(&img, s->image[NEW], s->size[NEW], true);
}

/* After a cut there is a start; in chains whoever brings updates then tries again. */
static int session(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    if (rig->depth % 2 == (s->stage == UPLOAD ? 0 : 1)) {
        return upload(s);
    }
    rig->found->boots++;
    return boot_world_start(&s->world).err;
}

/* ---- What must come out ---- */

static uint8_t held(const struct story *s)
{
    const uint8_t *bytes = boot_world_bytes(&s->world, WORLD_PRI);

    for (uint8_t i = OLD; i <= NEW; i++) {
        if (memcmp(bytes, s->image[i], s->size[i]) == 0) {
            return i;
        }
    }
    return 0;
}

static const char *what_is_wrong(const struct story *s, const struct world_boot *boot, uint8_t held)
{
    const struct mode *mode = s->device->mode;

    if (held == 0 && !mode->has_loader) {
        return boot->err == DFU_ERR_VERIFY ? NULL : "what is no whole image runs";
    }
    if (boot->err) {
        return "no image runs";
    }
    if (boot->result.header.version.major != (held == 0 ? LOADER : held)) {
        return "the wrong image runs";
    }
    if (boot->result.places[0].is_loader != (held == 0) ||
        (mode->in_ram != (boot->result.places[0].ram != NULL))) {
        return "it runs from the wrong place";
    }
    return NULL;
}

static void judge(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;
    uint8_t whole = held(s);

    for (int i = 0; i < BOOTS_TO_REST; i++) {
        struct world_boot boot = cut_start(rig);
        const char *why = what_is_wrong(s, &boot, whole);

        if (why || held(s) != whole) {
            cut_failed(rig, why ? why : "a start has changed the image");
            return;
        }
        if (boot.ops == 0) {
            return;
        }
    }
    cut_failed(rig, "the device does not come to rest");
}

/* ---- Devices ---- */

struct campaign {
    struct pool pool;
    struct pool_options options;
    struct device devices[JOBS_MAX];
};

static void run_stages(struct story *s, const struct campaign *campaign, uint64_t seed)
{
    struct cut_chains chains = {
        .count = CHAINS, .ops = CHAIN_OPS, .session = session, .visit = judge
    };

    for (s->stage = UPLOAD; s->stage < STAGES; s->stage++) {
        chains.seed = seed * STAGES + s->stage;
        cut_stage(&s->rig, &campaign->options, TEARS, &chains, s);
        if (session(&s->rig, s) || held(s) != NEW) {
            cut_failed(&s->rig, "a stage fails without any cut");
        }
    }
}

static void run_device(size_t job, struct pool_row *rows, void *ctx)
{
    const struct campaign *campaign = ctx;
    const struct device *device = &campaign->devices[job];
    struct pool_found *found = &rows[device->row].found;
    struct story s = { .device = device };
    double begin = pool_cpu_seconds();
    char name[128];

    open_world(&s);
    s.rig = (struct cut_rig){
        .world = &s.world, .is_sticky = device->is_sticky, .found = found, .device = name
    };
    (void)snprintf(name, sizeof name, "%s, units of %u, erased %02x, %s, %s, erased %s",
                   device->mode->name, device->write_size, device->erased,
                   layout_name(device->layout), device->is_sticky ? "sticky" : "plain",
                   device->is_progressive ? "ahead" : "first");
    fill(&s);
    found->cases++;
    run_stages(&s, campaign, campaign->options.seed * JOBS_MAX + job);
    found->seconds += pool_cpu_seconds() - begin;
    free(s.image[OLD]);
    free(s.image[NEW]);
    boot_world_free(&s.world);
}

/* ---- Which ---- */

static void add_row(struct campaign *campaign, struct device device)
{
    struct pool_row row = {
        .write_size = device.write_size, .erased = device.erased, .images = 1, .size_pairs = SIZES
    };

    (void)snprintf(row.strategy, sizeof row.strategy, "%s", device.mode->name);
    (void)snprintf(row.what, sizeof row.what, "every pair");
    (void)snprintf(row.encryption, sizeof row.encryption, "none");
    (void)layout_names(1u << LAYOUT_EQUAL | 1u << LAYOUT_MIXED, row.sectors, sizeof row.sectors);
    if (!pool_wants(&campaign->options, &row)) {
        return;
    }
    device.row = pool_add_row(&campaign->pool, &row);
    for (unsigned n = 0; n < 8 * SIZES; n++) {
        device.is_sticky = (n & 1) != 0;
        device.is_progressive = (n & 2) != 0;
        device.layout = (n & 4) != 0 ? LAYOUT_MIXED : LAYOUT_EQUAL;
        device.sizes = (uint8_t)(n / 8);
        if (campaign->pool.job_count == JOBS_MAX) {
            (void)fprintf(stderr, "power: too many devices\n");
            exit(2);
        }
        campaign->devices[campaign->pool.job_count++] = device;
    }
}

int main(int argc, char **argv)
{
    static const uint8_t units[UNITS] = { 1, 2, 4, 8, 16, 32 };
    static struct campaign campaign;

    if (!pool_options_read(argc, argv, &campaign.options) || campaign.options.replay) {
        return 2;
    }
    for (size_t i = 0; i < MODES * UNITS * 2; i++) {
        add_row(&campaign, (struct device){ .mode = &modes[i / (UNITS * 2u)],
                                            .write_size = units[i / 2 % UNITS],
                                            .erased = i % 2 == 0 ? 0xff : 0x00 });
    }
    campaign.pool.run = run_device;
    campaign.pool.ctx = &campaign;
    return pool_run(&campaign.pool, &campaign.options);
}
