/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* DfuSe addressing over image slots: commands, addresses, what is refused, and power cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/boot.h"
#include "dfu/err.h"
#include "dfu/usb_dfuse.h"
#include "img_world.h"
#include "nor.h"

#define SECTOR   4096u
#define SECTORS  8u
#define SLOT     (SECTORS * SECTOR)
#define TRANSFER 1024u
#define ERASE_US 85000u

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };
static const struct dfu_image_version one = { 1, 0, 0, 0 }, two = { 2, 0, 0, 0 };

struct world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_image_policy policy;
    struct dfu_lock lock;
    struct dfu_usb_slot_config slot_cfg;
    struct dfu_usb_dfuse_slot slots[2];
    struct dfu_usb_alt alts[2];
    struct dfu_usb_dfu_config cfg;
    struct dfu_usb_dfu dfu;
    struct test_image old_image, new_image;
    uint8_t block[TRANSFER], data[TRANSFER], scratch[512];
    uint32_t now_ms, poll_ms;
};

static void start_class(struct world *w)
{
    dfu_usb_dfuse_init(&w->slots[0], &w->slot_cfg, w->map.images[0].primary, false, TRANSFER);
    dfu_usb_dfuse_init(&w->slots[1], &w->slot_cfg, w->map.images[0].secondary, true, TRANSFER);
    dfu_usb_dfu_start(&w->dfu, &w->cfg, DFU_USB_DFU_MODE);
    dfu_usb_dfu_select(&w->dfu, 1);
}

/* Version 1 runs; slots of 32 KiB at 0 and at 0x8000. */
static struct world *new_world(void)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->nor = nor_new(SECTOR, 2 * SECTORS, 4, 0xff);
    w->map = nor_two_slots(w->nor, SECTORS);
    w->policy = (struct dfu_image_policy){ .hashes = hashes, .hash_only = true };
    w->slot_cfg = (struct dfu_usb_slot_config){
        .map = &w->map,
        .policy = &w->policy,
        .timing = { .erase_sector_us = ERASE_US, .erase_unit = SECTOR, .write_kib_us = 10000 },
        .lock = &w->lock,
        .buf = w->scratch,
        .buf_len = sizeof w->scratch,
    };
    for (int i = 0; i < 2; i++) {
        w->alts[i] =
            (struct dfu_usb_alt){ i ? "1" : "0", &dfu_usb_dfuse_ops, &w->slots[i], true, true };
    }
    w->cfg = (struct dfu_usb_dfu_config){ .alts = w->alts,
                                          .alt_count = 2,
                                          .block = w->block,
                                          .transfer_size = TRANSFER,
                                          .upload = true,
                                          .reboot = true };
    w->old_image = image_make(one, 6000);
    w->new_image = image_make(two, 9001);
    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, 0, w->old_image.data, w->old_image.size),
                     0);
    start_class(w);
    return w;
}

static void free_world(struct world *w)
{
    nor_free(w->nor);
    image_free(&w->old_image);
    image_free(&w->new_image);
    free(w);
}

static int ask(struct world *w, uint8_t request, uint16_t value, uint16_t length)
{
    bool is_in = request == DFU_USB_UPLOAD || request == DFU_USB_GETSTATUS;
    struct dfu_usb_setup setup = { is_in ? 0xa1 : 0x21, request, value, 0, length };

    return dfu_usb_dfuse.control(&w->dfu, &setup, w->data, w->now_ms);
}

/* GETSTATUS as often as a host does; bStatus, 0xff for a stalled download. The first answer after a
 * block is dfuDNBUSY, as dfu-util insists. */
static unsigned settle(struct world *w)
{
    bool is_first = true;

    do {
        assert_int_equal(ask(w, DFU_USB_GETSTATUS, 0, 6), 6);
        if (is_first && w->data[0] == DFU_USB_OK && w->data[4] == DFU_USB_DNBUSY) {
            w->poll_ms = (uint32_t)w->data[1] | (uint32_t)w->data[2] << 8;
        }
        is_first = false;
        w->now_ms += 1;
        while (dfu_usb_dfu_has_work(&w->dfu)) {
            dfu_usb_dfu_step(&w->dfu, w->now_ms);
        }
    } while (w->data[4] == DFU_USB_DNBUSY || w->data[4] == DFU_USB_MANIFEST);
    return w->data[0];
}

