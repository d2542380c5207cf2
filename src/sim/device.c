/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device's life: power, bootloader, application, reset. What the application answers
 * is in device_server.c.
 *
 * Always holds: nothing but flash (and a cut armed from outside) is carried from one start to the
 * next, save the clock, which real parts keep over a reset, too. */
#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "dfu/sim_device.h"
#include "dfu/update.h"
#include "sim/device_parts.h"

#define NEVER            UINT64_MAX
#define LINE_MAX         192u
#define BOOT_MODE_LOADER 1u   /* of a reset command: the loader, not the application */
#define PAYLOAD_MAX      256u /* as much of a payload as may be the application's text */

/* ---- Power ---- */

static const struct dfu_sim_flash *flash_without_power(const struct dfu_sim_device *dev)
{
    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        if (dev->cfg->flashes[i]->is_off) {
            return dev->cfg->flashes[i];
        }
    }
    return NULL;
}

bool sim_has_power(const struct dfu_sim_device *dev)
{
    return !flash_without_power(dev);
}

/* Operations are numbered over all flashes of the device, so the next one of each is the one. */
static void arm_next_operation(const struct dfu_sim_device *dev)
{
    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        struct dfu_sim_flash *flash = dev->cfg->flashes[i];

        dfu_sim_flash_cut(flash, dev->armed_when, flash->ops + 1, dev->armed_seed);
    }
}

static struct dfu_sim_boot_cost flash_books(const struct dfu_sim_device *dev)
{
    struct dfu_sim_boot_cost sum = { 0 };

    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        const struct dfu_sim_flash *flash = dev->cfg->flashes[i];

        sum.erases += flash->erases;
        sum.writes += flash->writes;
        sum.bytes_written += flash->bytes_written;
        sum.flash_us += flash->elapsed_us;
    }
    return sum;
}

static void tell_flash_time(struct dfu_sim_device *dev)
{
    uint64_t now_us = flash_books(dev).flash_us;

    if (dev->cfg->flash_time) {
        dev->cfg->flash_time(dev->cfg->ctx, now_us - dev->told_us);
    }
    dev->told_us = now_us;
}

static void count_operation(void *ctx, const struct dfu_sim_op *op)
{
    struct dfu_sim_device *dev = ctx;

    (void)op;
    tell_flash_time(dev);
    if (!dev->is_booting) {
        return;
    }
    dev->boot_ops++;
    if (dev->armed_when != DFU_SIM_NO_CUT && dev->boot_ops + 1 == dev->armed_op) {
        arm_next_operation(dev);
    }
}

static void flashes_on(struct dfu_sim_device *dev)
{
    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        dfu_sim_flash_power_on(dev->cfg->flashes[i]);
        dev->cfg->flashes[i]->on_op = count_operation;
        dev->cfg->flashes[i]->on_op_ctx = dev;
    }
}

static void flashes_off(struct dfu_sim_device *dev)
{
    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        dev->cfg->flashes[i]->is_off = true;
    }
}

/* Around everything the bootloader does to flash: its operations are counted, and the one that a
 * cut was armed for is its last. */
static void count_from_here(struct dfu_sim_device *dev)
{
    dev->is_booting = true;
    if (dev->armed_when != DFU_SIM_NO_CUT && dev->armed_op == dev->boot_ops + 1) {
        arm_next_operation(dev);
    }
}

static void count_no_more(struct dfu_sim_device *dev)
{
    dev->is_booting = false;
    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        dev->cfg->flashes[i]->cut_when = DFU_SIM_NO_CUT;
    }
}

static const struct dfu_area *area_at(const struct dfu_slot_map *map,
                                      const struct dfu_sim_flash *flash, uint32_t off)
{
    const struct dfu_area *all[DFU_IMAGES_MAX * 2 + 1] = { map->scratch };

    for (uint8_t i = 0; i < map->image_count; i++) {
        all[1 + 2 * i] = map->images[i].primary;
        all[2 + 2 * i] = map->images[i].secondary;
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] && all[i]->ctx == flash && off - all[i]->base < all[i]->size) {
            return all[i];
        }
    }
    return NULL;
}

