/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dfu/err.h"

int dfu_directory_open(struct dfu_directory *directory, const char *path)
{
    directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory->fd < 0 ? -1 : 0;
}

void dfu_directory_close(struct dfu_directory *directory)
{
    if (directory->fd >= 0) {
        close(directory->fd);
    }
    directory->fd = -1;
}

static int error_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR: return DFU_ERR_NOENT;
    case EISDIR: return DFU_ERR_NOTSUP;
    case ELOOP:
    case ENAMETOOLONG: return DFU_ERR_INVAL;
    case EACCES:
    case EPERM:
    case EROFS: return DFU_ERR_PERM;
    case ENOSPC: return DFU_ERR_NOSPACE;
    default: return DFU_ERR_IO;
    }
}

/* The next name of a path; *path moves to what follows its slash, or to NULL behind the last. */
static int next_name(const char **path, char name[NAME_MAX + 1])
{
    const char *slash = strchr(*path, '/');
    size_t len = slash ? (size_t)(slash - *path) : strlen(*path);

    if (len == 0 || len > NAME_MAX) {
        return DFU_ERR_INVAL;
    }
    memcpy(name, *path, len);
    name[len] = '\0';
    *path = slash ? slash + 1 : NULL;
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? DFU_ERR_INVAL : DFU_OK;
}

/* Only plain files: a pipe would stop the device, a device file would be something else. */
static int check_kind(int fd)
{
    struct stat stat;

    if (fstat(fd, &stat)) {
        return error_of(errno);
    }
    return S_ISREG(stat.st_mode) ? DFU_OK : S_ISDIR(stat.st_mode) ? DFU_ERR_NOTSUP : DFU_ERR_INVAL;
}

/* A file descriptor, or an error. Folder by folder, so that no step can lead outside. */
static int open_at(const struct dfu_directory *directory, const char *path, int flags)
{
    char name[NAME_MAX + 1];
    int folder = directory->fd, fd = -1, err;

    path += *path == '/' ? 1 : 0;
    err = next_name(&path, name);
    while (!err && path) {
        fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        err = fd < 0 ? error_of(errno) : DFU_OK;
        if (folder != directory->fd) {
            close(folder);
        }
        folder = fd;
        if (!err) {
            err = next_name(&path, name);
        }
    }
    if (!err) {
        fd = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        err = fd < 0 ? error_of(errno) : check_kind(fd);
        if (err && fd >= 0) {
            close(fd);
        }
    }
    if (folder != directory->fd && folder >= 0) {
        close(folder);
    }
    return err ? err : fd;
}

/* ---- Operations: a file is its descriptor ---- */

static int fd_of(void *file)
{
    return (int)(intptr_t)file;
}

static int open_read(void *ctx, const char *path, void **file)
{
    int fd = open_at(ctx, path, O_RDONLY);

    *file = (void *)(intptr_t)fd;
    return fd < 0 ? fd : DFU_OK;
}

static int open_write(void *ctx, const char *path, void **file)
{
    int fd = open_at(ctx, path, O_RDWR | O_CREAT);

    *file = (void *)(intptr_t)fd;
    return fd < 0 ? fd : DFU_OK;
}

static int size_of(void *ctx, void *file, uint32_t *size)
{
    struct stat stat;

    (void)ctx;
    if (fstat(fd_of(file), &stat)) {
        return DFU_ERR_IO;
    }
    if (stat.st_size > UINT32_MAX) {
        return DFU_ERR_NOSPACE;
    }
    *size = (uint32_t)stat.st_size;
    return DFU_OK;
}

static int read_at(void *ctx, void *file, uint32_t off, void *buf, size_t len)
{
    ssize_t got = pread(fd_of(file), buf, len, off);

    (void)ctx;
    return got < 0 ? DFU_ERR_IO : (int)got;
}

static int write_at(void *ctx, void *file, uint32_t off, const void *data, size_t len)
{
    ssize_t done = pwrite(fd_of(file), data, len, off);

    (void)ctx;
    return done == (ssize_t)len ? DFU_OK : DFU_ERR_IO;
}

static int truncate_file(void *ctx, void *file)
{
    (void)ctx;
    return ftruncate(fd_of(file), 0) ? DFU_ERR_IO : DFU_OK;
}

static int close_file(void *ctx, void *file)
{
    (void)ctx;
    return close(fd_of(file)) ? DFU_ERR_IO : DFU_OK;
}

const struct dfu_fs_ops dfu_directory_ops = { open_read, open_write,    size_of,   read_at,
                                              write_at,  truncate_file, close_file };