static unsigned command(struct world *w, uint8_t number, uint32_t address, uint16_t len)
{
    w->data[0] = number;
    put_le32(w->data + 1, address);
    return ask(w, DFU_USB_DNLOAD, 0, len) ? 0xff : settle(w);
}

static unsigned write_block(struct world *w, uint16_t number, const uint8_t *data, uint16_t len)
{
    memcpy(w->data, data, len);
    return ask(w, DFU_USB_DNLOAD, number, len) ? 0xff : settle(w);
}

/* What dfu-util -s ADDRESS -D does: erase the pages, then address and block 2 for each chunk. */
static unsigned download(struct world *w, uint32_t address, const struct test_image *image)
{
    unsigned status = DFU_USB_OK;

    for (uint32_t off = 0; !status && off < image->size; off += SECTOR) {
        status = command(w, DFU_USB_DFUSE_ERASE, address + off, 5);
    }
    for (uint32_t off = 0; !status && off < image->size; off += TRANSFER) {
        uint32_t n = min_u32(image->size - off, TRANSFER);

        status = command(w, DFU_USB_DFUSE_SET_ADDRESS, address + off, 5);
        if (!status) {
            status = write_block(w, 2, image->data + off, (uint16_t)n);
        }
    }
    return status;
}

/* The zero-length block with which a host lets the device go. */
static unsigned leave(struct world *w)
{
    unsigned status = command(w, DFU_USB_DFUSE_SET_ADDRESS, SLOT, 5);

    return status || ask(w, DFU_USB_DNLOAD, 2, 0) ? 0xff : settle(w);
}

static int boot(struct world *w, struct dfu_boot_result *result)
{
    static uint8_t buf[1024];
    struct dfu_boot_config cfg = { .map = &w->map,
                                   .strategy = &dfu_boot_swap_move,
                                   .policy = w->policy,
                                   .validate_primary = true,
                                   .buf = buf,
                                   .buf_len = sizeof buf };

    return dfu_boot(&cfg, result);
}

static void an_image_becomes_effective_when_the_host_lets_the_device_go(void **state)
{
    struct world *w = new_world();
    struct dfu_boot_result result;

    (void)state;
    assert_int_equal(download(w, SLOT, &w->new_image), DFU_USB_OK);
    assert_int_equal(ask(w, DFU_USB_ABORT, 0, 0), 0);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_int_equal(leave(w), DFU_USB_OK);
    assert_int_equal(w->dfu.state, DFU_USB_MANIFEST_WAIT_RESET);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_TEST);
    assert_int_equal(boot(w, &result), 0);
    assert_int_equal(result.header.version.major, 2);
    free_world(w);
}

static void blocks_lie_one_after_the_other_from_the_address_on(void **state)
{
    struct world *w = new_world();
    const struct test_image *image = &w->new_image;

    (void)state;
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_OK);
    assert_int_equal(command(w, DFU_USB_DFUSE_SET_ADDRESS, SLOT + 64, 5), DFU_USB_OK);
    assert_int_equal(write_block(w, 4, image->data, TRANSFER), DFU_USB_OK);
    assert_int_equal(write_block(w, 2, image->data + 100, 30), DFU_USB_OK); /* in any order */
    assert_memory_equal(w->nor->flash.mem + SLOT + 64 + 2 * TRANSFER, image->data, TRANSFER);
    assert_memory_equal(w->nor->flash.mem + SLOT + 64, image->data + 100, 30);
    assert_int_equal(w->nor->flash.mem[SLOT + 64 + 30], 0xff);

    assert_int_equal(ask(w, DFU_USB_ABORT, 0, 0), 0); /* the address stays */
    assert_int_equal(ask(w, DFU_USB_UPLOAD, 4, TRANSFER), TRANSFER);
    assert_memory_equal(w->data, image->data, TRANSFER);
    assert_int_equal(ask(w, DFU_USB_UPLOAD, 2, 16), 16);
    assert_memory_equal(w->data, image->data + 100, 16);
    assert_int_equal(ask(w, DFU_USB_UPLOAD, 33, TRANSFER), TRANSFER - 64); /* the slot's end */
    free_world(w);
}

