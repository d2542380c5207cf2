/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_host.h - a virtual device on this machine: its flash a file, its links UDP, DTLS and
 * TCP ports, Bluetooth LE and a pseudo terminal, its console standard output. */
#ifndef DFU_DFU_SIM_HOST_H
#define DFU_DFU_SIM_HOST_H

#include "cli.h"
#include "dfu/sim_device.h"
#include "dtls.h"
#include "sim_auth.h"
#include "sim_usb.h"

struct sim_host_config {
    uint32_t number; /* of many in one process, before each of its lines; 0: it is alone */
    const char *board, *flash;
    const char **key_files;
    size_t key_count;
    bool hash_only;
    int decrypt_key_option;           /* of the command line: the device's own keys */
    const char *init[DFU_IMAGES_MAX]; /* the n-th for image n; or NULL */

    bool has_udp;
    const char *address; /* or NULL: this machine alone */
    uint16_t udp_port;
    const char *serial; /* or NULL */
    uint32_t baud;
    bool has_tcp, has_dtls, is_serial_raw;
    uint16_t tcp_port, dtls_port;
    struct dfu_dtls_files dtls;
    const char *ble, *ble_adapter; /* the name it advertises; or NULL */
    bool is_ble_authenticated;
    bool console_on_serial;
    struct sim_usb_options usb;
    bool has_channel, has_clock; /* the configuration channel; a clock that stands still */
    uint16_t channel_port, clock_port;
    const char *ready_file; /* or NULL */
    uint32_t smp_buf_size, smp_buf_count;
    bool has_recovery, is_pin_pressed;
    struct dfu_sim_recovery_config recovery;

    bool confirms_at_start; /* its update module, by the mode */
    struct sim_auth_options auth;
    int mode_option; /* of the command line; not given: the board's mode */
    bool prevent_downgrade;

    enum dfu_sim_cut_when cut_when;
    uint32_t cut_op;
    uint64_t seed;
    const char *files; /* the folder it serves over SMP, or NULL */
    bool stay_off, real_time;
};

/* Until SIGINT or SIGTERM, or a power cut with stay_off. Returns an exit code. */
int sim_host_run(struct cli *cli, const struct sim_host_config *config);

/* The same in parts, for many at once. config outlives the device. */
struct sim_host;

/* The device boots and serves. An exit code; only then there is something to close. */
int sim_host_open(struct cli *cli, const struct sim_host_config *config, struct sim_host **out);
void sim_host_close(struct sim_host *host);

/* Its files, when it wants to be polled beside what they bring, and that. */
struct dfu_loop *sim_host_loop(struct sim_host *host);
uint64_t sim_host_due_ms(struct sim_host *host);
void sim_host_poll(struct sim_host *host);

/* Power that was cut comes back; false: it does not (stay_off). */
bool sim_host_power(struct sim_host *host);

/* Where it is reached, into an object; and such an object, which is released, as the ready file. */
void sim_host_tell(const struct sim_host *host, cJSON *json);
int sim_host_write_ready(struct cli *cli, const char *path, cJSON *json);

#endif
