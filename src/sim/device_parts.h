/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* device_parts.h - what device.c asks of the application's server. */
#ifndef DFU_SIM_DEVICE_PARTS_H
#define DFU_SIM_DEVICE_PARTS_H

#include "dfu/sim_device.h"

/* The application has just started. */
void sim_server_start(struct dfu_sim_device *dev);

void sim_server_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                        size_t len, uint64_t now_ms);

/* Do what is due, and when there is something next. */
void sim_server_poll(struct dfu_sim_device *dev, uint64_t now_ms);
uint64_t sim_server_due_ms(const struct dfu_sim_device *dev);

/* ---- The groups beside OS and image: device_groups.c ---- */

/* Set them up and fill in their bindings; how many those are. */
size_t sim_groups_start(struct dfu_sim_device *dev, struct dfu_smp_binding *bindings);
struct dfu_smp_hook sim_settings_hook(struct dfu_sim_device *dev);

/* Its pools of memory, for the OS group: places for settings, lines of the console's log. Note how
 * full they are before anything may free a place. */
int sim_groups_pool(void *ctx, uint32_t index, struct dfu_smp_pool *pool);
void sim_groups_note_pools(struct dfu_sim_device *dev);

/* ---- The configuration channel: device_config.c ---- */

void sim_config_start(struct dfu_sim_device *dev);
void sim_config_poll(struct dfu_sim_device *dev, uint64_t now_ms);
uint64_t sim_config_due_ms(const struct dfu_sim_device *dev);

/* ---- Console, its log, what a crash leaves: device_log.c ---- */

extern const struct dfu_core_ops sim_core_ops; /* over dev->core */

uint32_t sim_log_kept(const struct dfu_sim_log *log); /* lines */
void sim_log_forget(struct dfu_sim_device *dev);
void sim_log_start(struct dfu_sim_device *dev, struct dfu_sim_groups *g);
void sim_crash_start(struct dfu_sim_device *dev, struct dfu_sim_groups *g);
void sim_core_take(struct dfu_sim_device *dev, const char *cause);

/* ---- Roles: device_auth.c ---- */

/* Whether there are any. */
bool sim_auth_start(struct dfu_sim_device *dev);

/* The packet that has come in on this link: say whose it is, for its answers' link. */
void sim_auth_take_peer(struct dfu_sim_device *dev, uint32_t link);

/* ---- Serial recovery: device_recovery.c ---- */

/* True: the device is in it now. */
bool sim_recovery_before_boot(struct dfu_sim_device *dev, uint64_t now_ms);
bool sim_recovery_after_boot(struct dfu_sim_device *dev, bool has_image, uint64_t now_ms);

void sim_recovery_receive(struct dfu_sim_device *dev, uint32_t link, const uint8_t *packet,
                          size_t len, uint64_t now_ms);

void sim_say(const struct dfu_sim_device *dev, const char *text);

/* ---- All ask of device.c ---- */

/* The application does nothing more; the watchdog resets the device, at once or when it bites. */
void sim_app_crashes(struct dfu_sim_device *dev, const char *cause, bool hangs, uint64_t now_ms);

/* No flash has lost its power. */
bool sim_has_power(const struct dfu_sim_device *dev);

#endif
