/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Descriptors of both personalities, made when a host asks. USB 2.0 chapter 9, DFU 1.1 section 4,
 * CDC 1.2, MS OS 2.0, WebUSB. */
#include "dfu/usb_device.h"
#include "usb/writer.h"

#define LEN_DEVICE        18u
#define LEN_CONFIGURATION 9u
#define LEN_INTERFACE     9u
#define LEN_DFU           9u
#define LEN_CDC           (8u + 9u + 5u + 5u + 4u + 5u + 7u + 9u + 7u + 7u)
#define LEN_BOS           5u
#define LEN_BOS_MS_OS     28u
#define LEN_BOS_WEBUSB    24u
#define LEN_GUID          38u

#define STR_RUNTIME_DFU DFU_USB_STR_FIRST
#define STR_RUNTIME_CDC (DFU_USB_STR_FIRST + 1u)

#define WINDOWS_8_1 0x06030000u
#define BUS_POWERED 0x80u
#define POWER_2MA   50u
#define LANGUAGE_US 0x0409u

static bool is_runtime(const struct dfu_usb_device *dev)
{
    return dev->mode == DFU_USB_RUNTIME;
}

static bool is_composite(const struct dfu_usb_device *dev)
{
    return is_runtime(dev) && dev->cfg->cdc;
}

static bool has_bos(const struct dfu_usb_device *dev)
{
    return dev->cfg->identity->guid || dev->cfg->identity->web_url;
}

/* ---- Device, configuration ---- */

size_t dfu_usb_describe_device(const struct dfu_usb_device *dev, uint8_t *out, size_t cap)
{
    const struct dfu_usb_identity *id = dev->cfg->identity;
    struct writer w = { out, cap, 0 };

    put_byte(&w, LEN_DEVICE);
    put_byte(&w, DFU_USB_DT_DEVICE);
    put_word(&w, has_bos(dev) ? 0x0201 : 0x0200);
    put_bytes(&w, is_composite(dev) ? "\xef\x02\x01" : "\0\0", 3);
    put_byte(&w, DFU_USB_EP0_SIZE);
    put_word(&w, id->vendor);
    put_word(&w, is_runtime(dev) ? id->product : id->dfu_product);
    put_word(&w, id->release);
    put_byte(&w, DFU_USB_STR_MANUFACTURER);
    put_byte(&w, DFU_USB_STR_PRODUCT);
    put_byte(&w, DFU_USB_STR_SERIAL);
    put_byte(&w, 1);
    return w.len;
}

static void put_interface(struct writer *w, uint8_t number, uint8_t alt, const uint8_t what[4],
                          unsigned string)
{
    const uint8_t interface[] = {
        LEN_INTERFACE, DFU_USB_DT_INTERFACE, number, alt, what[0], what[1], what[2],
        what[3],       (uint8_t)string
    };

    put_bytes(w, interface, sizeof interface);
}

/* Endpoint count, class, subclass, protocol. */
static const uint8_t dfu_runtime[] = { 0, 0xfe, 1, 1 }, dfu_mode[] = { 0, 0xfe, 1, 2 };
static const uint8_t cdc_control[] = { 1, 2, 2, 0 }, cdc_data[] = { 2, 0x0a, 0, 0 };

static void put_dfu(struct writer *w, const struct dfu_usb_device *dev)
{
    const struct dfu_usb_dfu_config *dfu = dev->cfg->dfu;

    put_byte(w, LEN_DFU);
    put_byte(w, DFU_USB_DT_DFU);
    put_byte(w, dfu_usb_dfu_attributes(dfu));
    put_word(w, dfu->detach_timeout_ms);
    put_word(w, dfu->transfer_size);
    put_word(w, dev->cfg->dialect ? dev->cfg->dialect->version : 0x0110);
}

