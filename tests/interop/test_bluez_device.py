# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The virtual device's side of SMP over Bluetooth LE, before a stand-in for bluetoothd: what it
registers, whom it serves, and what is left of a connection that ended."""

import asyncio

import cbor2
import pytest
from dbus_fast import Variant

from bluez_stand_in import CHARACTERISTIC, GATT, SERVICE, BlueZ, Central, Refusal, Served
from virtual_device import make_image

FIRST, SECOND = "00:AA:01:00:00:00", "00:AA:01:02:00:02"
OPEN = ["write-without-response", "notify"]
ADVERTISED = {"Type": "peripheral", "LocalName": "blinky", "ServiceUUIDs": [SERVICE],
              "Discoverable": True}


def echo_request(text, seq=1):
    body = cbor2.dumps({"d": text})
    return bytes([0x0a, 0]) + len(body).to_bytes(2, "big") + bytes([0, 0, seq, 0]) + body


async def until(condition, limit_s=60):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


async def packet(central):
    """The next one, of the values that come; its sequence number and text."""
    got = b""
    while len(got) < 8 or len(got) < 8 + int.from_bytes(got[2:4], "big"):
        value = await asyncio.wait_for(
            asyncio.get_running_loop().sock_recv(central.notifications, 1024), 60)
        assert 0 < len(value) <= central.mtu - 3
        got += value
    assert got[0] == 0x0b and len(got) == 8 + int.from_bytes(got[2:4], "big")
    return got[6], cbor2.loads(got[8:])["r"]


async def echo(central, text, seq=1):
    request, max_len = echo_request(text, seq), central.mtu - 3
    for at in range(0, len(request), max_len):
        central.writes.send(request[at:at + max_len])
    return await packet(central)


@pytest.fixture
def image(tmp_path):
    return make_image(tmp_path / "v1.bin", "1.0.0", "name=blinky\n")


@pytest.fixture
async def bluez(tmp_path):
    async with BlueZ(tmp_path, {"hci0": True, "hci1": True}) as one:
        yield one


@pytest.fixture
async def device(bluez, tmp_path, image):
    async with Served(bluez, tmp_path, image, "--ble-adapter", "hci1") as one:
        yield one


def properties(bluez, interface):
    (path, told), = [(path, interfaces[interface])
                     for path, interfaces in bluez.applications[0].objects.items()
                     if interface in interfaces]
    return path, {key: value.value for key, value in told.items()}


async def test_it_registers_one_service_with_one_characteristic_and_advertises_it(bluez, device):
    assert [(call.member, call.path) for call in bluez.calls] == [
        ("RegisterApplication", "/org/bluez/hci1"), ("RegisterAdvertisement", "/org/bluez/hci1")]
    service_path, service = properties(bluez, "org.bluez.GattService1")
    assert service == {"UUID": SERVICE, "Primary": True}
    _, characteristic = properties(bluez, GATT)
    assert characteristic == {"UUID": CHARACTERISTIC, "Service": service_path, "Flags": OPEN,
                              "WriteAcquired": False, "NotifyAcquired": False}
    assert bluez.advertised == ADVERTISED
    assert bluez.agent is None


@pytest.mark.parametrize("mtu", [23, 65, 247, 498, 517])
async def test_requests_in_pieces_are_answered_in_pieces(bluez, device, mtu):
    central = Central(bluez, FIRST, mtu)
    await central.begin()
    for seq, text in enumerate(("", "hello", "a" * 100, "b" * 1500), 1):
        assert await echo(central, text, seq) == (seq, text)


async def test_who_is_served_is_alone_until_it_leaves(bluez, device):
    first, second = Central(bluez, FIRST), Central(bluez, SECOND)
    await first.begin()
    await until(lambda: bluez.advertised is None)
    for member in ("AcquireWrite", "AcquireNotify"):
        with pytest.raises(Refusal, match="another central is being served"):
            await second.acquire(member)
    with pytest.raises(Refusal, match="another central is being served"):
        await second.ask("WriteValue", "ay", [echo_request("stray")])
    bluez.tell_change(second.path, Connected=False)  # of no matter
    assert await echo(first, "still") == (1, "still")
    assert bluez.advertised is None
    writes = first.leave()
    await until(lambda: bluez.advertised == ADVERTISED)
    await second.begin(writes)
    assert await echo(second, "mine", 2) == (2, "mine")


async def test_the_socket_for_writes_outlives_a_connection_and_the_other_does_not(bluez, device):
    central = Central(bluez, FIRST)
    await central.begin()
    assert await echo(central, "hello") == (1, "hello")
    notifications = central.notifications.dup()
    writes = central.leave()
    await until(lambda: bluez.advertised)
    notifications.setblocking(False)
    assert await asyncio.wait_for(
        asyncio.get_running_loop().sock_recv(notifications, 10), 60) == b""
    notifications.close()
    await central.begin(writes)
    assert await echo(central, "again", 2) == (2, "again")


async def test_of_a_request_that_a_disconnection_cut_nothing_is_left(bluez, device):
    central = Central(bluez, FIRST, 65)
    await central.begin()
    request = echo_request("x" * 200)
    for at in range(0, 186, 62):
        central.writes.send(request[at:at + 62])
    writes = central.leave()
    await until(lambda: bluez.advertised)
    await central.begin(writes)
    assert await echo(central, "y" * 200, 2) == (2, "y" * 200)


async def test_a_write_request_counts_too_and_what_is_no_piece_is_refused(bluez, device):
    central = Central(bluez, FIRST)
    await central.begin()
    await central.ask("WriteValue", "ay", [echo_request("asked", 3)], mtu=Variant("q", 247))
    assert await packet(central) == (3, "asked")
    with pytest.raises(Refusal, match="not a piece of a request"):
        await central.ask("WriteValue", "ay", [b"\xff\xff\xff"])


async def test_a_second_socket_takes_the_place_of_the_first(bluez, device):
    central = Central(bluez, FIRST)
    await central.begin()
    await central.begin()
    assert await echo(central, "hello") == (1, "hello")


async def test_who_does_not_read_its_answers_is_not_served_more_and_loses_none(bluez, device):
    central = Central(bluez, FIRST, 23)
    await central.begin()
    loop = asyncio.get_running_loop()

    async def write():
        for seq in range(40):
            request = echo_request(f"{seq} " + "z" * 900, seq)
            for at in range(0, len(request), 20):
                await loop.sock_sendall(central.writes, request[at:at + 20])

    writing = asyncio.ensure_future(write())
    await asyncio.sleep(1)
    assert not writing.done()
    for seq in range(40):
        assert await packet(central) == (seq, f"{seq} " + "z" * 900)
    await writing


async def test_a_reset_disconnects(bluez, device):
    central = Central(bluez, FIRST)
    await central.begin()
    assert await echo(central, "hello") == (1, "hello")
    central.writes.send(bytes([0x0a, 0, 0, 1, 0, 0, 2, 5, 0xa0]))  # OS, reset
    await until(lambda: bluez.named("Disconnect") and bluez.advertised)
    assert bluez.named("Disconnect")[0].path == central.path
    await central.begin(central.writes)
    assert await echo(central, "back", 3) == (3, "back")


async def test_for_who_has_paired_alone_bluez_is_told_to_keep_others_away(bluez, tmp_path, image):
    async with Served(bluez, tmp_path, image, "--ble-authenticated") as device:
        _, characteristic = properties(bluez, GATT)
        assert characteristic["Flags"] == [*OPEN, "encrypt-authenticated-write",
                                           "encrypt-authenticated-notify"]
        assert (bluez.agent.can, bluez.agent.is_default) == ("DisplayOnly", True)
        central = Central(bluez, FIRST)
        await central.begin()
        for passkey, typed in ((123456, 0), (42, 0), (999, 1)):
            await bluez.ask(bluez.agent.whom, bluez.agent.path, "org.bluez.Agent1",
                            "DisplayPasskey", "ouq", [central.path, passkey, typed])
        await until(lambda: "Bluetooth passkey 000042" in device.console())
        assert "Bluetooth passkey 123456" in device.console()
        assert "000999" not in device.console()  # shown once, not at each digit
        assert await echo(central, "hello") == (1, "hello")


@pytest.mark.parametrize("member, words", [("RegisterApplication", "serve SMP over Bluetooth"),
                                           ("RegisterAdvertisement", "advertise over Bluetooth"),
                                           ("RegisterAgent", "be paired over Bluetooth")])
async def test_what_bluez_refuses_is_told(bluez, tmp_path, image, member, words):
    bluez.refusals[member] = [("NotPermitted", "Maximum advertisements reached")]
    one = Served(bluez, tmp_path, image, "--ble-authenticated")
    with pytest.raises(AssertionError, match=f"cannot {words}: Maximum advertisements reached"):
        await one.__aenter__()
    assert one.process.returncode not in (0, None) and "Sanitizer" not in one.console()
