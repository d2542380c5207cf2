/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_device.h - a virtual device: flash, the real bootloader, and an application that is the
 * SMP server.
 *
 * It does no I/O. Packets, the clock and power come in through calls; console lines and answers
 * go out through two callbacks. All that must survive a reset lies in the flash. One struct is
 * one device, any number may live in a process.
 *
 * How the application behaves is told by the payload of the image that runs, so that bad
 * firmware can be shown. The payload then starts with lines of text, ended by an empty line, a
 * zero byte or the payload's end:
 *
 *     dfukit-app
 *     name=blinky
 *     confirm=client|self|never
 *     start=run|crash|hang
 *     greet=Hello World!
 *
 * confirm: client (default) waits for a confirm command, self confirms at start, never refuses
 * the command. start: run (default), crash (a fault resets it at once), hang (never answers; the
 * watchdog resets it). greet: what it prints first, under its own banner and followed by the
 * board's name, as Zephyr's hello_world does. An image without these lines runs and waits for a client to confirm. */
#ifndef DFU_SIM_DEVICE_H
#define DFU_SIM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/boot.h"
#include "dfu/config_dfu.h"
#include "dfu/recovery.h"
#include "dfu/sim_flash.h"
#include "dfu/slots.h"
#include "dfu/lock.h"
#include "dfu/smp_auth.h"
#include "dfu/smp_basic.h"
#include "dfu/smp_crash.h"
#include "dfu/smp_fs.h"
#include "dfu/smp_img.h"
#include "dfu/smp_log.h"
#include "dfu/smp_os.h"
#include "dfu/smp_settings.h"
#include "dfu/smp_shell.h"
#include "dfu/smp_stat.h"
#include "dfu/smp_update.h"
#include "dfu/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SIM_RESET_DELAY_MS 250u  /* from the answer to a reset command to the reset */
#define DFU_SIM_CRASH_DELAY_MS 100u  /* from start to the fault of start=crash */
#define DFU_SIM_WATCHDOG_MS    4000u /* from start to the watchdog of start=hang */

#define DFU_SIM_SMP_BUF_SIZE  2048u
#define DFU_SIM_SMP_BUF_COUNT 4u
#define DFU_SIM_SMP_BUF_MAX   4096u

enum dfu_sim_device_state {
    DFU_SIM_OFF,        /* no power: switched off, or a cut */
    DFU_SIM_RUNNING,    /* the application answers */
    DFU_SIM_STUCK,      /* the application crashed or hangs; a reset will follow */
    DFU_SIM_UNBOOTABLE, /* the bootloader found nothing that may run; it stays there */
    DFU_SIM_WAITING,    /* the bootloader waits for a download over USB before it goes on */
    DFU_SIM_RECOVERING, /* the bootloader answers SMP */
};

enum dfu_sim_reset_cause { DFU_SIM_BY_POWER, DFU_SIM_BY_SOFTWARE, DFU_SIM_BY_WATCHDOG };

enum dfu_sim_confirm { DFU_SIM_CONFIRM_BY_CLIENT, DFU_SIM_CONFIRM_SELF, DFU_SIM_CONFIRM_NEVER };
enum dfu_sim_start { DFU_SIM_START_RUN, DFU_SIM_START_CRASH, DFU_SIM_START_HANG };

/* What the text in front of a payload says. */
struct dfu_sim_app {
    char name[32];
    enum dfu_sim_confirm confirm;
    enum dfu_sim_start start;
    char greeting[48]; /* "": none */
};

/* Read the text; an unknown line, word or missing text leaves the defaults. */
void dfu_sim_app_parse(struct dfu_sim_app *app, const uint8_t *payload, size_t len);

/* Serial recovery in the bootloader: on request, and where nothing may run. */
struct dfu_sim_recovery_config {
    uint32_t wait_ms; /* before each start of the application, too; 0: not */
    uint32_t idle_ms; /* as in struct dfu_recovery_config, like the rest */
    bool direct_upload, erase_progressively;
};

/* Roles over SMP (smp_auth.h). */
struct dfu_sim_auth_config {
    struct dfu_smp_auth_config rules; /* without random, clock and ctx */
    const struct dfu_area *boots;     /* counts starts, and belongs to that alone */
    int (*random)(void *ctx, uint8_t *buf, size_t len);
    void *ctx;
};

