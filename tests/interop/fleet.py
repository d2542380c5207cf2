# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu sim --count`, links to its devices that can be held, and `dfu upgrade` with many targets.
What became of a device is read from its flash."""

import json
import os
import random
import signal
import subprocess
import time
from types import SimpleNamespace

from link_proxy import TO_DEVICE, UdpProxy
from virtual_device import DFU, run

SLOT0, SLOT0_END = 0xC000, 0xC000 + 0x76000  # of the board sim
GOOD = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")  # what ends a trailer
IMAGE_OK = -len(GOOD) - 8

HELD = 12  # packets to a device that pass a closed gate: the upload has begun, and is not over


class Fleet:
    """`dfu sim --count N` in a folder of its own."""

    def __init__(self, folder, count, *options, init=(), address=None, board="sim",
                 trust=("--hash-only",)):
        self.folder, self.count = folder, count
        n = random.randrange(1 << 22)
        self.address = address or f"127.{64 + (n >> 16)}.{n >> 8 & 255}.{n % 254 + 1}"
        self.ready = folder / "ready.json"
        self.log = folder / "console.log"
        self.options = options
        self.init = init if isinstance(init, (list, tuple)) else [init]
        self.board, self.trust = board, trust
        self.start()

    def start(self):
        self.ready.unlink(missing_ok=True)
        command = [DFU, "sim", "-b", self.board, "-f", self.folder / "flash.bin", *self.trust,
                   "--udp", "0", "--address", self.address, "--count", str(self.count),
                   "--ready-file", self.ready, *self.options]
        for image in self.init:
            command += ["--init", image]
        with self.log.open("a") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out,
                                            stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not self.ready.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "dfu sim --count does not get ready"
            time.sleep(0.01)
        self.devices = json.loads(self.ready.read_text())["devices"]
        assert [device["number"] for device in self.devices] == list(range(1, self.count + 1))

    def targets(self):
        return [f"udp:{self.address}:{device['udp']}" for device in self.devices]

    def flash(self, number):
        return (self.folder / f"flash-{number}.bin").read_bytes()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log.read_text()[-2000:]
        assert "Sanitizer" not in self.log.read_text(errors="replace")


def runs(flash, image, confirmed=True, at=(SLOT0, SLOT0_END)):
    """What a bootloader would see: the image in its primary slot, and whether it is there to stay."""
    bytes_ = image.read_bytes()
    slot = flash[slice(*at)]
    trailer_ok = slot.endswith(GOOD) and slot[IMAGE_OK] == 1
    return slot[:len(bytes_)] == bytes_ and trailer_ok == confirmed


def targets_file(path, targets):
    """Named d1, d2, ..., with what a person writes around."""
    lines = ["# the devices of this test", ""]
    lines += [f"  d{n} =\t{target}  " for n, target in enumerate(targets, 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def environment(**more):
    known = {name: value for name, value in os.environ.items() if name != "DFU_TARGET"}
    return {**known, **more}


def upgrade(*words, **more):
    done = run(DFU, "upgrade", *words, env=environment(**more), timeout=300)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def upgrade_in_background(*words):
    return subprocess.Popen([DFU, "upgrade", *(str(word) for word in words)], text=True,
                            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process):
    out, err = process.communicate(timeout=300)
    assert "Sanitizer" not in err, err
    return SimpleNamespace(returncode=process.returncode, stdout=out, stderr=err)


def events(path, kind=None):
    """Of the whole lines of a log that may not be there yet."""
    text = path.read_text() if path.exists() else ""
    found = [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]
    return [event for event in found if kind in (None, event["event"])]


def wait_until(claim, timeout=60):
    deadline = time.monotonic() + timeout
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Gate:
    """Links to devices that can be held in the middle of their upload."""

    def __init__(self, fleet):
        self.is_open = False
        self.proxies = []
        for device in fleet.devices:
            proxy = UdpProxy(SimpleNamespace(address=fleet.address), self.fate())
            proxy.device = (fleet.address, device["udp"])
            self.proxies.append(proxy)

    def fate(self):
        def passes(direction, number, packet):
            return [(0, packet)] if self.is_open or direction != TO_DEVICE or number <= HELD else []
        return passes

    def targets(self):
        return [proxy.target for proxy in self.proxies]

    def held(self):
        return sum(proxy.counts[TO_DEVICE] > HELD for proxy in self.proxies)

    def __enter__(self):
        for proxy in self.proxies:
            proxy.__enter__()
        return self

    def __exit__(self, *_):
        for proxy in self.proxies:
            proxy.__exit__()
