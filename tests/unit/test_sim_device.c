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

#include "sim_rig.h"

static const char eager[] = "dfukit-app\nname=eager\nconfirm=self\n";
static const char stubborn[] = "dfukit-app\nname=stubborn\nconfirm=never\n";
static const char broken[] = "dfukit-app\nname=broken\nstart=crash\n";
static const char silent[] = "dfukit-app\nname=silent\nstart=hang\n";

static const uint8_t confirm_request[] = { 0x0a, 0,   0,   10,  0,   1,   1,   0,   0xa1,
                                           0x67, 'c', 'o', 'n', 'f', 'i', 'r', 'm', 0xf5 };

static bool holds(const struct sim_rig *rig, uint32_t at, const struct sim_image *image)
{
    return memcmp(rig->mem + at, image->bytes, image->len) == 0;
}

static void a_device_says_who_it_is_and_what_it_runs(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    assert_int_equal(sim_power_on(rig), DFU_SIM_RUNNING);
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
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    sim_power_on(rig);
    sim_stage(rig, sim_calm, 9000);
    sim_send(rig, sim_reset_request, sizeof sim_reset_request);
    assert_int_equal(rig->answer_len, 10);
    assert_int_equal(rig->answer_link, SIM_RIG_LINK);
    assert_int_equal(dfu_sim_device_due_ms(&rig->device), rig->now + 250);
    sim_advance(rig, 249);
    assert_string_equal(rig->console, "");
    sim_advance(rig, 1);
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
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    sim_stage(rig, sim_calm, 9000);
    sim_power_on(rig);
    assert_console(rig, "app: calm 2.0.0+0 running from slot 0 (not confirmed)\n");
    sim_power_on(rig);
    assert_console(rig, "I: Image index: 0, Swap type: revert\n");
    assert_console(rig, "app: calm 1.0.0+0 running from slot 0 (confirmed)\n");
    assert_true(holds(rig, 0, &rig->old_image));
    assert_true(holds(rig, SIM_RIG_SLOT, &rig->new_image));
    free(rig);
}

static void a_client_can_confirm_what_runs(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    sim_stage(rig, sim_calm, 9000);
    sim_power_on(rig);
    sim_send(rig, confirm_request, sizeof confirm_request);
    assert_true(rig->answer_len > 8);
    assert_null(memmem(rig->answer, rig->answer_len, "err", 3));
    sim_power_on(rig);
    assert_console(rig, "app: calm 2.0.0+0 running from slot 0 (confirmed)\n");
    free(rig);
}

static void an_eager_application_confirms_itself(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    sim_stage(rig, eager, 9000);
    sim_power_on(rig);
    assert_console(rig, "app: eager 2.0.0+0 confirmed itself\n");
    sim_power_on(rig);
    assert_console(rig, "app: eager 2.0.0+0 running from slot 0 (confirmed)\n");
    free(rig);
}

static void a_stubborn_application_refuses_to_be_confirmed(void **state)
{
    /* {"err": {"group": 1, "rc": 32}}, keys as text */
    static const uint8_t refused[] = {
        0x65, 'g', 'r', 'o', 'u', 'p', 0x01, 0x62, 'r', 'c', 0x18, 32
    };
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    sim_stage(rig, stubborn, 9000);
    sim_power_on(rig);
    sim_send(rig, confirm_request, sizeof confirm_request);
    assert_non_null(memmem(rig->answer, rig->answer_len, refused, sizeof refused));
    sim_power_on(rig);
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
        struct sim_rig *rig = sim_new_rig();

        sim_stage(rig, rows[i].text, 9000);
        assert_int_equal(sim_power_on(rig), DFU_SIM_STUCK);
        assert_console(rig, rows[i].line);
        sim_send(rig, sim_reset_request, sizeof sim_reset_request);
        assert_int_equal(rig->answers, 0);
        sim_advance(rig, rows[i].after_ms);
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
        struct sim_rig *rig = sim_new_rig();

        sim_stage(rig, sim_calm, 9000);
        dfu_sim_device_cut(&rig->device, whens[op % 3], op, op);
        if (sim_power_on(rig) != DFU_SIM_OFF) {
            assert_int_equal(rig->device.cut.when, DFU_SIM_NO_CUT);
            free(rig);
            break;
        }
        cuts++;
        assert_int_equal(rig->device.cut.op, op);
        assert_console(rig, "sim: power lost ");
        sim_send(rig, sim_reset_request, sizeof sim_reset_request);
        assert_int_equal(rig->answers, 0);
        assert_int_equal(sim_power_on(rig), DFU_SIM_RUNNING);
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
        struct sim_rig *rig = sim_new_rig();
        const char *label;

        sim_put_second_slot_outside(rig);
        sim_stage(rig, sim_calm, 9000);
        dfu_sim_device_cut(&rig->device, DFU_SIM_CUT_INSIDE, op, op);
        if (sim_power_on(rig) != DFU_SIM_OFF) {
            assert_console(rig, " s on nrf52840 and w25q\n");
            free(rig);
            break;
        }
        assert_true(rig->flash.is_off && rig->outer.is_off);
        label = rig->device.cut.area->label;
        assert_console(rig, label);
        was_inner = was_inner || strcmp(label, "slot0_partition") == 0;
        was_outer = was_outer || strcmp(label, "slot1_partition") == 0;
        assert_int_equal(sim_power_on(rig), DFU_SIM_RUNNING);
        assert_false(was_reverted); /* only by a torn last mark: then the trial counts as run */
        was_reverted = holds(rig, 0, &rig->old_image);
        assert_true(was_reverted || holds(rig, 0, &rig->new_image));
        free(rig);
    }
    assert_true(was_inner && was_outer);
}

