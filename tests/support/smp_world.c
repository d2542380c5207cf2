/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "smp_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"

#define SECTOR       1024u
#define SLOT_SECTORS 8u
#define KEPT_SECTORS 2u

/* ---- OS ---- */

static int do_reset(void *ctx, bool force, uint8_t boot_mode)
{
    struct smp_world *w = ctx;

    w->is_forced = force;
    w->boot_mode = boot_mode;
    w->resets++;
    return w->reset_err;
}

static int get_clock(void *ctx, struct dfu_smp_time *time)
{
    const struct smp_world *w = ctx;

    *time = w->time;
    return w->clock_err;
}

static int set_clock(void *ctx, const struct dfu_smp_time *time)
{
    struct smp_world *w = ctx;

    w->time = *time;
    return w->clock_err;
}

static int idle_task(void *ctx, uint32_t index, struct dfu_smp_task *task)
{
    (void)ctx;
    *task = (struct dfu_smp_task){
        .name = "idle", .priority = 15, .stack_size = 320, .stack_used = 100
    };
    return index == 0 ? 0 : DFU_ERR_NOENT;
}

static int one_pool(void *ctx, uint32_t index, struct dfu_smp_pool *pool)
{
    (void)ctx;
    *pool = (struct dfu_smp_pool){ "0", 1, 300, 200, 100 };
    return index == 0 ? 0 : DFU_ERR_NOENT;
}

static void switch_echo(void *ctx, bool is_on)
{
    struct smp_world *w = ctx;

    w->is_echo_on = is_on;
    w->echo_switches++;
}

static void start_os(struct smp_world *w)
{
    w->time = (struct dfu_smp_time){ 2026, 11, 20, 11, 56, 5, 366 };
    w->os = (struct dfu_smp_os){ .kernel = "Zephyr",
                                 .node = "node",
                                 .release = "v4.3.0",
                                 .version = "4.3.0",
                                 .build_time = "Fri Nov 20 11:56:05 2026",
                                 .machine = "arm",
                                 .processor = "cortex-m0",
                                 .board = "board",
                                 .os = "Zephyr",
                                 .bootloader = "MCUboot",
                                 .boot_mode = 3,
                                 .clock_has_ms = true,
                                 .takes_boot_mode = true,
                                 .reset = do_reset,
                                 .clock_get = get_clock,
                                 .clock_set = set_clock,
                                 .task = idle_task,
                                 .pool = one_pool,
                                 .echo_control = switch_echo,
                                 .ctx = w };
}

/* ---- Images ---- */

static int core_size(void *ctx, uint32_t *size)
{
    const struct smp_world *w = ctx;

    *size = w->core_size;
    return w->core_size > 0 ? 0 : DFU_ERR_NOENT;
}

/* Byte n of the dump is n. */
static int core_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct smp_world *w = ctx;
    uint8_t *out = buf;

    assert_true(off <= w->core_size && len <= w->core_size - off);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(off + i);
    }
    return 0;
}

static int core_erase(void *ctx)
{
    struct smp_world *w = ctx;

    w->core_size = 0;
    return 0;
}

static const struct dfu_core_ops core_ops = { core_size, core_read, core_erase };

/* A header, 16 bytes, and a hash that counts up from first_byte. */
static void program(struct smp_world *w, const struct dfu_area *area, uint8_t revision,
                    uint8_t build, uint8_t first_byte)
{
    uint8_t raw[96] = { 0 };

    put_le32(raw, DFU_IMAGE_MAGIC);
    put_le16(raw + 8, 32);
    put_le32(raw + 12, 16);
    raw[20] = 1;
    raw[21] = 2;
    raw[22] = revision;
    raw[24] = build;
    put_le16(raw + 48, 0x6907);
    put_le16(raw + 50, 40);
    put_le16(raw + 52, DFU_TLV_SHA256);
    put_le16(raw + 54, 32);
    for (uint8_t i = 0; i < 32; i++) {
        raw[56 + i] = (uint8_t)(first_byte + i);
    }
    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, area->base, raw, sizeof raw), 0);
}

static void start_img(struct smp_world *w)
{
    struct dfu_slot_pair *pair = &w->map.images[0];

    w->map = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE, .max_align = 8, .max_sectors = SLOT_SECTORS, .image_count = 1
    };
    pair->primary = nor_area(w->nor, "primary", SLOT_SECTORS);
    pair->secondary = nor_area(w->nor, "secondary", SLOT_SECTORS);
    program(w, pair->primary, 3, 0, 0x00);
    program(w, pair->secondary, 4, 7, 0x20);
    w->core_size = 4;
    w->img = (struct dfu_smp_img){ .map = &w->map,
                                   .hash_size = 32,
                                   .sha256 = &dfu_sha256_openssl,
                                   .core = &core_ops,
                                   .core_ctx = w,
                                   .erase_progressively = true };
}

