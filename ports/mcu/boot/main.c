/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The bootloader: what dfu_boot() finds fit to run is run; without it, or when an application asks
 * for it, images are taken over the console. */
#include "autoconf.h"
#include "board_table.h"
#include "console.h"
#include "dfu/boot.h"
#include "dfu/err.h"
#include "dfu/recovery.h"
#include "mcu_crypto.h"
#include "port.h"

#if defined(CONFIG_BOOT_SWAP_USING_OFFSET)
#define STRATEGY dfu_boot_swap_offset
#elif defined(CONFIG_BOOT_SWAP_USING_SCRATCH)
#define STRATEGY dfu_boot_swap_scratch
#elif defined(CONFIG_BOOT_UPGRADE_ONLY)
#define STRATEGY dfu_boot_overwrite
#elif defined(CONFIG_BOOT_DIRECT_XIP)
#define STRATEGY dfu_boot_direct_xip
#else
#define STRATEGY dfu_boot_swap_move
#endif

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_bearssl, NULL };

#ifndef CONFIG_BOOT_SIGNATURE_TYPE_NONE
extern const unsigned char ecdsa_pub_key[];
extern const unsigned int ecdsa_pub_key_len;
#define PUBLIC_KEY_LEN 91u /* SubjectPublicKeyInfo of a P-256 key, as `dfu getpub` prints it */

static const struct dfu_key keys[] = { { &dfu_ecdsa_p256_uecc, ecdsa_pub_key, PUBLIC_KEY_LEN } };
#endif

static const struct dfu_image_policy policy = {
    .hashes = hashes,
#ifdef CONFIG_BOOT_SIGNATURE_TYPE_NONE
    .hash_only = true,
#else
    .keys = keys,
    .key_count = 1,
#endif
};

static uint8_t work[512];

#ifdef CONFIG_LOG
static void say(void *ctx, const struct dfu_boot_event *event)
{
    char line[96];

    (void)ctx;
    console_print_line(dfu_boot_event_text(event, line, sizeof line));
}
#define EVENT say
#else
#define EVENT NULL
#endif

static const struct dfu_boot_config boot_config = {
    .map = &board_map,
    .strategy = &STRATEGY,
    .policy = policy,
#ifdef CONFIG_BOOT_VALIDATE_SLOT0
    .validate_primary = true,
#endif
    .buf = work,
    .buf_len = sizeof work,
    .event = EVENT,
};

#ifdef CONFIG_MCUBOOT_SERIAL
static uint8_t response[384];
static struct console console;

static const struct dfu_recovery_config recovery_config = {
    .map = &board_map,
    .policy = policy,
#ifdef CONFIG_BOOT_ERASE_PROGRESSIVELY
    .erase_progressively = true,
#endif
    .buf = work,
    .buf_len = sizeof work,
    .response = response,
    .response_cap = sizeof response,
    .buf_size = CONSOLE_PACKET_MAX,
};

static struct dfu_recovery recovery;

/* Until the client is done; comes back only if nothing has changed. */
static void recover(enum dfu_recovery_reason reason, uint32_t window_ms)
{
    static const struct dfu_smp_link link = { .send = console_send };
    enum dfu_recovery_verdict verdict;

    console_init(&console);
    dfu_recovery_start(&recovery, &recovery_config, reason, window_ms, port_now_ms());
    while ((verdict = dfu_recovery_look(&recovery, port_now_ms())) == DFU_RECOVERY_STAY) {
        size_t len = console_poll(&console);

        if (len > 0) {
            dfu_recovery_receive(&recovery, console.buf, len, &link, port_now_ms());
        } else {
            port_idle();
        }
    }
    if (verdict == DFU_RECOVERY_RESET) {
        port_reset();
    }
}

static bool is_recovery_asked_for(void)
{
    uint32_t mode = port_retained.boot_mode;
    bool is_asked = port_retained.boot_mode_ok == ~mode && mode == DFU_RECOVERY_BOOT_MODE;

    port_retained.boot_mode = 0;
    port_retained.boot_mode_ok = 0;
    return is_asked;
}
#endif

int main(void)
{
    struct dfu_boot_result result;
    int err;

    port_start();
    err = dfu_boot(&boot_config, &result);
#ifdef CONFIG_MCUBOOT_SERIAL
    if (err) {
        console_print_line("I: Enter the serial recovery mode");
        recover(DFU_RECOVERY_WITHOUT_IMAGE, 0);
    } else if (is_recovery_asked_for()) {
        console_print_line("I: Enter the serial recovery mode");
        recover(DFU_RECOVERY_BY_REQUEST, 0);
    }
#if CONFIG_BOOT_SERIAL_WAIT_FOR_DFU_TIMEOUT > 0
    else {
        recover(DFU_RECOVERY_IN_WINDOW, CONFIG_BOOT_SERIAL_WAIT_FOR_DFU_TIMEOUT);
    }
#endif
#endif
    if (!err) {
        port_jump(board_address(result.area) + result.image_off + result.header.hdr_size);
    }
    for (;;) {
        port_idle();
    }
}