static void a_cut_is_told_by_operation_area_and_sector(void **state)
{
    struct sim_rig *rig = sim_new_rig();
    char line[128];

    (void)state;
    sim_stage(rig, sim_calm, 9000);
    dfu_sim_device_cut(&rig->device, DFU_SIM_CUT_INSIDE, 9, 1);
    assert_int_equal(sim_power_on(rig), DFU_SIM_OFF);
    assert_non_null(rig->device.cut.area);
    if (rig->device.cut.kind == DFU_SIM_ERASE) {
        snprintf(line, sizeof line,
                 "sim: power lost in the middle of operation 9 (erase of %s sector %u)\n",
                 rig->device.cut.area->label, rig->device.cut.off / SIM_RIG_SECTOR);
    } else {
        snprintf(line, sizeof line,
                 "sim: power lost in the middle of operation 9 (write of %u bytes to %s sector "
                 "%u)\n",
                 rig->device.cut.len, rig->device.cut.area->label,
                 rig->device.cut.off / SIM_RIG_SECTOR);
    }
    assert_console(rig, line);
    free(rig);
}

static void a_device_without_an_image_says_so_and_stays(void **state)
{
    struct sim_rig *rig = sim_new_rig();

    (void)state;
    assert_int_equal(dfu_area_erase(&rig->primary, 0, SIM_RIG_SLOT), 0);
    assert_int_equal(sim_power_on(rig), DFU_SIM_UNBOOTABLE);
    assert_console(rig, "E: Unable to find bootable image\n");
    assert_console(rig, "sim: there is no image that may run");
    sim_send(rig, sim_reset_request, sizeof sim_reset_request);
    assert_int_equal(rig->answers, 0);
    assert_true(dfu_sim_device_due_ms(&rig->device) == UINT64_MAX);
    free(rig);
}

static void two_devices_live_in_one_process(void **state)
{
    struct sim_rig *a = sim_new_rig();
    struct sim_rig *b = sim_new_rig();

    (void)state;
    sim_stage(a, sim_calm, 9000);
    sim_stage(b, broken, 12000);
    dfu_sim_device_cut(&a->device, DFU_SIM_CUT_INSIDE, 12, 1);
    assert_int_equal(sim_power_on(a), DFU_SIM_OFF);
    assert_int_equal(sim_power_on(b), DFU_SIM_STUCK);
    assert_int_equal(sim_power_on(a), DFU_SIM_RUNNING);
    sim_advance(b, DFU_SIM_CRASH_DELAY_MS);
    sim_send(a, confirm_request, sizeof confirm_request);
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
    struct sim_rig *rig = sim_new_rig();
    size_t len = 10;

    (void)state;
    memcpy(set + len, "datetime", 8);
    len += 8;
    set[len++] = 0x60 + 23;
    memcpy(set + len, before_leap, 23);
    len += 23;
    set[3] = (uint8_t)(len - 8);
    sim_power_on(rig);
    sim_send(rig, set, len);
    sim_send(rig, sim_reset_request, sizeof sim_reset_request);
    sim_advance(rig, 250);
    sim_send(rig, get, sizeof get);
    assert_non_null(memmem(rig->answer, rig->answer_len, "2028-02-29T00:00:00.150", 23));
    dfu_sim_device_power_off(&rig->device);
    sim_power_on(rig);
    sim_send(rig, get, sizeof get);
    assert_non_null(memmem(rig->answer, rig->answer_len, "err", 3));
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
        cmocka_unit_test(only_a_whole_text_changes_how_an_application_behaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
