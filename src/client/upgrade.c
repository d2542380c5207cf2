/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The story of an upgrade: each step asks one question, its answer chooses the next step. What
 * always holds: a reset is asked for only while the device shows that it has not restarted yet,
 * because a reset too many would revert an image on test. */
#include "dfu/upgrade.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define ANSWER_MS      1000u
#define NEXT_MS        100u /* that a device may take for the next of several questions */
#define SILENCE_MS     20000u
#define PATIENCE       8u /* times a sleeping device's latency, in all for one question */
#define BOOT_MS        300000u
#define RESET_DELAY_MS 1000u /* servers restart 250 ms after their answer */
#define POLL_MS        500u  /* between two looks at a device that restarts */
#define POLL_LIMIT_MS  3000u
#define RESET_AGAIN_MS 5000u /* an unanswered reset that changed nothing */
#define RESETS_MAX     3u
#define CAUTIOUS_SIZE  384u /* a server that tells no parameters: the field's smallest buffer */
#define CAUTIOUS_COUNT 2u

static void end(struct dfu_upgrade *g, enum dfu_upgrade_outcome outcome)
{
    g->outcome = outcome;
    g->step = DFU_UPGRADE_OVER;
}

static void fail(struct dfu_upgrade *g, int err)
{
    g->failed_in = g->step;
    g->err = err;
    if (err == DFU_ERR_PERM) {
        g->refusal = g->step == DFU_UPGRADE_UPLOAD ? g->upload.refusal : g->exchange.answer.refusal;
    }
    end(g, DFU_UPGRADE_FAILED);
}

static bool is_not_supported(const struct dfu_answer *answer)
{
    return !answer->refusal.from_group && answer->refusal.rc == DFU_SMP_ENOTSUP;
}

static bool has_hash(const struct dfu_upgrade *g, const struct dfu_client_slot *slot,
                     const uint8_t *hash)
{
    size_t len = g->config.firmware.hash_len;

    return slot && slot->image == g->config.image_number && slot->hash_len == len &&
           memcmp(slot->hash, hash, len) == 0;
}

/* The new image where it runs. */
static bool is_ours(const struct dfu_upgrade *g, const struct dfu_client_slot *slot)
{
    return has_hash(g, slot, g->config.firmware.run_hash);
}

static bool is_ours_pending(const struct dfu_upgrade *g, const struct dfu_client_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        if (has_hash(g, &images->slots[i], g->config.firmware.hash) && images->slots[i].pending) {
            return true;
        }
    }
    return false;
}

/* ---- Questions ---- */

static int encode(const struct dfu_upgrade *g, enum dfu_upgrade_step step, struct dfu_call *call,
                  uint8_t *frame, size_t cap)
{
    const struct dfu_upgrade_config *config = &g->config;
    bool names_hash = config->image_number != 0;

    switch (step) {
    case DFU_UPGRADE_PARAMS: return dfu_client_params(call, frame, cap);
    case DFU_UPGRADE_SLOTS: return dfu_client_slot_info(call, frame, cap);
    case DFU_UPGRADE_TEST:
        return dfu_client_image_set(call, config->firmware.hash, config->firmware.hash_len,
                                    config->permanent, frame, cap);
    case DFU_UPGRADE_RESET: return dfu_client_reset(call, false, 0, frame, cap);
    case DFU_UPGRADE_CONFIRM:
        /* Without a hash it is the running image that is confirmed: if the device has gone back
         * to the old one meanwhile, that must not ask for the new one again. */
        return dfu_client_image_set(call, config->firmware.run_hash,
                                    names_hash ? config->firmware.hash_len : 0, true, frame, cap);
    default: return dfu_client_image_list(call, frame, cap);
    }
}

/* The questions that follow the parameters need no answer before them. One too long for cap is left
 * to its turn. */
static size_t ask_ahead(struct dfu_upgrade *g, uint8_t *frame, size_t cap)
{
    static const enum dfu_upgrade_step steps[] = { DFU_UPGRADE_SLOTS, DFU_UPGRADE_STATE };
    struct dfu_call call = { .version = g->version, .seq = g->seq };
    int len;

    if (!g->config.asks_at_once || g->step != DFU_UPGRADE_PARAMS || g->is_ahead_lost ||
        g->ahead == sizeof(steps) / sizeof(steps[0])) {
        return 0;
    }
    len = encode(g, steps[g->ahead], &call, frame, cap);
    if (len < 0) {
        return 0;
    }
    g->ahead_seq[g->ahead++] = g->seq++;
    return (size_t)len;
}

