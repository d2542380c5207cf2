/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* --sbom: a bill of materials beside the image, its digest in it. */
#include <stdlib.h>
#include <string.h>

#include "sbom.h"
#include "sign_job.h"

static int add_tlv(struct sign_job *job, const uint8_t digest[SBOM_DIGEST_SIZE])
{
    struct dfu_custom_tlv *tlv = &job->custom[job->spec.custom_count];
    uint8_t *value;

    for (size_t i = 0; i < job->spec.custom_count; i++) {
        if (job->custom[i].type == DFU_TLV_SBOM) {
            return cli_fail(job->cli, CLI_USAGE,
                            "--sbom makes the TLV 0x%x itself; leave it out of the custom ones",
                            DFU_TLV_SBOM);
        }
    }
    value = job->spec.custom_count < SIGN_CUSTOM_MAX ? malloc(SBOM_DIGEST_SIZE) : NULL;
    if (!value) {
        return cli_fail(job->cli, CLI_USAGE, "more than %u custom TLVs", SIGN_CUSTOM_MAX);
    }
    memcpy(value, digest, SBOM_DIGEST_SIZE);
    *tlv = (struct dfu_custom_tlv){ DFU_TLV_SBOM, SBOM_DIGEST_SIZE, value };
    job->spec.custom_count++;
    return CLI_DONE;
}

int sign_take_sbom(struct sign_job *job)
{
    struct cli *cli = job->cli;
    size_t lead = cli_has(cli, O_PAD_HEADER) ? 0 : job->spec.header_size;
    struct sbom_subject subject = {
        .file = cli_arg(cli, 0),
        .version = job->spec.version,
        .program = job->input + lead,
        .program_len = job->input_len - lead,
    };
    uint8_t digest[SBOM_DIGEST_SIZE];
    int exit_code;

    if (!cli_has(cli, O_SBOM)) {
        return cli_has(cli, O_SBOM_FROM)
                   ? cli_fail(cli, CLI_USAGE, "--sbom-from needs --sbom, which names the new file")
                   : CLI_DONE;
    }
    exit_code = sbom_make(cli, &subject, cli_value(cli, O_SBOM_FROM), &job->sbom, digest);
    return exit_code ? exit_code : add_tlv(job, digest);
}

int sign_stage_sbom(struct sign_job *job)
{
    return job->sbom ? cli_stage_file(job->cli, cli_value(job->cli, O_SBOM), CLI_FILE_PLAIN,
                                      job->sbom, strlen(job->sbom), &job->staged_sbom)
                     : CLI_DONE;
}
