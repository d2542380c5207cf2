/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "crypto/ecdsa_gcrypt.h"

#include <string.h>

#include <gcrypt.h>

#include "dfu/err.h"

/* Once a process, unless the program uses libgcrypt itself and has done so. */
static int start_library(void)
{
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
        return 0;
    }
    /* Only blinding needs random numbers here; a pool of them would take longer to fill. */
    gcry_control(GCRYCTL_SET_PREFERRED_RNG_TYPE, GCRY_RNG_TYPE_SYSTEM);
    if (!gcry_check_version(GCRYPT_VERSION)) {
        return DFU_ERR_NOTSUP;
    }
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return 0;
}

static int take_part(gcry_sexp_t signature, const char *name, uint8_t *out, size_t size)
{
    gcry_sexp_t list = gcry_sexp_find_token(signature, name, 0);
    gcry_mpi_t number = list ? gcry_sexp_nth_mpi(list, 1, GCRYMPI_FMT_USG) : NULL;
    size_t len = 0;
    int err = DFU_ERR_IO;

    if (number && (gcry_mpi_get_nbits(number) + 7) / 8 <= size) {
        size_t want = (gcry_mpi_get_nbits(number) + 7) / 8;

        memset(out, 0, size - want);
        err =
            gcry_mpi_print(GCRYMPI_FMT_USG, out + size - want, want, &len, number) ? DFU_ERR_IO : 0;
    }
    gcry_mpi_release(number);
    gcry_sexp_release(list);
    return err;
}

int ecdsa_sign_same(size_t size, const uint8_t *secret, const uint8_t *digest, uint8_t *r,
                    uint8_t *s)
{
    const char *curve = size == 32 ? "NIST P-256" : "NIST P-384";
    const char *hash = size == 32 ? "sha256" : "sha384";
    gcry_sexp_t key = NULL, data = NULL, signature = NULL;
    int err = start_library();

    if (err || (size != 32 && size != 48)) {
        return err ? err : DFU_ERR_NOTSUP;
    }
    err = DFU_ERR_IO;
    if (!gcry_sexp_build(&key, NULL, "(private-key (ecc (curve %s) (d %b)))", curve, (int)size,
                         secret) &&
        !gcry_sexp_build(&data, NULL, "(data (flags rfc6979) (hash %s %b))", hash, (int)size,
                         digest) &&
        !gcry_pk_sign(&signature, data, key)) {
        err = take_part(signature, "r", r, size);
        err = err ? err : take_part(signature, "s", s, size);
    }
    gcry_sexp_release(signature);
    gcry_sexp_release(data);
    gcry_sexp_release(key);
    return err;
}