/* Whether the question of this step is on its way already. */
static bool is_ahead(const struct dfu_upgrade *g)
{
    return !g->is_ahead_lost && ((g->step == DFU_UPGRADE_SLOTS && g->ahead > 0) ||
                                 (g->step == DFU_UPGRADE_STATE && g->ahead > 1));
}

/* The last of the questions that were sent together is answered, and the one that is open is not: it
 * is lost, or its answer is, because servers answer in order. */
static bool is_overtaken(const struct dfu_upgrade *g, const uint8_t *frame, size_t len)
{
    struct dfu_smp_header header;

    if (!g->is_asking || g->step > DFU_UPGRADE_SLOTS || g->is_ahead_lost ||
        g->exchange.tries != 1 || g->ahead == 0 || len < DFU_SMP_HEADER_SIZE) {
        return false;
    }
    dfu_smp_header_decode(frame, &header);
    return header.seq == g->ahead_seq[g->ahead - 1];
}

static void ask(struct dfu_upgrade *g, uint64_t now_ms)
{
    bool is_sent = is_ahead(g);
    uint8_t seq = is_sent ? g->ahead_seq[g->step - DFU_UPGRADE_SLOTS] : g->seq++;
    struct dfu_call call = { .version = g->version, .seq = seq };
    uint32_t wait_ms = g->config.answer_ms, limit_ms = g->config.silence_ms;
    int len = encode(g, g->step, &call, g->frame, sizeof(g->frame));

    switch (g->step) {
    case DFU_UPGRADE_PARAMS: limit_ms /= 2; break; /* half for a server that ignores it */
    case DFU_UPGRADE_STATE: limit_ms = g->has_params ? limit_ms : limit_ms / 2; break;
    case DFU_UPGRADE_WAIT:
        limit_ms = min_u32(limit_ms, POLL_LIMIT_MS + 2 * g->config.latency_ms);
        break;
    case DFU_UPGRADE_RESET:
        wait_ms = min_u32(2 * wait_ms, limit_ms); /* asked once: see above */
        limit_ms = wait_ms;
        g->reset_ms = now_ms;
        g->resets++;
        break;
    default: break;
    }
    dfu_exchange_start(&g->exchange, &call, g->frame, len, wait_ms, limit_ms);
    g->is_asking = true;
    if (g->step == DFU_UPGRADE_PARAMS) {
        g->asked_ms = now_ms;
    } else if (is_sent) { /* with the one before it, so that its answer is the next one */
        (void)dfu_exchange_next(&g->exchange, now_ms);
        g->exchange.due = now_ms + max_u32(NEXT_MS, (uint32_t)(now_ms - g->asked_ms));
    }
}

/* ---- Answers ---- */

/* The longest request that the device has room for and the link carries. */
static uint32_t frame_max(const struct dfu_upgrade *g)
{
    uint32_t rest = min_u32(g->config.buffer_rest, g->params.buf_size);

    return min_u32(g->params.buf_size - rest, g->config.link_max);
}

static void start_upload(struct dfu_upgrade *g)
{
    const struct dfu_upgrade_config *config = &g->config;
    struct dfu_upload_config upload = {
        .image = config->file,
        .sha256 = config->sha256,
        .image_number = config->image_number,
        .upgrade_only = config->upgrade_only,
        .version = g->version,
        .seq = g->seq,
        .frame_max = frame_max(g),
        .window_max = g->params.buf_count > 0 ? g->params.buf_count - 1 : 1,
        .answer_ms = config->answer_ms - config->latency_ms,
        .first_ms = config->erase_ms,
        .silence_ms = g->silence_given_ms,
        .latency_ms = config->latency_ms,
        .bytes_per_s = config->bytes_per_s,
        .sends_meanwhile = config->sends_meanwhile,
        .asks_at_once = config->asks_at_once,
    };

    upload.image.size = config->firmware.size;
    memcpy(upload.sha, config->firmware.sha, sizeof(upload.sha));
    g->step = DFU_UPGRADE_UPLOAD;
    if (dfu_upload_start(&g->upload, &upload)) {
        fail(g, DFU_ERR_INVAL);
    }
}

