# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A link between a real client and the virtual device that treats packets as a test says.

`fate(direction, number, packet)` is asked for every packet: direction ">" is to the device, number
counts from 1 in each direction. It returns what arrives: a list of (seconds of delay, bytes).
"""

import heapq
import itertools
import os
import pty
import random
import selectors
import socket
import threading
import time
import tty

TO_DEVICE, TO_CLIENT = ">", "<"
HEADER = 8  # of SMP


def untouched(_direction, _number, packet):
    return [(0, packet)]


class Faults:
    """Loss, repeats, changed order, changed bytes and delays, the same for the same seed."""

    def __init__(self, seed, loss=0.0, repeat=0.0, reorder=0.0, corrupt=0.0, delay=(0.0, 0.0)):
        print(f"link seed {seed!r}")
        self.random = {way: random.Random(f"{seed} {way}") for way in (TO_DEVICE, TO_CLIENT)}
        self.loss, self.repeat, self.reorder, self.corrupt = loss, repeat, reorder, corrupt
        self.delay = delay

    def __call__(self, direction, _number, packet):
        draw = self.random[direction]
        luck = [draw.random() for _ in range(4)]
        wait = draw.uniform(*self.delay)
        place = draw.randrange(max(len(packet), 1) * 8)
        if luck[0] < self.loss:
            return []
        if luck[1] < self.corrupt:
            changed = bytearray(packet)
            changed[place // 8] ^= 1 << place % 8
            packet = bytes(changed)
        if luck[2] < self.reorder:
            wait += 0.02
        return [(wait, packet)] * (2 if luck[3] < self.repeat else 1)


class _Proxy:
    """Delivers in a thread of its own; subclasses move the bytes."""

    def __init__(self, fate):
        self.fate = fate
        self.counts = {TO_DEVICE: 0, TO_CLIENT: 0}
        self.waiting, self.order = [], itertools.count()
        self.selector = selectors.DefaultSelector()
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.wake.send(b"x")
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
        self.close()

    def came(self, direction, packet):
        self.counts[direction] += 1
        for delay, what in self.fate(direction, self.counts[direction], packet):
            heapq.heappush(self.waiting,
                           (time.monotonic() + delay, next(self.order), direction, what))

    def _run(self):
        while True:
            left = self.waiting[0][0] - time.monotonic() if self.waiting else None
            for key, _ in self.selector.select(None if left is None else max(left, 0)):
                if key.data is None:
                    return
                key.data()
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, direction, packet = heapq.heappop(self.waiting)
                self.deliver(direction, packet)


class UdpProxy(_Proxy):
    """Listens on the loopback address `.target` names; one client."""

    def __init__(self, device, fate=untouched):
        super().__init__(fate)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind((device.address, 0))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.bind((device.address, 0))
        self.device, self.client = (device.address, 1337), None
        self.target = f"udp:{device.address}:{self.front.getsockname()[1]}"
        self.selector.register(self.front, selectors.EVENT_READ, self._from_client)
        self.selector.register(self.back, selectors.EVENT_READ, self._from_device)

    def _from_client(self):
        packet, self.client = self.front.recvfrom(65536)
        self.came(TO_DEVICE, packet)

    def _from_device(self):
        packet, _ = self.back.recvfrom(65536)
        self.came(TO_CLIENT, packet)

    def deliver(self, direction, packet):
        if direction == TO_DEVICE:
            self.back.sendto(packet, self.device)
        elif self.client:
            self.front.sendto(packet, self.client)

    def close(self):
        self.front.close()
        self.back.close()


class LineProxy(_Proxy):
    """A serial line: a pseudo terminal of its own before the device's; packets are lines."""

    def __init__(self, device, fate=untouched):
        super().__init__(fate)
        self.front, self.kept = pty.openpty()  # kept: or the line hangs up between two clients
        self.back = os.open(os.path.realpath(device.link), os.O_RDWR | os.O_NOCTTY)
        for terminal in (self.kept, self.back):
            tty.setraw(terminal)
        self.target = f"serial:{os.ttyname(self.kept)}"
        self.parts = {TO_DEVICE: b"", TO_CLIENT: b""}
        self.selector.register(self.front, selectors.EVENT_READ,
                               lambda: self._read(self.front, TO_DEVICE))
        self.selector.register(self.back, selectors.EVENT_READ,
                               lambda: self._read(self.back, TO_CLIENT))

    def _read(self, terminal, direction):
        *lines, self.parts[direction] = (self.parts[direction] +
                                         os.read(terminal, 65536)).split(b"\n")
        for line in lines:
            self.came(direction, line + b"\n")

    def deliver(self, direction, packet):
        os.write(self.back if direction == TO_DEVICE else self.front, packet)

    def close(self):
        for terminal in (self.front, self.kept, self.back):
            os.close(terminal)


class Tunnel:
    """Raw SMP over TCP before the device's; breaks the connection at one packet, for a moment or
    for good."""

    def __init__(self, device, port, way, number, comes_back):
        self.to = (device.address, port)
        self.break_at = (way, number)
        self.comes_back = comes_back
        self.counts = {TO_DEVICE: 0, TO_CLIENT: 0}
        self.listener = socket.create_server((device.address, 0))
        self.target = f"tcp:{device.address}:{self.listener.getsockname()[1]},raw"
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.broke = False

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join()

    def _run(self):
        while True:
            try:
                front = self.listener.accept()[0]
            except OSError:
                return
            with front, socket.create_connection(self.to) as back:
                is_broken = self._carry(front, back)
            if is_broken and not self.comes_back:
                self.listener.close()
                return

    def _carry(self, front, back):
        """Until an end closes (False) or the packet came (True)."""
        ends = {front: (TO_DEVICE, back, bytearray()), back: (TO_CLIENT, front, bytearray())}
        with selectors.DefaultSelector() as selector:
            for end in ends:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    way, other, held = ends[key.fileobj]
                    try:
                        data = key.fileobj.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        return False
                    held += data
                    while len(held) >= HEADER and \
                            len(held) >= (size := HEADER + int.from_bytes(held[2:4], "big")):
                        self.counts[way] += 1
                        if not self.broke and (way, self.counts[way]) == self.break_at:
                            self.broke = True
                            other.sendall(held[:size // 2])
                            return True
                        other.sendall(held[:size])
                        del held[:size]