static void put_cdc(struct writer *w)
{
    static const uint8_t association[] = { 8, DFU_USB_DT_INTERFACE_ASSOCIATION, 0, 2, 2, 2, 0, 0 };
    static const uint8_t functional[] = {
        5,
        DFU_USB_DT_CLASS_INTERFACE,
        0,
        0x10,
        0x01, /* header, CDC 1.1 */
        5,
        DFU_USB_DT_CLASS_INTERFACE,
        1,
        0,
        1, /* no call management; data interface 1 */
        4,
        DFU_USB_DT_CLASS_INTERFACE,
        2,
        2, /* ACM: line coding and control lines */
        5,
        DFU_USB_DT_CLASS_INTERFACE,
        6,
        0,
        1, /* union of 0 and 1 */
        7,
        DFU_USB_DT_ENDPOINT,
        0x80 | DFU_USB_EP_NOTIFY,
        3,
        16,
        0,
        10,
    };
    static const uint8_t data[] = {
        7, DFU_USB_DT_ENDPOINT, 0x80 | DFU_USB_EP_DATA, 2, DFU_USB_EP_DATA_SIZE, 0, 0,
        7, DFU_USB_DT_ENDPOINT, DFU_USB_EP_DATA,        2, DFU_USB_EP_DATA_SIZE, 0, 0,
    };

    put_bytes(w, association, sizeof association);
    put_interface(w, 0, 0, cdc_control, STR_RUNTIME_CDC);
    put_bytes(w, functional, sizeof functional);
    put_interface(w, 1, 0, cdc_data, STR_RUNTIME_CDC);
    put_bytes(w, data, sizeof data);
}

size_t dfu_usb_describe_configuration(const struct dfu_usb_device *dev, uint8_t *out, size_t cap)
{
    const struct dfu_usb_dfu_config *dfu = dev->cfg->dfu;
    uint8_t alts = is_runtime(dev) ? 1 : dfu->alt_count;
    size_t total = LEN_CONFIGURATION + (is_composite(dev) ? LEN_CDC : 0) +
                   (size_t)LEN_INTERFACE * alts + LEN_DFU;
    struct writer w = { out, cap, 0 };

    put_byte(&w, LEN_CONFIGURATION);
    put_byte(&w, DFU_USB_DT_CONFIGURATION);
    put_word(&w, (uint16_t)total);
    put_byte(&w, is_composite(dev) ? 3 : 1);
    put_byte(&w, 1);
    put_byte(&w, 0);
    put_byte(&w, BUS_POWERED);
    put_byte(&w, POWER_2MA);
    if (is_composite(dev)) {
        put_cdc(&w);
    }
    if (is_runtime(dev)) {
        put_interface(&w, dfu->interface, 0, dfu_runtime, STR_RUNTIME_DFU);
    }
    for (uint8_t i = 0; !is_runtime(dev) && i < alts; i++) {
        put_interface(&w, 0, i, dfu_mode, DFU_USB_STR_FIRST + i);
    }
    put_dfu(&w, dev);
    return w.len;
}

/* ---- Strings ---- */

static const char *string_of(const struct dfu_usb_device *dev, uint8_t index)
{
    const struct dfu_usb_dfu_config *dfu = dev->cfg->dfu;
    const struct dfu_usb_identity *id = dev->cfg->identity;

    switch (index) {
    case DFU_USB_STR_MANUFACTURER: return id->manufacturer;
    case DFU_USB_STR_PRODUCT: return id->name;
    case DFU_USB_STR_SERIAL: return id->serial;
    default: break;
    }
    if (is_runtime(dev)) {
        return index == STR_RUNTIME_DFU ? "DFU" : index == STR_RUNTIME_CDC ? "SMP console" : NULL;
    }
    if (index == dfu->text_string) {
        return dfu_usb_dfu_why(&dev->dfu);
    }
    if (index >= DFU_USB_STR_FIRST && index - DFU_USB_STR_FIRST < dfu->alt_count) {
        return dfu->alts[index - DFU_USB_STR_FIRST].name;
    }
    return NULL;
}

/* bLength is one byte: 126 characters at most. */
size_t dfu_usb_describe_string(const struct dfu_usb_device *dev, uint8_t index, uint8_t *out,
                               size_t cap)
{
    struct writer w = { out, cap, 0 };
    const char *text = index == 0 ? "" : string_of(dev, index);
    size_t len;

    if (!text) {
        return 0;
    }
    len = strlen(text);
    len = index == 0 ? 1 : len < 126 ? len : 126;
    put_byte(&w, (uint8_t)(2 + 2 * len));
    put_byte(&w, DFU_USB_DT_STRING);
    if (index == 0) {
        put_word(&w, LANGUAGE_US);
        return w.len;
    }
    for (size_t i = 0; i < len; i++) {
        put_word(&w, (uint8_t)text[i]);
    }
    return w.len;
}

/* ---- Windows and browsers ---- */

#define LEN_MS_HEADER   10u
#define LEN_MS_SUBSET   8u
#define LEN_MS_ID       20u
#define LEN_MS_REGISTRY 132u

static uint16_t ms_os_len(const struct dfu_usb_device *dev)
{
    return LEN_MS_HEADER + (is_composite(dev) ? 2 * LEN_MS_SUBSET : 0) + LEN_MS_ID +
           LEN_MS_REGISTRY;
}

