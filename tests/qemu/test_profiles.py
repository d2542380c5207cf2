# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Fragments of options that come with the application: what each brings, alone and with others."""

import json

import pytest

from parts import (BANNER, BOARD, FIRMWARE, RECOVERY, STORAGE, Board, Device, built, flash_with,
                   kept, signed)
from test_options import configure, words

FIVE_FRAMES = 5 * (498 - 3)


def options_of(folder):
    lines = (folder / "app/.config").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_"))


@pytest.fixture(scope="module", name="folder")
def fixture_folder():
    return built(kept("serial-confirm"),
                 "-DEXTRA_CONF_FILE=overlay_smp_serial.conf;overlay_confirm.conf")


@pytest.fixture(name="device")
def fixture_device(tmp_path, folder):
    """Runs 1.0.0 with both fragments; its storage is full."""
    image = signed(tmp_path, "1.0.0", program=folder / "app.bin").read_bytes()
    flash = flash_with(image)
    flash = flash[:STORAGE] + b"\x55" * (len(flash) - STORAGE)
    with Board(tmp_path, folder, flash) as machine:
        machine.wait_for(BANNER)
        yield Device(machine)
        assert machine.guest_errors() == []


def test_the_serial_profile_erases_storage(device):
    before = device.machine.flash()
    device.dfu("storage", "erase")
    assert device.machine.flash() == before[:STORAGE].ljust(len(before), b"\xff")


def test_without_the_profile_there_is_no_such_command(tmp_path):
    image = signed(tmp_path, "1.0.0").read_bytes()
    with Board(tmp_path, FIRMWARE, flash_with(image)) as machine:
        machine.wait_for(BANNER)
        before = machine.flash()
        Device(machine).dfu("storage", "erase", exit_code=1)
        assert machine.flash() == before


def test_the_serial_profile_takes_packets_of_five_frames(tmp_path, device):
    assert json.loads(device.dfu("params", "--json"))["buf_size"] == FIVE_FRAMES
    text = "0123456789" * 200  # one packet, that no smaller buffer takes
    assert text in device.dfu("echo", text)
    device.dfu("image", "upload", signed(tmp_path, "2.0.0"))
    assert device.versions() == {0: "1.0.0", 1: "2.0.0"}


def test_the_small_profiles_do_what_an_update_needs(tmp_path):
    folder = built(kept("small"), "-DBOOT_CONF=overlay_small.conf",
                   "-DEXTRA_CONF_FILE=overlay_small.conf")
    one, two = (signed(tmp_path, version, program=folder / "app.bin")
                for version in ("1.0.0", "2.0.0"))
    with Board(tmp_path, folder, flash_with()) as machine:
        machine.wait_for(RECOVERY)
        device = Device(machine)
        device.dfu("echo", "hello", exit_code=1)
        device.dfu("image", "slots", exit_code=1)
        device.dfu("image", "erase", exit_code=1)
        device.dfu("image", "upload", one)
        assert not device.images()[0]["active"]  # it tells no states
        device.dfu("reset")
        machine.wait_for(BANNER)
        for command in ("echo hello", "taskstat", "info", "bootinfo", "image slots", "image erase"):
            device.dfu(*command.split(), exit_code=1)
        device.upgrade_and_stay(two)


def test_an_application_that_confirms_itself_stays(tmp_path, folder):
    two = signed(tmp_path, "2.0.0", "--pad", program=folder / "app.bin")
    flash = flash_with(signed(tmp_path, "1.0.0").read_bytes(), two.read_bytes())
    with Board(tmp_path, folder, flash) as machine:
        machine.wait_for(BANNER)
        device = Device(machine)
        assert device.images()[0]["confirmed"]
        machine.qmp.ask("system_reset")
        machine.wait_for(BANNER, 2)
        assert device.versions() == {0: "2.0.0", 1: "1.0.0"}


