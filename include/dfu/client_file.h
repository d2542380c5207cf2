/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client_file.h - a whole file to or from a device, as steps that do no I/O.
 *
 * The first chunk travels alone, because it opens the file and tells which version of SMP is
 * spoken; after it several are kept in flight, as in an upload of an image (upload.h). Servers take
 * the chunks of a file in order: an upload that is told another offset goes on from there (a chunk
 * that was lost, a device that restarted in the middle). A server of version 1 cannot say an
 * offset, and gets one chunk at a time. A repeated first chunk that arrives late cuts the file:
 * compare its hash afterwards (dfu_client_file_hash). */
#ifndef DFU_CLIENT_FILE_H
#define DFU_CLIENT_FILE_H

#include "dfu/client_groups.h"
#include "dfu/flight.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dfu_file_config {
    const char *name;         /* on the device; NULL: download the core dump of a crash */
    struct dfu_reader source; /* what to upload; read NULL: download instead */
    /* Takes what was downloaded, in order, each byte once; size is the whole file's. What it
     * returns other than 0 ends the transfer with that result. */
    int (*sink)(void *ctx, uint32_t size, uint32_t off, const uint8_t *data, size_t len);
    void *sink_ctx;
    uint32_t from;       /* go on there: what the device (upload) or the sink has already */
    uint32_t size;       /* of a download that goes on: the file's, as servers tell it only once */
    uint32_t window_max; /* most requests in flight: the device's buf_count - 1; 0 is 1 */
    uint8_t *frame;      /* requests are built here; also the largest, header included */
    size_t frame_cap;
    uint8_t version, seq; /* as in struct dfu_call; seq of the first request */
    uint32_t answer_ms;   /* first guess of an answer's time; 0: 1000 */
    uint32_t silence_ms;  /* how long nothing may advance; 0: 60000, and more with a latency */
    uint32_t latency_ms;  /* how long a device that sleeps may take to hear a request */
};

struct dfu_file {
    struct dfu_file_config config;
    int result; /* DFU_CLIENT_RUNNING, 0, PERM (see refusal), TIMEOUT, FORMAT, STATE (it comes no
                 * further), NOSPACE (the frame is too small), or the reader's or sink's */
    struct dfu_refusal refusal;
    bool has_size;
    uint32_t size, done;
    uint32_t rewinds; /* times the device named another offset */

    /* state */
    uint32_t chunk, best, done_at_loss;
    uint32_t next; /* to ask for or to send, while more than one chunk may fly */
    uint8_t stalls;
    bool was_lost, is_version_known;
    bool is_flying; /* the first chunk was answered */
    uint64_t asked_ms, advanced_ms;
    struct dfu_exchange exchange;
    struct dfu_flight flight;
};

/* config is copied; what it points to must outlive the transfer. */
void dfu_file_start(struct dfu_file *f, const struct dfu_file_config *config);

/* The length of a request now in config.frame that is to be sent, or 0 (wait, or over). */
size_t dfu_file_next(struct dfu_file *f, uint64_t now_ms);
/* What came back. Returns f->result. */
int dfu_file_answer(struct dfu_file *f, uint64_t now_ms, const uint8_t *frame, size_t len);
/* When to call dfu_file_next again if nothing comes in. */
uint64_t dfu_file_deadline(const struct dfu_file *f);
/* The link was lost and is back. */
void dfu_file_link_back(struct dfu_file *f, uint64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
