/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Several images survive a power cut at every point of their update and of their revert, in the
 * middle of the n-th as well: all of them end in the new version, or all in the old one. */
#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "dfu/err.h"
#include "dfu/update.h"
#include "test_image.h"

#define OLD           1
#define NEW           2
#define SECTOR        512u
#define SECTORS       5u
#define MAX_SECTORS   6u
#define TEARS         4u
#define BOOTS_TO_REST 6

enum stage { UPGRADE, REVERT, STAGES };

struct story {
    struct cut_rig rig;
    struct world world;
    enum stage stage;
    bool is_permanent, depends;
};

/* ---- The device ---- */

static bool is_secondary(enum world_place place)
{
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        if (place == boot_world_secondary(i)) {
            return true;
        }
    }
    return false;
}

static void load(struct story *s, enum world_place place, uint8_t major, uint32_t size,
                 uint8_t needs)
{
    const uint8_t value[12] = { needs, 0, 0, 0, major };
    struct test_recipe recipe = {
        .hdr_size = 32,
        .version = { .major = major },
        .pattern = (uint8_t)(major * 41 + place),
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .prot = { { DFU_TLV_DEPENDENCY, value, sizeof value } },
        .prot_count = s->depends ? 1 : 0,
    };
    uint8_t *image = malloc(size);

    if (!image) {
        abort();
    }
    recipe.body = size - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, image);
    boot_world_load(&s->world, place,
                    is_secondary(place) && s->world.spec.mode == DFU_MODE_SWAP_OFFSET ? SECTOR : 0,
                    image, size);
    free(image);
}

static void open_world(struct story *s, enum dfu_boot_mode mode, uint8_t pairs, uint8_t write_size,
                       uint8_t erased)
{
    struct world_spec spec = {
        .mode = mode,
        .max_align = write_size > 8 ? write_size : 8,
        .max_sectors = MAX_SECTORS,
        .erased = erased,
        .validate_primary = true,
        .guard = SECTOR,
    };

    for (uint8_t i = 0; i < pairs; i++) {
        for (int slot = 0; slot < 2; slot++) {
            enum world_place place = slot == 0 ? boot_world_primary(i) : boot_world_secondary(i);
            uint32_t count = SECTORS + (slot == 0 && mode == DFU_MODE_SWAP_MOVE) +
                             (slot == 1 && mode == DFU_MODE_SWAP_OFFSET);

            spec.areas[place] = (struct world_area_spec){ .size = SECTOR * count,
                                                          .write_size = write_size,
                                                          .runs = { { SECTOR, count } },
                                                          .run_count = 1 };
        }
    }
    if (mode == DFU_MODE_SWAP_SCRATCH) {
        spec.areas[WORLD_SCR] = (struct world_area_spec){
            .size = SECTOR, .write_size = write_size, .runs = { { SECTOR, 1 } }, .run_count = 1
        };
    }
    boot_world_init(&s->world, &spec);
    for (uint8_t i = 0; i < pairs; i++) {
        uint8_t next = (uint8_t)((i + 1) % pairs);

        load(s, boot_world_primary(i), OLD, i % 2 == 0 ? 300 : 700, next);
        load(s, boot_world_secondary(i), NEW, i % 2 == 0 ? 700 : 300, next);
        if (dfu_boot_request_upgrade(&s->world.map, i, s->is_permanent)) {
            abort();
        }
    }
}

/* ---- What must come out ---- */

static unsigned version_in(const struct story *s, enum world_place place)
{
    const uint8_t *bytes = boot_world_bytes(&s->world, place);
    struct dfu_image_header header;

    if (dfu_image_header_parse(bytes, &header) == DFU_IMAGE_FINE) {
        return header.version.major;
    }
    return s->world.spec.mode == DFU_MODE_SWAP_OFFSET && is_secondary(place) &&
                   dfu_image_header_parse(bytes + SECTOR, &header) == DFU_IMAGE_FINE
               ? header.version.major
               : 0;
}

/* Every image's copy_done was begun: the trial of them all is over. */
static bool is_trial_over(const struct story *s)
{
    for (uint8_t i = 0; i < s->world.map.image_count; i++) {
        const struct dfu_slot_pair *pair = &s->world.map.images[i];
        struct dfu_slot_state pri, sec;

        if (dfu_slot_state_read(&s->world.map, pair->primary, &pri) ||
            dfu_slot_state_read(&s->world.map, pair->secondary, &sec)) {
            abort();
        }
        if (sec.magic == DFU_MAGIC_GOOD || pri.magic != DFU_MAGIC_GOOD ||
            pri.copy_done == DFU_FLAG_UNSET) {
            return false;
        }
    }
    return true;
}

