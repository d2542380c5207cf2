/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* net.h - SMP datagrams over UDP, through lwIP. */
#ifndef DFU_MCU_NET_H
#define DFU_MCU_NET_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/smp.h"

#define NET_DATAGRAM_MAX 1472u /* of Ethernet's 1500 */
#define NET_SMP_PORT     1337u

/* Requests on NET_SMP_PORT go to this server. address: dotted, or "" to be asked of DHCP. */
void net_start(struct dfu_smp_server *server, const char *address);

/* Take what has come and do what is due. */
void net_poll(void);

#endif
