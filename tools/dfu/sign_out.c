/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The file that comes out: bytes as they are, or Intel HEX, where padding is left out but for what
 * a loader looks at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hexfile.h"
#include "imagefile.h"
#include "sign_job.h"

#define ADDRESS_END 0x100000000

/* The program would be gone if it were written over. */
int sign_check_out(struct sign_job *job)
{
    struct cli *cli = job->cli;
    const char *in = cli_arg(cli, 0), *out = cli_arg(cli, 1);
    struct stat a, b;

    if (stat(in, &a) == 0 && stat(out, &b) == 0 && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is both the program and the output, and would be lost; name another "
                        "output",
                        out);
    }
    return CLI_DONE;
}

/* Where the image begins; the program keeps its address when the header goes in front, but for one
 * at 0, as with imgtool. */
static int find_base(struct sign_job *job, uint64_t span, uint32_t *base)
{
    struct cli *cli = job->cli;
    uint16_t header = cli_has(cli, O_PAD_HEADER) ? job->spec.header_size : 0;

    if (cli_has(cli, O_HEX_ADDR)) {
        int exit_code = sign_take_number(job, O_HEX_ADDR, 0, UINT32_MAX, base);

        if (exit_code) {
            return exit_code;
        }
    } else if (job->base < 0) {
        return cli_fail(cli, CLI_USAGE,
                        "%s needs an address, and %s tells none; give one with -x/--hex-addr",
                        cli_arg(cli, 1), cli_arg(cli, 0));
    } else if (job->base > 0 && job->base < header) {
        return cli_fail(cli, CLI_INPUT,
                        "%s begins at 0x%llx, with less than the header's 0x%x bytes in front of "
                        "it; link it further up, or give the image's address with -x/--hex-addr",
                        cli_arg(cli, 0), (unsigned long long)job->base, (unsigned)header);
    } else {
        *base = (uint32_t)(job->base > 0 ? job->base - header : 0);
    }
    if (*base + span > ADDRESS_END) {
        return cli_fail(cli, CLI_INPUT,
                        "an image at 0x%x reaches beyond 4 GiB; give it another "
                        "address with -x/--hex-addr",
                        *base);
    }
    return CLI_DONE;
}

static int print_hex(struct sign_job *job, uint32_t len, char **text, size_t *text_len)
{
    const struct dfu_image_slot *slot = &job->slot;
    /* The flag of a test is erased and says nothing; imgtool has it where nothing is compressed. */
    bool has_flag =
        (job->confirms || (job->tests && !job->spec.compression)) && !slot->is_overwrite_only;
    uint8_t magic[16], flag[32];
    uint32_t base = 0, image_ok, at = dfu_image_trailer_magic(slot, magic, &image_ok);
    int exit_code = find_base(job, job->pads ? slot->size : len, &base);
    struct hexfile_run runs[3] = { { base, job->image, len } };
    size_t count = 1;
    FILE *out;

    if (exit_code) {
        return exit_code;
    }
    out = open_memstream(text, text_len);
    if (!out) {
        return cli_fail(job->cli, CLI_INTERNAL, "out of memory");
    }
    memset(flag, slot->erased, sizeof(flag));
    flag[0] = job->confirms ? 1 : slot->erased;
    if (job->pads && has_flag) {
        runs[count++] = (struct hexfile_run){ base + image_ok, flag, slot->max_align };
    }
    if (job->pads) {
        runs[count++] = (struct hexfile_run){ base + at, magic, sizeof(magic) };
    }
    hexfile_print(out, runs, count);
    return fclose(out) ? cli_fail(job->cli, CLI_INTERNAL, "out of memory") : CLI_DONE;
}

static int write_hex(struct sign_job *job, uint32_t len)
{
    char *text = NULL;
    size_t text_len = 0;
    int exit_code = print_hex(job, len, &text, &text_len);

    if (!exit_code) {
        exit_code = cli_write_file(job->cli, cli_arg(job->cli, 1), CLI_FILE_PLAIN, text, text_len);
    }
    free(text);
    return exit_code;
}

int sign_write_out(struct sign_job *job, uint32_t len)
{
    const char *path = cli_arg(job->cli, 1);

    if (imagefile_is_hex(path)) {
        return write_hex(job, len);
    }
    if (job->pads) {
        (void)dfu_image_pad(&job->slot, job->image, len, job->confirms);
        len = job->slot.size;
    }
    return cli_write_file(job->cli, path, CLI_FILE_PLAIN, job->image, len);
}
