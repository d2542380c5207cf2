/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Alternate setting 0 is slot 0, to be read back; 1 is slot 1, to be written. An image is marked for
 * the next start only if the bootloader would take it. */
#include "usb.h"

#include "board_table.h"
#include "boot_policy.h"
#include "chip_usb.h"
#include "console.h"
#include "dfu/err.h"
#include "dfu/usb_device.h"
#include "dfu/usb_slot.h"
#include "port.h"

#define IN              0x80u
#define TYPE_MASK       0x60u
#define CLASS           0x20u
#define OFF_THE_BUS_MS  100u /* so that hosts see it go */
#define REBOOT_DELAY_MS 500u
#define REST_MS         5000u
#define ALTS            2u

struct dfu_lock usb_lock;
uint8_t usb_data[CONFIG_USB_REQUEST_BUFFER_SIZE];

static uint8_t block[CONFIG_USB_REQUEST_BUFFER_SIZE], scratch[512];
static struct dfu_usb_slot slots[ALTS];
static struct dfu_usb_device device;
static enum dfu_usb_wish wish;

static const struct dfu_image_policy policy = BOOT_POLICY;

static const struct dfu_usb_slot_config slot_config = {
    .map = &board_map,
    .policy = &policy,
#ifdef CONFIG_USB_DFU_PERMANENT_DOWNLOAD
    .permanent = true,
#endif
    .timing = { .erase_sector_us = CHIP_ERASE_US,
                .write_kib_us = CHIP_WRITE_KIB_US,
                .verify_kib_us = CHIP_VERIFY_KIB_US,
                .signature_us = CHIP_SIGNATURE_US },
    .lock = &usb_lock,
    .buf = scratch,
    .buf_len = sizeof scratch,
};

static const struct dfu_usb_alt alts[ALTS] = {
    { "image_0", &dfu_usb_slot_ops, &slots[0], .can_upload = true },
    { "image_1", &dfu_usb_slot_ops, &slots[1], .can_download = true, .can_upload = true },
};

static const struct dfu_usb_dfu_config dfu_config = {
    .alts = alts,
    .alt_count = ALTS,
    .text_string = DFU_USB_STR_FIRST + ALTS,
    .block = block,
    .transfer_size = sizeof block,
#ifdef CONFIG_USB_DFU_ENABLE_UPLOAD
    .upload = true,
#endif
#ifdef CONFIG_USB_DFU_REBOOT
    .reboot = true,
#endif
    .reboot_delay_ms = REBOOT_DELAY_MS,
#ifdef CONFIG_USB_DFU_WILL_DETACH
    .will_detach = true,
#endif
    .detach_timeout_ms = CONFIG_USB_DFU_DETACH_TIMEOUT,
    .poll_timeout_ms = CONFIG_USB_DFU_DEFAULT_POLLTIMEOUT,
    .rest_ms = REST_MS,
};

static const struct dfu_usb_identity identity = {
    .vendor = CONFIG_USB_DEVICE_VID,
    .product = CONFIG_USB_DEVICE_PID,
    .dfu_product = CONFIG_USB_DEVICE_DFU_PID,
    .release = 0x0100,
    .manufacturer = CONFIG_USB_DEVICE_MANUFACTURER,
    .name = CONFIG_USB_DEVICE_PRODUCT,
    .serial = CONFIG_USB_DEVICE_SN,
};

static const struct dfu_usb_device_config config = { .identity = &identity, .dfu = &dfu_config };

static uint32_t now_ms(void)
{
    return (uint32_t)port_now_ms();
}

/* No descriptor is longer than a block, whatever a host asks for. */
int usb_request(const struct dfu_usb_setup *asked)
{
    struct dfu_usb_setup setup = *asked;

    if (setup.length > sizeof usb_data) {
        if ((setup.type & IN) == 0 || (setup.type & TYPE_MASK) == CLASS) {
            return DFU_ERR_STATE;
        }
        setup.length = sizeof usb_data;
    }
    return dfu_usb_device_control(&device, &setup, usb_data, now_ms());
}

void usb_bus_reset(void)
{
    wish = dfu_usb_device_bus_reset(&device, now_ms());
}

static void enter_dfu_mode(void)
{
    uint64_t until = port_now_ms() + OFF_THE_BUS_MS;

    chip_usb_detach();
    while (port_now_ms() < until) {
        port_idle();
    }
    dfu_usb_device_start(&device, &config, DFU_USB_DFU_MODE);
    chip_usb_attach();
}

bool usb_poll(void)
{
    wish = DFU_USB_STAY;
    chip_usb_poll();
    if (wish == DFU_USB_STAY) {
        wish = dfu_usb_dfu_step(&device.dfu, now_ms());
    }
    if (wish == DFU_USB_ENTER_DFU) {
        enter_dfu_mode();
    } else if (wish == DFU_USB_RESTART) {
        chip_usb_detach();
        port_reset();
    }
    return dfu_usb_dfu_has_work(&device.dfu);
}

void usb_start(void)
{
    if (dfu_usb_slot_check(&slot_config) || dfu_usb_device_check(&config)) {
        console_print_line("USB DFU: this configuration cannot work");
        return;
    }
    dfu_usb_slot_init(&slots[0], &slot_config, board_map.images[0].primary);
    dfu_usb_slot_init(&slots[1], &slot_config, board_map.images[0].secondary);
    dfu_usb_device_start(&device, &config, DFU_USB_RUNTIME);
    console_print_line("<inf> main: This device supports USB DFU class.");
    chip_usb_attach();
}
