/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One failing path as text and back:
 *   move,w=4,e=ff,s=1024x5+1,n=16,old=700,new=3000,test,factory,hash,plain,checked,upgrade,cuts=12i7/3b/9a
 * Encrypted images add aes=16,wrapped (or unwrapped) before the cuts.
 * Units of their own of secondary and scratch are u=8/4, a primary without an image is empty.
 * Switches beyond MCUboot are a number (enum story_switch), beyond=31 is all of them.
 * b, a and i are before, after and inside an operation; the number after i is the tear's seed.
 * p and s are an erase that stopped: its sector is erased up to, or from, that byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "story.h"

static const char *const strategies[STORY_STRATEGIES] = {
    "move", "overwrite", "overwrite-fast", "offset", "scratch", "unpack", "unpack-fast"
};
static const char *const stages[STAGES] = { "request", "upgrade", "attempt",
                                            "revert",  "confirm", "settled" };

const char *story_strategy_name(enum story_strategy strategy)
{
    return strategies[strategy];
}

const char *story_stage_name(enum story_stage stage)
{
    return stages[stage];
}

static void put_cut(const struct story_path *path, unsigned i, char *out, size_t size)
{
    const char *slash = i > 0 ? "/" : "";
    unsigned op = path->cuts[i].op;

    if (path->cuts[i].edge > 0) {
        (void)snprintf(out, size, "%s%u%c%u", slash, op, path->cuts[i].is_from_edge ? 's' : 'p',
                       path->cuts[i].edge);
    } else if (path->cuts[i].when == DFU_SIM_CUT_INSIDE) {
        (void)snprintf(out, size, "%s%ui%llu", slash, op, (unsigned long long)path->cuts[i].seed);
    } else {
        (void)snprintf(out, size, "%s%u%c", slash, op,
                       path->cuts[i].when == DFU_SIM_CUT_BEFORE ? 'b' : 'a');
    }
}

void story_text(const struct story_spec *spec, const struct story_path *path, char *out,
                size_t size)
{
    size_t len;

    (void)snprintf(
        out, size, "%s,w=%u,e=%02x,s=%ux%u+%u,n=%u,old=%u,new=%u,%s,%s,%s,%s,%s,%s,cuts=",
        strategies[spec->strategy], spec->write_size, spec->erased, spec->sector, spec->sectors,
        spec->extra, spec->max_sectors, spec->old_size, spec->new_size,
        spec->is_permanent ? "permanent" : "test", spec->is_confirmed ? "confirmed" : "factory",
        spec->is_signed ? "ed25519" : "hash", spec->is_sticky ? "sticky" : "plain",
        spec->is_unchecked ? "unchecked" : "checked", stages[path->stage]);
    if (spec->strategy == STORY_SCRATCH || spec->layout != LAYOUT_EQUAL) { /* before "cuts=" */
        len = strlen(out) - strlen("cuts=");
        (void)snprintf(out + len, size - len, "%s,scr=%u,cuts=", layout_name(spec->layout),
                       spec->scratch);
    }
    if (spec->crypt_len > 0) { /* there, too */
        len = strlen(out) - strlen("cuts=");
        (void)snprintf(out + len, size - len, "aes=%u,%s,cuts=", spec->crypt_len,
                       spec->keeps_wrapped_keys ? "wrapped" : "unwrapped");
    }
    if (spec->secondary_unit > 0 || spec->scratch_unit > 0) {
        len = strlen(out) - strlen("cuts=");
        (void)snprintf(out + len, size - len, "u=%u/%u,cuts=", spec->secondary_unit,
                       spec->scratch_unit);
    }
    if (spec->is_empty) {
        len = strlen(out) - strlen("cuts=");
        (void)snprintf(out + len, size - len, "empty,%scuts=", spec->is_unasked ? "unasked," : "");
    }
    if (spec->switches != 0) {
        len = strlen(out) - strlen("cuts=");
        (void)snprintf(out + len, size - len, "beyond=%u,cuts=", spec->switches);
    }
    for (unsigned i = 0; i < path->cut_count; i++) {
        len = strlen(out);
        put_cut(path, i, out + len, size - len);
    }
}

