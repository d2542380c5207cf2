# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Emulated boards: flash that lives through resets, a console on a pseudo terminal, and a dump of
the flash at any time."""

import json
import os
import socket
import subprocess
import time


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


class Machine:
    """Has its files in a folder of its own, one machine after the other."""

    def __init__(self, folder, command, *options):
        self.folder = folder
        self.console_path = folder / "console.log"
        for name in ("gdb", "qmp", "console.log", "errors.log"):
            (folder / name).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*command, "-display", "none",
             "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
             "-chardev", f"pty,id=console,logfile={self.console_path}",
             "-serial", "chardev:console",
             "-d", "guest_errors", "-D", str(folder / "errors.log"), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.qmp = Lines(folder / "qmp")
        self.held = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self.held is not None:
            os.close(self.held)

    @property
    def console_port(self):
        """Held open from here on: QEMU looks once a second for who opens it."""
        for device in self.qmp.ask("query-chardev"):
            if device["label"] == "console":
                port = device["filename"].removeprefix("pty:")
                if self.held is None:
                    self.held = os.open(port, os.O_RDWR | os.O_NOCTTY)
                return port
        raise AssertionError("no console")

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

    @classmethod
    def changes(cls, stores):
        """Which of the stores to these addresses change the flash, counted from 1."""
        return list(range(1, len(stores) + 1))

    @classmethod
    def is_erase(cls, _address):
        """Of a store that changes the flash."""
        return False

    def guest_errors(self):
        """What the program did that the real chip would not bear; two lines are QEMU's own."""
        lines = (self.folder / "errors.log").read_text().splitlines()
        return [line for line in lines if not line.startswith("Invalid read at addr 0x")]


class Microbit(Machine):
    """An nRF51822 with QEMU's model of its flash controller, which enforces the rules of NOR."""

    FLASH_SIZE = 256 * 1024
    OTHER_DEVICES = 0
    PAGE = 1024
    ERASE_REGISTER = 0x4001E508
    MARKS = 2 * PAGE  # of a slot, at its end
    EARLY_CUTS = [1, 2]
    STORES = [(0, FLASH_SIZE), (ERASE_REGISTER, ERASE_REGISTER + 4)]

    def __init__(self, folder, firmware, flash, *options):
        super().__init__(folder, ["qemu-system-arm", "-M", "microbit", "-S",
                                  "-gdb", f"unix:{folder}/gdb,server=on,wait=off"], *options)
        boot = (firmware / "boot.bin").read_bytes()
        debugger = Debugger(folder / "gdb")
        debugger.write(0, boot + flash[len(boot):])
        debugger.reset_and_leave()

    @classmethod
    def is_erase(cls, address):
        return address == cls.ERASE_REGISTER

    def flash(self):
        path = self.folder / "flash.bin"
        self.qmp.ask("memsave", val=0, size=self.FLASH_SIZE, filename=str(path))
        return path.read_bytes()


class An385(Machine):
    """Memory that is a file stands in for flash; the bootloader lies in RAM, loaded at each reset."""

    MODEL = "mps2-an385"
    FLASH_SIZE = 1024 * 1024
    OTHER_DEVICES = 128 * 1024  # of the board file, behind the flash
    MEMORY_SIZE = 16 * 1024 * 1024
    PAGE = 4096
    MARKS = 2 * PAGE
    EARLY_CUTS = [1, 2]
    STORES = [(0x21000000, 0x21000000 + FLASH_SIZE)]

    def __init__(self, folder, firmware, flash, *options):
        self.memory = folder / "memory.bin"
        with open(self.memory, "wb") as file:
            file.write(flash)
            file.truncate(self.MEMORY_SIZE)
        super().__init__(folder, ["qemu-system-arm", "-M", f"{self.MODEL},memory-backend=flash",
                                  "-object", f"memory-backend-file,id=flash,size={self.MEMORY_SIZE},"
                                             f"mem-path={self.memory},share=on",
                                  "-kernel", str(firmware / "boot.elf")], *options)

    def flash(self):
        with open(self.memory, "rb") as file:
            return file.read(self.FLASH_SIZE)


class An505(An385):
    """The same elsewhere, with larger sectors."""

    MODEL = "mps2-an505"
    PAGE = 8192
    MARKS = 2 * PAGE
    EARLY_CUTS = [1]
    STORES = [(0x80000000, 0x80000000 + An385.FLASH_SIZE)]


class RiscvVirt(Machine):
    """Two banks of CFI NOR in files: the bootloader in the first, all else in the second."""

    FLASH_SIZE = 0x240000
    OTHER_DEVICES = 0x40000
    BANK_SIZE = 32 * 1024 * 1024
    PAGE = 256 * 1024
    MARKS = 4096
    EARLY_CUTS = [3]  # the third store confirms the first erase
    STORES = [(0x22000000, 0x22000000 + FLASH_SIZE)]

    def __init__(self, folder, firmware, flash, *options):
        self.bank = folder / "bank1.bin"
        command = ["qemu-system-riscv32", "-M", "virt", "-bios", "none"]
        boot = (firmware / "boot.bin").read_bytes()
        for unit, content in enumerate((boot, flash)):
            path = folder / f"bank{unit}.bin"
            with open(path, "wb") as file:
                file.write(content)
                file.truncate(self.BANK_SIZE)
            command += ["-drive", f"if=pflash,unit={unit},format=raw,file={path}"]
        super().__init__(folder, command, *options)

    @classmethod
    def changes(cls, stores):
        """Those that confirm a command of the driver's: an erase is four stores to the start of a
        sector (clear, erase, confirm, read); a program begins with three, ends with two (confirm,
        read) and has its words in between."""
        found, at = [], 0
        while at < len(stores):
            first, words = stores[at], 0
            while stores[at + 3 + words:at + 4 + words] == [first + 4 * words]:
                words += 1
            is_erase = words == 1 and cls.is_erase(first)
            confirm = at + (3 if is_erase else 4 + words)
            assert stores[at + 1] == stores[confirm - 1] == stores[confirm] == first
            found.append(confirm)
            at = confirm + 1
        return found

    @classmethod
    def is_erase(cls, address):
        return address % cls.PAGE == 0

    def flash(self):
        with open(self.bank, "rb") as file:
            return file.read(self.FLASH_SIZE)


MACHINES = {"microbit": Microbit, "mps2-an385": An385, "mps2-an505": An505,
            "riscv-virt": RiscvVirt}
