/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device as a whole: real bootloader, real SMP server, both slots, power. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "dfu/sim_device.h"
#include "dfu/update.h"

#define SECTOR    4096u
#define SLOT      (16u * SECTOR)
#define STORAGE   (2u * SECTOR)
#define IMAGE_MAX 20000u
#define LINK      7u

static const char calm[] = "dfukit-app\nname=calm\n";
static const char eager[] = "dfukit-app\nname=eager\nconfirm=self\n";
static const char stubborn[] = "dfukit-app\nname=stubborn\nconfirm=never\n";
static const char broken[] = "dfukit-app\nname=broken\nstart=crash\n";
static const char silent[] = "dfukit-app\nname=silent\nstart=hang\n";

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

struct image {
    uint8_t bytes[IMAGE_MAX];
    size_t len;
};

/* Header, a payload that starts with text, a SHA-256. */
static void make_image(struct image *image, uint8_t major, const char *text, uint32_t payload)
{
    uint8_t *tlv = image->bytes + 32 + payload;

    memset(image->bytes, major, sizeof image->bytes);
    memset(image->bytes, 0, 32);
    put_le32(image->bytes, 0x96f3b83d);
    put_le16(image->bytes + 8, 32);
    put_le32(image->bytes + 12, payload);
    image->bytes[20] = major;
    memcpy(image->bytes + 32, text, strlen(text) + 1);
    put_le16(tlv, 0x6907);
    put_le16(tlv + 2, 4 + 4 + 32);
    put_le16(tlv + 4, 0x10);
    put_le16(tlv + 6, 32);
    assert_true(EVP_Digest(image->bytes, 32 + payload, tlv + 8, NULL, EVP_sha256(), NULL) == 1);
    image->len = 32 + payload + 40;
}

struct rig {
    struct dfu_sim_flash flash, outer;
    struct dfu_sim_flash *flashes[2];
    struct dfu_sector_run runs[1], slot_runs[1], storage_runs[1];
    struct dfu_area primary, secondary, storage;
    struct dfu_slot_map map;
    struct dfu_sim_device_config cfg;
    struct dfu_sim_device device;
    struct image old_image, new_image;
    char console[16384];
    uint8_t answer[4096];
    size_t answer_len;
    uint32_t answer_link;
    unsigned answers;
    uint64_t now;
    uint8_t mem[2 * SLOT + STORAGE];
    uint8_t programmed[(2 * SLOT + STORAGE) / 4 / 8];
    uint8_t outer_mem[SLOT];
};

static void take_line(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    size_t used = strlen(rig->console);

    snprintf(rig->console + used, sizeof rig->console - used, "%s\n", text);
}

static void take_frame(void *ctx, uint32_t link, const uint8_t *packet, size_t len)
{
    struct rig *rig = ctx;

    assert_true(len <= sizeof rig->answer);
    memcpy(rig->answer, packet, len);
    rig->answer_len = len;
    rig->answer_link = link;
    rig->answers++;
}

/* Slot 0 holds version 1 of the calm application. */
static struct rig *new_rig(void)
{
    struct rig *rig = calloc(1, sizeof *rig);

    assert_non_null(rig);
    rig->runs[0] = (struct dfu_sector_run){ SECTOR, sizeof rig->mem / SECTOR };
    rig->slot_runs[0] = (struct dfu_sector_run){ SECTOR, SLOT / SECTOR };
    rig->storage_runs[0] = (struct dfu_sector_run){ SECTOR, STORAGE / SECTOR };
    rig->flash = (struct dfu_sim_flash){
        .mem = rig->mem,
        .programmed = rig->programmed,
        .size = sizeof rig->mem,
        .write_size = 4,
        .erased = 0xff,
        .runs = rig->runs,
        .run_count = 1,
        .timing = &dfu_sim_nrf52840,
    };
    dfu_sim_flash_format(&rig->flash);
    rig->flashes[0] = &rig->flash;
    rig->primary = dfu_sim_flash_area(&rig->flash, "slot0_partition", 0, SLOT, rig->slot_runs, 1);
    rig->secondary =
        dfu_sim_flash_area(&rig->flash, "slot1_partition", SLOT, SLOT, rig->slot_runs, 1);
    rig->storage = dfu_sim_flash_area(&rig->flash, "storage_partition", 2 * SLOT, STORAGE,
                                      rig->storage_runs, 1);
    rig->map = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE,
        .max_align = 8,
        .max_sectors = 128,
        .image_count = 1,
        .images = { { &rig->primary, &rig->secondary } },
    };
    rig->cfg = (struct dfu_sim_device_config){
        .map = &rig->map,
        .strategy = &dfu_boot_swap_move,
        .policy = { .hashes = hashes, .hash_only = true },
        .board = "rig",
        .flashes = rig->flashes,
        .flash_count = 1,
        .storage = &rig->storage,
        .line = take_line,
        .frame = take_frame,
        .ctx = rig,
    };
    make_image(&rig->old_image, 1, calm, 9000);
    assert_int_equal(dfu_sim_flash_load(&rig->flash, 0, rig->old_image.bytes, rig->old_image.len),
                     0);
    dfu_sim_device_init(&rig->device, &rig->cfg);
    return rig;
}

