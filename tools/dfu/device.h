/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* device.h - what every command that talks to a device shares: the link, one request and its
 * answer, a long job with its progress, and the sentences for what can go wrong. */
#ifndef DFU_TOOL_DEVICE_H
#define DFU_TOOL_DEVICE_H

#include <stdio.h>

#include "cli.h"
#include "dfu/client_groups.h"
#include "dfu/upgrade.h"
#include "login.h"
#include "session.h"

/* How long --timeout leaves it to be. */
enum device_patience {
    DEVICE_QUICK = DFU_PATIENCE_QUICK,
    DEVICE_ERASES = DFU_PATIENCE_ERASES,
    DEVICE_SLOW = DFU_PATIENCE_SLOW,
    DEVICE_ONCE = DFU_PATIENCE_ONCE,
};

struct device {
    struct cli *cli;
    struct dfu_session session;
    FILE *record;        /* of --record, or NULL */
    struct login *login; /* NULL: no key to log in with */
    struct dfu_answer answer;
    uint32_t request_max;             /* that its buffer takes; 0: not asked yet */
    uint64_t asked_ms;                /* when the first packet was sent; 0: none was */
    bool has_answered, was_missed;    /* any packet came; the user was told that none does */
    uint8_t out[DFU_LINK_PACKET_MAX]; /* where commands encode */
};

/* Open the target of the command line. NULL after cli_fail; *exit_code then says what to return.
 * device_close releases it. */
struct device *device_open(struct cli *cli, int *exit_code);
void device_close(struct device *dev);

/* The same for one of many, whose session waits_for_none: the link may still be opening, and its job
 * is login_around's where dev->login is set. */
struct device *device_begin(struct cli *cli, int *exit_code);

/* Open, run, close: all of most commands. */
int device_with(struct cli *cli, int (*run)(struct device *dev));

/* The same; Ctrl-C or SIGTERM ends it in words: see interrupt.h. */
int device_with_long(struct cli *cli, int (*run)(struct device *dev));

/* A call to encode a request with, into dev->out. */
struct dfu_call device_call(struct device *dev);

/* Send what an encoder made and wait for its answer. 0: it is in dev->answer. Otherwise an exit
 * code, after saying that the device could not `what` ("list its images"). */
int device_ask(struct device *dev, const struct dfu_call *call, int len,
               enum device_patience patience, const char *what);

/* The same, but a refusal is left to the caller: 0 or CLI_REFUSED, dev->answer is filled. */
int device_try(struct device *dev, const struct dfu_call *call, int len,
               enum device_patience patience, const char *what);

/* Until the job is over; show is called a few times a second, and may be NULL. A lost link is
 * opened again as often as the job has patience for. */
void device_run(struct device *dev, const struct dfu_job *job,
                void (*show)(void *ctx, uint64_t now_ms), void *show_ctx);

/* The same; a device that has not answered anything after a while is told of. Ctrl-C or SIGTERM ends it
 * with the job not over, as they do all runs and requests of a command that catches them itself: see
 * interrupt.h. */
void device_run_long(struct device *dev, const struct dfu_job *job,
                     void (*show)(void *ctx, uint64_t now_ms), void *show_ctx);

/* For logins: send a request once more. False: the link is gone. */
bool device_send_again(struct device *dev, const uint8_t *frame, size_t len);

/* Sentences. what: "take the image". */
int device_fail_refused(struct device *dev, const struct dfu_refusal *refusal, const char *what);
int device_fail_silent(struct device *dev, const char *what);
int device_fail_broken(struct device *dev, const char *what);
/* Of what runs while signals are caught (interrupt.h): one came during the questions before it. */
int device_fail_early(struct device *dev);
int device_fail_upload(struct device *dev, const struct dfu_upload *upload);
int device_fail_interrupted(struct device *dev, const struct dfu_upload *upload);
int device_fail_no_image(struct device *dev, uint32_t image);

/* Read the image list, the parameters (defaults where the device has none). Exit codes. */
int device_images(struct device *dev, struct dfu_client_images *images);
int device_params(struct device *dev, struct dfu_client_params *params);
int device_slot_sizes(struct device *dev, struct dfu_client_slot_sizes *sizes);
/* Whether several questions may be on their way together. */
bool device_asks_at_once(const struct device *dev);
/* Both, in one round trip where the way is long. What a device refuses to tell, or does not tell in
 * a way to be understood, is cautious or none. */
int device_params_and_slots(struct device *dev, struct dfu_client_params *params,
                            struct dfu_client_slot_sizes *sizes);

/* Whether the device has that image number and room for so many bytes. Exit codes; 0 where it does
 * not tell. */
int device_check_fit(struct device *dev, const struct dfu_client_slot_sizes *sizes, uint32_t image,
                     uint32_t size);

/* What the link says about an upgrade over it. */
void device_upgrade_link(const struct device *dev, struct dfu_upgrade_config *config);

/* Text from a device, made safe for a terminal, in buf. */
char *device_text(struct dfu_client_text text, char *buf, size_t cap);
cJSON *device_json_text(struct dfu_client_text text);

/* A list of things as a device tells it: lines, or {"key": [...]}. */
struct device_list {
    struct device *dev;
    cJSON *json, *array; /* NULL without --json */
    size_t count;        /* lines that were printed */
};
void device_list_begin(struct device_list *list, struct device *dev, const char *key);
/* result: of the walk, negative if it broke off. An exit code. */
int device_list_end(struct device_list *list, int result, const char *what, const char *if_empty);

/* Ask for a list that is nothing but names, and show it. */
int device_list_names(struct device *dev, const struct dfu_call *call, int len,
                      int (*open)(const struct dfu_answer *answer, struct dfu_cbor_walk *walk),
                      const char *key, const char *what, const char *if_empty);

/* Something was done that has no answer to show: the sentence, or {"key": true}. */
int device_say_done(struct device *dev, const char *key, const char *sentence);

/* Lower-case hexadecimal. */
#define DEVICE_HASH_LEN (2 * DFU_HASH_MAX + 1)
char *device_hash_text(const uint8_t *hash, size_t len, char buf[DEVICE_HASH_LEN]);
cJSON *device_slot_json(const struct dfu_client_slot *slot);
void device_print_images(const struct dfu_client_images *images);
int device_show_images(struct device *dev, const struct dfu_client_images *images);

/* A firmware file in memory. */
struct device_file {
    uint8_t *data;
    struct dfu_memory_span span;
    struct dfu_reader reader;
    struct dfu_firmware firmware;
};

/* Read a binary or Intel HEX, and inspect it; what is no whole image is refused. Exit codes.
 * device_file_release is safe in either case. */
int device_file_read(struct cli *cli, const char *path, struct device_file *file);
void device_file_release(struct device_file *file);

/* The same for what was read already; data becomes the file's, and is released with it. */
int device_file_take(struct cli *cli, const char *name, uint8_t *data, size_t len,
                     struct device_file *file);

#endif
