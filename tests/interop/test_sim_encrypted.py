# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Encrypted updates from end to end: made by imgtool or dfu, sent by smpmgr or dfu, swapped in and
out by the virtual device, which keeps nothing readable outside its primary slot."""

import json
import re
import subprocess

import pytest

from virtual_device import BIN, DFU, SLOT_SIZE, make_image, run

SECRET = b"the firmware that nobody else may read"
SLOT0, SLOT1 = 0xc000, 0xc000 + SLOT_SIZE  # of the board


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name, kind in (("sign", "ed25519"), ("device", "x25519"), ("other", "x25519")):
        done = run(DFU, "keygen", "-k", folder / f"{name}.pem", "-t", kind)
        assert done.returncode == 0, done.stderr
        done = run(DFU, "getpub", "-k", folder / f"{name}.pem", "-e", "pem", "-o",
                   folder / f"{name}-pub.pem")
        assert done.returncode == 0, done.stderr
    return folder


def encrypted(keys, path, version, text="", size=20000, tool=(DFU,), key="device", more=()):
    payload = path.with_suffix(".payload")
    head = f"dfukit-app\n{text}\n".encode()
    payload.write_bytes((head + SECRET * (size // len(SECRET)))[:size])
    done = run(*tool, "sign", "-k", keys / "sign.pem", "-E", keys / f"{key}-pub.pem", "-v", version,
               "-H", "0x200", "--pad-header", "--align", "4", "-S", hex(SLOT_SIZE), *more, payload,
               path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def images(keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    imgtool = (BIN / "imgtool",)
    return {
        "factory": encrypted(keys, folder / "v1.bin", "1.0.0", "name=safe\n", more=("--clear",)),
        "plain": make_image(folder / "plain.bin", "1.5.0", "name=safe\n", key=keys / "sign.pem"),
        "v2": encrypted(keys, folder / "v2.bin", "2.0.0", "name=safe\n", 30000),
        "v2-imgtool": encrypted(keys, folder / "v2i.bin", "2.0.0", "name=safe\n", 30000, imgtool,
                                more=("--encrypt-keylen", "256")),
        "crash": encrypted(keys, folder / "crash.bin", "3.0.0", "name=safe\nstart=crash\n"),
        "foreign": encrypted(keys, folder / "other.bin", "4.0.0", key="other"),
    }


def trust(keys):
    return ("--key", keys / "sign-pub.pem", "--decrypt-key", keys / "device.pem")


def dfu(device, *words):
    return run(DFU, "-d", f"udp:{device.address}", *words, timeout=120)


def ok(device, *words):
    done = dfu(device, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def slot(device, number):
    """Its bytes; the flash file is the truth. The board's slots begin behind the bootloader."""
    start = (SLOT0, SLOT1)[number]
    return device.flash.read_bytes()[start:start + SLOT_SIZE]


def body(image):
    return image.read_bytes()[0x200:0x200 + 20000]


@pytest.mark.parametrize("new", ["v2", "v2-imgtool"])
def test_smpmgr_upgrades_to_an_encrypted_image_and_the_old_one_is_encrypted(device, keys, images,
                                                                            new):
    device.start("--init", images["factory"], trust=trust(keys))
    assert SECRET in slot(device, 0)
    device.smpmgr("udp", "image", "upload", images[new])
    assert SECRET not in slot(device, 1)
    assert body(images[new]) in slot(device, 1)
    listed = device.smpmgr("udp", "image", "state-read")
    shown = re.search(r"version='2\.0\.0.*?([0-9A-Fa-f]{64})", listed, re.S).group(1)
    told = run(DFU, "--json", "verify", "--decrypt-key", keys / "device.pem", images[new])
    assert shown.lower() == json.loads(told.stdout)["digest"], "the hash is of the plain image"
    device.smpmgr("udp", "image", "state-write", shown)
    device.smpmgr("udp", "os", "reset")
    device.wait_for("app: safe 2.0.0+0 running from slot 0 (not confirmed)")
    assert SECRET in slot(device, 0) and SECRET not in slot(device, 1)
    device.smpmgr("udp", "image", "state-write", "--confirm")
    device.smpmgr("udp", "os", "reset")
    device.wait_for("app: safe 2.0.0+0 running from slot 0 (confirmed)")


def test_what_does_not_work_is_reverted_and_encrypted_as_it_came(device, keys, images):
    device.start("--init", images["factory"], trust=trust(keys))
    done = dfu(device, "upgrade", images["crash"])
    assert done.returncode == 5, done.stdout + done.stderr
    device.wait_for("app: safe 1.0.0+0 running from slot 0 (confirmed)")
    assert images["factory"].read_bytes()[:20000] == slot(device, 0)[:20000]
    assert body(images["crash"]) in slot(device, 1)


