/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_fs.h - SMP group 8: send, fetch, measure and hash files of the application's file system.
 *
 * One file is open at a time, for all clients: a request for another file, another direction or
 * from another link closes it. It is also closed when a transfer is complete, by the close
 * command, and after dfu_smp_fs_poll() has seen no request for a while. */
#ifndef DFU_SMP_FS_H
#define DFU_SMP_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"
#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_fs;

enum dfu_smp_fs_id {
    DFU_SMP_FS_FILE = 0, /* read: download, write: upload */
    DFU_SMP_FS_STATUS = 1,
    DFU_SMP_FS_HASH = 2,
    DFU_SMP_FS_HASH_TYPES = 3,
    DFU_SMP_FS_CLOSE = 4,
};

#define DFU_SMP_FS_PATH_MAX 64u

/* A file system. Paths are as the client sent them, with a NUL; whoever maps them to something
 * must keep them from leaving it. Errors (others read as "failed"):
 *   DFU_ERR_NOENT   no such file            DFU_ERR_NOTSUP  it is a directory
 *   DFU_ERR_INVAL   no name of a file       DFU_ERR_PERM    read only
 *   DFU_ERR_RANGE   no such mount point */
struct dfu_fs_ops {
    int (*open_read)(void *ctx, const char *path, void **file);
    int (*open_write)(void *ctx, const char *path, void **file); /* created if it is not there */
    int (*size)(void *ctx, void *file, uint32_t *size);
    int (*read)(void *ctx, void *file, uint32_t off, void *buf,
                size_t len); /* bytes, or an error */
    int (*write)(void *ctx, void *file, uint32_t off, const void *data, size_t len);
    int (*truncate)(void *ctx, void *file); /* to nothing */
    int (*close)(void *ctx, void *file);
};

enum dfu_smp_fs_state { DFU_SMP_FS_IDLE, DFU_SMP_FS_UPLOADS, DFU_SMP_FS_DOWNLOADS };

/* The ctx of the binding: fill in the first part, zero the rest. */
struct dfu_smp_fs {
    const struct dfu_fs_ops *ops;
    void *ctx;
    const struct dfu_hash_alg *sha256; /* NULL: crc32 is the only checksum */
    uint32_t idle_close_ms;            /* 0: DFU_SMP_FS_IDLE_CLOSE_MS */

    enum dfu_smp_fs_state state;
    char path[DFU_SMP_FS_PATH_MAX + 1];
    const struct dfu_smp_link *link;
    void *file;
    uint32_t off, len; /* len UINT32_MAX: an upload that was taken up again */
    bool was_used;
    uint64_t used_ms;
};

#define DFU_SMP_FS_IDLE_CLOSE_MS 2000u

/* Close what is open. */
void dfu_smp_fs_close(struct dfu_smp_fs *fs);

/* Close it if nobody has asked for it for idle_close_ms; and when to call this next, or
 * UINT64_MAX. */
void dfu_smp_fs_poll(struct dfu_smp_fs *fs, uint64_t now_ms);
uint64_t dfu_smp_fs_due_ms(const struct dfu_smp_fs *fs);

enum dfu_smp_fs_access {
    DFU_SMP_FS_ACCESS_READ,
    DFU_SMP_FS_ACCESS_WRITE,
    DFU_SMP_FS_ACCESS_STATUS,
    DFU_SMP_FS_ACCESS_HASH,
};

/* DFU_SMP_EV_FS_ACCESS: before a file is opened, not for each chunk. A hook may rewrite the path
 * in place, up to DFU_SMP_FS_PATH_MAX bytes. */
struct dfu_smp_fs_event {
    enum dfu_smp_fs_access access;
    char *path;
};

#ifdef __cplusplus
}
#endif
#endif
