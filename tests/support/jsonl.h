/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* jsonl.h - read test vectors: one JSON value a line, gzip-compressed or plain.
 * A file that cannot be read to its end ends the test program, saying which and where. */
#ifndef TEST_JSONL_H
#define TEST_JSONL_H

#include <cjson/cJSON.h>

struct jsonl;

/* NULL if there is no such file. */
struct jsonl *jsonl_open(const char *path);

/* The next line's value, the caller's to cJSON_Delete; NULL at the end. */
cJSON *jsonl_next(struct jsonl *in);

/* The line that jsonl_next returned last, from 1. */
unsigned jsonl_line(const struct jsonl *in);

void jsonl_close(struct jsonl *in);

/* A member that must be there, with its type; the test program ends if it is not. */
const cJSON *json_get(const cJSON *object, const char *name);
long json_int(const cJSON *object, const char *name);
const char *json_str(const cJSON *object, const char *name);

#endif
