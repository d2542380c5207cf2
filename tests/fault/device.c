/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "device.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_config.h"
#include "boot_world.h"
#include "client.h"
#include "dfu/record.h"
#include "dfu/revoke.h"
#include "dfu/update.h"
#include "images.h"
#include "port.h"
#include "test_image.h"

#define SECTOR     1024u
#define SECTORS    6u
#define TICK_MS    100u
#define TICKS_MAX  100u /* after them nobody comes any more */
#define STARTS_MAX 4u

enum {
    ASKED = 1 << IMAGE_FLAGS, /* a request for what the secondary holds */
    ON_TRIAL = 2 << IMAGE_FLAGS,
    TWO_IMAGES = 4 << IMAGE_FLAGS,
    BOOTSTRAP = 8 << IMAGE_FLAGS,
    LOADER_ASKED = 16 << IMAGE_FLAGS,
    LOADER_IF_INVALID = 32 << IMAGE_FLAGS,
    REVOKES = 64 << IMAGE_FLAGS,
    ONCE = 128 << IMAGE_FLAGS,
    RECOVERS = 256 << IMAGE_FLAGS, /* has serial recovery, and its window */
    RECOVERY_ASKED = 512 << IMAGE_FLAGS,
    GOES_ON = 1024 << IMAGE_FLAGS, /* from recovery, when it is silent */
};

struct scenario {
    const char *name;
    enum dfu_boot_mode mode;
    enum held primary, secondary; /* of two images: of the second; the first is good */
    unsigned with;
    enum client client;
};

