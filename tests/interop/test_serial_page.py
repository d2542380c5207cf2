# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What docs/SERIAL.md tells to type on a serial line says what it shows."""

import os
import re
import shlex
import subprocess
import time
from pathlib import Path

from images import SOURCE
from virtual_device import DFU, Device, make_image, run

PORT = "/dev/ttyACM0"


def pattern_of(line):
    """Hashes and times differ; words and sizes do not."""
    parts = re.split(r"([0-9a-f]{64}|[\d.]+ s\b|[\d.]+ kB/s)", line)
    return "".join(re.escape(part) if n % 2 == 0 else {64: "[0-9a-f]{64}"}.get(
        len(part), r"[\d.]+ [kM]?B?/?s") for n, part in enumerate(parts))


def wait_for_start(console, count):
    """Until the device has begun that many starts."""
    for _ in range(1000):
        if console.read_text().count("reset cause") >= count:
            return
        time.sleep(0.01)
    raise AssertionError(console.read_text())


def test_the_page_is_as_told(tmp_path):
    talk, once_more, to_try = re.findall(r"^```\n(.*?)^```", (SOURCE / "docs/SERIAL.md").read_text(),
                                         re.S | re.M)
    key = tmp_path / "key.pem"
    assert run(DFU, "keygen", "-k", key, "-t", "ed25519").returncode == 0
    for version in ("1.0.0", "1.1.0"):
        made = make_image(tmp_path / f"app-{version}.bin", version, "name=blinky\n", key=key)
    environment = {**os.environ, "PATH": f"{Path(DFU).resolve().parent}:{os.environ['PATH']}"}
    sim = [*shlex.split(to_try.removeprefix("$ ")), "--ready-file", "ready"]
    device = Device(tmp_path)
    with (tmp_path / "console.txt").open("w") as console:
        device.process = subprocess.Popen(sim, cwd=tmp_path, env=environment, stdout=console)
    while not (tmp_path / "ready").exists():
        assert device.process.poll() is None
    try:
        answers = 0
        for part in re.split(r"^\$ ", talk + once_more, flags=re.M)[1:]:
            command, *shown = part.splitlines()
            if command.startswith("export"):
                assert command == f"export DFU_TARGET=serial:{PORT}"
                environment["DFU_TARGET"] = f"serial:{tmp_path}/ttyACM0"
                continue
            patient = command.replace("dfu ", "dfu --timeout 60 ", 1)  # on a busy machine
            done = run("bash", "-c", patient, cwd=tmp_path, env=environment, timeout=120)
            assert done.returncode == 0, done.stdout + done.stderr
            said = done.stdout.splitlines()
            assert len(said) == len(shown), (command, said)
            for line, told in zip(said, shown):
                expected = told.replace("20680", str(made.stat().st_size))
                assert re.fullmatch(pattern_of(expected), line), (command, line, told)
                answers += 1
            if command == "dfu reset":
                wait_for_start(tmp_path / "console.txt", 2)  # it answers first
        assert answers >= 15
    finally:
        assert device.stop() == 0