/* The second slot lies on a part of its own. */
static void put_second_slot_outside(struct rig *rig)
{
    rig->outer = (struct dfu_sim_flash){
        .mem = rig->outer_mem,
        .size = SLOT,
        .write_size = 1,
        .erased = 0xff,
        .runs = rig->slot_runs,
        .run_count = 1,
        .timing = &dfu_sim_w25q,
    };
    dfu_sim_flash_format(&rig->outer);
    rig->flashes[1] = &rig->outer;
    rig->cfg.flash_count = 2;
    rig->secondary = dfu_sim_flash_area(&rig->outer, "slot1_partition", 0, SLOT, rig->slot_runs, 1);
}

static enum dfu_sim_device_state power_on(struct rig *rig)
{
    rig->console[0] = '\0';
    return dfu_sim_device_power_on(&rig->device, rig->now);
}

/* What an upload and a test request leave behind. */
static void stage(struct rig *rig, const char *text, uint32_t payload)
{
    make_image(&rig->new_image, 2, text, payload);
    assert_int_equal(dfu_area_erase(&rig->secondary, 0, SLOT), 0);
    assert_int_equal(dfu_sim_flash_load(rig->secondary.ctx, rig->secondary.base,
                                        rig->new_image.bytes, rig->new_image.len),
                     0);
    assert_int_equal(dfu_boot_request_upgrade(&rig->map, 0, false), 0);
}

static void send(struct rig *rig, const void *packet, size_t len)
{
    rig->answer_len = 0;
    dfu_sim_device_receive(&rig->device, LINK, packet, len, rig->now);
}

static void advance(struct rig *rig, uint64_t ms)
{
    rig->now += ms;
    rig->console[0] = '\0';
    dfu_sim_device_poll(&rig->device, rig->now);
}

static const uint8_t reset_request[] = { 0x0a, 0, 0, 1, 0, 0, 0x46, 5, 0xa0 };
static const uint8_t confirm_request[] = { 0x0a, 0,   0,   10,  0,   1,   1,   0,   0xa1,
                                           0x67, 'c', 'o', 'n', 'f', 'i', 'r', 'm', 0xf5 };

#define assert_console(rig, text) assert_non_null(strstr((rig)->console, text))

static bool holds(const struct rig *rig, uint32_t at, const struct image *image)
{
    return memcmp(rig->mem + at, image->bytes, image->len) == 0;
}

static void a_device_says_who_it_is_and_what_it_runs(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    assert_int_equal(power_on(rig), DFU_SIM_RUNNING);
    assert_string_equal(rig->console,
                        "sim: reset cause: power on\n"
                        "*** Booting dfukit bootloader ***\n"
                        "I: Starting bootloader\n"
                        "I: Primary image: magic=unset, swap_type=0x1, copy_done=0x3, "
                        "image_ok=0x3\n"
                        "I: Secondary image: magic=unset, swap_type=0x1, copy_done=0x3, "
                        "image_ok=0x3\n"
                        "I: Boot source: none\n"
                        "I: Image index: 0, Swap type: none\n"
                        "I: Bootloader chainload address offset: 0x0\n"
                        "I: Image version: v1.0.0\n"
                        "I: Jumping to the first image slot\n"
                        "app: calm 1.0.0+0 running from slot 0 (confirmed)\n");
    free(rig);
}

