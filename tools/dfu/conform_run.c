/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One rule after the other over the link. A test waits, it does not repeat: a server answers each
 * request once. That something is not answered is known when the echo behind it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "conform.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define FIRST_CHUNK  "W 1 1 {'off':0,'len':#len,'data':'$c0'}"
#define ASK_ECHO     "W 0 0 {'d':'hi'}"
#define WAIT_MS      2000u
#define ERASE_MS     60000u
#define PACKET_MAX   65535u
#define ALIVE_TRIES  3
#define BUF_SIZE     384u /* of a server that does not tell */
#define BUF_SIZE_MIN 64u
#define FULL_MAX     4096u    /* what is called full in a large buffer */
#define RESET_US     1000000u /* servers restart 250 ms after their answer */

/* What a step sends: one packet, and what its answer must carry. */
struct asked {
    uint8_t packet[PACKET_MAX];
    size_t len;
    uint8_t seq, op, id;
    uint16_t group;
};

static void expected(struct conform *c, const char *text)
{
    snprintf(c->expected, sizeof(c->expected), "%s", text);
}

static void saw(struct conform *c, const char *text)
{
    snprintf(c->seen, sizeof(c->seen), "%s", text);
}

static void saw_json(struct conform *c, const cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);

    saw(c, text ? text : "too much to print");
    cJSON_free(text);
}

/* ---- Packets ---- */

static int payload_of(struct conform *c, const char *text, uint8_t *out, size_t cap)
{
    cJSON *json;
    int len;

    while (*text == ' ') {
        text++;
    }
    if (!*text || *text == '=') {
        return conform_hex(*text ? text + 1 : text, c->seq, out, cap);
    }
    json = conform_parse(c, text);
    len = json ? conform_encode(json, out, cap) : DFU_ERR_FORMAT;
    cJSON_Delete(json);
    return len;
}

static bool build(struct conform *c, const char *ask, struct asked *a)
{
    struct dfu_smp_header header = { .version = c->version, .seq = ++c->seq };
    const char *words = ask + 1;
    unsigned group, id;
    int len;

    if (ask[0] == '=') {
        len = conform_hex(ask + 1, c->seq, a->packet, sizeof(a->packet));
        a->len = len < 0 ? 0 : (size_t)len;
        if (a->len >= DFU_SMP_HEADER_SIZE) {
            dfu_smp_header_decode(a->packet, &header);
        }
        a->seq = c->seq;
    } else {
        if (!conform_number(&words, "", &group) || !conform_number(&words, "", &id)) {
            return false;
        }
        header.op = ask[0] == 'R' ? DFU_SMP_READ : DFU_SMP_WRITE;
        header.group = (uint16_t)group;
        header.id = (uint8_t)id;
        len = payload_of(c, words, a->packet + DFU_SMP_HEADER_SIZE,
                         sizeof(a->packet) - DFU_SMP_HEADER_SIZE);
        header.length = len < 0 ? 0 : (uint16_t)len;
        dfu_smp_header_encode(&header, a->packet);
        a->len = DFU_SMP_HEADER_SIZE + header.length;
        a->seq = header.seq;
    }
    a->op = header.op;
    a->id = header.id;
    a->group = header.group;
    return len >= 0;
}

/* The sentence that is wrong about a header; NULL: none. */
static const char *wrong_header(const struct conform *c, const struct asked *a,
                                const struct dfu_smp_header *h, size_t len)
{
    unsigned version = (a->packet[0] >> 3 & 3u) ? DFU_SMP_V2 : DFU_SMP_V1;

    if (h->op != (a->op | 1u)) {
        return "an answer whose op is not that of the request and 1";
    }
    if (h->group != a->group || h->id != a->id) {
        return "an answer of another group or command";
    }
    if (h->flags != 0) {
        return "an answer with flags";
    }
    if (h->length != len - DFU_SMP_HEADER_SIZE) {
        return "an answer whose length is not that of its payload";
    }
    if (c->kind != CONFORM_RECOVERY && h->version != version) {
        return "an answer in another version";
    }
    return NULL;
}