static const struct scenario scenarios[] = {
    { "move-signature", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, WRONG_SIGNATURE, 0, NOBODY },
    { "move-payload", DFU_MODE_SWAP_MOVE, CHANGED, CHANGED, 0, NOBODY },
    { "move-update", DFU_MODE_SWAP_MOVE, GOOD, WRONG_SIGNATURE, ASKED, NOBODY },
    { "offset-update", DFU_MODE_SWAP_OFFSET, GOOD, WRONG_SIGNATURE, ASKED, NOBODY },
    { "scratch-update", DFU_MODE_SWAP_SCRATCH, GOOD, WRONG_SIGNATURE, ASKED, NOBODY },
    { "overwrite-update", DFU_MODE_OVERWRITE, GOOD, CHANGED, ASKED, NOBODY },
    { "bootstrap-move", DFU_MODE_SWAP_MOVE, NOTHING, WRONG_SIGNATURE, BOOTSTRAP, NOBODY },
    { "bootstrap-overwrite", DFU_MODE_OVERWRITE, NOTHING, CHANGED, BOOTSTRAP, NOBODY },
    { "xip", DFU_MODE_DIRECT_XIP, WRONG_SIGNATURE, WRONG_SIGNATURE, 0, NOBODY },
    { "ram", DFU_MODE_RAM_LOAD, CHANGED, CHANGED, 0, NOBODY },
    { "single", DFU_MODE_SINGLE_SLOT, WRONG_SIGNATURE, NOTHING, 0, NOBODY },
    { "single-once", DFU_MODE_SINGLE_SLOT, CHANGED, NOTHING, ONCE, NOBODY },
    { "loader-asked", DFU_MODE_FIRMWARE_LOADER, GOOD, WRONG_SIGNATURE, LOADER_ASKED, NOBODY },
    { "loader-instead", DFU_MODE_FIRMWARE_LOADER, WRONG_SIGNATURE, CHANGED, LOADER_IF_INVALID,
      NOBODY },
    { "encrypted-move", DFU_MODE_SWAP_MOVE, GOOD, WRONG_SIGNATURE, ASKED | ENCRYPTED, NOBODY },
    { "encrypted-overwrite", DFU_MODE_OVERWRITE, GOOD, CHANGED, ASKED | ENCRYPTED, NOBODY },
    { "encrypted-ram", DFU_MODE_RAM_LOAD, WRONG_SIGNATURE, CHANGED, ENCRYPTED, NOBODY },
    { "compressed", DFU_MODE_OVERWRITE, GOOD, WRONG_SIGNATURE, ASKED | COMPRESSED, NOBODY },
    { "counter-move", DFU_MODE_SWAP_MOVE, TOO_OLD, TOO_OLD, COUNTED, NOBODY },
    { "counter-update", DFU_MODE_SWAP_MOVE, GOOD, TOO_OLD, ASKED | COUNTED, NOBODY },
    { "counter-xip", DFU_MODE_DIRECT_XIP, TOO_OLD, TOO_OLD, COUNTED, NOBODY },
    { "counter-single", DFU_MODE_SINGLE_SLOT, TOO_OLD, NOTHING, COUNTED, NOBODY },
    { "revoked-move", DFU_MODE_SWAP_MOVE, BY_REVOKED_KEY, BY_REVOKED_KEY, REVOKES, NOBODY },
    { "revoked-update", DFU_MODE_OVERWRITE, GOOD, BY_REVOKED_KEY, ASKED | REVOKES, NOBODY },
    { "revoked-ram", DFU_MODE_RAM_LOAD, BY_REVOKED_KEY, BY_REVOKED_KEY, REVOKES, NOBODY },

    { "two-move", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, NOTHING, TWO_IMAGES, NOBODY },
    { "two-move-update", DFU_MODE_SWAP_MOVE, GOOD, CHANGED, ASKED | TWO_IMAGES, NOBODY },
    { "two-offset-update", DFU_MODE_SWAP_OFFSET, GOOD, WRONG_SIGNATURE, ASKED | TWO_IMAGES,
      NOBODY },
    { "two-scratch-update", DFU_MODE_SWAP_SCRATCH, GOOD, WRONG_SIGNATURE, ASKED | TWO_IMAGES,
      NOBODY },
    { "two-overwrite-update", DFU_MODE_OVERWRITE, GOOD, WRONG_SIGNATURE, ASKED | TWO_IMAGES,
      NOBODY },
    { "two-bootstrap", DFU_MODE_OVERWRITE, NOTHING, CHANGED, BOOTSTRAP | TWO_IMAGES, NOBODY },
    { "two-xip", DFU_MODE_DIRECT_XIP, WRONG_SIGNATURE, CHANGED, TWO_IMAGES, NOBODY },
    { "two-single", DFU_MODE_SINGLE_SLOT, WRONG_SIGNATURE, NOTHING, TWO_IMAGES, NOBODY },
    { "two-loader", DFU_MODE_FIRMWARE_LOADER, CHANGED, NOTHING, TWO_IMAGES, NOBODY },
    { "two-counter", DFU_MODE_SWAP_MOVE, TOO_OLD, TOO_OLD, ASKED | COUNTED | TWO_IMAGES, NOBODY },

    { "trial-move", DFU_MODE_SWAP_MOVE, CHANGED, GOOD, ON_TRIAL, NOBODY },
    { "trial-offset", DFU_MODE_SWAP_OFFSET, WRONG_SIGNATURE, GOOD, ON_TRIAL, NOBODY },
    { "trial-scratch", DFU_MODE_SWAP_SCRATCH, WRONG_SIGNATURE, GOOD, ON_TRIAL, NOBODY },
    { "trial-move-no-way-back", DFU_MODE_SWAP_MOVE, GOOD, WRONG_SIGNATURE, ON_TRIAL, NOBODY },
    { "trial-offset-no-way-back", DFU_MODE_SWAP_OFFSET, GOOD, CHANGED, ON_TRIAL, NOBODY },
    { "trial-scratch-no-way-back", DFU_MODE_SWAP_SCRATCH, GOOD, WRONG_SIGNATURE, ON_TRIAL, NOBODY },
    { "trial-both", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, WRONG_SIGNATURE, ON_TRIAL, NOBODY },
    { "trial-xip", DFU_MODE_DIRECT_XIP_REVERT, WRONG_SIGNATURE, CHANGED, ASKED, NOBODY },
    { "trial-ram", DFU_MODE_RAM_LOAD_REVERT, CHANGED, WRONG_SIGNATURE, ASKED, NOBODY },
    { "trial-two", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, GOOD, ON_TRIAL | TWO_IMAGES, NOBODY },

    { "recovery-nobody", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, WRONG_SIGNATURE, RECOVERS, NOBODY },
    { "recovery-looked-at", DFU_MODE_SWAP_MOVE, CHANGED, CHANGED, RECOVERS | GOES_ON, LOOKER },
    { "recovery-window", DFU_MODE_SWAP_MOVE, GOOD, NOTHING, RECOVERS, RESETTER },
    { "recovery-window-left", DFU_MODE_SWAP_MOVE, GOOD, NOTHING, RECOVERS | GOES_ON, UPLOADER },
    { "recovery-asked", DFU_MODE_SWAP_MOVE, GOOD, NOTHING, RECOVERS | RECOVERY_ASKED, RESETTER },
    { "recovery-asked-left", DFU_MODE_OVERWRITE, GOOD, NOTHING, RECOVERS | RECOVERY_ASKED | GOES_ON,
      UPLOADER },
    { "recovery-instead", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, NOTHING, RECOVERS, RESETTER },
    { "recovery-marked", DFU_MODE_SWAP_MOVE, GOOD, WRONG_SIGNATURE, RECOVERS | RECOVERY_ASKED,
      MARKER },
};