/* ---- Statistics, settings, storage, history ---- */

static uint32_t ticks = 300;
static const struct dfu_smp_stat_field ticks_fields[] = { { "ticks", &ticks, 4 } };
static const struct dfu_smp_stat_set sets[] = { { "smp_svr_stats", ticks_fields, 1 } };

static void start_kept(struct smp_world *w)
{
    const struct dfu_area *storage = nor_area(w->nor, "storage", KEPT_SECTORS);
    static const uint8_t value[] = { 1, 2, 3, 4 };

    w->stat = (struct dfu_smp_stat){ sets, 1 };
    w->store = (struct dfu_settings){ .table = w->values, .capacity = SMP_WORLD_SETTINGS };
    assert_int_equal(dfu_settings_open(&w->store, storage), 0);
    assert_int_equal(dfu_settings_set(&w->store, "app/id", 6, value, sizeof value), 0);
    w->settings = (struct dfu_smp_settings){ &dfu_settings_table_ops, &w->store };
    w->erased[0] = storage;
    w->basic = (struct dfu_smp_basic){ w->erased, 1, NULL, NULL };
    w->history = nor_area(w->nor, "history", KEPT_SECTORS);
}

/* ---- Logins ---- */

static int no_chance(void *ctx, uint8_t *buf, size_t len)
{
    (void)ctx;
    memset(buf, 0x55, len);
    return 0;
}

static uint64_t standing_clock(void *ctx)
{
    (void)ctx;
    return 1000;
}

static void start_auth(struct smp_world *w)
{
    /* of the private key 03 03 ... 03 */
    static const uint8_t public_key[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
                                          0x03, 0x21, 0x00, 0xed, 0x49, 0x28, 0xc6, 0x28, 0xd1,
                                          0xc2, 0xc6, 0xea, 0xe9, 0x03, 0x38, 0x90, 0x59, 0x95,
                                          0x61, 0x29, 0x59, 0x27, 0x3a, 0x5c, 0x63, 0xf9, 0x36,
                                          0x36, 0xc1, 0x46, 0x14, 0xac, 0x87, 0x37, 0xd1 };
    static const struct dfu_smp_auth_key key = {
        { &dfu_ed25519_openssl, public_key, sizeof public_key }, DFU_ROLE_UPDATE
    };
    static const struct dfu_smp_auth_config config = { .keys = &key,
                                                       .key_count = 1,
                                                       .open_role = DFU_ROLE_OBSERVE,
                                                       .device = (const uint8_t *)"world",
                                                       .device_len = 5,
                                                       .random = no_chance,
                                                       .now_ms = standing_clock };

    w->auth = (struct dfu_smp_auth){
        .config = &config, .places = w->places, .place_count = 2, .boot_count = 1
    };
}

/* ---- Logs and crashes ---- */

static int boot_entry(void *ctx, uint32_t place, struct dfu_log_entry *out)
{
    static const uint8_t hash[] = { 0, 1, 2, 3 };
    static const uint8_t item[] = { 0xa1, 0x61, 0x6e, 0x01 };
    static const struct dfu_log_entry entries[] = {
        { 5, 1000, 1, 2, DFU_LOG_TEXT, hash, sizeof hash, "up", 2 },
        { 6, 2000, 3, 0, DFU_LOG_CBOR, NULL, 0, item, sizeof item },
        { 8, 2000, 0, 0, DFU_LOG_BINARY, NULL, 0, NULL, 0 },
    };
    const struct smp_world *w = ctx;

    if (w->is_log_clear || place >= sizeof entries / sizeof entries[0]) {
        return DFU_ERR_NOENT;
    }
    *out = entries[place];
    return 0;
}

static int no_entry(void *ctx, uint32_t place, struct dfu_log_entry *out)
{
    (void)ctx;
    (void)place;
    (void)out;
    return DFU_ERR_NOENT;
}

static int clear_log(void *ctx)
{
    struct smp_world *w = ctx;

    w->is_log_clear = true;
    return 0;
}

static int note_crash(void *ctx, enum dfu_crash crash)
{
    struct smp_world *w = ctx;

    assert_non_null(dfu_crash_name(crash));
    w->crashes++;
    return 0;
}