static void the_commands_are_listed(void **state)
{
    struct world *w = new_world();

    (void)state;
    assert_int_equal(command(w, 0, 0, 1), DFU_USB_OK);
    assert_int_equal(ask(w, DFU_USB_ABORT, 0, 0), 0);
    assert_int_equal(ask(w, DFU_USB_UPLOAD, 0, 64), 3);
    assert_memory_equal(w->data, "\x00\x21\x41", 3);
    free_world(w);
}

static void what_makes_no_sense_has_its_own_status(void **state)
{
    static const struct {
        uint8_t command;
        uint16_t len;
        uint32_t address;
        unsigned status;
    } commands[] = {
        { DFU_USB_DFUSE_SET_ADDRESS, 5, SLOT - 1, DFU_USB_ERR_TARGET },
        { DFU_USB_DFUSE_SET_ADDRESS, 5, 2 * SLOT + 1, DFU_USB_ERR_TARGET },
        { DFU_USB_DFUSE_SET_ADDRESS, 4, SLOT, DFU_USB_ERR_VENDOR },
        { DFU_USB_DFUSE_ERASE, 5, 0, DFU_USB_ERR_TARGET },
        { DFU_USB_DFUSE_ERASE, 5, 2 * SLOT, DFU_USB_ERR_TARGET },
        { DFU_USB_DFUSE_ERASE, 2, SLOT, DFU_USB_ERR_VENDOR },
        { 0x92, 1, 0, DFU_USB_ERR_VENDOR }, /* read unprotect */
        { 0x7f, 1, 0, DFU_USB_ERR_VENDOR },
    };
    struct world *w = new_world();

    (void)state;
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        assert_int_equal(command(w, commands[i].command, commands[i].address, commands[i].len),
                         commands[i].status);
        assert_int_equal(w->dfu.state, DFU_USB_ERROR);
        assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    }
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_OK);
    assert_int_equal(write_block(w, 1, w->new_image.data, 8), DFU_USB_ERR_UNKNOWN);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(write_block(w, 34, w->new_image.data, 8), DFU_USB_ERR_ADDRESS);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(command(w, DFU_USB_DFUSE_SET_ADDRESS, SLOT + 2, 5), DFU_USB_OK);
    assert_int_equal(write_block(w, 2, w->new_image.data, 8), DFU_USB_ERR_ADDRESS);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(ask(w, DFU_USB_UPLOAD, 1, 16), DFU_ERR_STATE);
    assert_int_equal(w->dfu.status, DFU_USB_ERR_UNKNOWN);
    free_world(w);
}

static void a_read_only_slot_is_read_and_not_changed(void **state)
{
    struct world *w = new_world();
    uint32_t ops;

    (void)state;
    dfu_usb_dfu_select(&w->dfu, 0);
    ops = w->nor->flash.ops;
    assert_int_equal(command(w, DFU_USB_DFUSE_SET_ADDRESS, 512, 5), DFU_USB_OK);
    assert_int_equal(ask(w, DFU_USB_ABORT, 0, 0), 0);
    assert_int_equal(ask(w, DFU_USB_UPLOAD, 2, 64), 64);
    assert_memory_equal(w->data, w->old_image.data + 512, 64);
    assert_int_equal(ask(w, DFU_USB_ABORT, 0, 0), 0);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, 0, 5), DFU_USB_ERR_WRITE);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, 0, 1), DFU_USB_ERR_WRITE);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(write_block(w, 2, w->new_image.data, 64), DFU_USB_ERR_WRITE);
    assert_int_equal(w->nor->flash.ops, ops);
    free_world(w);
}

static void the_slot_of_the_image_before_an_unconfirmed_one_stays(void **state)
{
    struct world *w = new_world();
    struct dfu_boot_result result;

    (void)state;
    assert_int_equal(download(w, SLOT, &w->new_image), DFU_USB_OK);
    assert_int_equal(leave(w), DFU_USB_OK);
    assert_int_equal(boot(w, &result), 0);
    start_class(w);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_ERR_WRITE);
    assert_int_equal(boot(w, &result), 0);
    assert_int_equal(result.header.version.major, 1);
    free_world(w);
}