static const struct scenario *device;
static struct world world;
static uint8_t good[IMAGE_CAP];
static struct dfu_key keys[2]; /* the second one is revoked where any is */
static uint64_t now_ms;
static unsigned ticks; /* since somebody spoke */

struct dfu_boot_config boot_config;
struct dfu_recovery_config recovery_config;
volatile struct port_retained port_retained;

static bool has(unsigned flag)
{
    return (device->with & flag) != 0;
}

/* Of the image that the scenario is about. */
static uint8_t its_number(void)
{
    return has(TWO_IMAGES) ? 1 : 0;
}

/* ---- What the bootloader asks for ---- */

static int get_counter(void *ctx, uint8_t image, uint32_t *value)
{
    (void)ctx;
    (void)image;
    *value = 4;
    return 0;
}

static int raise_counter(void *ctx, uint8_t image, uint32_t value)
{
    (void)ctx;
    (void)image;
    (void)value;
    return 0;
}

static void revoke_second_key(void)
{
    struct dfu_record record;
    uint8_t hash[32];

    if (!EVP_Digest(keys[1].der, keys[1].der_len, hash, NULL, EVP_sha256(), NULL) ||
        dfu_record_open(&record, &world.area[WORLD_REVOKED]) ||
        dfu_record_save(&record, hash, DFU_REVOKED_NAME_LEN)) {
        abort();
    }
}

static void configure_recovery(void)
{
    static uint8_t response[DFU_SMP_RESPONSE_MIN + BOOT_RESPONSE_SIZE];

    recovery_config = (struct dfu_recovery_config){ .map = &world.map,
                                                    .policy = world.cfg.policy,
                                                    .erase_progressively = true,
                                                    .idle_ms = has(GOES_ON) ? 2000 : 0,
                                                    .buf = world.buf,
                                                    .buf_len = sizeof world.buf,
                                                    .response = response,
                                                    .response_cap = sizeof response,
                                                    .buf_size = CONSOLE_PACKET_MAX };
    if (dfu_recovery_check(&recovery_config)) {
        abort();
    }
    if (has(RECOVERY_ASKED)) {
        port_retained.boot_mode = DFU_RECOVERY_BOOT_MODE;
        port_retained.boot_mode_ok = ~DFU_RECOVERY_BOOT_MODE;
    }
}

static void configure(void)
{
    static const struct dfu_boot_counter counter = { &dfu_boot_rollback, get_counter, raise_counter,
                                                     NULL };
    static struct dfu_boot_revocation revocation;

    world.cfg.policy.keys = keys;
    world.cfg.policy.key_count = has(REVOKES) ? 2 : 1;
    world.cfg.event = NULL;
    world.cfg.enter_loader = has(LOADER_ASKED);
    world.cfg.loader_if_invalid = has(LOADER_IF_INVALID);
    world.cfg.validate_once = has(ONCE);
    if (has(COUNTED)) {
        world.cfg.counter = &counter;
    }
    if (has(REVOKES)) {
        revocation =
            (struct dfu_boot_revocation){ &dfu_boot_revocation_rules, &world.area[WORLD_REVOKED] };
        world.cfg.revocation = &revocation;
        revoke_second_key();
    }
    boot_config = world.cfg;
    if (has(RECOVERS)) {
        configure_recovery();
    }
}

/* ---- Flash, and what lies there ---- */

static struct world_area_spec area_of(uint32_t sectors)
{
    return (struct world_area_spec){
        .size = SECTOR * sectors, .write_size = 4, .runs = { { SECTOR, sectors } }, .run_count = 1
    };
}

static void build_world(void)
{
    static const struct dfu_unwrap_key unwrap = { &dfu_unwrap_kw_openssl, images_kek,
                                                  sizeof images_kek };
    static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                            &unwrap, 1 };
    struct world_spec spec = { .mode = device->mode,
                               .max_align = 8,
                               .max_sectors = 16,
                               .erased = 0xff,
                               .validate_primary = true,
                               .bootstrap = has(BOOTSTRAP),
                               .unpacks = has(COMPRESSED),
                               .decryption = has(ENCRYPTED) ? &decryption : NULL,
                               .key_size = has(ENCRYPTED) ? 16 : 0,
                               .key = &keys[0] };

    for (uint8_t i = 0; i <= its_number(); i++) {
        spec.areas[boot_world_primary(i)] = area_of(SECTORS);
        spec.areas[boot_world_secondary(i)] =
            device->mode == DFU_MODE_SINGLE_SLOT ? (struct world_area_spec){ 0 } : area_of(SECTORS);
    }
    if (device->mode == DFU_MODE_SWAP_SCRATCH) {
        spec.areas[WORLD_SCR] = area_of(2);
    }
    if (has(REVOKES)) {
        spec.areas[WORLD_REVOKED] = area_of(2);
    }
    boot_world_init(&world, &spec);
}

