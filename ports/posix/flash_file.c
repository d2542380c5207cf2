/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dfu/err.h"

__attribute__((format(printf, 4, 5))) static int refuse(char *why, size_t cap, int err,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, cap, format, args);
    va_end(args);
    return err;
}

/* A new file as a factory delivers flash: every byte erased, and written rather than left sparse,
 * because a full disk would otherwise show as a bus error much later. */
static int create_erased(int fd, const struct dfu_board *board)
{
    uint8_t page[4096];
    size_t off = 0;

    for (uint32_t i = 0; i < board->flash_count; i++) {
        size_t end = off + board->flashes[i].size;

        memset(page, board->flashes[i].erased, sizeof page);
        while (off < end) {
            size_t n = end - off < sizeof page ? end - off : sizeof page;
            ssize_t written = pwrite(fd, page, n, (off_t)off);

            if (written <= 0) {
                return -1;
            }
            off += (size_t)written;
        }
    }
    return 0;
}

/* An empty file is a new one. One whose creation was interrupted is too short to be taken for a
 * device. */
static int prepare(int fd, const char *path, const struct dfu_board *board, char *why, size_t cap)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return refuse(why, cap, DFU_ERR_IO, "flash file %s: not a regular file; name another",
                      path);
    }
    if (st.st_size == 0 && create_erased(fd, board) != 0) {
        int err = errno == ENOSPC || errno == EDQUOT ? DFU_ERR_NOSPACE : DFU_ERR_IO;

        (void)refuse(why, cap, err, "flash file %s: cannot be created: %s; free some space", path,
                     strerror(errno));
        (void)!ftruncate(fd, 0);
        return err;
    }
    if (st.st_size != 0 && (size_t)st.st_size != dfu_board_size(board)) {
        return refuse(why, cap, DFU_ERR_FORMAT,
                      "flash file %s: has %lld bytes, but the flash of board %s has %zu; name "
                      "another file or board",
                      path, (long long)st.st_size, board->name, dfu_board_size(board));
    }
    return DFU_OK;
}

static int open_locked(const char *path, const struct dfu_board *board, bool *is_new, char *why,
                       size_t cap)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int err;

    *is_new = fd < 0 && errno == ENOENT;
    if (*is_new) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    }
    if (fd < 0) {
        return refuse(why, cap, DFU_ERR_IO, "flash file %s: %s; name a file that can be written",
                      path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return refuse(why, cap, DFU_ERR_BUSY,
                      "flash file %s: already in use by another process; stop that one first",
                      path);
    }
    err = prepare(fd, path, board, why, cap);
    if (err) {
        if (*is_new) {
            (void)unlink(path); /* what could not be created is not left behind */
        }
        (void)close(fd);
        return err;
    }
    return fd;
}

/* One simulated device a flash of the board, each with its share of the mapping. */
static int set_up_devices(struct dfu_flash_file *file, struct dfu_board *board)
{
    struct dfu_board_memory memory = { .mem = file->mem };
    size_t sectors = 0;

    for (uint32_t i = 0; i < board->flash_count; i++) {
        sectors += dfu_board_flash_sectors(&board->flashes[i]);
    }
    if (file->size == 0 || sectors == 0) {
        return DFU_ERR_INVAL; /* a board that was not loaded */
    }
    file->programmed = memory.programmed = calloc(file->size, 1); /* one bit a unit is never more */
    file->wear = memory.wear = calloc(sectors, sizeof *file->wear);
    if (!file->programmed || !file->wear) {
        return DFU_ERR_NOSPACE;
    }
    for (uint8_t i = 0; i < board->flash_count; i++) {
        dfu_board_simulate(board, i, &memory, &file->flash[i]);
        dfu_sim_flash_adopt(&file->flash[i]);
    }
    file->flash_count = board->flash_count;
    return DFU_OK;
}

int dfu_flash_file_open(struct dfu_flash_file *file, const char *path, struct dfu_board *board,
                        char *why, size_t cap)
{
    bool is_new;
    int fd = open_locked(path, board, &is_new, why, cap);
    void *mem;

    *file = (struct dfu_flash_file){ .fd = -1, .is_new = is_new };
    if (fd < 0) {
        return fd;
    }
    mem = mmap(NULL, dfu_board_size(board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mem == MAP_FAILED) {
        (void)refuse(why, cap, DFU_ERR_IO,
                     "flash file %s: cannot be mapped: %s; copy it to a "
                     "local disk",
                     path, strerror(errno));
        (void)close(fd);
        return DFU_ERR_IO;
    }
    file->fd = fd;
    file->mem = mem;
    file->size = dfu_board_size(board);
    if (set_up_devices(file, board)) {
        dfu_flash_file_close(file);
        return refuse(why, cap, DFU_ERR_NOSPACE, "flash file %s: out of memory; close programs",
                      path);
    }
    return DFU_OK;
}

void dfu_flash_file_close(struct dfu_flash_file *file)
{
    if (file->mem) {
        (void)munmap(file->mem, file->size);
    }
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    free(file->programmed);
    free(file->wear);
    *file = (struct dfu_flash_file){ .fd = -1 };
}
