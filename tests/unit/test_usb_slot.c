/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Image slots behind USB DFU: what is refused and with which status, what is marked, the lock, and
 * power cuts at every flash operation of a download. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/boot.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "dfu/usb_slot.h"
#include "nor.h"

#define SECTOR    4096u
#define SECTORS   8u
#define TRANSFER  1024u
#define IMAGE_MAX (SECTORS * SECTOR + TRANSFER)
#define OLD       1
#define NEW       2

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };
static const uint8_t our_id[16] = "this product....";
static const uint8_t other_id[16] = "another product.";

struct image {
    uint8_t bytes[IMAGE_MAX];
    uint32_t len;
};

struct world {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_image_policy policy;
    struct dfu_lock lock;
    struct dfu_usb_slot_config slot_cfg;
    struct dfu_usb_slot slots[2];
    struct dfu_usb_alt alts[2];
    struct dfu_usb_dfu_config cfg;
    struct dfu_usb_dfu dfu;
    uint8_t block[TRANSFER], data[TRANSFER], scratch[512];
    uint32_t now_ms;
};

static struct image *make_image(uint8_t version, uint32_t payload, const uint8_t *class_id)
{
    struct image *image = calloc(1, sizeof *image);
    struct dfu_image_spec spec = {
        .version = { .major = version },
        .header_size = 32,
        .class_id = class_id,
        .hash = hashes[0],
    };

    assert_non_null(image);
    memset(image->bytes + 32, version, payload);
    assert_int_equal(
        dfu_image_write(&spec, image->bytes, sizeof image->bytes, payload, &image->len), 0);
    return image;
}

static void put_in_slot_0(struct world *w, uint8_t version)
{
    struct image *image = make_image(version, 6000, NULL);

    dfu_sim_flash_load(&w->nor->flash, w->map.images[0].primary->base, image->bytes, image->len);
    free(image);
}

static void start_class(struct world *w)
{
    dfu_usb_slot_init(&w->slots[0], &w->slot_cfg, w->map.images[0].primary);
    dfu_usb_slot_init(&w->slots[1], &w->slot_cfg, w->map.images[0].secondary);
    dfu_usb_dfu_start(&w->dfu, &w->cfg, DFU_USB_DFU_MODE);
    dfu_usb_dfu_select(&w->dfu, 1);
}

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
        .class_id = our_id,
        .timing = { .erase_sector_us = 85000,
                    .erase_unit = 4096,
                    .write_kib_us = 10000,
                    .verify_kib_us = 1000,
                    .signature_us = 200000 },
        .lock = &w->lock,
        .buf = w->scratch,
        .buf_len = sizeof w->scratch,
    };
    assert_int_equal(dfu_usb_slot_check(&w->slot_cfg), 0);
    w->alts[0] = (struct dfu_usb_alt){ "image_0", &dfu_usb_slot_ops, &w->slots[0], false, true };
    w->alts[1] = (struct dfu_usb_alt){ "image_1", &dfu_usb_slot_ops, &w->slots[1], true, true };
    w->cfg = (struct dfu_usb_dfu_config){
        .alts = w->alts,
        .alt_count = 2,
        .block = w->block,
        .transfer_size = TRANSFER,
        .upload = true,
        .rest_ms = 5000,
    };
    start_class(w);
    put_in_slot_0(w, OLD);
    return w;
}

static void free_world(struct world *w)
{
    nor_free(w->nor);
    free(w);
}

static int ask(struct world *w, uint8_t type, uint8_t request, uint16_t value, uint16_t length)
{
    struct dfu_usb_setup setup = { type, request, value, 0, length };

    return dfu_usb_dfu_control(&w->dfu, &setup, w->data, w->now_ms);
}

