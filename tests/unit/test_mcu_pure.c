/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A signature of all bytes of an image, checked piece by piece as microcontrollers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "dfu/openssl.h"
#include "mcu_crypto.h"
#include "test_image.h"

#define HEADER 32u
#define BODY   4000u
#define PIECE  512u /* far less than the image */

struct message {
    uint8_t bytes[HEADER + BODY + 256];
    uint32_t read, worst; /* bytes since the watchdog was fed */
};

static int read_message(void *ctx, uint32_t off, void *buf, size_t len)
{
    struct message *message = ctx;

    memcpy(buf, message->bytes + off, len);
    message->read += (uint32_t)len;
    message->worst = message->read > message->worst ? message->read : message->worst;
    return 0;
}

static void feed(void *ctx)
{
    ((struct message *)ctx)->read = 0;
}

/* It takes as long as a hash. */
static void the_watchdog_is_fed_while_a_pure_signature_is_checked(void **state)
{
    static const uint8_t one = 1, seed[32] = { 7 };
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    uint8_t der[64], sig[64] = { 0 }, buf[64];
    struct dfu_key key = { &dfu_ed25519_pure_monocypher, der,
                           (size_t)dfu_openssl_public_key(pkey, der, sizeof der) };
    struct test_recipe recipe = { .hdr_size = HEADER,
                                  .body = BODY,
                                  .tlvs = { { DFU_TLV_SIG_PURE, &one, 1 },
                                            { DFU_TLV_PUBKEY, der, (uint16_t)key.der_len },
                                            { DFU_TLV_ED25519, sig, sizeof sig } },
                                  .tlv_count = 3 };
    struct dfu_image_policy policy = { .keys = &key, .key_count = 1 };
    struct message message = { .read = 0 };
    struct dfu_reader reader = { read_message, &message, (uint32_t)test_image_size(&recipe) };
    struct dfu_image_report report;
    struct dfu_signer signer;

    (void)state;
    assert_true(reader.size <= sizeof message.bytes);
    test_image_build(&recipe, message.bytes);
    assert_int_equal(dfu_openssl_signer(pkey, der, key.der_len, &signer), 0);
    assert_int_equal(signer.sign(signer.ctx, message.bytes, HEADER + BODY, sig, sizeof sig), 64);
    test_image_build(&recipe, message.bytes);
    dfu_image_verify(&policy, &reader, 0, buf, sizeof buf, feed, &message, &report);
    assert_int_equal(report.fault, DFU_IMAGE_FINE);
    assert_in_range(message.worst, 1, PIECE);
    EVP_PKEY_free(pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_watchdog_is_fed_while_a_pure_signature_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
