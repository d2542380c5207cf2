/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* --compression: the payload of an image, packed where that makes it smaller. */
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "sign_job.h"

int sign_take_compression(struct sign_job *job)
{
    static const char *const names[] = { "disabled", "lzma2", "lzma2armthumb", NULL };
    struct cli *cli = job->cli;
    size_t choice = 0;
    int exit_code = cli_choice(cli, O_COMPRESSION, names, &choice);

    job->compresses = choice > 0;
    job->compression.is_thumb = choice == 2;
    if (!exit_code && job->compresses && (cli_has(cli, O_FIX_SIG) || cli_has(cli, O_VECTOR))) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "--compression needs two signatures, of the image as it is sent and "
                             "as it will run; sign with -k, or leave the image uncompressed");
    }
    return exit_code;
}

/* The body takes the program's place behind the header. Where it is no smaller, the image is made
 * as if nothing had been said (and, unlike imgtool's, encrypted if that was). */
int sign_compress(struct sign_job *job, size_t room, uint32_t *payload_len, int *err)
{
    struct dfu_image_compression *c = &job->compression;
    size_t cap = dfu_image_compress_room(*payload_len);
    uint8_t *body = malloc(cap);
    int exit_code = CLI_DONE;

    if (!body) {
        return cli_fail(job->cli, CLI_INTERNAL, "out of memory");
    }
    *err =
        dfu_image_compress(&job->spec, c->is_thumb, job->image, room, *payload_len, body, cap, c);
    if (!*err) {
        exit_code = sign_check_fit(job, c->plain_len, "decompressed, the image");
    }
    if (!*err && !exit_code && c->pays) {
        memcpy(job->image + job->spec.header_size, body, c->body_len);
        *payload_len = c->body_len;
        job->spec.compression = c;
    }
    free(body);
    return exit_code;
}
