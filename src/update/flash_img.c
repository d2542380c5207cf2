/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The staged image writer: a stream into a slot that knows what the loader will accept there.
 * Spec: DFU subsystem, sections 5 and 10. */
#include "dfu/update.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

static int find_image(const struct dfu_slot_map *map, const struct dfu_area *area, uint8_t *image)
{
    for (uint8_t i = 0; i < map->image_count && i < DFU_IMAGES_MAX; i++) {
        if (area == map->images[i].primary || area == map->images[i].secondary) {
            *image = i;
            return DFU_OK;
        }
    }
    return DFU_ERR_INVAL;
}

static uint32_t smallest_sector(const struct dfu_area *area)
{
    uint32_t size = area->runs[0].size;

    for (uint32_t i = 1; i < area->run_count; i++) {
        size = min_u32(size, area->runs[i].size);
    }
    return size;
}

/* How much may be written from off on. An image that brings its own trailer (imgtool --pad) fills
 * the slot to its end; it has to say so by its size. */
static int room_for(const struct dfu_slot_map *map, const struct dfu_area *area, uint8_t image,
                    uint32_t off, uint32_t size, uint32_t *room)
{
    uint32_t max = dfu_slot_limit(map, image, area);

    if (max == 0) {
        return DFU_ERR_NOSPACE;
    }
    if (size != area->size - off && size > max) {
        return DFU_ERR_NOSPACE;
    }
    *room = size > 0 ? size : round_down(max, area->write_size);
    return DFU_OK;
}

int dfu_flash_img_init(struct dfu_flash_img *img, const struct dfu_slot_map *map,
                       const struct dfu_area *area, uint32_t size,
                       const struct dfu_flash_img_config *config)
{
    struct dfu_stream_config stream = { .area = area };
    struct dfu_trailer trailer;
    uint8_t image;
    int err;

    if (!img || !map || !area || !config) {
        return DFU_ERR_INVAL;
    }
    err = find_image(map, area, &image);
    if (err) {
        return err;
    }
    err = dfu_slot_trailer(map, area, &trailer);
    if (err) {
        return err;
    }
    stream.off = area == map->images[image].secondary ? dfu_slot_upload_offset(map, image) : 0;
    err = room_for(map, area, image, stream.off, size, &img->room);
    if (err) {
        return err;
    }
    img->area = area;
    img->trailer_off = trailer.status;
    img->is_trailer_clear = false;
    stream.size = round_up(img->room, area->write_size);
    stream.buf = config->buf;
    stream.buf_len = min_u32((uint32_t)config->buf_len, smallest_sector(area));
    stream.erase_ahead = config->erase_progressively;
    stream.leaves_erased = config->leaves_erased;
    return dfu_stream_init(&img->stream, &stream);
}

/* Last sector first, so that the magic goes before anything else does. */
static int erase_trailer(const struct dfu_area *area, uint32_t trailer_off)
{
    uint32_t end = area->size;

    while (end > trailer_off) {
        struct dfu_sector sector;
        int err = dfu_area_sector_at(area, end - 1, &sector);

        if (!err) {
            err = dfu_area_erase(area, sector.off, sector.size);
        }
        if (err) {
            return err;
        }
        end = sector.off;
    }
    return DFU_OK;
}

/* With an offset, the loader takes a header in the sector below the update for one that was stored
 * in the wrong place: it may be what is left of an image that was swapped out. */
static int erase_below(const struct dfu_area *area, uint32_t off)
{
    uint8_t magic[4] = { 0 };
    int err = off > 0 ? dfu_area_read(area, 0, magic, sizeof magic) : DFU_OK;

    return err || get_le32(magic) != DFU_IMAGE_MAGIC ? err : dfu_area_erase(area, 0, off);
}

/* Before the first payload byte: an old request must not make a torn download bootable. Without
 * progressive erase the caller has erased the slot; that is believed only after a look. */
