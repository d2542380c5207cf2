# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""USB DFU on a real Linux USB stack: QEMU guest, usbip, dfu-util and dfu's serial link."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import machine

sys.path.insert(0, str(Path(__file__).parent.parent / "interop"))
from virtual_device import BOARD, DFU, SLOT_SIZE, Device, make_image, run  # noqa: E402

SLOT_0 = 0xC000
LIMIT_S = 560  # of a machine that does much else; alone it takes a tenth


def fill_share(share, images):
    machine.share_program(share, DFU, "usb.sh")
    image = images["v2"].read_bytes()
    (share / "v2.bin").write_bytes(image)
    (share / "damaged.bin").write_bytes(image[:9000] + b"?" + image[9001:])
    (share / "toolarge.bin").write_bytes(image[:12] + SLOT_SIZE.to_bytes(4, "little") + image[16:])
    for name in ("v1", "long"):
        (share / f"{name}.bin").write_bytes(images[name].read_bytes())
    (share / "foreign.dfu").write_bytes(image)
    made = run("dfu-suffix", "-v", "1234", "-p", "5678", "-a", share / "foreign.dfu")
    assert made.returncode == 0, made.stderr


def start_device(device, *options):
    device.folder.mkdir(exist_ok=True)
    return device.start("--real-time", "--usb-transfer-size", 2048, *options)["usbip"]


def play_host(guest, share, requests):
    """Do what the guest asks for, each once it is time, until it has ended."""
    deadline = time.monotonic() + LIMIT_S
    while guest.poll() is None:
        assert time.monotonic() < deadline, "the guest takes too long"
        for name, act in requests.items():
            ask = share / f"ask-{name}"
            if ask.exists() and act():
                ask.unlink()
        time.sleep(0.02)


def check_story(console):
    """What the sample's documentation shows, and between it what belongs there, in this order."""
    in_order(console, [
        "*** Booting dfukit bootloader",
        "I: Starting bootloader",
        "I: Primary image: magic=good, swap_type=0x1, copy_done=0x3, image_ok=0x1",
        "I: Image index: 0, Swap type: none",
        "I: Bootloader chainload address offset: 0xc000",
        "I: Jumping to the first image slot",
        "[00:00:00.000,000] <inf> main: This device supports USB DFU class.",
        "I: Starting bootloader",
        "I: Secondary image: magic=good, swap_type=0x2, copy_done=0x3, image_ok=0x3",
        "I: Boot source: none",
        "Swap type: test",
        "I: Jumping to the first image slot",
        "*** Booting hello 2.0.0+0 ***",
        f"Hello World! {BOARD}",
        "app: hello 2.0.0+0 running from slot 0 (not confirmed)",
        "I: Starting bootloader",
        "I: Primary image: magic=good, swap_type=0x2, copy_done=0x1, image_ok=0x3",
        "I: Secondary image: magic=unset, swap_type=0x1, copy_done=0x3, image_ok=0x3",
        "Swap type: revert",
        "app: dfu 1.0.0+0 running from slot 0",
    ])


def check_permanent_story(console):
    """The same device, whose last swap was a revert, with both settings of the overlay."""
    in_order(console, [
        "app: dfu 1.0.0+0 running from slot 0",
        "I: Starting bootloader",
        "I: Primary image: magic=good, swap_type=0x4, copy_done=0x1, image_ok=0x1",
        "I: Secondary image: magic=good, swap_type=0x3, copy_done=0x3, image_ok=0x1",
        "I: Boot source: none",
        "Swap type: perm",
        "I: Bootloader chainload address offset: 0xc000",
        "I: Jumping to the first image slot",
        f"Hello World! {BOARD}",
        "app: hello 2.0.0+0 running from slot 0 (confirmed)",
    ])


def in_order(console, story):
    at = 0
    for line in story:
        found = console.find(line, at)
        assert found >= 0, f"'{line}' is missing after:\n{console[:at]}\n--- rest:\n{console[at:]}"
        at = found + len(line)


def test_dfu_util_on_a_real_linux_usb_stack(tmp_path):
    images = {
        "v1": make_image(tmp_path / "v1.bin", "1.0.0", "name=dfu\n"),
        "v2": make_image(tmp_path / "v2.bin", "2.0.0", "name=hello\ngreet=Hello World!\n",
                         size=24000),
        "long": make_image(tmp_path / "long.bin", "3.0.0", "name=long\n", size=200000),
    }
    factory = tmp_path / "factory.bin"
    signed = run(Path(sys.executable).parent / "imgtool", "sign", "--version", "1.0.0",
                 "--header-size", "0x200", "--pad-header", "--align", "4", "--slot-size",
                 hex(SLOT_SIZE), "--pad", "--confirm", tmp_path / "v1.payload", factory)
    assert signed.returncode == 0, signed.stderr

    share = tmp_path / "share"
    fill_share(share, images)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = Device(tmp_path / "a"), Device(tmp_path / "b")
    a.address = b.address = "127.0.0.1"
    port_a = start_device(a, "--usbip", 0, "--usb-serial", "A1", "--udp", 0, "--init", factory)
    port_b = start_device(b, "--usbip", 0, "--usb-serial", "B2", "--udp", 0, "--init", factory,
                          "--recovery")
    first_console = a.log
    (share / "ports.sh").write_text(f"PORT_A={port_a}\nPORT_B={port_b}\n")
    (share / "slot0.bin").write_bytes(a.flash.read_bytes()[SLOT_0:SLOT_0 + SLOT_SIZE])

    def vanish():
        """In the middle of the long download: its ninth sector has come."""
        with a.flash.open("rb") as flash:
            flash.seek(SLOT_0 + SLOT_SIZE + 0x8000)
            if flash.read(16) == b"\xff" * 16:
                return False
        a.kill()
        start_device(a, "--usbip", port_a, "--usb-serial", "A1", "--udp", 0, "--usb-permanent",
                     "--usb-reboot")
        return True

    console_path = Path(os.environ["DFU_BINARY_DIR"]) / "guest-console.log"
    with console_path.open("w") as console:
        guest = machine.start(share, console)
        try:
            play_host(guest, share, {"vanish": vanish})
        finally:
            if guest.poll() is None:
                guest.kill()
                guest.wait()
            codes = a.stop(), b.stop()
    text = console_path.read_text(errors="replace")
    results = re.findall(r"@@ [\d.]+ (PASS|FAIL) (.*)", text)
    print("\n".join(" ".join(result) for result in results))
    failed = [what.strip() for verdict, what in results if verdict == "FAIL"]
    assert not failed and " END" in text, f"failed: {failed}\n{text[-6000:]}"
    assert len(results) == 38, results
    assert codes == (0, 0), a.console() + b.console()
    check_story(first_console.read_text())
    check_permanent_story(a.console())
    in_order(b.console(), ["Swap type: test", "app: hello 2.0.0+0 running", "Swap type: test",
                           "app: dfu 1.0.0+0 running from slot 0 (not confirmed)"])
    a.start("--udp", 0)
    a.stop()
    assert ("I: Primary image: magic=good, swap_type=0x3, copy_done=0x1, image_ok=0x1"
            in a.console())
