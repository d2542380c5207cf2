/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "boot_modes.h"
#include "dfu/decompress.h"
#include "dfu/err.h"
#include "directory.h"
#include "event_loop.h"
#include "extras.h"
#include "flash_file.h"
#include "sim_channel.h"
#include "sim_clock.h"
#include "sim_first.h"
#include "sim_keys.h"
#include "sim_links.h"

#define WHY_MAX           256
#define FLASH_WAIT_MIN_US 1000u

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha384_openssl,
                                                     &dfu_sha512_openssl, NULL };

#define UNPACK_MAX (1u << 20) /* the largest image that compressed ones decode to */

/* All of one virtual device; too large for a stack. */
struct sim_host {
    struct cli *cli;
    const struct sim_host_config *config;
    struct dfu_board board;
    struct dfu_flash_file file;
    const char *mode_text;
    struct dfu_boot_ram ram; /* of the device */
    struct dfu_directory files;
    struct extras extras;
    struct dfu_boot_config beyond; /* of it only what goes beyond MCUboot */
    struct dfu_sim_flash *flashes[DFU_BOARD_FLASHES_MAX];
    struct sim_keys keys;
    struct dfu_unpacker unpacker;
    uint64_t unpack_work[DFU_LZMA2_WORK_SIZE(131072u, UNPACK_MAX) / 8];
    struct dfu_sim_device_config device_config;
    struct dfu_sim_device device;
    struct dfu_loop loop;
    struct sim_auth auth;
    struct sim_links links;
    struct dfu_transfer_subscriber transfer;
    struct sim_usb usb;
    struct sim_channel channel;
    struct sim_clock clock;
    uint64_t flash_debt_us;
    bool is_flash_open, is_serving;
};

/* ---- Between device and links ---- */

static void print_line(void *ctx, const char *text)
{
    struct sim_host *host = ctx;

    if (host->config->number > 0) {
        printf("%u: ", host->config->number);
    }
    puts(text);
    sim_links_print(&host->links, text);
}

static void send_frame(void *ctx, uint32_t link, const uint8_t *packet, size_t len)
{
    struct sim_host *host = ctx;

    if (link == SIM_LINK_USB) {
        dfu_sim_usb_send(&host->usb.port, packet, len);
    } else {
        sim_links_send(&host->links, link, packet, len);
    }
}

static void wait_for_flash(void *ctx, uint64_t us)
{
    struct sim_host *host = ctx;

    host->flash_debt_us += us;
    if (host->flash_debt_us >= FLASH_WAIT_MIN_US) { /* shorter sleeps would take far too long */
        usleep((useconds_t)host->flash_debt_us);
        host->flash_debt_us = 0;
    }
}

/* ---- Board and flash ---- */

static int choose_mode(struct sim_host *host)
{
    bool has_keys = sim_keys_decryption(&host->keys) != NULL;
    const struct boot_mode *mode =
        boot_mode_choose(host->cli, host->config->mode_option, &host->board);

    if (!mode) {
        return CLI_USAGE;
    }
    if (has_keys &&
        (mode->mode == DFU_MODE_DIRECT_XIP || mode->mode == DFU_MODE_DIRECT_XIP_REVERT)) {
        return cli_fail(
            host->cli, CLI_USAGE,
            "images that run where they lie cannot be encrypted; choose another --mode, "
            "or leave out --decrypt-key");
    }
    sim_keys_make_room(has_keys, &host->board.map);
    host->device_config.strategy = mode->strategy;
    host->mode_text = mode->text;
    return 0;
}

static int open_flash(struct sim_host *host)
{
    char why[WHY_MAX] = "";
    int err = dfu_board_load(&host->board, host->config->board, why, sizeof why);

    if (err) {
        return cli_fail(host->cli, CLI_USAGE, "%s", why);
    }
    err = dfu_flash_file_open(&host->file, host->config->flash, &host->board, why, sizeof why);
    if (err) {
        dfu_board_free(&host->board);
        return cli_fail(host->cli, err == DFU_ERR_BUSY ? CLI_NO_DEVICE : CLI_USAGE, "%s", why);
    }
    return 0;
}

