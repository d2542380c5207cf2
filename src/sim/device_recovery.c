/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* When the virtual device's bootloader enters serial recovery, and what it answers there. */
#include "dfu/sim_device.h"
#include "sim/device_parts.h"

struct asker {
    const struct dfu_sim_device *dev;
    uint32_t link;
};

static void enter(struct dfu_sim_device *dev, enum dfu_recovery_reason reason, uint64_t now_ms)
{
    const struct dfu_sim_device_config *cfg = dev->cfg;
    uint32_t buf_size = cfg->smp_buf_size ? cfg->smp_buf_size : DFU_SIM_SMP_BUF_SIZE;

    dev->recovery_storage[0] = cfg->storage;
    dev->recovery_config = (struct dfu_recovery_config){
        .map = cfg->map,
        .policy = cfg->policy,
        .direct_upload = cfg->recovery->direct_upload,
        .erase_progressively = cfg->recovery->erase_progressively,
        .storage = dev->recovery_storage,
        .storage_count = cfg->storage != NULL ? 1 : 0,
        .idle_ms = cfg->recovery->idle_ms,
        .buf = dev->buf,
        .buf_len = sizeof dev->buf,
        .response = dev->server.response, /* of the application, which does not run now */
        .response_cap = sizeof dev->server.response,
        .buf_size = buf_size,
    };
    dfu_recovery_start(&dev->recovery, &dev->recovery_config, reason, cfg->recovery->wait_ms,
                       now_ms);
    if (reason != DFU_RECOVERY_IN_WINDOW) {
        sim_say(dev, "I: Enter the serial recovery mode");
    }
}

bool sim_recovery_before_boot(struct dfu_sim_device *dev, uint64_t now_ms)
{
    bool is_pressed = dev->is_pin_pressed;

    dev->is_pin_pressed = false;
    if (!dev->cfg->recovery || !is_pressed) {
        return false;
    }
    enter(dev, DFU_RECOVERY_BY_PIN, now_ms);
    return true;
}

bool sim_recovery_after_boot(struct dfu_sim_device *dev, bool has_image, uint64_t now_ms)
{
    uint8_t boot_mode = dev->boot_mode;

    dev->boot_mode = 0; /* asked for once */
    if (!dev->cfg->recovery) {
        return false;
    }
    if (boot_mode == DFU_RECOVERY_BOOT_MODE) {
        enter(dev, has_image ? DFU_RECOVERY_BY_REQUEST : DFU_RECOVERY_WITHOUT_IMAGE, now_ms);
    } else if (!has_image) {
        enter(dev, DFU_RECOVERY_WITHOUT_IMAGE, now_ms);
    } else if (dev->cfg->recovery->wait_ms > 0) {
        enter(dev, DFU_RECOVERY_IN_WINDOW, now_ms);
    } else {
        return false;
    }
    return true;
}

static int send_frame(void *ctx, const uint8_t *frame, size_t len)
{
    const struct asker *asker = ctx;
    const struct dfu_sim_device_config *cfg = asker->dev->cfg;

    if (cfg->frame && sim_has_power(asker->dev)) {
        cfg->frame(cfg->ctx, asker->link, frame, len);
    }
    return 0;
}

void sim_recovery_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                          size_t len, uint64_t now_ms)
{
    struct asker asker = { dev, link };
    struct dfu_smp_link answers = { .send = send_frame, .ctx = &asker };
    bool was_asked = dev->recovery.was_asked;

    if (len > dev->recovery_config.buf_size) {
        return; /* no buffer of the device's would have held it */
    }
    dfu_recovery_receive(&dev->recovery, packet, len, &answers, now_ms);
    if (!was_asked && dev->recovery.was_asked && dev->recovery.reason == DFU_RECOVERY_IN_WINDOW) {
        sim_say(dev, "I: Enter the serial recovery mode");
    }
}