@pytest.mark.parametrize("mode, op", [("move", 4), ("move", 14), ("move", 31), ("move", 47),
                                      ("swap-offset", 5),
                                      ("swap-offset", 29), ("overwrite-fast", 9)])
def test_a_power_cut_in_the_middle_costs_nothing_but_time(device, keys, images, mode, op):
    device.start("--mode", mode, "--init", images["factory"], "--power-cut", op,
                 trust=trust(keys))
    ok(device, "upgrade", images["v2"])
    device.wait_for("app: safe 2.0.0+0 running from slot 0")
    assert "power is back" in device.console()
    plain = (images["v2"].with_suffix(".payload")).read_bytes()
    assert slot(device, 0)[0x200:0x200 + len(plain)] == plain
    assert SECRET not in slot(device, 1)


def test_scratch_holds_only_what_is_encrypted(device, keys, images):
    """A board with a scratch area; nothing outside its first slot is readable, whatever is cut."""
    device.start("--init", images["factory"], "--power-cut", "40:after", board="pinetime",
                 trust=trust(keys))
    ok(device, "upgrade", images["v2"])
    device.wait_for("Starting swap using scratch algorithm", count=2)
    device.wait_for("app: safe 2.0.0+0 running from slot 0")
    everything = device.flash.read_bytes()
    first = everything.index(SECRET)
    last = everything.rindex(SECRET)
    assert last - first < 30000, "one readable image, in slot 0"


def test_a_plain_image_may_be_the_old_one_or_the_new_one(device, keys, images):
    device.start("--init", images["plain"], trust=trust(keys))
    ok(device, "upgrade", images["v2"])
    assert body(images["plain"]) in slot(device, 1)
    ok(device, "upgrade", images["plain"])
    assert SECRET not in slot(device, 1)
    assert body(images["v2"]) in slot(device, 1)


def test_an_image_for_another_device_is_refused_and_the_old_one_runs_on(device, keys, images):
    device.start("--init", images["factory"], trust=trust(keys))
    dfu(device, "upgrade", images["foreign"])
    device.wait_for("E: Image in the secondary slot is not valid!")
    device.wait_for("app: safe 1.0.0+0 running from slot 0", count=2)


def test_a_device_without_a_key_takes_no_encrypted_image(device, keys, images):
    device.start("--init", images["plain"], trust=trust(keys)[:2])
    dfu(device, "upgrade", images["v2"])
    device.wait_for("E: Image in the secondary slot is not valid!")
    device.wait_for("app: safe 1.5.0+0 running from slot 0", count=2)


def test_explain_opens_what_the_device_would_open(device, keys, images, tmp_path):
    words = ["explain", images["v2"], "--running", images["factory"], "-b", "nrf52840dk", "-k",
             keys / "sign-pub.pem"]
    done = run(DFU, *words, "--decrypt-key", keys / "device.pem")
    assert done.returncode == 0, done.stderr
    assert "2.0.0" in done.stdout and "another key" not in done.stdout
    done = run(DFU, *words, "--decrypt-key", keys / "other.pem")
    assert "another key" in done.stdout + done.stderr


def test_what_cannot_be_encrypted_again_does_not_move_out(device, keys, images, tmp_path):
    foreign = encrypted(keys, tmp_path / "foreign.bin", "1.0.0", "name=alien\n", key="other",
                        more=("--clear",))
    device.start("--init", foreign, trust=trust(keys))
    ok(device, "image", "upload", images["v2"])
    ok(device, "image", "test", images["v2"])
    done = run(DFU, "explain", "-f", device.flash, "-b", "nrf52840dk", "-k",
               keys / "sign-pub.pem", "--decrypt-key", keys / "device.pem")
    assert "slot 0 is encrypted for no key of this device" in done.stdout, done.stdout + done.stderr
    ok(device, "reset")
    device.wait_for("E: The key of image 0 in the primary slot is not ours")
    device.wait_for("app: alien 1.0.0+0 running from slot 0", count=2)


@pytest.mark.parametrize("words, says", [
    (["--decrypt-key", "{keys}/device-pub.pem"], "needs the private one"),
    (["--decrypt-key", "{keys}/sign.pem"], "cannot be encrypted for"),
    (["--decrypt-key", "{keys}/none.pem"], "none.pem"),
])
def test_keys_that_open_nothing_are_refused(keys, tmp_path, words, says):
    words = [word.format(keys=keys) for word in words]
    done = run(DFU, "sim", "-b", "nrf52840dk", "-f", tmp_path / "flash.bin", "--hash-only", *words,
               stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and says in done.stderr, done.stderr