static void put(enum world_place place, enum held held)
{
    uint8_t image[IMAGE_CAP];
    bool is_secondary = place == boot_world_secondary(its_number());
    uint32_t off = is_secondary ? dfu_slot_upload_offset(&world.map, its_number()) : 0;

    if (held != NOTHING) {
        size_t size = images_build(held, device->with, image);

        boot_world_load(&world, place, off, image, size);
    }
}

static void request(enum world_place place)
{
    dfu_sim_flash_power_on(&world.sim);
    if (dfu_trailer_write_magic(&world.map, &world.area[place])) {
        abort();
    }
    dfu_sim_flash_power_on(&world.sim);
}

static size_t size_of(enum held held)
{
    uint8_t image[IMAGE_CAP];

    return images_build(held, device->with, image);
}

static void damage(enum world_place place, enum held held)
{
    uint32_t off = dfu_boot_get_image_start_offset(&world.map, &world.area[place]);

    images_damage(held, device->with, boot_world_bytes(&world, place) + off, size_of(held));
}

static enum held whole(enum held held)
{
    return held == GOOD ? GOOD : WHOLE;
}

/* An update brings in what the primary is to hold; then both slots are damaged. */
static void put_on_trial(enum world_place primary, enum world_place secondary)
{
    put(primary, whole(device->secondary));
    put(secondary, whole(device->primary));
    request(secondary);
    if (boot_world_start(&world).err ||
        dfu_mcuboot_swap_type(&world.map, its_number()) != DFU_SWAP_REVERT) {
        abort();
    }
    damage(primary, device->primary);
    damage(secondary, device->secondary);
}

static void fill(void)
{
    enum world_place primary = boot_world_primary(its_number());
    enum world_place secondary = boot_world_secondary(its_number());

    if (has(TWO_IMAGES)) {
        put(WORLD_PRI, GOOD);
    }
    if (has(ON_TRIAL)) {
        put_on_trial(primary, secondary);
        return;
    }
    put(primary, device->primary);
    put(secondary, device->secondary);
    if (has(ASKED)) {
        request(secondary);
    }
}

bool device_set_up(const char *name)
{
    uint8_t image[IMAGE_CAP];

    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        device = strcmp(name, scenarios[i].name) == 0 ? &scenarios[i] : device;
    }
    if (!device) {
        return false;
    }
    images_make_keys(keys);
    build_world();
    dfu_sim_flash_power_on(&world.sim);
    configure();
    (void)images_build(GOOD, device->with, good);
    fill();
    dfu_sim_flash_power_on(&world.sim);
    client_prepare(device->client, image, images_build(WRONG_SIGNATURE, device->with, image));
    return true;
}

void device_print_names(void)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        printf("%s\n", scenarios[i].name);
    }
}

/* ---- ports/mcu/port.h ---- */

#define RESET 2 /* beside what device_start() says */

static jmp_buf end;

void port_halt(void)
{
    longjmp(end, 1 + DEVICE_REFUSED);
}

noreturn void port_reset(void)
{
    longjmp(end, 1 + RESET);
}

uint64_t port_now_ms(void)
{
    return now_ms;
}

void port_idle(void)
{
    now_ms += TICK_MS;
    if (++ticks > TICKS_MAX) {
        longjmp(end, 1 + DEVICE_REFUSED); /* nobody comes any more */
    }
}

/* Whether what runs are good images, byte for byte, the first one from its first instruction. */
noreturn void port_jump(uint32_t vectors)
{
    bool is_good = vectors == world.area[WORLD_PRI].base + IMAGE_HEADER;

    for (uint8_t i = 0; i <= its_number(); i++) {
        is_good = is_good &&
                  memcmp(boot_world_bytes(&world, boot_world_primary(i)), good, IMAGE_SIZE) == 0;
    }
    longjmp(end, 1 + (is_good ? DEVICE_REFUSED : DEVICE_RAN));
}

static int start_once(void)
{
    int how = setjmp(end);

    if (how == 0) {
        (void)(has(RECOVERS) ? recovery_main() : boot_main());
    }
    return how - 1;
}

int device_start(void)
{
    int how = RESET;

    for (unsigned i = 0; how == RESET && i < STARTS_MAX; i++) {
        how = start_once();
    }
    return how == DEVICE_RAN ? DEVICE_RAN : DEVICE_REFUSED;
}
