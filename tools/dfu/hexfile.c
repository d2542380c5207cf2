/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "hexfile.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_MAX  (5u + 255u) /* count, address, type, data, sum */
#define PER_LINE    16u
#define BLOCK       0x10000u /* what a record's own address can tell */
#define FILLER      0xff
#define GAP_TOLD    0x10000u /* bytes of filler that no program has in its middle */
#define ADDRESS_END 0x100000000ull

enum record_type { DATA, END, SEGMENT, START_SEGMENT, LINEAR, START_LINEAR };

/* One walk over the lines. */
struct walk {
    struct cli *cli;
    const char *path;
    const uint8_t *at, *end;
    unsigned line;
    uint64_t offset; /* what the last record of type 2 or 4 adds to addresses */
    bool has_ended;
};

struct record {
    uint64_t address;
    size_t len;
    uint8_t raw[RECORD_MAX]; /* the data from its fifth byte on */
};

/* Where everything goes. */
struct image {
    uint64_t low, high; /* first address, one past the last; equal: no data */
    uint8_t *data, *seen;
};

static int fail_line(const struct walk *w, const char *why)
{
    return cli_fail(w->cli, CLI_INPUT, "%s is no sound Intel HEX file: line %u %s; make it again",
                    w->path, w->line, why);
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line's bytes; its length, or 0 if it is not hexadecimal or too long. */
static size_t take_bytes(const uint8_t *text, size_t len, uint8_t *raw)
{
    if (len % 2 != 0 || len / 2 > RECORD_MAX) {
        return 0;
    }
    for (size_t i = 0; i < len; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }
        raw[i / 2] = (uint8_t)(high << 4 | low);
    }
    return len / 2;
}

/* The next line that is not empty, without its end; false at the end of the text. */
static bool next_line(struct walk *w, const uint8_t **line, size_t *len)
{
    while (w->at < w->end) {
        const uint8_t *stop = memchr(w->at, '\n', (size_t)(w->end - w->at));

        *line = w->at;
        *len = (size_t)((stop ? stop : w->end) - w->at);
        w->at = stop ? stop + 1 : w->end;
        w->line++;
        while (*len > 0 && ((*line)[*len - 1] == '\r' || (*line)[*len - 1] == ' ')) {
            (*len)--;
        }
        if (*len > 0) {
            return true;
        }
    }
    return false;
}

static int check_record(const struct walk *w, const uint8_t *raw, size_t len)
{
    static const uint8_t fixed[] = {
        [END] = 0, [SEGMENT] = 2, [START_SEGMENT] = 4, [LINEAR] = 2, [START_LINEAR] = 4,
    };
    uint8_t sum = 0;

    if (len < 5 || len != raw[0] + 5u) {
        return fail_line(w, "is not as long as it says");
    }
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + raw[i]);
    }
    if (sum != 0) {
        return fail_line(w, "has a wrong checksum");
    }
    if (raw[3] > START_LINEAR) {
        return fail_line(w, "is of an unknown type");
    }
    return raw[3] == DATA || raw[0] == fixed[raw[3]] ? CLI_DONE
                                                     : fail_line(w, "has a wrong length");
}

/* The next record with data; rec->len is 0 at the end record. */
static int next_data(struct walk *w, struct record *rec)
{
    const uint8_t *line;
    size_t len;

    while (next_line(w, &line, &len)) {
        size_t got = line[0] == ':' ? take_bytes(line + 1, len - 1, rec->raw) : 0;
        uint32_t word = (uint32_t)rec->raw[4] << 8 | rec->raw[5];
        int exit_code;

        if (got == 0) {
            return fail_line(w, "is not a colon and hexadecimal digits");
        }
        exit_code = check_record(w, rec->raw, got);
        if (exit_code) {
            return exit_code;
        }
        if (rec->raw[3] == END) {
            rec->len = 0;
            return CLI_DONE;
        }
        if (rec->raw[3] == SEGMENT) {
            w->offset = (uint64_t)word << 4;
        } else if (rec->raw[3] == LINEAR) {
            w->offset = (uint64_t)word << 16;
        } else if (rec->raw[3] == DATA && rec->raw[0] > 0) {
            rec->len = rec->raw[0];
            rec->address = w->offset + ((uint32_t)rec->raw[1] << 8 | rec->raw[2]);
            return CLI_DONE;
        }
    }
    return cli_fail(w->cli, CLI_INPUT,
                    "%s has no end record: it may be cut off; make or fetch it again", w->path);
}

static int measure(struct walk w, struct image *image)
{
    struct record rec = { 0 };

    image->low = ADDRESS_END;
    image->high = 0;
    for (;;) {
        int exit_code = next_data(&w, &rec);

        if (exit_code || rec.len == 0) {
            image->low = image->high == 0 ? 0 : image->low;
            return exit_code;
        }
        if (rec.address + rec.len > ADDRESS_END) {
            return fail_line(&w, "lies beyond 4 GiB");
        }
        image->low = rec.address < image->low ? rec.address : image->low;
        image->high = rec.address + rec.len > image->high ? rec.address + rec.len : image->high;
    }
}