static uint32_t sector_index(const struct dfu_area *area, uint32_t off)
{
    struct dfu_sector sector;
    uint32_t i = 0;

    while (dfu_area_sector(area, i, &sector) == DFU_OK && off - sector.off >= sector.size) {
        i++;
    }
    return i;
}

static void note_cut(struct dfu_sim_device *dev, const struct dfu_sim_flash *flash)
{
    const struct dfu_area *area = area_at(dev->cfg->map, flash, flash->last.off);

    dev->cut = (struct dfu_sim_power_cut){
        .when = dev->armed_when,
        .op = dev->armed_op,
        .kind = flash->last.kind,
        .len = flash->last.len,
        .area = area,
        .off = area ? flash->last.off - area->base : flash->last.off,
    };
    dev->armed_when = DFU_SIM_NO_CUT;
}

/* "sim: power lost in the middle of operation 31 (erase of slot0_partition sector 3)" */
static void say_cut(const struct dfu_sim_device *dev)
{
    static const char *const when[] = {
        [DFU_SIM_CUT_BEFORE] = "before",
        [DFU_SIM_CUT_INSIDE] = "in the middle of",
        [DFU_SIM_CUT_AFTER] = "after",
    };
    const struct dfu_sim_power_cut *cut = &dev->cut;
    char buf[LINE_MAX];
    struct text t = text_in(buf, sizeof buf);

    text_add(&t, "sim: power lost ");
    text_add(&t, when[cut->when]);
    text_add(&t, " operation ");
    text_add_dec(&t, cut->op);
    text_add(&t, cut->kind == DFU_SIM_ERASE ? " (erase of " : " (write of ");
    if (cut->kind == DFU_SIM_WRITE) {
        text_add_dec(&t, cut->len);
        text_add(&t, " bytes to ");
    }
    text_add(&t, cut->area ? cut->area->label : "flash");
    if (cut->area) {
        text_add(&t, " sector ");
        text_add_dec(&t, sector_index(cut->area, cut->off));
    }
    text_add(&t, ")");
    sim_say(dev, buf);
}

/* ---- The bootloader ---- */

static void say_event(void *ctx, const struct dfu_boot_event *event)
{
    char buf[LINE_MAX];

    sim_say(ctx, dfu_boot_event_text(event, buf, sizeof buf));
    if (dfu_boot_event_reason(event, buf, sizeof buf)) {
        sim_say(ctx, buf);
    }
}

static bool is_loader_asked_for(const struct dfu_sim_device *dev)
{
    return dev->cfg->map->mode == DFU_MODE_FIRMWARE_LOADER && dev->boot_mode == BOOT_MODE_LOADER;
}

static struct dfu_boot_config boot_config(struct dfu_sim_device *dev)
{
    return (struct dfu_boot_config){
        .map = dev->cfg->map,
        .strategy = dev->cfg->strategy,
        .policy = dev->cfg->policy,
        .encryption = dev->cfg->policy.decryption ? &dfu_boot_encrypted : NULL,
        .decompression = dev->cfg->policy.unpacker ? &dfu_boot_decompressed : NULL,
        .validate_primary = true,
        .prevent_downgrade = dev->cfg->prevent_downgrade,
        .enter_loader = is_loader_asked_for(dev),
        .loader_if_invalid = true,
        .ram = dev->cfg->ram,
        .ram_count = dev->cfg->ram_count,
        .buf = dev->buf,
        .buf_len = sizeof dev->buf,
        .event = say_event,
        .ctx = dev,
    };
}

static int run_bootloader(struct dfu_sim_device *dev)
{
    struct dfu_boot_config config = boot_config(dev);
    struct dfu_sim_boot_cost before = flash_books(dev);
    int err;

    if (dev->cfg->beyond) {
        config.skip = dev->cfg->beyond->skip;
        config.attempts = dev->cfg->beyond->attempts;
        config.history = dev->cfg->beyond->history;
        config.revocation = dev->cfg->beyond->revocation;
        config.progress = dev->cfg->beyond->progress;
    }

    count_from_here(dev);
    err = dfu_boot(&config, &dev->boot);
    count_no_more(dev);
    dev->cost = flash_books(dev);
    dev->cost.erases -= before.erases;
    dev->cost.writes -= before.writes;
    dev->cost.bytes_written -= before.bytes_written;
    dev->cost.flash_us -= before.flash_us;
    return err;
}

