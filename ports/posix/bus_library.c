/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "bus_library.h"

#include "library.h"

struct sdbus_calls sdbus;

int bus_library_load(void)
{
#define SDBUS_ENTRY(name) { "sd_bus_" #name, &sdbus.name },
    static const struct dfu_library_call calls[] = { SDBUS_CALLS(SDBUS_ENTRY) };
#undef SDBUS_ENTRY

    return dfu_library_load("libsystemd.so.0", calls, sizeof(calls) / sizeof(calls[0]));
}
