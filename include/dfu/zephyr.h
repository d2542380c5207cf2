/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* zephyr.h - Zephyr's own spellings of the application side, for code written against its
 * dfu/flash_img.h, dfu/mcuboot.h and storage/flash_map.h: thin wrappers over update.h, with
 * negative errno values as Zephyr returns them.
 *
 * The application defines one function, dfu_zephyr_env(), and a number for each partition:
 * #define DFU_PART_ID_slot1_partition 2. Nothing here keeps state. Where Zephyr leaks positive
 * loader codes (boot_write_img_confirmed), this is negative too. */
#ifndef DFU_ZEPHYR_H
#define DFU_ZEPHYR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "dfu/err.h"
#include "dfu/update.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What the application provides ---- */

struct flash_area {
    uint8_t fa_id;
    off_t fa_off;
    size_t fa_size;
    const struct dfu_area *fa_dev; /* the area behind it, one of the slot map's where it is one */
};

struct dfu_zephyr_env {
    const struct dfu_slot_map *map;
    const struct flash_area *areas;
    size_t area_count;
    uint8_t active_id;                 /* the area that this application runs from */
    bool erase_progressively;          /* CONFIG_IMG_ERASE_PROGRESSIVELY */
    const struct dfu_hash_alg *sha256; /* for flash_img_check; may be NULL */
};

/* The application's own. */
const struct dfu_zephyr_env *dfu_zephyr_env(void);

#define FIXED_PARTITION_ID(label) DFU_PART_ID_##label
#define PARTITION_ID(label)       DFU_PART_ID_##label

static inline int dfu_zephyr_errno(int err)
{
    switch (err) {
    case DFU_ERR_INVAL:
    case DFU_ERR_RANGE:
    case DFU_ERR_ALIGN: return -EINVAL;
    case DFU_ERR_NOSPACE: return -ENOMEM;
    case DFU_ERR_VERIFY: return -EILSEQ;
    case DFU_ERR_NOENT: return -ENOENT;
    case DFU_ERR_NOTSUP: return -ENOTSUP;
    case DFU_ERR_BUSY: return -EBUSY;
    case DFU_ERR_PERM: return -EPERM;
    default: return err < 0 ? -EIO : err;
    }
}

/* ---- storage/flash_map.h ---- */

struct flash_sector {
    off_t fs_off; /* from the area start */
    size_t fs_size;
};

static inline int flash_area_open(uint8_t id, const struct flash_area **fa)
{
    const struct dfu_zephyr_env *env = dfu_zephyr_env();

    if (!env->areas) {
        return -EACCES;
    }
    for (size_t i = 0; i < env->area_count; i++) {
        if (env->areas[i].fa_id == id) {
            if (!env->areas[i].fa_dev) {
                return -ENODEV;
            }
            *fa = &env->areas[i];
            return 0;
        }
    }
    return -ENOENT;
}

static inline void flash_area_close(const struct flash_area *fa)
{
    (void)fa;
}

static inline bool flash_area_device_is_ready(const struct flash_area *fa)
{
    return fa && fa->fa_dev;
}

static inline int flash_area_read(const struct flash_area *fa, off_t off, void *dst, size_t len)
{
    if (off < 0 || (uint64_t)off > UINT32_MAX) {
        return -EINVAL;
    }
    return dfu_zephyr_errno(dfu_area_read(fa->fa_dev, (uint32_t)off, dst, len));
}

static inline int flash_area_write(const struct flash_area *fa, off_t off, const void *src,
                                   size_t len)
{
    if (off < 0 || (uint64_t)off > UINT32_MAX) {
        return -EINVAL;
    }
    return dfu_zephyr_errno(dfu_area_write(fa->fa_dev, (uint32_t)off, src, len));
}

static inline int flash_area_erase(const struct flash_area *fa, off_t off, size_t len)
{
    if (off < 0 || (uint64_t)off > UINT32_MAX || len > UINT32_MAX) {
        return -EINVAL;
    }
    return dfu_zephyr_errno(dfu_area_erase(fa->fa_dev, (uint32_t)off, (uint32_t)len));
}

static inline int flash_area_flatten(const struct flash_area *fa, off_t off, size_t len)
{
    return flash_area_erase(fa, off, len);
}

static inline uint32_t flash_area_align(const struct flash_area *fa)
{
    return fa->fa_dev->write_size;
}

static inline uint8_t flash_area_erased_val(const struct flash_area *fa)
{
    return fa->fa_dev->erased;
}

static inline const char *flash_area_label(const struct flash_area *fa)
{
    return fa->fa_dev->label;
}

/* count: in capacity, out number. More sectors than that: -ENOMEM, the array is full and count
 * unchanged; asking for one is the way to learn the first sector's size. */
static inline int flash_area_sectors(const struct flash_area *fa, uint32_t *count,
                                     struct flash_sector *sectors)
{
    uint32_t total;