struct dfu_sim_device_config {
    const struct dfu_slot_map *map; /* its areas lie on the flashes below */
    const struct dfu_boot_strategy *strategy;
    struct dfu_image_policy policy;
    bool prevent_downgrade;
    const struct dfu_boot_ram *ram; /* as in struct dfu_boot_config; its images run from there */
    uint8_t ram_count;
    const struct dfu_boot_config *beyond; /* what it names beyond MCUboot, or NULL */
    const char *board;                    /* what the device calls its hardware */
    const char *version;                  /* of this software, for the banner; or NULL */
    struct dfu_sim_flash *const *flashes; /* their on_op belongs to the device */
    uint8_t flash_count;
    /* Keeps settings and how far an upload got over a reset; NULL: they are lost. */
    const struct dfu_area *storage;
    const struct dfu_fs_ops *fs; /* the files it serves over SMP; NULL: none */
    void *fs_ctx;
    uint32_t smp_buf_size, smp_buf_count;           /* as told to clients; 0: DFU_SIM_SMP_BUF_* */
    const struct dfu_sim_recovery_config *recovery; /* NULL: there is none */
    /* How long the bootloader waits for a download over USB before it starts what is there (a
     * struct dfu_sim_usb does the waiting); 0: not at all, UINT32_MAX: until somebody comes. */
    uint32_t usb_wait_ms;
    bool confirms_at_start;  /* the application's update module, by the mode; false: never */
    bool has_config_channel; /* where dfu_sim_device_config_check() allows it */

    const struct dfu_sim_auth_config *auth; /* NULL: everybody may do everything */
    /* Told of transfer events, which chunks over Bluetooth submit (transfer.h). */
    const struct dfu_transfer_subscriber *transfer_subscribers;
    size_t transfer_subscriber_count;

    /* One line of the console, without its newline. */
    void (*line)(void *ctx, const char *text);
    /* One SMP packet out, an answer to what came in on this link. */
    void (*frame)(void *ctx, uint32_t link, const uint8_t *packet, size_t len);
    /* Called after each flash operation with what it and the reads before it take on the real
     * part: whoever wants a device in real time waits that long. May be NULL. */
    void (*flash_time)(void *ctx, uint64_t us);
    void *ctx;
};

/* What one start cost, by the flash's own books. */
struct dfu_sim_boot_cost {
    uint32_t erases, writes;
    uint64_t bytes_written, flash_us; /* flash_us is predicted by the timing model */
};

/* The operation during which, before or after which the power went. */
struct dfu_sim_power_cut {
    enum dfu_sim_cut_when when; /* DFU_SIM_NO_CUT: none happened since the last power on */
    uint32_t op;
    enum dfu_sim_op_kind kind;
    uint32_t len;
    const struct dfu_area *area; /* NULL: outside the slots */
    uint32_t off;                /* from the start of the area, or else of the flash */
};

#define DFU_SIM_GROUPS_MAX   16u
#define DFU_SIM_SETTINGS_MAX 32u

/* What the application offers over SMP beside the OS and image groups. */
struct dfu_sim_groups {
    struct dfu_smp_stat stat;
    struct dfu_smp_stat_set sets[1];
    struct dfu_smp_stat_field fields[3];
    uint32_t packets, packet_bytes;
    struct dfu_setting values[DFU_SIM_SETTINGS_MAX];
    struct dfu_settings store;
    struct dfu_smp_settings settings;
    struct dfu_smp_fs fs;
    struct dfu_smp_shell shell;
    char line[256], output[1024];
    struct dfu_smp_basic basic;
    const struct dfu_area *erased[1];
    struct dfu_log logs[1];
    struct dfu_smp_log log;
    struct dfu_smp_crash crash;
    uint32_t settings_free_min, log_free_min; /* since the start */
};

/* The last lines of the console, but those that the simulator itself says. */
#define DFU_SIM_LOG_LINES 32u

struct dfu_sim_log {
    struct dfu_sim_log_line {
        int64_t us;
        uint8_t level, module;
        char text[128];
    } lines[DFU_SIM_LOG_LINES];
    uint32_t first_index, next_index; /* of the first line since it was cleared; of the next */
    uint64_t now_ms;
};

/* What the last crash left. */
struct dfu_sim_core {
    char text[192];
    uint32_t len; /* 0: there is none */
};

#define DFU_SIM_CONFIG_CHANNELS 3u

/* The configuration channel, one for each transport, and its module that updates. */
struct dfu_sim_config {
    bool is_served;
    struct dfu_config_dfu dfu;
    struct dfu_config_binding binding;
    struct dfu_config_channel channels[DFU_SIM_CONFIG_CHANNELS];
    uint8_t buf[512];
};

#define DFU_SIM_AUTH_PLACES 4u
#define DFU_SIM_PEER_MAX    28u /* an IPv6 address with all that belongs to it */

struct dfu_sim_auth {
    struct dfu_smp_auth_config config;
    struct dfu_smp_auth auth;
    struct dfu_smp_auth_place places[DFU_SIM_AUTH_PLACES];
    struct dfu_record boots;
};