static void a_reset_comes_a_quarter_second_after_its_answer(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    power_on(rig);
    stage(rig, calm, 9000);
    send(rig, reset_request, sizeof reset_request);
    assert_int_equal(rig->answer_len, 10);
    assert_int_equal(rig->answer_link, LINK);
    assert_int_equal(dfu_sim_device_due_ms(&rig->device), rig->now + 250);
    advance(rig, 249);
    assert_string_equal(rig->console, "");
    advance(rig, 1);
    assert_console(rig, "sim: reset cause: software\n");
    assert_console(rig, "I: Starting swap using move algorithm.\n");
    assert_console(rig, "sim: this start took ");
    assert_console(rig, " s on nrf52840\n");
    assert_console(rig, "app: calm 2.0.0+0 running from slot 0 (not confirmed)\n");
    assert_true(holds(rig, 0, &rig->new_image));
    free(rig);
}

static void an_image_that_nobody_confirms_is_reverted(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    stage(rig, calm, 9000);
    power_on(rig);
    assert_console(rig, "app: calm 2.0.0+0 running from slot 0 (not confirmed)\n");
    power_on(rig);
    assert_console(rig, "I: Image index: 0, Swap type: revert\n");
    assert_console(rig, "app: calm 1.0.0+0 running from slot 0 (confirmed)\n");
    assert_true(holds(rig, 0, &rig->old_image));
    assert_true(holds(rig, SLOT, &rig->new_image));
    free(rig);
}

static void a_client_can_confirm_what_runs(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    stage(rig, calm, 9000);
    power_on(rig);
    send(rig, confirm_request, sizeof confirm_request);
    assert_true(rig->answer_len > 8);
    assert_null(memmem(rig->answer, rig->answer_len, "err", 3));
    power_on(rig);
    assert_console(rig, "app: calm 2.0.0+0 running from slot 0 (confirmed)\n");
    free(rig);
}

static void an_eager_application_confirms_itself(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    stage(rig, eager, 9000);
    power_on(rig);
    assert_console(rig, "app: eager 2.0.0+0 confirmed itself\n");
    power_on(rig);
    assert_console(rig, "app: eager 2.0.0+0 running from slot 0 (confirmed)\n");
    free(rig);
}

static void a_stubborn_application_refuses_to_be_confirmed(void **state)
{
    /* {"err": {"group": 1, "rc": 32}}, keys as text */
    static const uint8_t refused[] = {
        0x65, 'g', 'r', 'o', 'u', 'p', 0x01, 0x62, 'r', 'c', 0x18, 32
    };
    struct rig *rig = new_rig();

    (void)state;
    stage(rig, stubborn, 9000);
    power_on(rig);
    send(rig, confirm_request, sizeof confirm_request);
    assert_non_null(memmem(rig->answer, rig->answer_len, refused, sizeof refused));
    power_on(rig);
    assert_console(rig, "Swap type: revert\n");
    free(rig);
}

static void firmware_that_fails_at_start_is_reverted_by_the_watchdog(void **state)
{
    static const struct {
        const char *text, *line;
        uint64_t after_ms;
    } rows[] = {
        { broken, "app: broken 2.0.0+0 crashed at start; the watchdog resets the device\n",
          DFU_SIM_CRASH_DELAY_MS },
        { silent, "app: silent 2.0.0+0 hangs\n", DFU_SIM_WATCHDOG_MS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig *rig = new_rig();

        stage(rig, rows[i].text, 9000);
        assert_int_equal(power_on(rig), DFU_SIM_STUCK);
        assert_console(rig, rows[i].line);
        send(rig, reset_request, sizeof reset_request);
        assert_int_equal(rig->answers, 0);
        advance(rig, rows[i].after_ms);
        assert_console(rig, "sim: reset cause: watchdog\n");
        assert_console(rig, "Swap type: revert\n");
        assert_console(rig, "app: calm 1.0.0+0 running from slot 0 (confirmed)\n");
        assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
        free(rig);
    }
}

static void a_swap_cut_at_any_operation_is_finished_when_power_returns(void **state)
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_AFTER };
    unsigned cuts = 0;
    unsigned resumed = 0;

    (void)state;
    for (uint32_t op = 1;; op++) {
        struct rig *rig = new_rig();

        stage(rig, calm, 9000);
        dfu_sim_device_cut(&rig->device, whens[op % 3], op, op);
        if (power_on(rig) != DFU_SIM_OFF) {
            assert_int_equal(rig->device.cut.when, DFU_SIM_NO_CUT);
            free(rig);
            break;
        }
        cuts++;
        assert_int_equal(rig->device.cut.op, op);
        assert_console(rig, "sim: power lost ");
        send(rig, reset_request, sizeof reset_request);
        assert_int_equal(rig->answers, 0);
        assert_int_equal(power_on(rig), DFU_SIM_RUNNING);
        resumed += rig->device.boot.resumed;
        assert_console(rig, "app: calm 2.0.0+0 running from slot 0 (not confirmed)\n");
        assert_true(holds(rig, 0, &rig->new_image));
        free(rig);
    }
    assert_in_range(cuts, 20, 1000);
    assert_true(resumed > cuts / 2);
}

