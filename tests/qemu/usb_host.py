# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The host's end of the control pipe that ports/mps2/usb_line.c has on a UART: shows the device over
USB/IP, so that the real dfu-util finds it through the stand-in for libusb (tests/usb)."""

import os
import queue
import socket
import struct
import subprocess
import threading

from parts import BINARY

SUBMIT, RET_SUBMIT = 1, 3
REQUEST_IMPORT, REPLY_IMPORT = b"\x01\x11\x80\x03", b"\x01\x11\x00\x03"
STALL = -32
HEADER = struct.Struct(">5IiI12x8s")  # a transfer, either way
SET_CONFIGURATION = (0x00, 9)
# While a host enumerates a port it resets it, then asks for this.
AFTER_RESET = struct.pack("<BBHHH", 0x80, 6, 0x0100, 0, 64)


class Gone(Exception):
    """The device has left the bus."""


def read(link, size):
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise Gone
        data += piece
    return data


class UsbHost:
    """Give the machine `options`; then `dfu_util` finds the device whenever it is on the bus."""

    def __init__(self, folder):
        path = folder / "usb"
        path.unlink(missing_ok=True)
        self.waiting = socket.socket(socket.AF_UNIX)
        self.waiting.bind(str(path))
        self.waiting.listen()
        self.usbip = socket.create_server(("127.0.0.1", 0))
        self.options = ["-chardev", f"socket,id=usb,path={path}", "-serial", "chardev:usb"]
        self.line = None
        self.is_attached = threading.Event()
        self.is_configured = False
        self.answers = queue.Queue()
        self.one_request = threading.Lock()
        self.client = None
        for work in (self.listen_to_device, self.listen_to_clients):
            threading.Thread(target=work, daemon=True).start()

    def close(self):
        for link in (self.waiting, self.usbip, self.line):
            if link:
                link.close()

    # The device

    def listen_to_device(self):
        try:
            self.line, _ = self.waiting.accept()
            while True:
                self.take(read(self.line, 1))
        except (Gone, OSError):
            self.has_gone()

    def take(self, what):
        if what == b"+":
            self.is_configured = False
            self.is_attached.set()
        elif what == b"-":
            self.has_gone()
        elif what == b"A":
            size, = struct.unpack("<H", read(self.line, 2))
            self.answers.put((0, read(self.line, size)))
        else:
            assert what == b"T", what
            self.answers.put((STALL, b""))

    def has_gone(self):
        self.is_attached.clear()
        self.answers.put(None)
        if self.client:
            self.client.close()

    def control(self, setup, data=b""):
        """Status and IN data of one request."""
        with self.one_request:
            if not self.is_attached.is_set():
                raise Gone
            while not self.answers.empty():
                self.answers.get()
            if self.is_configured and setup == AFTER_RESET:
                self.is_configured = False
                self.line.sendall(b"R")
            self.line.sendall(b"S" + setup + data)
            answer = self.answers.get(timeout=600)
        if answer is None:
            raise Gone
        self.is_configured |= answer[0] == 0 and tuple(setup[:2]) == SET_CONFIGURATION
        return answer

    # Its clients

    def listen_to_clients(self):
        while True:
            try:
                self.client, _ = self.usbip.accept()
            except OSError:
                return
            try:
                self.serve(self.client)
            except (Gone, OSError):
                pass
            self.client.close()

    def serve(self, link):
        assert read(link, 40)[:4] == REQUEST_IMPORT
        if not self.is_attached.is_set():
            link.sendall(REPLY_IMPORT + struct.pack(">I", 4))
            return
        link.sendall(REPLY_IMPORT + struct.pack(">I", 0) + bytes(312))
        while True:
            command, number, _, is_in, _, _, size, setup = HEADER.unpack(read(link, HEADER.size))
            assert command == SUBMIT
            status, data = self.control(setup, b"" if is_in else read(link, size))
            moved = len(data) if is_in else size
            link.sendall(HEADER.pack(RET_SUBMIT, number, 0, 0, 0, status, moved, bytes(8)) + data)

    def dfu_util(self, *words, exit_codes=(0,)):
        """All that the real one says."""
        address = ":".join(str(part) for part in self.usbip.getsockname())
        result = subprocess.run(
            ["dfu-util", "-E", "1", *(str(word) for word in words)], capture_output=True, text=True,
            timeout=600, check=False,
            env={**os.environ, "LD_LIBRARY_PATH": str(BINARY / "tests/stand_in"),
                 "ASAN_OPTIONS": "", "STAND_IN_USBIP": address})
        output = result.stdout + result.stderr
        assert result.returncode in exit_codes, f"exit code {result.returncode}\n{output}"
        return output
