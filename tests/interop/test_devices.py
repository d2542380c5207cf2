# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu devices`: serial ports beside what pyserial lists, and virtual devices that answer."""

import json
import socket
import subprocess
import time

import pytest
from serial.tools import list_ports

from virtual_device import DFU, Device, make_image, run


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("image") / "v1.bin", "1.0.0")


def devices(*words):
    done = run(DFU, "--json", "devices", *words)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    return json.loads(done.stdout)["devices"]


def refuse(code, *words, says):
    done = run(DFU, "devices", *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith("dfu: ") and done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr


def test_serial_ports_are_those_that_pyserial_lists():
    theirs = {(f"serial:{port.device}", f"{port.vid:04x}:{port.pid:04x}" if port.vid else None,
               port.serial_number if port.vid else None) for port in list_ports.comports()}
    found = devices("--no-network", "--no-bluetooth")
    assert {(one["target"], one["usb_id"], one["serial_number"]) for one in found} == theirs
    shown = run(DFU, "devices", "--no-network", "--no-bluetooth").stdout
    assert (shown == "no device was found\n") if not theirs else shown.count("\n") == len(theirs)


def test_each_of_the_addresses_that_are_given_is_asked_once_for_all(image, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = Device(tmp_path / "a"), Device(tmp_path / "b")
    try:
        one.start("--init", image)
        other.start("--init", image)
        found = devices("--wait", "400", one.address, f"{other.address}:1337", one.address,
                        "127.0.0.1:9")
        assert sorted(found, key=lambda each: each["target"]) == sorted(
            ({"target": f"udp:{each.address}:1337", "buf_size": 2048, "buf_count": 4}
             for each in (one, other)), key=lambda each: each["target"])
        shown = run(DFU, "devices", "--wait", "400", one.address).stdout
        assert shown.split() == [f"udp:{one.address}:1337", "answers", "SMP"]
        target = found[0]["target"]
        assert run(DFU, "-d", target, "echo", "here").stdout == "here\n"
    finally:
        assert {one.stop(), other.stop()} <= {None, 0}


def test_a_broadcast_finds_who_listens_on_every_address(image, tmp_path):
    device = Device(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    ready = tmp_path / "ready"
    process = subprocess.Popen(device.command("--udp", port, "--address", "0.0.0.0",
                                              "--ready-file", ready, "--hash-only", "--init",
                                              image), stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.01)
        found = devices("--wait", "400", f"127.255.255.255:{port}")
        assert [one["target"] for one in found] == [f"udp:127.0.0.1:{port}"]
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_what_is_no_device_is_not_listed(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        port = stranger.getsockname()[1]
        done = run(DFU, "devices", "--wait", "100", f"127.0.0.1:{port}")
        assert done.stdout == "no device was found\n" and done.returncode == 0
    refuse(2, "[::1", says="HOST[:PORT]")
    refuse(3, "no-such-host.invalid", says="no-such-host.invalid")
    refuse(2, "--wait", "0", says="--wait")
