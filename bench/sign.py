# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Signing and verifying programs of three sizes with each type of key: time and peak memory of dfu
and imgtool, in turns in the same run, best of some. imgtool is an interpreter starting up, mostly;
that is what a build waits for."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEY_TYPES = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072"]
SIZES = [4, 256, 1024]  # KiB
ROUNDS = 9


def tools():
    dfu = os.environ.get("DFU") or str(Path(__file__).parent.parent / "build/dfu")
    return {"dfu": dfu, "imgtool": str(Path(sys.executable).parent / "imgtool")}


def seconds(command):
    """By the clock, and of the processor, which a busy machine changes less."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return took, used.ru_utime + used.ru_stime


def peak_kib(command, folder):
    """As GNU time tells it: a child of this process would be counted from its fork on, with all
    of Python's memory."""
    out = Path(folder, "peak")
    subprocess.run(["/usr/bin/time", "-f", "%M", "-o", out, *command], stdout=subprocess.DEVNULL,
                   check=True)
    return int(out.read_text())


def best(commands, folder):
    """Seconds by the clock and of the processor, and peak KiB of each command, the best of some
    rounds; they take turns, and turns at being first, so that a busy machine is equally unfair to
    all."""
    times = {name: [] for name in commands}
    for number in range(ROUNDS):
        for name in sorted(commands, reverse=number % 2 == 1):
            times[name].append(seconds(commands[name]))
    return {name: (*map(min, zip(*times[name])), peak_kib(command, folder))
            for name, command in commands.items()}


def report(what, kind, size, found):
    (ours, our_cpu, our_kib), (theirs, their_cpu, their_kib) = found["dfu"], found["imgtool"]
    print(f"{what:6} {kind:10} {size:5} KiB {ours * 1000:7.1f} ms {theirs * 1000:7.1f} ms"
          f" {theirs / ours:6.1f}x {our_cpu * 1000:6.1f} ms {their_cpu * 1000:6.1f} ms"
          f" {their_cpu / our_cpu:6.1f}x {our_kib / 1024:5.1f} MiB {their_kib / our_kib:4.1f}x",
          flush=True)


def measure(programs, folder, kind, size):
    app, key = Path(folder, f"{size}.bin"), Path(folder, f"{kind}.pem")
    images = {name: Path(folder, f"{name}-{kind}.bin") for name in programs}
    report("sign", kind, size, best({
        name: [program, "sign", "-k", key, "-v", "1.2.3", "-H", "0x200", "--pad-header",
               "-S", "0x180000", app, images[name]]
        for name, program in programs.items()}, folder))
    # Each verifies what the other one signed.
    report("verify", kind, size, best({
        "dfu": [programs["dfu"], "verify", "-k", key, images["imgtool"]],
        "imgtool": [programs["imgtool"], "verify", "-k", key, images["dfu"]]}, folder))


def main():
    programs = tools()
    print(f"sign and verify, best of {ROUNDS}\n"
          f"{'':6} {'':10} {'program':>9} {'dfu':>10} {'imgtool':>10} {'faster':>7}"
          f" {'dfu, cpu':>9} {'imgtool':>9} {'faster':>7} {'dfu':>9} {'less':>5}")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            Path(folder, f"{size}.bin").write_bytes(os.urandom(size * 1024))
        for kind in KEY_TYPES:
            subprocess.run([programs["dfu"], "keygen", "-k", Path(folder, f"{kind}.pem"), "-t", kind],
                           check=True)
            for size in SIZES:
                measure(programs, folder, kind, size)


if __name__ == "__main__":
    main()
