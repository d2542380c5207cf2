/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "library.h"

#include <dlfcn.h>
#include <string.h>

#include "dfu/err.h"

int dfu_library_load(const char *file, const struct dfu_library_call *calls, size_t count)
{
    void *library = dlopen(file, RTLD_NOW);

    for (size_t i = 0; i < count; i++) {
        void *symbol = library ? dlsym(library, calls[i].name) : NULL;

        if (!symbol) {
            return DFU_ERR_NOTSUP;
        }
        /* POSIX promises that a pointer to data can hold one to a function; C has no cast. */
        memcpy(calls[i].pointer, &symbol, sizeof(symbol));
    }
    return DFU_OK;
}
