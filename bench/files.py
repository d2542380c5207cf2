#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Files over a way of 50 ms there and back: `dfu fs` with one chunk at a time, as against a device
with two buffers, and with as many on their way as four or eight buffers allow."""

import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from link_proxy import UdpProxy  # noqa: E402
from virtual_device import DFU, Device, make_image, run  # noqa: E402

SIZE = 100_000
WAY_S = 0.025
ROUNDS = 3
BUFFERS = (2, 4, 8)


def seconds(target, *words):
    done = run(DFU, "-q", "--json", "-d", target, "fs", *words, "--no-check", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["seconds"]


def measure(folder, image, buffers):
    """Medians of an upload and a download."""
    device = Device(folder)
    device.start("--init", image, "--files", folder / "files", "--buf-count", buffers)
    there, local = folder / "files" / "f", folder / "local"
    up, down = [], []
    with UdpProxy(device, lambda *packet: [(WAY_S, packet[2])]) as proxy:
        for _ in range(ROUNDS):
            there.unlink(missing_ok=True)
            up.append(seconds(proxy.target, "upload", local, "/f"))
            down.append(seconds(proxy.target, "download", "/f", folder / "back"))
    device.stop()
    assert (folder / "back").read_bytes() == local.read_bytes()
    return statistics.median(up), statistics.median(down)


def main():
    print(f"{SIZE // 1000} kB over UDP, {2000 * WAY_S:.0f} ms there and back")
    print(f"{'':26}{'upload':>16}{'download':>16}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "files").mkdir()
        (folder / "local").write_bytes(random.Random(1).randbytes(SIZE))
        image = make_image(folder / "v1.bin", "1.0.0")
        first = None
        for buffers in BUFFERS:
            took = measure(folder, image, buffers)
            first = first or took
            cells = "".join(f"{t:7.2f} s {f / t:5.1f} x" for t, f in zip(took, first))
            print(f"{buffers - 1} on their way{'':12}{cells}")


if __name__ == "__main__":
    main()
