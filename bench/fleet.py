# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Many devices at once: one client, N virtual devices in one process beside it, on this machine.

What became of each device is read from its flash: the new image in slot 0, confirmed. Anything else
ends the run with an error. DFU_FLEET=N[,N...] draws other numbers of devices."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DFU = os.environ.get("DFU", "build/dfu")
COUNTS = [int(n) for n in os.environ.get("DFU_FLEET", "1,100,1000").split(",")]
SIZE = 60000  # of an image's code
SLOT0, SLOT0_END = 0xC000, 0xC000 + 0x76000  # of the board sim
MAGIC = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
ADDRESS = "127.77.0.1"  # a loopback address of its own: all of its ports are free


def sign(folder, version):
    code, image = folder / f"{version}.code", folder / f"{version}.bin"
    code.write_bytes(random.Random(version).randbytes(SIZE))
    subprocess.run([DFU, "sign", "--version", version, "--header-size", "0x200", "--pad-header",
                    "--align", "4", "--slot-size", "0x75000", code, image], check=True,
                   stdout=subprocess.DEVNULL)
    return image


def is_updated(flash, image):
    slot = flash.read_bytes()[SLOT0:SLOT0_END]
    new = image.read_bytes()
    return slot[:len(new)] == new and slot.endswith(MAGIC) and slot[-len(MAGIC) - 8] == 1


def start_devices(folder, count, image):
    ready = folder / "ready.json"
    process = subprocess.Popen([DFU, "sim", "-b", "sim", "-f", folder / "flash.bin", "--hash-only",
                                "--init", image, "--udp", "0", "--address", ADDRESS, "--count",
                                str(count), "--ready-file", ready], stdout=subprocess.DEVNULL)
    while not ready.exists():
        if process.poll() is not None:
            sys.exit(f"dfu sim ended with {process.returncode}")
        time.sleep(0.05)
    return process, [device["udp"] for device in json.loads(ready.read_text())["devices"]]


def run_client(folder, count, ports, image):
    """Seconds, processor seconds, and kilobytes at most."""
    targets = folder / "targets"
    targets.write_text("".join(f"udp:{ADDRESS}:{port}\n" for port in ports))
    command = [DFU, "-q", "upgrade", "--targets", targets, "--jobs", str(count), "--audit",
               folder / "audit.log", image]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not re.search(rf"^{count} devices?: {count} done", out, re.M):
        sys.exit(f"dfu upgrade ended with {process.returncode}: {out[-500:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def measure(count):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old, new = sign(folder, "1.0.0"), sign(folder, "1.1.0")
        devices, ports = start_devices(folder, count, old)
        try:
            result = run_client(folder, count, ports, new)
        finally:
            devices.send_signal(signal.SIGTERM)
            devices.wait()
        bad = [n for n in range(1, count + 1) if not is_updated(folder / f"flash-{n}.bin", new)]
        if bad:
            sys.exit(f"not updated and confirmed on their flash: {bad}")
        return result


def main():
    print(f"dfu upgrade --targets, {SIZE + 552} bytes each over UDP to devices of dfu sim --count on\n"
          f"this machine ({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}); each swaps and "
          "boots the new image, and\nis confirmed on its flash\n")
    print("| devices at once | seconds | client: CPU seconds | client: peak memory | per device |")
    print("|--:|--:|--:|--:|--:|")
    base = None
    for count in COUNTS:
        seconds, cpu, peak = measure(count)
        base = base or peak
        each = f"{(peak - base) / (count - COUNTS[0]):.0f} KiB" if count > COUNTS[0] else "–"
        print(f"| {count} | {seconds:.1f} | {cpu:.2f} | {peak / 1024:.1f} MiB | {each} |",
              flush=True)


if __name__ == "__main__":
    main()