/* ---- The link ---- */

static bool put_on_link(struct conform *c, const uint8_t *packet, size_t len)
{
    char why[DFU_LINK_WHY_LEN];

    if (!c->dev->session.link.kind &&
        dfu_link_open(&c->dev->session.link, c->dev->cli->target, why)) {
        return false;
    }
    if (dfu_link_send(&c->dev->session.link, packet, len)) {
        dfu_link_close(&c->dev->session.link);
        return false;
    }
    return true;
}

/* The next packet within the time; its length, or 0. */
static size_t take_from_link(struct conform *c, uint64_t end_ms)
{
    struct device *dev = c->dev;

    while (dev->session.link.kind && dfu_link_now_ms() < end_ms) {
        int len = dfu_link_receive(&dev->session.link, dev->session.in, sizeof(dev->session.in),
                                   (uint32_t)(end_ms - dfu_link_now_ms()));

        if (len > 0) {
            return (size_t)len;
        }
        if (len < 0) {
            dfu_link_close(&dev->session.link);
        }
    }
    return 0;
}

/* Packets that come in until one carries this number: it is in dev->in then. */
static size_t await(struct conform *c, uint8_t seq, uint32_t wait_ms)
{
    uint64_t end_ms = dfu_link_now_ms() + wait_ms;
    size_t len;

    while ((len = take_from_link(c, end_ms)) > 0) {
        if (len >= DFU_SMP_HEADER_SIZE && c->dev->session.in[6] == seq) {
            return len;
        }
    }
    return 0;
}

/* ---- Steps ---- */

static cJSON *ask(struct conform *c, const char *text, struct asked *a, uint32_t wait_ms,
                  const char **wrong)
{
    struct dfu_smp_header header;
    cJSON *answer;
    size_t len;

    *wrong = NULL;
    if (!build(c, text, a) || !put_on_link(c, a->packet, a->len)) {
        *wrong = "the link does not carry it";
        return NULL;
    }
    len = await(c, a->seq, wait_ms);
    if (len == 0) {
        return NULL;
    }
    dfu_smp_header_decode(c->dev->session.in, &header);
    *wrong = wrong_header(c, a, &header, len);
    answer = conform_decode(c->dev->session.in + DFU_SMP_HEADER_SIZE, len - DFU_SMP_HEADER_SIZE);
    if (!answer && !*wrong) {
        *wrong = "an answer that is no CBOR map";
    }
    return answer;
}

/* Nothing may come before the answer to an echo that is sent behind it. */
static bool stays_silent(struct conform *c, const char *text, struct asked *a, cJSON **answer)
{
    uint64_t end_ms;
    uint8_t odd;
    size_t len;

    *answer = NULL;
    if (!build(c, text, a) || !put_on_link(c, a->packet, a->len)) {
        saw(c, "the link does not carry it");
        return false;
    }
    odd = a->seq;
    if (!build(c, "W 0 0 {'d':'still there?'}", a) || !put_on_link(c, a->packet, a->len)) {
        return false;
    }
    end_ms = dfu_link_now_ms() + c->wait_ms;
    while ((len = take_from_link(c, end_ms)) > 0) {
        if (len >= DFU_SMP_HEADER_SIZE && c->dev->session.in[6] == odd && !*answer) {
            *answer =
                conform_decode(c->dev->session.in + DFU_SMP_HEADER_SIZE, len - DFU_SMP_HEADER_SIZE);
            *answer = *answer ? *answer : cJSON_CreateString("an answer that is no map");
        }
        if (len >= DFU_SMP_HEADER_SIZE && c->dev->session.in[6] == a->seq) {
            return true;
        }
    }
    c->is_silent = true;
    saw(c, "no answer to an echo behind it, either");
    return false;
}