@pytest.mark.parametrize("board", [BOARD, "microbit"])
def test_of_several_fragments_the_later_wins(tmp_path, board):
    own = tmp_path / "own.conf"
    own.write_text("CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE=1024\n"
                   'CONFIG_MCUBOOT_IMGTOOL_SIGN_VERSION="7.0.0"\n')
    for files, size in ((("overlay_smp_serial.conf", own), "1024"),
                        ((own, "overlay_smp_serial.conf"), "2475")):
        folder = tmp_path / size
        result = configure(folder, f"-DBOARD={board}",
                           f"-DEXTRA_CONF_FILE={';'.join(str(file) for file in files)}")
        assert result.returncode == 0, result.stderr
        options = options_of(folder)
        assert options["CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE"] == size
        assert options["CONFIG_MCUMGR_GRP_ZBASIC_STORAGE_ERASE"] == "y"
        assert options["CONFIG_MCUBOOT_IMGTOOL_SIGN_VERSION"] == '"7.0.0"'


def test_every_fragment_sets_what_its_name_says(tmp_path):
    expected = {
        "smp_serial": {"MCUMGR_GRP_OS": "y", "MCUMGR_GRP_IMG": "y",
                       "MCUMGR_GRP_ZBASIC_STORAGE_ERASE": "y", "MCUMGR_TRANSPORT_UART": "y",
                       "MCUMGR_TRANSPORT_NETBUF_SIZE": "2475"},
        "bt": {"MCUMGR_TRANSPORT_BT": "y", "MCUMGR_TRANSPORT_BT_REASSEMBLY": "y",
               "MCUMGR_TRANSPORT_BT_CONN_PARAM_CONTROL": "y", "BT_L2CAP_TX_MTU": "498",
               "MCUMGR_TRANSPORT_NETBUF_SIZE": "2475"},
        "usb_dfu": {"USB_DFU_CLASS": "y", "USB_DFU_ENABLE_UPLOAD": "y"},
        "permanent_download": {"USB_DFU_PERMANENT_DOWNLOAD": "y", "USB_DFU_REBOOT": "y",
                               "APP_PERMANENT_DOWNLOAD": "y"},
        "confirm": {"APP_CONFIRM_SELF": "y"},
        "mcuboot": {"BOOTLOADER_MCUBOOT": "y"},
        "small": {"MCUMGR_GRP_OS_ECHO": None, "MCUMGR_GRP_OS_TASKSTAT": None,
                  "MCUMGR_GRP_OS_INFO": None, "MCUMGR_GRP_OS_BOOTLOADER_INFO": None,
                  "MCUMGR_GRP_IMG_ERASE": None, "MCUMGR_GRP_IMG_SLOT_INFO": None,
                  "IMG_ENABLE_IMAGE_CHECK": None, "MCUMGR_SMP_SUPPORT_ORIGINAL_PROTOCOL": None},
    }
    (tmp_path / "host.c").touch()
    files = ";".join(f"overlay_{name}.conf" for name in expected)
    result = configure(tmp_path / "build", f"-DEXTRA_CONF_FILE={files}",
                       f"-DBLE_HOST={tmp_path}/host.c")
    assert result.returncode == 0, result.stderr
    options = options_of(tmp_path / "build")
    for name, wanted in expected.items():
        for option, value in wanted.items():
            assert options.get(f"CONFIG_{option}") == value, (name, option)


def test_what_a_board_does_not_have_is_refused_in_words(tmp_path):
    result = configure(tmp_path / "usb", "-DBOARD=pinetime",
                       "-DEXTRA_CONF_FILE=overlay_usb_dfu.conf")
    assert result.returncode != 0
    assert "the board pinetime has no USB device controller" in words(result)
    result = configure(tmp_path / "ble", "-DEXTRA_CONF_FILE=overlay_bt.conf")
    assert result.returncode != 0
    assert "name the sources of a Bluetooth host stack" in words(result)