static void operations_are_numbered_over_all_parts_of_a_device(void **state)
{
    bool was_inner = false;
    bool was_outer = false;
    bool was_reverted = false;

    (void)state;
    for (uint32_t op = 1;; op++) {
        struct rig *rig = new_rig();
        const char *label;

        put_second_slot_outside(rig);
        stage(rig, calm, 9000);
        dfu_sim_device_cut(&rig->device, DFU_SIM_CUT_INSIDE, op, op);
        if (power_on(rig) != DFU_SIM_OFF) {
            assert_console(rig, " s on nrf52840 and w25q\n");
            free(rig);
            break;
        }
        assert_true(rig->flash.is_off && rig->outer.is_off);
        label = rig->device.cut.area->label;
        assert_console(rig, label);
        was_inner = was_inner || strcmp(label, "slot0_partition") == 0;
        was_outer = was_outer || strcmp(label, "slot1_partition") == 0;
        assert_int_equal(power_on(rig), DFU_SIM_RUNNING);
        assert_false(was_reverted); /* only by a torn last mark: then the trial counts as run */
        was_reverted = holds(rig, 0, &rig->old_image);
        assert_true(was_reverted || holds(rig, 0, &rig->new_image));
        free(rig);
    }
    assert_true(was_inner && was_outer);
}

static void a_cut_is_told_by_operation_area_and_sector(void **state)
{
    struct rig *rig = new_rig();
    char line[128];

    (void)state;
    stage(rig, calm, 9000);
    dfu_sim_device_cut(&rig->device, DFU_SIM_CUT_INSIDE, 9, 1);
    assert_int_equal(power_on(rig), DFU_SIM_OFF);
    assert_non_null(rig->device.cut.area);
    if (rig->device.cut.kind == DFU_SIM_ERASE) {
        snprintf(line, sizeof line,
                 "sim: power lost in the middle of operation 9 (erase of %s sector %u)\n",
                 rig->device.cut.area->label, rig->device.cut.off / SECTOR);
    } else {
        snprintf(line, sizeof line,
                 "sim: power lost in the middle of operation 9 (write of %u bytes to %s sector "
                 "%u)\n",
                 rig->device.cut.len, rig->device.cut.area->label, rig->device.cut.off / SECTOR);
    }
    assert_console(rig, line);
    free(rig);
}

static void a_device_without_an_image_says_so_and_stays(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    assert_int_equal(dfu_area_erase(&rig->primary, 0, SLOT), 0);
    assert_int_equal(power_on(rig), DFU_SIM_UNBOOTABLE);
    assert_console(rig, "E: Unable to find bootable image\n");
    assert_console(rig, "sim: there is no image that may run");
    send(rig, reset_request, sizeof reset_request);
    assert_int_equal(rig->answers, 0);
    assert_true(dfu_sim_device_due_ms(&rig->device) == UINT64_MAX);
    free(rig);
}

static void two_devices_live_in_one_process(void **state)
{
    struct rig *a = new_rig();
    struct rig *b = new_rig();

    (void)state;
    stage(a, calm, 9000);
    stage(b, broken, 12000);
    dfu_sim_device_cut(&a->device, DFU_SIM_CUT_INSIDE, 12, 1);
    assert_int_equal(power_on(a), DFU_SIM_OFF);
    assert_int_equal(power_on(b), DFU_SIM_STUCK);
    assert_int_equal(power_on(a), DFU_SIM_RUNNING);
    advance(b, DFU_SIM_CRASH_DELAY_MS);
    send(a, confirm_request, sizeof confirm_request);
    assert_int_equal(a->answers, 1);
    assert_int_equal(b->answers, 0);
    assert_true(holds(a, 0, &a->new_image));
    assert_true(holds(b, 0, &b->old_image));
    assert_true(dfu_boot_is_img_confirmed(&a->map, 0));
    free(a);
    free(b);
}

