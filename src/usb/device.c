/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Control requests of a device: USB 2.0 chapter 9, CDC-ACM, and the two vendor requests; those of
 * the DFU interface go on to the class. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/usb_device.h"

/* bmRequestType */
#define IN             0x80u
#define TYPE_MASK      0x60u
#define STANDARD       0x00u
#define CLASS          0x20u
#define VENDOR         0x40u
#define RECIPIENT_MASK 0x1fu
#define TO_DEVICE      0u
#define TO_INTERFACE   1u
#define TO_ENDPOINT    2u

/* Standard requests */
#define GET_STATUS        0u
#define CLEAR_FEATURE     1u
#define SET_FEATURE       3u
#define SET_ADDRESS       5u
#define GET_DESCRIPTOR    6u
#define GET_CONFIGURATION 8u
#define SET_CONFIGURATION 9u
#define GET_INTERFACE     10u
#define SET_INTERFACE     11u

/* CDC-ACM requests */
#define SET_LINE_CODING        0x20u
#define GET_LINE_CODING        0x21u
#define SET_CONTROL_LINE_STATE 0x22u
#define SEND_BREAK             0x23u
#define DTR                    1u

#define MS_OS_DESCRIPTOR_SET 7u
#define WEBUSB_GET_URL       2u

static uint8_t dfu_interface(const struct dfu_usb_device *dev)
{
    return dev->mode == DFU_USB_RUNTIME ? dev->cfg->dfu->interface : 0;
}

static bool has_cdc(const struct dfu_usb_device *dev)
{
    return dev->cfg->cdc && dev->mode == DFU_USB_RUNTIME;
}

static int answer_byte(const struct dfu_usb_setup *setup, uint8_t *data, uint8_t value)
{
    if (setup->length == 0) {
        return 0;
    }
    data[0] = value;
    return 1;
}

/* Nothing there is to be described: stall. */
static int or_stall(size_t len)
{
    return len > 0 ? (int)len : DFU_ERR_STATE;
}

static int get_descriptor(const struct dfu_usb_device *dev, const struct dfu_usb_setup *setup,
                          uint8_t *data)
{
    uint8_t index = (uint8_t)setup->value;
    size_t cap = setup->length;

    if (cap == 0) {
        return 0;
    }
    switch (setup->value >> 8) {
    case DFU_USB_DT_DEVICE: return (int)dfu_usb_describe_device(dev, data, cap);
    case DFU_USB_DT_CONFIGURATION:
        return index == 0 ? (int)dfu_usb_describe_configuration(dev, data, cap) : DFU_ERR_STATE;
    case DFU_USB_DT_STRING: return or_stall(dfu_usb_describe_string(dev, index, data, cap));
    case DFU_USB_DT_BOS: return or_stall(dfu_usb_describe_bos(dev, data, cap));
    default: return DFU_ERR_STATE;
    }
}

static int set_configuration(struct dfu_usb_device *dev, uint16_t value)
{
    if (value > 1) {
        return DFU_ERR_STATE;
    }
    dev->configuration = (uint8_t)value;
    if (value == 1) {
        dfu_usb_dfu_configured(&dev->dfu);
    }
    return 0;
}

static int to_device(struct dfu_usb_device *dev, const struct dfu_usb_setup *setup, uint8_t *data)
{
    switch (setup->request) {
    case GET_DESCRIPTOR: return setup->type & IN ? get_descriptor(dev, setup, data) : DFU_ERR_STATE;
    case SET_CONFIGURATION: return set_configuration(dev, setup->value);
    case GET_CONFIGURATION:
        return setup->type & IN ? answer_byte(setup, data, dev->configuration) : DFU_ERR_STATE;
    case SET_ADDRESS: return 0; /* the controller's business */
    default: return DFU_ERR_STATE;
    }
}

static int to_interface(struct dfu_usb_device *dev, const struct dfu_usb_setup *setup,
                        uint8_t *data)
{
    bool is_dfu = setup->index == dfu_interface(dev);

    if (setup->request == GET_INTERFACE && (setup->type & IN)) {
        return answer_byte(setup, data, is_dfu ? dev->dfu.alt : 0);
    }
    if (setup->request != SET_INTERFACE) {
        return DFU_ERR_STATE;
    }
    if (is_dfu) {
        return dfu_usb_dfu_select(&dev->dfu, setup->value);
    }
    return has_cdc(dev) && setup->index < 2 && setup->value == 0 ? 0 : DFU_ERR_STATE;
}

