/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <openssl/crypto.h>

#include "cli.h"

int main(int argc, char **argv)
{
    /* OpenSSL's own error texts are never shown, and reading them in is a fifth of a short run. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
    return cli_main(argc, argv);
}
