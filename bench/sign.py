# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Signing and verifying a 256 KiB program: time and peak memory of dfu and imgtool, in turns in
the same run, best of some. imgtool is an interpreter starting up, mostly; that is what a build
waits for."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEY_TYPES = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072"]
SIZE = 256 * 1024
ROUNDS = 5


def tools():
    dfu = os.environ.get("DFU") or str(Path(__file__).parent.parent / "build/dfu")
    return {"dfu": dfu, "imgtool": str(Path(sys.executable).parent / "imgtool")}


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def peak_kib(command, folder):
    """As GNU time tells it: a child of this process would be counted from its fork on, with all
    of Python's memory."""
    out = Path(folder, "peak")
    subprocess.run(["/usr/bin/time", "-f", "%M", "-o", out, *command], stdout=subprocess.DEVNULL,
                   check=True)
    return int(out.read_text())


def best(commands, folder):
    """Seconds and peak KiB of each command, the best of some rounds; they take turns, so that a
    busy machine is equally unfair to all."""
    times = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return {name: (min(times[name]), peak_kib(command, folder))
            for name, command in commands.items()}


def report(what, kind, found):
    (ours, our_kib), (theirs, their_kib) = found["dfu"], found["imgtool"]
    print(f"{what:8} {kind:12} {ours * 1000:8.1f} ms {theirs * 1000:8.1f} ms {theirs / ours:7.1f}x"
          f" {our_kib / 1024:8.1f} MiB {their_kib / 1024:7.1f} MiB {their_kib / our_kib:6.1f}x")


def main():
    programs = tools()
    print(f"sign and verify {SIZE // 1024} KiB, best of {ROUNDS}\n"
          f"{'':8} {'':12} {'dfu':>11} {'imgtool':>11} {'faster':>8} {'dfu':>12} {'imgtool':>11}"
          f" {'less':>7}")
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder, "app.bin")
        app.write_bytes(os.urandom(SIZE))
        for kind in KEY_TYPES:
            key = Path(folder, f"{kind}.pem")
            subprocess.run([programs["dfu"], "keygen", "-k", key, "-t", kind], check=True)
            images = {name: Path(folder, f"{name}-{kind}.bin") for name in programs}
            report("sign", kind, best({
                name: [program, "sign", "-k", key, "-v", "1.2.3", "-H", "0x200", "--pad-header",
                       "-S", "0x80000", app, images[name]]
                for name, program in programs.items()}, folder))
            # Each verifies what the other one signed.
            report("verify", kind, best({
                "dfu": [programs["dfu"], "verify", "-k", key, images["imgtool"]],
                "imgtool": [programs["imgtool"], "verify", "-k", key, images["dfu"]]}, folder))


if __name__ == "__main__":
    main()