static int standard(struct dfu_usb_device *dev, const struct dfu_usb_setup *setup, uint8_t *data)
{
    uint8_t recipient = setup->type & RECIPIENT_MASK;

    if (setup->request == GET_STATUS && (setup->type & IN)) {
        uint32_t len = min_u32(setup->length, 2);

        if (len > 0) {
            memset(data, 0, len);
        }
        return (int)len;
    }
    switch (recipient) {
    case TO_DEVICE: return to_device(dev, setup, data);
    case TO_INTERFACE: return to_interface(dev, setup, data);
    case TO_ENDPOINT: /* halt, which these endpoints never are */
        return setup->request == CLEAR_FEATURE || setup->request == SET_FEATURE ? 0 : DFU_ERR_STATE;
    default: return DFU_ERR_STATE;
    }
}

static int cdc(struct dfu_usb_device *dev, const struct dfu_usb_setup *setup, uint8_t *data)
{
    uint32_t len = min_u32(setup->length, sizeof dev->line_coding);

    switch (setup->request) {
    case SET_LINE_CODING:
        if ((setup->type & IN) || len < sizeof dev->line_coding || !data) {
            return DFU_ERR_STATE;
        }
        memcpy(dev->line_coding, data, len);
        return 0;
    case GET_LINE_CODING:
        if (!(setup->type & IN)) {
            return DFU_ERR_STATE;
        }
        if (len > 0) {
            memcpy(data, dev->line_coding, len);
        }
        return (int)len;
    case SET_CONTROL_LINE_STATE: dev->is_line_open = setup->value & DTR; return 0;
    case SEND_BREAK: return 0;
    default: return DFU_ERR_STATE;
    }
}

static int vendor(const struct dfu_usb_device *dev, const struct dfu_usb_setup *setup,
                  uint8_t *data)
{
    if (!(setup->type & IN) || setup->length == 0) {
        return DFU_ERR_STATE;
    }
    if (setup->request == DFU_USB_VENDOR_MS_OS && setup->index == MS_OS_DESCRIPTOR_SET) {
        return or_stall(dfu_usb_describe_ms_os(dev, data, setup->length));
    }
    if (setup->request == DFU_USB_VENDOR_WEBUSB && setup->index == WEBUSB_GET_URL) {
        return or_stall(dfu_usb_describe_url(dev, data, setup->length));
    }
    return DFU_ERR_STATE;
}

int dfu_usb_device_control(struct dfu_usb_device *dev, const struct dfu_usb_setup *setup,
                           uint8_t *data, uint32_t now_ms)
{
    switch (setup->type & TYPE_MASK) {
    case STANDARD: return standard(dev, setup, data);
    case VENDOR: return vendor(dev, setup, data);
    case CLASS: break;
    default: return DFU_ERR_STATE;
    }
    if ((setup->type & RECIPIENT_MASK) != TO_INTERFACE) {
        return DFU_ERR_STATE;
    }
    if (setup->index == dfu_interface(dev)) {
        return dev->cfg->dialect ? dev->cfg->dialect->control(&dev->dfu, setup, data, now_ms)
                                 : dfu_usb_dfu_control(&dev->dfu, setup, data, now_ms);
    }
    return has_cdc(dev) && setup->index == 0 ? cdc(dev, setup, data) : DFU_ERR_STATE;
}

enum dfu_usb_wish dfu_usb_device_bus_reset(struct dfu_usb_device *dev, uint32_t now_ms)
{
    dev->configuration = 0;
    dev->is_line_open = false;
    return dfu_usb_dfu_bus_reset(&dev->dfu, now_ms);
}

int dfu_usb_device_check(const struct dfu_usb_device_config *cfg)
{
    const struct dfu_usb_identity *id = cfg->identity;
    int err;

    if (!id || !id->manufacturer || !id->name || !id->serial || !cfg->dfu) {
        return DFU_ERR_INVAL;
    }
    if ((id->guid && strlen(id->guid) != 38) ||
        (id->web_url &&
         (strncmp(id->web_url, "https://", 8) != 0 || strlen(id->web_url) > 8 + 252))) {
        return DFU_ERR_INVAL;
    }
    err = dfu_usb_dfu_check(cfg->dfu);
    if (err) {
        return err;
    }
    if (cfg->dfu->interface != (cfg->cdc ? 2 : 0) ||
        (cfg->dfu->text_string != 0 &&
         cfg->dfu->text_string != DFU_USB_STR_FIRST + cfg->dfu->alt_count)) {
        return DFU_ERR_INVAL;
    }
    return DFU_OK;
}

void dfu_usb_device_start(struct dfu_usb_device *dev, const struct dfu_usb_device_config *cfg,
                          enum dfu_usb_mode mode)
{
    static const uint8_t line_coding[] = { 0x00, 0xc2, 0x01, 0x00, 0, 0, 8 }; /* 115200 8N1 */

    memset(dev, 0, sizeof *dev);
    dev->cfg = cfg;
    dev->mode = mode;
    memcpy(dev->line_coding, line_coding, sizeof line_coding);
    dfu_usb_dfu_start(&dev->dfu, cfg->dfu, mode);
}
