/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the virtual device's application offers beside updates: counters, settings, files, a shell. */
#include <string.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "dfu/smp_enum.h"
#include "sim/device_parts.h"

#define STORE_INTERVAL 8192u /* bytes an upload may lose by a reset; each save wears the storage */

/* ---- Shell ---- */

static int show_version(void *ctx, struct dfu_shell_output *out, int count,
                        const char *const *words)
{
    const struct dfu_sim_device *dev = ctx;
    char text[DFU_IMAGE_VERSION_STRLEN];

    (void)count;
    (void)words;
    dfu_shell_print(out, dev->app.name);
    dfu_shell_print(out, " ");
    dfu_shell_print(out, dfu_image_version_text(&dev->boot.header.version, text));
    dfu_shell_print(out, "\n");
    return 0;
}

static int show_starts(void *ctx, struct dfu_shell_output *out, int count, const char *const *words)
{
    const struct dfu_sim_device *dev = ctx;

    (void)count;
    (void)words;
    dfu_shell_print_number(out, dev->starts);
    dfu_shell_print(out, "\n");
    return 0;
}

static int echo(void *ctx, struct dfu_shell_output *out, int count, const char *const *words)
{
    (void)ctx;
    for (int i = 0; i < count; i++) {
        dfu_shell_print(out, i ? " " : "");
        dfu_shell_print(out, words[i]);
    }
    dfu_shell_print(out, "\n");
    return 0;
}

static const struct dfu_shell_command commands[] = {
    { "echo", "print the words that follow", echo },
    { "starts", "how often the device has started", show_starts },
    { "version", "name and version of what runs", show_version },
};

/* ---- Pools ---- */

static uint32_t free_settings(const struct dfu_settings *store)
{
    uint32_t places = 0;

    for (size_t i = 0; i < store->capacity; i++) {
        places += store->table[i].name_len == 0;
    }
    return places;
}

static void note_least(uint32_t *least, uint32_t places)
{
    *least = places < *least ? places : *least;
}

void sim_groups_note_pools(struct dfu_sim_device *dev)
{
    struct dfu_sim_groups *g = &dev->server.groups;

    note_least(&g->settings_free_min, free_settings(&g->store));
    note_least(&g->log_free_min, DFU_SIM_LOG_LINES - sim_log_kept(dev->log));
}

int sim_groups_pool(void *ctx, uint32_t index, struct dfu_smp_pool *pool)
{
    struct dfu_sim_device *dev = ctx;
    const struct dfu_sim_groups *g = &dev->server.groups;

    sim_groups_note_pools(dev);
    switch (index) {
    case 0:
        *pool = (struct dfu_smp_pool){ "settings", sizeof g->values[0], (uint32_t)g->store.capacity,
                                       free_settings(&g->store), g->settings_free_min };
        return DFU_OK;
    case 1:
        *pool =
            (struct dfu_smp_pool){ "log", sizeof dev->log->lines[0], DFU_SIM_LOG_LINES,
                                   DFU_SIM_LOG_LINES - sim_log_kept(dev->log), g->log_free_min };
        return DFU_OK;
    default: return DFU_ERR_NOENT;
    }
}

/* ---- Set-up ---- */

static void start_stat(struct dfu_sim_device *dev, struct dfu_sim_groups *g)
{
    g->fields[0] = (struct dfu_smp_stat_field){ "packets", &g->packets, sizeof g->packets };
    g->fields[1] = (struct dfu_smp_stat_field){ "bytes", &g->packet_bytes, sizeof g->packet_bytes };
    g->fields[2] = (struct dfu_smp_stat_field){ "starts", &dev->starts, sizeof dev->starts };
    g->sets[0] = (struct dfu_smp_stat_set){ "device", g->fields, 3 };
    g->stat = (struct dfu_smp_stat){ g->sets, 1 };
}

/* Settings that can't be read are lost; the device starts all the same. A storage of small sectors
 * holds fewer. */
static void start_settings(struct dfu_sim_device *dev, struct dfu_sim_groups *g)
{
    struct dfu_sim_server *s = &dev->server;
    int err = dev->cfg->storage ? DFU_ERR_INVAL : DFU_ERR_NOENT;

    g->store = (struct dfu_settings){ .table = g->values, .capacity = DFU_SIM_SETTINGS_MAX };
    for (; err == DFU_ERR_INVAL && g->store.capacity > 0; g->store.capacity /= 2) {
        err = dfu_settings_open(&g->store, dev->cfg->storage);
        if (!err) {
            break;
        }
    }
    if (err) {
        memset(g->values, 0, sizeof g->values);
        g->store = (struct dfu_settings){ .table = g->values, .capacity = DFU_SIM_SETTINGS_MAX };
    } else {
        s->store = dfu_settings_stream_store(&g->store);
        s->img.store = &s->store;
        s->img.store_interval = STORE_INTERVAL;
    }
    g->settings = (struct dfu_smp_settings){ &dfu_settings_table_ops, &g->store };
}

/* What the device keeps for itself is no operator's. */
static enum dfu_smp_hook_result guard_own_settings(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_settings_event *access = event->data;
    size_t len = sizeof DFU_SETTINGS_OWN - 1;

    sim_groups_note_pools(ctx);
    if (access->name.len < len || memcmp(access->name.data, DFU_SETTINGS_OWN, len) != 0) {
        return DFU_SMP_HOOK_OK;
    }
    event->rc = DFU_SMP_EACCESSDENIED;
    return DFU_SMP_HOOK_RC;
}

struct dfu_smp_hook sim_settings_hook(struct dfu_sim_device *dev)
{
    return (struct dfu_smp_hook){ DFU_SMP_EV_SETTINGS_ACCESS, guard_own_settings, dev };
}

static void storage_is_erased(void *ctx)
{
    struct dfu_sim_device *dev = ctx;

    (void)dfu_settings_load(&dev->server.groups.store);
}

static void start_basic(struct dfu_sim_device *dev, struct dfu_sim_groups *g)
{
    g->erased[0] = dev->cfg->storage;
    g->basic = (struct dfu_smp_basic){ g->erased, g->erased[0] ? 1 : 0, storage_is_erased, dev };
}

static const struct dfu_hash_alg *sha256_of(const struct dfu_sim_device *dev)
{
    return dev->server.img.sha256;
}

size_t sim_groups_start(struct dfu_sim_device *dev, struct dfu_smp_binding *bindings)
{
    struct dfu_sim_groups *g = &dev->server.groups;
    size_t count = 0;

    start_stat(dev, g);
    start_settings(dev, g);
    start_basic(dev, g);
    sim_log_start(dev, g);
    sim_crash_start(dev, g);
    g->settings_free_min = g->log_free_min = UINT32_MAX;
    sim_groups_note_pools(dev);
    g->shell = (struct dfu_smp_shell){ .commands = commands,
                                       .command_count = sizeof commands / sizeof commands[0],
                                       .ctx = dev,
                                       .line = g->line,
                                       .line_cap = sizeof g->line,
                                       .output = g->output,
                                       .output_cap = sizeof g->output };
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_stat, &g->stat };
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_settings, &g->settings };
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_log, &g->log };
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_crash, &g->crash };
    if (dev->cfg->fs) {
        g->fs.ops = dev->cfg->fs;
        g->fs.ctx = dev->cfg->fs_ctx;
        g->fs.sha256 = sha256_of(dev);
        bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_fs, &g->fs };
    }
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_shell, &g->shell };
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_enum, NULL };
    bindings[count++] = (struct dfu_smp_binding){ &dfu_smp_group_basic, &g->basic };
    return count;
}
