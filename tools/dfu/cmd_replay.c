/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What --record has written: shown, said again to a device, or handed to other tools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "device.h"
#include "dfu/smp.h"
#include "frame_text.h"
#include "pcapng.h"
#include "record.h"

enum { OPT_EXPORT = 1, OPT_SEND };

/* A frame, cut to what its header says it is. */
struct part {
    struct dfu_smp_header header;
    const uint8_t *body;
    size_t len;
    bool is_whole;
};

static struct part part_of(const struct record_entry *entry)
{
    struct part part = { .body = entry->frame };

    if (entry->len < DFU_SMP_HEADER_SIZE) {
        return part;
    }
    dfu_smp_header_decode(entry->frame, &part.header);
    part.body += DFU_SMP_HEADER_SIZE;
    part.len = entry->len - DFU_SMP_HEADER_SIZE;
    part.is_whole = part.header.length <= part.len;
    part.len = part.is_whole ? part.header.length : part.len;
    return part;
}

static const char *name_of(const struct part *part, char buf[32])
{
    const char *name = frame_command(part->header.group, part->header.id);

    if (!name) {
        snprintf(buf, 32, "group %u command %u", (unsigned)part->header.group,
                 (unsigned)part->header.id);
    }
    return name ? name : buf;
}

static const char *op_of(const struct part *part)
{
    static const char *const ops[] = { "read", "read answer", "write", "write answer" };

    return part->header.op < 4 ? ops[part->header.op] : "unknown op";
}

/* ---- Showing ---- */

static int fail_memory(struct cli *cli)
{
    return cli_fail(cli, CLI_INTERNAL, "out of memory");
}

static int show_text(struct cli *cli, const struct record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct record_entry *entry = &record->entries[i];
        struct part part = part_of(entry);
        char *body = frame_body_text(part.body, part.is_whole ? part.len : 0);
        char time[RECORD_TIME_LEN], name[32];

        if (!body) {
            return fail_memory(cli);
        }
        record_time(entry->time_ms, time);
        if (part.is_whole) {
            printf("%s %c %-12s %-16s seq %-3u v%u  %s\n", time, entry->direction, op_of(&part),
                   name_of(&part, name), (unsigned)part.header.seq,
                   (unsigned)part.header.version + 1, body);
        } else {
            printf("%s %c %zu bytes that are no SMP frame\n", time, entry->direction, entry->len);
        }
        free(body);
    }
    return CLI_DONE;
}

static bool add_frame(cJSON *array, const struct record_entry *entry)
{
    struct part part = part_of(entry);
    char *body = frame_body_text(part.body, part.is_whole ? part.len : 0);
    cJSON *json = cJSON_CreateObject();
    char time[RECORD_TIME_LEN], name[32];
    const char direction[2] = { entry->direction, 0 };
    bool is_told;

    record_time(entry->time_ms, time);
    cJSON_AddStringToObject(json, "time", time);
    cJSON_AddStringToObject(json, "direction", direction);
    cJSON_AddNumberToObject(json, "bytes", (double)entry->len);
    if (part.is_whole) {
        cJSON_AddStringToObject(json, "op", op_of(&part));
        cJSON_AddStringToObject(json, "command", name_of(&part, name));
        cJSON_AddNumberToObject(json, "group", part.header.group);
        cJSON_AddNumberToObject(json, "id", part.header.id);
        cJSON_AddNumberToObject(json, "seq", part.header.seq);
        cJSON_AddNumberToObject(json, "version", part.header.version + 1);
        cJSON_AddStringToObject(json, "body", body ? body : "");
    }
    is_told = body != NULL;
    free(body);
    cJSON_AddItemToArray(array, json);
    return is_told;
}

static int show(struct cli *cli, const struct record *record)
{
    cJSON *json, *array;

    if (!cli->json) {
        return show_text(cli, record);
    }
    json = cJSON_CreateObject();
    array = cJSON_AddArrayToObject(json, "frames");
    for (size_t i = 0; i < record->count; i++) {
        if (!add_frame(array, &record->entries[i])) {
            cJSON_Delete(json);
            return fail_memory(cli);
        }
    }
    return cli_json_print(cli, json);
}

/* ---- Saying it again ---- */

struct tally {
    unsigned requests, same, other, unanswered;
};

/* The answer that came to a request, or NULL. */
static const struct record_entry *answer_to(const struct record *record, size_t request)
{
    struct part asked = part_of(&record->entries[request]);

    for (size_t i = request + 1; i < record->count; i++) {
        const struct record_entry *entry = &record->entries[i];
        struct part part = part_of(entry);

        if (part.is_whole && entry->direction == '<' && part.header.op == asked.header.op + 1 &&
            part.header.group == asked.header.group && part.header.id == asked.header.id &&
            part.header.seq == asked.header.seq) {
            return entry;
        }
    }
    return NULL;
}

/* The same frame again, before any answer to it. */
static bool is_repeat(const struct record *record, size_t at)
{
    const struct record_entry *entry = &record->entries[at];

    for (size_t i = at; i-- > 0;) {
        const struct record_entry *before = &record->entries[i];

        if (before->direction == '>' && before->len == entry->len &&
            memcmp(before->frame, entry->frame, entry->len) == 0) {
            return answer_to(record, i) == answer_to(record, at);
        }
    }
    return false;
}

/* What does harm when it is done twice. */
static bool acts_once(const struct dfu_call *call)
{
    return call->group == DFU_SMP_GROUP_SHELL ||
           (call->group == DFU_SMP_GROUP_OS && call->id == DFU_SMP_OS_RESET);
}