static void start_waiting(struct dfu_upgrade *g, uint64_t now_ms)
{
    g->step = DFU_UPGRADE_WAIT;
    g->quiet_until_ms = now_ms + RESET_DELAY_MS;
    g->wants_reconnect = true;
}

static void take_params(struct dfu_upgrade *g)
{
    struct dfu_client_params params;

    if (g->exchange.result == 0 && dfu_client_params_read(&g->exchange.answer, &params) == 0 &&
        params.buf_size > 0) {
        g->params = params;
    }
    g->has_params = g->exchange.result != DFU_ERR_TIMEOUT;
    g->step = g->has_params ? DFU_UPGRADE_SLOTS : DFU_UPGRADE_STATE;
}

/* The bootloader's own limit where it is offered, else the smallest slot. */
enum dfu_upgrade_outcome dfu_upgrade_fits(const struct dfu_client_slot_sizes *sizes, uint32_t image,
                                          uint32_t size, uint32_t *limit)
{
    bool has_image = sizes->count == 0; /* many devices do not tell */

    *limit = 0;
    for (size_t i = 0; i < sizes->count; i++) {
        const struct dfu_client_slot_size *s = &sizes->slots[i];
        uint32_t most = s->max_image_size ? s->max_image_size : s->size;

        has_image = has_image || s->image == image;
        if (s->image == image && most > 0) {
            *limit = *limit ? min_u32(*limit, most) : most;
        }
    }
    if (!has_image) { /* A server of one image takes any number: the wait for it would never end. */
        return DFU_UPGRADE_NO_SUCH_IMAGE;
    }
    return *limit > 0 && size > *limit ? DFU_UPGRADE_TOO_LARGE : DFU_UPGRADE_UNFINISHED;
}

static void take_slots(struct dfu_upgrade *g)
{
    struct dfu_client_slot_sizes sizes;
    enum dfu_upgrade_outcome fits;

    if (g->exchange.result == DFU_ERR_TIMEOUT) {
        fail(g, DFU_ERR_TIMEOUT);
        return;
    }
    g->step = DFU_UPGRADE_STATE;
    if (g->exchange.result || dfu_client_slot_info_read(&g->exchange.answer, &sizes)) {
        return;
    }
    fits = dfu_upgrade_fits(&sizes, g->config.image_number, g->config.firmware.size, &g->limit);
    if (fits != DFU_UPGRADE_UNFINISHED) {
        end(g, fits);
    }
}

static void take_state(struct dfu_upgrade *g, uint64_t now_ms)
{
    struct dfu_client_images images;
    const struct dfu_client_slot *now_running;

    if (g->exchange.result || dfu_client_images_read(&g->exchange.answer, &images)) {
        fail(g, g->exchange.result ? g->exchange.result : DFU_ERR_FORMAT);
        return;
    }
    now_running = dfu_client_running(&images, g->config.image_number);
    if (now_running) {
        g->before = *now_running;
    }
    g->boot_limit_ms = now_ms + g->config.boot_ms;
    if (is_ours(g, now_running) && (now_running->confirmed || !now_running->active)) {
        g->after = *now_running;
        end(g, DFU_UPGRADE_ALREADY_RUNNING);
    } else if (is_ours(g, now_running)) {
        g->after = *now_running;
        g->was_resumed = true;
        g->step = DFU_UPGRADE_CONFIRM;
        if (g->config.test_only || g->config.no_reset) {
            end(g, DFU_UPGRADE_ON_TEST);
        }
    } else if (is_ours_pending(g, &images)) {
        g->was_resumed = true;
        g->is_marked = true;
        g->step = DFU_UPGRADE_RESET;
        if (g->config.no_reset) {
            end(g, DFU_UPGRADE_STAGED);
        }
    } else {
        start_upload(g);
    }
}

static void take_upload(struct dfu_upgrade *g)
{
    g->seq = g->upload.seq;
    if (g->upload.result) {
        fail(g, g->upload.result);
        return;
    }
    g->step = DFU_UPGRADE_TEST;
}

