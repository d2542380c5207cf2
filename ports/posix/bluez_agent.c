/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "bluez_agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT   "/dfukit/agent"
#define MANAGER "org.bluez.AgentManager1"

/* Six digits from the terminal; where there is none, from who else started this. */
static bool ask_user(const char *peer, uint32_t *passkey)
{
    FILE *terminal = fopen("/dev/tty", "r+");
    char line[32] = "", *end;
    unsigned long number;

    fprintf(terminal ? terminal : stderr, "passkey that %s shows: ", peer);
    fflush(terminal);
    if (!fgets(line, sizeof(line), terminal ? terminal : stdin)) {
        line[0] = 0;
    }
    if (terminal) {
        fclose(terminal);
    }
    number = strtoul(line, &end, 10);
    *passkey = (uint32_t)number;
    return end != line && number <= 999999;
}

/* m is about the device that a client pairs; as the default agent it is asked about others, too. */
static bool is_about_peer(const struct dfu_bluez_agent *agent, sd_bus_message *m)
{
    const char *device = "";

    return agent->device && sdbus.message_read(m, "o", &device) >= 0 &&
           strcmp(device, agent->device) == 0;
}

static int refuse(sd_bus_message *m, const char *text)
{
    return sdbus.reply_method_errorf(m, "org.bluez.Error.Rejected", "%s", text);
}

/* BlueZ 5.66 goes on waiting for the device where only pairing ended. */
static int hang_up(struct dfu_bluez_agent *agent, sd_bus_message *m)
{
    int err = refuse(m, "no passkey");

    dfu_bluez_post(agent->bluez,
                   dfu_bluez_message(agent->bluez, agent->device, BLUEZ_DEVICE, "Disconnect"));
    return err;
}

static int give_passkey(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    struct dfu_bluez_agent *agent = ctx;
    uint32_t passkey = agent->passkey;

    (void)error;
    if (!is_about_peer(agent, m)) {
        return refuse(m, "not the device that is paired here");
    }
    agent->was_asked = true;
    agent->has_answered = agent->has_passkey || ask_user(agent->peer, &passkey);
    return agent->has_answered ? sdbus.reply_method_return(m, "u", passkey) : hang_up(agent, m);
}

static int show_passkey(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    const struct dfu_bluez_agent *agent = ctx;
    const char *device;
    uint32_t passkey;
    uint16_t entered;

    (void)error;
    if (agent->show && sdbus.message_read(m, "ouq", &device, &passkey, &entered) >= 0 &&
        entered == 0) {
        agent->show(agent->ctx, passkey);
    }
    return sdbus.reply_method_return(m, "");
}

static int authorize(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    const struct dfu_bluez_agent *agent = ctx;

    (void)error;
    return agent->show || is_about_peer(agent, m) ? sdbus.reply_method_return(m, "")
                                                  : refuse(m, "not the device that is paired here");
}

static int agree(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    (void)ctx, (void)error;
    return sdbus.reply_method_return(m, "");
}

static const sd_bus_vtable agent_table[] = {
    { .type = _SD_BUS_VTABLE_START, .x.start = { .element_size = sizeof(sd_bus_vtable) } },
    SD_BUS_METHOD("RequestPasskey", "o", "u", give_passkey, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("DisplayPasskey", "ouq", "", show_passkey, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("AuthorizeService", "os", "", authorize, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Cancel", "", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Release", "", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static sd_bus_message *to_manager(struct dfu_bluez *bluez, const char *member,
                                  const char *capability)
{
    sd_bus_message *m = dfu_bluez_message(bluez, "/org/bluez", MANAGER, member);
    int err = m ? sdbus.message_append(m, "o", AGENT) : -1;

    if (err >= 0 && capability) {
        err = sdbus.message_append(m, "s", capability);
    }
    if (err < 0) {
        sdbus.message_unref(m);
        m = NULL;
    }
    return m;
}

static bool call(struct dfu_bluez *bluez, const char *member, const char *capability)
{
    return dfu_bluez_send(bluez, to_manager(bluez, member, capability), DFU_BLUEZ_CALL_MS, NULL);
}

bool dfu_bluez_agent_begin(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez,
                           const char *device, const char *peer, const uint32_t *passkey)
{
    *agent = (struct dfu_bluez_agent){ .bluez = bluez,
                                       .device = device,
                                       .peer = peer,
                                       .has_passkey = passkey != NULL,
                                       .passkey = passkey ? *passkey : 0 };
    return sdbus.add_object_vtable(bluez->bus, NULL, AGENT, "org.bluez.Agent1", agent_table,
                                   agent) >= 0 &&
           call(bluez, "RegisterAgent", "KeyboardOnly") && call(bluez, "RequestDefaultAgent", NULL);
}

void dfu_bluez_agent_end(struct dfu_bluez *bluez)
{
    dfu_bluez_post(bluez, to_manager(bluez, "UnregisterAgent", NULL));
}

bool dfu_bluez_agent_show(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez,
                          void (*show)(void *ctx, uint32_t passkey), void *ctx)
{
    *agent = (struct dfu_bluez_agent){ .show = show, .ctx = ctx };
    return sdbus.add_object_vtable(bluez->bus, NULL, AGENT, "org.bluez.Agent1", agent_table,
                                   agent) >= 0 &&
           call(bluez, "RegisterAgent", "DisplayOnly") && call(bluez, "RequestDefaultAgent", NULL);
}