/* As a host does after each block: ask, wait, ask again. Returns bState. */
static unsigned wait_for_device(struct world *w)
{
    do {
        assert_int_equal(ask(w, 0xa1, DFU_USB_GETSTATUS, 0, 6), 6);
        w->now_ms += (uint32_t)w->data[1] | (uint32_t)w->data[2] << 8 | (uint32_t)w->data[3] << 16;
        while (dfu_usb_dfu_has_work(&w->dfu)) {
            dfu_usb_dfu_step(&w->dfu, w->now_ms);
        }
    } while (w->data[4] == DFU_USB_DNBUSY || w->data[4] == DFU_USB_MANIFEST);
    return w->data[4];
}

/* The whole download; the status it ended with. */
static unsigned download(struct world *w, const struct image *image)
{
    uint16_t number = 0;

    for (uint32_t off = 0; off < image->len; off += TRANSFER) {
        uint32_t n = image->len - off < TRANSFER ? image->len - off : TRANSFER;

        memcpy(w->data, image->bytes + off, n);
        assert_int_equal(ask(w, 0x21, DFU_USB_DNLOAD, number++, (uint16_t)n), 0);
        if (wait_for_device(w) != DFU_USB_DNLOAD_IDLE) {
            return w->data[0];
        }
    }
    ask(w, 0x21, DFU_USB_DNLOAD, number, 0); /* a refusal is told by the status, too */
    wait_for_device(w);
    return w->data[0];
}

static int boot(struct world *w, struct dfu_boot_result *result)
{
    uint8_t buf[1024];
    struct dfu_boot_config cfg = {
        .map = &w->map,
        .strategy = &dfu_boot_swap_move,
        .policy = w->policy,
        .validate_primary = true,
        .buf = buf,
        .buf_len = sizeof buf,
    };

    return dfu_boot(&cfg, result);
}

static void expect_boots(struct world *w, uint8_t version)
{
    struct dfu_boot_result result;

    assert_int_equal(boot(w, &result), 0);
    assert_int_equal(result.header.version.major, version);
}

static void a_downloaded_image_is_tried_and_comes_back_without_confirmation(void **state)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 9000, our_id);

    (void)state;
    assert_int_equal(download(w, image), DFU_USB_OK);
    assert_int_equal(w->dfu.state, DFU_USB_IDLE);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_TEST);
    expect_boots(w, NEW);
    expect_boots(w, OLD);
    free(image);
    free_world(w);
}

static void a_permanent_download_stays(void **state)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 9000, NULL);

    (void)state;
    w->slot_cfg.permanent = true;
    assert_int_equal(download(w, image), DFU_USB_OK);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_PERM);
    expect_boots(w, NEW);
    expect_boots(w, NEW);
    free(image);
    free_world(w);
}

static void a_slot_is_read_back_whole(void **state)
{
    struct world *w = new_world();
    uint32_t off = 0;
    uint16_t number = 0;
    int n;

    (void)state;
    assert_int_equal(dfu_usb_dfu_select(&w->dfu, 0), 0);
    do {
        n = ask(w, 0xa1, DFU_USB_UPLOAD, number++, TRANSFER);
        assert_true(n >= 0);
        assert_memory_equal(w->data, w->nor->flash.mem + off, (size_t)n);
        off += (uint32_t)n;
    } while (n == (int)TRANSFER);
    assert_int_equal(off, SECTORS * SECTOR);
    free_world(w);
}

/* ---- What is refused ---- */

static void flip_a_payload_byte(struct world *w, struct image *image)
{
    (void)w;
    image->bytes[image->len / 2] ^= 0x10;
}

static void spoil_the_magic(struct world *w, struct image *image)
{
    (void)w;
    image->bytes[0] ^= 1;
}

static void cut_the_tlvs_short(struct world *w, struct image *image)
{
    (void)w;
    image->len -= 8;
}

static void cut_the_payload_short(struct world *w, struct image *image)
{
    (void)w;
    image->len = 5000;
}

static void cut_the_header_short(struct world *w, struct image *image)
{
    (void)w;
    image->len = 31;
}

