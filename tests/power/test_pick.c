/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Direct-XIP and RAM load, with and without revert, survive a power cut at every point of an
 * upload, a request, a trial, its end and its confirmation; every second cut in the start after it,
 * too. What must come out follows from the flash at the last cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "dfu/err.h"
#include "dfu/update.h"
#include "layout.h"
#include "test_image.h"

#define OLD           1
#define NEW           2
#define SECTOR        512u
#define SECTORS       4u
#define TEARS         4u
#define BOOTS_TO_REST 5
#define CHAINS        24u
#define CHAIN_OPS     24u
#define JOBS_MAX      4096
#define UNITS         ((size_t)6)

enum stage { UPLOAD, REQUEST, TRIAL, LEAVING, CONFIRM, STAGES };

struct mode {
    const char *name;
    enum dfu_boot_mode mode;
    bool reverts, in_ram;
};

static const struct mode modes[] = {
    { "direct-xip", DFU_MODE_DIRECT_XIP, false, false },
    { "direct-xip-revert", DFU_MODE_DIRECT_XIP_REVERT, true, false },
    { "ram-load", DFU_MODE_RAM_LOAD, false, true },
    { "ram-load-revert", DFU_MODE_RAM_LOAD_REVERT, true, true },
};

#define MODES (sizeof modes / sizeof modes[0])

struct device {
    const struct mode *mode;
    uint8_t write_size, erased, sizes;
    enum layout layout;
    bool is_new_first, is_sticky, is_permanent;
    size_t row;
};

struct story {
    const struct mode *mode;
    struct cut_rig rig;
    struct world world;
    enum stage stage;
    const struct dfu_area *old, *new;
    enum world_place new_place;
    uint8_t *image; /* the new one */
    uint32_t size;
    bool is_permanent;
};

/* ---- The device ---- */