static void take_test(struct dfu_upgrade *g)
{
    int result = g->exchange.result;

    if (result && !(result == DFU_ERR_PERM && is_not_supported(&g->exchange.answer))) {
        fail(g, result);
        return;
    }
    g->is_marked = result == 0; /* direct-XIP and recovery have nothing to mark */
    g->step = DFU_UPGRADE_RESET;
    if (g->config.no_reset) {
        end(g, DFU_UPGRADE_STAGED);
    }
}

static void take_reset(struct dfu_upgrade *g, uint64_t now_ms)
{
    if (g->exchange.result == DFU_ERR_PERM) {
        fail(g, DFU_ERR_PERM);
        return;
    }
    g->is_reset_answered = g->exchange.result == 0;
    if (g->resets == 1) {
        g->boot_limit_ms = now_ms + g->config.boot_ms;
    }
    start_waiting(g, now_ms);
}

static void take_new_image(struct dfu_upgrade *g, const struct dfu_client_slot *slot)
{
    g->after = *slot;
    /* Without flags it is a loader that knows no test. */
    if (slot->confirmed || (!slot->active && !g->config.test_only)) {
        end(g, DFU_UPGRADE_CONFIRMED);
    } else if (g->config.test_only) {
        end(g, DFU_UPGRADE_ON_TEST);
    } else {
        g->step = DFU_UPGRADE_CONFIRM;
    }
}

static void take_look(struct dfu_upgrade *g, uint64_t now_ms)
{
    struct dfu_client_images images;
    const struct dfu_client_slot *now_running;

    g->quiet_until_ms = now_ms + POLL_MS;
    if (g->exchange.result || dfu_client_images_read(&g->exchange.answer, &images)) {
        return;
    }
    now_running = dfu_client_running(&images, g->config.image_number);
    if (is_ours(g, now_running)) {
        take_new_image(g, now_running);
        return;
    }
    if (g->is_marked && now_running && !is_ours_pending(g, &images)) {
        g->after = *now_running;
        end(g, DFU_UPGRADE_REVERTED);
        return;
    }
    g->has_heard_old = true;
    if (g->is_marked && !g->is_reset_answered && g->resets < RESETS_MAX &&
        now_ms - g->reset_ms >= RESET_AGAIN_MS + 2 * (uint64_t)g->config.latency_ms) {
        g->step = DFU_UPGRADE_RESET;
    }
}

static void take_confirm(struct dfu_upgrade *g, uint64_t now_ms)
{
    struct dfu_client_images images;
    const struct dfu_client_slot *now_running;

    if (g->exchange.result == DFU_ERR_TIMEOUT) { /* restarted? then see as what */
        start_waiting(g, now_ms);
        return;
    }
    if (g->exchange.result || dfu_client_images_read(&g->exchange.answer, &images)) {
        fail(g, g->exchange.result ? g->exchange.result : DFU_ERR_FORMAT);
        return;
    }
    now_running = dfu_client_running(&images, g->config.image_number);
    if (!is_ours(g, now_running)) {
        end(g, DFU_UPGRADE_REVERTED);
    } else if (!now_running->confirmed) {
        fail(g, DFU_ERR_STATE);
    } else {
        end(g, DFU_UPGRADE_CONFIRMED);
    }
    if (now_running) {
        g->after = *now_running;
    }
}

static void settle(struct dfu_upgrade *g, uint64_t now_ms)
{
    g->is_asking = false;
    /* What was answered before its turn was not listened to. */
    g->is_ahead_lost = g->is_ahead_lost || g->exchange.tries > 1;
    if (g->exchange.result != DFU_ERR_TIMEOUT) {
        g->version = g->exchange.call.version;
    }
    switch (g->step) {
    case DFU_UPGRADE_PARAMS: take_params(g); break;
    case DFU_UPGRADE_SLOTS: take_slots(g); break;
    case DFU_UPGRADE_STATE: take_state(g, now_ms); break;
    case DFU_UPGRADE_TEST: take_test(g); break;
    case DFU_UPGRADE_RESET: take_reset(g, now_ms); break;
    case DFU_UPGRADE_WAIT: take_look(g, now_ms); break;
    case DFU_UPGRADE_CONFIRM: take_confirm(g, now_ms); break;
    case DFU_UPGRADE_UPLOAD:
    case DFU_UPGRADE_OVER: break;
    }
}

/* ---- The machine ---- */

