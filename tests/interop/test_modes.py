# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Every mode that moves nothing, and several images: the virtual device, dfu and smpmgr."""

import json
import re

import pytest

from virtual_device import DFU, PORT, make_image, run

RAM = ("--load-addr", "0x20001000")
SLOT1 = 0x82000  # of that board: an address that an image may be linked for


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    made = {}
    for kind, more in (("flash", ()), ("ram", RAM)):
        made[kind] = {
            "v1": make_image(folder / f"{kind}-v1.bin", "1.0.0", "name=blinky\n", more=more),
            "v2": make_image(folder / f"{kind}-v2.bin", "2.0.0", "name=blinky\n", more=more),
            "v3": make_image(folder / f"{kind}-v3.bin", "3.0.0", "name=blinky\n", more=more),
            "crash": make_image(folder / f"{kind}-crash.bin", "3.0.0",
                                "name=blinky\nstart=crash\n", more=more),
        }
    return made


def dfu(device, *words):
    return run(DFU, "--device", f"udp:{device.address}:{PORT}", *words)


def done(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def listed(device):
    return {(one.get("image", 0), one["slot"]): one
            for one in json.loads(done(dfu(device, "--json", "image", "list")))["images"]}


def kind_of(mode):
    return "ram" if mode.startswith("ram") else "flash"


def where(mode, slot):
    return f"slot {slot}, in RAM" if mode.startswith("ram") else f"slot {slot}"


# ---- Direct-XIP and RAM load ----

@pytest.mark.parametrize("mode", ["direct-xip", "ram-load", "direct-xip-revert", "ram-load-revert"])
def test_upgrades_go_to_and_fro_between_the_slots(device, images, mode):
    files = images[kind_of(mode)]
    device.start("--init", files["v1"], "--mode", mode)
    assert f"running from {where(mode, 0)} (confirmed)" in device.console()
    done(dfu(device, "upgrade", files["v2"]))
    device.wait_for(f"app: blinky 2.0.0+0 running from {where(mode, 1)}")
    done(dfu(device, "upgrade", files["v3"]))
    device.wait_for(f"app: blinky 3.0.0+0 running from {where(mode, 0)}")
    slots = listed(device)
    assert slots[0, 0]["active"] and slots[0, 0]["confirmed"]
    assert not slots[0, 1]["active"]


@pytest.mark.parametrize("mode", ["direct-xip-revert", "ram-load-revert"])
def test_an_image_that_crashes_is_left_for_the_one_before(device, images, mode):
    files = images[kind_of(mode)]
    device.start("--init", files["v1"], "--mode", mode)
    result = dfu(device, "upgrade", files["crash"])
    assert result.returncode == 5, result.stdout + result.stderr
    device.wait_for("app: blinky 1.0.0+0 running from", 2)
    assert list(listed(device)) == [(0, 0)]


@pytest.mark.parametrize("mode", ["direct-xip-revert", "ram-load-revert"])
def test_smpmgr_tests_and_confirms(device, images, mode):
    files = images[kind_of(mode)]
    device.start("--init", files["v1"], "--mode", mode)
    device.smpmgr("udp", "image", "upload", files["v2"])
    text = device.smpmgr("udp", "image", "state-read")
    new_hash = re.search(r"version='2\.0\.0.*?([0-9A-Fa-f]{64})", text, re.S).group(1)
    device.smpmgr("udp", "image", "state-write", new_hash)
    assert listed(device)[0, 1]["pending"]
    device.smpmgr("udp", "os", "reset")
    device.wait_for(f"app: blinky 2.0.0+0 running from {where(mode, 1)} (not confirmed)")
    assert not listed(device)[0, 1]["confirmed"]
    assert listed(device)[0, 0]["confirmed"]
    device.smpmgr("udp", "image", "state-write", "--confirm")
    assert listed(device)[0, 1]["confirmed"]
    device.smpmgr("udp", "os", "reset")
    device.wait_for(f"app: blinky 2.0.0+0 running from {where(mode, 1)} (confirmed)")


def test_without_revert_there_is_nothing_to_test_or_confirm(device, images):
    device.start("--init", images["flash"]["v1"], "--mode", "direct-xip")
    done(dfu(device, "image", "upload", images["flash"]["v2"]))
    slots = listed(device)
    assert slots[0, 1]["pending"] and slots[0, 1]["permanent"]
    result = dfu(device, "image", "test", slots[0, 1]["hash"])
    assert result.returncode == 1 and "ENOTSUP" in result.stderr, result.stderr


def test_an_image_linked_for_the_other_slot_is_refused(device, images, tmp_path):
    wrong = make_image(tmp_path / "wrong.bin", "2.0.0", more=("--rom-fixed", "0xc000"))
    right = make_image(tmp_path / "right.bin", "2.0.0", more=("--rom-fixed", hex(SLOT1)))
    device.start("--init", images["flash"]["v1"], "--mode", "direct-xip")
    result = dfu(device, "image", "upload", wrong)
    assert result.returncode == 1 and "another slot" in result.stderr, result.stderr
    done(dfu(device, "upgrade", right))
    device.wait_for("2.0.0+0 running from slot 1")


def test_the_running_slot_is_not_erased(device, images):
    device.start("--init", images["flash"]["v1"], "--mode", "direct-xip")
    done(dfu(device, "upgrade", images["flash"]["v2"]))
    result = dfu(device, "image", "erase", "--slot", "1")
    assert result.returncode == 1, result.stdout + result.stderr
    done(dfu(device, "image", "erase", "--slot", "0"))
    assert list(listed(device)) == [(0, 1)]


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_power_cut_while_a_trial_begins_or_ends(device, images, cut):
    device.start("--init", images["flash"]["v1"], "--mode", "direct-xip-revert", "--power-cut", cut)
    result = dfu(device, "upgrade", images["flash"]["v2"])
    assert result.returncode in (0, 5), result.stdout + result.stderr
    assert listed(device)


# ---- Single slot, firmware loader ----

def test_a_single_slot_runs_and_takes_no_upload(device, images):
    device.start("--init", images["flash"]["v1"], "--mode", "single")
    assert "running from slot 0 (confirmed)" in device.console()
    result = dfu(device, "image", "upload", images["flash"]["v2"])
    assert result.returncode == 1, result.stdout + result.stderr
    assert list(listed(device)) == [(0, 0)]


def test_a_firmware_loader_brings_a_new_application(device, images):
    files = images["flash"]
    device.start("--init", files["v1"], "--init", files["v3"], "--mode", "firmware-loader")
    assert "app: blinky 1.0.0+0 running from slot 0" in device.console()
    result = dfu(device, "image", "upload", files["v2"])  # from the application: no slot is free
    assert result.returncode == 1, result.stdout + result.stderr
    assert "upload in the bootloader's recovery" in result.stderr
    done(dfu(device, "reset", "--recovery"))
    device.wait_for("app: blinky 3.0.0+0 running from slot 1")
    slots = listed(device)
    assert slots[0, 1]["active"] and slots[0, 0]["confirmed"]
    done(dfu(device, "image", "upload", files["v2"]))
    done(dfu(device, "reset"))
    device.wait_for("app: blinky 2.0.0+0 running from slot 0")


# ---- Two images ----

@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return {
        "app1": make_image(folder / "app1.bin", "1.0.0", "name=app\n"),
        "app2": make_image(folder / "app2.bin", "2.0.0", "name=app\n",
                           more=("--dependencies", "(1, 2.0.0+0)")),
        "net1": make_image(folder / "net1.bin", "1.0.0"),
        "net2": make_image(folder / "net2.bin", "2.0.0", fill=1),
    }


def test_two_images_are_upgraded_together_or_not_at_all(device, pair):
    device.start("--init", pair["app1"], "--init", pair["net1"], board="two-images")
    done(dfu(device, "image", "upload", pair["app2"]))
    slots = listed(device)
    assert set(slots) == {(0, 0), (0, 1), (1, 0)}
    assert slots[1, 0]["active"] and slots[1, 0]["confirmed"]
    done(dfu(device, "image", "test", slots[0, 1]["hash"]))
    done(dfu(device, "reset"))
    device.wait_for("app: app 1.0.0+0 running from slot 0", 2)  # it waits for the other image
    done(dfu(device, "image", "upload", "--image", "1", pair["net2"]))
    done(dfu(device, "image", "test", listed(device)[1, 1]["hash"]))
    done(dfu(device, "reset"))
    device.wait_for("app: app 2.0.0+0 running from slot 0 (not confirmed)")
    slots = listed(device)
    assert slots[0, 0]["version"] == slots[1, 0]["version"] == "2.0.0"
    assert not slots[0, 0]["confirmed"] and not slots[1, 0]["confirmed"]
    done(dfu(device, "reset"))
    device.wait_for("app: app 1.0.0+0 running from slot 0", 3)
    assert listed(device)[1, 0]["version"] == "1.0.0"


def test_one_of_two_images_is_upgraded_for_itself(device, pair):
    device.start("--init", pair["app1"], "--init", pair["net1"], board="two-images")
    device.smpmgr("udp", "image", "state-read")
    done(dfu(device, "upgrade", "--image", "1", pair["net2"]))
    slots = listed(device)
    assert slots[1, 0]["version"] == "2.0.0" and slots[1, 0]["confirmed"]
    assert slots[0, 0]["version"] == "1.0.0"


def test_an_init_without_a_slot_is_refused(device, pair):
    result = run(*device.command("--hash-only", "--init", pair["app1"], "--init", pair["net1"]))
    assert result.returncode == 2 and "board nrf52840dk has 1 image" in result.stderr
