/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* How a simulated application behaves, as its own image tells. */
#include <string.h>

#include "dfu/sim_device.h"

struct line {
    const char *text;
    size_t len;
};

static bool line_is(struct line line, const char *word)
{
    return line.len == strlen(word) && memcmp(line.text, word, line.len) == 0;
}

/* The next line of printable text; false at an empty line or at anything else. */
static bool next_line(const uint8_t *payload, size_t len, size_t *at, struct line *out)
{
    size_t start = *at;
    size_t end = start;

    while (end < len && payload[end] >= ' ' && payload[end] <= '~') {
        end++;
    }
    if (end == start) {
        return false;
    }
    *out = (struct line){ (const char *)payload + start, end - start };
    *at = end < len && payload[end] == '\n' ? end + 1 : len;
    return true;
}

/* The rest of a line that starts with key; false if it doesn't, or there is no rest. */
static bool take_text(struct line line, const char *key, char *out, size_t cap)
{
    size_t skip = strlen(key);
    size_t len = line.len - skip;

    if (line.len <= skip || memcmp(line.text, key, skip) != 0) {
        return false;
    }
    len = len < cap ? len : cap - 1;
    memcpy(out, line.text + skip, len);
    out[len] = '\0';
    return true;
}

static void take_line(struct dfu_sim_app *app, struct line line)
{
    static const struct {
        const char *text;
        enum dfu_sim_confirm confirm;
    } confirms[] = {
        { "confirm=client", DFU_SIM_CONFIRM_BY_CLIENT },
        { "confirm=self", DFU_SIM_CONFIRM_SELF },
        { "confirm=never", DFU_SIM_CONFIRM_NEVER },
    };
    static const struct {
        const char *text;
        enum dfu_sim_start start;
    } starts[] = {
        { "start=run", DFU_SIM_START_RUN },
        { "start=crash", DFU_SIM_START_CRASH },
        { "start=hang", DFU_SIM_START_HANG },
    };

    if (take_text(line, "name=", app->name, sizeof app->name) ||
        take_text(line, "greet=", app->greeting, sizeof app->greeting)) {
        return;
    }
    for (size_t i = 0; i < sizeof confirms / sizeof confirms[0]; i++) {
        if (line_is(line, confirms[i].text)) {
            app->confirm = confirms[i].confirm;
        }
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (line_is(line, starts[i].text)) {
            app->start = starts[i].start;
        }
    }
}

void dfu_sim_app_parse(struct dfu_sim_app *app, const uint8_t *payload, size_t len)
{
    struct line line;
    size_t at = 0;

    *app = (struct dfu_sim_app){ .name = "application" };
    if (!next_line(payload, len, &at, &line) || !line_is(line, "dfukit-app")) {
        return;
    }
    while (next_line(payload, len, &at, &line)) {
        take_line(app, line);
    }
}
