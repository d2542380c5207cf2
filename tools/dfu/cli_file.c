/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Files in whole: read with a limit, write so that a crash or a full disk leaves no half file. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* What to do about an errno of a file. */
static const char *advice(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return "; check the path";
    case EISDIR: return "; name a file";
    case EACCES:
    case EPERM:
    case EROFS: return "; choose another place or change its permissions";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "; free some space or choose another place";
    default: return "";
    }
}

static int fail_read(struct cli *cli, const char *path, int error)
{
    return cli_fail(cli, CLI_INPUT, "cannot read %s: %s%s", path, strerror(error), advice(error));
}

/* Room for all of a file and the zero behind it, where its size is known and makes sense. */
static size_t first_room(int fd, size_t limit)
{
    struct stat file;
    bool is_known = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0 &&
                    (uint64_t)file.st_size <= limit;

    return is_known ? (size_t)file.st_size + 2 : 65536;
}

/* Reads on to the end, growing as it goes: pipes have no size, and files may get longer. */
static int read_all(struct cli *cli, const char *path, int fd, size_t limit, uint8_t **data,
                    size_t *len)
{
    size_t cap = 0, used = 0;
    uint8_t *buf = NULL;

    for (;;) {
        ssize_t got;

        if (used + 1 >= cap) {
            size_t more = cap ? cap * 2 : first_room(fd, limit);
            uint8_t *grown = realloc(buf, more);

            if (!grown) {
                free(buf);
                return cli_fail(cli, CLI_INTERNAL, "out of memory reading %s", path);
            }
            buf = grown;
            cap = more;
        }
        got = read(fd, buf + used, cap - used - 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int error = errno;

            free(buf);
            return fail_read(cli, path, error);
        }
        if (got == 0) {
            buf[used] = 0;
            *data = buf;
            *len = used;
            return CLI_DONE;
        }
        used += (size_t)got;
        if (used > limit) {
            free(buf);
            return cli_fail(cli, CLI_USAGE, "%s is larger than the %zu bytes that make sense here",
                            path, limit);
        }
    }
}

int cli_read_file(struct cli *cli, const char *path, size_t limit, uint8_t **data, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int exit_code;

    if (fd < 0) {
        return fail_read(cli, path, errno);
    }
    exit_code = read_all(cli, path, fd, limit, data, len);
    close(fd);
    return exit_code;
}

/* 0 or an errno. */
static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return errno;
        }
        data += put;
        len -= (size_t)put;
    }
    return 0;
}

static mode_t mode_for(enum cli_file_kind kind, const struct stat *old)
{
    mode_t mask = umask(0);

    umask(mask);
    if (kind == CLI_FILE_SECRET) {
        return 0600;
    }
    return old ? old->st_mode & 07777 : 0666 & ~mask;
}

/* All of a file under another name; *temporary is that name, NULL after an error. */
static int write_beside(const char *path, mode_t mode, bool must_last, const uint8_t *data,
                        size_t len, char **temporary)
{
    size_t size = strlen(path) + sizeof(".XXXXXX");
    int fd, err;

    *temporary = malloc(size);
    if (!*temporary) {
        return ENOMEM;
    }
    snprintf(*temporary, size, "%s.XXXXXX", path);
    fd = mkostemp(*temporary, O_CLOEXEC);
    if (fd < 0) {
        err = errno;
        free(*temporary);
        *temporary = NULL;
        return err;
    }
    err = write_all(fd, data, len);
    if (!err && (fchmod(fd, mode) || (must_last && fsync(fd)))) {
        err = errno;
    }
    if (close(fd) && !err) {
        err = errno;
    }
    if (err) {
        unlink(*temporary);
        free(*temporary);
        *temporary = NULL;
    }
    return err;
}

static int write_through(const char *path, const uint8_t *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int err;

    if (fd < 0) {
        return errno;
    }
    err = write_all(fd, data, len);
    if (close(fd) && !err) {
        err = errno;
    }
    return err;
}

static int fail_write(struct cli *cli, const char *path, int err)
{
    return cli_fail(cli, CLI_INPUT, "cannot write %s: %s%s", path, strerror(err), advice(err));
}

/* Whether a file can be made beside path, which is there or not. 0 or an errno. */
static int check_folder(const char *path)
{
    char *copy = strdup(path);
    int err = !copy ? ENOMEM : access(dirname(copy), W_OK | X_OK) ? errno : 0;

    free(copy);
    return err;
}

int cli_check_place(struct cli *cli, const char *path)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    char *target;
    int err;

    if (exists && !S_ISREG(old.st_mode)) {
        err = S_ISDIR(old.st_mode) ? EISDIR : access(path, W_OK) ? errno : 0;
    } else {
        target = exists ? realpath(path, NULL) : strdup(path);
        err = target ? check_folder(target) : errno;
        free(target);
    }
    return err ? fail_write(cli, path, err) : CLI_DONE;
}

int cli_stage_file(struct cli *cli, const char *path, enum cli_file_kind kind, const void *data,
                   size_t len, struct cli_staged *staged)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    int err;

    *staged = (struct cli_staged){ 0 };
    if (exists && !S_ISREG(old.st_mode)) {
        err = S_ISDIR(old.st_mode) ? EISDIR : write_through(path, data, len);
        return err ? fail_write(cli, path, err) : CLI_DONE;
    }
    /* Through a symbolic link to what it names: the link itself stays. */
    staged->target = exists ? realpath(path, NULL) : strdup(path);
    err = staged->target ? write_beside(staged->target, mode_for(kind, exists ? &old : NULL),
                                        kind == CLI_FILE_SECRET, data, len, &staged->temporary)
                         : ENOMEM;
    if (err) {
        cli_unstage_file(staged);
        return fail_write(cli, path, err);
    }
    return CLI_DONE;
}

void cli_unstage_file(struct cli_staged *staged)
{
    if (staged->temporary) {
        unlink(staged->temporary);
    }
    free(staged->temporary);
    free(staged->target);
    *staged = (struct cli_staged){ 0 };
}

int cli_show_file(struct cli *cli, struct cli_staged *staged)
{
    int exit_code = CLI_DONE;

    if (staged->temporary && rename(staged->temporary, staged->target)) {
        exit_code = fail_write(cli, staged->target, errno);
    } else {
        free(staged->temporary);
        staged->temporary = NULL;
    }
    cli_unstage_file(staged);
    return exit_code;
}

int cli_write_file(struct cli *cli, const char *path, enum cli_file_kind kind, const void *data,
                   size_t len)
{
    struct cli_staged staged;
    int exit_code = cli_stage_file(cli, path, kind, data, len, &staged);

    return exit_code ? exit_code : cli_show_file(cli, &staged);
}
