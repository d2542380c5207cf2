/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device's application: an SMP server with the OS and image groups, whose RAM is
 * gone after every reset. */
#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "dfu/sim_device.h"
#include "dfu/smp_history.h"
#include "dfu/smp_pages.h"
#include "sim/device_parts.h"

#define MS_A_DAY 86400000

/* ---- Clock: proleptic Gregorian days since 1970-01-01 ---- */

/* The year begins in March, so that the leap day is its last. */
static int64_t days_of(const struct dfu_smp_time *time)
{
    int64_t year = time->year - (time->month <= 2 ? 1 : 0);
    int64_t month = (time->month + 9) % 12;

    return year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + time->day -
           719469;
}

static void date_of(int64_t days, struct dfu_smp_time *time)
{
    struct dfu_smp_time first = { .month = 1, .day = 1 };
    static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap;

    /* Never too late; at most a few years early. */
    first.year = (uint16_t)(1970 + (days >= 0 ? days / 366 : days / 365 - 1));
    for (;;) {
        struct dfu_smp_time next = { .year = (uint16_t)(first.year + 1), .month = 1, .day = 1 };

        if (days_of(&next) > days) {
            break;
        }
        first = next;
    }
    is_leap = (first.year % 4 == 0 && first.year % 100 != 0) || first.year % 400 == 0;
    days -= days_of(&first);
    time->year = first.year;
    time->month = 1;
    for (;; time->month++) {
        int length = month_days[time->month - 1] + (time->month == 2 && is_leap ? 1 : 0);

        if (days < length) {
            break;
        }
        days -= length;
    }
    time->day = (uint8_t)(days + 1);
}

static int clock_get(void *ctx, struct dfu_smp_time *time)
{
    const struct dfu_sim_device *dev = ctx;
    int64_t ms = (int64_t)dev->server.now_ms + dev->rtc_offset_ms;
    int64_t days = ms / MS_A_DAY;

    if (!dev->is_rtc_set) {
        return DFU_ERR_NOENT;
    }
    if (ms % MS_A_DAY < 0) {
        days--;
    }
    date_of(days, time);
    ms -= days * MS_A_DAY;
    time->hour = (uint8_t)(ms / 3600000);
    time->minute = (uint8_t)(ms / 60000 % 60);
    time->second = (uint8_t)(ms / 1000 % 60);
    time->millisecond = (uint16_t)(ms % 1000);
    return DFU_OK;
}

static int clock_set(void *ctx, const struct dfu_smp_time *time)
{
    struct dfu_sim_device *dev = ctx;
    int64_t ms = days_of(time) * MS_A_DAY + time->hour * INT64_C(3600000) +
                 time->minute * INT64_C(60000) + time->second * INT64_C(1000) + time->millisecond;

    dev->rtc_offset_ms = ms - (int64_t)dev->server.now_ms;
    dev->is_rtc_set = true;
    return DFU_OK;
}

/* ---- Reset, and the refusal to be confirmed ---- */

static int reset_soon(void *ctx, bool force, uint8_t boot_mode)
{
    struct dfu_sim_device *dev = ctx;

    (void)force;
    dev->boot_mode = boot_mode;
    dev->next_cause = DFU_SIM_BY_SOFTWARE;
    dev->reset_due_ms = dev->server.now_ms + DFU_SIM_RESET_DELAY_MS;
    return DFU_OK;
}

static enum dfu_smp_hook_result refuse_confirm(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_sim_device *dev = ctx;
    const struct dfu_smp_command_event *command = event->data;
    bool confirm = false;
    struct dfu_cbor_key keys[] = { { "confirm", DFU_CBOR_BOOL, &confirm, false } };

    if (dev->app.confirm != DFU_SIM_CONFIRM_NEVER || command->group != DFU_SMP_GROUP_IMG ||
        command->id != DFU_SMP_IMG_STATE || command->op != DFU_SMP_WRITE) {
        return DFU_SMP_HOOK_OK;
    }
    if (dfu_cbor_decode_map(event->call->request, keys, 1) || !confirm) {
        return DFU_SMP_HOOK_OK;
    }
    event->group = DFU_SMP_GROUP_IMG;
    event->rc = DFU_SMP_IMG_CONFIRMATION_DENIED;
    return DFU_SMP_HOOK_ERR;
}

/* ---- Server ---- */

