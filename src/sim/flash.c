/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Simulated NOR flash.
 *
 * Always holds: a unit whose programmed bit is clear reads erased, so that writing to such units
 * is a plain copy. The power campaign lives on this file being fast: whole spans, never bytes. */
#include "dfu/sim_flash.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "sim/tear.h"

/* nRF52840 Product Specification v1.8, 4.3.9 NVMC electrical specification: t_ERASEPAGE 85 ms,
 * t_WRITE 41 us a word, 10 000 cycles. Read: 2 wait states at 64 MHz, so 3 cycles a word. */
const struct dfu_sim_timing dfu_sim_nrf52840 = {
    .name = "nrf52840",
    .erase_sector_us = 85000,
    .sector_size = 4096,
    .program_us = 41,
    .program_size = 4,
    .read_byte_ns = 12,
    .endurance = 10000,
};

/* Winbond W25Q128JV data sheet, 9.6 AC electrical characteristics: t_SE 45 ms and t_PP 0.4 ms
 * typical; 100 000 cycles (features). Read: one data line at 32 MHz. */
const struct dfu_sim_timing dfu_sim_w25q = {
    .name = "w25q",
    .erase_sector_us = 45000,
    .sector_size = 4096,
    .program_us = 400,
    .program_size = 256,
    .read_byte_ns = 250,
    .endurance = 100000,
};

/* ---- One bit per write unit ---- */

struct unit_span {
    uint32_t first, count;
};

static struct unit_span units_of(const struct dfu_sim_flash *flash, uint32_t off, size_t len)
{
    uint32_t first = off / flash->write_size;
    uint32_t end = (uint32_t)((off + len + flash->write_size - 1) / flash->write_size);

    return (struct unit_span){ first, end - first };
}

/* The next piece of units [at, end): some bits of one bitmap byte, or whole bytes (mask 0xff). */
struct bit_piece {
    size_t byte, bytes;
    uint32_t units;
    uint8_t mask;
};

static struct bit_piece next_piece(uint32_t at, uint32_t end)
{
    uint32_t shift = at % 8;
    uint32_t units = min_u32(8 - shift, end - at);

    if (units == 8) {
        uint32_t bytes = (end - at) / 8;

        return (struct bit_piece){ at / 8, bytes, bytes * 8, 0xff };
    }
    return (struct bit_piece){ at / 8, 1, units, (uint8_t)(((1u << units) - 1) << shift) };
}

static bool is_any_programmed(const struct dfu_sim_flash *flash, struct unit_span span)
{
    struct bit_piece piece;
    uint8_t any = 0;

    for (uint32_t at = span.first; at < span.first + span.count; at += piece.units) {
        piece = next_piece(at, span.first + span.count);
        for (size_t i = 0; i < piece.bytes; i++) {
            any |= flash->programmed[piece.byte + i] & piece.mask;
        }
    }
    return any != 0;
}

static void set_programmed(struct dfu_sim_flash *flash, struct unit_span span, bool is_programmed)
{
    struct bit_piece piece;

    for (uint32_t at = span.first; at < span.first + span.count; at += piece.units) {
        uint8_t *bits;

        piece = next_piece(at, span.first + span.count);
        bits = &flash->programmed[piece.byte];
        if (piece.mask == 0xff) {
            memset(bits, is_programmed ? 0xff : 0, piece.bytes);
        } else {
            *bits = (uint8_t)(is_programmed ? *bits | piece.mask : *bits & ~piece.mask);
        }
    }
}

static bool reads_erased(const struct dfu_sim_flash *flash, uint32_t off, uint32_t len)
{
    const uint8_t *p = flash->mem + off;

    return len == 0 || (p[0] == flash->erased && memcmp(p, p + 1, len - 1) == 0);
}

/* Forget that units were programmed where they read erased, and only there. */
static void refresh_programmed(struct dfu_sim_flash *flash, uint32_t off, uint32_t len)
{
    if (!flash->programmed) {
        return;
    }
    for (uint32_t at = off; at - off < len; at += flash->write_size) {
        struct unit_span unit = { at / flash->write_size, 1 };

        set_programmed(flash, unit, !reads_erased(flash, at, flash->write_size));
    }
}

/* ---- Sectors ---- */

static bool find_sector(const struct dfu_sim_flash *flash, uint32_t off, uint32_t *index,
                        struct dfu_sector *out)
{
    uint32_t start = 0;

    *index = 0;
    for (uint32_t i = 0; i < flash->run_count; i++) {
        uint32_t size = flash->runs[i].size;
        uint32_t count = flash->runs[i].count;

        if (off - start < size * count) {
            uint32_t n = (off - start) / size;

            *index += n;
            *out = (struct dfu_sector){ start + n * size, size };
            return true;
        }
        *index += count;
        start += size * count;
    }
    return false;
}

static uint32_t sector_count(const struct dfu_sim_flash *flash)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < flash->run_count; i++) {
        count += flash->runs[i].count;
    }
    return count;
}

/* ---- Time ---- */

