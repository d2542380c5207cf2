/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client_rig.h - a virtual device with its real bootloader and server, a lossy link to it, and
 * virtual time: what the client's engines are tried against. */
#ifndef TEST_CLIENT_RIG_H
#define TEST_CLIENT_RIG_H

#include "dfu/sim_device.h"
#include "dfu/upgrade.h"
#include "nor.h"
#include "sim/link.h"

#define RIG_SLOT      (48u * 4096u)
#define RIG_IMAGE_MAX (180u * 1024u)

struct rig_image {
    uint8_t bytes[RIG_IMAGE_MAX];
    struct dfu_memory_span span;
    struct dfu_reader reader;
    struct dfu_firmware firmware;
};

struct rig {
    struct nor *nor;
    struct dfu_sim_flash *flashes[1];
    struct dfu_slot_map map;
    struct dfu_sim_device_config config;
    struct dfu_sim_device device;
    struct sim_link link;
    struct rig_image old_image, new_image;
    uint64_t now_ms;
    uint32_t link_ups;      /* how often the link came back */
    uint32_t down_ms;       /* how long it stays down after a cut */
    uint32_t restart_at;    /* power-cycle the device at this packet to it, from 1; 0: never */
    uint32_t restart_every; /* and again after so many; 0: not */
    uint32_t lose_at;       /* this packet to it is lost, counted as above */
    uint32_t to_device;     /* packets it received */
    uint32_t lose_resets;   /* so many reset requests are lost */
    uint32_t resets_sent;
    uint64_t reset_ms[4]; /* when */
    uint8_t last_frame[SIM_LINK_PACKET_MAX];
    size_t last_len;
};

/* Header, a payload that starts with text ("dfukit-app\n..."), a SHA-256. */
void rig_make_image(struct rig_image *image, uint8_t major, const char *text, uint32_t payload);

/* Powered on and running version 1; new_image is version 2 of that payload size. buf_count is
 * what the device tells, it does not limit it. */
struct rig *rig_new(const char *new_text, uint32_t payload, uint32_t buf_size, uint32_t buf_count);
void rig_free(struct rig *rig);

/* Run to the end, or fail after a virtual hour. */
void rig_run_upload(struct rig *rig, struct dfu_upload *u);
void rig_run_upgrade(struct rig *rig, struct dfu_upgrade *g);

/* Until the client has sent that many packets: then it is killed. */
void rig_run_upload_for(struct rig *rig, struct dfu_upload *u, uint32_t packets);
void rig_run_upgrade_for(struct rig *rig, struct dfu_upgrade *g, uint32_t packets);

struct dfu_upload_config rig_upload_config(const struct rig *rig, uint32_t window);
struct dfu_upgrade_config rig_upgrade_config(const struct rig *rig);

/* Whether what a slot begins with is an image whose hash is right. */
bool rig_verifies(const struct rig *rig, unsigned slot);

/* Whether a slot (0 or 1) starts with an image, byte by byte. */
bool rig_holds(const struct rig *rig, unsigned slot, const struct rig_image *image);

#endif
