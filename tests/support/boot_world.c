/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/decompress.h"
#include "dfu/err.h"

#define GUARD_BYTE 0xa5u

const char *const boot_world_place_names[WORLD_PLACES] = { "pri",  "sec",  "scr",  "pri1", "sec1",
                                                           "pri2", "sec2", "pri3", "sec3", "att",
                                                           "his",  "rev",  "cnt" };

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "test world: out of memory\n");
        abort();
    }
    return memory;
}

/* ---- What the device does is written down ---- */

static void note_op(void *ctx, const struct dfu_sim_op *op)
{
    struct world_journal *journal = ((struct world *)ctx)->journal;
    size_t len = op->data ? op->len : 0;

    if (!journal) {
        return;
    }
    if (journal->count == journal->cap) {
        journal->cap = journal->cap * 2 + 64;
        journal->ops = must(realloc(journal->ops, journal->cap * sizeof journal->ops[0]));
    }
    if (journal->data_len + len > journal->data_cap) {
        uint8_t *old = journal->data;

        journal->data_cap = journal->data_cap * 2 + 65536 + len;
        journal->data = must(malloc(journal->data_cap));
        if (old) {
            memcpy(journal->data, old, journal->data_len);
        }
        for (size_t i = 0; i < journal->count; i++) {
            struct world_op *moved = &journal->ops[i];

            moved->data = moved->data ? journal->data + (moved->data - old) : NULL;
        }
        free(old);
    }
    if (op->data) {
        memcpy(journal->data + journal->data_len, op->data, len);
    }
    journal->ops[journal->count++] = (struct world_op){
        op->kind,
        op->off,
        op->len,
        op->data ? journal->data + journal->data_len : NULL,
    };
    journal->data_len += len;
}

void boot_world_journal_clear(struct world_journal *journal)
{
    journal->count = 0;
    journal->data_len = 0;
}

void boot_world_journal_free(struct world_journal *journal)
{
    free(journal->ops);
    free(journal->data);
    *journal = (struct world_journal){ 0 };
}

/* The recordings leave out what main() prints: the start line, the answer and the jump. */
static bool is_line_of_main(enum dfu_boot_event_id id)
{
    switch (id) {
    case DFU_BOOT_EV_START:
    case DFU_BOOT_EV_NO_IMAGE:
    case DFU_BOOT_EV_CHAINLOAD:
    case DFU_BOOT_EV_VERSION:
    case DFU_BOOT_EV_JUMP: return true;
    default: return false;
    }
}

static void note_event(void *ctx, const struct dfu_boot_event *event)
{
    struct world_log *log = ((struct world *)ctx)->log;

    if (log && !is_line_of_main(event->id) && log->count < WORLD_LINES_MAX) {
        dfu_boot_event_text(event, log->lines[log->count++], WORLD_LINE_SIZE);
    }
}

/* ---- Building ---- */

static void add_run(struct world *w, uint32_t size, uint32_t count)
{
    w->runs[w->sim.run_count++] = (struct dfu_sector_run){ size, count };
    w->sim.size += size * count;
}

static void build_flash(struct world *w)
{
    size_t bitmap;

    w->sim = (struct dfu_sim_flash){ .write_size = 32, .erased = w->spec.erased };
    w->sim.runs = w->runs;
    if (w->spec.guard > 0) {
        add_run(w, w->spec.guard, 1);
    }
    for (int i = 0; i < WORLD_PLACES; i++) {
        const struct world_area_spec *area = &w->spec.areas[i];

        for (int j = 0; area->size > 0 && j < area->run_count; j++) {
            add_run(w, area->runs[j].size, area->runs[j].count);
        }
        if (area->size > 0 && area->write_size < w->sim.write_size) {
            w->sim.write_size = area->write_size;
        }
    }
    if (w->spec.guard > 0) {
        add_run(w, w->spec.guard, 1);
    }
    bitmap = (w->sim.size / w->sim.write_size + 7) / 8;
    w->state_size = w->sim.size + bitmap;
    w->sim.mem = must(malloc(w->state_size));
    w->sim.programmed = w->sim.mem + w->sim.size;
    w->sim.on_op = note_op;
    w->sim.on_op_ctx = w;
    dfu_sim_flash_format(&w->sim);
}

