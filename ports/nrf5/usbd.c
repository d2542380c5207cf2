/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The USB device controller of the nRF52840, its endpoint 0. Builds, has not been run. Register numbers
 * and sequences are those of the nRF52840 Product Specification, USBD, CLOCK and POWER; the two that
 * unlock something are of its Errata, 171 and 187. The controller takes SET_ADDRESS by itself. */
#include <stdbool.h>

#include "chip.h"
#include "chip_usb.h"
#include "port.h"

#define CLOCK_HFCLKSTAT    REG(0x4000040c)
#define CRYSTAL_RUNS       (1u << 16 | 1u)
#define POWER_USBREGSTATUS REG(0x40000438)
#define VBUS_IS_THERE      1u
#define REGULATOR_IS_READY 2u
#define USBD(off)          REG(0x40027000 + (off))
#define TASK_STARTEPIN0    USBD(0x004)
#define TASK_STARTEPOUT0   USBD(0x028)
#define TASK_EP0RCVOUT     USBD(0x04c)
#define TASK_EP0STATUS     USBD(0x050)
#define TASK_EP0STALL      USBD(0x054)
#define EVENT_USBRESET     USBD(0x100)
#define EVENT_ENDEPIN0     USBD(0x108)
#define EVENT_EP0DATADONE  USBD(0x128)
#define EVENT_ENDEPOUT0    USBD(0x130)
#define EVENT_EP0SETUP     USBD(0x15c)
#define INTENSET           USBD(0x304)
#define INTERRUPTS         (1u << 0 | 1u << 10 | 1u << 23) /* USBRESET, EP0DATADONE, EP0SETUP */
#define EVENTCAUSE         USBD(0x400)
#define READY              (1u << 11)
#define SETUP_BYTE(i)      USBD(0x480 + 4 * (i)) /* BMREQUESTTYPE to WLENGTHH */
#define SIZE_EPOUT0        USBD(0x4a0)
#define ENABLE             USBD(0x500)
#define USBPULLUP          USBD(0x504)
#define EPIN0_PTR          USBD(0x600)
#define EPIN0_MAXCNT       USBD(0x604)
#define EPOUT0_PTR         USBD(0x700)
#define EPOUT0_MAXCNT      USBD(0x704)

#define ERRATA_KEY REG(0x4006ec00)
#define ERRATA_171 REG(0x4006ec14)
#define ERRATA_187 REG(0x4006ed14)

#define IN          0x80u
#define SET_ADDRESS 5u
#define PACKET      64u

static bool is_wanted, is_on;
static struct dfu_usb_setup setup;
static enum { IDLE, SENDING, RECEIVING } stage;
static uint32_t total, done;

static bool take(volatile uint32_t *event)
{
    bool has_come = *event != 0;

    *event = 0;
    return has_come;
}

/* ---- Data between memory and the endpoint ---- */

static void send_packet(void)
{
    uint32_t len = total - done < PACKET ? total - done : PACKET;

    EPIN0_PTR = (uint32_t)(uintptr_t)(usb_data + done);
    EPIN0_MAXCNT = len;
    EVENT_ENDEPIN0 = 0;
    TASK_STARTEPIN0 = 1;
    while (EVENT_ENDEPIN0 == 0) {
    }
    done += len;
}

static uint32_t receive_packet(void)
{
    uint32_t len = SIZE_EPOUT0 & 0x7f;

    len = len < total - done ? len : total - done;
    EPOUT0_PTR = (uint32_t)(uintptr_t)(usb_data + done);
    EPOUT0_MAXCNT = len;
    EVENT_ENDEPOUT0 = 0;
    TASK_STARTEPOUT0 = 1;
    while (EVENT_ENDEPOUT0 == 0) {
    }
    done += len;
    return len;
}

/* ---- Requests ---- */

/* Its OUT data is there, if it has any. */
static void answer(void)
{
    int len = usb_request(&setup);

    stage = IDLE;
    if (len < 0) {
        TASK_EP0STALL = 1;
    } else if ((setup.type & IN) == 0 || setup.length == 0) {
        TASK_EP0STATUS = 1;
    } else {
        stage = SENDING;
        total = (uint32_t)len;
        send_packet();
    }
}

static void begin(void)
{
    uint8_t raw[DFU_USB_SETUP_SIZE];

    for (unsigned i = 0; i < sizeof raw; i++) {
        raw[i] = (uint8_t)SETUP_BYTE(i);
    }
    dfu_usb_setup_decode(raw, &setup);
    done = 0;
    if (setup.type == 0 && setup.request == SET_ADDRESS) {
        return;
    }
    if ((setup.type & IN) != 0 || setup.length == 0) {
        answer();
    } else if (setup.length > sizeof usb_data) {
        TASK_EP0STALL = 1;
    } else {
        stage = RECEIVING;
        total = setup.length;
        TASK_EP0RCVOUT = 1;
    }
}

/* A packet has gone, or has come. An answer that is shorter than was asked for ends with a packet that
 * is not full, be it empty. */
static void go_on(void)
{
    if (stage == SENDING) {
        bool needs_end = done == total && total > 0 && total % PACKET == 0 && total < setup.length;

        if (done < total || needs_end) {
            setup.length = needs_end ? (uint16_t)total : setup.length; /* once */
            send_packet();
        } else {
            stage = IDLE;
            TASK_EP0STATUS = 1;
        }
    } else if (stage == RECEIVING) {
        if (receive_packet() == PACKET && done < total) {
            TASK_EP0RCVOUT = 1;
        } else {
            setup.length = (uint16_t)done;
            answer();
        }
    }
}

/* ---- On and off ---- */

static void write_errata(volatile uint32_t *reg, uint32_t value)
{
    ERRATA_KEY = 0x9375;
    *reg = value;
    ERRATA_KEY = 0x9375;
}

/* Once there is power from the host and the crystal runs, which chip_start() has asked for. */
static void switch_on(void)
{
    const uint32_t power = VBUS_IS_THERE | REGULATOR_IS_READY;

    if ((POWER_USBREGSTATUS & power) != power || (CLOCK_HFCLKSTAT & CRYSTAL_RUNS) != CRYSTAL_RUNS) {
        return;
    }
    EVENTCAUSE = READY;
    write_errata(&ERRATA_187, 3);
    write_errata(&ERRATA_171, 0xc0);
    ENABLE = 1;
    while ((EVENTCAUSE & READY) == 0) {
    }
    EVENTCAUSE = READY;
    write_errata(&ERRATA_171, 0);
    write_errata(&ERRATA_187, 0);
    stage = IDLE;
    INTENSET = INTERRUPTS;
    USBPULLUP = 1;
    is_on = true;
}

static void switch_off(void)
{
    USBPULLUP = 0;
    ENABLE = 0;
    is_on = false;
}

void chip_usb_attach(void)
{
    is_wanted = true;
}

void chip_usb_detach(void)
{
    is_wanted = false;
    switch_off();
}

void chip_usb_poll(void)
{
    if (is_wanted && !is_on) {
        switch_on();
    } else if (is_on && (POWER_USBREGSTATUS & VBUS_IS_THERE) == 0) {
        switch_off();
    }
    if (!is_on) {
        return;
    }
    if (take(&EVENT_USBRESET)) {
        stage = IDLE;
        usb_bus_reset();
    }
    if (take(&EVENT_EP0DATADONE)) {
        go_on();
    }
    if (take(&EVENT_EP0SETUP)) {
        begin();
    }
    port_wake_for(CHIP_USB_IRQ);
}
