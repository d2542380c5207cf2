/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/config_channel.h"

#include <string.h>

#include "dfu/err.h"

/* A report: id, then these. */
#define AT_ID        0u
#define AT_RECIPIENT 1u
#define AT_EVENT     2u
#define AT_STATUS    3u
#define AT_LEN       4u
#define AT_DATA      5u

static void reply(struct dfu_config_channel *channel, enum dfu_config_status status,
                  const void *data, size_t len)
{
    channel->reply[AT_STATUS] = (uint8_t)status;
    channel->reply[AT_LEN] = (uint8_t)len;
    memset(channel->reply + AT_DATA, 0, DFU_CONFIG_DATA_MAX);
    if (len > 0) {
        memcpy(channel->reply + AT_DATA, data, len);
    }
    channel->state = DFU_CONFIG_READY;
}

/* ---- About the device ---- */

static void tell_board(struct dfu_config_channel *channel)
{
    const char *underscore = strchr(channel->board, '_');
    size_t len = underscore ? (size_t)(underscore - channel->board) : strlen(channel->board);

    reply(channel, DFU_CONFIG_SUCCESS, channel->board,
          len < DFU_CONFIG_FETCH_MAX ? len : DFU_CONFIG_FETCH_MAX);
}

/* The module's name, its options' names, a line's end, and so on from the start. */
static void describe(struct dfu_config_channel *channel, size_t number)
{
    const struct dfu_config_module *module = channel->bindings[number].module;
    uint8_t *next = &channel->described[number];
    const char *text = "\n";
    size_t len;

    if (*next == 0) {
        text = module->name;
    } else if (*next <= module->option_count) {
        text = module->options[*next - 1];
    }
    *next = *next <= module->option_count ? (uint8_t)(*next + 1) : 0;
    len = strlen(text);
    reply(channel, DFU_CONFIG_SUCCESS, text,
          len < DFU_CONFIG_FETCH_MAX ? len : DFU_CONFIG_FETCH_MAX);
}

/* ---- Modules ---- */

/* The binding and option (from 0) that an event names; NULL if there is none. */
static const struct dfu_config_binding *find(const struct dfu_config_channel *channel,
                                             uint8_t event, uint8_t *option)
{
    size_t number = event >> 4;

    *option = (uint8_t)((event & 0x0fu) - 1);
    if (number >= channel->binding_count ||
        *option >= channel->bindings[number].module->option_count) {
        return NULL;
    }
    return &channel->bindings[number];
}

static void set(struct dfu_config_channel *channel, const uint8_t *report)
{
    uint8_t option;
    const struct dfu_config_binding *binding = find(channel, report[AT_EVENT], &option);

    if (!binding) {
        reply(channel, DFU_CONFIG_REJECT, NULL, 0);
        return;
    }
    if (binding->module->set) {
        binding->module->set(binding->ctx, option, report + AT_DATA, report[AT_LEN]);
    }
    reply(channel, DFU_CONFIG_SUCCESS, NULL, 0);
}

static void fetch(struct dfu_config_channel *channel, uint8_t event, uint64_t now_ms)
{
    uint8_t data[DFU_CONFIG_FETCH_MAX], option;
    const struct dfu_config_binding *binding;
    int len;

    if ((event & 0x0fu) == 0 && (size_t)(event >> 4) < channel->binding_count) {
        describe(channel, event >> 4);
        return;
    }
    binding = find(channel, event, &option);
    len = binding && binding->module->fetch ? binding->module->fetch(binding->ctx, option, data)
                                            : DFU_ERR_NOENT;
    if (len == DFU_ERR_BUSY) {
        channel->due_ms = now_ms + DFU_CONFIG_TIMEOUT_MS;
        channel->state = DFU_CONFIG_WAITS;
    } else if (len < 0 || len > (int)DFU_CONFIG_FETCH_MAX) {
        reply(channel, DFU_CONFIG_REJECT, NULL, 0);
    } else {
        reply(channel, DFU_CONFIG_SUCCESS, data, (size_t)len);
    }
}

