/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "zip_library.h"

#include "library.h"

struct libzip_calls libzip;

int zip_library_load(void)
{
#define LIBZIP_ENTRY(name) { #name, &libzip.name },
    static const struct dfu_library_call calls[] = { LIBZIP_CALLS(LIBZIP_ENTRY) };
#undef LIBZIP_ENTRY

    return dfu_library_load("libzip.so.4", calls, sizeof(calls) / sizeof(calls[0]));
}