static void close_flash(struct sim_host *host)
{
    dfu_flash_file_close(&host->file);
    dfu_board_free(&host->board);
}

/* ---- Links ---- */

static int serve_usb(struct sim_host *host)
{
    const struct sim_host_config *config = host->config;

    if (!config->usb.is_wanted) {
        return 0;
    }
    return sim_usb_open(host->cli, &host->usb, &config->usb, &host->device, SIM_LINK_USB,
                        &host->loop, config->address);
}

static int serve_channel(struct sim_host *host)
{
    const struct sim_host_config *config = host->config;

    if (!config->has_channel) {
        return 0;
    }
    return sim_channel_open(host->cli, &host->channel, &host->device, &host->loop, config->address,
                            config->channel_port);
}

static void stop_serving(struct sim_host *host)
{
    sim_clock_close(&host->clock);
    sim_channel_close(&host->channel);
    sim_usb_close(&host->usb);
    sim_links_close(&host->links);
    dfu_smp_fs_close(&host->device.server.groups.fs);
}

void sim_host_tell(const struct sim_host *host, cJSON *json)
{
    const struct sim_host_config *config = host->config;

    sim_links_tell(&host->links, json);
    if (config->usb.is_wanted) {
        cJSON_AddNumberToObject(json, "usbip", host->usb.tcp_port);
    }
    if (config->has_channel) {
        cJSON_AddNumberToObject(json, "config_channel", host->channel.tcp_port);
    }
    if (config->has_clock) {
        cJSON_AddNumberToObject(json, "clock", host->clock.port);
    }
}

int sim_host_write_ready(struct cli *cli, const char *path, cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    int err;

    cJSON_Delete(json);
    if (!text) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    err = cli_write_file(cli, path, CLI_FILE_PLAIN, text, strlen(text));
    cJSON_free(text);
    return err;
}

static int tell_ready(const struct sim_host *host)
{
    cJSON *json;

    if (!host->config->ready_file) {
        return 0;
    }
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "pid", (double)getpid());
    sim_host_tell(host, json);
    return sim_host_write_ready(host->cli, host->config->ready_file, json);
}

/* ---- Life ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t due_ms(void *ctx)
{
    const struct sim_host *host = ctx;
    uint64_t due = earlier(dfu_sim_device_due_ms(&host->device), sim_links_due_ms(&host->links));

    return host->config->usb.is_wanted ? earlier(due, sim_usb_due_ms(&host->usb)) : due;
}

static void poll_all(void *ctx)
{
    struct sim_host *host = ctx;

    dfu_sim_device_poll(&host->device, dfu_loop_now_ms());
    if (host->config->usb.is_wanted) {
        sim_usb_poll(&host->usb);
    }
    sim_channel_poll(&host->channel);
    sim_links_poll(&host->links); /* last: a reset ends sessions before new ones can begin */
}

static int serve_clock(struct sim_host *host)
{
    if (!host->config->has_clock) {
        return 0;
    }
    host->clock.due_ms = due_ms;
    host->clock.poll = poll_all;
    host->clock.ctx = host;
    return sim_clock_open(host->cli, &host->clock, &host->loop, host->config->clock_port);
}

bool sim_host_power(struct sim_host *host)
{
    while (host->device.state == DFU_SIM_OFF) {
        if (host->config->stay_off) {
            return false;
        }
        print_line(host, "sim: power is back");
        dfu_sim_device_power_on(&host->device, dfu_loop_now_ms());
        sim_links_poll(&host->links);
    }
    return true;
}

void sim_host_poll(struct sim_host *host)
{
    poll_all(host);
}

uint64_t sim_host_due_ms(struct sim_host *host)
{
    return due_ms(host);
}