static int fill(struct walk w, struct image *image)
{
    struct record rec = { 0 };

    for (;;) {
        int exit_code = next_data(&w, &rec);

        if (exit_code || rec.len == 0) {
            return exit_code;
        }
        for (size_t i = 0; i < rec.len; i++) {
            size_t at = (size_t)(rec.address - image->low) + i;
            unsigned long long address = rec.address + i;

            if (image->seen[at / 8] & 1u << at % 8) {
                return cli_fail(w.cli, CLI_INPUT,
                                "%s has two bytes for address 0x%llx, the second in line %u; merge "
                                "its parts without overlaps",
                                w.path, address, w.line);
            }
            image->seen[at / 8] |= (uint8_t)(1u << at % 8);
            image->data[at] = rec.raw[4 + i];
        }
    }
}

/* What lies far off is most often no part of the program: a part's options, another program. */
static void tell_widest_gap(const struct walk *w, const struct image *image)
{
    size_t len = (size_t)(image->high - image->low), begin = 0, widest = 0, widest_at = 0;

    for (size_t at = 0; at < len; at++) {
        if (at % 8 == 0 && image->seen[at / 8] == 0) {
            at += 7; /* it never ends with such bits */
        } else if (image->seen[at / 8] & 1u << at % 8) {
            widest_at = at - begin > widest ? begin : widest_at;
            widest = at - begin > widest ? at - begin : widest;
            begin = at + 1;
        }
    }
    if (widest >= GAP_TOLD) {
        unsigned long long from = image->low + widest_at;

        cli_note(w->cli,
                 "%s has nothing from 0x%llx to 0x%llx, which is filled with 0xff; leave out what "
                 "is no part of the program",
                 w->path, from, from + widest - 1);
    }
}

int hexfile_parse(struct cli *cli, const char *path, const uint8_t *text, size_t text_len,
                  size_t limit, uint8_t **data, size_t *len, int64_t *base)
{
    struct walk walk = { .cli = cli, .path = path, .at = text, .end = text + text_len };
    struct image image = { 0 };
    int exit_code = measure(walk, &image);

    if (exit_code) {
        return exit_code;
    }
    if (image.high - image.low > limit) {
        return cli_fail(cli, CLI_INPUT,
                        "%s reaches from 0x%llx to 0x%llx, more than a slot can have; leave out "
                        "the part that is elsewhere",
                        path, (unsigned long long)image.low, (unsigned long long)image.high);
    }
    *len = (size_t)(image.high - image.low);
    image.data = malloc(*len + 1);
    image.seen = calloc(1, *len / 8 + 1);
    if (!image.data || !image.seen) {
        exit_code = cli_fail(cli, CLI_INTERNAL, "out of memory reading %s", path);
    } else {
        memset(image.data, FILLER, *len);
        image.data[*len] = 0;
        exit_code = fill(walk, &image);
    }
    if (!exit_code) {
        tell_widest_gap(&walk, &image);
    }
    free(image.seen);
    if (exit_code) {
        free(image.data);
        return exit_code;
    }
    *data = image.data;
    if (base) {
        *base = image.high == 0 ? -1 : (int64_t)image.low;
    }
    return CLI_DONE;
}

static char *put_hex(char *at, uint8_t byte)
{
    static const char digits[] = "0123456789ABCDEF";

    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
    return at;
}

static void print_record(FILE *out, enum record_type type, uint32_t address, const uint8_t *data,
                         size_t len)
{
    const uint8_t head[4] = { (uint8_t)len, (uint8_t)(address >> 8), (uint8_t)address,
                              (uint8_t)type };
    char line[2 * (5 + PER_LINE) + 2], *at = line;
    uint8_t sum = 0;

    *at++ = ':';
    for (size_t i = 0; i < sizeof(head) + len; i++) {
        uint8_t byte = i < sizeof(head) ? head[i] : data[i - sizeof(head)];

        sum = (uint8_t)(sum + byte);
        at = put_hex(at, byte);
    }
    at = put_hex(at, (uint8_t)-sum);
    *at++ = '\n';
    fwrite(line, 1, (size_t)(at - line), out);
}

void hexfile_print(FILE *out, const struct hexfile_run *runs, size_t count)
{
    bool has_blocks = count > 0 && (uint64_t)runs[count - 1].address + runs[count - 1].len > BLOCK;
    uint32_t block = UINT32_MAX;
    size_t run = 0, used = 0;

    while (run < count) {
        uint32_t address = runs[run].address + (uint32_t)used;
        uint8_t data[PER_LINE];
        size_t len = 0, room = BLOCK - (address & (BLOCK - 1));

        room = room < PER_LINE ? room : PER_LINE;
        while (run < count && len < room && runs[run].address + used == address + len) {
            if (used < runs[run].len) {
                data[len++] = runs[run].data[used++];
            }
            if (used == runs[run].len) {
                run++;
                used = 0;
            }
        }
        if (len == 0) {
            continue; /* an empty run */
        }
        if (has_blocks && address / BLOCK != block) {
            uint8_t upper[2] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16) };

            block = address / BLOCK;
            print_record(out, LINEAR, 0, upper, sizeof(upper));
        }
        print_record(out, DATA, address, data, len);
    }
    print_record(out, END, 0, NULL, 0);
}
