# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The CDC-ACM serial port of a virtual USB device without a kernel that drives it: a USB/IP client
that moves its bytes to and from a TCP port, which `dfu` takes for a serial line."""

import select
import socket
import struct
import threading

VERSION, REQ_IMPORT = 0x0111, 0x8003
BUSID = b"1-1".ljust(32, b"\0")
DEVICE_RECORD = 312
SUBMIT, RET_SUBMIT = 1, 3
OUT, IN = 0, 1
DATA_ENDPOINT = 2
SET_CONFIGURATION = bytes([0, 9, 1, 0, 0, 0, 0, 0])
HEADER = 48


class CdcAcm:
    def __init__(self, address, port):
        self.usb = socket.create_connection((address, port), timeout=10)
        self.usb.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.usb.sendall(struct.pack(">HHI", VERSION, REQ_IMPORT, 0) + BUSID)
        assert struct.unpack(">HHI", self.read(8)) == (VERSION, REQ_IMPORT & 0xFF, 0)
        self.read(DEVICE_RECORD)
        self.number = 0
        self.submit(OUT, 0, setup=SET_CONFIGURATION)
        assert self.answer()[0] == self.number
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.where = f"tcp:127.0.0.1:{self.listener.getsockname()[1]}"
        self.client, self.is_over = None, False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.usb.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def submit(self, direction, endpoint, data=b"", length=0, setup=bytes(8)):
        self.number += 1
        self.usb.sendall(struct.pack(">IIIIIIiiii", SUBMIT, self.number, 0x10002, direction,
                                     endpoint, 0, length or len(data), 0, 0, 0) + setup + data)
        return self.number

    def answer(self):
        """-> (number of the transfer, what came in with it)"""
        command, number, _, direction, _, status, length = struct.unpack(">IIIIIii",
                                                                         self.read(HEADER)[:28])
        assert command == RET_SUBMIT and status == 0
        return number, self.read(length) if number == self.waiting else b""

    waiting = None  # the transfer that brings the next bytes

    def serve(self):
        try:
            self.move()
        except (EOFError, OSError):
            pass  # the device was reset: its USB port is another one now

    def move(self):
        self.waiting = self.submit(IN, DATA_ENDPOINT, length=512)
        while not self.is_over:
            ends = [self.usb, self.listener] + ([self.client] if self.client else [])
            for end in select.select(ends, [], [], 0.2)[0]:
                if end is self.listener:
                    self.client = self.listener.accept()[0]
                elif end is self.usb:
                    self.take_from_device()
                elif end is self.client:
                    self.take_from_client()

    def take_from_device(self):
        number, data = self.answer()
        if number == self.waiting:
            self.waiting = self.submit(IN, DATA_ENDPOINT, length=512)
            if self.client:
                self.client.sendall(data)

    def take_from_client(self):
        data = self.client.recv(4096)
        if data:
            self.submit(OUT, DATA_ENDPOINT, data)
        else:
            self.client.close()
            self.client = None

    def close(self):
        self.is_over = True
        self.thread.join(timeout=10)
        for one in (self.usb, self.listener, self.client):
            if one:
                one.close()