    if (!fa) {
        return -EINVAL;
    }
    if (!fa->fa_dev) {
        return -ENODEV;
    }
    total = dfu_area_sector_count(fa->fa_dev);
    for (uint32_t i = 0; i < total && i < *count; i++) {
        struct dfu_sector sector;
        int err = dfu_area_sector(fa->fa_dev, i, &sector);

        if (err) {
            return dfu_zephyr_errno(err);
        }
        sectors[i].fs_off = (off_t)sector.off;
        sectors[i].fs_size = sector.size;
    }
    if (total > *count) {
        return -ENOMEM;
    }
    *count = total;
    return 0;
}

static inline int flash_area_get_sectors(int id, uint32_t *count, struct flash_sector *sectors)
{
    const struct flash_area *fa;
    int rc = flash_area_open((uint8_t)id, &fa);

    return rc ? rc : flash_area_sectors(fa, count, sectors);
}

struct flash_area_check {
    const uint8_t *match; /* 32 bytes */
    size_t clen;
    off_t off;
    uint8_t *rbuf;
    size_t rblen;
};

static inline int flash_area_check_int_sha256(const struct flash_area *fa,
                                              const struct flash_area_check *fac)
{
    if (!fa || !fac || fac->off < 0 || (uint64_t)fac->off > UINT32_MAX || fac->clen > UINT32_MAX) {
        return -EINVAL;
    }
    if (!dfu_zephyr_env()->sha256) {
        return -ESRCH;
    }
    return dfu_zephyr_errno(dfu_area_check_hash(fa->fa_dev, (uint32_t)fac->off, (uint32_t)fac->clen,
                                                dfu_zephyr_env()->sha256, fac->match, fac->rbuf,
                                                fac->rblen));
}

/* ---- dfu/mcuboot.h ---- */

#define BOOT_SWAP_TYPE_NONE     1
#define BOOT_SWAP_TYPE_TEST     2
#define BOOT_SWAP_TYPE_PERM     3
#define BOOT_SWAP_TYPE_REVERT   4
#define BOOT_SWAP_TYPE_FAIL     5
#define BOOT_UPGRADE_TEST       0
#define BOOT_UPGRADE_PERMANENT  1
#define BOOT_IMG_VER_STRLEN_MAX 25
#define BOOT_INVALID_SLOT_ID    255

struct mcuboot_img_sem_ver {
    uint8_t major;
    uint8_t minor;
    uint16_t revision;
    uint32_t build_num;
};

struct mcuboot_img_header_v1 {
    uint32_t image_size; /* without header and TLVs */
    struct mcuboot_img_sem_ver sem_ver;
};

struct mcuboot_img_header {
    uint32_t mcuboot_version; /* 1 */
    union {
        struct mcuboot_img_header_v1 v1;
    } h;
};

static inline ssize_t boot_get_image_start_offset(uint8_t area_id)
{
    const struct flash_area *fa;
    int rc = flash_area_open(area_id, &fa);

    return rc ? rc : (ssize_t)dfu_boot_get_image_start_offset(dfu_zephyr_env()->map, fa->fa_dev);
}

static inline int boot_read_bank_header(uint8_t area_id, struct mcuboot_img_header *header,
                                        size_t header_size)
{
    const struct flash_area *fa;
    struct dfu_mcuboot_img_header found;
    int rc = flash_area_open(area_id, &fa);

    if (rc) {
        return rc;
    }
    if (header_size < sizeof *header) {
        return -ENOMEM;
    }
    rc = dfu_boot_read_bank_header(
        fa->fa_dev, dfu_boot_get_image_start_offset(dfu_zephyr_env()->map, fa->fa_dev), &found);
    if (rc) {
        return dfu_zephyr_errno(rc);
    }
    header->mcuboot_version = 1;
    header->h.v1.image_size = found.image_size;
    header->h.v1.sem_ver.major = found.version.major;
    header->h.v1.sem_ver.minor = found.version.minor;
    header->h.v1.sem_ver.revision = found.version.revision;
    header->h.v1.sem_ver.build_num = found.version.build;
    return 0;
}

static inline uint8_t boot_fetch_active_slot(void)
{
    return dfu_zephyr_env()->active_id;
}

/* Of the slot that runs, as below. */
static inline bool boot_is_img_confirmed(void)
{
    const struct flash_area *fa;

    return flash_area_open(boot_fetch_active_slot(), &fa) == 0 &&
           dfu_boot_is_slot_confirmed(dfu_zephyr_env()->map, fa->fa_dev);
}

static inline int boot_write_img_confirmed_multi(int image)
{
    return dfu_zephyr_errno(dfu_boot_write_img_confirmed(dfu_zephyr_env()->map, (uint8_t)image));
}

/* Of the slot that runs, which is not the primary in every mode. */
static inline int boot_write_img_confirmed(void)
{
    const struct flash_area *fa;

    if (flash_area_open(boot_fetch_active_slot(), &fa) != 0) {
        return -EIO;
    }
    return dfu_zephyr_errno(dfu_boot_set_next(dfu_zephyr_env()->map, fa->fa_dev, true, true));
}