static bool run_step(struct conform *c, const struct conform_step *step, uint32_t wait_ms,
                     bool *is_unknown)
{
    struct asked *a = malloc(sizeof(*a));
    const char *wrong = NULL;
    cJSON *answer = NULL;
    bool is_fine = a != NULL;

    expected(c, step->expect);
    if (a && strstr(step->expect, "no answer")) {
        is_fine = stays_silent(c, step->ask, a, &answer);
    } else if (a) {
        answer = ask(c, step->ask, a, wait_ms, &wrong);
        is_fine = answer && !wrong;
        c->is_silent = !answer && !wrong;
        saw(c, wrong ? wrong : "no answer");
    }
    free(a);
    if (is_fine) {
        const cJSON *rc = cJSON_GetObjectItemCaseSensitive(answer, "rc");

        is_fine = conform_matches(c, step->expect, answer);
        *is_unknown = cJSON_IsNumber(rc) && (int)rc->valuedouble == DFU_SMP_ENOTSUP;
        if (!is_fine && answer) {
            saw_json(c, answer);
        }
    }
    cJSON_Delete(answer);
    return is_fine;
}

static enum conform_result run_in(struct conform *c, const struct conform_rule *rule,
                                  uint8_t version)
{
    uint32_t wait_ms = rule->flags & (CONFORM_SLOW | CONFORM_RESETS) ? c->erase_ms : c->wait_ms;

    c->version = version;
    for (size_t i = 0; i < CONFORM_STEPS_MAX && rule->steps[i].ask; i++) {
        bool is_unknown = false;

        if (!run_step(c, &rule->steps[i], wait_ms, &is_unknown)) {
            return i == 0 && is_unknown && (rule->flags & CONFORM_OPTIONAL) ? CONFORM_ABSENT
                                                                            : CONFORM_FAIL;
        }
    }
    return CONFORM_PASS;
}

/* The answer, whatever is wrong with it; NULL: none, or none that can be read. */
static cJSON *answer_to(struct conform *c, const char *text)
{
    struct asked *a = malloc(sizeof(*a));
    const char *wrong = NULL;
    cJSON *answer = a ? ask(c, text, a, c->wait_ms, &wrong) : NULL;

    c->is_silent = !answer && !wrong;
    free(a);
    return answer;
}

/* An echo that is not offered, or anything else that comes back, is a sign of life, too. */
bool conform_is_alive(struct conform *c)
{
    bool is_alive = false;

    for (int i = 0; i < ALIVE_TRIES && !is_alive; i++) {
        cJSON_Delete(answer_to(c, ASK_ECHO));
        is_alive = !c->is_silent && c->dev->session.link.kind;
    }
    return is_alive;
}

static bool comes_back(struct conform *c)
{
    uint64_t end_ms = dfu_link_now_ms() + c->boot_ms;
    bool is_back = false;

    usleep(RESET_US); /* it answers until then */
    dfu_link_close(&c->dev->session.link);
    while (!is_back && dfu_link_now_ms() < end_ms) {
        is_back = conform_is_alive(c);
        if (!is_back) {
            usleep(RESET_US);
        }
    }
    return is_back;
}

enum conform_result conform_run(struct conform *c, const struct conform_rule *rule)
{
    enum conform_result result;

    c->is_silent = false;
    c->seen[0] = 0;
    if ((rule->flags & (CONFORM_WRITES | CONFORM_RESETS)) && !c->is_destructive) {
        return CONFORM_LEFT_OUT;
    }
    if (rule->flags & c->lacks) {
        return CONFORM_ABSENT;
    }
    result = run_in(c, rule, DFU_SMP_V2);
    if (result == CONFORM_PASS && !(rule->flags & CONFORM_ONCE)) {
        result = run_in(c, rule, DFU_SMP_V1);
    }
    if (result == CONFORM_PASS && (rule->flags & CONFORM_RESETS) && !comes_back(c)) {
        saw(c, "it did not come back in time");
        result = CONFORM_FAIL;
    }
    return result;
}

/* ---- Before the first rule ---- */

