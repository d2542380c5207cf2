/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client_groups.h - requests and answers of the groups beside OS and image (client.h): statistics,
 * settings, files, shell, enumeration, storage, and the OS group's tables.
 *
 * As in client.h: encoders fill the caller's frame and return its length or DFU_ERR_NOSPACE,
 * decoders return 0 or DFU_ERR_FORMAT and point into the answer. Lists are walked: open one, then
 * take the next until 0; a device may list any number of things. Whole files: client_file.h. */
#ifndef DFU_CLIENT_GROUPS_H
#define DFU_CLIENT_GROUPS_H

#include "dfu/cbor.h"
#include "dfu/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- OS: tables ---- */

/* Requests return the frame's length or DFU_ERR_NOSPACE; what opens or reads an answer returns 0 or
 * DFU_ERR_FORMAT. Texts and bytes lie in the answer. */
int dfu_client_taskstat(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_mpstat(struct dfu_call *call, uint8_t *frame, size_t cap);

struct dfu_client_task {
    struct dfu_client_text name;
    int32_t prio;
    uint32_t tid, state;
    bool has_stack;                   /* the two below were told */
    uint32_t stack_used, stack_words; /* units of 4 bytes */
    uint64_t runtime;                 /* cycles; 0 where it is not measured */
};
int dfu_client_tasks_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
/* 1 and a task, 0 at the end, or DFU_ERR_FORMAT; so for all that are called next. */
int dfu_client_tasks_next(struct dfu_cbor_walk *walk, struct dfu_client_task *out);

/* A memory pool of count blocks (a heap: of 1 byte). The three shapes that servers use are read:
 * pools at the top, or inside "tasks" or "mpools". */
struct dfu_client_pool {
    struct dfu_client_text name;
    uint32_t block_size, count, free, min_free;
};
int dfu_client_pools_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
int dfu_client_pools_next(struct dfu_cbor_walk *walk, struct dfu_client_pool *out);

/* ---- Statistics ---- */

/* The names of the groups, then a group's fields with their values. */
int dfu_client_stat_list(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_stat_show(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap);
int dfu_client_stats_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
int dfu_client_stats_next(struct dfu_cbor_walk *walk, struct dfu_client_text *name);
int dfu_client_fields_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
int dfu_client_fields_next(struct dfu_cbor_walk *walk, struct dfu_client_text *name,
                           uint64_t *value);

/* ---- Settings ---- */

struct dfu_client_bytes {
    const uint8_t *data;
    size_t len;
};

/* max_size: how much of the value is wanted; 0: as much as the device gives. */
int dfu_client_setting_read(struct dfu_call *call, const char *name, uint32_t max_size,
                            uint8_t *frame, size_t cap);
int dfu_client_setting_write(struct dfu_call *call, const char *name, const void *value, size_t len,
                             uint8_t *frame, size_t cap);
int dfu_client_setting_delete(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap);
int dfu_client_settings_commit(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_settings_load(struct dfu_call *call, uint8_t *frame, size_t cap);
/* name NULL: all of them; a name is known to newer servers only. */
int dfu_client_settings_save(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap);

struct dfu_client_setting {
    struct dfu_client_bytes value; /* mynewt's texts, too */
    uint32_t max_size;             /* the device gives no more of a value; 0: it did not say */
};
int dfu_client_setting_read_read(const struct dfu_answer *answer, struct dfu_client_setting *out);

/* ---- Files: questions ---- */

/* How large it is. */
int dfu_client_file_status(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap);
int dfu_client_file_size_read(const struct dfu_answer *answer, uint32_t *size);

/* type NULL: the device's default; len 0: from off to the end. */
int dfu_client_file_hash(struct dfu_call *call, const char *name, const char *type, uint32_t off,
                         uint32_t len, uint8_t *frame, size_t cap);
struct dfu_client_file_hash {
    struct dfu_client_text type;
    uint32_t off, len;
    bool is_number;
    uint32_t number;              /* crc32 */
    struct dfu_client_bytes hash; /* the others */
};
int dfu_client_file_hash_read(const struct dfu_answer *answer, struct dfu_client_file_hash *out);

/* What dfu_client_file_hash may ask for. */
int dfu_client_hash_types(struct dfu_call *call, uint8_t *frame, size_t cap);
struct dfu_client_hash_type {
    struct dfu_client_text name;
    uint32_t format; /* 0: a number, 1: bytes */
    uint32_t size;   /* bytes */
};
int dfu_client_hash_types_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
int dfu_client_hash_types_next(struct dfu_cbor_walk *walk, struct dfu_client_hash_type *out);

/* Whatever the server has open for a transfer. */
int dfu_client_file_close(struct dfu_call *call, uint8_t *frame, size_t cap);

/* ---- Shell ---- */

/* The device joins the words with single spaces; quotes are the caller's. */
int dfu_client_shell(struct dfu_call *call, const char *const *words, size_t count, uint8_t *frame,
                     size_t cap);
/* Older servers say what the command returned as "rc", which dfu_client_answer takes for a
 * refusal: read such an answer, too, before believing it. */
int dfu_client_shell_read(const struct dfu_answer *answer, struct dfu_client_text *output,
                          int32_t *returned);

/* ---- Enumeration ---- */

/* Which groups there are: how many, all ids, the one at an index, and what they are called. */
int dfu_client_group_count(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_group_list(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_group_single(struct dfu_call *call, uint32_t index, uint8_t *frame, size_t cap);
/* count 0: all groups. */
int dfu_client_group_details(struct dfu_call *call, const uint32_t *groups, size_t count,
                             uint8_t *frame, size_t cap);

/* How many; the one that was asked for, and whether it is the last. */
int dfu_client_group_count_read(const struct dfu_answer *answer, uint32_t *count);
int dfu_client_group_single_read(const struct dfu_answer *answer, uint32_t *group, bool *is_last);
/* Walks the answers of both list and details; the first knows ids only. */
struct dfu_client_group {
    uint32_t id;
    struct dfu_client_text name; /* empty: not told */
    uint32_t handlers;           /* size of its table of commands; 0: not told */
};
int dfu_client_groups_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
int dfu_client_groups_next(struct dfu_cbor_walk *walk, struct dfu_client_group *out);

/* ---- mynewt's groups: logs, crashes and what they leave ---- */

/* The logs by name; the modules and the levels by name and number. */
int dfu_client_log_list(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_log_modules(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_log_levels(struct dfu_call *call, uint8_t *frame, size_t cap);
/* name NULL: all logs. Entries from that index on; what fits comes, ask again behind the last. */
int dfu_client_log_show(struct dfu_call *call, const char *name, uint32_t index, uint8_t *frame,
                        size_t cap);
int dfu_client_log_clear(struct dfu_call *call, const char *name, uint8_t *frame, size_t cap);

/* The list of logs goes on with dfu_client_stats_next, modules and levels (whichever the answer
 * holds) with dfu_client_fields_next. */
int dfu_client_logs_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);
int dfu_client_log_numbers_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk);

struct dfu_client_log_entry {
    struct dfu_client_text log, type; /* type: "str", "cbor" or "bin" */
    uint32_t index, level, module;
    int64_t timestamp; /* microseconds, from the device's start or 1970 */
    struct dfu_client_bytes message;
};
struct dfu_client_log_walk {
    struct dfu_cbor_walk logs, entries;
    struct dfu_client_text name;
    bool is_between; /* two logs */
};
int dfu_client_log_entries_open(const struct dfu_answer *answer, struct dfu_client_log_walk *walk);
int dfu_client_log_entries_next(struct dfu_client_log_walk *walk, struct dfu_client_log_entry *out);

/* kind: "div0", "jump0", "ref0", "assert" or "wdog". There may be no answer. */
int dfu_client_crash(struct dfu_call *call, const char *kind, uint8_t *frame, size_t cap);
/* What a crash left is downloaded as a file without a name: client_file.h. */
int dfu_client_core_erase(struct dfu_call *call, uint8_t *frame, size_t cap);

/* ---- Zephyr's basic group ---- */

/* All settings, and what else is kept in the storage partition. */
int dfu_client_erase_storage(struct dfu_call *call, uint8_t *frame, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
