/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device's console, what it remembers of it, and what a crash leaves: in memory that
 * keeps its content over a reset, not without power. */
#include <string.h>

#include "base/text.h"
#include "dfu/err.h"
#include "sim/device_parts.h"

enum { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR };
enum { MODULE_BOOT = 1, MODULE_APP = 2 };

static const struct dfu_log_word levels[] = {
    { "DEBUG", LEVEL_DEBUG },
    { "INFO", LEVEL_INFO },
    { "WARN", LEVEL_WARNING },
    { "ERROR", LEVEL_ERROR },
};
static const struct dfu_log_word modules[] = { { "boot", MODULE_BOOT }, { "app", MODULE_APP } };

/* ---- Console ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void keep_line(struct dfu_sim_log *log, const char *text)
{
    struct dfu_sim_log_line *line = &log->lines[log->next_index % DFU_SIM_LOG_LINES];
    struct text kept = text_in(line->text, sizeof line->text);

    text_add(&kept, text);
    line->us = (int64_t)(log->now_ms * 1000);
    line->module = begins(text, "app: ") ? MODULE_APP : MODULE_BOOT;
    line->level = begins(text, "E: ")   ? LEVEL_ERROR
                  : begins(text, "W: ") ? LEVEL_WARNING
                                        : LEVEL_INFO;
    log->next_index++;
}

/* Lines about the device are not lines of the device. */
void sim_say(const struct dfu_sim_device *dev, const char *text)
{
    if (!begins(text, "sim: ")) {
        keep_line(dev->log, text);
    }
    if (dev->cfg->line) {
        dev->cfg->line(dev->cfg->ctx, text);
    }
}

uint32_t sim_log_kept(const struct dfu_sim_log *log)
{
    uint32_t lines = log->next_index - log->first_index;

    return lines < DFU_SIM_LOG_LINES ? lines : DFU_SIM_LOG_LINES;
}

static int log_entry(void *ctx, uint32_t place, struct dfu_log_entry *out)
{
    const struct dfu_sim_log *log = ctx;
    uint32_t kept = sim_log_kept(log);
    const struct dfu_sim_log_line *line;

    if (place >= kept) {
        return DFU_ERR_NOENT;
    }
    *out = (struct dfu_log_entry){ .index = log->next_index - kept + place };
    line = &log->lines[out->index % DFU_SIM_LOG_LINES];
    out->timestamp = line->us;
    out->level = line->level;
    out->module = line->module;
    out->message = line->text;
    out->message_len = strlen(line->text);
    return DFU_OK;
}

static int log_clear(void *ctx)
{
    struct dfu_sim_log *log = ctx;

    log->first_index = log->next_index;
    return DFU_OK;
}

void sim_log_forget(struct dfu_sim_device *dev)
{
    memset(&dev->log_memory, 0, sizeof dev->log_memory);
    memset(&dev->core, 0, sizeof dev->core);
    dev->log = &dev->log_memory;
}

void sim_log_start(struct dfu_sim_device *dev, struct dfu_sim_groups *g)
{
    g->logs[0] = (struct dfu_log){ "console", DFU_LOG_MEMORY, log_entry, log_clear, dev->log };
    g->log = (struct dfu_smp_log){ .logs = g->logs,
                                   .log_count = 1,
                                   .next_index = &dev->log->next_index,
                                   .modules = modules,
                                   .module_count = sizeof modules / sizeof modules[0],
                                   .levels = levels,
                                   .level_count = sizeof levels / sizeof levels[0] };
}

/* ---- Crash ---- */

/* There is no memory to dump; what a debugger would be asked first is told in words. */
void sim_core_take(struct dfu_sim_device *dev, const char *cause)
{
    char version[DFU_IMAGE_VERSION_STRLEN];
    struct text t = text_in(dev->core.text, sizeof dev->core.text);

    text_add(&t, "dfukit core\nname=");
    text_add(&t, dev->app.name);
    text_add(&t, "\nversion=");
    text_add(&t, dfu_image_version_text(&dev->boot.header.version, version));
    text_add(&t, "\ncause=");
    text_add(&t, cause);
    text_add(&t, "\nstarts=");
    text_add_dec(&t, dev->starts);
    text_add(&t, "\n");
    dev->core.len = (uint32_t)t.len;
}

static int core_size(void *ctx, uint32_t *size)
{
    const struct dfu_sim_core *core = ctx;

    *size = core->len;
    return core->len > 0 ? DFU_OK : DFU_ERR_NOENT;
}

static int core_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_sim_core *core = ctx;

    memcpy(buf, core->text + off, len);
    return DFU_OK;
}

static int core_erase(void *ctx)
{
    struct dfu_sim_core *core = ctx;

    core->len = 0;
    return DFU_OK;
}

const struct dfu_core_ops sim_core_ops = { core_size, core_read, core_erase };

static int crash(void *ctx, enum dfu_crash kind)
{
    struct dfu_sim_device *dev = ctx;

    sim_app_crashes(dev, dfu_crash_name(kind), kind == DFU_CRASH_WDOG, dev->log->now_ms);
    return DFU_OK;
}

void sim_crash_start(struct dfu_sim_device *dev, struct dfu_sim_groups *g)
{
    g->crash = (struct dfu_smp_crash){ crash, dev };
}
