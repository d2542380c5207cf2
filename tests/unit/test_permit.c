/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The last look before the jump: what may run, by the verdicts of all places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot/permit.h"
#include "dfu/err.h"
#include "image/verdict.h"

static const struct dfu_area area;

/* Two images, checked at each start. */
static struct dfu_slot_map map;
static struct dfu_boot_config cfg;

static int setup(void **state)
{
    (void)state;
    map = (struct dfu_slot_map){ .image_count = 2 };
    cfg = (struct dfu_boot_config){ .map = &map, .validate_primary = true };
    return 0;
}

static struct dfu_verdict trusted(void)
{
    struct dfu_verdict verdict;

    verdict_decide(&verdict, DFU_IMAGE_FINE, PROOF_HASH, PROOF_HASH);
    return verdict;
}

static struct dfu_verdict unchecked(void)
{
    struct dfu_verdict verdict;

    permit_unchecked(&verdict);
    return verdict;
}

static const struct dfu_verdict none;

static struct dfu_boot_result with(struct dfu_verdict first, struct dfu_verdict second)
{
    struct dfu_boot_result out = { .area = &area };

    (void)permit_run(&out, 0, &area, 0, &first);
    (void)permit_run(&out, 1, &area, 1, &second);
    return out;
}

static void assert_nothing_runs(struct dfu_boot_result out)
{
    assert_int_equal(permit_check(&cfg, &out), DFU_ERR_VERIFY);
    assert_null(out.area);
    for (size_t i = 0; i < DFU_IMAGES_MAX; i++) {
        assert_null(out.places[i].area);
        assert_false(dfu_verdict_is_trusted(&out.places[i].verdict));
    }
}

static void all_trusted_run(void **state)
{
    struct dfu_boot_result out = with(trusted(), trusted());

    (void)state;
    assert_int_equal(permit_check(&cfg, &out), DFU_OK);
    assert_ptr_equal(out.area, &area);
    assert_int_equal(out.places[1].slot, 1);
}

static void one_untrusted_place_stops_all(void **state)
{
    (void)state;
    assert_nothing_runs(with(none, trusted()));
    assert_nothing_runs(with(trusted(), none));
    assert_nothing_runs(with(none, none));
}

static void an_image_without_a_place_stops_all(void **state)
{
    struct dfu_boot_result out;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        out = with(trusted(), trusted());
        out.places[i].area = NULL;
        assert_nothing_runs(out);
    }
}

static void a_loader_runs_alone(void **state)
{
    struct dfu_boot_result out = with(trusted(), none);

    (void)state;
    out.places[0].is_loader = true;
    out.places[1].area = NULL;
    assert_int_equal(permit_check(&cfg, &out), DFU_OK);
    out = with(none, trusted());
    out.places[0].is_loader = true;
    assert_nothing_runs(out);
}

static void unchecked_images_run_only_where_the_configuration_leaves_them_unchecked(void **state)
{
    struct dfu_boot_result out = with(unchecked(), trusted());

    (void)state;
    assert_nothing_runs(out);
    assert_nothing_runs(with(trusted(), unchecked()));
    cfg.validate_primary = false;
    assert_int_equal(permit_check(&cfg, &out), DFU_OK);
    assert_nothing_runs(with(none, unchecked())); /* to check none is no verdict either */
}

static void what_is_withdrawn_is_gone_for_every_image(void **state)
{
    struct dfu_boot_result out = with(trusted(), trusted());

    (void)state;
    permit_withdraw(&out);
    assert_nothing_runs(out);
}

static void a_place_begins_anew(void **state)
{
    struct dfu_boot_result out = with(trusted(), trusted());

    (void)state;
    out.places[0].is_loader = true;
    out.places[0].ram_len = 1;
    (void)permit_run(&out, 0, &area, 1, &none);
    assert_false(out.places[0].is_loader);
    assert_int_equal(out.places[0].ram_len, 0);
    assert_nothing_runs(out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_trusted_run, setup),
        cmocka_unit_test_setup(one_untrusted_place_stops_all, setup),
        cmocka_unit_test_setup(an_image_without_a_place_stops_all, setup),
        cmocka_unit_test_setup(a_loader_runs_alone, setup),
        cmocka_unit_test_setup(
            unchecked_images_run_only_where_the_configuration_leaves_them_unchecked, setup),
        cmocka_unit_test_setup(what_is_withdrawn_is_gone_for_every_image, setup),
        cmocka_unit_test_setup(a_place_begins_anew, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
