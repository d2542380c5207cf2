#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Pass UDP datagrams on with a delay each way, in order: a network with a round trip.

usage: udp_delay.py LISTEN_ADDRESS LISTEN_PORT DEVICE_ADDRESS DEVICE_PORT DELAY_MS
Prints "ready" once it listens. One client at a time: answers go to whoever asked last.
"""

import collections
import select
import socket
import sys
import time


def main():
    listen, port, device, device_port, delay_ms = sys.argv[1:]
    delay = float(delay_ms) / 1000
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((listen, int(port)))
    back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    back.connect((device, int(device_port)))
    on_the_way = collections.deque()  # (due, to the device?, datagram): due times only grow
    client = None
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while on_the_way and on_the_way[0][0] <= now:
            _, to_device, datagram = on_the_way.popleft()
            if to_device:
                back.send(datagram)
            elif client:
                front.sendto(datagram, client)
        wait = max(0.0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
        for ready in select.select([front, back], [], [], wait)[0]:
            if ready is front:
                datagram, client = front.recvfrom(65536)
            else:
                datagram = back.recv(65536)
            on_the_way.append((time.monotonic() + delay, ready is front, datagram))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