static void build_areas(struct world *w)
{
    uint32_t base = w->spec.guard;

    for (int i = 0; i < WORLD_PLACES; i++) {
        const struct world_area_spec *spec = &w->spec.areas[i];

        if (spec->size > 0) {
            w->area[i] = dfu_sim_flash_area(&w->sim, boot_world_place_names[i], base, spec->size,
                                            spec->runs, spec->run_count);
            w->area[i].write_size = spec->write_size;
            base += spec->size;
        }
    }
}

enum world_place boot_world_primary(uint8_t image)
{
    return image == 0 ? WORLD_PRI : (enum world_place)(WORLD_PRI1 + 2 * (image - 1));
}

enum world_place boot_world_secondary(uint8_t image)
{
    return boot_world_primary(image) + 1;
}

static const struct dfu_area *area_or_null(const struct world *w, enum world_place place)
{
    return w->spec.areas[place].size > 0 ? &w->area[place] : NULL;
}

static void build_map(struct world *w)
{
    w->map = (struct dfu_slot_map){
        .mode = w->spec.mode,
        .max_align = w->spec.max_align,
        .max_sectors = w->spec.max_sectors,
        .key_size = w->spec.key_size,
        .keeps_wrapped_keys = w->spec.keeps_wrapped_keys,
        .image_count = 1,
        .scratch = area_or_null(w, WORLD_SCR),
    };
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        w->map.images[i].primary = area_or_null(w, boot_world_primary(i));
        w->map.images[i].secondary = area_or_null(w, boot_world_secondary(i));
        w->map.image_count = w->map.images[i].primary ? i + 1 : w->map.image_count;
    }
    w->map.decompresses = w->spec.unpacks && w->spec.mode == DFU_MODE_OVERWRITE &&
                          w->area[WORLD_SEC].size < w->area[WORLD_PRI].size;
}

static const struct dfu_boot_strategy *strategy_of(const struct world_spec *spec)
{
    switch (spec->mode) {
    case DFU_MODE_SWAP_MOVE: return &dfu_boot_swap_move;
    case DFU_MODE_SWAP_OFFSET: return &dfu_boot_swap_offset;
    case DFU_MODE_SWAP_SCRATCH: return &dfu_boot_swap_scratch;
    case DFU_MODE_OVERWRITE: return spec->is_fast ? &dfu_boot_overwrite_fast : &dfu_boot_overwrite;
    case DFU_MODE_DIRECT_XIP: return &dfu_boot_direct_xip;
    case DFU_MODE_DIRECT_XIP_REVERT: return &dfu_boot_direct_xip_revert;
    case DFU_MODE_RAM_LOAD: return &dfu_boot_ram_load;
    case DFU_MODE_RAM_LOAD_REVERT: return &dfu_boot_ram_load_revert;
    case DFU_MODE_SINGLE_RAM_LOAD: return &dfu_boot_single_ram_load;
    case DFU_MODE_SINGLE_SLOT: return &dfu_boot_single_slot;
    case DFU_MODE_FIRMWARE_LOADER: return &dfu_boot_firmware_loader;
    default: return NULL;
    }
}

