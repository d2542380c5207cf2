# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What README.md tells newcomers to type does what it shows."""

import os
import re
import socket
from pathlib import Path

from virtual_device import DFU, run

README = Path(os.environ.get("DFU_SOURCE_DIR", "."), "README.md")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return udp.getsockname()[1]


def typed(transcript):
    """The lines after the prompts; building is done already."""
    lines = re.findall(r"^[$>] (.*)$", transcript, re.M)
    assert lines[:2] == ["./dev build", "export PATH=$PWD/build:$PATH"]
    return lines[2:]


def without_figures(line):
    return re.sub(r"(?<![\d.])\d+(?= bytes|;| were| in )|[\d.]+ s\b", "N", line)


def test_the_five_minutes_are_as_told(tmp_path):
    transcript, console = re.findall(r"^```\n(.*?)^```", README.read_text(), re.S | re.M)[:2]
    port = free_port()
    script = "\n".join(typed(transcript))
    script = re.sub(r"^(dfu sim .*) &$", r"""\1 --ready-file ready >console.txt &
trap 'kill %1' ERR
until [ -f ready ]; do sleep 0.1; done""", script, flags=re.M)
    script = script.replace("--udp 1337", f"--udp {port}")
    script = script.replace("udp:localhost", f"udp:localhost:{port}")
    environment = dict(os.environ, PATH=f"{Path(DFU).resolve().parent}:{os.environ['PATH']}")
    done = run("bash", "-ec", script, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    # Sizes and times differ; sentences do not, and there are no others than those shown. On a slow
    # machine all may have been sent before the device told what it has.
    shown = [line for line in transcript.splitlines() if line[:2] not in ("$ ", "> ")]
    said = [line for line in (done.stdout + done.stderr).splitlines() if line[:7] != "upload "]
    if not any(line.startswith("sent ") for line in said):
        shown = [line for line in shown if not line.startswith("sent ")]
    assert sorted(map(without_figures, said)) == sorted(map(without_figures, shown))
    printed = (tmp_path / "console.txt").read_text()
    for line in console.splitlines():
        assert line in printed, line