static void add_part_names(const struct dfu_sim_device *dev, struct text *t)
{
    const char *before = " on ";

    for (uint8_t i = 0; i < dev->cfg->flash_count; i++) {
        const struct dfu_sim_timing *timing = dev->cfg->flashes[i]->timing;

        if (timing) {
            text_add(t, before);
            text_add(t, timing->name);
            before = " and ";
        }
    }
}

/* "sim: this start took 96 erases, 412.0 KiB written; 18.1 s on nrf52840" */
static void say_cost(const struct dfu_sim_device *dev)
{
    char buf[LINE_MAX];
    struct text t = text_in(buf, sizeof buf);

    if (dev->cost.erases == 0) {
        return;
    }
    text_add(&t, "sim: this start took ");
    text_add_dec(&t, dev->cost.erases);
    text_add(&t, " erases, ");
    text_add_tenths(&t, dev->cost.bytes_written, 1024);
    text_add(&t, " KiB written");
    if (dev->cost.flash_us > 0) {
        text_add(&t, "; ");
        text_add_tenths(&t, dev->cost.flash_us, 1000000);
        text_add(&t, " s");
        add_part_names(dev, &t);
    }
    sim_say(dev, buf);
}

/* ---- The application ---- */

static void read_app(struct dfu_sim_device *dev)
{
    const struct dfu_boot_result *boot = &dev->boot;
    uint8_t payload[PAYLOAD_MAX];
    size_t len = boot->header.img_size < sizeof payload ? boot->header.img_size : sizeof payload;
    const struct dfu_boot_place *place = &boot->places[0];
    int err = DFU_OK;

    if (place->ram) {
        memcpy(payload, place->ram + boot->header.hdr_size, len);
    } else {
        err = dfu_area_read(place->area, place->off + boot->header.hdr_size, payload, len);
    }
    dfu_sim_app_parse(&dev->app, payload, err ? 0 : len);
}

/* "app: blinky 1.2.0+0 running from slot 0 (not confirmed)" */
static void say_app(const struct dfu_sim_device *dev, const char *what)
{
    char version[DFU_IMAGE_VERSION_STRLEN];
    char buf[LINE_MAX];
    struct text t = text_in(buf, sizeof buf);

    text_add(&t, "app: ");
    text_add(&t, dev->app.name);
    text_add(&t, " ");
    text_add(&t, dfu_image_version_text(&dev->boot.header.version, version));
    text_add(&t, what);
    sim_say(dev, buf);
}

static bool is_confirmed(const struct dfu_sim_device *dev)
{
    return dfu_boot_is_slot_confirmed(dev->cfg->map, dev->boot.places[0].area);
}

static void say_running(const struct dfu_sim_device *dev)
{
    char buf[64];
    struct text t = text_in(buf, sizeof buf);
    const struct dfu_boot_place *place = &dev->boot.places[0];

    text_add(&t, " running from slot ");
    text_add_dec(&t, place->slot);
    text_add(&t, place->ram ? ", in RAM" : "");
    text_add(&t, is_confirmed(dev) ? " (confirmed)" : " (not confirmed)");
    say_app(dev, buf);
}

/* "*** Booting hello 2.0.0+0 ***", "Hello World! nrf52840dk" */
static void say_greeting(const struct dfu_sim_device *dev)
{
    char version[DFU_IMAGE_VERSION_STRLEN];
    char buf[LINE_MAX];
    struct text banner = text_in(buf, sizeof buf);
    struct text greeting;

    if (dev->app.greeting[0] == '\0') {
        return;
    }
    text_add(&banner, "*** Booting ");
    text_add(&banner, dev->app.name);
    text_add(&banner, " ");
    text_add(&banner, dfu_image_version_text(&dev->boot.header.version, version));
    text_add(&banner, " ***");
    sim_say(dev, buf);
    greeting = text_in(buf, sizeof buf);
    text_add(&greeting, dev->app.greeting);
    text_add(&greeting, " ");
    text_add(&greeting, dev->cfg->board ? dev->cfg->board : "");
    sim_say(dev, buf);
}