static bool parse_cuts(const char *text, struct story_path *path)
{
    while (*text) {
        char *end;
        unsigned i = path->cut_count++;
        char kind;

        if (i == STORY_CUTS_MAX) {
            return false;
        }
        path->cuts[i].op = (uint32_t)strtoul(text, &end, 10);
        kind = *end++;
        switch (kind) {
        case 'b': path->cuts[i].when = DFU_SIM_CUT_BEFORE; break;
        case 'a': path->cuts[i].when = DFU_SIM_CUT_AFTER; break;
        case 'i':
            path->cuts[i].when = DFU_SIM_CUT_INSIDE;
            path->cuts[i].seed = strtoull(end, &end, 10);
            break;
        case 'p':
        case 's':
            path->cuts[i].when = DFU_SIM_CUT_BEFORE;
            path->cuts[i].edge = (uint32_t)strtoul(end, &end, 10);
            path->cuts[i].is_from_edge = kind == 's';
            break;
        default: return false;
        }
        if (*end == '/') {
            end++;
        } else if (*end) {
            return false;
        }
        text = end;
    }
    return true;
}

static bool parse_name(const char *text, struct story_spec *spec, struct story_path *path)
{
    for (int i = 0; i < STORY_STRATEGIES; i++) {
        if (strcmp(text, strategies[i]) == 0) {
            spec->strategy = (enum story_strategy)i;
            return true;
        }
    }
    for (int i = 0; i < STAGES; i++) {
        if (strcmp(text, stages[i]) == 0) {
            path->stage = (enum story_stage)i;
            return true;
        }
    }
    for (int i = 0; i < LAYOUTS; i++) {
        if (strcmp(text, layout_name((enum layout)i)) == 0) {
            spec->layout = (enum layout)i;
            return true;
        }
    }
    spec->is_permanent |= strcmp(text, "permanent") == 0;
    spec->is_confirmed |= strcmp(text, "confirmed") == 0;
    spec->is_empty |= strcmp(text, "empty") == 0;
    spec->is_unasked |= strcmp(text, "unasked") == 0;
    spec->is_signed |= strcmp(text, "ed25519") == 0;
    spec->is_sticky |= strcmp(text, "sticky") == 0;
    spec->is_unchecked |= strcmp(text, "unchecked") == 0;
    spec->keeps_wrapped_keys |= strcmp(text, "wrapped") == 0;
    return strcmp(text, "wrapped") == 0 || strcmp(text, "unwrapped") == 0 ||
           strcmp(text, "permanent") == 0 || strcmp(text, "test") == 0 ||
           strcmp(text, "empty") == 0 || strcmp(text, "unasked") == 0 ||
           strcmp(text, "confirmed") == 0 || strcmp(text, "factory") == 0 ||
           strcmp(text, "ed25519") == 0 || strcmp(text, "hash") == 0 ||
           strcmp(text, "sticky") == 0 || strcmp(text, "plain") == 0 ||
           strcmp(text, "unchecked") == 0 || strcmp(text, "checked") == 0;
}

static bool parse_number(const char *text, struct story_spec *spec)
{
    unsigned value = 0, other = 0;

    if (sscanf(text, "w=%u", &value) == 1) {
        spec->write_size = (uint8_t)value;
    } else if (sscanf(text, "e=%x", &value) == 1) {
        spec->erased = (uint8_t)value;
    } else if (sscanf(text, "n=%u", &value) == 1) {
        spec->max_sectors = (uint16_t)value;
    } else if (sscanf(text, "scr=%u", &value) == 1) {
        spec->scratch = value;
    } else if (sscanf(text, "aes=%u", &value) == 1) {
        spec->crypt_len = (uint8_t)value;
    } else if (sscanf(text, "beyond=%u", &value) == 1) {
        spec->switches = value;
    } else if (sscanf(text, "u=%u/%u", &value, &other) == 2) {
        spec->secondary_unit = (uint8_t)value;
        spec->scratch_unit = (uint8_t)other;
    } else if (sscanf(text, "old=%u", &value) == 1) {
        spec->old_size = value;
    } else if (sscanf(text, "new=%u", &value) == 1) {
        spec->new_size = value;
    } else {
        return sscanf(text, "s=%ux%u+%u", &spec->sector, &spec->sectors, &spec->extra) == 3;
    }
    return true;
}

bool story_parse(const char *text, struct story_spec *spec, struct story_path *path)
{
    char copy[512];
    char *rest = NULL;

    *spec = (struct story_spec){ 0 };
    *path = (struct story_path){ 0 };
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        bool is_fine;

        if (strncmp(part, "cuts=", strlen("cuts=")) == 0) {
            is_fine = parse_cuts(part + strlen("cuts="), path);
        } else {
            is_fine = strchr(part, '=') ? parse_number(part, spec) : parse_name(part, spec, path);
        }
        if (!is_fine) {
            return false;
        }
    }
    return spec->write_size > 0 && spec->sectors > 0 && spec->sector > 0;
}