static void spend_erase(struct dfu_sim_flash *flash, uint32_t len)
{
    const struct dfu_sim_timing *t = flash->timing;

    if (t) {
        uint32_t sectors = (len + t->sector_size - 1) / t->sector_size;

        flash->elapsed_us += (uint64_t)sectors * t->erase_sector_us;
    }
}

static void spend_program(struct dfu_sim_flash *flash, uint32_t off, size_t len)
{
    const struct dfu_sim_timing *t = flash->timing;

    if (t) {
        uint32_t last = (uint32_t)(off + len - 1) / t->program_size;

        flash->elapsed_us += (uint64_t)(last - off / t->program_size + 1) * t->program_us;
    }
}

static void spend_read(struct dfu_sim_flash *flash, size_t len)
{
    if (flash->timing) {
        uint64_t ns = flash->elapsed_rest_ns + (uint64_t)len * flash->timing->read_byte_ns;

        flash->elapsed_us += ns / 1000;
        flash->elapsed_rest_ns = (uint32_t)(ns % 1000);
    }
}

/* ---- The driver ---- */

/* Whether power fails at the operation that begins now, and where. */
static enum dfu_sim_cut_when begin_op(struct dfu_sim_flash *flash, enum dfu_sim_op_kind kind,
                                      uint32_t off, size_t len)
{
    flash->ops++;
    flash->last = (struct dfu_sim_op){ flash->ops, kind, off, (uint32_t)len, NULL };
    if (flash->cut_when == DFU_SIM_NO_CUT || flash->ops != flash->cut_op) {
        return DFU_SIM_NO_CUT;
    }
    flash->is_off = true;
    return flash->cut_when;
}

static void end_op(struct dfu_sim_flash *flash, const uint8_t *data)
{
    if (flash->on_op) {
        struct dfu_sim_op op = flash->last;

        op.data = data;
        flash->on_op(flash->on_op_ctx, &op);
    }
}

static int sim_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    struct dfu_sim_flash *flash = ctx;

    if (flash->is_off) {
        return DFU_ERR_POWER;
    }
    if (!span_fits(off, len, flash->size)) {
        return DFU_ERR_RANGE;
    }
    memcpy(buf, flash->mem + off, len);
    flash->bytes_read += len;
    spend_read(flash, len);
    return DFU_OK;
}

/* Programs can only move bits away from the erased state. */
static void program(struct dfu_sim_flash *flash, uint32_t off, const uint8_t *data, size_t len)
{
    uint8_t *mem = flash->mem + off;

    if (flash->erased == 0xff) {
        for (size_t i = 0; i < len; i++) {
            mem[i] &= data[i];
        }
    } else {
        for (size_t i = 0; i < len; i++) {
            mem[i] |= data[i];
        }
    }
}

/* Without a bitmap a second program shows only where a bit would have to come back. */
static bool would_bring_bits_back(const struct dfu_sim_flash *flash, uint32_t off,
                                  const uint8_t *data, size_t len)
{
    const uint8_t *mem = flash->mem + off;
    uint8_t back = 0;

    for (size_t i = 0; i < len; i++) {
        back |= (uint8_t)(flash->erased == 0xff ? data[i] & ~mem[i] : mem[i] & ~data[i]);
    }
    return back != 0;
}

static bool is_second_program(const struct dfu_sim_flash *flash, uint32_t off, const uint8_t *data,
                              size_t len)
{
    return flash->programmed ? is_any_programmed(flash, units_of(flash, off, len))
                             : would_bring_bits_back(flash, off, data, len);
}

static void tear_write(struct dfu_sim_flash *flash, uint32_t off, const uint8_t *data, size_t len)
{
    size_t reached = dfu_tear_program(flash->seed ^ flash->ops, flash->mem + off, data, len,
                                      flash->write_size, flash->erased);

    if (flash->programmed) {
        set_programmed(flash, units_of(flash, off, reached), true);
    }
}

static int sim_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    struct dfu_sim_flash *flash = ctx;
    enum dfu_sim_cut_when cut;
    bool is_second;

    if (flash->is_off) {
        return DFU_ERR_POWER;
    }
    if (!span_fits(off, len, flash->size)) {
        return DFU_ERR_RANGE;
    }
    if ((off | len) % flash->write_size != 0) {
        return DFU_ERR_ALIGN;
    }
    is_second = is_second_program(flash, off, buf, len);
    if (is_second) {
        flash->double_programs++;
        if (!flash->allow_reprogram) {
            return DFU_ERR_IO;
        }
    }
    cut = begin_op(flash, DFU_SIM_WRITE, off, len);
    if (cut == DFU_SIM_CUT_BEFORE) {
        return DFU_ERR_POWER;
    }
    if (cut == DFU_SIM_CUT_INSIDE) {
        tear_write(flash, off, buf, len);
        return DFU_ERR_POWER;
    }
    if (flash->programmed && !is_second) {
        memcpy(flash->mem + off, buf, len);
    } else {
        program(flash, off, buf, len);
    }
    if (flash->programmed) {
        set_programmed(flash, units_of(flash, off, len), true);
    }
    flash->writes++;
    flash->bytes_written += len;
    spend_program(flash, off, len);
    end_op(flash, buf);
    return cut == DFU_SIM_CUT_AFTER ? DFU_ERR_POWER : DFU_OK;
}