static void put_long(struct writer *w, uint32_t value)
{
    put_word(w, (uint16_t)value);
    put_word(w, (uint16_t)(value >> 16));
}

static void put_capability(struct writer *w, uint8_t len, const char uuid[16])
{
    const uint8_t head[] = { len, DFU_USB_DT_CAPABILITY, 5 /* platform */, 0 };

    put_bytes(w, head, sizeof head);
    put_bytes(w, uuid, 16);
}

size_t dfu_usb_describe_bos(const struct dfu_usb_device *dev, uint8_t *out, size_t cap)
{
    static const char ms_os[] = "\xdf\x60\xdd\xd8\x89\x45\xc7\x4c\x9c\xd2\x65\x9d\x9e\x64\x8a\x9f";
    static const char webusb[] = "\x38\xb6\x08\x34\xa9\x09\xa0\x47\x8b\xfd\xa0\x76\x88\x15\xb6\x65";
    const struct dfu_usb_identity *id = dev->cfg->identity;
    struct writer w = { out, cap, 0 };
    uint16_t total =
        (uint16_t)(LEN_BOS + (id->guid ? LEN_BOS_MS_OS : 0) + (id->web_url ? LEN_BOS_WEBUSB : 0));

    if (!has_bos(dev)) {
        return 0;
    }
    put_byte(&w, LEN_BOS);
    put_byte(&w, DFU_USB_DT_BOS);
    put_word(&w, total);
    put_byte(&w, (uint8_t)((id->guid ? 1 : 0) + (id->web_url ? 1 : 0)));
    if (id->guid) {
        put_capability(&w, LEN_BOS_MS_OS, ms_os);
        put_long(&w, WINDOWS_8_1);
        put_word(&w, ms_os_len(dev));
        put_byte(&w, DFU_USB_VENDOR_MS_OS);
        put_byte(&w, 0); /* no alternate enumeration */
    }
    if (id->web_url) {
        put_capability(&w, LEN_BOS_WEBUSB, webusb);
        put_word(&w, 0x0100);
        put_byte(&w, DFU_USB_VENDOR_WEBUSB);
        put_byte(&w, 1); /* the landing page */
    }
    return w.len;
}

static void put_ms_subset(struct writer *w, uint8_t type, uint8_t first, uint16_t len)
{
    put_word(w, LEN_MS_SUBSET);
    put_word(w, type);
    put_byte(w, first);
    put_byte(w, 0);
    put_word(w, len);
}

size_t dfu_usb_describe_ms_os(const struct dfu_usb_device *dev, uint8_t *out, size_t cap)
{
    struct writer w = { out, cap, 0 };
    uint16_t total = ms_os_len(dev);

    if (!dev->cfg->identity->guid) {
        return 0;
    }
    put_word(&w, LEN_MS_HEADER);
    put_word(&w, 0);
    put_long(&w, WINDOWS_8_1);
    put_word(&w, total);
    if (is_composite(dev)) {
        put_ms_subset(&w, 1, 0, (uint16_t)(total - LEN_MS_HEADER));
        put_ms_subset(&w, 2, dev->cfg->dfu->interface,
                      (uint16_t)(total - LEN_MS_HEADER - LEN_MS_SUBSET));
    }
    put_word(&w, LEN_MS_ID);
    put_word(&w, 3);
    put_bytes(&w, "WINUSB\0\0\0\0\0\0\0\0\0", 16);
    put_word(&w, LEN_MS_REGISTRY);
    put_word(&w, 4);
    put_word(&w, 7); /* REG_MULTI_SZ */
    put_word(&w, 2 * sizeof "DeviceInterfaceGUIDs");
    put_wide(&w, "DeviceInterfaceGUIDs");
    put_word(&w, 0);
    put_word(&w, 2 * (LEN_GUID + 2));
    put_wide(&w, dev->cfg->identity->guid);
    put_long(&w, 0); /* ends the string, and the list */
    return w.len;
}

size_t dfu_usb_describe_url(const struct dfu_usb_device *dev, uint8_t *out, size_t cap)
{
    static const char scheme[] = "https://";
    const char *url = dev->cfg->identity->web_url;
    struct writer w = { out, cap, 0 };

    if (!url) {
        return 0;
    }
    url += sizeof scheme - 1;
    put_byte(&w, (uint8_t)(3 + strlen(url)));
    put_byte(&w, 3);
    put_byte(&w, 1); /* https */
    put_bytes(&w, url, strlen(url));
    return w.len;
}