static void start_log(struct smp_world *w)
{
    static const struct dfu_log_word modules[] = { { "boot", 0 }, { "app", 2 } };
    static const struct dfu_log_word levels[] = { { "DEBUG", 0 }, { "INFO", 1 } };

    w->next_index = 9;
    w->logs[0] = (struct dfu_log){ "boot", DFU_LOG_MEMORY, boot_entry, clear_log, w };
    w->logs[1] = (struct dfu_log){ "none", DFU_LOG_STORAGE, no_entry, clear_log, w };
    w->log = (struct dfu_smp_log){ w->logs, 2, &w->next_index, modules, levels, 2, 2 };
    w->crash = (struct dfu_smp_crash){ note_crash, w };
}

/* ---- Files: one, whatever it is called ---- */

static int open_file(void *ctx, const char *path, void **file)
{
    struct smp_world *w = ctx;

    if (strcmp(path, "/lfs/a") != 0) {
        return DFU_ERR_NOENT;
    }
    w->open_files++;
    *file = w;
    return 0;
}

static int file_size(void *ctx, void *file, uint32_t *size)
{
    const struct smp_world *w = file;

    (void)ctx;
    *size = w->file_size;
    return 0;
}

static int file_read(void *ctx, void *file, uint32_t off, void *buf, size_t len)
{
    const struct smp_world *w = file;

    (void)ctx;
    assert_true(off <= w->file_size && len <= w->file_size - off);
    memcpy(buf, w->file + off, len);
    return (int)len;
}

static int file_write(void *ctx, void *file, uint32_t off, const void *data, size_t len)
{
    struct smp_world *w = file;

    (void)ctx;
    if (off > sizeof w->file || len > sizeof w->file - off) {
        return DFU_ERR_NOSPACE;
    }
    if (len > 0) {
        memcpy(w->file + off, data, len);
    }
    w->file_size = max_u32(w->file_size, off + (uint32_t)len);
    return 0;
}

static int file_truncate(void *ctx, void *file)
{
    struct smp_world *w = file;

    (void)ctx;
    w->file_size = 0;
    return 0;
}

static int file_close(void *ctx, void *file)
{
    struct smp_world *w = file;

    (void)ctx;
    assert_true(w->open_files > 0);
    w->open_files--;
    return 0;
}

static const struct dfu_fs_ops fs_ops = { open_file,  open_file,     file_size, file_read,
                                          file_write, file_truncate, file_close };

/* ---- Shell ---- */

static int show_version(void *ctx, struct dfu_shell_output *out, int count,
                        const char *const *words)
{
    (void)ctx;
    (void)count;
    (void)words;
    dfu_shell_print(out, "Zephyr version 4.3.0\r\n");
    return 0;
}

static const struct dfu_shell_command commands[] = {
    { "kernel version", "what runs", show_version },
};

static void start_rest(struct smp_world *w)
{
    memcpy(w->file, "abcd", 4);
    w->file_size = 4;
    w->fs = (struct dfu_smp_fs){ .ops = &fs_ops, .ctx = w, .sha256 = &dfu_sha256_openssl };
    w->shell = (struct dfu_smp_shell){ .commands = commands,
                                       .command_count = 1,
                                       .line = w->line,
                                       .line_cap = sizeof w->line,
                                       .output = w->output,
                                       .output_cap = sizeof w->output };
}

void smp_world_init(struct smp_world *w)
{
    memset(w, 0, sizeof *w);
    w->nor = nor_new(SECTOR, 2 * SLOT_SECTORS + 2 * KEPT_SECTORS, 8, 0xff);
    start_os(w);
    start_img(w);
    start_kept(w);
    start_auth(w);
    start_log(w);
    start_rest(w);
    const struct dfu_smp_binding bindings[SMP_WORLD_GROUPS] = {
        { &dfu_smp_group_os, &w->os },
        { &dfu_smp_group_img, &w->img },
        { &dfu_smp_group_stat, &w->stat },
        { &dfu_smp_group_settings, &w->settings },
        { &dfu_smp_group_log, &w->log },
        { &dfu_smp_group_crash, &w->crash },
        { &dfu_smp_group_fs, &w->fs },
        { &dfu_smp_group_shell, &w->shell },
        { &dfu_smp_group_enum, NULL },
        { &dfu_smp_group_basic, &w->basic },
        { &dfu_smp_group_history, (void *)(uintptr_t)w->history },
        { &dfu_smp_group_pages, &w->img },
        { &dfu_smp_group_auth, &w->auth },
    };
    memcpy(w->bindings, bindings, sizeof bindings);
    smp_peer_init(&w->peer, w->bindings, SMP_WORLD_GROUPS);
}

void smp_world_free(struct smp_world *w)
{
    nor_free(w->nor);
}