static void the_clock_runs_on_over_a_reset_but_not_over_a_power_cycle(void **state)
{
    static const uint8_t get[] = { 0x08, 0, 0, 1, 0, 0, 1, 4, 0xa0 };
    static const char before_leap[] = "2028-02-28T23:59:59.900";
    uint8_t set[64] = { 0x0a, 0, 0, 0, 0, 0, 1, 4, 0xa1, 0x68 };
    struct rig *rig = new_rig();
    size_t len = 10;

    (void)state;
    memcpy(set + len, "datetime", 8);
    len += 8;
    set[len++] = 0x60 + 23;
    memcpy(set + len, before_leap, 23);
    len += 23;
    set[3] = (uint8_t)(len - 8);
    power_on(rig);
    send(rig, set, len);
    send(rig, reset_request, sizeof reset_request);
    advance(rig, 250);
    send(rig, get, sizeof get);
    assert_non_null(memmem(rig->answer, rig->answer_len, "2028-02-29T00:00:00.150", 23));
    dfu_sim_device_power_off(&rig->device);
    power_on(rig);
    send(rig, get, sizeof get);
    assert_non_null(memmem(rig->answer, rig->answer_len, "err", 3));
    free(rig);
}

/* ---- The bootloader before the application ---- */

static const struct dfu_sim_recovery_config recovery = { .idle_ms = 1000 };
static const uint8_t recovery_request[] = { 0x0a, 0,   0,   12,  0,   0,   0x46, 5,   0xa1, 0x69,
                                            'b',  'o', 'o', 't', '_', 'm', 'o',  'd', 'e',  1 };

static void the_pin_leads_into_recovery_before_anything_is_booted(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    rig->cfg.recovery = &recovery;
    rig->device.is_pin_pressed = true;
    assert_int_equal(power_on(rig), DFU_SIM_RECOVERING);
    assert_null(strstr(rig->console, "I: Starting bootloader"));
    send(rig, reset_request, sizeof reset_request);
    assert_int_equal(rig->answers, 1);
    assert_int_equal(dfu_sim_device_due_ms(&rig->device), rig->now + 250);
    advance(rig, 250);
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING); /* it was pressed once */
    assert_int_equal(rig->device.starts, 2);
    free(rig);
}

static void silence_lets_the_bootloader_go_on_where_it_was(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    rig->cfg.recovery = &recovery;
    rig->device.is_pin_pressed = true;
    (void)power_on(rig);
    advance(rig, 999);
    assert_int_equal(rig->device.state, DFU_SIM_RECOVERING);
    advance(rig, 1);
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
    assert_int_equal(rig->device.starts, 1);
    free(rig);
}

static void a_request_for_recovery_counts_once_and_is_lost_with_power(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    rig->cfg.recovery = &recovery;
    for (int i = 0; i < 2; i++) {
        (void)power_on(rig);
        send(rig, recovery_request, sizeof recovery_request);
        assert_int_equal(rig->answers, 1);
        if (i == 0) {
            advance(rig, 250);
            assert_int_equal(rig->device.state, DFU_SIM_RECOVERING);
            assert_non_null(strstr(rig->console, "I: Enter the serial recovery mode"));
            dfu_sim_device_reset(&rig->device, rig->now);
        } else {
            dfu_sim_device_power_off(&rig->device);
            (void)power_on(rig);
        }
        assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
        rig->answers = 0;
    }
    free(rig);
}

static void a_boot_mode_means_nothing_where_there_is_no_recovery(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    (void)power_on(rig);
    send(rig, recovery_request, sizeof recovery_request);
    advance(rig, 250);
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
    assert_int_equal(rig->device.starts, 2);
    free(rig);
}

