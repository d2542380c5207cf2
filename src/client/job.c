/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/client_job.h"

#include <string.h>

#define NEXT_MS 100u /* that the device may take for the next question */

static size_t exchange_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct dfu_exchange *x = ctx;

    if (!dfu_exchange_next(x, now_ms) || x->len > cap) {
        return 0;
    }
    memcpy(frame, x->frame, x->len);
    return x->len;
}

static void exchange_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    (void)now_ms;
    (void)dfu_exchange_answer(ctx, frame, len);
}

static uint64_t exchange_deadline(void *ctx)
{
    return dfu_exchange_deadline(ctx);
}

static bool exchange_is_over(void *ctx)
{
    return ((struct dfu_exchange *)ctx)->result != DFU_CLIENT_RUNNING;
}

struct dfu_job dfu_job_of_exchange(struct dfu_exchange *exchange)
{
    return (struct dfu_job){
        exchange, exchange_next, exchange_answer, exchange_deadline, exchange_is_over, NULL, NULL
    };
}

static size_t exchanges_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    const struct dfu_exchanges *all = ctx;
    size_t len = 0;

    for (size_t i = 0; len == 0 && i < all->count; i++) {
        len = exchange_next(&all->each[i], now_ms, frame, cap);
    }
    return len;
}

/* Servers answer in order: what was sent before it is lost, or its answer is; what was sent behind it
 * is answered next. Of repeats nobody knows which one was answered. */
static void hasten(const struct dfu_exchanges *all, size_t answered, uint64_t now_ms)
{
    const struct dfu_exchange *done = &all->each[answered];
    uint64_t took_ms = now_ms + done->wait_ms - done->due;
    uint64_t next_ms = now_ms + (took_ms > NEXT_MS ? took_ms : NEXT_MS);

    for (size_t i = 0; done->tries == 1 && i < all->count; i++) {
        struct dfu_exchange *x = &all->each[i];
        uint64_t due_ms = i < answered ? now_ms : next_ms;

        if (!exchange_is_over(x) && due_ms < x->due) {
            x->due = due_ms;
        }
    }
}

static void exchanges_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    const struct dfu_exchanges *all = ctx;

    for (size_t i = 0; i < all->count; i++) {
        if (!exchange_is_over(&all->each[i]) &&
            dfu_exchange_answer(&all->each[i], frame, len) != DFU_CLIENT_RUNNING) {
            hasten(all, i, now_ms);
            all->answered(all->ctx, &all->each[i]);
            return;
        }
    }
}

static uint64_t exchanges_deadline(void *ctx)
{
    const struct dfu_exchanges *all = ctx;
    uint64_t due_ms = UINT64_MAX;

    for (size_t i = 0; i < all->count; i++) {
        if (!exchange_is_over(&all->each[i]) && all->each[i].due < due_ms) {
            due_ms = all->each[i].due;
        }
    }
    return due_ms;
}

static bool exchanges_are_over(void *ctx)
{
    const struct dfu_exchanges *all = ctx;

    for (size_t i = 0; i < all->count; i++) {
        if (!exchange_is_over(&all->each[i])) {
            return false;
        }
    }
    return true;
}

struct dfu_job dfu_job_of_exchanges(struct dfu_exchanges *exchanges)
{
    return (struct dfu_job){
        exchanges, exchanges_next, exchanges_answer, exchanges_deadline, exchanges_are_over, NULL,
        NULL
    };
}

static size_t upload_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    return dfu_upload_next(ctx, now_ms, frame, cap);
}

static void upload_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    (void)dfu_upload_answer(ctx, now_ms, frame, len);
}

static uint64_t upload_deadline(void *ctx)
{
    return dfu_upload_deadline(ctx);
}

static bool upload_is_over(void *ctx)
{
    return ((struct dfu_upload *)ctx)->result != DFU_CLIENT_RUNNING;
}

static void upload_link_back(void *ctx, uint64_t now_ms)
{
    dfu_upload_link_back(ctx, now_ms);
}

struct dfu_job dfu_job_of_upload(struct dfu_upload *upload)
{
    return (struct dfu_job){ upload,         upload_next,      upload_answer, upload_deadline,
                             upload_is_over, upload_link_back, NULL };
}

static size_t upgrade_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    return dfu_upgrade_next(ctx, now_ms, frame, cap);
}

static void upgrade_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    dfu_upgrade_answer(ctx, now_ms, frame, len);
}

static uint64_t upgrade_deadline(void *ctx)
{
    return dfu_upgrade_deadline(ctx);
}

static bool upgrade_is_over(void *ctx)
{
    return ((struct dfu_upgrade *)ctx)->step == DFU_UPGRADE_OVER;
}

static void upgrade_link_back(void *ctx, uint64_t now_ms)
{
    dfu_upgrade_link_back(ctx, now_ms);
}

static bool take(bool *flag)
{
    bool is_set = *flag;

    *flag = false;
    return is_set;
}

static bool upgrade_wants_reconnect(void *ctx)
{
    return take(&((struct dfu_upgrade *)ctx)->wants_reconnect);
}

struct dfu_job dfu_job_of_upgrade(struct dfu_upgrade *upgrade)
{
    return (struct dfu_job){
        upgrade,         upgrade_next,      upgrade_answer,         upgrade_deadline,
        upgrade_is_over, upgrade_link_back, upgrade_wants_reconnect
    };
}

static size_t set_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    return dfu_upgrade_set_next(ctx, now_ms, frame, cap);
}

static void set_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    dfu_upgrade_set_answer(ctx, now_ms, frame, len);
}

static uint64_t set_deadline(void *ctx)
{
    return dfu_upgrade_set_deadline(ctx);
}

static bool set_is_over(void *ctx)
{
    return ((struct dfu_upgrade_set *)ctx)->step == DFU_UPGRADE_SET_OVER;
}

static void set_link_back(void *ctx, uint64_t now_ms)
{
    dfu_upgrade_set_link_back(ctx, now_ms);
}

static bool set_wants_reconnect(void *ctx)
{
    return take(&((struct dfu_upgrade_set *)ctx)->engine.wants_reconnect);
}

struct dfu_job dfu_job_of_upgrade_set(struct dfu_upgrade_set *set)
{
    return (struct dfu_job){ set,         set_next,      set_answer,         set_deadline,
                             set_is_over, set_link_back, set_wants_reconnect };
}

static size_t file_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct dfu_file *f = ctx;
    size_t len = dfu_file_next(f, now_ms);

    if (len == 0 || len > cap) {
        return 0;
    }
    memcpy(frame, f->config.frame, len);
    return len;
}

static void file_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    (void)dfu_file_answer(ctx, now_ms, frame, len);
}

static uint64_t file_deadline(void *ctx)
{
    return dfu_file_deadline(ctx);
}

static bool file_is_over(void *ctx)
{
    return ((struct dfu_file *)ctx)->result != DFU_CLIENT_RUNNING;
}

static void file_link_back(void *ctx, uint64_t now_ms)
{
    dfu_file_link_back(ctx, now_ms);
}

struct dfu_job dfu_job_of_file(struct dfu_file *file)
{
    return (struct dfu_job){ file,         file_next,      file_answer, file_deadline,
                             file_is_over, file_link_back, NULL };
}
