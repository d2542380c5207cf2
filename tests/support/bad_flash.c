/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "bad_flash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "image/magic.h"

/* One at a time: cmocka runs tests one after the other. */
static struct {
    const struct dfu_flash_ops *real;
    uint64_t read;
} counted;

static int count_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    counted.read += len;
    return counted.real->read(ctx, off, buf, len);
}

static void read_by(struct device *d, const struct dfu_flash_ops *ops)
{
    for (enum world_place place = WORLD_PRI; place <= WORLD_SCR; place++) {
        if (d->world.area[place].ops) {
            d->world.area[place].ops = ops;
        }
    }
}

unsigned start_within_bounds(struct device *d)
{
    struct dfu_flash_ops ops = *d->world.area[WORLD_PRI].ops;
    unsigned runs;

    counted.real = d->world.area[WORLD_PRI].ops;
    counted.read = 0;
    ops.read = count_read;
    read_by(d, &ops);
    runs = start(d);
    read_by(d, counted.real);
    assert_true(counted.read < (uint64_t)8 * d->world.sim.size);
    assert_true(d->last.ops < d->world.sim.size / 64);
    assert_true(d->last.err == DFU_OK || d->last.err == DFU_ERR_VERIFY);
    return runs;
}

void assert_said(struct device *d, const char *line)
{
    if (!strstr(lines_of(d), line)) {
        fail_msg("not said: %s", line);
    }
}

const struct lie lies[LIE_COUNT] = {
    { 8, "ffff", DFU_IMAGE_TRUNCATED },          /* the header's own size */
    { 8, "0000", DFU_IMAGE_BAD_HEADER },         /* ... smaller than a header */
    { 10, "ffff", DFU_IMAGE_BAD_PROT_SIZE },     /* the protected TLVs */
    { 12, "ffffffff", DFU_IMAGE_SIZE_OVERFLOW }, /* the body; sums that wrap around */
    { 12, "00000000", DFU_IMAGE_BAD_TLV_MAGIC }, /* TLVs where none are */
    { 12, "00300000", DFU_IMAGE_BAD_TLV_MAGIC }, /* ... in erased flash */
    { -38, "ffff", DFU_IMAGE_TRUNCATED },        /* their area */
    { -34, "ffff", DFU_IMAGE_BAD_TLV_BOUNDS },   /* one of them */
};

void put_lie(struct device *d, enum world_place place, uint32_t off, uint32_t size,
             const struct lie *lie)
{
    uint32_t from = lie->off < 0 ? off + size : off;

    put_bytes(d, place, from + (uint32_t)lie->off, lie->hex);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

void put_noise(struct device *d, enum world_place place, uint32_t off, uint32_t len,
               uint32_t *state)
{
    uint8_t *at = boot_world_bytes(&d->world, place) + off;

    for (uint32_t i = 0; i < len; i++) {
        at[i] = (uint8_t)next_random(state);
    }
    dfu_sim_flash_adopt(&d->world.sim);
}

void put_noise_in_trailer(struct device *d, enum world_place place, uint32_t *state)
{
    put_noise(d, place, d->world.area[place].size - 0x80, 0x70, state);
}

void put_magic(struct device *d, enum world_place place)
{
    uint32_t off = d->world.area[place].size - TRAILER_MAGIC_SIZE;
    uint8_t magic[TRAILER_MAGIC_SIZE];

    trailer_magic(d->world.map.max_align, magic);
    wipe(d, place, off, sizeof magic);
    boot_world_load(&d->world, place, off, magic, sizeof magic);
}