static void a_window_for_usb_is_waited_for_but_not_in_the_middle_of_a_swap(void **state)
{
    struct rig *rig = new_rig();

    (void)state;
    rig->cfg.usb_wait_ms = 1000;
    stage(rig, calm, 9000);
    dfu_sim_device_cut(&rig->device, DFU_SIM_CUT_INSIDE, 12, 1);
    assert_int_equal(power_on(rig), DFU_SIM_WAITING);
    dfu_sim_device_go_on(&rig->device, false, rig->now);
    assert_int_equal(rig->device.state, DFU_SIM_OFF);
    assert_int_equal(power_on(rig), DFU_SIM_RUNNING); /* first the swap is finished */
    assert_int_equal(rig->device.boot.header.version.major, 2);
    assert_int_equal(power_on(rig), DFU_SIM_WAITING);
    dfu_sim_device_go_on(&rig->device, false, rig->now);
    rig->console[0] = '\0';
    dfu_sim_device_go_on(&rig->device, false, rig->now);
    assert_string_equal(rig->console, ""); /* only once */
    assert_int_equal(rig->device.state, DFU_SIM_RUNNING);
    assert_int_equal(rig->device.boot.header.version.major, 1); /* nobody had confirmed it */
    free(rig);
}

static void only_a_whole_text_changes_how_an_application_behaves(void **state)
{
    static const struct {
        const char *payload;
        size_t len;
        struct dfu_sim_app app;
    } rows[] = {
        { "", 0, { .name = "application" } },
        { "dfukit-app", 10, { .name = "application" } },
        { "dfukit-apple\nstart=crash\n", 25, { .name = "application" } },
        { "dfukit-app\nstart=crash", 22, { .name = "application", .start = DFU_SIM_START_CRASH } },
        { "dfukit-app\nstart=crash", 21, { .name = "application" } },
        { "dfukit-app\nstart=hang\n\nconfirm=self\n",
          36,
          { .name = "application", .start = DFU_SIM_START_HANG } },
        { "dfukit-app\nspeed=fast\nconfirm=self\n",
          35,
          { .name = "application", .confirm = DFU_SIM_CONFIRM_SELF } },
        { "dfukit-app\nname=0123456789012345678901234567890123456789\nconfirm=never\n",
          71,
          { .name = "0123456789012345678901234567890", .confirm = DFU_SIM_CONFIRM_NEVER } },
        { "dfukit-app\nname=a\xffstart=crash\n", 30, { .name = "a" } },
        { "dfukit-app\ngreet=Hi all!\nname=\n",
          30,
          { .name = "application", .greeting = "Hi all!" } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dfu_sim_app app;

        dfu_sim_app_parse(&app, (const uint8_t *)rows[i].payload, rows[i].len);
        assert_string_equal(app.name, rows[i].app.name);
        assert_string_equal(app.greeting, rows[i].app.greeting);
        assert_int_equal(app.confirm, rows[i].app.confirm);
        assert_int_equal(app.start, rows[i].app.start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_says_who_it_is_and_what_it_runs),
        cmocka_unit_test(a_reset_comes_a_quarter_second_after_its_answer),
        cmocka_unit_test(an_image_that_nobody_confirms_is_reverted),
        cmocka_unit_test(a_client_can_confirm_what_runs),
        cmocka_unit_test(an_eager_application_confirms_itself),
        cmocka_unit_test(a_stubborn_application_refuses_to_be_confirmed),
        cmocka_unit_test(firmware_that_fails_at_start_is_reverted_by_the_watchdog),
        cmocka_unit_test(a_swap_cut_at_any_operation_is_finished_when_power_returns),
        cmocka_unit_test(operations_are_numbered_over_all_parts_of_a_device),
        cmocka_unit_test(a_cut_is_told_by_operation_area_and_sector),
        cmocka_unit_test(a_device_without_an_image_says_so_and_stays),
        cmocka_unit_test(two_devices_live_in_one_process),
        cmocka_unit_test(the_clock_runs_on_over_a_reset_but_not_over_a_power_cycle),
        cmocka_unit_test(the_pin_leads_into_recovery_before_anything_is_booted),
        cmocka_unit_test(silence_lets_the_bootloader_go_on_where_it_was),
        cmocka_unit_test(a_request_for_recovery_counts_once_and_is_lost_with_power),
        cmocka_unit_test(a_boot_mode_means_nothing_where_there_is_no_recovery),
        cmocka_unit_test(a_window_for_usb_is_waited_for_but_not_in_the_middle_of_a_swap),
        cmocka_unit_test(only_a_whole_text_changes_how_an_application_behaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