struct dfu_loop *sim_host_loop(struct sim_host *host)
{
    return &host->loop;
}

static void live(struct sim_host *host)
{
    enum dfu_loop_event event = DFU_LOOP_GO_ON;

    while (event == DFU_LOOP_GO_ON && sim_host_power(host)) {
        event = dfu_loop_wait(&host->loop, due_ms(host));
        poll_all(host);
    }
}

static void set_up_device(struct sim_host *host)
{
    const struct sim_host_config *config = host->config;

    for (uint8_t i = 0; i < host->file.flash_count; i++) {
        host->flashes[i] = &host->file.flash[i];
    }
    host->device_config.map = &host->board.map;
    host->device_config.policy = (struct dfu_image_policy){
        .hashes = hashes,
        .keys = host->keys.keys,
        .key_count = host->keys.count,
        .hash_only = config->hash_only,
        .decryption = sim_keys_decryption(&host->keys),
    };
    if (host->board.map.mode == DFU_MODE_OVERWRITE) {
        host->unpacker = (struct dfu_unpacker){ &dfu_unpack, &dfu_lzma2, host->unpack_work,
                                                sizeof host->unpack_work, 0 };
        host->device_config.policy.unpacker = &host->unpacker;
    }
    host->device_config.prevent_downgrade = config->prevent_downgrade;
    host->device_config.ram = &host->ram;
    host->device_config.ram_count = 1;
    host->device_config.beyond = &host->beyond;
    host->device_config.board = host->board.name;
    host->device_config.version = DFUKIT_VERSION;
    host->device_config.flashes = host->flashes;
    host->device_config.flash_count = host->file.flash_count;
    host->device_config.storage =
        host->extras.is_divided ? &host->extras.settings : host->board.storage;
    host->device_config.smp_buf_size = config->smp_buf_size;
    host->device_config.smp_buf_count = config->smp_buf_count;
    host->device_config.recovery = config->has_recovery ? &config->recovery : NULL;
    host->device_config.confirms_at_start = config->confirms_at_start;
    host->device_config.has_config_channel = config->has_channel;
    host->device_config.usb_wait_ms = config->usb.wait_ms;
    host->transfer = sim_links_transfer(&host->links);
    host->device_config.transfer_subscribers = &host->transfer;
    host->device_config.transfer_subscriber_count = 1;
    host->device_config.line = print_line;
    host->device_config.frame = send_frame;
    host->device_config.flash_time = config->real_time ? wait_for_flash : NULL;
    host->device_config.ctx = host;
    dfu_sim_device_init(&host->device, &host->device_config);
    host->device.is_pin_pressed = config->is_pin_pressed;
    dfu_sim_device_cut(&host->device, config->cut_when, config->cut_op, config->seed);
}

static void give_hints(const struct sim_host *host)
{
    const struct sim_host_config *config = host->config;
    const struct dfu_area *slot = host->board.map.images[0].primary;

    if (host->device.state == DFU_SIM_UNBOOTABLE && dfu_area_is_erased(slot, 0, slot->size) == 1) {
        cli_note(host->cli, "slot 0 is empty; --init IMAGE programs it, as a factory does");
    }
    if (!config->has_udp && !config->serial && !config->has_tcp && !config->has_dtls &&
        !config->ble && !config->usb.is_wanted && !config->has_channel) {
        cli_note(host->cli, "nobody can talk to this device; give --udp PORT, --serial LINK, "
                            "--tcp PORT, --dtls PORT, --ble NAME, --usbip PORT or "
                            "--config-channel PORT");
    }
    if (config->usb.permanent && !config->has_recovery && config->usb.wait_ms == 0) {
        cli_note(
            host->cli,
            "what is downloaded over USB is kept without a test: an image that verifies but "
            "does not work can't be replaced; give --recovery-pin or --usb-wait as a way back");
    }
}

