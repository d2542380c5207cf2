# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A whole upgrade over each link that is not a console line or plain UDP over IPv4: raw serial, UDP
over IPv6, a serial line behind TCP; with `dfu`, smpclient, smpmgr, and the real ser2net between."""

import asyncio
import io
import json
import os
import select
import socket
import subprocess
import time

import cbor2
import pytest
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import ResetWrite
from smpclient.transport.serial import SMPSerialRawTransport
from smpclient.transport.udp import SMPUDPTransport

from virtual_device import BIN, DFU, run


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


def echo_request(number, text):
    """In a raw packet; the number is its sequence number."""
    body = cbor2.dumps({"d": text})
    return bytes([0x0a, 0]) + len(body).to_bytes(2, "big") + bytes([0, 0, number & 255, 0]) + body


def next_answer(stream):
    """-> (sequence number, text)"""
    header = stream.read(8)
    if not header:
        raise ConnectionError
    assert header[:2] == bytes([0x0b, 0]) and header[4:6] + header[7:] == bytes(3), header
    return header[6], cbor2.loads(stream.read(int.from_bytes(header[2:4], "big")))["r"]


def connect(device, port, receive_buffer=None):
    link = socket.socket()
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.connect((device.address, port))
    link.settimeout(10)
    return link


def answer_for_the_next(device, port, number, text):
    """The line is free once the device has noticed that the one before is gone."""
    for _ in range(50):
        try:
            with connect(device, port) as link, link.makefile("rb") as stream:
                link.sendall(echo_request(number, text))
                return next_answer(stream)
        except ConnectionError:
            time.sleep(0.1)
    raise AssertionError("the line never became free")


FLOOD = 20000  # answers of 8 MB: more than the sockets take


def flood(link, count):
    """Requests whose answers nobody reads. Each has a number, so that gaps can be seen."""
    for number in range(count):
        link.sendall(echo_request(number, f"{number:6}" + "x" * 400))


def test_each_connection_begins_a_line_of_its_own(device, images):
    """Half a packet is forgotten with the connection that it came over, without any silence."""
    port = device.start("--init", images["v1"], "--tcp", "0", "--serial-raw")["tcp"]
    for length in (1, 7, 8, 12):
        with connect(device, port) as first:
            first.sendall(echo_request(1, "half")[:length])
            time.sleep(0.1)
        assert answer_for_the_next(device, port, 2, "whole") == (2, "whole")


def test_answers_that_nobody_reads_are_lost_whole(device, images):
    port = device.start("--init", images["v1"], "--tcp", "0", "--serial-raw")["tcp"]
    with connect(device, port, receive_buffer=4096) as link:
        flood(link, FLOOD)
        came = b""
        while select.select([link], [], [], 1)[0]:
            came += link.recv(1 << 20)
        stream, numbers = io.BytesIO(came), []
        while stream.tell() < len(came):
            seq, text = next_answer(stream)
            numbers.append(int(text[:6]))
            assert seq == numbers[-1] & 255 and text[6:] == "x" * 400
        assert numbers == sorted(set(numbers)), "in their order, each once"
        assert 0 < len(numbers) < FLOOD, "the device's queue was full"
        link.sendall(echo_request(78, "heard again"))
        with link.makefile("rb") as rest:
            assert next_answer(rest) == (78, "heard again")


def test_what_one_client_did_not_read_is_not_for_the_next(device, images):
    port = device.start("--init", images["v1"], "--tcp", "0", "--serial-raw")["tcp"]
    with connect(device, port, receive_buffer=4096) as first:
        flood(first, FLOOD)
        time.sleep(0.5)
    assert answer_for_the_next(device, port, 5, "mine") == (5, "mine")


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
