# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Serial recovery of the virtual device's bootloader, with `dfu`, smpmgr and smpclient."""

import asyncio
import json
import os
import re
import subprocess
import time

import pytest
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import ResetWrite
from smpclient.transport.serial import SMPSerialTransport

from usb_device import SLOT_0
from virtual_device import DFU, SLOT_SIZE, Device, make_image, run

ENTERED = "I: Enter the serial recovery mode"
BANNER = "*** Booting"
NO_IMAGE = "E: Unable to find bootable image"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=old\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=new\n", size=50001),
    }


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    yield one
    one.end()


def dfu(device, *words, expect=0):
    done = run(DFU, "-d", f"serial:{device.link}", *words)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def programmed(device, size):
    return device.flash.read_bytes()[SLOT_0:SLOT_0 + size]


# ---- A first image onto an empty device ----

def test_dfu_gives_an_empty_device_its_first_image(device, images):
    device.start("--recovery")
    assert NO_IMAGE in device.console() and ENTERED in device.console()
    assert dfu(device, "echo", "hello").strip() == "hello"
    assert "2048" in dfu(device, "params")
    assert "no slot holds an image" in dfu(device, "image", "list")
    dfu(device, "image", "upload", images["v2"])
    assert "2.0.0" in dfu(device, "image", "list")
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running from slot 0 (confirmed)")
    assert programmed(device, images["v2"].stat().st_size) == images["v2"].read_bytes()


def test_smpmgr_gives_an_empty_device_its_first_image(device, images):
    device.start("--recovery", "--buf-size", 1024)
    device.smpmgr("serial", "os", "echo", "hello")
    device.smpmgr("serial", "image", "upload", images["v2"])
    assert "2.0.0" in device.smpmgr("serial", "image", "state-read")
    device.smpmgr("serial", "os", "reset")
    device.wait_for("app: new 2.0.0+0 running from slot 0 (confirmed)")


def test_dfu_upgrades_in_recovery_with_one_command(device, images):
    device.start("--recovery")
    assert "2.0.0+0 runs and is confirmed" in dfu(device, "upgrade", images["v2"])
    assert "app: new 2.0.0+0 running from slot 0 (confirmed)" in device.console()


def test_smpmgr_upgrades_in_recovery_with_one_command(device, images):
    device.start("--recovery-pin", "--init", images["v1"])
    device.smpmgr("serial", "upgrade", images["v2"])
    device.wait_for("app: new 2.0.0+0 running from slot 0 (confirmed)")


def test_dfu_uploads_into_a_slot_of_its_choice(device, images):
    device.start("--recovery-pin", "--recovery-direct", "--init", images["v1"])
    dfu(device, "image", "upload", "-n", "2", images["v2"])
    dfu(device, "image", "test", images["v2"])
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running from slot 0 (not confirmed)")


def test_the_second_image_is_recovered_by_its_number(device, images, tmp_path):
    net = make_image(tmp_path / "net.bin", "4.0.0", "name=net\n")
    device.start("--recovery", board="two-images")
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "image", "upload", "-n", "1", net)
    listed = dfu(device, "image", "list")
    assert re.search(r"^0 +0 +2\.0\.0 .*^1 +0 +4\.0\.0 ", listed, re.M | re.S), listed
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running")
    assert device.flash.read_bytes()[0xA7000:0xA7000 + 20000] == net.read_bytes()[:20000]


