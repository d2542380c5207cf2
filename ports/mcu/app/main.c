/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* An application that can be updated: an SMP server on the console with the OS and image groups, and
 * what else its options name. */
#include "app_config.h"
#include "console.h"
#include "dfu/err.h"
#include "dfu/smp_basic.h"
#include "dfu/smp_lock.h"
#include "dfu/update.h"
#ifdef CONFIG_MCUMGR_TRANSPORT_BT
#include "ble.h"
#endif
#ifdef CONFIG_MCUMGR_TRANSPORT_UDP
#include "net.h"
#endif
#include "port.h"
#include "start.h"
#ifdef CONFIG_USB_DFU_CLASS
#include "usb.h"
#endif

#define RESET_DELAY_MS 250u /* for the answer to get out */

static struct console console;
static uint8_t request[CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE + DFU_SMP_SERIAL_CRC_SIZE];
static uint8_t response[CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE];
static uint64_t reset_ms = UINT64_MAX;

/* The one thread there is; its run time in ticks shows that exceptions arrive. */
int app_task(void *ctx, uint32_t index, struct dfu_smp_task *task)
{
    (void)ctx;
    *task = (struct dfu_smp_task){ .name = "main", .has_runtime = true, .runtime = start_ticks };
    return index == 0 ? DFU_OK : DFU_ERR_NOENT;
}

int app_reset(void *ctx, bool force, uint8_t boot_mode)
{
    (void)ctx;
    (void)force;
    port_retained.boot_mode = boot_mode;
    port_retained.boot_mode_ok = ~(uint32_t)boot_mode;
    reset_ms = port_now_ms() + RESET_DELAY_MS;
    return DFU_OK;
}

/* Of what is not constant. */
static struct dfu_smp_img img;

#ifdef CONFIG_MCUMGR_GRP_ZBASIC_STORAGE_ERASE
static const struct dfu_area *const storage[] = { &board_storage_partition };
static struct dfu_smp_basic basic = { .areas = storage, .area_count = 1 };
#endif

static const struct dfu_smp_binding bindings[] = {
#ifdef CONFIG_MCUMGR_GRP_OS
    { &dfu_smp_group_os, NULL },
#endif
#ifdef CONFIG_MCUMGR_GRP_IMG
    { &dfu_smp_group_img, &img },
#endif
#ifdef CONFIG_MCUMGR_GRP_ZBASIC_STORAGE_ERASE
    { &dfu_smp_group_basic, &basic },
#endif
};

#ifdef CONFIG_APP_PERMANENT_DOWNLOAD
/* An upload has ended; one whose hash was wrong has left no header. */
static enum dfu_smp_hook_result make_permanent(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_chunk_event *chunk = event->data;
    const struct dfu_area *area = board_map.images[chunk->image].secondary;
    struct dfu_mcuboot_img_header header;

    (void)ctx;
    if (dfu_boot_read_bank_header(area, dfu_slot_upload_offset(&board_map, chunk->image),
                                  &header) == DFU_OK) {
        (void)dfu_boot_request_upgrade(&board_map, chunk->image, true);
    }
    return DFU_SMP_HOOK_OK;
}
#endif

/* ---- Hooks ---- */

struct dfu_smp_hook app_hooks[HOOK_COUNT]; /* there may be none */

#ifdef CONFIG_USB_DFU_CLASS
static struct dfu_smp_lock smp_lock;
#endif

static void set_hooks(void)
{
#ifdef CONFIG_USB_DFU_CLASS
    dfu_smp_lock_init(&smp_lock, &usb_lock, &img);
    app_hooks[HOOK_LOCK] = dfu_smp_lock_hook(&smp_lock);
#endif
#ifdef CONFIG_MCUMGR_TRANSPORT_BT
    app_hooks[HOOK_CHUNK] = ble_hook();
#endif
#ifdef CONFIG_APP_PERMANENT_DOWNLOAD
    app_hooks[HOOK_PERMANENT] =
        (struct dfu_smp_hook){ DFU_SMP_EV_DFU_PENDING, make_permanent, NULL };
#endif
}

/* ---- Servers ---- */

/* The same commands for all; each has a buffer of its own. */
#define SERVER(answers, size, count)                                                 \
    {                                                                                \
        .bindings = bindings, .binding_count = sizeof bindings / sizeof bindings[0], \
        .response = (answers), .response_cap = sizeof(answers), .buf_size = (size),  \
        .buf_count = (count),                                                        \
    }

static struct dfu_smp_server server = SERVER(response, CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE, 1);

#ifdef CONFIG_MCUMGR_TRANSPORT_BT
static uint8_t ble_response[BLE_PACKET_MAX];
static struct dfu_smp_server ble_server =
    SERVER(ble_response, BLE_PACKET_MAX, CONFIG_MCUMGR_TRANSPORT_NETBUF_COUNT);
#endif

#ifdef CONFIG_MCUMGR_TRANSPORT_UDP
static uint8_t udp_response[NET_DATAGRAM_MAX];
static struct dfu_smp_server udp_server = SERVER(udp_response, NET_DATAGRAM_MAX, 4);
#endif

/* ---- The program ---- */

static void start_transports(void)
{
#ifdef CONFIG_MCUMGR_TRANSPORT_UDP
    net_start(&udp_server, CONFIG_NET_CONFIG_MY_IPV4_ADDR);
#endif
#ifdef CONFIG_MCUMGR_TRANSPORT_BT
    ble_start(&ble_server);
#endif
#ifdef CONFIG_USB_DFU_CLASS
    usb_start();
#endif
}

/* True: there is more to do. */
static bool poll_transports(void)
{
    bool is_busy = false;

#ifdef CONFIG_MCUMGR_TRANSPORT_UDP
    net_poll();
#endif
#ifdef CONFIG_MCUMGR_TRANSPORT_BT
    ble_poll();
#endif
#ifdef CONFIG_USB_DFU_CLASS
    is_busy = usb_poll();
    dfu_smp_lock_poll(&smp_lock, port_now_ms());
#endif
    return is_busy;
}

static size_t take_request(void)
{
#ifdef CONFIG_MCUMGR_TRANSPORT_UART
    return console_poll(&console);
#else
    return 0;
#endif
}

int main(void)
{
    static const struct dfu_smp_link link = { .send = console_send };

    port_start();
    port_enable_interrupts();
    console_init(&console, request, sizeof request);
    set_hooks();
    console_print_line("*** dfukit application " CONFIG_MCUBOOT_IMGTOOL_SIGN_VERSION " on " BOARD
                       " ***");
#ifdef CONFIG_APP_CONFIRM_SELF
    if (dfu_boot_write_img_confirmed(&board_map, 0)) {
        console_print_line("cannot confirm this image");
    }
#endif
    start_transports();
    for (;;) {
        bool is_busy = poll_transports();
        size_t len = take_request();

        if (len > 0) {
            dfu_smp_receive(&server, request, len, &link);
        } else if (port_now_ms() >= reset_ms) {
            port_reset();
        } else if (!is_busy) {
            port_idle();
        }
    }
}
