# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A guest with BlueZ and virtual controllers that tells a story; what it says is judged here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import machine

sys.path.insert(0, str(Path(__file__).parent.parent / "interop"))
from virtual_device import DFU, make_image  # noqa: E402

HERE = Path(__file__).parent
ADAPTERS = '{"/org/bluez/hci0", "/org/bluez/hci1"}, {"/org/bluez/hci1", "/org/bluez/hci0"}'
LIMIT_S = 540  # of a machine that does much else; alone it takes a fifth


def tell(tmp_path, script, images, files=(), hash_seed=0, more=None):
    """Run the script with images {name: (version, size)}; return what its console says."""
    share = tmp_path / "share"
    machine.share_program(share, DFU, script)
    for name in ("dbus.conf", "main.conf", "bluez.sh", *files):
        shutil.copy(HERE / name, share)
    shutil.copytree(os.environ["DFU_BOARDS_DIR"], share / "boards")
    for name, (version, size) in images.items():
        image = make_image(tmp_path / f"{name}.bin", version, f"name={name}\n", size=size)
        shutil.copy(image, share / f"{name}.bin")
    (share / "hash-seed").write_text(str(hash_seed), encoding="ascii")
    with (tmp_path / "console").open("wb") as console:
        guest = machine.start(share, console, more)
        try:
            guest.wait(LIMIT_S)
        finally:
            guest.kill()
            guest.wait()
    text = (tmp_path / "console").read_text(errors="replace")
    log = share / "sim.log"
    failed = [what for verdict, what in results(text) if verdict == "FAIL"]
    sim = log.read_text(errors="replace") if log.exists() else ""
    assert not failed and " END" in text, f"failed: {failed}\n{text[-6000:]}\n{sim[-3000:]}"
    return text


def results(text):
    found = re.findall(r"@@ \S+ (PASS|FAIL) ([^\r\n]*)", text)
    print("\n".join(" ".join(result) for result in found))
    return found


def hash_seed():
    """With which the client's adapter is the first of a set, however it was filled."""
    for seed in range(100):
        program = f'print([next(iter(one))[-1] for one in ({ADAPTERS})])'
        told = subprocess.run(["/usr/bin/python3", "-c", program], text=True, check=True,
                              env=dict(os.environ, PYTHONHASHSEED=str(seed)), capture_output=True)
        if told.stdout.strip() == "['0', '0']":
            return seed
    raise AssertionError("no seed puts hci0 first")


def peers(*files):
    """What a guest needs to run these programs with the packages of build/venv."""
    return {"files": files, "hash_seed": hash_seed(),
            "more": {"usr": "/usr", "venv": Path(sys.prefix).resolve()}}