def test_an_encrypted_image_goes_where_a_swap_can_decrypt_it(device, tmp_path):
    """Into slot 1; slot 0 takes only one whose body is readable."""
    for name, kind in (("sign", "ed25519"), ("device", "x25519")):
        assert run(DFU, "keygen", "-k", tmp_path / f"{name}.pem", "-t", kind).returncode == 0
    public = run(DFU, "getpub", "-k", tmp_path / "device.pem", "-e", "pem", "-o",
                 tmp_path / "device-pub.pem")
    assert public.returncode == 0, public.stderr
    plain = make_image(tmp_path / "plain.bin", "1.0.0", "name=old\n", key=tmp_path / "sign.pem")
    secret = tmp_path / "secret.bin"
    signed = run(DFU, "sign", "-k", tmp_path / "sign.pem", "-E", tmp_path / "device-pub.pem",
                 "-v", "2.0.0", "-H", "0x200", "-S", hex(SLOT_SIZE), "--align", "4",
                 "--pad-header", tmp_path / "plain.payload", secret)
    assert signed.returncode == 0, signed.stderr
    device.start("--recovery-pin", "--recovery-direct", "--init", plain,
                 trust=("--key", tmp_path / "sign.pem", "--decrypt-key", tmp_path / "device.pem"))
    dfu(device, "image", "upload", "-n", "2", secret)
    listed = json.loads(dfu(device, "--json", "image", "list"))["images"]
    assert [(one["slot"], one["version"]) for one in listed] == [(0, "1.0.0"), (1, "2.0.0")]
    dfu(device, "image", "test", listed[1]["hash"])
    dfu(device, "reset", "--recovery")
    device.wait_for("app: old 2.0.0+0 running from slot 0 (not confirmed)")
    dfu(device, "reset", "--recovery")
    device.wait_for(ENTERED, count=2)
    said = dfu(device, "image", "upload", "-n", "1", secret, expect=1)
    assert "error 8 ENOTSUP" in said and "an encrypted or compressed image goes to" in said
    listed = json.loads(dfu(device, "--json", "image", "list"))["images"]
    assert 0 not in [one["slot"] for one in listed]
    clear = tmp_path / "clear.bin"
    signed = run(DFU, "sign", "-k", tmp_path / "sign.pem", "-E", tmp_path / "device-pub.pem",
                 "--clear", "-v", "3.0.0", "-H", "0x200", "-S", hex(SLOT_SIZE), "--align", "4",
                 "--pad-header", tmp_path / "plain.payload", clear)
    assert signed.returncode == 0, signed.stderr
    dfu(device, "image", "upload", "-n", "1", clear)
    dfu(device, "reset")
    device.wait_for("app: old 3.0.0+0 running from slot 0")