static bool all_hold(const struct story *s, unsigned major)
{
    for (uint8_t i = 0; i < s->world.map.image_count; i++) {
        if (version_in(s, boot_world_primary(i)) != major ||
            version_in(s, boot_world_secondary(i)) != OLD + NEW - major) {
            return false;
        }
    }
    return true;
}

static void judge(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;
    bool goes_back = s->stage == REVERT || (!s->is_permanent && is_trial_over(s));

    for (int i = 0; i < BOOTS_TO_REST; i++) {
        struct world_boot boot = cut_start(rig);

        if (boot.err) {
            cut_failed(rig, "no image runs");
            return;
        }
        if (!all_hold(s, goes_back ? OLD : NEW)) {
            cut_failed(rig, goes_back ? "not all images are old" : "not all images are new");
            return;
        }
        if (boot.ops == 0) {
            return;
        }
        goes_back = !s->is_permanent;
    }
    cut_failed(rig, "the device does not come to rest");
}

static int session(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    rig->row->boots++;
    return boot_world_start(&s->world).err;
}

static void cut_again(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    if (!is_trial_over(s) || s->stage == REVERT) {
        cut_everywhere(rig, session, 1, judge, s);
    }
}

/* ---- Devices ---- */

static void run_device(enum dfu_boot_mode mode, uint8_t pairs, uint8_t write_size, uint8_t erased,
                       unsigned n, bool twice, struct cut_row *row)
{
    struct story s = { .is_permanent = (n & 1) != 0, .depends = (n & 2) != 0 };
    double begin = cut_cpu_seconds();
    char name[96];

    open_world(&s, mode, pairs, write_size, erased);
    /* Pairs, and other modes than move, in plain cells only: see "known and open" in docs/TESTING.md. */
    s.rig = (struct cut_rig){
        .world = &s.world, .row = row, .device = name, .is_sticky = (n & 4) != 0
    };
    (void)snprintf(name, sizeof name, "mode %d, %u images, units of %u, erased %02x, %s%s%s", mode,
                   pairs, write_size, erased, s.is_permanent ? "permanent" : "test",
                   s.depends ? ", dependent" : "", s.rig.is_sticky ? ", sticky" : "");
    row->devices++;
    for (s.stage = UPGRADE; s.stage < (s.is_permanent ? REVERT : STAGES); s.stage++) {
        cut_everywhere(&s.rig, session, TEARS, twice ? cut_again : judge, &s);
        if (session(&s.rig, &s)) {
            cut_failed(&s.rig, "a stage fails without any cut");
        }
    }
    if (!boot_world_guard_is_intact(&s.world)) {
        cut_failed(&s.rig, "flash outside the slots was touched");
    }
    row->seconds += cut_cpu_seconds() - begin;
    boot_world_free(&s.world);
}

int main(void)
{
    static const struct {
        const char *name;
        enum dfu_boot_mode mode;
    } modes[] = { { "move", DFU_MODE_SWAP_MOVE },
                  { "offset", DFU_MODE_SWAP_OFFSET },
                  { "scratch", DFU_MODE_SWAP_SCRATCH } };
    static const struct {
        uint8_t pairs, write_size, erased;
        bool twice;
    } plans[] = {
        { 2, 1, 0xff, false }, { 2, 4, 0xff, false },  { 2, 4, 0x00, false },
        { 2, 8, 0xff, false }, { 2, 16, 0x00, false }, { 2, 32, 0xff, false },
        { 4, 4, 0xff, false }, { 4, 8, 0x00, false },  { 2, 8, 0xff, true },
    };
    static struct cut_row rows[3 * sizeof plans / sizeof plans[0]];
    size_t count = 0;

    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
            struct cut_row *row = &rows[count++];
            unsigned cells = modes[m].mode == DFU_MODE_SWAP_MOVE ? 8 : 4;

            (void)snprintf(row->name, sizeof row->name, "%-14s %u images, %-5s %2u  %02x",
                           modes[m].name, plans[i].pairs, plans[i].twice ? "pairs" : "cuts",
                           plans[i].write_size, plans[i].erased);
            for (unsigned n = 0; n < (plans[i].twice ? 1u : cells); n++) {
                run_device(modes[m].mode, plans[i].pairs, plans[i].write_size, plans[i].erased, n,
                           plans[i].twice, row);
            }
        }
    }
    return cut_report(rows, count);
}