static int send_frame(void *ctx, const uint8_t *frame, size_t len)
{
    const struct dfu_sim_device *dev = ctx;

    if (dev->cfg->frame) {
        dev->cfg->frame(dev->cfg->ctx, dev->server.asker, frame, len);
    }
    return DFU_OK;
}

static const struct dfu_hash_alg *hash_of_type(const struct dfu_image_policy *policy, uint16_t type)
{
    for (size_t i = 0; policy->hashes && policy->hashes[i]; i++) {
        if (policy->hashes[i]->tlv_type == type) {
            return policy->hashes[i];
        }
    }
    return NULL;
}

/* A loader is built for one hash; here the first key's scheme says which. */
static uint8_t image_hash_size(const struct dfu_image_policy *policy)
{
    const struct dfu_hash_alg *hash = NULL;

    if (policy->key_count > 0) {
        hash = hash_of_type(policy, policy->keys[0].alg->hash_types[0]);
    }
    return hash ? hash->size : 0;
}

/* There is no RTOS here: one thread does everything. */
static int only_task(void *ctx, uint32_t index, struct dfu_smp_task *task)
{
    (void)ctx;
    *task = (struct dfu_smp_task){ .name = "main" };
    return index == 0 ? DFU_OK : DFU_ERR_NOENT;
}

static void set_echo(void *ctx, bool is_on)
{
    struct dfu_sim_device *dev = ctx;

    dev->server.is_echo_off = !is_on;
}

bool dfu_sim_device_echoes(const struct dfu_sim_device *dev)
{
    return dev->state == DFU_SIM_RUNNING && !dev->server.is_echo_off;
}

static struct dfu_smp_os os_group(struct dfu_sim_device *dev)
{
    const struct dfu_sim_device_config *cfg = dev->cfg;

    return (struct dfu_smp_os){
        .kernel = "dfukit-sim",
        .node = dev->app.name,
        .release = cfg->version,
        .version = cfg->version,
        .machine = "virtual",
        .processor = "virtual",
        .board = cfg->board,
        .os = "dfukit-sim",
        .bootloader = "MCUboot", /* the word clients look for; ours works by the same rules */
        .boot_mode = (int8_t)dfu_mode_number(cfg->map->mode),
        .no_downgrade = cfg->prevent_downgrade,
        .clock_has_ms = true,
        .takes_boot_mode = cfg->recovery != NULL || cfg->map->mode == DFU_MODE_FIRMWARE_LOADER,
        .reset = reset_soon,
        .clock_get = clock_get,
        .clock_set = clock_set,
        .task = only_task,
        .pool = sim_groups_pool,
        .echo_control = set_echo,
        .ctx = dev,
    };
}

static struct dfu_smp_img img_group(const struct dfu_sim_device *dev)
{
    const struct dfu_sim_device_config *cfg = dev->cfg;
    struct dfu_smp_img img = {
        .map = cfg->map,
        .active_slot = dev->boot.places[0].slot,
        .hash_size = image_hash_size(&cfg->policy),
        .sha256 = hash_of_type(&cfg->policy, DFU_TLV_SHA256),
        .erase_progressively = true,
        .confirm_other_images = true, /* its application speaks for all */
    };

    for (uint8_t i = 1; i < cfg->map->image_count; i++) {
        img.active_slots = (uint8_t)(img.active_slots | dev->boot.places[i].slot << i);
    }
    return img;
}

static void say_update(void *ctx, enum dfu_smp_update_event event)
{
    char buf[96];
    struct text line = text_in(buf, sizeof buf);

    text_add(&line, "app: ");
    text_add(&line, dfu_smp_update_event_text(event));
    sim_say(ctx, buf);
}

/* One lock for all ways of updating; USB takes the same from the device. */
static void start_updates(struct dfu_sim_device *dev)
{
    struct dfu_sim_server *s = &dev->server;
    const char *why = NULL;

    sim_config_start(dev);
    s->links[0] = &s->link;
    s->others[0] = (struct dfu_update_path){ "Config Channel", s->config.dfu.lock };
    s->update = (struct dfu_smp_update){
        .server = &s->smp,
        .img = &s->img,
        .links = s->links,
        .link_count = 1,
        .confirm = dev->cfg->confirms_at_start ? DFU_SMP_UPDATE_CONFIRM_BY_MODE
                                               : DFU_SMP_UPDATE_CONFIRM_NEVER,
        .lock = &dev->lock,
        .others = s->others,
        .other_count = s->config.is_served ? 1 : 0,
        .transfer = { .subscribers = dev->cfg->transfer_subscribers,
                      .subscriber_count = dev->cfg->transfer_subscriber_count },
        .event = say_update,
        .ctx = dev,
    };
    if (dfu_smp_update_start(&s->update, &why)) {
        sim_say(dev, why);
        return;
    }
    dfu_smp_update_ready(&s->update);
}

