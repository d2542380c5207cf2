/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Several images survive a power cut at every point of their update and of their revert, in the
 * middle of the n-th as well: all of them end in the new version, or all in the old one, whole and
 * encrypted wherever they are at rest. Where they are overwritten, all of them end in the new one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cuts.h"
#include "dfu/err.h"
#include "dfu/update.h"
#include "known.h"
#include "layout.h"
#include "test_image.h"

#define OLD           1
#define NEW           2
#define SECTOR        512u
#define SECTORS       5u
#define MAX_SECTORS   6u
#define TEARS         4u
#define BOOTS_TO_REST 6
#define CHAINS        40u
#define CHAIN_OPS     160u
#define JOBS_MAX      4096
#define UNITS         ((size_t)6)
#define IMAGE_MAX     700u

#define ENCRYPTION_SIZE sizeof(((struct pool_row *)0)->encryption)

enum stage { UPGRADE, REVERT, STAGES };

/* As the primary holds it, and as it is everywhere else. */
struct picture {
    uint8_t open[IMAGE_MAX], closed[IMAGE_MAX];
    uint32_t size;
};

struct story {
    struct cut_rig rig;
    struct world world;
    enum stage stage;
    bool is_permanent;
    bool has_way_back;
    bool was_on_trial; /* all new images were in the primaries, and had their start */
    struct picture pictures[WORLD_PAIRS][NEW + 1];
    struct known known;
};

/* ---- The device ---- */

struct mode {
    const char *name;
    enum dfu_boot_mode mode;
    bool is_fast;
};

static const struct mode swaps[] = { { "move", DFU_MODE_SWAP_MOVE, false },
                                     { "offset", DFU_MODE_SWAP_OFFSET, false },
                                     { "scratch", DFU_MODE_SWAP_SCRATCH, false } };
static const struct mode overwrites[] = { { "overwrite", DFU_MODE_OVERWRITE, false },
                                          { "overwrite-fast", DFU_MODE_OVERWRITE, true } };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct device {
    const struct mode *mode;
    uint8_t pairs, write_size, erased;
    enum layout layout;
    bool is_permanent, depends, is_sticky, twice;
    /* Bytes of the images' content keys, each image with two of its own; 0: not encrypted. */
    uint8_t crypt_len;
    bool keeps_wrapped_keys;
    bool is_mixed; /* every second image is not encrypted */
    size_t row;
};

static bool is_secondary(enum world_place place)
{
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        if (place == boot_world_secondary(i)) {
            return true;
        }
    }
    return false;
}

static const uint8_t kek[32] = "the key of the simulated device";
static const struct dfu_unwrap_key unwrap_keys[] = {
    { &dfu_unwrap_kw_openssl, kek, 16 },
    { &dfu_unwrap_kw_openssl, kek, 32 },
};
static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        unwrap_keys, 2 };

static void build(struct story *s, const struct device *device, uint8_t pair, uint8_t major)
{
    enum world_place place = major == OLD ? boot_world_primary(pair) : boot_world_secondary(pair);
    bool is_plain = device->is_mixed && pair % 2 == 1;
    const uint8_t value[12] = { (uint8_t)((pair + 1) % device->pairs), 0, 0, 0, major };
    const uint8_t content_key[32] = { 0xc0, pair, 0xe7, major };
    struct picture *picture = &s->pictures[pair][major];
    struct test_recipe recipe = {
        .hdr_size = 32,
        .version = { .major = major },
        .pattern = (uint8_t)(major * 41 + place),
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
        .prot = { { DFU_TLV_DEPENDENCY, value, sizeof value } },
        .prot_count = device->depends ? 1 : 0,
        .content_key = device->crypt_len > 0 && !is_plain ? content_key : NULL,
        .kek = kek,
        .crypt_len = device->crypt_len,
    };

    picture->size = (pair % 2 == 0) == (major == OLD) ? 300 : IMAGE_MAX;
    recipe.body = picture->size - (uint32_t)test_image_size(&recipe);
    test_image_build(&recipe, picture->open);
    memcpy(picture->closed, picture->open, picture->size);
    test_image_crypt(&recipe, picture->closed);
}

