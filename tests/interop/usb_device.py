# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A virtual device with a USB port, and the real dfu-util over a stand-in for libusb."""

import os
import time

from virtual_device import SLOT_SIZE, Device, run

STAND_IN = os.path.join(os.environ["DFU_BINARY_DIR"], "tests", "stand_in")
SLOT_0, SLOT_1 = 0xC000, 0xC000 + SLOT_SIZE
RESET_ON_THE_WAY = (0, 74, 251)  # dfu-util 0.11 where the device comes back as another one

EX_USAGE, EX_IOERR = 64, 74


class UsbDevice(Device):
    def begin(self, *options, **more):
        self.usbip = self.start("--usbip", 0, *options, **more)["usbip"]
        self.wait_for("This device supports USB DFU class")

    def environment(self):
        return dict(os.environ, LD_LIBRARY_PATH=STAND_IN, ASAN_OPTIONS="",
                    STAND_IN_USBIP=f"{self.address}:{self.usbip}")

    def dfu_util(self, *words, expect=(0,)):
        """Run it; all it says. `expect` are the exit codes that are right."""
        done = run("dfu-util", "-E", 1, *words, env=self.environment())
        output = done.stdout + done.stderr
        assert done.returncode in expect, f"exit code {done.returncode}\n{output}"
        return output

    def enter_dfu_mode(self):
        self.dfu_util("-e")
        time.sleep(0.3)

    def bytes_at(self, off, size):
        return self.flash.read_bytes()[off:off + size]