static int say_one(struct device *dev, const struct record *record, size_t at, struct tally *tally)
{
    const struct record_entry *entry = &record->entries[at], *expected = answer_to(record, at);
    struct part asked = part_of(entry), before = { 0 };
    struct dfu_call call = { .version = asked.header.version,
                             .seq = asked.header.seq,
                             .op = asked.header.op,
                             .group = asked.header.group,
                             .id = asked.header.id };
    char what[96], buf[32];
    const char *name = name_of(&asked, buf);
    int code;

    if (entry->len > sizeof(dev->out)) {
        return CLI_DONE;
    }
    snprintf(what, sizeof(what), "answer request %u (%s)", tally->requests + 1, name);
    memcpy(dev->out, entry->frame, entry->len);
    code =
        device_try(dev, &call, (int)entry->len, acts_once(&call) ? DEVICE_ONCE : DEVICE_SLOW, what);
    if (code != CLI_DONE && code != CLI_REFUSED) {
        return code;
    }
    tally->requests++;
    before = expected ? part_of(expected) : before;
    if (!expected) {
        tally->unanswered++;
        cli_note(dev->cli, "request %u (%s) is answered now; it was not when it was recorded",
                 tally->requests, name);
    } else if (before.len == dev->answer.len &&
               memcmp(before.body, dev->answer.body, before.len) == 0) {
        tally->same++;
    } else {
        tally->other++;
        cli_note(dev->cli, "request %u (%s) has another answer than the one recorded",
                 tally->requests, name);
    }
    return CLI_DONE;
}

static int say_again(struct device *dev, const struct record *record)
{
    struct tally tally = { 0 };
    int code = CLI_DONE;

    for (size_t i = 0; i < record->count && !code; i++) {
        struct part part = part_of(&record->entries[i]);

        if (record->entries[i].direction == '>' && part.is_whole && !is_repeat(record, i)) {
            code = say_one(dev, record, i, &tally);
        }
    }
    if (code) {
        return code;
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "requests", tally.requests);
        cJSON_AddNumberToObject(json, "same", tally.same);
        cJSON_AddNumberToObject(json, "other", tally.other);
        cJSON_AddNumberToObject(json, "not_answered_then", tally.unanswered);
        (void)cli_json_print(dev->cli, json);
    } else {
        printf("%u requests: %u answered as recorded, %u otherwise, %u not answered then\n",
               tally.requests, tally.same, tally.other, tally.unanswered);
    }
    return tally.same == tally.requests ? CLI_DONE : CLI_REFUSED;
}

static int send_record(struct cli *cli, const struct record *record)
{
    struct device *dev;
    int code;

    if (!cli->target || !cli->target[0]) {
        return cli_fail(cli, CLI_USAGE, "--send needs a device; name it as dfu -d TARGET replay");
    }
    dev = device_open(cli, &code);
    if (dev) {
        code = say_again(dev, record);
        device_close(dev);
    }
    return code;
}

static bool is_same_file(const char *path, const char *other)
{
    struct stat here, there;

    return stat(path, &here) == 0 && stat(other, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

static int export_record(struct cli *cli, const struct record *record)
{
    const char *path = cli_value(cli, OPT_EXPORT);
    int code;

    if (is_same_file(path, cli_arg(cli, 0))) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is the record itself; name another file for the capture", path);
    }
    code = pcapng_write(cli, path, record);
    if (code) {
        return code;
    }
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "file", path);
        cJSON_AddNumberToObject(json, "frames", (double)record->count);
        return cli_json_print(cli, json);
    }
    printf("%s holds %zu frames; see docs/RECORD.md for Wireshark\n", path, record->count);
    return CLI_DONE;
}

static int run_replay(struct cli *cli)
{
    struct record record;
    int code;

    if (cli_has(cli, OPT_EXPORT) && cli_has(cli, OPT_SEND)) {
        return cli_fail(cli, CLI_USAGE, "--export and --send are two jobs; give one of them");
    }
    code = record_read(cli, cli_arg(cli, 0), &record);
    if (!code && cli_has(cli, OPT_EXPORT)) {
        code = export_record(cli, &record);
    } else if (!code && cli_has(cli, OPT_SEND)) {
        code = send_record(cli, &record);
    } else if (!code) {
        code = show(cli, &record);
    }
    record_free(&record);
    return code;
}

static const struct cli_option options[] = {
    { "export", 0, "FILE", 1, "write a pcapng capture for Wireshark instead", NULL, OPT_EXPORT },
    { "send", 0, NULL, 0,
      "send the recorded requests to the device again, also those that write, erase or reset, and "
      "compare its answers",
      NULL, OPT_SEND },
    { 0 },
};

static const char *const examples[] = {
    "# Keep what was said during an upgrade that fails, and read it",
    "dfu -d udp:192.0.2.1 --record upgrade.log upgrade app.signed.bin",
    "dfu replay upgrade.log",
    "# Look at it with Wireshark",
    "dfu replay --export upgrade.pcapng upgrade.log",
    "# Does another device answer the same?",
    "dfu -d udp:192.0.2.2 replay --send upgrade.log",
    NULL,
};

const struct cli_command cmd_replay = {
    .name = "replay",
    .args = "FILE",
    .summary = "Show a recorded conversation, send it again, or export it",
    .details = "FILE was written by --record: a line a frame, with its time, > to or < from the\n"
               "device, and its bytes in hexadecimal. It may hold secrets that were sent.",
    .options = options,
    .examples = examples,
    .run = run_replay,
};
