# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""SMP over Bluetooth LE on the real BlueZ: QEMU guest, virtual controllers, dfu."""

import os
import re
import shutil
import sys
from pathlib import Path

import machine

sys.path.insert(0, str(Path(__file__).parent.parent / "interop"))
from virtual_device import DFU, make_image, run  # noqa: E402

HERE = Path(__file__).parent
LIMIT_S = 540  # of a machine that does much else; alone it takes a fifth


def test_dfu_updates_a_device_through_bluez(tmp_path):
    share = tmp_path / "share"
    machine.share_program(share, DFU)
    shutil.copy(HERE / "ble.sh", share / "run.sh")
    for name in ("dbus.conf", "main.conf"):
        shutil.copy(HERE / name, share)
    shutil.copytree(os.environ["DFU_BOARDS_DIR"], share / "boards")
    for name, version, size in (("v1", "1.0.0", 128 * 1024), ("v2", "2.0.0", 128 * 1024),
                                ("long", "3.0.0", 400000), ("other", "4.0.0", 300000)):
        image = make_image(tmp_path / f"{name}.bin", version, f"name={name}\n", size=size)
        shutil.copy(image, share / f"{name}.bin")
    with (tmp_path / "console").open("wb") as console:
        guest = machine.start(share, console)
        try:
            guest.wait(LIMIT_S)
        finally:
            guest.kill()
            guest.wait()
    text = (tmp_path / "console").read_text(errors="replace")
    results = re.findall(r"@@ \S+ (PASS|FAIL) ([^\n]*)", text)
    print("\n".join(" ".join(result) for result in results))
    failed = [what.strip() for verdict, what in results if verdict == "FAIL"]
    sim = (share / "sim.log").read_text(errors="replace") if (share / "sim.log").exists() else ""
    assert not failed and " END" in text, f"failed: {failed}\n{text[-6000:]}\n{sim[-3000:]}"
    assert len(results) == 24, results