static void claim_to_be_huge(struct world *w, struct image *image)
{
    (void)w;
    image->bytes[14] = 0x10; /* of img_size: a megabyte more */
}

static void claim_to_be_beyond_32_bits(struct world *w, struct image *image)
{
    (void)w;
    memset(image->bytes + 12, 0xff, 4);
}

static void append_a_slot_of_rubbish(struct world *w, struct image *image)
{
    (void)w;
    image->len = IMAGE_MAX;
}

static void be_for_another_product(struct world *w, struct image *image)
{
    struct image *other = make_image(NEW, 9000, other_id);

    (void)w;
    *image = *other;
    free(other);
}

static void trust_nobody(struct world *w, struct image *image)
{
    (void)image;
    w->policy.hash_only = false;
}

static void have_the_running_image_unconfirmed(struct world *w, struct image *image)
{
    assert_int_equal(download(w, image), DFU_USB_OK);
    expect_boots(w, NEW);
    start_class(w);
}

static const struct dfu_lock_owner somebody = { .name = "MCUmgr" };

static void let_somebody_hold_the_lock(struct world *w, struct image *image)
{
    (void)image;
    assert_int_equal(dfu_lock_claim(&w->lock, &somebody), 0);
}

static void aim_at_slot_0(struct world *w, struct image *image)
{
    (void)image;
    dfu_usb_dfu_select(&w->dfu, 0);
}

static void every_image_that_must_not_run_is_refused_with_its_own_status(void **state)
{
    static const struct {
        void (*spoil)(struct world *w, struct image *image);
        enum dfu_usb_status status;
        const char *why;
        uint8_t then_boots;
    } cases[] = {
        { flip_a_payload_byte, DFU_USB_ERR_VERIFY, "hash does not match", OLD },
        { spoil_the_magic, DFU_USB_ERR_FILE, "magic", OLD },
        { cut_the_tlvs_short, DFU_USB_ERR_NOTDONE, "", OLD },
        { cut_the_payload_short, DFU_USB_ERR_NOTDONE, "shorter than its header says", OLD },
        { cut_the_header_short, DFU_USB_ERR_FILE, "shorter than an image header", OLD },
        { claim_to_be_huge, DFU_USB_ERR_ADDRESS, "larger than the slot can hold", OLD },
        { claim_to_be_beyond_32_bits, DFU_USB_ERR_ADDRESS, "larger than the slot", OLD },
        { append_a_slot_of_rubbish, DFU_USB_ERR_ADDRESS, "larger than the slot", OLD },
        { be_for_another_product, DFU_USB_ERR_TARGET, "another product", OLD },
        { trust_nobody, DFU_USB_ERR_VERIFY, "", 0 },
        { have_the_running_image_unconfirmed, DFU_USB_ERR_WRITE, "isn't confirmed", OLD },
        { let_somebody_hold_the_lock, DFU_USB_ERR_VENDOR, "in progress", OLD },
        { aim_at_slot_0, DFU_USB_ERR_WRITE, "read only", OLD },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world *w = new_world();
        struct image *image = make_image(NEW, 9000, our_id);
        unsigned status;

        cases[i].spoil(w, image);
        status = download(w, image);
        if (status != cases[i].status || !strstr(dfu_usb_dfu_why(&w->dfu), cases[i].why)) {
            fail_msg("case %zu: %s, '%s'", i, dfu_usb_status_name(status),
                     dfu_usb_dfu_why(&w->dfu));
        }
        assert_int_equal(w->dfu.state, DFU_USB_ERROR);
        assert_true(dfu_lock_owner_get(&w->lock) == NULL ||
                    dfu_lock_owner_get(&w->lock) == &somebody);
        w->policy.hash_only = true;
        expect_boots(w, OLD);
        free(image);
        free_world(w);
    }
}

