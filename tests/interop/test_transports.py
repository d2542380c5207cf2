# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A whole upgrade over each link that is not a console line or plain UDP over IPv4: raw serial, UDP
over IPv6, a serial line behind TCP; with `dfu`, smpclient, smpmgr, and the real ser2net between."""

import asyncio
import json
import os
import socket
import subprocess
import time

import pytest
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import ResetWrite
from smpclient.transport.serial import SMPSerialRawTransport
from smpclient.transport.udp import SMPUDPTransport

from virtual_device import BIN, DFU, Device, make_image, run


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    yield one
    code = one.stop()
    assert code in (None, 0), f"exit code {code}:\n{one.console()}"
    assert "Sanitizer" not in one.console()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=30000),
    }


def ok(where, *words):
    done = run(DFU, "-d", where, *words, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def upgrade_and_confirm(device, where, new):
    """Every step of an update by its own command, and the wait between them."""
    ok(where, "image", "upload", new)
    ok(where, "image", "test", new)
    ok(where, "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    ok(where, "image", "confirm")
    ok(where, "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")
    assert "Swap type: revert" not in device.console()


async def smpclient_upgrade(client, new, device):
    async def ask(request):
        answer = await client.request(request)
        assert success(answer), answer
        return answer

    async for _ in client.upload(new.read_bytes()):
        pass
    images = (await ask(ImageStatesRead())).images
    await ask(ImageStatesWrite(hash={state.slot: state for state in images}[1].hash))
    await ask(ResetWrite())
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    await ask(ImageStatesWrite(confirm=True))
    await ask(ResetWrite())
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")


def with_smpclient(transport, address, new, device):
    async def go():
        async with SMPClient(transport, address, timeout_s=5) as client:
            await smpclient_upgrade(client, new, device)
    asyncio.run(go())


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for_port(port, process):
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, process.args
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nothing listens on {port}"
        time.sleep(0.02)


# ---- dfu over each link ----

def test_dfu_upgrades_over_a_raw_serial_line(device, images):
    device.start("--init", images["v1"], "--serial-raw")
    upgrade_and_confirm(device, f"serial:{device.link},raw", images["v2"])


def test_dfu_upgrades_over_ipv6(device, images):
    device.address = "::1"
    port = device.start("--init", images["v1"], "--udp", "0")["udp"]
    upgrade_and_confirm(device, f"udp:[::1]:{port}", images["v2"])


@pytest.mark.parametrize("framing", ["", ",raw"])
def test_dfu_upgrades_over_a_line_that_tcp_carries(device, images, framing):
    options = ["--serial-raw"] if framing else []
    port = device.start("--init", images["v1"], "--tcp", "0", *options)["tcp"]
    upgrade_and_confirm(device, f"tcp:{device.address}:{port}{framing}", images["v2"])


@pytest.mark.parametrize("link", ["raw", "tcp", "tcp,raw", "udp6"])
def test_one_command_upgrades_over_each_link(device, images, link):
    options = ["--serial-raw"] if "raw" in link else []
    if link == "udp6":
        device.address = "::1"
    ready = device.start("--init", images["v1"], "--tcp", "0", "--udp", "0", *options)
    where = {"raw": f"serial:{device.link},raw",
             "tcp": f"tcp:{device.address}:{ready['tcp']}",
             "tcp,raw": f"tcp:{device.address}:{ready['tcp']},raw",
             "udp6": f"udp:[::1]:{ready['udp']}"}[link]
    assert "2.0.0+0 runs and is confirmed" in ok(where, "upgrade", images["v2"])


def test_localhost_is_served_over_both_versions_of_ip(device, images):
    ready = device.folder / "both.json"
    process = subprocess.Popen(
        [DFU, "sim", "-b", "nrf52840dk", "-f", device.flash, "--hash-only", "--init", images["v1"],
         "--udp", "0", "--tcp", "0", "--ready-file", ready], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "running from slot 0" in line:
            break
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ports = json.loads(ready.read_text())
    for host in ("127.0.0.1", "[::1]"):
        assert ok(f"udp:{host}:{ports['udp']}", "echo", host) == f"{host}\n"
        assert ok(f"tcp:{host}:{ports['tcp']}", "echo", host) == f"{host}\n"
    process.terminate()
    assert process.wait(timeout=20) == 0


# ---- Other people's clients ----

def test_smpclient_upgrades_over_a_raw_serial_line(device, images):
    device.start("--init", images["v1"], "--serial-raw")
    with_smpclient(SMPSerialRawTransport(), str(device.link), images["v2"], device)


def test_smpclient_upgrades_over_ipv6(device, images):
    device.address = "::1"
    device.start("--init", images["v1"])
    with_smpclient(SMPUDPTransport(), "::1", images["v2"], device)


def test_smpmgr_upgrades_through_a_tunnel(device, images):
    port = device.start("--init", images["v1"], "--tcp", "0")["tcp"]
    tunnel = device.folder / "tunnel"
    socat = subprocess.Popen(["socat", f"PTY,link={tunnel},raw,echo=0",
                              f"TCP:{device.address}:{port}"])
    try:
        deadline = time.monotonic() + 20
        while not tunnel.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        done = run(BIN / "smpmgr", "--timeout", "5", "--port", tunnel, "upgrade", "--confirm",
                   images["v2"], timeout=120, env=dict(os.environ, TERM="dumb"))
        assert done.returncode == 0, done.stdout + done.stderr
        device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")
    finally:
        socat.terminate()
        socat.wait()


@pytest.mark.parametrize("framing", ["", ",raw"])
def test_dfu_upgrades_through_the_real_ser2net(device, images, framing):
    device.start("--init", images["v1"], *(["--serial-raw"] if framing else []))
    port = free_port()
    config = device.folder / "ser2net.yaml"
    config.write_text(f"connection: &line\n"
                      f"  accepter: tcp,127.0.0.1,{port}\n"
                      f"  connector: serialdev,{os.path.realpath(device.link)},115200n81,local\n"
                      f"  options:\n    kickolduser: true\n")
    server = subprocess.Popen(["/usr/sbin/ser2net", "-n", "-u", "-c", config])
    try:
        wait_for_port(port, server)
        where = f"tcp:127.0.0.1:{port}{framing}"
        assert "2.0.0+0 runs and is confirmed" in ok(where, "upgrade", images["v2"])
    finally:
        server.terminate()
        server.wait()


# ---- What goes wrong ----

def test_a_raw_line_goes_on_after_noise_and_half_a_packet(device, images):
    device.start("--init", images["v1"], "--serial-raw")
    half = bytes([0x0a, 0, 0, 40, 0, 0, 7, 0, 0xa1])
    for noise in (half, b"uart:~$ \r\n", bytes(range(256)), half[:1]):
        with open(os.path.realpath(device.link), "wb", buffering=0) as line:
            line.write(noise)
        assert ok(f"serial:{device.link},raw", "echo", "still there") == "still there\n"


def test_a_line_that_is_taken_turns_others_away_until_it_is_free(device, images):
    port = device.start("--init", images["v1"], "--tcp", "0")["tcp"]
    where = f"tcp:{device.address}:{port}"
    with socket.create_connection((device.address, port)) as first:
        first.sendall(b"\x06\x09half a line")
        late = run(DFU, "-d", where, "--timeout", "1", "echo")
        assert late.returncode == 3, late.stdout + late.stderr
        assert "lost the connection" in late.stderr and "dfu: " in late.stderr
    assert ok(where, "echo", "free again") == "free again\n"


def test_a_server_that_is_not_there_is_said_in_a_sentence():
    done = run(DFU, "-d", f"tcp:127.0.0.1:{free_port()}", "echo")
    assert done.returncode == 3
    assert "cannot connect" in done.stderr and "serial server" in done.stderr


@pytest.mark.parametrize("options, word", [
    (["--udp", "0", "--serial-raw"], "--serial LINK"),
    (["--serial", "line", "--serial-raw", "--console-on-serial"], "no room for console text"),
    (["--tcp", "0", "--address", "nowhere"], "is no address"),
])
def test_options_that_do_not_fit_are_told(tmp_path, images, options, word):
    done = run(DFU, "sim", "-b", "sim", "-f", tmp_path / "flash.bin", "--hash-only", *options)
    assert done.returncode == 2 and word in done.stderr, done.stderr
