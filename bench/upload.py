#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""How fast an image reaches a device: `dfu image upload` beside smpmgr, on one virtual device.

Over UDP on this machine, the same with 20 ms of added round trip, and over a serial line at
115200 baud (11520 bytes a second), where the share of the line that carries image bytes counts.
Both clients are timed as whole commands; what a command costs that only says hello (start-up) is
measured, too, and taken off for the transfer's own rate.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from virtual_device import BIN, DFU, PORT, Device, make_image, run  # noqa: E402

DELAY_MS = 10  # each way
BAUD = 115200
LINE = BAUD // 10  # bytes a second
UDP_SIZE = 400_000
SERIAL_SIZE = 60_000
ROUNDS = 3


class Delay:
    """A front for a device, a round trip away."""

    def __init__(self, device):
        self.address = f"127.32.{random.randrange(256)}.{random.randrange(1, 255)}"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "bench" / "network" / "udp_delay.py"), self.address, str(PORT),
             device.address, str(PORT), str(DELAY_MS)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        self.process.kill()
        self.process.wait()


def timed(command):
    started = time.monotonic()
    environment = dict(os.environ, TERM="dumb", NO_COLOR="1")
    done = run(*command, timeout=600, env=environment)
    took = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    return took


def ours(where, *words):
    return [DFU, "-q", "-d", where, *words]


def theirs(where, *words):
    option = "--ip" if where.startswith("udp:") else "--port"
    return [BIN / "smpmgr", "--timeout", "10", option, where.split(":", 1)[1], *words]


def measure(device, client, where, image, rounds):
    """Seconds of the whole command and of its transfer alone, medians."""
    hello = ("echo", "hello") if client is ours else ("os", "echo", "hello")
    whole, startup = [], []
    for _ in range(rounds):
        run(DFU, "-q", "-d", f"udp:{device.address}", "image", "erase")
        startup.append(timed(client(where, *hello)))
        whole.append(timed(client(where, "image", "upload", image)))
    took = statistics.median(whole)
    return took, max(took - statistics.median(startup), 1e-4)


def compare(name, device, where, image, rounds):
    size = image.stat().st_size
    rows = {}
    for client, who in ((ours, "dfu"), (theirs, "smpmgr")):
        took, transfer = measure(device, client, where, image, rounds)
        rows[who] = {"seconds": took, "transfer_seconds": transfer,
                     "bytes_per_second": size / transfer}
    ratio = {key: rows["smpmgr"][key] / rows["dfu"][key] for key in ("seconds", "transfer_seconds")}
    return {"link": name, "bytes": size, **rows, "times_faster": ratio}


def measure_all(folder):
    first = make_image(folder / "first.bin", "1.0.0", "name=first\n")
    large = make_image(folder / "large.bin", "2.0.0", size=UDP_SIZE)
    small = make_image(folder / "small.bin", "2.0.0", size=SERIAL_SIZE)
    device = Device(folder)
    results = []
    device.start("--init", first, "--baud", str(BAUD))
    try:
        udp = f"udp:{device.address}"
        results.append(compare("UDP", device, udp, large, ROUNDS))
        delay = Delay(device)
        try:
            results.append(compare(f"UDP +{2 * DELAY_MS} ms", device, f"udp:{delay.address}", large,
                                   ROUNDS))
        finally:
            delay.close()
        results.append(compare(f"serial {BAUD}", device, f"serial:{device.link}", small, 1))
    finally:
        device.stop()
    for who in ("dfu", "smpmgr"):
        row = results[-1][who]
        row["share_of_line"] = row["bytes_per_second"] / LINE
    return results


def show(results):
    print(f"{'upload':<14} {'image':>8} {'dfu':>9} {'smpmgr':>9} {'faster':>8}   "
          f"{'dfu':>12} {'smpmgr':>12} {'faster':>8}")
    print(f"{'':<14} {'bytes':>8} {'s':>9} {'s':>9} {'times':>8}   "
          f"{'bytes/s':>12} {'bytes/s':>12} {'times':>8}")
    for row in results:
        a, b, ratio = row["dfu"], row["smpmgr"], row["times_faster"]
        print(f"{row['link']:<14} {row['bytes']:>8} {a['seconds']:>9.3f} {b['seconds']:>9.3f} "
              f"{ratio['seconds']:>8.1f}   {a['bytes_per_second']:>12.0f} "
              f"{b['bytes_per_second']:>12.0f} {ratio['transfer_seconds']:>8.1f}")
    a, b = results[-1]["dfu"], results[-1]["smpmgr"]
    print(f"left: whole command; right: transfer without the command's start-up\n"
          f"image bytes as share of the serial line ({LINE} bytes/s): "
          f"dfu {a['share_of_line']:.1%}, smpmgr {b['share_of_line']:.1%} "
          f"(console framing allows at most {93 / 127:.1%})")


def main():
    with tempfile.TemporaryDirectory() as folder:
        results = measure_all(Path(folder))
    if "--json" in sys.argv[1:]:
        print(json.dumps(results, indent=1))
    else:
        show(results)


if __name__ == "__main__":
    main()