static void permanent_without_a_check_is_refused(void **state)
{
    struct world *w = new_world();

    (void)state;
    w->slot_cfg.policy = NULL;
    assert_int_equal(dfu_usb_slot_check(&w->slot_cfg), 0);
    w->slot_cfg.permanent = true;
    assert_int_equal(dfu_usb_slot_check(&w->slot_cfg), DFU_ERR_INVAL);
    free_world(w);
}

/* ---- Times ---- */

static void the_announced_time_covers_what_the_flash_takes(void **state)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 20000, NULL);
    struct dfu_sim_flash *flash = &w->nor->flash;
    uint64_t slack_us = 0;

    (void)state;
    flash->timing = &dfu_sim_nrf52840;
    w->slot_cfg.timing = (struct dfu_usb_slot_timing){
        .erase_sector_us = dfu_sim_nrf52840.erase_sector_us,
        .erase_unit = dfu_sim_nrf52840.sector_size,
        .write_kib_us = dfu_sim_nrf52840.program_us * 1024 / dfu_sim_nrf52840.program_size,
        .verify_kib_us = dfu_sim_nrf52840.read_byte_ns * 1024 / 1000 + 1,
    };
    for (uint32_t off = 0; off <= image->len; off += TRANSFER) {
        uint32_t n = image->len - off < TRANSFER ? image->len - off : TRANSFER;
        uint64_t began_us;
        uint32_t said_ms;

        memcpy(w->data, image->bytes + off, n);
        assert_int_equal(ask(w, 0x21, DFU_USB_DNLOAD, (uint16_t)(off / TRANSFER), (uint16_t)n), 0);
        ask(w, 0xa1, DFU_USB_GETSTATUS, 0, 6);
        said_ms = w->data[1] | (uint32_t)w->data[2] << 8;
        began_us = flash->elapsed_us;
        while (dfu_usb_dfu_has_work(&w->dfu)) {
            uint32_t erases = flash->erases;
            uint32_t writes = flash->writes;

            dfu_usb_dfu_step(&w->dfu, 0);
            assert_true(flash->erases - erases + flash->writes - writes <= 1);
        }
        assert_true(flash->elapsed_us - began_us <= said_ms * UINT64_C(1000));
        slack_us += said_ms * UINT64_C(1000) - (flash->elapsed_us - began_us);
        ask(w, 0xa1, DFU_USB_GETSTATUS, 0, 6);
        assert_int_equal(w->data[4], DFU_USB_DNLOAD_IDLE);
    }
    assert_true(slack_us < flash->elapsed_us / 10); /* the truth, not a generous guess */
    free(image);
    free_world(w);
}

/* ---- The lock ---- */

static void the_lock_is_held_from_the_first_block_to_the_end(void **state)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 9000, NULL);

    (void)state;
    memcpy(w->data, image->bytes, TRANSFER);
    ask(w, 0x21, DFU_USB_DNLOAD, 0, TRANSFER);
    wait_for_device(w);
    assert_int_equal(dfu_lock_claim(&w->lock, &somebody), DFU_ERR_PERM);
    ask(w, 0x21, DFU_USB_ABORT, 0, 0);
    assert_null(dfu_lock_owner_get(&w->lock));
    assert_int_equal(download(w, image), DFU_USB_OK);
    assert_null(dfu_lock_owner_get(&w->lock));
    free(image);
    free_world(w);
}

static void begin_and_fall_silent(struct world *w, const struct image *image)
{
    memcpy(w->data, image->bytes, TRANSFER);
    ask(w, 0x21, DFU_USB_DNLOAD, 0, TRANSFER);
    wait_for_device(w);
    w->now_ms += 4999;
    dfu_usb_dfu_step(&w->dfu, w->now_ms);
    assert_ptr_equal(dfu_lock_owner_get(&w->lock), &w->slots[1].owner);
    w->now_ms += 1;
    dfu_usb_dfu_step(&w->dfu, w->now_ms);
    assert_null(dfu_lock_owner_get(&w->lock));
    memcpy(w->data, image->bytes + TRANSFER, TRANSFER);
}