static void a_mass_erase_goes_from_the_end_to_the_start(void **state)
{
    struct world *w = new_world();

    (void)state;
    for (int i = 0; i < 2; i++) { /* also when it was erased before */
        memset(w->nor->flash.mem + SLOT, 0x55, SLOT);
        assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, 0, 1), DFU_USB_OK);
        assert_int_equal(w->poll_ms, SECTORS * ERASE_US / 1000);
        assert_int_equal(dfu_area_is_erased(w->map.images[0].secondary, 0, SLOT), 1);
    }
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_OK);
    assert_int_equal(w->poll_ms, ERASE_US / 1000); /* the trailer is gone already */
    memset(w->nor->flash.mem + SLOT, 0x55, SLOT);
    dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_AFTER, w->nor->flash.ops + 1, 1);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, 0, 1), DFU_USB_ERR_ERASE);
    assert_int_equal(w->nor->flash.mem[2 * SLOT - 1], 0xff);
    assert_int_equal(w->nor->flash.mem[SLOT], 0x55);
    free_world(w);
}

static void a_page_is_erased_with_the_old_trailer_before_it_and_the_time_announced(void **state)
{
    struct world *w = new_world();

    (void)state;
    memset(w->nor->flash.mem + SLOT, 0x55, SLOT);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT + SECTOR + 5, 5), DFU_USB_OK);
    assert_int_equal(w->poll_ms, 2 * ERASE_US / 1000);
    assert_int_equal(dfu_area_is_erased(w->map.images[0].secondary, SECTOR, SECTOR), 1);
    assert_int_equal(dfu_area_is_erased(w->map.images[0].secondary, SLOT - SECTOR, SECTOR), 1);
    assert_int_equal(w->nor->flash.mem[SLOT], 0x55);
    assert_int_equal(w->nor->flash.mem[SLOT + 2 * SECTOR], 0x55);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_OK);
    assert_int_equal(w->poll_ms, ERASE_US / 1000);
    free_world(w);
}

static void what_does_not_verify_is_not_marked(void **state)
{
    struct world *w = new_world();

    (void)state;
    w->new_image.data[5000] ^= 1;
    assert_int_equal(download(w, SLOT, &w->new_image), DFU_USB_OK);
    assert_int_equal(leave(w), DFU_USB_ERR_VERIFY);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    w->new_image.data[5000] ^= 1;
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(download(w, SLOT, &w->new_image), DFU_USB_OK);
    assert_int_equal(leave(w), DFU_USB_OK);
    free_world(w);
}

static void a_request_is_taken_back_when_its_slot_changes(void **state)
{
    struct world *w = new_world();

    (void)state;
    assert_int_equal(download(w, SLOT, &w->new_image), DFU_USB_OK);
    assert_int_equal(leave(w), DFU_USB_OK);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_TEST);
    dfu_usb_dfu_start(&w->dfu, &w->cfg, DFU_USB_DFU_MODE);
    dfu_usb_dfu_select(&w->dfu, 1);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_OK);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    free_world(w);
}

static void leaving_without_a_download_marks_nothing(void **state)
{
    struct world *w = new_world();

    (void)state;
    dfu_sim_flash_load(&w->nor->flash, SLOT, w->new_image.data, w->new_image.size);
    assert_int_equal(leave(w), DFU_USB_OK);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    free_world(w);
}

static void somebody_elses_update_ends_this_one(void **state)
{
    const struct dfu_lock_owner other = { .name = "other" };
    struct world *w = new_world();

    (void)state;
    assert_int_equal(dfu_lock_claim(&w->lock, &other), 0);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_ERR_VENDOR);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(dfu_lock_release(&w->lock, &other), 0);
    assert_int_equal(command(w, DFU_USB_DFUSE_ERASE, SLOT, 5), DFU_USB_OK);
    assert_int_equal(ask(w, DFU_USB_ABORT, 0, 0), 0); /* lets go */
    assert_int_equal(dfu_lock_claim(&w->lock, &other), 0);
    assert_int_equal(dfu_lock_release(&w->lock, &other), 0);
    assert_int_equal(write_block(w, 2, w->new_image.data, 64), DFU_USB_ERR_VENDOR);
    assert_int_equal(ask(w, DFU_USB_CLRSTATUS, 0, 0), 0);
    assert_int_equal(download(w, SLOT, &w->new_image), DFU_USB_OK); /* begins anew */
    assert_int_equal(leave(w), DFU_USB_OK);
    free_world(w);
}

