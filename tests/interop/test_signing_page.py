# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What docs/SIGNING.md tells release engineers to type does what it shows."""

import os
import re
import struct
import subprocess
from pathlib import Path

from images import DFU, SOURCE

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def tool(*command, env):
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert result.returncode == 0, result.stdout + result.stderr


def set_up_token(folder):
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin.txt").write_text("271828\n")
    env = {**os.environ, "SOFTHSM2_CONF": str(folder / "conf"),
           "PATH": f"{Path(DFU).resolve().parent}:{os.environ['PATH']}"}
    tool("softhsm2-util", "--init-token", "--free", "--label", "release", "--pin", "271828",
         "--so-pin", "314159", env=env)
    tool("pkcs11-tool", "--module", MODULE, "--login", "--pin", "271828", "--keypairgen",
         "--key-type", "EC:prime256v1", "--label", "app", "--id", "01", env=env)
    return env


def program(folder):
    """A program of 20000 bytes, as a binary and in an ELF file of one segment."""
    content = os.urandom(20000)
    (folder / "app.bin").write_bytes(content)
    head = struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0xc200, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    segment = struct.pack("<8I", 1, 84, 0xc200, 0xc200, len(content), len(content), 5, 4)
    (folder / "app.elf").write_bytes(b"\x7fELF\1\1\1" + bytes(9) + head + segment + content)


def test_the_page_is_as_told(tmp_path):
    env = set_up_token(tmp_path)
    program(tmp_path)
    shown = "".join(re.findall(r"^```\n(.*?)^```", (SOURCE / "docs/SIGNING.md").read_text(),
                               re.S | re.M)).splitlines()
    commands = [line[2:] for line in shown if line.startswith("$ ")]
    assert len(commands) >= 15
    result = subprocess.run(["bash", "-ec", "\n".join(commands)], capture_output=True, text=True,
                            check=False, cwd=tmp_path, env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    said = result.stdout + result.stderr
    for line in shown:
        if not line.startswith("$ "):
            assert line in said, (line, said)
