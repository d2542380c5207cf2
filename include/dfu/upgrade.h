/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upgrade.h - a whole firmware upgrade as resumable steps that do no I/O.
 *
 * parameters -> slots -> what runs -> upload -> test -> reset -> wait for the
 * device -> compare what runs -> confirm. The device is the truth: a client that starts again
 * reads its state and goes on where the last one stopped. What cannot work is refused before the
 * first byte is sent. A device that comes back with its old image is reported as reverted. */
#ifndef DFU_UPGRADE_H
#define DFU_UPGRADE_H

#include "dfu/image.h"
#include "dfu/upload.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a file says about itself, checked before anything is sent. */
struct dfu_firmware {
    enum dfu_image_fault fault; /* DFU_IMAGE_FINE, or nothing below but size and sha is valid */
    struct dfu_image_header header;
    uint32_t size;              /* of the image, all TLVs included; padding after it is not sent */
    uint8_t hash[DFU_HASH_MAX]; /* under which a slot lists it */
    size_t hash_len;
    /* Under which it is listed once it runs: another one, as long, where it was decompressed. */
    uint8_t run_hash[DFU_HASH_MAX];
    uint8_t sha[32]; /* SHA-256 of the size bytes: the upload's identity */
};

/* hashes is NULL-terminated and holds SHA-256. buf is scratch, at least 64 bytes. Encrypted and
 * compressed images pass unchecked: only the device can look inside. Fails as the reader does. */
int dfu_firmware_inspect(const struct dfu_reader *file, const struct dfu_hash_alg *const *hashes,
                         uint8_t *buf, size_t buf_len, struct dfu_firmware *out);

enum dfu_upgrade_step {
    DFU_UPGRADE_PARAMS,
    DFU_UPGRADE_SLOTS,
    DFU_UPGRADE_STATE,
    DFU_UPGRADE_UPLOAD,
    DFU_UPGRADE_TEST,
    DFU_UPGRADE_RESET,
    DFU_UPGRADE_WAIT, /* the device restarts and swaps */
    DFU_UPGRADE_CONFIRM,
    DFU_UPGRADE_OVER,
};

enum dfu_upgrade_outcome {
    DFU_UPGRADE_UNFINISHED = 0,
    DFU_UPGRADE_CONFIRMED,       /* runs and is confirmed */
    DFU_UPGRADE_ALREADY_RUNNING, /* nothing to do */
    DFU_UPGRADE_ON_TEST,         /* runs, unconfirmed as asked */
    DFU_UPGRADE_STAGED,          /* uploaded and marked, not reset as asked */
    DFU_UPGRADE_REVERTED,        /* the device came back with its old image */
    DFU_UPGRADE_NOT_RESTARTED,   /* answered until the limit, but never restarted */
    DFU_UPGRADE_GONE,            /* no answer after the reset until the limit */
    DFU_UPGRADE_TOO_LARGE,       /* does not fit: see limit */
    DFU_UPGRADE_NO_SUCH_IMAGE,   /* the device lists its slots, none is of that image number */
    DFU_UPGRADE_FAILED,          /* see err and refusal */
};

struct dfu_upgrade_config {
    struct dfu_reader file;
    struct dfu_firmware firmware;      /* inspected, fault DFU_IMAGE_FINE */
    const struct dfu_hash_alg *sha256; /* to send only pages that differ; NULL: all */
    uint32_t image_number;
    bool permanent;       /* no test: mark permanent before the reset */
    bool test_only;       /* leave it unconfirmed: the next reset reverts it */
    bool no_reset;        /* stop when it is marked */
    bool upgrade_only;    /* the device is to refuse a version that is not newer */
    uint32_t link_max;    /* largest frame the link carries */
    uint32_t buffer_rest; /* what it takes of the device's buffer: DFU_SMP_SERIAL_REST, or 0 */
    uint32_t answer_ms;   /* first guess of an answer's time; 0: 1000 */
    uint32_t silence_ms;  /* how long the device may stay silent; 0: 20000, or longer as measured */
    uint32_t erase_ms;    /* the same for the first chunk; 0: 60000 */
    uint32_t boot_ms;     /* from the reset until it answers again; 0: 300000 */
    uint32_t latency_ms;  /* how long a device that sleeps may take to hear a request */
    uint32_t bytes_per_s; /* as in struct dfu_upload_config, this one and the next */
    bool sends_meanwhile;
    /* Ask for parameters, slots and what runs at once: right where the way is long, and wrong on a
     * line, where they would only queue, and where an answer may ask for a login. */
    bool asks_at_once;
};

struct dfu_upgrade {
    struct dfu_upgrade_config config;
    enum dfu_upgrade_step step;
    enum dfu_upgrade_outcome outcome;
    enum dfu_upgrade_step failed_in; /* of DFU_UPGRADE_FAILED */
    int err;
    struct dfu_refusal refusal; /* of err DFU_ERR_PERM */
    bool wants_reconnect;       /* close and open the link, then clear this */
    uint32_t limit;             /* of DFU_UPGRADE_TOO_LARGE: the largest image */
    bool has_params;            /* else params are cautious guesses */
    struct dfu_client_params params;
    struct dfu_client_slot before, after; /* what ran and what runs; hash_len 0: not told */
    bool was_resumed;                     /* an earlier client had got further than the upload */
    struct dfu_upload upload;

    /* state */
    struct dfu_exchange exchange;
    uint8_t frame[256];
    uint8_t version, seq, resets;
    uint8_t ahead, ahead_seq[2]; /* questions that were sent before it was their turn */
    bool is_ahead_lost;          /* they are sent again when it is */
    bool is_asking, is_marked, is_reset_answered, has_heard_old;
    uint32_t silence_given_ms; /* 0: it was not */
    uint64_t asked_ms;         /* the first of those questions */
    uint64_t quiet_until_ms, boot_limit_ms, reset_ms;
};

/* config is copied; what it points to must outlive the upgrade. */
void dfu_upgrade_start(struct dfu_upgrade *g, const struct dfu_upgrade_config *config);

/* As for an upload: what to send, what came back, when to look again. It is over when g->step is
 * DFU_UPGRADE_OVER; g->outcome then says how. */
size_t dfu_upgrade_next(struct dfu_upgrade *g, uint64_t now_ms, uint8_t *frame, size_t cap);
void dfu_upgrade_answer(struct dfu_upgrade *g, uint64_t now_ms, const uint8_t *frame, size_t len);
uint64_t dfu_upgrade_deadline(const struct dfu_upgrade *g);

/* The link was lost and is back. */
void dfu_upgrade_link_back(struct dfu_upgrade *g, uint64_t now_ms);

/* Whether an image can be installed by what a device tells of its slots: DFU_UPGRADE_UNFINISHED, or
 * DFU_UPGRADE_NO_SUCH_IMAGE, or DFU_UPGRADE_TOO_LARGE. *limit is the largest image; 0: not told. */
enum dfu_upgrade_outcome dfu_upgrade_fits(const struct dfu_client_slot_sizes *sizes, uint32_t image,
                                          uint32_t size, uint32_t *limit);

/* Short words: "upload", "test", ... */
const char *dfu_upgrade_step_text(enum dfu_upgrade_step step);

#ifdef __cplusplus
}
#endif
#endif