def test_recovery_speaks_raw_packets_and_erases_the_storage(device, images):
    device.start("--recovery", "--serial-raw")
    raw = ("-d", f"serial:{device.link},raw")
    for words in (("echo", "hello"), ("storage", "erase"), ("image", "upload", images["v1"]),
                  ("reset",)):
        done = run(DFU, *raw, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    device.wait_for("app: old 1.0.0+0 running")


def test_a_slot_erased_at_once_takes_the_image_as_well(device, images):
    device.start("--recovery", "--recovery-erase-at-once")
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running")


def test_smpclient_stages_an_update_in_recovery(device, images):
    """Upload into slot 1 by its number, mark it, restart: swapped in as a trial."""
    async def session():
        async with SMPClient(SMPSerialTransport(), str(device.link)) as client:
            image = images["v2"].read_bytes()
            offsets = [off async for off in client.upload(image, slot=2)]
            assert offsets[-1] == len(image)
            listed = await client.request(ImageStatesRead())
            assert success(listed)
            assert [state.slot for state in listed.images] == [0, 1]
            marked = await client.request(ImageStatesWrite(hash=listed.images[1].hash))
            assert success(marked) and marked.images[1].pending
            assert (await client.request(ResetWrite())).rc == 0  # as MCUboot's recovery says it

    device.start("--recovery-pin", "--recovery-direct", "--init", images["v1"])
    asyncio.run(session())
    device.wait_for("app: new 2.0.0+0 running from slot 0 (not confirmed)")
    assert "Swap type: test" in device.console()


# ---- Entry, and leaving ----

def test_the_pin_leads_into_recovery_and_silence_out_of_it(device, images):
    device.start("--recovery-pin", "--recovery-idle", 700, "--init", images["v1"])
    assert ENTERED in device.console() and "I: Starting bootloader" not in device.console()
    assert "1.0.0" in dfu(device, "image", "list")
    device.wait_for("app: old 1.0.0+0 running")
    assert device.console().count(BANNER) == 1  # nothing had changed, so nothing resets


def test_an_application_leaves_a_request_that_counts_once(device, images):
    device.start("--recovery", "--init", images["v1"])
    assert ENTERED not in device.console()
    dfu(device, "reset", "--recovery")
    device.wait_for(ENTERED)
    dfu(device, "echo", "there")
    dfu(device, "reset")
    device.wait_for("app: old 1.0.0+0 running", count=2)
    assert device.console().count(ENTERED) == 1


def test_a_request_is_ignored_where_there_is_no_recovery(device, images):
    device.start("--init", images["v1"])
    dfu(device, "reset", "--recovery")
    device.wait_for("app: old 1.0.0+0 running", count=2)
    assert ENTERED not in device.console()


def test_the_window_is_kept_open_only_by_a_client(device, images):
    device.start("--recovery-wait", 400, "--init", images["v1"])
    device.wait_for("app: old 1.0.0+0 running")
    assert ENTERED not in device.console()
    device.stop()
    device.start("--recovery-wait", 20000, "--recovery-idle", 700)
    dfu(device, "image", "list")
    assert ENTERED in device.console()
    device.wait_for("app: old 1.0.0+0 running", timeout=10)  # long before the window's end


def test_after_a_change_silence_restarts_the_device(device, images):
    device.start("--recovery-pin", "--recovery-idle", 700, "--init", images["v1"])
    dfu(device, "image", "upload", images["v2"])
    device.wait_for("app: new 2.0.0+0 running")
    assert device.console().count(BANNER) == 2


# ---- What must not run does not ----

def test_an_image_that_does_not_verify_is_not_run(device, images, tmp_path):
    key = tmp_path / "key.pem"
    assert run(DFU, "keygen", "-k", key, "-t", "ed25519").returncode == 0
    signed = make_image(tmp_path / "signed.bin", "3.0.0", "name=signed\n", key=key)
    device.start("--recovery", trust=("--key", key))
    dfu(device, "image", "upload", images["v2"])
    assert "no slot holds an image" in dfu(device, "image", "list")
    dfu(device, "reset")
    device.wait_for(ENTERED, count=2)
    assert "app:" not in device.console()
    dfu(device, "image", "upload", signed)
    dfu(device, "reset")
    device.wait_for("app: signed 3.0.0+0 running")


def test_an_image_that_was_kept_and_does_not_work_is_replaced(device, images, tmp_path):
    """What a permanent download may leave: it verifies, and crashes at each start."""
    bad = make_image(tmp_path / "crash.bin", "3.0.0", "name=bad\nstart=crash\n")
    device.start("--recovery", "--init", bad)
    device.wait_for("app: bad 3.0.0+0 crashed at start", count=2)
    device.stop()
    device.start("--recovery-pin")
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running")


@pytest.mark.parametrize("cut", ["1:before", "3", "8", "15:after"])
def test_a_power_cut_during_an_upload_leaves_a_device_in_recovery(device, images, cut):
    device.start("--recovery", "--power-cut", cut)
    upload = subprocess.Popen([DFU, "-d", f"serial:{device.link}", "image", "upload",
                               images["v2"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    device.wait_for("sim: power lost")
    device.wait_for(ENTERED, count=2)
    upload.kill()
    upload.communicate()
    assert "app:" not in device.console()
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running")


def test_a_killed_device_begins_again(device, images):
    device.start("--recovery", "--real-time")
    upload = subprocess.Popen([DFU, "-d", f"serial:{device.link}", "image", "upload",
                               images["v2"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while programmed(device, 9000)[8192:] == b"\xff" * 808:
        assert upload.poll() is None
    device.kill()
    upload.kill()
    upload.communicate()
    device.start("--recovery")
    assert ENTERED in device.console()
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "reset")
    device.wait_for("app: new 2.0.0+0 running")


def test_garbage_on_the_line_keeps_nobody_and_harms_nothing(device, images):
    device.start("--recovery-wait", 3000, "--init", images["v1"])
    began = time.monotonic()
    before = programmed(device, SLOT_SIZE)
    line = os.open(device.link, os.O_RDWR | os.O_NOCTTY)
    while "app: old" not in device.console():
        os.write(line, os.urandom(60) + b"\x06\x09AAAA\n\x04\x14" + b"A" * 200 + b"\n")
        time.sleep(0.02)
        assert time.monotonic() - began < 20
    os.close(line)
    assert ENTERED not in device.console()
    assert programmed(device, SLOT_SIZE) == before


# ---- The command line ----

@pytest.mark.parametrize("words, what", [
    (["--recovery-direct"], "add --recovery"),
    (["--recovery-idle", "5"], "add --recovery"),
    (["--recovery-wait", "soon"], "soon"),
])
def test_what_makes_no_sense_is_refused(device, words, what):
    done = run(*device.command("--hash-only", *words))
    assert done.returncode == 2
    assert what in done.stderr and not device.flash.exists()