void dfu_upgrade_start(struct dfu_upgrade *g, const struct dfu_upgrade_config *config)
{
    *g = (struct dfu_upgrade){
        .config = *config,
        .params = { .buf_size = CAUTIOUS_SIZE, .buf_count = CAUTIOUS_COUNT },
        .version = DFU_SMP_V2,
    };
    g->config.answer_ms = config->answer_ms ? config->answer_ms : ANSWER_MS;
    g->config.answer_ms += config->latency_ms;
    g->silence_given_ms = config->silence_ms;
    g->config.silence_ms =
        config->silence_ms ? config->silence_ms : SILENCE_MS + PATIENCE * config->latency_ms;
    g->config.boot_ms = config->boot_ms ? config->boot_ms : BOOT_MS + PATIENCE * config->latency_ms;
}

size_t dfu_upgrade_next(struct dfu_upgrade *g, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    while (g->step != DFU_UPGRADE_OVER) {
        if (g->step == DFU_UPGRADE_UPLOAD) {
            size_t len = dfu_upload_next(&g->upload, now_ms, frame, cap);

            if (g->upload.result == DFU_CLIENT_RUNNING) {
                return len;
            }
            take_upload(g);
            continue;
        }
        if (g->step == DFU_UPGRADE_WAIT && now_ms >= g->boot_limit_ms) {
            end(g, g->has_heard_old ? DFU_UPGRADE_NOT_RESTARTED : DFU_UPGRADE_GONE);
            break;
        }
        if (!g->is_asking) {
            if (g->step == DFU_UPGRADE_WAIT && now_ms < g->quiet_until_ms) {
                return 0;
            }
            ask(g, now_ms);
        }
        if (dfu_exchange_next(&g->exchange, now_ms)) {
            if (g->exchange.len > cap) {
                fail(g, DFU_ERR_NOSPACE);
                break;
            }
            memcpy(frame, g->exchange.frame, g->exchange.len);
            return g->exchange.len;
        }
        if (g->exchange.result == DFU_CLIENT_RUNNING) {
            return ask_ahead(g, frame, cap);
        }
        settle(g, now_ms);
    }
    return 0;
}

void dfu_upgrade_answer(struct dfu_upgrade *g, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    if (g->step == DFU_UPGRADE_UPLOAD) {
        if (dfu_upload_answer(&g->upload, now_ms, frame, len) != DFU_CLIENT_RUNNING) {
            take_upload(g);
        }
        return;
    }
    if (g->is_asking && dfu_exchange_answer(&g->exchange, frame, len) != DFU_CLIENT_RUNNING) {
        settle(g, now_ms);
        if (is_ahead(g)) {
            ask(g, now_ms); /* its answer may be the next frame */
        }
    } else if (is_overtaken(g, frame, len)) {
        g->exchange.due = now_ms;
    }
}

uint64_t dfu_upgrade_deadline(const struct dfu_upgrade *g)
{
    if (g->step == DFU_UPGRADE_OVER) {
        return UINT64_MAX;
    }
    if (g->step == DFU_UPGRADE_UPLOAD) {
        return dfu_upload_deadline(&g->upload);
    }
    return g->is_asking ? dfu_exchange_deadline(&g->exchange) : g->quiet_until_ms;
}

void dfu_upgrade_link_back(struct dfu_upgrade *g, uint64_t now_ms)
{
    if (g->step == DFU_UPGRADE_UPLOAD) {
        dfu_upload_link_back(&g->upload, now_ms);
    } else if (g->step == DFU_UPGRADE_RESET && g->is_asking) {
        g->exchange.result = DFU_ERR_TIMEOUT; /* the loss may be the restart */
        settle(g, now_ms);
    } else if (g->is_asking) {
        g->exchange.due = now_ms; /* repeat at once */
    }
}

const char *dfu_upgrade_step_text(enum dfu_upgrade_step step)
{
    static const char *const words[] = {
        [DFU_UPGRADE_PARAMS] = "parameters", [DFU_UPGRADE_SLOTS] = "slots",
        [DFU_UPGRADE_STATE] = "state",       [DFU_UPGRADE_UPLOAD] = "upload",
        [DFU_UPGRADE_TEST] = "test",         [DFU_UPGRADE_RESET] = "reset",
        [DFU_UPGRADE_WAIT] = "wait",         [DFU_UPGRADE_CONFIRM] = "confirm",
        [DFU_UPGRADE_OVER] = "over",
    };

    return words[step];
}
