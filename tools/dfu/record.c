/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "record.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (256u << 20)
#define MS_PER_S 1000u

/* ---- Writing ---- */

/* A line that a crash cut is ended, so that what follows is whole. */
static void end_cut_line(int fd)
{
    char last = '\n';

    if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) == 1 && last != '\n') {
        (void)!write(fd, "\n", 1);
    }
}

int record_open(struct cli *cli, FILE **file)
{
    int fd;

    *file = NULL;
    if (!cli->record) {
        return CLI_DONE;
    }
    fd = open(cli->record, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        end_cut_line(fd);
        *file = fdopen(fd, "a");
    }
    if (!*file) {
        int code = cli_fail(cli, CLI_USAGE, "cannot record to %s: %s; choose another file",
                            cli->record, strerror(errno));

        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    fprintf(*file, "# dfu %s, %s\n", DFUKIT_VERSION, cli->target);
    fflush(*file);
    return CLI_DONE;
}

void record_time(uint64_t time_ms, char text[RECORD_TIME_LEN])
{
    time_t seconds = (time_t)(time_ms / MS_PER_S);
    struct tm utc;
    size_t len;

    gmtime_r(&seconds, &utc);
    len = strftime(text, RECORD_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, RECORD_TIME_LEN - len, ".%03uZ", (unsigned)(time_ms % MS_PER_S));
}

void record_frame(FILE *file, char direction, const uint8_t *frame, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char text[RECORD_TIME_LEN];
    struct timespec now;

    if (!file) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    record_time((uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / 1000000u, text);
    fprintf(file, "%s %c ", text, direction);
    for (size_t i = 0; i < len; i++) {
        putc(digits[frame[i] >> 4], file);
        putc(digits[frame[i] & 15], file);
    }
    putc('\n', file);
    fflush(file);
}

void record_remark(FILE *file, const char *text)
{
    if (file) {
        fprintf(file, "# %s\n", text);
        fflush(file);
    }
}

bool record_close(FILE *file)
{
    bool is_whole = !file || !ferror(file);

    return (!file || fclose(file) == 0) && is_whole;
}

/* ---- Reading ---- */

static bool parse_time(const char *line, uint64_t *time_ms)
{
    struct tm utc = { 0 };
    const char *rest = strptime(line, "%Y-%m-%dT%H:%M:%S.", &utc);
    time_t seconds = rest ? timegm(&utc) : -1;

    if (seconds < 0 || strlen(rest) < 4 || !isdigit((unsigned char)rest[0]) ||
        !isdigit((unsigned char)rest[1]) || !isdigit((unsigned char)rest[2]) || rest[3] != 'Z') {
        return false;
    }
    *time_ms = (uint64_t)seconds * MS_PER_S + (uint64_t)(rest[0] - '0') * 100 +
               (uint64_t)(rest[1] - '0') * 10 + (uint64_t)(rest[2] - '0');
    return true;
}

static int digit(char c)
{
    const char *at = c ? strchr("0123456789abcdef", tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - strchr("0123456789abcdef", '0')) : -1;
}

/* Hexadecimal in place of itself. */
static bool unhex(char *text, size_t *len)
{
    uint8_t *out = (uint8_t *)text;
    size_t count = 0;

    for (; text[0] && text[1]; text += 2) {
        int high = digit(text[0]), low = digit(text[1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[count++] = (uint8_t)(high << 4 | low);
    }
    *len = count;
    return text[0] == 0 && count > 0;
}

static bool parse_line(char *line, struct record_entry *entry)
{
    char *space = strchr(line, ' ');

    if (!space || (space[1] != '>' && space[1] != '<') || space[2] != ' ' ||
        !parse_time(line, &entry->time_ms)) {
        return false;
    }
    entry->direction = space[1];
    entry->frame = (uint8_t *)space + 3;
    return unhex(space + 3, &entry->len);
}

int record_read(struct cli *cli, const char *path, struct record *record)
{
    size_t len, lines = 1, number = 0;
    char *next;
    int code;

    *record = (struct record){ 0 };
    code = cli_read_file(cli, path, FILE_MAX, &record->data, &len);
    if (code) {
        return code;
    }
    for (size_t i = 0; i < len; i++) {
        lines += record->data[i] == '\n';
    }
    record->entries = calloc(lines, sizeof(record->entries[0]));
    if (!record->entries) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    next = (char *)record->data;
    for (char *line; (line = strsep(&next, "\n"));) {
        number++;
        if (line[0] == '#' || line[0] == 0) {
            continue;
        }
        if (parse_line(line, &record->entries[record->count])) {
            record->count++;
        } else if (record->broken++ == 0) {
            record->broken_line = number;
        }
    }
    if (record->count == 0) {
        return cli_fail(cli, CLI_USAGE,
                        "%s holds no recorded frame; name a file that --record has written", path);
    }
    if (record->broken > 0) {
        cli_note(cli, "%s: %zu lines make no sense and are left out, line %zu is the first", path,
                 record->broken, record->broken_line);
    }
    return CLI_DONE;
}

void record_free(struct record *record)
{
    free(record->entries);
    free(record->data);
}
