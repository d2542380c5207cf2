/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* AES in counter mode, entered at any byte: the counter block is the number of the 16-byte block,
 * big-endian, from zero. */
#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "dfu/crypto.h"
#include "dfu/err.h"

#define BLOCK_SIZE 16u

static int run(EVP_CIPHER_CTX *ctx, uint32_t off, uint8_t *data, size_t len)
{
    uint8_t skipped[BLOCK_SIZE] = { 0 };
    int out;

    return EVP_EncryptUpdate(ctx, skipped, &out, skipped, (int)(off % BLOCK_SIZE)) == 1 &&
           EVP_EncryptUpdate(ctx, data, &out, data, (int)len) == 1;
}

static int apply(const uint8_t *key, size_t key_len, uint32_t off, uint8_t *data, size_t len)
{
    const EVP_CIPHER *cipher = key_len == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
    uint32_t block = off / BLOCK_SIZE;
    uint8_t counter[BLOCK_SIZE] = { 0 };
    EVP_CIPHER_CTX *ctx;
    int err = DFU_ERR_IO;

    if ((key_len != 16 && key_len != 32) || len > INT_MAX) {
        return DFU_ERR_INVAL;
    }
    for (size_t i = 0; i < sizeof(block); i++) {
        counter[BLOCK_SIZE - 1 - i] = (uint8_t)(block >> 8 * i);
    }
    ERR_set_mark();
    ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_EncryptInit_ex(ctx, cipher, NULL, key, counter) == 1 &&
        run(ctx, off, data, len)) {
        err = 0;
    }
    EVP_CIPHER_CTX_free(ctx);
    ERR_pop_to_mark();
    return err;
}

const struct dfu_cipher dfu_aes_ctr_openssl = { .name = "AES-CTR", .apply = apply };