/* ---- Reports ---- */

static int check(const uint8_t *report, size_t len)
{
    if (len < AT_DATA || len > DFU_CONFIG_REPORT_SIZE || report[AT_ID] != DFU_CONFIG_REPORT_ID ||
        report[AT_LEN] > len - AT_DATA) {
        return DFU_ERR_FORMAT;
    }
    return DFU_OK;
}

static void empty_reply(struct dfu_config_channel *channel)
{
    memset(channel->reply, 0, sizeof channel->reply);
    channel->reply[AT_ID] = DFU_CONFIG_REPORT_ID;
}

static void dispatch(struct dfu_config_channel *channel, const uint8_t *report, uint64_t now_ms)
{
    uint8_t last = (uint8_t)(channel->binding_count - 1);

    if (report[AT_RECIPIENT] != 0) { /* there is no dongle with peers behind it */
        reply(channel, DFU_CONFIG_DISCONNECTED, NULL, 0);
        return;
    }
    switch (report[AT_STATUS]) {
    case DFU_CONFIG_GET_MAX_MOD_ID: reply(channel, DFU_CONFIG_SUCCESS, &last, 1); break;
    case DFU_CONFIG_GET_HWID:
        reply(channel, DFU_CONFIG_SUCCESS, channel->hwid, sizeof channel->hwid);
        break;
    case DFU_CONFIG_GET_BOARD_NAME: tell_board(channel); break;
    case DFU_CONFIG_SET: set(channel, report); break;
    case DFU_CONFIG_FETCH: fetch(channel, report[AT_EVENT], now_ms); break;
    default: reply(channel, DFU_CONFIG_DISCONNECTED, NULL, 0); break;
    }
}

int dfu_config_channel_set_report(struct dfu_config_channel *channel, const uint8_t *report,
                                  size_t len, uint64_t now_ms)
{
    if (channel->state == DFU_CONFIG_WAITS) {
        return DFU_ERR_BUSY;
    }
    if (check(report, len)) {
        return DFU_ERR_FORMAT;
    }
    empty_reply(channel);
    channel->reply[AT_RECIPIENT] = report[AT_RECIPIENT];
    channel->reply[AT_EVENT] = report[AT_EVENT];
    dispatch(channel, report, now_ms);
    return DFU_OK;
}

void dfu_config_channel_get_report(struct dfu_config_channel *channel,
                                   uint8_t out[DFU_CONFIG_REPORT_SIZE])
{
    memset(out, 0, DFU_CONFIG_REPORT_SIZE);
    out[AT_ID] = DFU_CONFIG_REPORT_ID;
    if (channel->state == DFU_CONFIG_WAITS) {
        return;
    }
    if (channel->reply[AT_ID] == DFU_CONFIG_REPORT_ID) {
        memcpy(out, channel->reply, DFU_CONFIG_REPORT_SIZE);
    }
    channel->state = DFU_CONFIG_IDLE;
}

void dfu_config_channel_answer(struct dfu_config_channel *channel, const uint8_t *data, size_t len)
{
    if (channel->state == DFU_CONFIG_WAITS && len <= DFU_CONFIG_FETCH_MAX) {
        reply(channel, DFU_CONFIG_SUCCESS, data, len);
    }
}

void dfu_config_channel_disconnect(struct dfu_config_channel *channel)
{
    empty_reply(channel);
    channel->state = DFU_CONFIG_IDLE;
}

void dfu_config_channel_poll(struct dfu_config_channel *channel, uint64_t now_ms)
{
    if (now_ms >= dfu_config_channel_due_ms(channel)) {
        empty_reply(channel);
        reply(channel, DFU_CONFIG_TIMEOUT, NULL, 0);
    }
}

uint64_t dfu_config_channel_due_ms(const struct dfu_config_channel *channel)
{
    return channel->state == DFU_CONFIG_WAITS ? channel->due_ms : UINT64_MAX;
}
