/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

static void words_and_numbers_follow_each_other(void **state)
{
    char buf[80];
    struct text t = text_in(buf, sizeof buf);

    (void)state;
    text_add(&t, "a=");
    text_add_dec(&t, 0);
    text_add(&t, " b=");
    text_add_dec64(&t, UINT64_MAX);
    text_add(&t, " c=0x");
    text_add_hex(&t, 0xdead0);
    text_add(&t, " d=");
    text_add_bytes(&t, (const uint8_t[]){ 0x0f, 0xa0 }, 2);
    text_add(&t, " e=");
    text_add_dec(&t, UINT32_MAX);
    assert_string_equal(buf, "a=0 b=18446744073709551615 c=0xdead0 d=0fa0 e=4294967295");
    assert_int_equal(t.len, 56);
}

static void tenths_are_rounded_to_the_nearest(void **state)
{
    static const struct {
        uint64_t value;
        const char *text;
    } rows[] = {
        { 0, "0.0" },   { 49, "0.0" },  { 50, "0.1" },
        { 949, "0.9" }, { 950, "1.0" }, { 18149, "18.1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char buf[16];
        struct text t = text_in(buf, sizeof buf);

        text_add_tenths(&t, rows[i].value, 1000);
        assert_string_equal(buf, rows[i].text);
    }
}

static void what_does_not_fit_is_cut_and_still_ends(void **state)
{
    char buf[6] = "xxxxx";
    struct text t = text_in(buf, 5);

    (void)state;
    text_add(&t, "abc");
    text_add_dec(&t, 1234);
    assert_string_equal(buf, "abc1");
    assert_int_equal(buf[5], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_numbers_follow_each_other),
        cmocka_unit_test(tenths_are_rounded_to_the_nearest),
        cmocka_unit_test(what_does_not_fit_is_cut_and_still_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
