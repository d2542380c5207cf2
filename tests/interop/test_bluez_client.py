# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""dfu over Bluetooth LE, before a stand-in for bluetoothd: how it finds a device, connects, pairs,
cuts packets into values, goes on after a break, and what it says when something is wrong. Behind the
stand-in is a virtual device."""

import asyncio
import os

import pytest

from bluez_stand_in import BATTERY, CHARACTERISTIC, BlueZ, Peer, Refusal, ended
from virtual_device import DFU, PORT, SLOT_SIZE, Device, make_image

ADDRESS, OTHER = "00:AA:01:01:00:01", "00:AA:01:02:00:02"
UNREACHED = 3
ALONE_S = 0.5  # how long the first value of a connection waits for an answer
STALE = bytes([0x0b, 0, 0, 1, 0, 0, 0xee, 0, 0xa0])  # an answer to what nobody asked


class Served(Peer):
    """A peripheral that is a virtual device: values become packets by UDP, and back."""

    def __init__(self, device, *options, **more):
        super().__init__(*options, **more)
        self.device, self.udp, self.partial = device, None, b""
        self.is_silent = False
        self.take = self.pass_on

    async def begin(self, member):
        if not self.udp:
            peer = self

            class Answers(asyncio.DatagramProtocol):
                def datagram_received(self, data, addr):
                    peer.answer(data)

            self.udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                Answers, remote_addr=(self.device.address, PORT))

    def pass_on(self, value):
        self.partial += value
        if len(self.partial) >= 8 + int.from_bytes(self.partial[2:4], "big"):
            packet, self.partial = self.partial, b""
            if not self.is_silent:
                self.udp.sendto(packet)

    def answer(self, packet):
        for at in range(0, len(packet), self.mtu - 3):
            self.notify(packet[at:at + self.mtu - 3])

    def leave(self):
        super().leave()
        self.partial = b""
        if self.udp:
            self.udp.close()
            self.udp = None


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    one.start("--init", make_image(tmp_path / "v1.bin", "1.0.0", "name=blinky\n"))
    yield one
    one.stop()


@pytest.fixture
async def bluez(tmp_path):
    async with BlueZ(tmp_path) as one:
        yield one


@pytest.fixture
def peer(bluez, device):
    one = Served(device, ADDRESS, "blinky")
    bluez.peers.append(one)
    return one


class Program:
    """dfu, without a terminal."""

    def __init__(self, bluez, *words, typed=""):
        self.bluez, self.words, self.typed = bluez, words, typed

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            DFU, *(str(word) for word in self.words), env=self.bluez.environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, start_new_session=True)
        return self

    async def __aexit__(self, *unused):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def end(self):
        """Its exit code and what it said."""
        out, _ = await ended(self.process, self.process.communicate(self.typed.encode()), 120)
        text = out.decode(errors="replace")
        assert "Sanitizer" not in text, text
        return self.process.returncode, text


async def dfu(bluez, target, *words, typed="", options=()):
    async with Program(bluez, *options, "-d", f"ble:{target}", *words, typed=typed) as program:
        return await program.end()


async def echo(bluez, target="blinky", text="hello", **more):
    return await dfu(bluez, target, "echo", text, **more)


async def fails(bluez, *parts, target="blinky", **more):
    """It does not reach the device, and says all of this in one line."""
    code, text = await echo(bluez, target, **more)
    assert code == UNREACHED, text
    line, = [line for line in text.splitlines() if parts[0] in line]
    for part in parts:
        assert part in line, text


async def until(condition, limit_s=60):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


# ---- Finding and connecting ----


@pytest.mark.parametrize("target", ["blinky", ADDRESS, ADDRESS.lower(), "blinky,adapter=hci1"])
async def test_a_device_is_found_by_name_and_by_address(bluez, peer, target):
    bluez.adapters["hci0"] = False  # the first one is off
    bluez.peers.insert(0, Peer(OTHER, "blinky", adapter="hci0"))
    assert await echo(bluez, target) == (0, "hello\n")
    assert peer.connects == 1 and bluez.peers[0].connects == 0


async def test_a_name_may_have_commas(bluez, peer):
    peer.properties["Alias"] = "my device, the blue one"
    assert await echo(bluez, "my device, the blue one,whole") == (0, "hello\n")


async def test_who_is_not_heard_in_the_first_scan_is_in_a_later_one(bluez, peer):
    peer.heard_at = 3
    assert (await echo(bluez))[0] == 0
    assert bluez.scans == 3 and not bluez.is_scanning


async def test_who_is_connected_already_is_not_looked_for_and_stays_connected(bluez, peer):
    peer.properties.update(Connected=True, ServicesResolved=True)
    assert (await echo(bluez))[0] == 0
    assert bluez.scans == peer.connects == 0 and peer.properties["Connected"]


async def test_who_was_connected_by_dfu_is_disconnected(bluez, peer):
    assert (await echo(bluez))[0] == 0
    await until(lambda: not peer.properties["Connected"])
    assert bluez.agent is None


async def test_who_is_just_being_disconnected_is_connected_again(bluez, peer):
    """By another program: BlueZ says that the device is connected, and refuses."""
    peer.properties.update(Connected=True, ServicesResolved=True)
    bluez.refusals["StartNotify"] = [("NotConnected", "Not Connected")]

    def disconnect():
        peer.leave()

    asyncio.get_running_loop().call_later(1, disconnect)
    code, text = await echo(bluez)
    assert code == 0, text
    assert peer.connects == 1
    bluez.refusals["StartNotify"] = [("Failed", "Not connected")] * 3
    await fails(bluez, "the Bluetooth device blinky disconnected at once", "try again")


async def test_a_connection_is_tried_three_times(bluez, peer):
    bluez.refusals["Connect"] = [("Failed", "le-connection-abort-by-local")] * 2
    assert (await echo(bluez))[0] == 0
    bluez.refusals["Connect"] = [("Failed", "le-connection-abort-by-local")] * 3
    await fails(bluez, "cannot connect to the Bluetooth device blinky: "
                "le-connection-abort-by-local", "try again, and see journalctl -u bluetooth")


async def test_devices_are_listed_by_their_service(bluez, peer):
    bluez.peers += [Peer(OTHER, "elsewhere", adapter="hci0"),
                    Peer("00:AA:01:03:00:03", "lamp", uuids=(BATTERY,)), Peer("00:AA:01:04:00:04")]
    async with Program(bluez, "devices", "--no-network", "--wait", "500") as program:
        code, text = await program.end()
    listed = {line.split()[0]: line for line in text.splitlines() if line.startswith("ble:")}
    assert code == 0 and set(listed) == {f"ble:{ADDRESS}", "ble:00:AA:01:04:00:04"}
    assert "blinky" in listed[f"ble:{ADDRESS}"] and "-40 dBm" in listed[f"ble:{ADDRESS}"]


# ---- What is wrong, in words, with the next step ----


async def test_who_is_not_heard_is_told(bluez, peer):
    peer.heard_at = 1000
    await fails(bluez, "no Bluetooth device blinky was heard",
                "check that it is on, near, advertises", "dfu devices")


async def test_without_a_bus_and_without_bluetoothd_the_words_say_what_to_start(tmp_path, bluez):
    silent = type("Nobody", (), {"environment": dict(
        os.environ, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/nobody")})
    await fails(silent, "D-Bus, which does not answer", "systemctl start dbus")
    await bluez.bus.release_name("org.bluez")
    await fails(bluez, "bluetoothd does not run", "install bluez",
                "systemctl start bluetooth")


async def test_an_adapter_that_is_off_or_missing_is_told(bluez, peer):
    bluez.adapters["hci1"] = False
    await fails(bluez, "the Bluetooth adapter hci1 is off", "bluetoothctl power on")
    await fails(bluez, "there is no Bluetooth adapter hci7", "bluetoothctl list",
                target="blinky,adapter=hci7")
    bluez.adapters.clear()
    await fails(bluez, "this computer has no Bluetooth adapter", "rfkill list")


async def test_an_adapter_that_is_switched_off_meanwhile_is_told(bluez, peer):
    bluez.refusals["StartDiscovery"] = [("NotReady", "Resource Not Ready")]
    await fails(bluez, "cannot look for Bluetooth devices", "the Bluetooth adapter is off",
                "bluetoothctl power on")


async def test_a_user_who_may_not_use_bluetooth_is_told(tmp_path):
    async with BlueZ(tmp_path, denied='<deny send_destination="org.bluez"/>') as bluez:
        await fails(bluez, "this user may not use Bluetooth", "group bluetooth")


async def test_a_device_without_smp_or_without_services_is_told(bluez, peer, monkeypatch):
    peer.characteristics = [BATTERY]
    await fails(bluez, "does not offer SMP", "dfu devices lists those that do")

    async def connect_and_leave(message):
        peer.connects += 1
        peer.properties["Connected"] = False

    monkeypatch.setattr(bluez, "on_Connect", connect_and_leave)
    await fails(bluez, "disconnected at once", "try again, nearer to it")


async def test_what_another_program_has_is_left_to_it(bluez, peer):
    peer.properties.update(Connected=True, ServicesResolved=True)
    peer.others_listen = True
    await fails(bluez, "another program on this computer talks to the Bluetooth device",
                "wait until it is done")
    peer.others_listen = False
    bluez.refusals["StartNotify"] = [("NotPermitted", "Notify acquired")]
    await fails(bluez, "another program on this computer")
    bluez.refusals["AcquireWrite"] = [("NotPermitted", "Write acquired")]
    await fails(bluez, "another program on this computer")
    assert peer.properties["Connected"] and not bluez.named("Disconnect")


async def test_a_bluetoothd_that_has_no_sockets_to_give_is_told(bluez, peer):
    bluez.refusals["AcquireNotify"] = [("org.freedesktop.DBus.Error.UnknownMethod", "what?")]
    await fails(bluez, "bluetoothd hands over no sockets", "install BlueZ 5.46 or newer")
    await until(lambda: not peer.properties["Connected"])


# ---- Pairing ----


async def test_who_wants_to_be_paired_is_with_the_passkey(bluez, peer):
    peer.passkey = 42
    assert await echo(bluez, "blinky,passkey=42") == (0, "hello\n")
    assert [call.member for call in bluez.calls if "Notify" in call.member] == [
        "StartNotify", "StopNotify", "AcquireNotify"]
    assert not bluez.named("Pair") and bluez.agent is None


async def test_the_user_is_asked_for_the_passkey(bluez, peer):
    peer.passkey = 123456
    code, text = await echo(bluez, typed="123456\n")
    assert code == 0 and text == "passkey that blinky shows: hello\n"


async def test_who_is_paired_already_is_not_paired_again(bluez, peer):
    peer.passkey, peer.properties["Paired"] = 42, True
    assert await echo(bluez) == (0, "hello\n")
    assert not bluez.named("RegisterAgent")


async def test_a_wrong_passkey_is_told_and_the_right_one_works_afterwards(bluez, peer):
    """No socket is asked for meanwhile: the stand-in fails the test where that is done."""
    peer.passkey = 42
    await fails(bluez, "the Bluetooth device blinky was not paired",
                "it refused the passkey", "give the one that it shows now", ",passkey=N",
                target="blinky,passkey=43")
    assert not bluez.named("AcquireNotify") and bluez.agent is None
    await until(lambda: not peer.properties["Connected"])
    assert await echo(bluez, "blinky,passkey=42") == (0, "hello\n")


@pytest.mark.parametrize("typed", ["", "\n", "none\n", "1000000\n"])
async def test_who_gives_no_passkey_is_told_how(bluez, peer, typed):
    peer.passkey = 42
    await fails(bluez, "the Bluetooth device blinky wants to be paired",
                "give the passkey that it shows, at the prompt or as ,passkey=N", typed=typed)
    assert peer.was_hung_up and not peer.properties["Paired"]


async def test_a_device_that_does_not_pair_is_told(bluez, peer):
    for error in ("0x05", "0x0f", "0x08"):
        bluez.refusals["StartNotify"] = [("Failed", f"Operation failed with ATT error: {error}")]
        await fails(bluez, "blinky serves only who is paired, and did not pair",
                    "make it show a passkey, and try again")


async def test_a_device_that_has_forgotten_this_computer_is_told(bluez, peer):
    peer.properties["Paired"] = True
    bluez.refusals["StartNotify"] = [("Failed", "Operation failed with ATT error: 0x0f")]
    await fails(bluez, "blinky does not know this computer any more",
                f"bluetoothctl remove {ADDRESS}", "pair again")


async def test_the_passkey_is_for_that_device_alone(bluez, peer, monkeypatch):
    peer.passkey = 42
    pair = bluez.pair

    async def ask_for_others_first(one):
        stranger = "/org/bluez/hci1/dev_00_AA_01_02_00_02"
        with pytest.raises(Refusal, match="Rejected"):
            await bluez.ask_passkey(stranger)
        with pytest.raises(Refusal, match="Rejected"):
            await bluez.ask(bluez.agent.whom, bluez.agent.path, "org.bluez.Agent1",
                            "AuthorizeService", "os", [stranger, CHARACTERISTIC])
        await bluez.ask(bluez.agent.whom, bluez.agent.path, "org.bluez.Agent1",
                        "AuthorizeService", "os", [one.path, CHARACTERISTIC])
        await pair(one)

    monkeypatch.setattr(bluez, "pair", ask_for_others_first)
    assert await echo(bluez, "blinky,passkey=42") == (0, "hello\n")


@pytest.mark.parametrize("passkey", ["", "x", "-1", "1000000", "12 34"])
async def test_what_is_no_passkey_is_told(bluez, peer, passkey):
    code, text = await echo(bluez, f"blinky,passkey={passkey}")
    assert code == 2 and "is not NAME or ADDRESS[,adapter=hciN][,passkey=N]" in text
    assert not bluez.calls


# ---- Values ----


@pytest.mark.parametrize("mtu", [23, 65, 247, 498, 517])
async def test_values_fit_the_mtu_and_an_image_arrives(bluez, peer, device, tmp_path, mtu):
    peer.mtu = mtu
    image = make_image(tmp_path / "v2.bin", "2.0.0", size=8000)
    code, text = await dfu(bluez, "blinky", "image", "upload", image)
    assert code == 0, text
    assert max(len(value) for _, value in peer.values) == min(mtu - 3, 510)
    with device.flash.open("rb") as flash:
        flash.seek(0xc000 + SLOT_SIZE)
        assert flash.read(image.stat().st_size) == image.read_bytes()


async def test_for_a_device_that_joins_nothing_requests_are_one_value(bluez, peer, tmp_path):
    image = make_image(tmp_path / "v2.bin", "2.0.0", size=3000)
    code, text = await dfu(bluez, "blinky,whole", "image", "upload", image)
    assert code == 0, text
    for _, value in peer.values:
        assert len(value) == 8 + int.from_bytes(value[2:4], "big") <= 244


async def pause_after_the_first_value(bluez, peer):
    """In seconds; of a request of several values, before which nothing is asked."""
    peer.mtu = 23
    peer.values.clear()
    assert (await echo(bluez, text="x" * 100))[0] == 0
    return peer.values[1][0] - peer.values[0][0]


async def test_the_first_value_travels_alone_for_half_a_second_or_until_an_answer(bluez, peer):
    """The longest of some pauses, the shortest of others: this machine may be slow, too."""
    assert max([await pause_after_the_first_value(bluez, peer) for _ in range(3)]) > ALONE_S * 0.9

    def answer_at_once(value):
        if len(peer.values) == 1:
            peer.notify(STALE)
        peer.pass_on(value)

    peer.take = answer_at_once
    assert min([await pause_after_the_first_value(bluez, peer) for _ in range(5)]) < ALONE_S * 0.9


# ---- Breaks ----


async def test_an_upload_that_is_cut_connects_again_and_goes_on(bluez, peer, tmp_path):
    image = make_image(tmp_path / "v2.bin", "2.0.0", size=40000)
    cuts = [15000, 30000]
    sent = [0]

    def cut(value):
        sent[0] += len(value)
        if cuts and sent[0] > cuts[0]:
            cuts.pop(0)
            peer.leave()
        else:
            peer.pass_on(value)

    peer.take = cut
    code, text = await dfu(bluez, "blinky", "image", "upload", image, options=("-v",))
    assert code == 0 and text.count("lost the connection") == 2, text
    assert peer.connects == 3 and sent[0] < 1.6 * image.stat().st_size


async def test_a_device_that_is_gone_for_good_is_told(bluez, peer):
    def go(value):
        peer.leave()
        peer.heard_at = 1000

    peer.take = go
    await fails(bluez, "lost the connection to ble:blinky", "it did not come back",
                "check the device")


async def test_a_program_that_was_killed_goes_on_when_it_is_started_again(bluez, peer, tmp_path):
    image = make_image(tmp_path / "v2.bin", "2.0.0", size=40000)

    def take_half(value):
        peer.is_silent = peer.is_silent or sum(len(one) for _, one in peer.values) > 20000
        peer.pass_on(value)

    peer.take = take_half
    async with Program(bluez, "-d", "ble:blinky", "image", "upload", image) as program:
        await until(lambda: peer.is_silent)
        program.process.kill()
        await program.process.wait()
    peer.leave()  # as BlueZ does when nobody has the sockets
    peer.take, peer.is_silent = peer.pass_on, False
    peer.values.clear()
    code, text = await dfu(bluez, "blinky", "image", "upload", image, options=("-v",))
    assert code == 0 and "the rest was there" in text, text
    assert sum(len(value) for _, value in peer.values) < image.stat().st_size


async def test_an_upgrade_goes_through_the_restart_of_the_device(bluez, peer, device, tmp_path):
    """Over Bluetooth a device that restarts disconnects."""
    starts = device.console().count("boot")

    def watch(value):
        peer.pass_on(value)
        if value[4:8] == bytes([0, 0, value[6], 5]):  # OS, reset
            asyncio.get_running_loop().call_later(0.4, peer.leave)

    peer.take = watch
    image = make_image(tmp_path / "v2.bin", "2.0.0", "name=two\n", size=8000)
    code, text = await dfu(bluez, "blinky", "upgrade", image)
    assert code == 0, text
    assert peer.connects >= 2 and device.console().count("boot") > starts