static int erase_sector(struct dfu_sim_flash *flash, struct dfu_sector sector, uint32_t index)
{
    enum dfu_sim_cut_when cut = begin_op(flash, DFU_SIM_ERASE, sector.off, sector.size);

    if (cut == DFU_SIM_CUT_BEFORE) {
        return DFU_ERR_POWER;
    }
    if (flash->wear) {
        flash->wear[index]++;
    }
    if (cut == DFU_SIM_CUT_INSIDE) {
        dfu_tear_erase(flash->seed ^ flash->ops, flash->mem + sector.off, sector.size,
                       flash->erased);
        refresh_programmed(flash, sector.off, sector.size);
        return DFU_ERR_POWER;
    }
    memset(flash->mem + sector.off, flash->erased, sector.size);
    if (flash->programmed) {
        set_programmed(flash, units_of(flash, sector.off, sector.size), false);
    }
    flash->erases++;
    spend_erase(flash, sector.size);
    end_op(flash, NULL);
    return cut == DFU_SIM_CUT_AFTER ? DFU_ERR_POWER : DFU_OK;
}

/* Areas erase by sector; a longer span is that many operations. */
static int sim_erase(void *ctx, uint32_t off, size_t len)
{
    struct dfu_sim_flash *flash = ctx;
    struct dfu_sector sector;
    uint32_t index;

    if (flash->is_off) {
        return DFU_ERR_POWER;
    }
    if (!span_fits(off, len, flash->size)) {
        return DFU_ERR_RANGE;
    }
    for (uint32_t at = off; at - off < len; at += sector.size) {
        int err;

        if (!find_sector(flash, at, &index, &sector) || sector.off != at ||
            sector.size > len - (at - off)) {
            return DFU_ERR_ALIGN;
        }
        err = erase_sector(flash, sector, index);
        if (err) {
            return err;
        }
    }
    return DFU_OK;
}

/* ---- Set-up and measuring ---- */

static void reset_counters(struct dfu_sim_flash *flash)
{
    flash->elapsed_us = 0;
    flash->elapsed_rest_ns = 0;
    flash->bytes_written = 0;
    flash->bytes_read = 0;
    flash->erases = 0;
    flash->writes = 0;
    flash->double_programs = 0;
}

void dfu_sim_flash_format(struct dfu_sim_flash *flash)
{
    memset(flash->mem, flash->erased, flash->size);
    if (flash->programmed) {
        memset(flash->programmed, 0, (flash->size / flash->write_size + 7) / 8);
    }
    if (flash->wear) {
        memset(flash->wear, 0, sector_count(flash) * sizeof flash->wear[0]);
    }
    reset_counters(flash);
    dfu_sim_flash_power_on(flash);
}

void dfu_sim_flash_adopt(struct dfu_sim_flash *flash)
{
    refresh_programmed(flash, 0, flash->size);
    reset_counters(flash);
    dfu_sim_flash_power_on(flash);
}

void dfu_sim_flash_power_on(struct dfu_sim_flash *flash)
{
    flash->ops = 0;
    flash->cut_when = DFU_SIM_NO_CUT;
    flash->cut_op = 0;
    flash->is_off = false;
}

void dfu_sim_flash_cut(struct dfu_sim_flash *flash, enum dfu_sim_cut_when when, uint32_t op,
                       uint64_t seed)
{
    flash->cut_when = when;
    flash->cut_op = op;
    flash->seed = seed;
}

int dfu_sim_flash_load(struct dfu_sim_flash *flash, uint32_t off, const void *data, size_t len)
{
    if (!span_fits(off, len, flash->size)) {
        return DFU_ERR_RANGE;
    }
    memcpy(flash->mem + off, data, len);
    if (flash->programmed) {
        set_programmed(flash, units_of(flash, off, len), true);
    }
    return DFU_OK;
}

struct dfu_area dfu_sim_flash_area(struct dfu_sim_flash *flash, const char *label, uint32_t base,
                                   uint32_t size, const struct dfu_sector_run *runs,
                                   uint8_t run_count)
{
    static const struct dfu_flash_ops ops = { sim_read, sim_write, sim_erase };

    return (struct dfu_area){
        .ops = &ops,
        .ctx = flash,
        .label = label,
        .base = base,
        .size = size,
        .runs = runs,
        .run_count = run_count,
        .write_size = flash->write_size,
        .erased = flash->erased,
    };
}

uint32_t dfu_sim_flash_most_worn(const struct dfu_sim_flash *flash, uint32_t *erases)
{
    uint32_t most = 0;

    *erases = 0;
    for (uint32_t i = 0; flash->wear && i < sector_count(flash); i++) {
        if (flash->wear[i] > *erases) {
            most = i;
            *erases = flash->wear[i];
        }
    }
    return most;
}