static inline int mcuboot_swap_type_multi(int image)
{
    return dfu_zephyr_errno(dfu_mcuboot_swap_type(dfu_zephyr_env()->map, (uint8_t)image));
}

static inline int mcuboot_swap_type(void)
{
    return mcuboot_swap_type_multi(0);
}

static inline int boot_request_upgrade_multi(int image, int permanent)
{
    int err = dfu_boot_request_upgrade(dfu_zephyr_env()->map, (uint8_t)image, permanent != 0);

    return err ? -EFAULT : 0;
}

static inline int boot_request_upgrade(int permanent)
{
    return boot_request_upgrade_multi(0, permanent);
}

static inline int boot_erase_img_bank(uint8_t area_id)
{
    const struct flash_area *fa;
    int rc = flash_area_open(area_id, &fa);

    return rc ? rc : dfu_zephyr_errno(dfu_boot_erase_img_bank(fa->fa_dev));
}

/* Where copy_done lies: the name is Zephyr's. */
static inline ssize_t boot_get_trailer_status_offset(size_t area_size)
{
    return (ssize_t)area_size - (ssize_t)DFU_TRAILER_MAGIC_SIZE -
           2 * (ssize_t)dfu_zephyr_env()->map->max_align;
}

static inline ssize_t boot_get_area_trailer_status_offset(uint8_t area_id)
{
    const struct flash_area *fa;
    int rc = flash_area_open(area_id, &fa);
    ssize_t off;

    if (rc) {
        return rc;
    }
    off = boot_get_trailer_status_offset(fa->fa_size);
    return off < 0 ? -EFAULT : off;
}

/* ---- dfu/flash_img.h ---- */

struct flash_img_context {
    struct dfu_flash_img img;
    const struct flash_area *flash_area; /* NULL once flushed */
    uint8_t buf[DFU_IMG_BLOCK_BUF_SIZE];
};

struct flash_img_check {
    const uint8_t *match; /* 32 bytes */
    size_t clen;
};

/* Slot 1 where there is one, else slot 0; in RAM-load modes the one that does not run. */
static inline uint8_t flash_img_get_upload_slot(void)
{
    const struct dfu_zephyr_env *env = dfu_zephyr_env();
    const struct dfu_slot_pair *pair = &env->map->images[0];
    const struct dfu_area *target = pair->secondary ? pair->secondary : pair->primary;

    for (size_t i = 0; i < env->area_count; i++) {
        const struct flash_area *fa = &env->areas[i];

        if (env->map->mode == DFU_MODE_RAM_LOAD || env->map->mode == DFU_MODE_RAM_LOAD_REVERT
                ? fa->fa_id != env->active_id &&
                      (fa->fa_dev == pair->primary || fa->fa_dev == pair->secondary)
                : fa->fa_dev == target) {
            return fa->fa_id;
        }
    }
    return BOOT_INVALID_SLOT_ID;
}

static inline int flash_img_init_id(struct flash_img_context *ctx, uint8_t area_id)
{
    const struct dfu_zephyr_env *env = dfu_zephyr_env();
    const struct dfu_flash_img_config config = { ctx->buf, sizeof ctx->buf,
                                                 env->erase_progressively, false };
    const struct flash_area *fa;
    int rc = flash_area_open(area_id, &fa);

    if (rc) {
        return rc;
    }
    rc = dfu_flash_img_init(&ctx->img, env->map, fa->fa_dev, 0, &config);
    if (rc) {
        return dfu_zephyr_errno(rc);
    }
    ctx->flash_area = fa;
    return 0;
}

static inline int flash_img_init(struct flash_img_context *ctx)
{
    return flash_img_init_id(ctx, flash_img_get_upload_slot());
}

static inline int flash_img_buffered_write(struct flash_img_context *ctx, const uint8_t *data,
                                           size_t len, bool flush)
{
    int rc = dfu_zephyr_errno(dfu_flash_img_buffered_write(&ctx->img, data, len, flush));

    if (flush) {
        flash_area_close(ctx->flash_area);
        ctx->flash_area = NULL;
    }
    return rc;
}

static inline size_t flash_img_bytes_written(struct flash_img_context *ctx)
{
    return dfu_flash_img_bytes_written(&ctx->img);
}

static inline int flash_img_check(struct flash_img_context *ctx, const struct flash_img_check *fic,
                                  uint8_t area_id)
{
    struct flash_area_check fac;
    const struct flash_area *fa;
    ssize_t off = boot_get_image_start_offset(area_id);

    if (!ctx || !fic) {
        return -EINVAL;
    }
    if (off < 0 || flash_area_open(area_id, &fa) != 0) {
        return (int)off;
    }
    fac.match = fic->match;
    fac.clen = fic->clen;
    fac.off = (off_t)off;
    fac.rbuf = ctx->buf;
    fac.rblen = sizeof ctx->buf;
    ctx->flash_area = NULL;
    return flash_area_check_int_sha256(fa, &fac);
}

#ifdef __cplusplus
}
#endif
#endif