/* The application's server. Its pointers lead into the device, which must stay where it is. */
struct dfu_sim_server {
    struct dfu_smp_server smp;
    struct dfu_smp_binding bindings[DFU_SIM_GROUPS_MAX];
    struct dfu_smp_hook hooks[4];
    struct dfu_sim_auth auth;
    uint8_t peer[sizeof(uint32_t) + DFU_SIM_PEER_MAX]; /* link, and who on it */
    struct dfu_smp_update update;
    struct dfu_update_path others[1];
    const struct dfu_smp_link *links[1];
    struct dfu_smp_os os;
    struct dfu_smp_img img;
    struct dfu_sim_groups groups;
    struct dfu_sim_config config;
    struct dfu_smp_link link;
    struct dfu_stream_store store;
    uint32_t asker;
    uint64_t now_ms;
    bool is_echo_off; /* of the console, as a client wished; on after each start */
    uint8_t response[DFU_SIM_SMP_BUF_MAX];
};

struct dfu_sim_device {
    const struct dfu_sim_device_config *cfg;
    enum dfu_sim_device_state state;
    /* Who sends the next packet, where its link has several ends; set it before each receive. Up to
     * DFU_SIM_PEER_MAX bytes. */
    const void *peer;
    size_t peer_len;
    bool is_bluetooth;    /* that link */
    bool is_pin_pressed;  /* set it before a start, which then is one into recovery */
    uint32_t starts;      /* so far */
    struct dfu_lock lock; /* of the upload slot: SMP, USB, configuration channel */
    enum dfu_sim_reset_cause reset_cause;
    struct dfu_boot_result boot; /* of the last start that found an image */
    struct dfu_sim_boot_cost cost;
    struct dfu_sim_power_cut cut; /* the last one */
    struct dfu_sim_app app;

    /* the device's own */
    enum dfu_sim_cut_when armed_when;
    uint32_t armed_op, boot_ops;
    uint64_t armed_seed;
    bool is_booting;
    uint64_t reset_due_ms;
    uint64_t told_us; /* flash time that flash_time was told of */
    enum dfu_sim_reset_cause next_cause;
    int64_t rtc_offset_ms; /* device time minus the caller's clock */
    bool is_rtc_set;
    /* in memory that keeps its content over a reset, not without power */
    uint8_t boot_mode;
    struct dfu_sim_log log_memory;
    struct dfu_sim_core core;
    struct dfu_sim_log *log; /* log_memory */
    struct dfu_recovery recovery;
    struct dfu_recovery_config recovery_config;
    const struct dfu_area *recovery_storage[1];
    struct dfu_sim_server server;
    uint8_t buf[4096];
};

/* cfg must outlive the device. Nothing is printed and nothing runs until power_on. */
void dfu_sim_device_init(struct dfu_sim_device *dev, const struct dfu_sim_device_config *cfg);

/* Cut the power at operation op (from 1, over all flashes) of the first boot that gets so far. */
void dfu_sim_device_cut(struct dfu_sim_device *dev, enum dfu_sim_cut_when when, uint32_t op,
                        uint64_t seed);

/* Start the bootloader and whatever it finds. now_ms is any monotonic clock. */
enum dfu_sim_device_state dfu_sim_device_power_on(struct dfu_sim_device *dev, uint64_t now_ms);
void dfu_sim_device_power_off(struct dfu_sim_device *dev);

/* Software of the device resets it, now. */
void dfu_sim_device_reset(struct dfu_sim_device *dev, uint64_t now_ms);

/* In DFU_SIM_WAITING: the waiting is over, with a complete download or without. */
void dfu_sim_device_go_on(struct dfu_sim_device *dev, bool has_download, uint64_t now_ms);

/* One SMP packet from a link; the answers come through cfg->frame before this returns. */
void dfu_sim_device_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                            size_t len, uint64_t now_ms);

/* Whether its console shows what is typed: while the application runs, unless a client told it not
 * to. Showing it is the business of whoever has the console's line. */
bool dfu_sim_device_echoes(const struct dfu_sim_device *dev);

/* DFU_ERR_NOTSUP: these slots can't be updated over the configuration channel. */
int dfu_sim_device_config_check(const struct dfu_slot_map *map);

/* A feature report of the configuration channel in (as dfu_config_channel_set_report()) and out;
 * channel counts transports from 0. DFU_ERR_STATE while the application doesn't run. */
int dfu_sim_device_set_report(struct dfu_sim_device *dev, unsigned channel, const uint8_t *report,
                              size_t len, uint64_t now_ms);
int dfu_sim_device_get_report(struct dfu_sim_device *dev, unsigned channel,
                              uint8_t out[DFU_CONFIG_REPORT_SIZE]);
void dfu_sim_device_config_gone(struct dfu_sim_device *dev, unsigned channel);

/* Do what is due (a delayed reset, the watchdog). */
void dfu_sim_device_poll(struct dfu_sim_device *dev, uint64_t now_ms);

/* When poll has something to do, or UINT64_MAX. */
uint64_t dfu_sim_device_due_ms(const struct dfu_sim_device *dev);

#ifdef __cplusplus
}
#endif
#endif
