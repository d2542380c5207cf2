/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* zip_library.h - libzip, loaded (library.h) with the first package. */
#ifndef DFU_ZIP_LIBRARY_H
#define DFU_ZIP_LIBRARY_H

#include <zip.h>

/* libzip.zip_fclose is its zip_fclose, and so on. */
#define LIBZIP_CALLS(X)         \
    X(zip_discard)              \
    X(zip_error_fini)           \
    X(zip_error_init)           \
    X(zip_error_strerror)       \
    X(zip_fclose)               \
    X(zip_fopen_index)          \
    X(zip_fread)                \
    X(zip_get_name)             \
    X(zip_get_num_entries)      \
    X(zip_open_from_source)     \
    X(zip_source_buffer_create) \
    X(zip_source_free)          \
    X(zip_stat_index)

struct libzip_calls {
#define LIBZIP_FIELD(name) __typeof__(name) *(name);
    LIBZIP_CALLS(LIBZIP_FIELD)
#undef LIBZIP_FIELD
};
extern struct libzip_calls libzip;

/* 0, or DFU_ERR_NOTSUP where there is none; before any call. */
int zip_library_load(void);

#endif