static uint32_t build(struct story *s, uint8_t major, uint32_t size, uint8_t **out)
{
    struct test_recipe recipe = {
        .load_addr = WORLD_RAM_ADDR + 64,
        .hdr_size = 32,
        .flags = s->mode->in_ram ? DFU_IMAGE_F_RAM_LOAD : 0,
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

static void open_world(struct story *s, const struct device *device)
{
    struct world_spec spec = {
        .mode = s->mode->mode,
        .max_align = device->write_size > 8 ? device->write_size : 8,
        .max_sectors = 8,
        .erased = device->erased,
        .validate_primary = true,
        .guard = SECTOR,
    };

    for (int i = WORLD_PRI; i <= WORLD_SEC; i++) {
        spec.areas[i].write_size = device->write_size;
        layout_slot(&spec.areas[i], device->layout, i == WORLD_PRI, SECTOR, SECTORS);
    }
    boot_world_init(&s->world, &spec);
    s->new_place = device->is_new_first ? WORLD_PRI : WORLD_SEC;
    s->new = &s->world.area[s->new_place];
    s->old = &s->world.area[device->is_new_first ? WORLD_SEC : WORLD_PRI];
}

static void fill(struct story *s, uint32_t old_size, uint32_t new_size)
{
    uint8_t *old;

    old_size = build(s, OLD, old_size, &old);
    s->size = build(s, NEW, new_size, &s->image);
    boot_world_load(&s->world, s->new_place == WORLD_PRI ? WORLD_SEC : WORLD_PRI, 0, old, old_size);
    free(old);
    if (s->mode->reverts && dfu_boot_set_next(&s->world.map, s->old, true, true)) {
        abort();
    }
}

/* ---- The stages ---- */

static int upload(struct story *s)
{
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
    const struct dfu_flash_img_config config = { .buf = block,
                                                 .buf_len = sizeof block,
                                                 .erase_progressively = true };
    struct dfu_flash_img img;
    int err = dfu_flash_img_init(&img, &s->world.map, s->new, s->size, &config);

    return err ? err : dfu_flash_img_buffered_write(&img, s->image, s->size, true);
}

static int session(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    switch (rig->depth > 0 ? TRIAL : s->stage) {
    case UPLOAD: return upload(s);
    case REQUEST: return dfu_boot_set_next(&s->world.map, s->new, false, s->is_permanent);
    case CONFIRM: return dfu_boot_set_next(&s->world.map, s->new, true, true);
    default: rig->found->boots++; return boot_world_start(&s->world).err;
    }
}

/* ---- What must come out ---- */

static bool holds_new(const struct story *s)
{
    return memcmp(boot_world_bytes(&s->world, s->new_place), s->image, s->size) == 0;
}

struct expectation {
    bool old_now, new_now;   /* may run at the next start */
    bool old_last, new_last; /* may be what the device comes to rest with */
};

/* Also where nothing is to be seen of it: the cell reads erased, and refuses. */
static bool is_second_mark_torn(const struct story *s)
{
    const struct dfu_sim_flash *sim = &s->world.sim;
    struct dfu_trailer at;
    uint32_t unit;

    if (dfu_slot_trailer(&s->world.map, s->new, &at)) {
        abort();
    }
    unit = (s->new->base + at.swap_info) / sim->write_size;
    return dfu_area_is_erased(s->new, at.swap_info, 1) == 0 ||
           (s->rig.is_sticky && (sim->programmed[unit / 8] >> unit % 8 & 1) != 0);
}

static struct expectation expect(const struct story *s)
{
    struct dfu_slot_state state;
    bool is_whole = holds_new(s);
    bool is_asked, was_started, is_beyond_marking;

    if (dfu_slot_state_read(&s->world.map, s->new, &state)) {
        abort();
    }
    if (!s->mode->reverts) {
        return (struct expectation){ !is_whole, is_whole, !is_whole, is_whole };
    }
    is_asked = state.magic == DFU_MAGIC_GOOD;
    was_started = state.copy_done == DFU_FLAG_SET || state.swap_type != DFU_SWAP_NONE;
    if (!is_whole || !is_asked) {
        return (struct expectation){ true, false, true, false };
    }
    if (state.image_ok == DFU_FLAG_SET) {
        return (struct expectation){ false, true, false, true };
    }
    /* Both marks of a start torn: nothing is left that could end a trial, so there is none. */
    is_beyond_marking = !was_started && is_second_mark_torn(s);
    return (struct expectation){ was_started || is_beyond_marking, !was_started, true, false };
}

static void judge(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;
    struct expectation right = expect(s);
    bool is_new = false;

    for (int i = 0; i < BOOTS_TO_REST; i++) {
        struct world_boot boot = cut_start(rig);

        if (boot.err) {
            cut_failed(rig, "no image runs");
            return;
        }
        is_new = boot.result.header.version.major == NEW;
        if (boot.result.area != (is_new ? s->new : s->old) ||
            (s->mode->in_ram != (boot.result.places[0].ram != NULL))) {
            cut_failed(rig, "it runs from the wrong place");
            return;
        }
        if (i == 0 && !(is_new ? right.new_now : right.old_now)) {
            cut_failed(rig, is_new ? "the new image runs" : "the old image runs");
            return;
        }
        if (boot.ops == 0) {
            if (!(is_new ? right.new_last : right.old_last)) {
                cut_failed(rig, is_new ? "the new image stays" : "the old image stays");
            }
            return;
        }
    }
    cut_failed(rig, "the device does not come to rest");
}

static bool has(const struct story *s, enum stage stage)
{
    return stage == UPLOAD || s->mode->reverts ? !(s->is_permanent && stage >= LEAVING)
                                               : stage == TRIAL;
}

struct campaign {
    struct pool pool;
    struct pool_options options;
    struct device devices[JOBS_MAX];
};

static void run_stages(struct story *s, const struct campaign *campaign, size_t job)
{
    struct cut_chains chains = {
        .count = CHAINS, .ops = CHAIN_OPS, .session = session, .visit = judge
    };
    uint8_t *trial = malloc(s->world.state_size);

    if (!trial) {
        abort();
    }
    for (s->stage = UPLOAD; s->stage < STAGES; s->stage++) {
        if (!has(s, s->stage)) {
            continue;
        }
        if (s->stage == CONFIRM) { /* it and the end of the trial begin with the same flash */
            boot_world_restore(&s->world, trial);
        }
        if (s->stage == LEAVING) {
            boot_world_keep(&s->world, trial);
        }
        chains.seed = (campaign->options.seed * JOBS_MAX + job) * STAGES + s->stage;
        cut_stage(&s->rig, &campaign->options, TEARS, &chains, s);
        if (session(&s->rig, s)) {
            cut_failed(&s->rig, "a stage fails without any cut");
        }
    }
    free(trial);
}

static void run_device(size_t job, struct pool_row *rows, void *ctx)
{
    static const uint32_t sizes[][2] = { { 300, 1200 }, { 1200, 300 } };
    const struct campaign *campaign = ctx;
    const struct device *device = &campaign->devices[job];
    struct pool_found *found = &rows[device->row].found;
    struct story s = { .mode = device->mode, .is_permanent = device->is_permanent };
    double begin = pool_cpu_seconds();
    char name[128];

    open_world(&s, device);
    s.rig = (struct cut_rig){
        .world = &s.world, .is_sticky = device->is_sticky, .found = found, .device = name
    };
    (void)snprintf(name, sizeof name, "%s, units of %u, erased %02x, %s, %s slot, %s, %s",
                   s.mode->name, device->write_size, device->erased, layout_name(device->layout),
                   device->is_new_first ? "first" : "second",
                   device->is_sticky ? "sticky" : "plain", s.is_permanent ? "permanent" : "test");
    fill(&s, sizes[device->sizes][0], sizes[device->sizes][1]);
    found->cases++;
    run_stages(&s, campaign, job);
    found->seconds += pool_cpu_seconds() - begin;
    free(s.image);
    boot_world_free(&s.world);
}

/* ---- Which ---- */

static void add_device(struct campaign *campaign, struct device device, unsigned n)
{
    device.is_new_first = (n & 1) != 0;
    device.is_sticky = (n & 2) != 0;
    device.is_permanent = (n & 4) != 0;
    device.sizes = n / 8 % 2;
    device.row = campaign->pool.row_count - 1;
    if (device.is_permanent && !device.mode->reverts) {
        return;
    }
    if (campaign->pool.job_count == JOBS_MAX) {
        (void)fprintf(stderr, "power: too many devices\n");
        exit(2);
    }
    campaign->devices[campaign->pool.job_count++] = device;
}

static void add_row(struct campaign *campaign, struct device device)
{
    struct pool_row row = {
        .write_size = device.write_size, .erased = device.erased, .images = 1, .size_pairs = 2
    };

    (void)snprintf(row.strategy, sizeof row.strategy, "%s", device.mode->name);
    (void)snprintf(row.what, sizeof row.what, "every pair");
    (void)snprintf(row.encryption, sizeof row.encryption, "none");
    (void)layout_names((1u << LAYOUT_SMALLER) - 1, row.sectors, sizeof row.sectors);
    if (!pool_wants(&campaign->options, &row)) {
        return;
    }
    (void)pool_add_row(&campaign->pool, &row);
    for (device.layout = LAYOUT_EQUAL; device.layout < LAYOUT_SMALLER; device.layout++) {
        for (unsigned n = 0; n < 16; n++) {
            /* A short campaign takes half of the devices for all but equal sectors. */
            if (campaign->options.is_full || device.layout == LAYOUT_EQUAL ||
                n % 2 == device.layout % 2u) {
                add_device(campaign, device, n);
            }
        }
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