static int open_files(struct sim_host *host)
{
    const char *path = host->config->files;

    if (!path) {
        return CLI_DONE;
    }
    if (dfu_directory_open(&host->files, path)) {
        return cli_fail(host->cli, CLI_USAGE,
                        "the folder %s can't be served: %s; name a folder that is "
                        "there",
                        path, strerror(errno));
    }
    host->device_config.fs = &dfu_directory_ops;
    host->device_config.fs_ctx = &host->files;
    return CLI_DONE;
}

static int serve(struct sim_host *host)
{
    int err = sim_links_open(host->cli, &host->links, host->config, &host->device, &host->loop);

    err = err ? err : serve_usb(host);
    err = err ? err : serve_channel(host);
    err = err ? err : serve_clock(host);
    if (!err) {
        dfu_sim_device_power_on(&host->device, dfu_loop_now_ms());
        sim_links_poll(&host->links);
        give_hints(host);
    }
    return err;
}

static int set_up(struct sim_host *host)
{
    const struct sim_host_config *config = host->config;
    int err = choose_mode(host);

    if (!err) {
        printf("sim: board %s, %s, flash %s of %zu KiB\n", host->board.name, host->mode_text,
               config->flash, host->file.size / 1024);
        err = sim_first_images(host->cli, &host->board, config->flash, config->init);
    }
    if (!err) {
        err = extras_take(host->cli, &host->board, &host->extras, &host->beyond);
    }
    if (!err && host->auth.count > 0) {
        err = extras_take_boots(host->cli, &host->board, &host->extras);
        host->auth.config.boots = &host->extras.boots_area;
        host->device_config.auth = &host->auth.config;
    }
    if (!err) {
        set_up_device(host);
        host->is_serving = true;
        err = serve(host);
    }
    return err;
}

static int load(struct sim_host *host)
{
    const struct sim_host_config *config = host->config;
    int err = sim_keys_load(host->cli, &host->keys, config->key_files, config->key_count);

    if (!err) {
        err = sim_keys_load_own(host->cli, &host->keys, config->decrypt_key_option);
    }
    if (!err) {
        err = sim_auth_load(host->cli, &host->auth, &config->auth, config->flash);
    }
    if (!err) {
        err = open_files(host);
    }
    if (!err) {
        err = open_flash(host);
        host->is_flash_open = !err;
    }
    return err;
}

void sim_host_close(struct sim_host *host)
{
    if (!host) {
        return;
    }
    if (host->is_serving) {
        stop_serving(host);
    }
    if (host->is_flash_open) {
        close_flash(host);
    }
    dfu_directory_close(&host->files);
    sim_auth_free(&host->auth);
    sim_keys_free(&host->keys);
    free(host->ram.mem);
    free(host);
}

int sim_host_open(struct cli *cli, const struct sim_host_config *config, struct sim_host **out)
{
    struct sim_host *host = calloc(1, sizeof *host);
    uint8_t *ram = calloc(1, BOOT_MODE_RAM_SIZE);
    int err;

    *out = NULL;
    if (!host || !ram) {
        free(host);
        free(ram);
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    host->cli = cli;
    host->config = config;
    host->ram = (struct dfu_boot_ram){ BOOT_MODE_RAM_ADDR, BOOT_MODE_RAM_SIZE, ram };
    host->files.fd = -1;
    dfu_loop_init(&host->loop);
    err = load(host);
    if (!err) {
        err = set_up(host);
    }
    if (err) {
        if (host->is_flash_open && host->file.is_new) {
            (void)unlink(config->flash); /* there never was such a device */
        }
        sim_host_close(host);
        return err;
    }
    *out = host;
    return 0;
}

int sim_host_run(struct cli *cli, const struct sim_host_config *config)
{
    struct sim_host *host;
    int err;

    setvbuf(stdout, NULL, _IOLBF, 0); /* a console's lines are read while they appear */
    err = sim_host_open(cli, config, &host);
    if (host) {
        err = tell_ready(host);
        if (!err) {
            live(host);
        }
    }
    sim_host_close(host);
    return err;
}