static void a_power_cut_at_any_operation_leaves_an_image_that_boots(void **state)
{
    bool was_cut = true;
    uint32_t cuts = 0;

    (void)state;
    for (uint32_t op = 1; was_cut; op++) {
        struct world *w = new_world();
        struct dfu_boot_result result;

        dfu_sim_flash_load(&w->nor->flash, SLOT, w->new_image.data, w->new_image.size);
        assert_int_equal(dfu_boot_request_upgrade(&w->map, 0, false), 0); /* to be taken back */
        dfu_sim_flash_power_on(&w->nor->flash);
        dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_INSIDE, op, 17 * op);
        was_cut = download(w, SLOT, &w->new_image) || leave(w);
        dfu_sim_flash_power_on(&w->nor->flash);
        assert_int_equal(boot(w, &result), 0);
        cuts += was_cut;
        free_world(w);
    }
    assert_true(cuts > 10);
}

static void the_interface_string_describes_the_memory(void **state)
{
    struct world *w = new_world();
    char text[64];

    (void)state;
    assert_string_equal(dfu_usb_dfuse_layout(&w->slots[0], "image_0", text, sizeof text),
                        "@image_0 /0x0/8*4Ka");
    assert_string_equal(dfu_usb_dfuse_layout(&w->slots[1], "image_1", text, sizeof text),
                        "@image_1 /0x8000/8*4Kg");
    w->map.mode = DFU_MODE_SWAP_OFFSET; /* an update lies one sector later */
    assert_string_equal(dfu_usb_dfuse_layout(&w->slots[1], "image_1", text, sizeof text),
                        "@image_1 /0x9000/7*4Kg");
    assert_int_equal(command(w, DFU_USB_DFUSE_SET_ADDRESS, SLOT, 5), DFU_USB_ERR_TARGET);
    free_world(w);
}

/* Whatever a host says, slot 0 stays and what boots has verified. */
static void a_random_walk_never_harms_the_running_image(void **state)
{
    struct world *w = new_world();
    struct dfu_boot_result result;
    uint64_t seed = 2026;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t r = test_random(&seed);
        uint16_t number = (uint16_t)(test_random(&seed) % 5);

        for (unsigned j = 0; j < 16; j++) {
            w->data[j] = (uint8_t)test_random(&seed);
        }
        if (r % 16 < 5) {
            (void)command(w, (r & 32) ? DFU_USB_DFUSE_SET_ADDRESS : DFU_USB_DFUSE_ERASE,
                          (r >> 8) % (2 * SLOT), (r & 64) ? 5 : 1);
        } else if (r % 16 < 10) {
            (void)ask(w, DFU_USB_DNLOAD, number, (uint16_t)(r >> 8) % (TRANSFER + 2));
        } else if (r % 16 < 12) {
            (void)ask(w, DFU_USB_UPLOAD, number, (uint16_t)(r >> 8) % (TRANSFER + 2));
        } else {
            (void)ask(w, (uint8_t)((r >> 8) % 8), number, 6);
        }
        if (r % 64 == 0) {
            dfu_usb_dfu_select(&w->dfu, (r >> 8) & 1);
        }
        (void)dfu_usb_dfu_step(&w->dfu, w->now_ms);
    }
    assert_memory_equal(w->nor->flash.mem, w->old_image.data, w->old_image.size);
    assert_int_equal(boot(w, &result), 0);
    assert_int_equal(result.header.version.major, 1);
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_becomes_effective_when_the_host_lets_the_device_go),
        cmocka_unit_test(blocks_lie_one_after_the_other_from_the_address_on),
        cmocka_unit_test(the_commands_are_listed),
        cmocka_unit_test(what_makes_no_sense_has_its_own_status),
        cmocka_unit_test(a_read_only_slot_is_read_and_not_changed),
        cmocka_unit_test(the_slot_of_the_image_before_an_unconfirmed_one_stays),
        cmocka_unit_test(a_mass_erase_goes_from_the_end_to_the_start),
        cmocka_unit_test(a_page_is_erased_with_the_old_trailer_before_it_and_the_time_announced),
        cmocka_unit_test(what_does_not_verify_is_not_marked),
        cmocka_unit_test(a_request_is_taken_back_when_its_slot_changes),
        cmocka_unit_test(leaving_without_a_download_marks_nothing),
        cmocka_unit_test(somebody_elses_update_ends_this_one),
        cmocka_unit_test(a_power_cut_at_any_operation_leaves_an_image_that_boots),
        cmocka_unit_test(the_interface_string_describes_the_memory),
        cmocka_unit_test(a_random_walk_never_harms_the_running_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