static int clear_trailer(struct dfu_flash_img *img)
{
    uint32_t off = img->trailer_off;
    int err;

    if (img->is_trailer_clear || img->stream.written > 0) {
        return DFU_OK;
    }
    if (img->stream.config.erase_ahead) {
        err = erase_trailer(img->area, off);
        if (!err) {
            err = erase_below(img->area, img->stream.config.off);
        }
    } else {
        int erased = dfu_area_is_erased(img->area, off, img->area->size - off);

        err = erased > 0 ? DFU_OK : (erased < 0 ? erased : DFU_ERR_STATE);
    }
    img->is_trailer_clear = !err;
    return err;
}

int dfu_flash_img_buffered_write(struct dfu_flash_img *img, const void *data, size_t len,
                                 bool flush)
{
    uint32_t taken;
    int err;

    if (!img || !img->area || (!data && len > 0)) {
        return DFU_ERR_INVAL;
    }
    taken = dfu_stream_bytes_written(&img->stream) + dfu_stream_bytes_buffered(&img->stream);
    if (len > img->room - taken) {
        return DFU_ERR_NOSPACE;
    }
    err = clear_trailer(img);
    if (err) {
        return err;
    }
    return dfu_stream_buffered_write(&img->stream, data, len, flush);
}

int dfu_flash_img_skip(struct dfu_flash_img *img, uint32_t len)
{
    if (!img || !img->area) {
        return DFU_ERR_INVAL;
    }
    if (!img->is_trailer_clear && img->stream.written == 0) {
        return DFU_ERR_STATE;
    }
    if (len > img->room - dfu_stream_bytes_written(&img->stream) -
                  dfu_stream_bytes_buffered(&img->stream)) {
        return DFU_ERR_NOSPACE;
    }
    return dfu_stream_skip(&img->stream, len);
}

uint32_t dfu_flash_img_bytes_written(const struct dfu_flash_img *img)
{
    return dfu_stream_bytes_written(&img->stream);
}

/* ---- Hash of what is on flash ---- */

struct piece {
    uint8_t *buf;
    size_t len;
};

static int hash_span(const struct dfu_area *area, uint32_t off, uint32_t len, struct dfu_hash *hash,
                     struct piece piece)
{
    while (len > 0) {
        uint32_t n = piece.len < len ? (uint32_t)piece.len : len;
        int err = dfu_area_read(area, off, piece.buf, n);

        if (!err) {
            err = hash->alg->update(hash, piece.buf, n);
        }
        if (err) {
            return err;
        }
        off += n;
        len -= n;
    }
    return DFU_OK;
}

int dfu_area_check_hash(const struct dfu_area *area, uint32_t off, uint32_t len,
                        const struct dfu_hash_alg *alg, const uint8_t *match, uint8_t *buf,
                        size_t buf_len)
{
    uint8_t digest[DFU_HASH_MAX];
    struct dfu_hash hash;
    int err, finish_err;

    if (!area || !alg || !match || !buf || len == 0 || buf_len == 0) {
        return DFU_ERR_INVAL;
    }
    hash.alg = alg;
    err = alg->start(&hash);
    if (err) {
        return err;
    }
    err = hash_span(area, off, len, &hash, (struct piece){ buf, buf_len });
    finish_err = alg->finish(&hash, digest);
    if (err || finish_err) {
        return err ? err : finish_err;
    }
    return memcmp(digest, match, alg->size) == 0 ? DFU_OK : DFU_ERR_VERIFY;
}

int dfu_flash_img_check(struct dfu_flash_img *img, const struct dfu_hash_alg *alg, uint32_t len,
                        const uint8_t *match)
{
    if (!img || !img->area) {
        return DFU_ERR_INVAL;
    }
    if (dfu_stream_bytes_buffered(&img->stream) > 0) {
        return DFU_ERR_STATE; /* the buffer is needed for reading */
    }
    return dfu_area_check_hash(img->area, img->stream.config.off, len, alg, match,
                               img->stream.config.buf, img->stream.config.buf_len);
}