static void silence_frees_the_lock_and_the_download_may_still_go_on(void **state)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 9000, NULL);

    (void)state;
    begin_and_fall_silent(w, image);
    ask(w, 0x21, DFU_USB_DNLOAD, 1, TRANSFER);
    assert_int_equal(wait_for_device(w), DFU_USB_DNLOAD_IDLE);
    free(image);
    free_world(w);
}

static void a_download_does_not_go_on_after_somebody_else_had_the_slot(void **state)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 9000, NULL);

    (void)state;
    begin_and_fall_silent(w, image);
    assert_int_equal(dfu_lock_claim(&w->lock, &somebody), 0);
    assert_int_equal(dfu_lock_release(&w->lock, &somebody), 0);
    ask(w, 0x21, DFU_USB_DNLOAD, 1, TRANSFER);
    assert_int_equal(wait_for_device(w), DFU_USB_ERROR);
    assert_int_equal(w->data[0], DFU_USB_ERR_VENDOR);
    assert_string_equal(dfu_usb_dfu_why(&w->dfu), "another update has taken the slot meanwhile");
    ask(w, 0x21, DFU_USB_CLRSTATUS, 0, 0);
    assert_int_equal(download(w, image), DFU_USB_OK); /* from its start it may */
    free(image);
    free_world(w);
}

/* ---- Power cuts ---- */

/* Whether the download came to an end before operation op. */
static bool download_with_a_cut(uint32_t op, enum dfu_sim_cut_when when, bool permanent)
{
    struct world *w = new_world();
    struct image *image = make_image(NEW, 9000, NULL);
    struct dfu_boot_result result;
    bool is_marked;

    w->slot_cfg.permanent = permanent;
    dfu_sim_flash_power_on(&w->nor->flash);
    dfu_sim_flash_cut(&w->nor->flash, when, op, op * 7 + (uint32_t)when);
    download(w, image);
    bool is_done = !w->nor->flash.is_off;

    dfu_sim_flash_power_on(&w->nor->flash);
    is_marked = dfu_mcuboot_swap_type(&w->map, 0) != DFU_SWAP_NONE;
    assert_int_equal(boot(w, &result), 0);
    assert_int_equal(result.header.version.major, is_marked ? NEW : OLD);
    if (is_marked && !permanent) {
        expect_boots(w, OLD);
    }
    free(image);
    free_world(w);
    return is_done;
}

static void a_power_cut_at_any_flash_operation_leaves_a_bootable_device(void **state)
{
    unsigned cuts = 0;

    (void)state;
    for (int permanent = 0; permanent < 2; permanent++) {
        for (int when = DFU_SIM_CUT_BEFORE; when <= DFU_SIM_CUT_AFTER; when++) {
            uint32_t op = 1;

            while (!download_with_a_cut(op, (enum dfu_sim_cut_when)when, permanent != 0)) {
                op++;
                cuts++;
            }
            assert_true(op > 20);
        }
    }
    print_message("%u power cuts\n", cuts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_downloaded_image_is_tried_and_comes_back_without_confirmation),
        cmocka_unit_test(a_permanent_download_stays),
        cmocka_unit_test(a_slot_is_read_back_whole),
        cmocka_unit_test(every_image_that_must_not_run_is_refused_with_its_own_status),
        cmocka_unit_test(permanent_without_a_check_is_refused),
        cmocka_unit_test(the_announced_time_covers_what_the_flash_takes),
        cmocka_unit_test(the_lock_is_held_from_the_first_block_to_the_end),
        cmocka_unit_test(silence_frees_the_lock_and_the_download_may_still_go_on),
        cmocka_unit_test(a_download_does_not_go_on_after_somebody_else_had_the_slot),
        cmocka_unit_test(a_power_cut_at_any_flash_operation_leaves_a_bootable_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
