/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "directory.h"

#define ops dfu_directory_ops

static char root[] = "/tmp/dfu-directory-XXXXXX";
static struct dfu_directory directory;

static char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *content)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

/* root/served is what is served; root/secret must stay out of reach. */
static int make_folders(void **state)
{
    (void)state;
    memcpy(root + strlen(root) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(root));
    assert_int_equal(mkdir(path_of("served"), 0700), 0);
    assert_int_equal(mkdir(path_of("served/sub"), 0700), 0);
    put("secret", "outside");
    put("served/file", "inside");
    put("served/sub/deep", "deeper");
    assert_int_equal(symlink("../secret", path_of("served/link")), 0);
    assert_int_equal(symlink("..", path_of("served/up")), 0);
    assert_int_equal(mkfifo(path_of("served/pipe"), 0600), 0);
    assert_int_equal(dfu_directory_open(&directory, path_of("served")), 0);
    return 0;
}

static int remove_folders(void **state)
{
    char command[300];

    (void)state;
    dfu_directory_close(&directory);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* What open says; a file that opens is closed again. */
static int try_read(const char *path)
{
    void *file;
    int err = ops.open_read(&directory, path, &file);

    return err ? err : ops.close(&directory, file);
}

static int try_write(const char *path)
{
    void *file;
    int err = ops.open_write(&directory, path, &file);

    return err ? err : ops.close(&directory, file);
}

static void files_are_read_wherever_they_lie_inside(void **state)
{
    static const char *const names[] = { "file", "/file", "sub/deep", "/sub/deep" };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        uint32_t size;
        char data[16];
        void *file;

        assert_int_equal(ops.open_read(&directory, names[i], &file), 0);
        assert_int_equal(ops.size(&directory, file, &size), 0);
        assert_int_equal(size, 6);
        assert_int_equal(ops.read(&directory, file, 2, data, 4), 4);
        assert_memory_equal(data, i < 2 ? "side" : "eper", 4);
        assert_int_equal(ops.read(&directory, file, 2, data, 8), 4);
        assert_int_equal(ops.close(&directory, file), 0);
    }
}

static void files_are_created_written_and_emptied(void **state)
{
    uint32_t size;
    void *file;

    (void)state;
    assert_int_equal(ops.open_write(&directory, "/sub/new", &file), 0);
    assert_int_equal(ops.write(&directory, file, 0, "abcd", 4), 0);
    assert_int_equal(ops.write(&directory, file, 4, "ef", 2), 0);
    assert_int_equal(ops.size(&directory, file, &size), 0);
    assert_int_equal(size, 6);
    assert_int_equal(ops.truncate(&directory, file), 0);
    assert_int_equal(ops.size(&directory, file, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(ops.close(&directory, file), 0);
}

static void no_name_leads_outside(void **state)
{
    static const char *const names[] = {
        "../secret",
        "/../secret",
        "sub/../../secret",
        "sub/../file",
        "..",
        ".",
        "./file",
        "up/secret",
        "link",
        "",
        "/",
        "//file",
        "sub//deep",
        "sub/",
        "sub/..",
        "up/../secret",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int read_err = try_read(names[i]), write_err = try_write(names[i]);

        if (read_err == DFU_OK || write_err == DFU_OK) {
            fail_msg("\"%s\" was opened", names[i]);
        }
    }
    put("served/check", "x");
    assert_int_equal(try_read("check"), 0);
}

static void what_is_no_plain_file_is_refused_by_its_kind(void **state)
{
    (void)state;
    assert_int_equal(try_read("none"), DFU_ERR_NOENT);
    assert_int_equal(try_read("none/file"), DFU_ERR_NOENT);
    assert_int_equal(try_read("file/file"), DFU_ERR_NOENT);
    assert_int_equal(try_write("none/file"), DFU_ERR_NOENT);
    assert_int_equal(try_read("sub"), DFU_ERR_NOTSUP);
    assert_int_equal(try_write("sub"), DFU_ERR_NOTSUP);
    assert_int_equal(try_read("pipe"), DFU_ERR_INVAL);
    assert_int_equal(try_read("link"), DFU_ERR_INVAL);
}

static void no_descriptor_is_left_open(void **state)
{
    int before = dup(0), after;

    (void)state;
    close(before);
    no_name_leads_outside(NULL);
    files_are_read_wherever_they_lie_inside(NULL);
    what_is_no_plain_file_is_refused_by_its_kind(NULL);
    after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct dfu_directory none;

    (void)state;
    assert_int_equal(dfu_directory_open(&none, path_of("nowhere")), -1);
    assert_int_equal(dfu_directory_open(&none, path_of("secret")), -1);
    dfu_directory_close(&none);
}

#define test(name) cmocka_unit_test_setup_teardown(name, make_folders, remove_folders)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(files_are_read_wherever_they_lie_inside),
        test(files_are_created_written_and_emptied),
        test(no_name_leads_outside),
        test(what_is_no_plain_file_is_refused_by_its_kind),
        test(no_descriptor_is_left_open),
        test(a_folder_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
