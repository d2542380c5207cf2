/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "client_rig.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "dfu/client_job.h"
#include "dfu/smp.h"

#define SECTOR       4096u
#define LINK_ID      1u
#define LIMIT_MS     3600000u
#define LINK_DOWN_MS 700u
#define NEVER        UINT64_MAX

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

void rig_make_image(struct rig_image *image, uint8_t major, const char *text, uint32_t payload)
{
    uint32_t len = 32 + payload + 40;
    uint8_t *tlv = image->bytes + 32 + payload;
    uint64_t random = major;
    uint8_t buf[512];

    assert_true(len <= RIG_IMAGE_MAX && strlen(text) < payload);
    memset(image->bytes, 0, 32);
    for (uint32_t i = 32; i < 32 + payload; i++) {
        image->bytes[i] = (uint8_t)test_random(&random);
    }
    put_le32(image->bytes, DFU_IMAGE_MAGIC);
    put_le16(image->bytes + 8, 32);
    put_le32(image->bytes + 12, payload);
    image->bytes[20] = major;
    memcpy(image->bytes + 32, text, strlen(text) + 1);
    put_le16(tlv, 0x6907);
    put_le16(tlv + 2, 40);
    put_le16(tlv + 4, DFU_TLV_SHA256);
    put_le16(tlv + 6, 32);
    assert_int_equal(EVP_Digest(image->bytes, 32 + payload, tlv + 8, NULL, EVP_sha256(), NULL), 1);
    image->span = (struct dfu_memory_span){ image->bytes, len };
    image->reader = dfu_memory_reader(&image->span);
    assert_int_equal(
        dfu_firmware_inspect(&image->reader, hashes, buf, sizeof(buf), &image->firmware), 0);
    assert_int_equal(image->firmware.fault, DFU_IMAGE_FINE);
}

static void no_line(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void take_frame(void *ctx, uint32_t link, const uint8_t *packet, size_t len)
{
    struct rig *rig = ctx;

    assert_int_equal(link, LINK_ID);
    sim_link_send(&rig->link, rig->now_ms, SIM_LINK_CLIENT, packet, len);
}

struct rig *rig_new(const char *new_text, uint32_t payload, uint32_t buf_size, uint32_t buf_count)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    rig->nor = nor_new(SECTOR, 2 * RIG_SLOT / SECTOR + 2, 4, 0xff);
    rig->flashes[0] = &rig->nor->flash;
    rig->map = nor_two_slots(rig->nor, RIG_SLOT / SECTOR);
    rig->config = (struct dfu_sim_device_config){
        .map = &rig->map,
        .strategy = &dfu_boot_swap_move,
        .policy = { .hashes = hashes, .hash_only = true },
        .board = "rig",
        .flashes = rig->flashes,
        .flash_count = 1,
        .storage = nor_area(rig->nor, "storage_partition", 2),
        .smp_buf_size = buf_size,
        .smp_buf_count = buf_count,
        .line = no_line,
        .frame = take_frame,
        .ctx = rig,
    };
    rig_make_image(&rig->old_image, 1, "dfukit-app\nname=old\n", 9000);
    rig_make_image(&rig->new_image, 2, new_text, payload);
    assert_int_equal(
        dfu_sim_flash_load(&rig->nor->flash, 0, rig->old_image.bytes, rig->old_image.span.len), 0);
    dfu_sim_device_init(&rig->device, &rig->config);
    rig->now_ms = 1000;
    rig->down_ms = LINK_DOWN_MS;
    assert_int_equal(dfu_sim_device_power_on(&rig->device, rig->now_ms), DFU_SIM_RUNNING);
    return rig;
}

void rig_free(struct rig *rig)
{
    nor_free(rig->nor);
    free(rig);
}

static void restart_device(struct rig *rig)
{
    dfu_sim_device_power_off(&rig->device);
    assert_int_equal(dfu_sim_device_power_on(&rig->device, rig->now_ms), DFU_SIM_RUNNING);
    rig->restart_at = rig->restart_every > 0 ? rig->to_device + rig->restart_every : 0;
}

static void deliver(struct rig *rig, const struct dfu_job *job)
{
    uint8_t packet[SIM_LINK_PACKET_MAX];
    size_t len;

    while ((len = sim_link_receive(&rig->link, rig->now_ms, SIM_LINK_DEVICE, packet,
                                   sizeof(packet))) > 0) {
        rig->to_device++;
        if (rig->to_device == rig->restart_at) {
            restart_device(rig); /* and the packet is lost with it */
            continue;
        }
        if (rig->to_device == rig->lose_at) {
            continue;
        }
        dfu_sim_device_receive(&rig->device, LINK_ID, packet, len, rig->now_ms);
    }
    while ((len = sim_link_receive(&rig->link, rig->now_ms, SIM_LINK_CLIENT, packet,
                                   sizeof(packet))) > 0) {
        job->answer(job->ctx, rig->now_ms, packet, len);
    }
}

