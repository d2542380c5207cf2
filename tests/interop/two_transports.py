# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A device whose clock stands still, with an SMP client and a configuration channel's host that
are led step by step: smpclient over UDP, and `dfu config` behind a relay that holds its reports."""

import asyncio
import hashlib
import socket
import subprocess
import threading
from pathlib import Path

from smpclient import SMPClient
from smpclient.requests.image_management import (ImageErase, ImageStatesRead, ImageStatesWrite,
                                                 ImageUploadWrite)
from smpclient.requests.os_management import ResetWrite
from smpclient.transport.udp import SMPUDPTransport

from virtual_device import DFU, SLOT_SIZE, Device, run

SLOT1 = 0x82000  # of the board
SET_REPORT, GET_REPORT = b"\x09", b"\x01"
DATA, SYNC = 2, 3  # the module's options
SYNC_REQUEST = SET_REPORT + bytes([6, 0, SYNC, 7]) + bytes(26)  # of module 0
STORING = 2
PIECE_MS = 5
BUFFER = 512  # the device's, which sync tells
PIECE = 25  # bytes in a report
CHUNK = 256  # bytes in an SMP upload request


class Clock:
    """The device's: it goes on when it is told to."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(30)

    def let_pass(self, ms):
        self.socket.send(str(ms).encode())
        return int(self.socket.recv(64))

    def close(self):
        self.socket.close()


def read(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def is_storing(answer):
    """Of a GET_REPORT: it is sync's, and that is the state."""
    return len(answer) == 31 and answer[3] & 15 == SYNC and answer[4:6] == b"\x08\x0f" and \
        answer[6] == STORING


class Relay:
    """Between `dfu config` and the device. It holds back the data report after `limit` others, and
    lets time pass while the device stores."""

    def __init__(self, address, clock):
        self.address, self.clock = address, clock
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"config:127.0.0.1:{self.listener.getsockname()[1]}"
        self.limit, self.count = None, 0
        self.is_held, self.may_go, self.is_cut = threading.Event(), threading.Event(), False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                host = self.listener.accept()[0]
            except OSError:
                return
            with host, socket.create_connection(self.address) as device:
                for one in (host, device):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    while True:
                        self.pass_on(host, device)
                except (EOFError, OSError):
                    pass

    def pass_on(self, host, device):
        request = read(host, 1)
        if request == SET_REPORT:
            request += read(host, 30)
            if request[3] & 15 == DATA and request[4] == 6:
                self.hold()
                self.count += 1
        device.sendall(request)
        answer = read(device, 1)
        if request == GET_REPORT and answer == b"\0":
            answer += read(device, 30)
        host.sendall(answer)
        if is_storing(answer):
            self.let_store(device)

    def let_store(self, device):
        """No longer than it takes: silence is counted from the last piece."""
        answer = None
        while answer is None or is_storing(answer):
            self.clock.let_pass(PIECE_MS)
            device.sendall(SYNC_REQUEST)
            assert read(device, 1) == b"\0"
            device.sendall(GET_REPORT)
            answer = read(device, 31)

    def hold(self):
        if self.limit is not None and self.count >= self.limit:
            self.is_held.set()
            self.may_go.wait()
            if self.is_cut:
                raise EOFError

    def release(self, cut=False):
        self.is_cut, self.limit = cut, None
        self.may_go.set()

    def close(self):
        self.release(cut=True)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=10)


class Channel:
    """The configuration channel's host."""

    def __init__(self, address, clock):
        self.relay = Relay(address, clock)
        self.process = None

    def command(self, *words):
        return [DFU, "-d", self.relay.target, *(str(word) for word in words)]

    def run(self, *words):
        return run(*self.command(*words))

    def upload(self, image, *words):
        return self.run("-q", "config", "upload", *words, image)

    def begin(self, image, reports, *options):
        """Start an upload and stop it where so many data reports have been answered."""
        self.relay.limit, self.relay.count, self.relay.is_cut = reports, 0, False
        self.relay.is_held.clear()
        self.relay.may_go.clear()
        self.spawn(*options, "-q", "config", "upload", image)
        while not self.relay.is_held.wait(timeout=0.2):
            assert self.process.poll() is None, self.process.communicate()

    def spawn(self, *words):
        self.process = subprocess.Popen(self.command(*words), text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def go_on(self):
        """To its end: exit code and what it said."""
        self.relay.release()
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err

    def vanish(self):
        """The cable is pulled."""
        self.relay.release(cut=True)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err

    def close(self):
        self.relay.close()
        if self.process:
            self.process.communicate(timeout=60)


class Smp:
    """The SMP client, a request at a time."""

    def __init__(self, address):
        self.loop = asyncio.new_event_loop()
        self.client = SMPClient(SMPUDPTransport(), address, timeout_s=10)
        self.loop.run_until_complete(self.client.connect())

    def ask(self, request):
        return self.loop.run_until_complete(self.client.request(request))

    def rc(self, request):
        """The SMP code of a refusal; 0 where there is none."""
        return int(getattr(self.ask(request), "rc", 0) or 0)

    def chunk(self, data, off):
        """Of an upload: the offset that the device wants next, or the code it refuses with."""
        first = {"len": len(data), "image": 0, "sha": hashlib.sha256(data).digest()}
        first = first if off == 0 else {}
        answer = self.ask(ImageUploadWrite(off=off, data=data[off:off + CHUNK], **first))
        return {"rc": int(answer.rc)} if getattr(answer, "rc", None) else answer.off

    def upload(self, data, off=0, end=None):
        end = len(data) if end is None else end
        while off < end:
            off = self.chunk(data, off)
            assert isinstance(off, int), off
        return off

    def refusals(self, data):
        """What each command that writes or resets is refused with."""
        return [self.chunk(data, 0), self.chunk(data, CHUNK),
                {"rc": self.rc(ImageErase())}, {"rc": self.rc(ImageStatesWrite(confirm=True))},
                {"rc": self.rc(ResetWrite())}]

    def versions(self):
        return [image.version for image in self.ask(ImageStatesRead()).images]

    def close(self):
        self.loop.run_until_complete(self.client.disconnect())
        self.loop.close()


class Pair:
    """The device, its clock and both clients."""

    def __init__(self, folder: Path, first_image, *options):
        self.device = Device(folder)
        self.options = ["--init", first_image, "--config-channel", 0, "--clock", 0, *options]
        self.start()

    def start(self):
        ready = self.device.start(*self.options)
        self.clock = Clock(ready["clock"])
        self.channel = Channel((self.device.address, ready["config_channel"]), self.clock)
        self.smp = Smp(self.device.address)

    def let_pass(self, ms):
        self.clock.let_pass(ms)

    def slot(self, length=SLOT_SIZE):
        """What the upload slot holds."""
        return self.device.flash.read_bytes()[SLOT1:SLOT1 + length]

    def leave(self):
        self.smp.close()
        self.channel.close()
        self.clock.close()

    def lose_power(self):
        """And get it back."""
        self.device.kill()
        self.leave()
        self.start()

    def close(self):
        self.leave()
        assert self.device.stop() == 0
        assert "Sanitizer" not in self.device.console()
