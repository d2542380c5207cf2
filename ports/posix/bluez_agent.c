/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "bluez_agent.h"

#include <stdio.h>
#include <stdlib.h>

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

static int give_passkey(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    const struct dfu_bluez_agent *agent = ctx;
    uint32_t passkey = agent->passkey;

    (void)error;
    if (!agent->has_passkey && (!agent->peer || !ask_user(agent->peer, &passkey))) {
        return sdbus.reply_method_errorf(m, "org.bluez.Error.Rejected", "no passkey");
    }
    return sdbus.reply_method_return(m, "u", passkey);
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

static int agree(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
    (void)ctx, (void)error;
    return sdbus.reply_method_return(m, "");
}

static const sd_bus_vtable agent_table[] = {
    { .type = _SD_BUS_VTABLE_START, .x.start = { .element_size = sizeof(sd_bus_vtable) } },
    SD_BUS_METHOD("RequestPasskey", "o", "u", give_passkey, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("DisplayPasskey", "ouq", "", show_passkey, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("AuthorizeService", "os", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Cancel", "", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Release", "", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static bool call(struct dfu_bluez *bluez, const char *member, const char *capability)
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
    return dfu_bluez_send(bluez, m, DFU_BLUEZ_CALL_MS, NULL);
}

bool dfu_bluez_agent_begin(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez, const char *peer,
                           const uint32_t *passkey)
{
    *agent = (struct dfu_bluez_agent){ .peer = peer,
                                       .has_passkey = passkey != NULL,
                                       .passkey = passkey ? *passkey : 0 };
    return sdbus.add_object_vtable(bluez->bus, NULL, AGENT, "org.bluez.Agent1", agent_table,
                                   agent) >= 0 &&
           call(bluez, "RegisterAgent", "KeyboardOnly");
}

bool dfu_bluez_agent_show(struct dfu_bluez_agent *agent, struct dfu_bluez *bluez,
                          void (*show)(void *ctx, uint32_t passkey), void *ctx)
{
    *agent = (struct dfu_bluez_agent){ .show = show, .ctx = ctx };
    return sdbus.add_object_vtable(bluez->bus, NULL, AGENT, "org.bluez.Agent1", agent_table,
                                   agent) >= 0 &&
           call(bluez, "RegisterAgent", "DisplayOnly") && call(bluez, "RequestDefaultAgent", NULL);
}
