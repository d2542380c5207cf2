/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Keys that are not here: in a PKCS#11 token, or behind a command (--signer). What comes back is
 * put into an image only if it is a signature by the public key that was named. */
#include <string.h>

#include <openssl/evp.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "sign_job.h"
#include "signer_command.h"
#include "token.h"

#define ANSWER_MAX   4096u
#define PATIENCE_MAX 86400u

static const char *who(const struct sign_job *job)
{
    return cli_has(job->cli, O_SIGNER) ? cli_value(job->cli, O_SIGNER) : job->key.path;
}

static bool is_right(const struct sign_job *job, const uint8_t *data, size_t len,
                     const uint8_t *sig, size_t sig_len)
{
    const struct dfu_sig_alg *alg = job->key.alg;
    struct dfu_key key = { alg, job->key.der, job->key.der_len };
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);

    if (sig_len < alg->min_len || sig_len > alg->max_len) {
        return false;
    }
    return job->spec.is_pure ? alg->verify_message(&key, &reader, span.len, sig, sig_len) == 0
                             : alg->verify(&key, data, len, sig, sig_len) == 0;
}

/* Raw bytes, or the same as base64, as command line tools of key services print it. */
static size_t undo_base64(uint8_t *answer, size_t len)
{
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    uint8_t out[ANSWER_MAX + 4];
    int got = 0, rest = 0;

    if (ctx) {
        EVP_DecodeInit(ctx);
        if (EVP_DecodeUpdate(ctx, out, &got, answer, (int)len) >= 0 &&
            EVP_DecodeFinal(ctx, out + got, &rest) >= 0 && got + rest > 0) {
            len = (size_t)got + (size_t)rest;
            memcpy(answer, out, len);
        }
    }
    EVP_ENCODE_CTX_free(ctx);
    return len;
}

static int ask_command(struct sign_job *job, const uint8_t *data, size_t len, uint8_t *sig,
                       size_t cap)
{
    struct signer_command command = {
        .text = cli_value(job->cli, O_SIGNER),
        .key_type = keyfile_type_name(&job->key),
        .hash = job->spec.hash->name,
        .is_payload = job->spec.is_pure,
        .patience_s = job->patience_s,
    };
    uint8_t answer[ANSWER_MAX];
    size_t answer_len = 0;

    job->signer_exit =
        signer_command_run(job->cli, &command, data, len, answer, sizeof(answer), &answer_len);
    if (job->signer_exit) {
        return DFU_ERR_IO;
    }
    if (!is_right(job, data, len, answer, answer_len)) {
        answer_len = undo_base64(answer, answer_len);
    }
    if (answer_len > cap) {
        return DFU_ERR_NOSPACE;
    }
    memcpy(sig, answer, answer_len);
    return (int)answer_len;
}

static int sign_elsewhere(void *ctx, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    struct sign_job *job = ctx;
    bool by_command = cli_has(job->cli, O_SIGNER);
    int got = by_command ? ask_command(job, data, len, sig, cap)
                         : token_sign(job->key.token, data, len, sig, cap);

    if (got > 0 && is_right(job, data, len, sig, (size_t)got)) {
        return got;
    }
    if (!job->signer_exit) {
        job->signer_exit = cli_fail(job->cli, CLI_REFUSED,
                                    "what %s gave back is no signature by the %s key %s; check "
                                    "that it uses this key and scheme",
                                    who(job), job->key.alg->name, job->key.path);
    }
    return DFU_ERR_VERIFY;
}

static int take_patience(struct sign_job *job)
{
    uint64_t seconds = 0;
    int exit_code = cli_number(job->cli, O_SIGNER_TIMEOUT, 1, PATIENCE_MAX, &seconds);

    job->patience_s = (unsigned)seconds;
    return exit_code;
}

int sign_take_elsewhere(struct sign_job *job)
{
    int exit_code = take_patience(job);

    if (!exit_code && !cli_has(job->cli, O_SIGNER)) {
        exit_code = token_unlock(job->key.token);
    }
    job->inner = (struct dfu_signer){
        .tlv_type = job->key.alg->tlv_type,
        .public_key = job->key.der,
        .public_key_len = job->key.der_len,
        .sign = sign_elsewhere,
        .ctx = job,
    };
    return exit_code;
}
