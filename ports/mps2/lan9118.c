/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* SMSC LAN9118, whose registers its data sheet numbers in chapter 5. */
#include "chip.h"
#include "chip_ethernet.h"

#define RX_DATA        REG(CHIP_ETHERNET)
#define TX_DATA        REG(CHIP_ETHERNET + 0x20)
#define RX_STATUS      REG(CHIP_ETHERNET + 0x40)
#define TX_STATUS      REG(CHIP_ETHERNET + 0x48)
#define IRQ_CFG        REG(CHIP_ETHERNET + 0x54)
#define INT_STS        REG(CHIP_ETHERNET + 0x58)
#define INT_EN         REG(CHIP_ETHERNET + 0x5c)
#define FIFO_INT       REG(CHIP_ETHERNET + 0x68)
#define RX_CFG         REG(CHIP_ETHERNET + 0x6c)
#define TX_CFG         REG(CHIP_ETHERNET + 0x70)
#define RX_FIFO_INF    REG(CHIP_ETHERNET + 0x7c)
#define TX_FIFO_INF    REG(CHIP_ETHERNET + 0x80)
#define MAC_CSR_CMD    REG(CHIP_ETHERNET + 0xa4)
#define MAC_CSR_DATA   REG(CHIP_ETHERNET + 0xa8)
#define MAC_BUSY       (1u << 31)
#define MAC_READ       (1u << 30)
#define MAC_CR         1u
#define MAC_ADDRH      2u
#define MAC_ADDRL      3u
#define MAC_RX_TX      0xcu
#define IRQ_HIGH       (1u << 8 | 1u << 4 | 1u) /* on, active high, driven */
#define RX_STATUS_IRQ  (1u << 3)
#define TX_ON          2u
#define TX_WHOLE_FRAME 0x3000u /* a first and last segment */
#define CHECK_SIZE     4u

static void wait_for_mac(void)
{
    while ((MAC_CSR_CMD & MAC_BUSY) != 0) {
    }
}

static uint32_t mac_read(uint32_t index)
{
    MAC_CSR_CMD = MAC_BUSY | MAC_READ | index;
    wait_for_mac();
    return MAC_CSR_DATA;
}

static void mac_write(uint32_t index, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_BUSY | index;
    wait_for_mac();
}

void chip_ethernet_start(uint8_t *mac)
{
    uint32_t low = mac_read(MAC_ADDRL);
    uint32_t high = mac_read(MAC_ADDRH);

    for (unsigned i = 0; i < 6; i++) {
        mac[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
    }
    TX_CFG = TX_ON;
    RX_CFG = 0;
    FIFO_INT = 0; /* one frame is enough */
    INT_EN = RX_STATUS_IRQ;
    IRQ_CFG = IRQ_HIGH;
    mac_write(MAC_CR, MAC_RX_TX);
}

size_t chip_ethernet_receive(void *frame)
{
    uint32_t *to = frame;
    uint32_t len;

    INT_STS = RX_STATUS_IRQ; /* before the look, so that the next frame asks anew */
    if ((RX_FIFO_INF >> 16 & 0xff) == 0) {
        return 0;
    }
    len = RX_STATUS >> 16 & 0x3fff;
    for (uint32_t i = 0; i < (len + 3) / 4; i++) {
        uint32_t word = RX_DATA;

        if (i < CHIP_ETHERNET_FRAME_MAX / 4) {
            to[i] = word;
        }
    }
    return len > CHIP_ETHERNET_FRAME_MAX || len < CHECK_SIZE ? 0 : len - CHECK_SIZE;
}

void chip_ethernet_send(const void *frame, size_t len)
{
    const uint32_t *from = frame;

    while ((TX_FIFO_INF & 0xffff) < len + 16) {
    }
    TX_DATA = TX_WHOLE_FRAME | (uint32_t)len;
    TX_DATA = (uint32_t)len;
    for (size_t i = 0; i < (len + 3) / 4; i++) {
        TX_DATA = from[i];
    }
    (void)TX_STATUS;
}
