# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu devices`: serial ports beside what pyserial lists, and virtual devices that answer."""

import fcntl
import grp
import json
import os
import pty
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


LINK = """
set -e
ip link set lo up
ip link add v0 type veth peer name v1
for end in v0 v1; do ip link set $end up; done
ip address add fe80::1/64 dev v0 nodad
ip address add fe80::2/64 dev v1 nodad
"$@" --udp 1337 --address any --ready-file "$READY" --hash-only --init "$IMAGE" >/dev/null &
sim=$!
until [ -e "$READY" ]; do kill -0 $sim; sleep 0.05; done
for all in "" "[ff02::1%v0]" "[ff02::1%v1]:1337" "[::1]" ::1; do
    echo "asked $all"
    "$DFU" devices --wait 600 $all | grep -v ^serial: | sort
done
set +e
for to in "[fe80::1%v0]" "[fe80::2%v1]:1337" "fe80::2%v1" "[::1]"; do
    "$DFU" -d "udp:$to" echo "through $to"
done
"$DFU" -d "udp:[fe80::1]" echo lost 2>&1
kill $sim
wait $sim
"""


def in_own_network():
    """What starts a program in a network of its own: root may, or a user who is root there."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        tried = run(*words, "ip", "link", "add", "v0", "type", "veth")
        if tried.returncode == 0:
            return words
    raise AssertionError("this test makes a network of its own, as root or in a namespace of the "
                         f"user's; neither is allowed here: {tried.stderr}")


def test_a_device_is_found_by_ipv6_on_this_machine(image, tmp_path):
    device = Device(tmp_path)
    device.address = "::1"
    port = device.start("--init", image, "--udp", 0)["udp"]
    found = devices("--wait", "400", f"[::1]:{port}")
    assert [one["target"] for one in found] == [f"udp:[::1]:{port}"]
    assert run(DFU, "-d", f"udp:[::1]:{port}", "echo", "here").stdout == "here\n"
    assert device.stop() == 0


def test_devices_are_found_by_ipv6_on_the_link_of_each_interface(image, tmp_path):
    """Two interfaces that a cable joins, both of this machine."""
    device = Device(tmp_path)
    done = run(*in_own_network(), "bash", "-c", LINK, "bash", *device.command(),
               env=dict(os.environ, DFU=DFU, READY=tmp_path / "ready", IMAGE=image))
    assert done.returncode == 0, done.stdout + done.stderr
    asked = {block.split("\n")[0]: [line.split()[0] for line in block.split("\n")[1:]
                                    if "answers SMP" in line]
             for block in done.stdout.split("asked ")[1:]}
    on = {end: [f"udp:[fe80::{n}%{end}]:1337" for n in (1, 2)] for end in ("v0", "v1")}
    assert sorted(asked[""]) == sorted(on["v0"] + on["v1"])
    assert asked["[ff02::1%v0]"] == on["v0"] and asked["[ff02::1%v1]:1337"] == on["v1"]
    assert asked["[::1]"] == asked["::1"] == ["udp:[::1]:1337"]
    for to in ("[fe80::1%v0]", "[fe80::2%v1]:1337", "fe80::2%v1", "[::1]"):
        assert f"through {to}\n" in done.stdout
    assert done.stdout.count("name the interface behind the address, as in [fe80::1%eth0]") == 1


def test_what_is_no_device_is_not_listed(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        port = stranger.getsockname()[1]
        done = run(DFU, "devices", "--wait", "100", f"127.0.0.1:{port}")
        assert done.stdout == "no device was found\n" and done.returncode == 0
    refuse(2, "[::1", says="HOST[:PORT]")
    refuse(3, "no-such-host.invalid", says="no-such-host.invalid")
    refuse(2, "--wait", "0", says="--wait")


def as_somebody(command):
    """Without root's rights, which no permission stops."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]


def test_a_port_that_may_not_be_opened_is_told_with_the_group_that_may(tmp_path):
    kept, side = pty.openpty()
    path = os.ttyname(side)
    try:
        gid = grp.getgrnam("dialout").gr_gid if os.geteuid() == 0 else os.stat(path).st_gid
        group = grp.getgrgid(gid).gr_name
        cases = [(gid, 0o060, f"sudo usermod -aG {group} $USER"), (gid, 0, "udev rule")]
        cases += [(0, 0o060, "udev rule")] if os.geteuid() == 0 else []  # none to be in
        for gid, mode, words in cases:
            os.chown(path, -1, gid)
            os.chmod(path, mode)
            done = run(*as_somebody([DFU, "-d", f"serial:{path}", "echo", "here"]))
            assert done.returncode == 3, done.stdout + done.stderr
            assert f"no permission to open {path}" in done.stderr
            assert words in done.stderr and ("usermod" in words) == ("usermod" in done.stderr)
    finally:
        os.close(kept)
        os.close(side)


def test_a_port_that_two_clients_want_goes_to_the_first(image, tmp_path):
    device = Device(tmp_path)
    try:
        device.start("--init", image)
        held = os.open(device.link, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(DFU, "-d", f"serial:{device.link}", "echo", "here")
        assert done.returncode == 3 and "is in use by another program" in done.stderr
        os.close(held)
        assert run(DFU, "-d", f"serial:{device.link}", "echo", "here").stdout == "here\n"
    finally:
        assert device.stop() in (None, 0)


@pytest.mark.parametrize("name", ["/dev/ttyACM99", "ffff:0001", "ffff:0001:X", "NO-SUCH-NUMBER",
                                  "/no such port/"])
def test_a_port_that_is_not_there_is_told_with_those_that_are(name):
    done = run(DFU, "-d", f"serial:{name},baud=9600", "echo", "here")
    assert done.returncode == 3 and name in done.stderr, done.stderr
    there = [port.device for port in list_ports.comports()]
    assert all(one in done.stderr for one in there[:3]) and (
        there or "this computer has no serial port" in done.stderr)
