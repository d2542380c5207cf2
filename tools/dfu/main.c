/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <openssl/crypto.h>

#include "cli.h"

/* What OpenSSL would do first takes longer than a signature: read its error texts, which are never
 * shown; its configuration, which must not decide about an image; and the old names of everything
 * (keyfile.c knows which of them keys have). In the end it would tidy up memory that goes anyway. */
#define LEAN                                                             \
    (OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_LOAD_CONFIG | \
     OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_ATEXIT)

int main(int argc, char **argv)
{
    (void)OPENSSL_init_crypto(LEAN, NULL);
    return cli_main(argc, argv);
}