/* Text that makes the largest request there may be. */
static bool set_texts(struct conform *c, uint32_t buf_size)
{
    uint32_t size = min_u32(dfu_link_request_max(&c->dev->session.link, buf_size), FULL_MAX);
    char *text = malloc((size_t)size + 1);
    bool is_set;

    if (!text) {
        return false;
    }
    size -= DFU_SMP_HEADER_SIZE + 1 + 2 + 3; /* map, "d", the head of a long text */
    memset(text, 'x', size);
    text[size] = 0;
    is_set = conform_set_text(c, "full", text);
    free(text);
    return is_set;
}

/* The first active image's hash, empty where none is told, its slot, and the one beside it. */
static bool set_running(struct conform *c)
{
    cJSON *answer = answer_to(c, "R 1 0 {}");
    const cJSON *entry, *active = NULL, *hash, *slot;
    uint32_t number;
    bool is_set;

    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(answer, "images"))
    {
        if (!active && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "active"))) {
            active = entry;
        }
    }
    hash = cJSON_GetObjectItemCaseSensitive(active, "hash");
    slot = cJSON_GetObjectItemCaseSensitive(active, "slot");
    number = cJSON_IsNumber(slot) && slot->valuedouble == 1 ? 1 : 0;
    is_set = conform_set_text(c, "running", hash && hash->valuestring ? hash->valuestring : "$x") &&
             conform_set_number(c, "active", number) && conform_set_number(c, "other", 1 - number);
    cJSON_Delete(answer);
    return is_set;
}

static uint32_t buf_size_of(struct conform *c)
{
    cJSON *answer = answer_to(c, "R 0 6 {}");
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(answer, "buf_size");
    double bytes = cJSON_IsNumber(size) ? size->valuedouble : BUF_SIZE;

    cJSON_Delete(answer);
    return bytes >= BUF_SIZE_MIN && bytes < PACKET_MAX ? (uint32_t)bytes : BUF_SIZE;
}

static bool is_answered(struct conform *c, const char *text, const char *expect)
{
    cJSON *answer = answer_to(c, text);
    bool is_so = conform_matches(c, expect, answer);

    cJSON_Delete(answer);
    return is_so;
}

/* MCUboot has no echo unless it is built in; a device may have one slot, or a loader's beside it;
 * and where the higher version is chosen, 0.0.0 never is. */
static unsigned lacks(struct conform *c)
{
    unsigned what = is_answered(c, ASK_ECHO, "rc 8") ? CONFORM_ECHO : 0;
    uint32_t wait_ms = c->wait_ms;

    if (c->kind == CONFORM_APPLICATION && c->is_destructive) {
        c->wait_ms = c->erase_ms; /* it may erase */
        what |= is_answered(c, FIRST_CHUNK, "err 1:9=6") ? CONFORM_SLOT : 0;
        c->wait_ms = wait_ms;
    }
    if (is_answered(c, "R 0 8 {'query':'mode'}", "{'mode':4} | {'mode':5} | {'mode':6}")) {
        what |= CONFORM_SWAPS;
    }
    return what;
}

/* An application names what is missing; a bootloader only says that something is. */
static enum conform_kind kind_of(struct conform *c)
{
    cJSON *answer = answer_to(c, "W 1 1 {}");
    bool is_recovery = conform_matches(c, "rc 3", answer);

    cJSON_Delete(answer);
    return is_recovery ? CONFORM_RECOVERY : CONFORM_APPLICATION;
}

int conform_meet(struct conform *c)
{
    struct cli *cli = c->dev->cli;

    c->wait_ms = cli->timeout_ms ? cli->timeout_ms : WAIT_MS;
    c->erase_ms = cli->timeout_ms ? cli->timeout_ms : ERASE_MS;
    c->seq = c->dev->session.seq;
    c->version = DFU_SMP_V2;
    if (!conform_is_alive(c)) {
        return device_fail_silent(c->dev, "echo");
    }
    if (c->kind == CONFORM_ANY) {
        c->kind = kind_of(c);
    }
    if (!conform_vars(c) || !set_texts(c, buf_size_of(c)) || !set_running(c)) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    c->lacks = lacks(c);
    return CLI_DONE;
}
