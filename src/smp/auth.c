/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Who has which role, and the hook that asks. A place belongs to one peer; strangers may take each
 * other's places, never one of somebody who is logged in. */
#include "smp/auth_parts.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

/* ---- Places ---- */

static bool is_peer(const struct dfu_smp_auth_place *place, const struct dfu_smp_link *link)
{
    return place->link == link && place->peer_len == link->peer_len &&
           (link->peer_len == 0 || memcmp(place->peer, link->peer, link->peer_len) == 0);
}

/* What has run out is gone; a place with neither session nor challenge is free. */
static void expire(const struct dfu_smp_auth *auth, struct dfu_smp_auth_place *place)
{
    const struct dfu_smp_auth_config *config = auth->config;
    uint64_t now_ms = config->now_ms(config->ctx);
    uint32_t idle_ms = config->idle_ms ? config->idle_ms : DFU_SMP_AUTH_IDLE_MS;
    uint32_t life_ms = config->life_ms ? config->life_ms : DFU_SMP_AUTH_LIFE_MS;

    if (!place->link) {
        return;
    }
    if (place->role != DFU_ROLE_NONE &&
        (now_ms - place->heard_ms >= idle_ms || now_ms - place->begun_ms >= life_ms)) {
        place->role = DFU_ROLE_NONE;
    }
    if (place->has_challenge && now_ms - place->asked_ms >= DFU_SMP_AUTH_CHALLENGE_MS) {
        place->has_challenge = false;
    }
    if (place->role == DFU_ROLE_NONE && !place->has_challenge) {
        memset(place, 0, sizeof *place);
    }
}

struct dfu_smp_auth_place *auth_find(struct dfu_smp_auth *auth, const struct dfu_smp_link *link)
{
    for (size_t i = 0; i < auth->place_count; i++) {
        struct dfu_smp_auth_place *place = &auth->places[i];

        expire(auth, place);
        if (place->link && is_peer(place, link)) {
            return place;
        }
    }
    return NULL;
}

struct dfu_smp_auth_place *auth_take(struct dfu_smp_auth *auth, const struct dfu_smp_link *link)
{
    struct dfu_smp_auth_place *best = auth_find(auth, link);

    if (best || link->peer_len > DFU_SMP_AUTH_PEER_MAX) {
        return best;
    }
    for (size_t i = 0; i < auth->place_count; i++) {
        struct dfu_smp_auth_place *place = &auth->places[i];

        expire(auth, place);
        if (!place->link) {
            best = place;
            break;
        }
        if (place->role == DFU_ROLE_NONE && (!best || place->asked_ms < best->asked_ms)) {
            best = place;
        }
    }
    if (best) {
        memset(best, 0, sizeof *best);
        best->link = link;
        best->peer_len = (uint8_t)link->peer_len;
        if (link->peer_len > 0) {
            memcpy(best->peer, link->peer, link->peer_len);
        }
    }
    return best;
}

uint8_t dfu_smp_auth_role(struct dfu_smp_auth *auth, const struct dfu_smp_link *link)
{
    const struct dfu_smp_auth_place *place = auth_find(auth, link);
    uint8_t role = place ? place->role : DFU_ROLE_NONE;

    return role > auth->config->open_role ? role : auth->config->open_role;
}

void dfu_smp_auth_end(struct dfu_smp_auth *auth, const struct dfu_smp_link *link)
{
    struct dfu_smp_auth_place *place = auth_find(auth, link);

    if (place) {
        memset(place, 0, sizeof *place);
    }
}

/* ---- The hook ---- */

static uint8_t role_of(const struct dfu_smp_auth *auth, const struct dfu_smp_command_event *command)
{
    const struct dfu_smp_auth_config *config = auth->config;
    const struct dfu_smp_auth_rule *rules = config->rules ? config->rules : dfu_smp_auth_rules;
    size_t count = config->rules ? config->rule_count : dfu_smp_auth_rule_count;
    uint8_t op = command->op == DFU_SMP_WRITE ? DFU_SMP_AUTH_WRITE : DFU_SMP_AUTH_READ;

    if (command->group == DFU_SMP_GROUP_AUTH) {
        return DFU_ROLE_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        if (rules[i].group == command->group && (rules[i].ops & op) &&
            (rules[i].id == command->id || rules[i].id == DFU_SMP_AUTH_ANY_ID)) {
            return rules[i].role;
        }
    }
    return DFU_ROLE_UPDATE;
}

static enum dfu_smp_hook_result check(struct dfu_smp_auth *auth, struct dfu_smp_event *event,
                                      uint8_t needed)
{
    struct dfu_smp_auth_place *place = auth_find(auth, event->call->link);

    if (dfu_smp_auth_role(auth, event->call->link) < needed) {
        event->group = DFU_SMP_GROUP_AUTH;
        event->rc = DFU_SMP_AUTH_NEEDS_ROLE;
        event->abort_more = true;
        return DFU_SMP_HOOK_ERR;
    }
    if (place && needed > auth->config->open_role) { /* what all may do keeps no role alive */
        place->heard_ms = auth->config->now_ms(auth->config->ctx);
    }
    return DFU_SMP_HOOK_OK;
}

/* Another boot mode leads out of the application, to where nobody is asked for a role. */
static enum dfu_smp_hook_result before(void *ctx, struct dfu_smp_event *event)
{
    if (event->id == DFU_SMP_EV_CMD_RECV) {
        return check(ctx, event, role_of(ctx, event->data));
    }
    if (event->id == DFU_SMP_EV_OS_RESET) {
        const struct dfu_smp_reset_event *reset = event->data;

        return reset->boot_mode ? check(ctx, event, DFU_ROLE_UPDATE) : DFU_SMP_HOOK_OK;
    }
    return DFU_SMP_HOOK_OK;
}

struct dfu_smp_hook dfu_smp_auth_hook(struct dfu_smp_auth *auth)
{
    return (struct dfu_smp_hook){ DFU_SMP_EVENT_ALL, before, auth };
}

/* ---- The boot count ---- */

int dfu_smp_auth_count_boot(struct dfu_record *record, const struct dfu_area *area, uint32_t *out)
{
    uint8_t bytes[4] = { 0 };
    uint32_t count = 0;
    int err = dfu_record_open(record, area);
    int len;

    *out = 0;
    if (err) {
        return err;
    }
    len = dfu_record_load(record, bytes, sizeof bytes);
    if (len < 0 && len != DFU_ERR_NOENT) {
        return len;
    }
    if (len > 0 && len != (int)sizeof bytes) {
        return DFU_ERR_FORMAT;
    }
    count = len > 0 ? get_le32(bytes) : 0;
    if (count == UINT32_MAX) {
        return DFU_ERR_RANGE; /* 136 years of a start every second */
    }
    put_le32(bytes, count + 1);
    err = dfu_record_save(record, bytes, sizeof bytes);
    if (!err) {
        *out = count + 1;
    }
    return err;
}
