# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The application in a machine whose processor a debugger has stopped, so that its drivers can be
called one by one."""

import struct
from contextlib import contextmanager

from machine import Debugger
from parts import BANNER, BOARD, FIRMWARE, Board, flash_with, run, signed

IS_ARM = BOARD != "riscv-virt"
# Numbers that GDB gives registers: arguments from first on, return address, program counter.
FIRST, RETURN, COUNTER = (0, 14, 15) if IS_ARM else (10, 1, 32)


def symbols():
    lines = run("nm", FIRMWARE / "app.elf").splitlines()
    return {name: int(address, 16) & ~1 for address, _, name in
            (line.split() for line in lines if len(line.split()) == 3)}


SYMBOLS = symbols()


class Stopped:
    def __init__(self, machine, folder):
        self.machine = machine
        self.debugger = Debugger(folder / "gdb")
        self.debugger.ask("qXfer:features:read:target.xml:0,ffb")  # it tells registers only then

    def set(self, register, value):
        text = struct.pack("<I", value & 0xFFFFFFFF).hex()
        assert self.debugger.ask(f"P{register:x}={text}") == "OK"

    def get(self, register, form="<I"):
        return struct.unpack(form, bytes.fromhex(self.debugger.ask(f"p{register:x}")))[0]

    def run_until(self, *addresses):
        """Which of them it comes to."""
        for address in addresses:
            assert self.debugger.ask(f"Z1,{address:x},2") == "OK"
        self.debugger.ask("c")
        for address in addresses:
            assert self.debugger.ask(f"z1,{address:x},2") == "OK"
        return self.get(COUNTER)

    def step(self):
        """Where one instruction leads to."""
        self.debugger.ask("s")
        return self.get(COUNTER)

    def call(self, name, *args):
        """What the function returns; a start would be where it returns to."""
        back = SYMBOLS["start_reset"]
        for i, value in enumerate(args):
            self.set(FIRST + i, value)
        self.set(RETURN, back | IS_ARM)
        self.set(COUNTER, SYMBOLS[name])
        assert self.run_until(back, SYMBOLS["start_fault"]) == back
        return self.get(FIRST, "<i")

    def write(self, off, data):
        buffer = SYMBOLS["response"]
        self.debugger.write(buffer, data)
        return self.call("flash_write", 0, off, buffer, len(data))


@contextmanager
def stopped_application(folder):
    """1.0.0 in slot 0; slot 1 is erased."""
    flash = flash_with(signed(folder, "1.0.0").read_bytes())
    with Board(folder, FIRMWARE, flash, "-gdb",
               f"unix:{folder}/gdb,server=on,wait=off") as machine:
        machine.wait_for(BANNER)
        yield Stopped(machine, folder)
