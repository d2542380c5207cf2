# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A `dfu sim` process and images for it, for tests against real peers."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

DFU = os.environ.get("DFU", "build/dfu")
BIN = Path(sys.executable).parent
BOARD = "nrf52840dk"
SLOT_SIZE = 0x76000  # of that board
PORT = 1337  # smpmgr knows no other


def run(*command, timeout=60, **options):
    """The finished process, its output as text."""
    return subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=timeout, **options)


def make_image(path, version, text="", size=20000, key=None, fill=0, more=()):
    """Sign with imgtool (more: its options). `text` tells the application how to behave."""
    payload = path.with_suffix(".payload")
    body = random.Random(f"{version} {fill}").randbytes(size)
    head = f"dfukit-app\n{text}\n".encode() if text else b""
    payload.write_bytes((head + body)[:size])
    command = [BIN / "imgtool", "sign", "--version", version, "--header-size", "0x200",
               "--pad-header", "--align", "4", "--slot-size", hex(SLOT_SIZE), *more]
    if key:
        command += ["--key", key]
    done = run(*command, payload, path)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


class Device:
    """A virtual device in a folder of its own; the flash file outlives the process."""

    def __init__(self, folder):
        self.folder = folder
        self.flash = folder / "flash.bin"
        self.link = folder / "uart"
        self.log = folder / "console.log"
        # A loopback address of its own, so that tests can run side by side with one port.
        n = random.randrange(1 << 22)
        self.address = f"127.{64 + (n >> 16)}.{n >> 8 & 255}.{n % 254 + 1}"
        self.process = None
        self.starts = 0

    def command(self, *options, board=BOARD):
        return [DFU, "sim", "--board", board, "--flash", str(self.flash),
                *(str(option) for option in options)]

    def start_in_background(self, *options, board=BOARD, trust=("--hash-only",)):
        """Serve UDP and serial; the ready file's path."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.starts += 1
        self.log = self.folder / f"console-{self.starts}.log"
        command = self.command("--udp", PORT, "--address", self.address, "--serial", self.link,
                               "--ready-file", ready, *trust, *options, board=board)
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        return ready

    def start(self, *options, **more):
        """Start, and wait until it serves; what the ready file says."""
        ready = self.start_in_background(*options, **more)
        deadline = time.monotonic() + 30
        while not ready.exists():
            if self.process.poll() is not None:
                raise AssertionError(f"dfu sim ended with {self.process.returncode}:\n"
                                     f"{self.console()}")
            assert time.monotonic() < deadline, "dfu sim does not get ready"
            time.sleep(0.01)
        return json.loads(ready.read_text())

    def console(self):
        return self.log.read_text(errors="replace") if self.starts else ""

    def wait_for(self, text, count=1, timeout=20):
        """Until the console has shown the text that often."""
        deadline = time.monotonic() + timeout
        while self.console().count(text) < count:
            assert self.process.poll() is None, f"dfu sim ended:\n{self.console()}"
            assert time.monotonic() < deadline, f"no '{text}' in:\n{self.console()}"
            time.sleep(0.01)

    def kill(self):
        """At once, as by pulling the plug: its serial port goes, too. The number of its terminal
        soon is another device's, which nobody must reach under this one's name."""
        self.link.unlink(missing_ok=True)
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As a user does; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def end(self):
        """Stop it; nothing was wrong with its memory."""
        code = self.stop()
        assert code in (None, 0, -9), f"exit code {code}:\n{self.console()}"
        assert "Sanitizer" not in self.console()

    def smpmgr(self, link, *words, timeout=120):
        """Run the real smpmgr over one of the links; its output."""
        where = ["--ip", self.address] if link == "udp" else ["--port", self.link]
        environment = dict(os.environ, COLUMNS="1000", TERM="dumb", NO_COLOR="1")
        done = run(BIN / "smpmgr", "--timeout", "5", *where, *words, timeout=timeout,
                   env=environment)
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert "Traceback" not in output, output
        return output