static void lay_pair(struct world_spec *spec, const struct device *device, uint8_t pair)
{
    bool is_equal = device->layout == LAYOUT_EQUAL;

    for (int slot = 0; slot < 2; slot++) {
        enum world_place place = slot == 0 ? boot_world_primary(pair) : boot_world_secondary(pair);
        bool has_more =
            device->mode->mode == (slot == 0 ? DFU_MODE_SWAP_MOVE : DFU_MODE_SWAP_OFFSET);

        spec->areas[place].write_size = device->write_size;
        layout_slot(&spec->areas[place], device->layout, slot == 0, is_equal ? SECTOR : SECTOR / 2,
                    is_equal ? SECTORS + has_more : SECTORS * 2 - 2);
    }
}

static void open_world(struct story *s, const struct device *device)
{
    struct world_spec spec = {
        .mode = device->mode->mode,
        .is_fast = device->mode->is_fast,
        .max_align = device->write_size > 8 ? device->write_size : 8,
        .max_sectors = device->layout == LAYOUT_EQUAL ? MAX_SECTORS : 2 * MAX_SECTORS,
        .erased = device->erased,
        .validate_primary = true,
        .decryption = device->crypt_len > 0 ? &decryption : NULL,
        .keeps_wrapped_keys = device->keeps_wrapped_keys,
        .guard = SECTOR,
    };

    spec.key_size = (uint16_t)round_up(device->crypt_len + (device->keeps_wrapped_keys ? 8u : 0u),
                                       spec.max_align);

    for (uint8_t i = 0; i < device->pairs; i++) {
        lay_pair(&spec, device, i);
    }
    if (device->mode->mode == DFU_MODE_SWAP_SCRATCH) {
        spec.areas[WORLD_SCR].write_size = device->write_size;
        layout_add(&spec.areas[WORLD_SCR], SECTOR, 1);
    }
    boot_world_init(&s->world, &spec);
    for (uint8_t i = 0; i < device->pairs; i++) {
        build(s, device, i, OLD);
        build(s, device, i, NEW);
        boot_world_load(&s->world, boot_world_primary(i), 0, s->pictures[i][OLD].open,
                        s->pictures[i][OLD].size);
        boot_world_load(&s->world, boot_world_secondary(i),
                        dfu_slot_upload_offset(&s->world.map, i), s->pictures[i][NEW].closed,
                        s->pictures[i][NEW].size);
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

/* Its copy_done was begun; or, where that cannot be written, the way back was asked for instead. */
static bool is_over(const struct story *s, uint8_t image)
{
    const struct dfu_slot_pair *pair = &s->world.map.images[image];
    struct dfu_slot_state pri, sec;
    bool is_done, asks_back;

    if (dfu_slot_state_read(&s->world.map, pair->primary, &pri) ||
        dfu_slot_state_read(&s->world.map, pair->secondary, &sec)) {
        abort();
    }
    is_done = pri.magic == DFU_MAGIC_GOOD && pri.copy_done != DFU_FLAG_UNSET;
    asks_back = s->rig.is_sticky && cut_is_trial_noted(&s->world, image);
    if (s->world.spec.mode == DFU_MODE_SWAP_SCRATCH) {
        return sec.magic != DFU_MAGIC_GOOD && (is_done || asks_back);
    }
    if (sec.magic == DFU_MAGIC_GOOD) {
        return version_in(s, boot_world_primary(image)) == NEW &&
               version_in(s, boot_world_secondary(image)) == OLD &&
               ((s->rig.is_sticky && is_done) || asks_back);
    }
    return is_done;
}

/* The trial of them all. */
static bool is_trial_over(const struct story *s)
{
    for (uint8_t i = 0; i < s->world.map.image_count; i++) {
        if (!is_over(s, i)) {
            return false;
        }
    }
    return true;
}

/* With an offset the new image is put back where it waited. */
static bool secondary_holds(const struct story *s, uint8_t image, unsigned major)
{
    const struct picture *picture = &s->pictures[image][major];
    uint32_t off = major == NEW ? dfu_slot_upload_offset(&s->world.map, image) : 0;

    return memcmp(boot_world_bytes(&s->world, boot_world_secondary(image)) + off, picture->closed,
                  picture->size) == 0;
}

/* Unless images are overwritten, the other one is in the secondary. */
static bool all_hold(const struct story *s, unsigned major)
{
    for (uint8_t i = 0; i < s->world.map.image_count; i++) {
        const struct picture *picture = &s->pictures[i][major];

        if (memcmp(boot_world_bytes(&s->world, boot_world_primary(i)), picture->open,
                   picture->size) != 0 ||
            (s->world.spec.mode != DFU_MODE_OVERWRITE &&
             !secondary_holds(s, i, OLD + NEW - major))) {
            return false;
        }
    }
    return true;
}

static void note_trial(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    (void)rig;
    s->was_on_trial = s->was_on_trial || is_trial_over(s);
}

static void judge(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;
    bool goes_back =
        s->stage == REVERT || (s->has_way_back && (s->was_on_trial || is_trial_over(s)));
    struct known_key keys[BOOTS_TO_REST];

    for (size_t i = 0; i < BOOTS_TO_REST; i++) {
        struct world_boot boot;

        keys[i] = known_key_of(s->world.sim.mem, s->world.state_size, goes_back);
        if (known_has(&s->known, &keys[i])) {
            known_add(&s->known, keys, i);
            return;
        }
        boot = cut_start(rig);
        if (boot.err) {
            cut_failed(rig, "no image runs");
            return;
        }
        if (!all_hold(s, goes_back ? OLD : NEW)) {
            cut_failed(rig, goes_back ? "not all images are old" : "not all images are new");
            return;
        }
        if (boot.ops == 0) {
            known_add(&s->known, keys, i + 1);
            return;
        }
        goes_back = s->has_way_back;
    }
    cut_failed(rig, "the device does not come to rest");
}

static int session(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    rig->found->boots++;
    return boot_world_start(&s->world).err;
}

static void begin_chain(struct cut_rig *rig, void *ctx)
{
    (void)rig;
    ((struct story *)ctx)->was_on_trial = false;
}

static void cut_again(struct cut_rig *rig, void *ctx)
{
    struct story *s = ctx;

    s->was_on_trial = is_trial_over(s);
    cut_everywhere(rig, session, 1, judge, s);
    s->was_on_trial = false;
}

/* ---- Devices ---- */

struct campaign {
    struct pool pool;
    struct pool_options options;
    struct device devices[JOBS_MAX];
};

static void run_stages(struct story *s, const struct campaign *campaign, size_t job, bool twice)
{
    const struct pool_options *options = &campaign->options;
    struct cut_chains chains = { .count = options->only_chains ? options->chains : CHAINS,
                                 .seed = options->seed * JOBS_MAX + job,
                                 .ops = CHAIN_OPS * s->world.map.image_count,
                                 .session = session,
                                 .begin = begin_chain,
                                 .note = note_trial,
                                 .visit = judge };

    for (s->stage = UPGRADE; s->stage < (s->has_way_back ? STAGES : REVERT); s->stage++) {
        if (!options->only_chains) {
            cut_everywhere(&s->rig, session, options->is_full && !twice ? 2 * TEARS : TEARS,
                           twice ? cut_again : judge, s);
        }
        if (!twice) {
            cut_chains(&s->rig, &chains, s);
            s->was_on_trial = false;
        }
        if (session(&s->rig, s)) {
            cut_failed(&s->rig, "a stage fails without any cut");
        }
    }
}

static char *encryption_name(const struct device *device, char out[ENCRYPTION_SIZE])
{
    if (device->crypt_len > 0) {
        (void)snprintf(out, ENCRYPTION_SIZE, "AES-%u%s%s", device->crypt_len * 8u,
                       device->keeps_wrapped_keys ? " wrapped" : "",
                       device->is_mixed ? ", none" : "");
    } else {
        (void)snprintf(out, ENCRYPTION_SIZE, "none");
    }
    return out;
}

static void run_device(size_t job, struct pool_row *rows, void *ctx)
{
    const struct campaign *campaign = ctx;
    const struct device *device = &campaign->devices[job];
    struct story s = { .is_permanent = device->is_permanent,
                       .has_way_back =
                           !device->is_permanent && device->mode->mode != DFU_MODE_OVERWRITE };
    struct pool_found *found = &rows[device->row].found;
    double begin = pool_cpu_seconds();
    char name[128], encryption[ENCRYPTION_SIZE];

    open_world(&s, device);
    s.rig = (struct cut_rig){
        .world = &s.world, .found = found, .device = name, .is_sticky = device->is_sticky
    };
    (void)snprintf(name, sizeof name, "%s, %u images, units of %u, erased %02x, %s, %s, %s%s%s",
                   device->mode->name, device->pairs, device->write_size, device->erased,
                   layout_name(device->layout), encryption_name(device, encryption),
                   device->is_permanent ? "permanent" : "test",
                   device->depends ? ", dependent" : "", device->is_sticky ? ", sticky" : "");
    found->cases++;
    run_stages(&s, campaign, job, device->twice);
    found->seconds += pool_cpu_seconds() - begin;
    known_free(&s.known);
    boot_world_free(&s.world);
}

/* ---- Which ---- */

static void add_device(struct campaign *campaign, struct device device)
{
    device.row = campaign->pool.row_count - 1;
    if (campaign->pool.job_count == JOBS_MAX) {
        (void)fprintf(stderr, "power: too many devices\n");
        exit(2);
    }
    campaign->devices[campaign->pool.job_count++] = device;
}

/* Test and permanent, dependent on each other or not, in both kinds of cells. Pairs are many: in
 * sticky cells of a trial only, and fewer where the campaign is short. */
static void add_devices(struct campaign *campaign, struct device device)
{
    unsigned kinds = device.twice ? 5 : 8;

    for (unsigned n = 0; n < kinds; n++) {
        if (device.twice && !campaign->options.is_full && (n & 2) != 0) {
            continue;
        }
        device.is_permanent = (n & 1) != 0;
        device.depends = (n & 2) != 0;
        device.is_sticky = (n & 4) != 0;
        add_device(campaign, device);
    }
}

/* Bits. With scratch, and where images are overwritten, sectors may differ; pairs are many, so they
 * take fewer. */
static unsigned layouts_of(const struct campaign *campaign, const struct device *device)
{
    if (device->mode->mode == DFU_MODE_SWAP_MOVE || device->mode->mode == DFU_MODE_SWAP_OFFSET ||
        (device->twice && !campaign->options.is_full)) {
        return 1u << LAYOUT_EQUAL;
    }
    return device->twice || (device->crypt_len > 0 && !campaign->options.is_full)
               ? 1u << LAYOUT_EQUAL | 1u << LAYOUT_COARSE
               : (1u << LAYOUT_CROSSING) - 1;
}

static void add_row(struct campaign *campaign, struct device device)
{
    unsigned layouts;
    struct pool_row row = { .write_size = device.write_size,
                            .erased = device.erased,
                            .images = device.pairs,
                            .size_pairs = 2 };

    (void)snprintf(row.strategy, sizeof row.strategy, "%s", device.mode->name);
    (void)snprintf(row.what, sizeof row.what, "%s, %u images", device.twice ? "pairs" : "cuts",
                   device.pairs);
    (void)encryption_name(&device, row.encryption);
    layouts = layouts_of(campaign, &device);
    (void)layout_names(layouts, row.sectors, sizeof row.sectors);
    if (!pool_wants(&campaign->options, &row)) {
        return;
    }
    (void)pool_add_row(&campaign->pool, &row);
    for (device.layout = LAYOUT_EQUAL; device.layout < LAYOUT_SMALLER; device.layout++) {
        if ((layouts & 1u << device.layout) != 0) {
            add_devices(campaign, device);
        }
    }
}

static bool is_in_short(const struct device *device)
{
    if (device->twice) {
        return device->pairs == 2 && device->write_size == 8 && device->erased == 0xff;
    }
    return device->pairs == 2 ? device->erased == 0xff || device->write_size == 16
                              : (device->write_size == 4 && device->erased == 0xff) ||
                                    (device->write_size == 8 && device->erased == 0x00);
}

/* Pairs are many: units of every kind once. */
static bool is_in_full(const struct device *device)
{
    return !device->twice || device->erased == (device->write_size == 16 ? 0x00 : 0xff);
}

static void plan_plain(struct campaign *campaign)
{
    static const uint8_t units[UNITS] = { 1, 2, 4, 8, 16, 32 };

    for (size_t i = 0; i < COUNT(swaps) * 3u * UNITS * 2u; i++) {
        size_t kind = i / (UNITS * 2u) % 3;
        struct device device = { .mode = &swaps[i / (UNITS * 2u * 3u)],
                                 .pairs = kind == 1 ? 4 : 2,
                                 .twice = kind == 2,
                                 .write_size = units[i / 2 % UNITS],
                                 .erased = i % 2 == 0 ? 0xff : 0x00 };

        if (is_in_short(&device) || (campaign->options.is_full && is_in_full(&device))) {
            add_row(campaign, device);
        }
    }
}

static void plan_ways(struct campaign *campaign, const struct mode *mode, const struct device *ways,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct device device = ways[i];

        device.mode = mode;
        add_row(campaign, device);
    }
}

/* Pairs in full campaigns only. */
static void plan_encrypted(struct campaign *campaign, const struct mode *mode)
{
    static const struct device ways[] = {
        { .pairs = 2, .crypt_len = 16, .write_size = 4, .erased = 0xff },
        { .pairs = 2, .crypt_len = 32, .write_size = 16, .erased = 0x00 },
        { .pairs = 2,
          .crypt_len = 32,
          .keeps_wrapped_keys = true,
          .write_size = 8,
          .erased = 0xff },
        { .pairs = 4, .crypt_len = 16, .is_mixed = true, .write_size = 8, .erased = 0x00 },
    };
    static const struct device twice[] = {
        { .pairs = 2, .crypt_len = 16, .write_size = 8, .erased = 0xff, .twice = true },
        { .pairs = 2, .crypt_len = 32, .write_size = 16, .erased = 0x00, .twice = true },
    };

    plan_ways(campaign, mode, ways, COUNT(ways));
    plan_ways(campaign, mode, twice, campaign->options.is_full ? COUNT(twice) : 0);
}

static void plan_overwrite(struct campaign *campaign, const struct mode *mode)
{
    static const struct device ways[] = {
        { .pairs = 2, .write_size = 4, .erased = 0xff },
        { .pairs = 2, .write_size = 16, .erased = 0x00 },
        { .pairs = 4, .write_size = 8, .erased = 0xff },
        { .pairs = 2, .write_size = 8, .erased = 0xff, .twice = true },
        { .pairs = 2, .crypt_len = 16, .write_size = 4, .erased = 0xff },
        { .pairs = 2, .crypt_len = 32, .write_size = 16, .erased = 0x00 },
        { .pairs = 4, .crypt_len = 16, .is_mixed = true, .write_size = 8, .erased = 0x00 },
    };
    static const struct device more[] = {
        { .pairs = 2, .write_size = 1, .erased = 0xff },
        { .pairs = 2, .write_size = 32, .erased = 0x00 },
        { .pairs = 2, .write_size = 16, .erased = 0x00, .twice = true },
        { .pairs = 2, .crypt_len = 32, .write_size = 4, .erased = 0xff, .twice = true },
    };

    plan_ways(campaign, mode, ways, COUNT(ways));
    plan_ways(campaign, mode, more, campaign->options.is_full ? COUNT(more) : 0);
}

int main(int argc, char **argv)
{
    static struct campaign campaign;

    if (!pool_options_read(argc, argv, &campaign.options) || campaign.options.replay) {
        return 2;
    }
    plan_plain(&campaign);
    for (size_t i = 0; i < COUNT(swaps); i++) {
        plan_encrypted(&campaign, &swaps[i]);
    }
    for (size_t i = 0; i < COUNT(overwrites); i++) {
        plan_overwrite(&campaign, &overwrites[i]);
    }
    campaign.pool.run = run_device;
    campaign.pool.ctx = &campaign;
    return pool_run(&campaign.pool, &campaign.options);
}