static bool is_lost_reset(struct rig *rig)
{
    struct dfu_smp_header header;

    dfu_smp_header_decode(rig->last_frame, &header);
    if (header.group != DFU_SMP_GROUP_OS || header.id != DFU_SMP_OS_RESET) {
        return false;
    }
    if (rig->resets_sent < sizeof(rig->reset_ms) / sizeof(rig->reset_ms[0])) {
        rig->reset_ms[rig->resets_sent] = rig->now_ms;
    }
    return rig->resets_sent++ < rig->lose_resets;
}

static void send_all(struct rig *rig, const struct dfu_job *job, uint32_t *left)
{
    size_t len;

    while (*left > 0 &&
           (len = job->next(job->ctx, rig->now_ms, rig->last_frame, sizeof(rig->last_frame))) > 0) {
        rig->last_len = len;
        --*left;
        if (!is_lost_reset(rig)) {
            sim_link_send(&rig->link, rig->now_ms, SIM_LINK_DEVICE, rig->last_frame, len);
        }
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Until it is over, or has sent so many packets and is killed. */
static void run(struct rig *rig, struct dfu_job job, uint32_t packets)
{
    uint64_t end_ms = rig->now_ms + LIMIT_MS, up_ms = NEVER, before_ms = 0;
    unsigned idle = 0;

    while (!job.is_over(job.ctx) && packets > 0) {
        uint64_t due_ms;

        deliver(rig, &job);
        if (rig->link.is_down && up_ms == NEVER) {
            sim_link_clear(&rig->link);
            up_ms = rig->now_ms + rig->down_ms;
        }
        if (rig->now_ms >= up_ms) {
            rig->link.is_down = false;
            rig->link_ups++;
            up_ms = NEVER;
            job.link_back(job.ctx, rig->now_ms);
        }
        dfu_sim_device_poll(&rig->device, rig->now_ms);
        send_all(rig, &job, &packets);
        if (job.is_over(job.ctx)) {
            break;
        }
        due_ms = earlier(sim_link_due_ms(&rig->link), dfu_sim_device_due_ms(&rig->device));
        due_ms = earlier(earlier(due_ms, job.deadline(job.ctx)), up_ms);
        idle = rig->now_ms == before_ms ? idle + 1 : 0;
        assert_true(idle < 1000); /* a job that spins without time passing */
        before_ms = rig->now_ms;
        rig->now_ms = due_ms > rig->now_ms && due_ms != NEVER ? due_ms : rig->now_ms;
        assert_true(rig->now_ms < end_ms);
    }
}

void rig_run_upload_for(struct rig *rig, struct dfu_upload *u, uint32_t packets)
{
    run(rig, dfu_job_of_upload(u), packets);
}

void rig_run_upload(struct rig *rig, struct dfu_upload *u)
{
    rig_run_upload_for(rig, u, UINT32_MAX);
}

void rig_run_upgrade_for(struct rig *rig, struct dfu_upgrade *g, uint32_t packets)
{
    run(rig, dfu_job_of_upgrade(g), packets);
}

void rig_run_upgrade(struct rig *rig, struct dfu_upgrade *g)
{
    rig_run_upgrade_for(rig, g, UINT32_MAX);
}

struct dfu_upload_config rig_upload_config(const struct rig *rig, uint32_t window)
{
    struct dfu_upload_config config = { .image = rig->new_image.reader,
                                        .version = DFU_SMP_V2,
                                        .frame_max = rig->config.smp_buf_size,
                                        .window_max = window };

    memcpy(config.sha, rig->new_image.firmware.sha, sizeof(config.sha));
    return config;
}

struct dfu_upgrade_config rig_upgrade_config(const struct rig *rig)
{
    return (struct dfu_upgrade_config){ .file = rig->new_image.reader,
                                        .firmware = rig->new_image.firmware,
                                        .link_max = SIM_LINK_PACKET_MAX };
}

bool rig_holds(const struct rig *rig, unsigned slot, const struct rig_image *image)
{
    return memcmp(rig->nor->flash.mem + (size_t)slot * RIG_SLOT, image->bytes, image->span.len) ==
           0;
}

bool rig_verifies(const struct rig *rig, unsigned slot)
{
    struct dfu_memory_span span = { rig->nor->flash.mem + (size_t)slot * RIG_SLOT, RIG_SLOT };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_firmware firmware;
    uint8_t buf[512];

    assert_int_equal(dfu_firmware_inspect(&reader, hashes, buf, sizeof(buf), &firmware), 0);
    return firmware.fault == DFU_IMAGE_FINE;
}