static size_t bind_groups(struct dfu_sim_device *dev)
{
    const struct dfu_boot_config *beyond = dev->cfg->beyond;
    struct dfu_sim_server *s = &dev->server;
    size_t count;

    s->bindings[0] = (struct dfu_smp_binding){ &dfu_smp_group_os, &s->os };
    s->bindings[1] = (struct dfu_smp_binding){ &dfu_smp_group_img, &s->img };
    count = 2 + sim_groups_start(dev, s->bindings + 2);
    s->bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_pages, &s->img };
    if (beyond && beyond->history) {
        s->bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_history,
                                                         (void *)(uintptr_t)beyond->history->area };
    }
    if (dev->cfg->auth) {
        s->bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_auth, &s->auth.auth };
    }
    return count;
}

void sim_server_start(struct dfu_sim_device *dev)
{
    const struct dfu_sim_device_config *cfg = dev->cfg;
    struct dfu_sim_server *s = &dev->server;
    size_t hook_count = 0;

    dfu_smp_fs_close(&s->groups.fs);
    memset(s, 0, sizeof *s);
    s->os = os_group(dev);
    s->img = img_group(dev);
    s->img.core = &sim_core_ops;
    s->img.core_ctx = &dev->core;
    if (sim_auth_start(dev)) {
        s->hooks[hook_count++] = dfu_smp_auth_hook(&s->auth.auth);
    }
    s->hooks[hook_count++] = (struct dfu_smp_hook){ DFU_SMP_EV_CMD_RECV, refuse_confirm, dev };
    s->hooks[hook_count++] = dfu_smp_update_hook(&s->update);
    s->hooks[hook_count++] = sim_settings_hook(dev);
    s->link = (struct dfu_smp_link){ .send = send_frame, .ctx = dev };
    s->smp = (struct dfu_smp_server){
        .bindings = s->bindings,
        .binding_count = bind_groups(dev),
        .hooks = s->hooks,
        .hook_count = hook_count,
        .response = s->response,
        .response_cap = sizeof s->response,
        .buf_size = cfg->smp_buf_size ? cfg->smp_buf_size : DFU_SIM_SMP_BUF_SIZE,
        .buf_count = cfg->smp_buf_count ? cfg->smp_buf_count : DFU_SIM_SMP_BUF_COUNT,
    };
    if (s->smp.response_cap > s->smp.buf_size) {
        s->smp.response_cap = s->smp.buf_size;
    }
    start_updates(dev);
}

void sim_server_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                        size_t len, uint64_t now_ms)
{
    struct dfu_sim_server *s = &dev->server;

    if (len > s->smp.buf_size) {
        return; /* no buffer of the device's would have held it */
    }
    s->asker = link;
    s->now_ms = now_ms;
    sim_auth_take_peer(dev, link);
    s->link.is_bluetooth = dev->is_bluetooth;
    s->groups.packets++;
    s->groups.packet_bytes += (uint32_t)len;
    sim_groups_note_pools(dev);
    dfu_smp_receive(&s->smp, packet, len, &s->link);
    sim_server_poll(dev, now_ms);
}

void sim_server_poll(struct dfu_sim_device *dev, uint64_t now_ms)
{
    dfu_smp_update_poll(&dev->server.update, now_ms);
    dfu_smp_fs_poll(&dev->server.groups.fs, now_ms);
    sim_config_poll(dev, now_ms);
}

uint64_t sim_server_due_ms(const struct dfu_sim_device *dev)
{
    uint64_t lock_ms = dfu_smp_update_due_ms(&dev->server.update);
    uint64_t fs_ms = dfu_smp_fs_due_ms(&dev->server.groups.fs);

    uint64_t config_ms = sim_config_due_ms(dev);

    lock_ms = lock_ms < fs_ms ? lock_ms : fs_ms;
    return lock_ms < config_ms ? lock_ms : config_ms;
}
