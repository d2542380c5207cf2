# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""An emulated micro:bit: flash that lives through resets, a console on a pseudo terminal, and a
dump of the flash at any time."""

import json
import socket
import subprocess
import time

FLASH_SIZE = 256 * 1024


class Lines:
    """A socket that carries JSON lines (QMP)."""

    def __init__(self, path):
        self.socket = connect(path)
        self.file = self.socket.makefile("rw")
        self.read()
        self.ask("qmp_capabilities")

    def read(self):
        return json.loads(self.file.readline())

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = self.read()
            assert "error" not in answer, answer
            if "return" in answer:
                return answer["return"]


def connect(path):
    """The socket appears soon after the start."""
    for _ in range(1000):
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(str(path))
            return link
        except OSError:
            link.close()
            time.sleep(0.01)
    raise AssertionError(f"{path} never appeared")


class Debugger:
    """As much of GDB's remote protocol as it takes to fill flash past its write protection, so that
    nothing is loaded again at a reset."""

    def __init__(self, path):
        self.socket = connect(path)
        self.buffer = b""
        self.ask("?")

    def _byte(self):
        if not self.buffer:
            self.buffer = self.socket.recv(65536)
            assert self.buffer, "the debugger hung up"
        byte, self.buffer = self.buffer[:1], self.buffer[1:]
        return byte

    def _send(self, text):
        data = text.encode()
        self.socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))
        while self._byte() != b"+":
            pass

    def ask(self, text):
        self._send(text)
        while self._byte() != b"$":
            pass
        answer = b""
        while (byte := self._byte()) != b"#":
            answer += byte
        self._byte()
        self._byte()
        self.socket.sendall(b"+")
        return answer.decode()

    def write(self, address, data):
        for at in range(0, len(data), 1024):
            piece = data[at:at + 1024]
            assert self.ask(f"M{address + at:x},{len(piece):x}:{piece.hex()}") == "OK"

    def reset_and_leave(self):
        answer = self.ask("qRcmd," + b"system_reset".hex())
        while answer not in ("OK", ""):
            answer = self.ask("?")
        self._send("D")
        self.socket.close()


class Microbit:
    """Starts with these bytes in flash, from address 0 on."""

    def __init__(self, folder, flash, *options):
        self.folder = folder
        self.console_path = folder / "console.log"
        self.process = subprocess.Popen(
            ["qemu-system-arm", "-M", "microbit", "-display", "none", "-S",
             "-gdb", f"unix:{folder}/gdb,server=on,wait=off",
             "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
             "-chardev", f"pty,id=console,logfile={self.console_path}",
             "-serial", "chardev:console",
             "-d", "guest_errors", "-D", str(folder / "errors.log"), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.qmp = Lines(folder / "qmp")
        debugger = Debugger(folder / "gdb")
        debugger.write(0, flash.ljust(FLASH_SIZE, b"\xff"))
        debugger.reset_and_leave()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def console_port(self):
        for device in self.qmp.ask("query-chardev"):
            if device["label"] == "console":
                return device["filename"].removeprefix("pty:")
        raise AssertionError("no console")

    def flash(self):
        path = self.folder / "flash.bin"
        self.qmp.ask("memsave", val=0, size=FLASH_SIZE, filename=str(path))
        return path.read_bytes()

    def console(self):
        return self.console_path.read_bytes().decode(errors="replace")

    def wait_until(self, is_done):
        """Asking wakes QEMU's main loop, which may sleep for a second although there is work."""
        deadline = time.monotonic() + 60
        while not is_done():
            assert time.monotonic() < deadline, self.console()
            assert self.process.poll() is None, "the machine is gone"
            self.qmp.ask("query-status")
            time.sleep(0.01)

    def wait_for(self, text, count=1):
        """Until the console has said that so often."""
        self.wait_until(lambda: self.console().count(text) >= count)

    def guest_errors(self):
        """What the program did that the real chip would not bear; two lines are QEMU's own."""
        lines = (self.folder / "errors.log").read_text().splitlines()
        return [line for line in lines if not line.startswith("Invalid read at addr 0x")]