void sim_app_crashes(struct dfu_sim_device *dev, const char *cause, bool hangs, uint64_t now_ms)
{
    char buf[64];
    struct text t = text_in(buf, sizeof buf);

    dev->next_cause = DFU_SIM_BY_WATCHDOG;
    dev->state = DFU_SIM_STUCK;
    dev->reset_due_ms = now_ms + (hangs ? DFU_SIM_WATCHDOG_MS : DFU_SIM_CRASH_DELAY_MS);
    sim_core_take(dev, cause);
    text_add(&t, hangs ? " hangs" : " crashed at ");
    text_add(&t, hangs ? "" : cause);
    text_add(&t, hangs ? "" : "; the watchdog resets the device");
    say_app(dev, buf);
}

static void start_app(struct dfu_sim_device *dev, uint64_t now_ms)
{
    read_app(dev);
    if (dev->app.start != DFU_SIM_START_RUN) {
        bool hangs = dev->app.start == DFU_SIM_START_HANG;

        sim_app_crashes(dev, hangs ? "wdog" : "start", hangs, now_ms);
        return;
    }
    dev->state = DFU_SIM_RUNNING;
    say_greeting(dev);
    say_running(dev);
    if (dev->app.confirm == DFU_SIM_CONFIRM_SELF && !is_confirmed(dev)) {
        int err = dfu_boot_set_next(dev->cfg->map, dev->boot.places[0].area, true, true);

        say_app(dev, err ? " could not confirm itself" : " confirmed itself");
    }
    sim_server_start(dev);
}

/* ---- One start ---- */

static void say_start(const struct dfu_sim_device *dev)
{
    static const char *const causes[] = {
        [DFU_SIM_BY_POWER] = "sim: reset cause: power on",
        [DFU_SIM_BY_SOFTWARE] = "sim: reset cause: software",
        [DFU_SIM_BY_WATCHDOG] = "sim: reset cause: watchdog",
    };
    char buf[LINE_MAX];
    struct text t = text_in(buf, sizeof buf);

    sim_say(dev, causes[dev->reset_cause]);
    text_add(&t, "*** Booting dfukit bootloader");
    if (dev->cfg->version) {
        text_add(&t, " v");
        text_add(&t, dev->cfg->version);
    }
    text_add(&t, " ***");
    sim_say(dev, buf);
}

/* The power is gone: true. */
static bool is_cut(struct dfu_sim_device *dev)
{
    const struct dfu_sim_flash *dark = flash_without_power(dev);

    if (dark) {
        note_cut(dev, dark);
        say_cut(dev);
        dfu_sim_device_power_off(dev);
    }
    return dark != NULL;
}

static void boot_and_run(struct dfu_sim_device *dev, uint64_t now_ms)
{
    int err = run_bootloader(dev);

    if (is_cut(dev)) {
        return;
    }
    say_cost(dev);
    if (sim_recovery_after_boot(dev, !err, now_ms)) {
        dev->state = DFU_SIM_RECOVERING;
        return;
    }
    if (err) {
        dev->state = DFU_SIM_UNBOOTABLE;
        sim_say(dev, err == DFU_ERR_VERIFY
                         ? "sim: there is no image that may run; the device stays in its "
                           "bootloader until the power is cycled"
                         : "sim: the bootloader refuses its configuration");
        return;
    }
    start_app(dev, now_ms);
}

/* A download would write into the middle of a swap. */
static bool is_in_a_swap(struct dfu_sim_device *dev)
{
    struct dfu_boot_config config = boot_config(dev);
    struct dfu_boot_outlook outlook;

    config.event = NULL;
    for (uint8_t i = 0; i < dev->cfg->map->image_count; i++) {
        if (!dfu_boot_look(&config, i, &outlook) && outlook.resumes) {
            return true;
        }
    }
    return false;
}

