/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upload.h - the adaptive image upload, as steps that do no I/O.
 *
 * The server takes chunks strictly in order and answers each with the offset it expects next; the
 * client always continues from there. The first chunk travels without another, because it may erase
 * a slot or find a transfer to resume (by the file's SHA-256). After it several chunks are kept in
 * flight: the window grows while answers come in time and halves where losses follow each other;
 * repeats are timed from the measured round trip. Every answer advances, or is counted, or time
 * runs: an upload ends.
 *
 * With a hash algorithm in its configuration it asks a server of ours for the hashes of its pages
 * (smp_pages.h) and sends only what the device has nowhere; any other server gets the whole file.
 *
 * The caller owns the struct and the image; a killed client starts again with a new struct. */
#ifndef DFU_UPLOAD_H
#define DFU_UPLOAD_H

#include "dfu/client.h"
#include "dfu/flight.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_UPLOAD_WINDOW_MAX DFU_FLIGHT_MAX
#define DFU_UPLOAD_FRAME_MIN  128u /* smaller frames cannot carry the first chunk */

struct dfu_upload_config {
    struct dfu_reader image;
    uint8_t sha[32];                   /* SHA-256 of all its bytes: the transfer's identity */
    const struct dfu_hash_alg *sha256; /* to leave out pages the device has; NULL: all is sent */
    uint32_t image_number;
    bool upgrade_only;    /* ask the device to refuse a version that is not newer */
    uint8_t version;      /* header bits, as in struct dfu_call */
    uint8_t seq;          /* of the first request */
    uint32_t frame_max;   /* largest request: the device's buf_size, on a console less
                             DFU_SMP_SERIAL_REST, and the link's limit */
    uint32_t window_max;  /* most requests in flight: the device's buf_count - 1; 0 is 1 */
    uint32_t answer_ms;   /* first guess of an answer's time; 0: 1000 */
    uint32_t first_ms;    /* how long the first chunk may take, erase included; 0: 60000 */
    uint32_t silence_ms;  /* how long nothing may advance; 0: 20000, or 16 times a measured answer's
                          * limit where that is longer */
    uint32_t latency_ms;  /* how long a device that sleeps may take to hear a request */
    uint32_t bytes_per_s; /* of requests, on a serial line; 0: not known, or what is sent does not
                           * wait for what was sent before */
    /* Send on while the device is asked for hashes: right where the way is long, and wrong where
     * what is sent in vain takes longer than an answer, as on a serial line. */
    bool sends_meanwhile;
    /* Ask for hashes, or else for the parameters, behind the first chunk, without waiting for its
     * answer. An answer to that question alone then shows that the chunk is lost. Wrong where a request may be refused until
     * somebody has logged in, and on a line that keeps no second packet while the device erases. */
    bool asks_at_once;
};

/* What becomes of a page. */
enum dfu_upload_deed {
    DFU_UPLOAD_SEND = 0,
    DFU_UPLOAD_KEEP, /* its slot holds it */
    DFU_UPLOAD_COPY, /* the running slot does */
};

#define DFU_UPLOAD_PAGES_MAX 512u

/* What to do with a part of the image, page by page. */
struct dfu_upload_part {
    uint32_t asked; /* the offset that was asked for: what lies before from is sent */
    uint32_t from, end, size, copy;
    uint32_t count;
    uint8_t deeds[DFU_UPLOAD_PAGES_MAX];
};

/* The device is asked for the next part while this one is sent. */
struct dfu_upload_plan {
    bool is_off;     /* the server does not offer it, or it is not asked to */
    bool no_running; /* it does not tell the running slot's hashes */
    bool is_asking, asks_running;
    bool is_ahead;  /* the question is about the next part */
    bool has_ahead; /* and was answered */
    uint8_t seq, tries;
    uint32_t wait_ms;     /* how long an answer may take: what one took; 0: none came yet */
    uint32_t unasked;     /* parts after the last one that had no page on the device */
    uint32_t asked_after; /* the chunks sent before the question */
    uint64_t asked_ms, due_ms;
    struct dfu_upload_part now, ahead;
};

struct dfu_upload {
    struct dfu_upload_config config;
    int result; /* DFU_CLIENT_RUNNING, 0, or why it ended: PERM (see refusal), VERIFY (the device's
                 * copy differs), TIMEOUT, STATE (no advance), FORMAT (answers), or the reader's */
    struct dfu_refusal refusal;
    bool has_match;      /* the device compared the digest itself, and it is right */
    uint32_t acked;      /* the device's offset: what it has */
    uint32_t resumed_at; /* where an earlier transfer was taken up; 0: from the start */
    uint32_t window_peak;
    uint32_t sent, repeated, ignored; /* requests; those of bytes sent before; answers */
    uint32_t kept, copied;            /* bytes that were on the device, in either slot */
    uint32_t data_bytes;              /* of the image, in requests; repeated ones again */
    bool is_partial;                  /* not every byte was sent */

    /* state */
    bool has_silence; /* it was given */
    bool is_first, is_started;
    bool is_probing; /* the question behind the first chunk is open, and not for hashes */
    struct dfu_call probe;
    uint32_t probed_after; /* the chunks sent before it */
    uint8_t seq, stalls, restarts, broken, overtaken;
    uint32_t next, high, best, sent_to, acked_at_loss;
    uint32_t told_to; /* up to where kept and copied count */
    uint64_t advanced_ms, hold_until_ms;
    struct dfu_upload_plan plan;
    struct dfu_flight flight;
};

/* DFU_ERR_INVAL: no image or a frame_max below DFU_UPLOAD_FRAME_MIN. */
int dfu_upload_start(struct dfu_upload *u, const struct dfu_upload_config *config);

/* What to send: the length of a request now in frame, or 0 (wait, or over: see u->result). Call it
 * until it returns 0. */
size_t dfu_upload_next(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap);

/* What came back. Returns u->result. */
int dfu_upload_answer(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len);

/* When to call dfu_upload_next again if nothing comes in. */
uint64_t dfu_upload_deadline(const struct dfu_upload *u);

/* The link was lost and is back: everything in flight is sent again at once, and the device has
 * its whole time again. */
void dfu_upload_link_back(struct dfu_upload *u, uint64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
