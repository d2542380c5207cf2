/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Which serial port a target means, where it says what the port is instead of where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "serial_match.h"

static const struct dfu_serial_port ports[] = {
    { "/dev/ttyS0", "ttyS0", NULL, -1, -1 },
    { "/dev/ttyACM0", "J-Link - CDC1", "000683012345", 0x1366, 0x1015 },
    { "/dev/ttyACM1", "J-Link - CDC2", "000683012345", 0x1366, 0x1015 },
    { "/dev/ttyACM2", "Zephyr CDC", "A1b2", 0x2fe3, 0x0100 },
    { "/dev/ttyACM3", "Zephyr CDC", "C3D4", 0x2fe3, 0x0100 },
    { "/dev/ttyUSB0", NULL, NULL, 0x0403, 0x6001 },
};

static int choose(const char *name, char path[PATH_MAX], char why[DFU_LINK_WHY_LEN])
{
    path[0] = 0;
    why[0] = 0;
    return dfu_serial_choose(name, ports, sizeof(ports) / sizeof(ports[0]), path, why);
}

static void a_port_is_found_by_what_it_is(void **state)
{
    static const struct {
        const char *name, *path;
    } cases[] = {
        { "0403:6001", "/dev/ttyUSB0" },
        { "2FE3:0100:C3D4", "/dev/ttyACM3" },
        { "2fe3:0100:a1B2", "/dev/ttyACM2" },
        { "c3d4", "/dev/ttyACM3" },
        { "/CDC2/", "/dev/ttyACM1" },
        { "/^\\/dev\\/ttyS/", "/dev/ttyS0" },
        { "/ttyACM[0-9] 2fe3:.* A1b2 Zephyr CDC$/", "/dev/ttyACM2" },
        { "/(USB0|nothing)/", "/dev/ttyUSB0" },
    };
    char path[PATH_MAX], why[DFU_LINK_WHY_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(choose(cases[i].name, path, why), 0);
        assert_string_equal(path, cases[i].path);
    }
}

static void several_ports_are_listed_instead_of_guessed(void **state)
{
    static const char *const names[] = { "2fe3:0100", "/Zephyr/", "/2fe3:/" };
    char path[PATH_MAX], why[DFU_LINK_WHY_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(choose(names[i], path, why), DFU_ERR_INVAL);
        assert_string_equal(path, "");
        assert_non_null(strstr(why, "2 serial ports match"));
        assert_non_null(
            strstr(why, "/dev/ttyACM2 (2fe3:0100 A1b2), /dev/ttyACM3 (2fe3:0100 C3D4)"));
        assert_null(strstr(why, "ttyACM1"));
    }
    /* One adapter with two ports: its serial number says too little. */
    assert_int_equal(choose("000683012345", path, why), DFU_ERR_INVAL);
    assert_non_null(strstr(why, "/dev/ttyACM0 (1366:1015 000683012345), /dev/ttyACM1"));
}

static void a_port_that_is_not_there_is_told_with_those_that_are(void **state)
{
    static const char *const names[] = {
        "2fe3:0101", "2fe3:0100:A1b", "2fe3:0100:A1b22", "0403:6001:1",    "CDC2",
        "A1b",       "/ttyACM9/",     "/ZEPHYR/",        "1366:1015:A1b2",
    };
    char path[PATH_MAX], why[DFU_LINK_WHY_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(choose(names[i], path, why), DFU_ERR_NOENT);
        assert_non_null(strstr(why, names[i]));
        assert_non_null(strstr(why, "there are /dev/ttyS0, /dev/ttyACM0 (1366:1015 000683012345)"));
        assert_non_null(strstr(why, "/dev/ttyUSB0 (0403:6001)"));
    }
    assert_int_equal(dfu_serial_choose("A1b2", ports, 0, path, why), DFU_ERR_NOENT);
    assert_non_null(strstr(why, "this computer has no serial port"));
}

static void what_is_no_regular_expression_is_told(void **state)
{
    char path[PATH_MAX], why[DFU_LINK_WHY_LEN], name[400];

    (void)state;
    assert_int_equal(choose("/[/", path, why), DFU_ERR_INVAL);
    assert_non_null(strstr(why, "is no regular expression"));
    memset(name, 'a', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 2] = '/';
    name[sizeof(name) - 1] = 0;
    assert_int_equal(choose(name, path, why), DFU_ERR_INVAL);
}

static void many_ports_end_in_a_whole_sentence(void **state)
{
    struct dfu_serial_port many[200];
    char path[PATH_MAX], why[DFU_LINK_WHY_LEN];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        many[i] = (struct dfu_serial_port){ "/dev/ttyACM77", NULL, "0123456789", 0x1366, 0x1015 };
    }
    assert_int_equal(dfu_serial_choose("1366:1015", many, 200, path, why), DFU_ERR_INVAL);
    assert_non_null(strstr(why, "name one by its path"));
    assert_int_equal(dfu_serial_choose("1366:1016", many, 200, path, why), DFU_ERR_NOENT);
}

/* Options follow a comma; one may stand in a regular expression, too. */
static void a_name_ends_where_options_begin(void **state)
{
    static const struct {
        const char *address;
        size_t len;
        bool is_path;
    } cases[] = {
        { "/dev/ttyACM0", 12, true },        { "/dev/ttyACM0,baud=9600,raw", 12, true },
        { "2fe3:0100,raw", 9, false },       { "/ACM{1,2}/,baud=9600", 10, false },
        { "/\\/dev\\/ttyACM0/", 16, false }, { "A1B2", 4, false },
        { "./uart,raw", 6, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64];

        assert_int_equal(dfu_serial_name_len(cases[i].address), cases[i].len);
        snprintf(name, sizeof(name), "%.*s", (int)cases[i].len, cases[i].address);
        assert_int_equal(dfu_serial_is_path(name), cases[i].is_path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_found_by_what_it_is),
        cmocka_unit_test(several_ports_are_listed_instead_of_guessed),
        cmocka_unit_test(a_port_that_is_not_there_is_told_with_those_that_are),
        cmocka_unit_test(what_is_no_regular_expression_is_told),
        cmocka_unit_test(many_ports_end_in_a_whole_sentence),
        cmocka_unit_test(a_name_ends_where_options_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
