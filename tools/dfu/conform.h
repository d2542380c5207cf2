/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* conform.h - rules that an SMP server is put to, black box: what is asked, what must come back.
 *
 * A rule is one row of a table; its steps are texts (docs/CONFORMANCE.md):
 *
 *   ask     "W 0 0 {'d':'hi'}"      write, group, command, a map; $name and #name stand for bytes and
 *                                   numbers that conform_vars() sets
 *           "R 1 0"                 without a payload
 *           "W 0 0 = a1 61 64"      a payload of these bytes
 *           "= 0a 00 00 01 ... ss"  a packet of these bytes; ss is the sequence number of which an
 *                                   answer is expected, tt another one
 *   expect  "{'r':'hi'}"            these keys with these values ('?uint', '?text', '?bytes', '?bool',
 *                                   '?map', '?array': any such; '^x': text that begins so; '!': the
 *                                   key is not there; 'key?': so, if it is there; [x]: each item is
 *                                   like x; ['~',x]: one of them is), and no refusal
 *           "rc 3"                  {"rc": 3}
 *           "err 1:22=3"            {"err": {"group": 1, "rc": 22}}; to version 1 {"rc": 3}
 *           "no answer"             whatever is asked next is answered, and this is not
 *           "a | b"                 either */
#ifndef DFU_TOOL_CONFORM_H
#define DFU_TOOL_CONFORM_H

#include "device.h"

enum conform_flag {
    CONFORM_WRITES = 1,   /* the slot that does not run, the clock: only if that is allowed */
    CONFORM_RESETS = 2,   /* the same */
    CONFORM_OPTIONAL = 4, /* rc 8 to the first step: not offered */
    CONFORM_ONCE = 8,     /* only in version 2; its bytes say which */
    CONFORM_SLOW = 16,    /* erases: as long as a first chunk may take */
    CONFORM_ECHO = 32,    /* asks by echo: not offered where there is none */
    CONFORM_SLOT = 64,    /* needs a slot that may be written */
    CONFORM_SWAPS = 128,  /* of a loader that swaps or overwrites, and does not choose by version */
};

#define CONFORM_STEPS_MAX 10

struct conform_step {
    const char *ask, *expect;
};

struct conform_rule {
    const char *name;
    const char *says;
    const char *spec; /* section of the protocol */
    unsigned flags;
    struct conform_step steps[CONFORM_STEPS_MAX];
};

/* An application's rules, or a bootloader's in serial recovery, or both's. */
enum conform_kind { CONFORM_ANY, CONFORM_APPLICATION, CONFORM_RECOVERY };

struct conform_group {
    const char *name;
    enum conform_kind kind;
    const struct conform_rule *rules; /* ends with {0} */
};

extern const struct conform_group conform_groups[]; /* ends with {0} */
extern const struct conform_rule conform_protocol[], conform_hostile[], conform_os[],
    conform_application[], conform_image[], conform_upload[], conform_state[], conform_others[],
    conform_recovery[], conform_reset[];

enum conform_result { CONFORM_PASS, CONFORM_FAIL, CONFORM_ABSENT, CONFORM_LEFT_OUT };

#define CONFORM_VARS_MAX 32
#define CONFORM_TEXT     640

struct conform_var {
    const char *name;
    char *text; /* "$x00ff" or "42" */
};

struct conform {
    struct device *dev;
    enum conform_kind kind;
    bool is_destructive;
    unsigned lacks; /* of ECHO, SLOT and SWAPS: rules with one of these are not offered */
    uint32_t wait_ms, erase_ms, boot_ms;
    struct conform_var vars[CONFORM_VARS_MAX];
    size_t var_count;

    /* the rule that runs */
    uint8_t version, seq;
    bool is_silent; /* it ended because nothing came */
    char expected[CONFORM_TEXT], seen[CONFORM_TEXT];
};

/* Variables: the test image and its parts. False: out of memory. */
bool conform_vars(struct conform *c);
bool conform_set_bytes(struct conform *c, const char *name, const uint8_t *data, size_t len);
bool conform_set_text(struct conform *c, const char *name, const char *text);
bool conform_set_number(struct conform *c, const char *name, uint32_t value);
void conform_free(struct conform *c);

/* Find out what kind of server it is, what buffers it has, what runs. An exit code. */
int conform_meet(struct conform *c);

enum conform_result conform_run(struct conform *c, const struct conform_rule *rule);

/* Whether it still answers. */
bool conform_is_alive(struct conform *c);

/* ---- Texts: conform_text.c ---- */

/* JSON with ' for ", after the variables were put in. NULL: out of memory, or a table is wrong. */
cJSON *conform_parse(const struct conform *c, const char *text);

/* A length, or a negative enum dfu_err. */
int conform_encode(const cJSON *json, uint8_t *out, size_t cap);

/* NULL: the bytes are no CBOR map, or more than that. Bytes become "$x..." */
cJSON *conform_decode(const uint8_t *data, size_t len);

/* Bytes of "0a 00 ss tt"; a length, or negative. */
int conform_hex(const char *text, uint8_t seq, uint8_t *out, size_t cap);

/* The number after spaces and one of the characters in before ("": none), and go behind it. */
bool conform_number(const char **text, const char *before, unsigned *out);

/* Whether an answer is what was expected in this version; NULL: there was none. */
bool conform_matches(const struct conform *c, const char *expect, const cJSON *answer);

#endif