static void start(struct dfu_sim_device *dev, enum dfu_sim_reset_cause cause, uint64_t now_ms)
{
    dev->starts++;
    dev->log->now_ms = now_ms;
    dev->lock = (struct dfu_lock){ 0 }; /* it lies in RAM */
    dev->reset_cause = cause;
    dev->reset_due_ms = NEVER;
    dev->cut.when = DFU_SIM_NO_CUT;
    dev->boot_ops = 0;
    flashes_on(dev);
    say_start(dev);
    if (sim_recovery_before_boot(dev, now_ms)) {
        dev->state = DFU_SIM_RECOVERING;
    } else if (dev->cfg->usb_wait_ms > 0 && !is_in_a_swap(dev)) {
        sim_say(dev, "I: Waiting for USB DFU");
        dev->state = DFU_SIM_WAITING;
    } else {
        boot_and_run(dev, now_ms);
    }
}

void dfu_sim_device_init(struct dfu_sim_device *dev, const struct dfu_sim_device_config *cfg)
{
    memset(dev, 0, sizeof *dev);
    dev->cfg = cfg;
    sim_log_forget(dev);
    dev->state = DFU_SIM_OFF;
    dev->reset_due_ms = NEVER;
}

void dfu_sim_device_cut(struct dfu_sim_device *dev, enum dfu_sim_cut_when when, uint32_t op,
                        uint64_t seed)
{
    dev->armed_when = when;
    dev->armed_op = op;
    dev->armed_seed = seed;
}

enum dfu_sim_device_state dfu_sim_device_power_on(struct dfu_sim_device *dev, uint64_t now_ms)
{
    start(dev, DFU_SIM_BY_POWER, now_ms);
    return dev->state;
}

void dfu_sim_device_power_off(struct dfu_sim_device *dev)
{
    flashes_off(dev);
    dev->state = DFU_SIM_OFF;
    dev->reset_due_ms = NEVER;
    dev->is_rtc_set = false;
    dev->boot_mode = 0;
    sim_log_forget(dev);
}

void dfu_sim_device_reset(struct dfu_sim_device *dev, uint64_t now_ms)
{
    start(dev, DFU_SIM_BY_SOFTWARE, now_ms);
}

void dfu_sim_device_go_on(struct dfu_sim_device *dev, bool has_download, uint64_t now_ms)
{
    if (dev->state == DFU_SIM_WAITING) {
        sim_say(dev, has_download ? "I: USB DFU wait terminated" : "I: USB DFU wait time elapsed");
        boot_and_run(dev, now_ms);
    }
}

void dfu_sim_device_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                            size_t len, uint64_t now_ms)
{
    dev->log->now_ms = now_ms;
    if (dev->state == DFU_SIM_RUNNING) {
        sim_server_receive(dev, link, packet, len, now_ms);
    } else if (dev->state == DFU_SIM_RECOVERING) {
        count_from_here(dev);
        sim_recovery_receive(dev, link, packet, len, now_ms);
        count_no_more(dev);
        (void)is_cut(dev);
    }
}

/* What the recovery wants, once it is over. */
static void follow_recovery(struct dfu_sim_device *dev, uint64_t now_ms)
{
    switch (dfu_recovery_look(&dev->recovery, now_ms)) {
    case DFU_RECOVERY_STAY: return;
    case DFU_RECOVERY_RESET: start(dev, DFU_SIM_BY_SOFTWARE, now_ms); return;
    case DFU_RECOVERY_LEAVE: break;
    }
    if (dev->recovery.reason == DFU_RECOVERY_BY_PIN) {
        boot_and_run(dev, now_ms);
    } else {
        start_app(dev, now_ms);
    }
}

void dfu_sim_device_poll(struct dfu_sim_device *dev, uint64_t now_ms)
{
    dev->log->now_ms = now_ms;
    if (now_ms >= dev->reset_due_ms) {
        start(dev, dev->next_cause, now_ms);
    }
    if (dev->state == DFU_SIM_RECOVERING) {
        follow_recovery(dev, now_ms);
    }
    if (dev->state == DFU_SIM_RUNNING) {
        sim_server_poll(dev, now_ms);
    }
}

uint64_t dfu_sim_device_due_ms(const struct dfu_sim_device *dev)
{
    uint64_t due_ms = NEVER;

    if (dev->state == DFU_SIM_RUNNING) {
        due_ms = sim_server_due_ms(dev);
    } else if (dev->state == DFU_SIM_RECOVERING) {
        due_ms = dfu_recovery_due_ms(&dev->recovery);
    }
    return due_ms < dev->reset_due_ms ? due_ms : dev->reset_due_ms;
}
