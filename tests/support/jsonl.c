/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "jsonl.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct jsonl {
    gzFile file;
    char *path;
    char *line;
    size_t cap;
    unsigned number;
};

static void give_up(const struct jsonl *in, const char *why)
{
    (void)fprintf(stderr, "%s:%u: %s\n", in->path, in->number, why);
    abort();
}

static void *must(void *memory)
{
    if (!memory) {
        (void)fprintf(stderr, "out of memory\n");
        abort();
    }
    return memory;
}

struct jsonl *jsonl_open(const char *path)
{
    gzFile file = gzopen(path, "rb");
    struct jsonl *in;

    if (!file) {
        return NULL;
    }
    (void)gzbuffer(file, 1u << 16);
    in = must(calloc(1, sizeof *in));
    in->file = file;
    in->path = must(strdup(path));
    in->cap = 1u << 16;
    in->line = must(malloc(in->cap));
    return in;
}

/* A line of any length without its newline; false at the end of the file. */
static bool read_line(struct jsonl *in)
{
    size_t len = 0;

    while (gzgets(in->file, in->line + len, (int)(in->cap - len))) {
        len += strlen(in->line + len);
        if (len > 0 && in->line[len - 1] == '\n') {
            in->line[len - 1] = '\0';
            return true;
        }
        in->cap *= 2;
        in->line = must(realloc(in->line, in->cap));
    }
    if (!gzeof(in->file)) {
        give_up(in, "cannot be decompressed");
    }
    return len > 0;
}

cJSON *jsonl_next(struct jsonl *in)
{
    cJSON *value;

    if (!read_line(in)) {
        return NULL;
    }
    in->number++;
    value = cJSON_Parse(in->line);
    if (!value) {
        give_up(in, "not JSON");
    }
    return value;
}

unsigned jsonl_line(const struct jsonl *in)
{
    return in->number;
}

void jsonl_close(struct jsonl *in)
{
    (void)gzclose(in->file);
    free(in->path);
    free(in->line);
    free(in);
}

static void missing(const cJSON *object, const char *name)
{
    char *text = cJSON_Print(object);

    (void)fprintf(stderr, "no usable \"%s\" in %s\n", name, text ? text : "?");
    abort();
}

const cJSON *json_get(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!item) {
        missing(object, name);
    }
    return item;
}

long json_int(const cJSON *object, const char *name)
{
    const cJSON *item = json_get(object, name);

    if (!cJSON_IsNumber(item)) {
        missing(object, name);
    }
    return (long)item->valuedouble;
}

const char *json_str(const cJSON *object, const char *name)
{
    const cJSON *item = json_get(object, name);

    if (!cJSON_IsString(item)) {
        missing(object, name);
    }
    return item->valuestring;
}
