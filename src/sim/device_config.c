/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device's configuration channel: an update beside SMP and USB, under the same lock. */
#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "sim/device_parts.h"

#define VENDOR   0x2fe3u /* as Zephyr's samples */
#define PRODUCT  0x0100u
#define LINE_MAX 96u

static const uint8_t hwid[DFU_CONFIG_HWID_SIZE] = { 'D', 'F', 'U', 'K', 'I', 'T', '0', '1' };

static void say_event(void *ctx, enum dfu_config_dfu_event event)
{
    char buf[LINE_MAX];
    struct text line = text_in(buf, sizeof buf);

    text_add(&line, "dfu: ");
    text_add(&line, dfu_config_dfu_event_text(event));
    sim_say(ctx, buf);
}

/* The module has waited for the answer to be fetched. */
static void reset_now(void *ctx)
{
    struct dfu_sim_device *dev = ctx;

    dev->next_cause = DFU_SIM_BY_SOFTWARE;
    dev->reset_due_ms = dev->server.config.dfu.now_ms;
}

static bool is_served(const struct dfu_sim_device *dev)
{
    return dev->state == DFU_SIM_RUNNING && dev->server.config.is_served;
}

void sim_config_start(struct dfu_sim_device *dev)
{
    struct dfu_sim_config *c = &dev->server.config;

    if (!dev->cfg->has_config_channel || dfu_sim_device_config_check(dev->cfg->map)) {
        return;
    }
    c->dfu = (struct dfu_config_dfu){ .map = dev->cfg->map,
                                      .active = dev->boot.places[0].slot,
                                      .lock = &dev->lock,
                                      .buf = c->buf,
                                      .buf_size = sizeof c->buf,
                                      .vendor = VENDOR,
                                      .product = PRODUCT,
                                      .generation = "sim",
                                      .reboot = reset_now,
                                      .event = say_event,
                                      .ctx = dev };
    c->binding = (struct dfu_config_binding){ &dfu_config_dfu_module, &c->dfu };
    for (unsigned i = 0; i < DFU_SIM_CONFIG_CHANNELS; i++) {
        c->channels[i] = (struct dfu_config_channel){ .bindings = &c->binding,
                                                      .binding_count = 1,
                                                      .board = dev->cfg->board };
        memcpy(c->channels[i].hwid, hwid, sizeof hwid);
    }
    c->is_served = dfu_config_dfu_init(&c->dfu) == DFU_OK;
}

void sim_config_poll(struct dfu_sim_device *dev, uint64_t now_ms)
{
    struct dfu_sim_config *c = &dev->server.config;

    if (!is_served(dev)) {
        return;
    }
    dfu_config_dfu_poll(&c->dfu, now_ms);
    for (unsigned i = 0; i < DFU_SIM_CONFIG_CHANNELS; i++) {
        dfu_config_channel_poll(&c->channels[i], now_ms);
    }
}

uint64_t sim_config_due_ms(const struct dfu_sim_device *dev)
{
    const struct dfu_sim_config *c = &dev->server.config;
    uint64_t due_ms = is_served(dev) ? dfu_config_dfu_due_ms(&c->dfu) : UINT64_MAX;

    for (unsigned i = 0; is_served(dev) && i < DFU_SIM_CONFIG_CHANNELS; i++) {
        uint64_t channel_ms = dfu_config_channel_due_ms(&c->channels[i]);

        due_ms = channel_ms < due_ms ? channel_ms : due_ms;
    }
    return due_ms;
}

int dfu_sim_device_config_check(const struct dfu_slot_map *map)
{
    return map->images[0].secondary && map->mode != DFU_MODE_FIRMWARE_LOADER ? DFU_OK
                                                                             : DFU_ERR_NOTSUP;
}

int dfu_sim_device_set_report(struct dfu_sim_device *dev, unsigned channel, const uint8_t *report,
                              size_t len, uint64_t now_ms)
{
    struct dfu_sim_config *c = &dev->server.config;

    if (!is_served(dev) || channel >= DFU_SIM_CONFIG_CHANNELS) {
        return DFU_ERR_STATE;
    }
    dfu_sim_device_poll(dev, now_ms);
    return is_served(dev)
               ? dfu_config_channel_set_report(&c->channels[channel], report, len, now_ms)
               : DFU_ERR_STATE;
}

int dfu_sim_device_get_report(struct dfu_sim_device *dev, unsigned channel,
                              uint8_t out[DFU_CONFIG_REPORT_SIZE])
{
    if (!is_served(dev) || channel >= DFU_SIM_CONFIG_CHANNELS) {
        return DFU_ERR_STATE;
    }
    dfu_config_channel_get_report(&dev->server.config.channels[channel], out);
    return DFU_OK;
}

void dfu_sim_device_config_gone(struct dfu_sim_device *dev, unsigned channel)
{
    if (is_served(dev) && channel < DFU_SIM_CONFIG_CHANNELS) {
        dfu_config_channel_disconnect(&dev->server.config.channels[channel]);
    }
}
