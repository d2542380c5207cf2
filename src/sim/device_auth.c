/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Roles on the virtual device: whose packet it is, and a boot count from flash. */
#include <string.h>

#include "sim/device_parts.h"

static uint64_t now_ms(void *ctx)
{
    return ((const struct dfu_sim_device *)ctx)->server.now_ms;
}

static int random_bytes(void *ctx, uint8_t *buf, size_t len)
{
    const struct dfu_sim_auth_config *config = ((const struct dfu_sim_device *)ctx)->cfg->auth;

    return config->random(config->ctx, buf, len);
}

bool sim_auth_start(struct dfu_sim_device *dev)
{
    const struct dfu_sim_auth_config *config = dev->cfg->auth;
    struct dfu_sim_auth *a = &dev->server.auth;

    if (!config) {
        return false;
    }
    a->config = config->rules;
    a->config.random = random_bytes;
    a->config.now_ms = now_ms;
    a->config.ctx = dev;
    a->auth = (struct dfu_smp_auth){ .config = &a->config,
                                     .places = a->places,
                                     .place_count = DFU_SIM_AUTH_PLACES };
    if (dfu_smp_auth_count_boot(&a->boots, config->boots, &a->auth.boot_count)) {
        sim_say(dev, "app: the boot count can't be kept, so nobody can log in");
    }
    return true;
}

void sim_auth_take_peer(struct dfu_sim_device *dev, uint32_t link)
{
    struct dfu_sim_server *s = &dev->server;
    size_t len = dev->peer_len < DFU_SIM_PEER_MAX ? dev->peer_len : DFU_SIM_PEER_MAX;

    memcpy(s->peer, &link, sizeof link);
    if (len > 0) {
        memcpy(s->peer + sizeof link, dev->peer, len);
    }
    s->link.peer = s->peer;
    s->link.peer_len = sizeof link + len;
    dev->peer_len = 0;
}
