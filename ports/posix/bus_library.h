/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* bus_library.h - libsystemd's sd-bus, loaded (library.h) by who talks to D-Bus services. */
#ifndef DFU_POSIX_BUS_LIBRARY_H
#define DFU_POSIX_BUS_LIBRARY_H

#include <systemd/sd-bus.h>

/* sdbus.process is its sd_bus_process, and so on. */
#define SDBUS_CALLS(X)         \
    X(add_match)               \
    X(add_object_manager)      \
    X(add_object_vtable)       \
    X(call_async)              \
    X(flush)                   \
    X(flush_close_unref)       \
    X(get_fd)                  \
    X(message_append)          \
    X(message_at_end)          \
    X(message_close_container) \
    X(message_enter_container) \
    X(message_exit_container)  \
    X(message_get_error)       \
    X(message_get_member)      \
    X(message_get_path)        \
    X(message_new_method_call) \
    X(message_open_container)  \
    X(message_read)            \
    X(message_read_array)      \
    X(message_ref)             \
    X(message_skip)            \
    X(message_unref)           \
    X(open_system)             \
    X(process)                 \
    X(reply_method_errorf)     \
    X(reply_method_return)     \
    X(slot_unref)              \
    X(wait)

struct sdbus_calls {
#define SDBUS_FIELD(name) __typeof__(sd_bus_##name) *(name);
    SDBUS_CALLS(SDBUS_FIELD)
#undef SDBUS_FIELD
};
extern struct sdbus_calls sdbus;

/* 0, or DFU_ERR_NOTSUP where there is none; before any call. */
int bus_library_load(void);

#endif
