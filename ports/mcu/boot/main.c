/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The bootloader: what dfu_boot() finds fit to run is run; without it, or when an application asks
 * for it, images are taken over the console. */
#include "boot_config.h"
#include "dfu/err.h"
#include "port.h"

uint8_t boot_work[BOOT_WORK_SIZE];

#ifdef CONFIG_LOG
void boot_say(void *ctx, const struct dfu_boot_event *event)
{
    char line[96];

    (void)ctx;
    console_print_line(dfu_boot_event_text(event, line, sizeof line));
    if (dfu_boot_event_reason(event, line, sizeof line)) {
        console_print_line(line);
    }
}
#endif

#ifdef CONFIG_MCUBOOT_SERIAL
uint8_t boot_response[BOOT_RESPONSE_SIZE];
static struct console console;
static uint8_t request[CONSOLE_PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE];
static struct dfu_recovery recovery;

/* Until the client is done; comes back only if nothing has changed. */
static void recover(enum dfu_recovery_reason reason, uint32_t window_ms)
{
    static const struct dfu_smp_link link = { .send = console_send };
    enum dfu_recovery_verdict verdict;

    console_init(&console, request, sizeof request);
    dfu_recovery_start(&recovery, &recovery_config, reason, window_ms, port_now_ms());
    while ((verdict = dfu_recovery_look(&recovery, port_now_ms())) == DFU_RECOVERY_STAY) {
        size_t len = console_poll(&console);

        if (len > 0) {
            dfu_recovery_receive(&recovery, request, len, &link, port_now_ms());
        } else {
            port_idle();
        }
    }
    if (verdict == DFU_RECOVERY_RESET || recovery.has_changed) { /* the verdict may be a fault */
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
    struct dfu_boot_result result = { 0 };
    int err;

#ifdef CONFIG_BOOT_CONSOLE
    port_start();
#endif
    err = dfu_boot_checked(&boot_config, &result);
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
    while (err || !dfu_boot_may_run(&boot_config, &result)) {
        port_halt();
    }
    port_jump(board_address(result.area) + result.image_off + result.header.hdr_size);
}
