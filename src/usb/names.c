/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Words for the numbers of DFU, for hosts and logs, and setup packets as bytes. */
#include "base/bytes.h"
#include "dfu/usb_dfu.h"

static const char *const states[] = {
    "appIDLE",        "appDETACH",        "dfuIDLE",     "dfuDNLOAD-SYNC",         "dfuDNBUSY",
    "dfuDNLOAD-IDLE", "dfuMANIFEST-SYNC", "dfuMANIFEST", "dfuMANIFEST-WAIT-RESET", "dfuUPLOAD-IDLE",
    "dfuERROR",
};

static const struct {
    const char *name, *text;
} statuses[] = {
    { "OK", "no error" },
    { "errTARGET", "the file is not for this device" },
    { "errFILE", "the file is no image that this device may install" },
    { "errWRITE", "this memory can't be written" },
    { "errERASE", "erasing failed" },
    { "errCHECK_ERASED", "memory isn't empty after erasing" },
    { "errPROG", "programming failed" },
    { "errVERIFY", "the image is damaged or not signed for this device" },
    { "errADDRESS", "the image is larger than the memory" },
    { "errNOTDONE", "the image ended before it was complete" },
    { "errFIRMWARE", "there is no application that could run" },
    { "errVENDOR", "the device refused for a reason of its own" },
    { "errUSBR", "the bus was reset in the middle of a transfer" },
    { "errPOR", "power was lost in the middle of a transfer" },
    { "errUNKNOWN", "the device doesn't know what went wrong" },
    { "errSTALLEDPKT", "the device didn't expect this request" },
};

const char *dfu_usb_state_name(unsigned state)
{
    return state < sizeof states / sizeof states[0] ? states[state] : "?";
}

const char *dfu_usb_status_name(unsigned status)
{
    return status < sizeof statuses / sizeof statuses[0] ? statuses[status].name : "?";
}

const char *dfu_usb_status_text(unsigned status)
{
    return status < sizeof statuses / sizeof statuses[0] ? statuses[status].text : "?";
}

void dfu_usb_setup_decode(const uint8_t in[DFU_USB_SETUP_SIZE], struct dfu_usb_setup *out)
{
    out->type = in[0];
    out->request = in[1];
    out->value = get_le16(in + 2);
    out->index = get_le16(in + 4);
    out->length = get_le16(in + 6);
}

void dfu_usb_setup_encode(const struct dfu_usb_setup *setup, uint8_t out[DFU_USB_SETUP_SIZE])
{
    out[0] = setup->type;
    out[1] = setup->request;
    put_le16(out + 2, setup->value);
    put_le16(out + 4, setup->index);
    put_le16(out + 6, setup->length);
}
