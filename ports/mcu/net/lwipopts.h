/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* lwipopts.h - lwIP as an SMP server wants it: UDP over IPv4 and Ethernet, no threads, no malloc. */
#ifndef DFU_MCU_LWIPOPTS_H
#define DFU_MCU_LWIPOPTS_H

#define NO_SYS                     1
#define SYS_LIGHTWEIGHT_PROT       0
#define LWIP_SOCKET                0
#define LWIP_NETCONN               0
#define LWIP_TCP                   0
#define LWIP_DHCP                  1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define DHCP_DOES_ARP_CHECK        0
#define LWIP_STATS                 0
#define LWIP_NOASSERT              1
#define MEM_ALIGNMENT              4
#define MEM_SIZE                   8192
#define PBUF_POOL_SIZE             8
#define LWIP_NO_CTYPE_H            1
#define LWIP_NO_INTTYPES_H         1
#define LWIP_NO_UNISTD_H           1
#define LWIP_TIMERS                1
#define X8_F                       "x"
#define U16_F                      "u"
#define S16_F                      "d"
#define X16_F                      "x"
#define U32_F                      "u"
#define S32_F                      "d"
#define X32_F                      "x"
#define SZT_F                      "u"

#endif
