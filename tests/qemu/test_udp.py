# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""SMP over UDP into an application on an emulated board: through its Ethernet chip and lwIP, at an
address that it asked of DHCP."""

import socket

import pytest

from parts import (BANNER, DFU, FIRMWARE, SMPMGR, Board, Device, flash_with, run, signed)

LEASE = "SMP over UDP at 10.0.2.15"  # the first that QEMU's network gives


def free_address():
    """smpmgr knows no port but 1337, so that each test takes an address of this machine."""
    for last in range(2, 255):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address := f"127.13.37.{last}", 1337))
                return address
            except OSError:
                continue
    raise AssertionError("every address is taken")


class Networked(Device):
    """dfu over UDP."""

    def __init__(self, machine, address):
        super().__init__(machine)
        self.address = address
        self.target = f"udp:{address}"


@pytest.fixture(name="device")
def fixture_device(tmp_path):
    """Runs 1.0.0."""
    address = free_address()
    one = signed(tmp_path, "1.0.0")
    with Board(tmp_path, FIRMWARE, flash_with(one.read_bytes()),
               "-nic", f"user,hostfwd=udp:{address}:1337-10.0.2.15:1337") as machine:
        machine.wait_for(LEASE)
        yield Networked(machine, address)


def test_an_upgrade_over_udp_stays(tmp_path, device):
    device.dfu("upgrade", signed(tmp_path, "2.0.0"))
    device.machine.qmp.ask("system_reset")
    device.machine.wait_for(LEASE, 3)
    assert device.versions() == {0: "2.0.0", 1: "1.0.0"}
    assert device.images()[0]["confirmed"]
    assert device.machine.guest_errors() == []


def test_smpmgr_uploads_over_udp(tmp_path, device):
    two = signed(tmp_path, "2.0.0")
    run(SMPMGR, "--ip", device.address, "--timeout", "10", "image", "upload", two)
    assert device.versions() == {0: "1.0.0", 1: "2.0.0"}


def test_both_links_see_the_same_upload(tmp_path, device):
    two = signed(tmp_path, "2.0.0")
    run(DFU, "-d", f"serial:{device.machine.console_port}", "image", "upload", two)
    device.dfu("image", "test", two)
    device.dfu("reset")
    device.machine.wait_for(BANNER, 2)
    device.machine.wait_for(LEASE, 2)
    assert device.versions() == {0: "2.0.0", 1: "1.0.0"}


def test_what_is_no_request_is_dropped(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for length in (0, 1, 7, 8, 100, 1472):
            link.sendto(b"\xa5" * length, (device.address, 1337))
    assert device.versions() == {0: "1.0.0"}
    assert device.machine.console().count(BANNER) == 1