static void build_config(struct world *w)
{
    static uint64_t work[DFU_LZMA2_WORK_SIZE(131072u, 65536u) / 8]; /* one decoding at a time */
    static const struct dfu_unpacker unpacker = { &dfu_unpack, &dfu_lzma2, work, sizeof work, 0 };
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

    w->cfg = (struct dfu_boot_config){
        .map = &w->map,
        .strategy = strategy_of(&w->spec),
        .policy = { .hashes = hashes,
                    .keys = w->spec.key,
                    .key_count = w->spec.key ? 1 : 0,
                    .hash_only = !w->spec.key,
                    .decryption = w->spec.decryption,
                    .unpacker = w->spec.unpacks ? &unpacker : NULL },
        .decompression = w->spec.unpacks ? &dfu_boot_decompressed : NULL,
        .encryption = w->spec.decryption ? &dfu_boot_encrypted : NULL,
        .validate_primary = w->spec.validate_primary,
        .prevent_downgrade = w->spec.prevent_downgrade,
        .bootstrap = w->spec.bootstrap,
        .ram = w->ram,
        .ram_count = 1,
        .buf = w->buf,
        .buf_len = sizeof w->buf,
        .event = note_event,
        .ctx = w,
    };
}

void boot_world_init(struct world *w, const struct world_spec *spec)
{
    memset(w, 0, sizeof *w);
    w->spec = *spec;
    /* Areas point at the run lists, so those must be the copy's. */
    build_flash(w);
    build_areas(w);
    for (int i = 0; i < WORLD_PLACES; i++) {
        w->area[i].runs = w->spec.areas[i].runs;
    }
    build_map(w);
    w->ram[0] = (struct dfu_boot_ram){ WORLD_RAM_ADDR, sizeof w->ram_bytes, w->ram_bytes };
    build_config(w);
    memset(w->sim.mem, GUARD_BYTE, spec->guard);
    memset(w->sim.mem + w->sim.size - spec->guard, GUARD_BYTE, spec->guard);
}

void boot_world_free(struct world *w)
{
    free(w->sim.mem);
    w->sim.mem = NULL;
}

/* ---- Using ---- */

void boot_world_keep(const struct world *w, uint8_t *state)
{
    memcpy(state, w->sim.mem, w->state_size);
}

void boot_world_restore(struct world *w, const uint8_t *state)
{
    memcpy(w->sim.mem, state, w->state_size);
    dfu_sim_flash_power_on(&w->sim);
}

uint8_t *boot_world_bytes(const struct world *w, enum world_place place)
{
    return w->sim.mem + w->area[place].base;
}

enum world_place boot_world_place_of(const struct world *w, uint32_t off)
{
    for (enum world_place i = WORLD_PRI; i < WORLD_PLACES; i++) {
        if (off >= w->area[i].base && off - w->area[i].base < w->area[i].size) {
            return i;
        }
    }
    return WORLD_PLACES;
}

void boot_world_load(struct world *w, enum world_place place, uint32_t off, const void *data,
                     size_t len)
{
    if (off > w->area[place].size || len > w->area[place].size - off ||
        dfu_sim_flash_load(&w->sim, w->area[place].base + off, data, len)) {
        fprintf(stderr, "test world: %zu bytes do not fit %s at 0x%x\n", len,
                boot_world_place_names[place], (unsigned)off);
        abort();
    }
}

struct world_boot boot_world_start(struct world *w)
{
    struct world_boot boot = { 0 };

    if (w->log) {
        w->log->count = 0;
    }
    if (w->journal) {
        boot_world_journal_clear(w->journal);
    }
    boot.err = dfu_boot(&w->cfg, &boot.result);
    boot.ops = w->sim.ops;
    return boot;
}

int boot_world_redo(struct world *w, const struct world_op *op)
{
    const struct dfu_flash_ops *ops = w->area[WORLD_PRI].ops;

    return op->kind == DFU_SIM_WRITE ? ops->write(&w->sim, op->off, op->data, op->len)
                                     : ops->erase(&w->sim, op->off, op->len);
}

bool boot_world_guard_is_intact(const struct world *w)
{
    const uint8_t *begin = w->sim.mem, *end = w->sim.mem + w->sim.size - w->spec.guard;
    uint32_t guard = w->spec.guard;

    return guard == 0 || (begin[0] == GUARD_BYTE && memcmp(begin, begin + 1, guard - 1) == 0 &&
                          memcmp(begin, end, guard) == 0);
}
