/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* file_world.h - a device with one file behind the real file group, a client's file, and a link
 * between them that may lose, repeat, delay and reorder; in virtual time. */
#ifndef DFU_TESTS_FILE_WORLD_H
#define DFU_TESTS_FILE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/client_file.h"
#include "dfu/image.h"
#include "dfu/smp_fs.h"
#include "sim/link.h"

#define FILE_WORLD_CAP  20000u
#define FILE_WORLD_LATE 3600000u /* no transfer takes so many milliseconds */

struct file_world {
    uint8_t file[FILE_WORLD_CAP];
    uint32_t file_size;
    bool exists;
    struct dfu_smp_fs fs;
    struct dfu_smp_binding binding;
    struct dfu_smp_server server;
    uint8_t response[600];
    struct sim_link link;
    struct dfu_smp_link to_client;
    bool comes_back; /* a link that goes down loses one packet by it */
    uint64_t now_ms;
    uint32_t forget_every; /* the device restarts at every so many requests; 0: never */
    uint32_t requests, written;
    uint8_t content[FILE_WORLD_CAP], got[FILE_WORLD_CAP];
    uint32_t got_size;
    struct dfu_memory_span span;
    uint8_t frame[512];
};

/* Nothing on the device, size bytes at the client. */
void file_world_init(struct file_world *w, uint32_t size);
/* The same bytes on the device. */
void file_world_put(struct file_world *w);
struct dfu_file_config file_world_config(struct file_world *w, bool is_upload);

/* The device answers what has come in by now. */
void file_world_serve(struct file_world *w);
/* Until it is over, and all the requests that the client has at a time. */
void file_world_run(struct file_world *w, struct dfu_file *f);
/* One request and its answer, at once. */
void file_world_step(struct file_world *w, struct dfu_file *f);

/* The device has the whole file. */
void file_world_assert_there(const struct file_world *w);

#endif
