/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* library.h - shared libraries that are loaded by who needs them. Linked, each would cost every start
 * of a program, also to sign, a few per cent of its time and memory. */
#ifndef DFU_POSIX_LIBRARY_H
#define DFU_POSIX_LIBRARY_H

#include <stddef.h>

struct dfu_library_call {
    const char *name;
    void *pointer; /* to a pointer to the function */
};

/* Find all calls; the library stays loaded as long as the program runs. DFU_ERR_NOTSUP if it is not
 * there, or a call is not in it. */
int dfu_library_load(const char *file, const struct dfu_library_call *calls, size_t count);

#endif
