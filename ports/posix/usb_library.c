/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "usb_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include "dfu/err.h"

struct libusb_calls libusb;

/* POSIX promises that a pointer to data can hold one to a function; C has no cast for it. */
static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);

    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

int usb_library_load(void)
{
    void *library = dlopen("libusb-1.0.so.0", RTLD_NOW); /* for as long as the program runs */
    bool ok = library != NULL;

#define LIBUSB_FIND(name) ok = ok && find(library, "libusb_" #name, &libusb.name);
    LIBUSB_CALLS(LIBUSB_FIND)
#undef LIBUSB_FIND
    return ok ? DFU_OK : DFU_ERR_NOTSUP;
}
