# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A stand-in for bluetoothd, on a D-Bus of its own: what the real one does not do when it is asked
(refuse, hide, ask for a passkey, cut a connection, any MTU), in seconds. `./dev test guest` has the
real one. Not tested this way: BlueZ, the kernel, the air."""

import asyncio
import contextlib
import os
import socket
import time
from types import SimpleNamespace

from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from virtual_device import Device

SERVICE = "8d53dc1d-1db7-4cd3-868b-8a527460aa84"
CHARACTERISTIC = "da2e7828-fbce-4e01-ae9e-261174997c48"
BATTERY = "0000180f-0000-1000-8000-00805f9b34fb"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
GATT = "org.bluez.GattCharacteristic1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/>
<allow own="*"/><allow user="*"/>{}</policy></busconfig>
"""


def variants(properties):
    kinds = {bool: "b", str: "s", list: "as", int: "n"}
    return {key: Variant(kinds[type(value)], value) for key, value in properties.items()}


async def ended(process, wait, limit_s):
    """What this wait for its end returns; it is killed when it takes too long."""
    try:
        return await asyncio.wait_for(wait, limit_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Refusal(Exception):
    """An error's name, behind org.bluez.Error., and its text."""


class Peer:
    """A peripheral as a computer with BlueZ sees it; its user says what it answers."""

    def __init__(self, address, name="", adapter="hci1", uuids=(SERVICE,), mtu=247):
        self.address, self.adapter, self.mtu = address, adapter, mtu
        self.path = f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"
        self.properties = {"Address": address, "Alias": name or address.replace(":", "-"),
                           "UUIDs": list(uuids), "Connected": False, "ServicesResolved": False,
                           "Paired": False}
        self.characteristics = [BATTERY, CHARACTERISTIC]
        self.passkey = None  # that it shows; who has not typed it may not subscribe
        self.is_listened_to = self.others_listen = self.was_hung_up = False
        self.heard_at = 1  # by the how-manieth scan
        self.connects, self.connected_at = 0, None
        self.values, self.notify_end, self.write_end = [], None, None
        self.take = lambda value: None

    async def begin(self, member):
        """The central asks for a socket."""

    def notify(self, value):
        if self.notify_end:
            with contextlib.suppress(ConnectionError):  # it has just been closed
                self.notify_end.send(value)

    def read(self):
        try:
            value = self.write_end.recv(1024)
        except BlockingIOError:
            return
        if value:
            self.values.append((time.monotonic(), value))
            self.take(value)
        else:
            self.drop("write_end")

    def drop(self, end):
        """Close this socket."""
        one = getattr(self, end)
        setattr(self, end, None)
        if one:
            asyncio.get_running_loop().remove_reader(one)
            one.close()

    def leave(self):
        self.is_listened_to = False
        self.drop("notify_end")
        self.drop("write_end")
        self.properties.update(Connected=False, ServicesResolved=False)


class BlueZ:
    def __init__(self, folder, adapters=None, denied=""):
        self.folder, self.denied = folder, denied
        self.adapters = adapters or {"hci1": True}
        self.peers, self.centrals, self.calls, self.refusals = [], [], [], {}
        self.scans, self.is_scanning, self.agent = 0, False, None
        self.applications, self.advertised = [], None
        self.tasks, self.failures = set(), []

    async def __aenter__(self):
        config = self.folder / "bus.conf"
        config.write_text(BUS.format(self.folder, self.denied), encoding="ascii")
        self.daemon = await asyncio.create_subprocess_exec(
            "dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
            "--print-address", stdout=asyncio.subprocess.PIPE)
        address = (await self.daemon.stdout.readline()).decode().strip()
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=address)
        self.bus = await MessageBus(bus_address=address, negotiate_unix_fd=True).connect()
        self.bus.add_message_handler(self.handle)
        await self.bus.request_name("org.bluez")
        return self

    async def __aexit__(self, *unused):
        for peer in self.peers:
            peer.leave()
        self.bus.disconnect()
        self.daemon.terminate()
        await self.daemon.wait()
        assert not self.failures, self.failures

    # ---- The bus ----

    def handle(self, message):
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.interface == OBJECTS:
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.objects()])
        self.calls.append(message)
        for name, text in self.refusals.get(message.member, [])[:1]:
            self.refusals[message.member].pop(0)
            whose = "" if "." in name else "org.bluez.Error."
            return Message.new_error(message, whose + name, text)
        task = asyncio.ensure_future(self.answer(message))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    async def answer(self, message):
        try:
            act = getattr(self, f"on_{message.member}")
            signature, body, files = await act(message) or ("", [], [])
        except Exception as error:
            name, text = error.args if isinstance(error, Refusal) else ("Failed", repr(error))
            if not isinstance(error, Refusal):
                self.failures.append(error)
            await self.reply(message, Message.new_error(message, f"org.bluez.Error.{name}", text))
            return
        await self.reply(message, Message.new_method_return(message, signature, body, files))
        for file in files:
            os.close(file)

    async def reply(self, message, reply):
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            await self.bus.send(reply)

    async def ask(self, whom, path, interface, member, signature="", body=()):
        """A call to one of the programs; its reply, or Refusal."""
        reply = await self.bus.call(Message(
            destination=whom, path=path, interface=interface, member=member, signature=signature,
            body=list(body)))
        if reply.message_type is MessageType.ERROR:
            raise Refusal(reply.error_name.removeprefix("org.bluez.Error."), reply.body[0])
        return reply

    def tell_change(self, path, **properties):
        self.bus.send(Message.new_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as",
                                         [DEVICE, variants(properties), []]))

    def named(self, member):
        return [call for call in self.calls if call.member == member]

    # ---- Its objects ----

    def objects(self):
        found = {f"/org/bluez/{name}": {ADAPTER: variants({"Powered": is_on}),
                                        "org.example.Other": variants({"Powered": True})}
                 for name, is_on in self.adapters.items()}
        for peer in self.peers:
            is_heard = self.is_scanning and self.scans >= peer.heard_at
            signal = {"RSSI": -40} if is_heard else {}
            found[peer.path] = {DEVICE: variants({**peer.properties, **signal})}
            if peer.properties["ServicesResolved"]:
                for n, uuid in enumerate(peer.characteristics):
                    found[f"{peer.path}/service0/char{n}"] = {GATT: variants({"UUID": uuid})}
        return found

    def peer_at(self, path):
        return next(peer for peer in self.peers
                    if path == peer.path or path.startswith(peer.path + "/"))

    # ---- What a central asks ----

    async def on_SetDiscoveryFilter(self, message):
        pass

    async def on_StartDiscovery(self, message):
        self.scans += 1
        self.is_scanning = True

    async def on_StopDiscovery(self, message):
        self.is_scanning = False

    async def on_Connect(self, message):
        peer = self.peer_at(message.path)
        peer.connects += 1
        peer.connected_at = time.monotonic()
        peer.properties.update(Connected=True, ServicesResolved=True)

    async def on_Disconnect(self, message):
        for central in self.centrals:
            if central.path == message.path:
                central.cut()
                return
        self.peer_at(message.path).leave()

    async def on_RegisterAgent(self, message):
        self.agent = SimpleNamespace(whom=message.sender, path=message.body[0],
                                     can=message.body[1], is_default=False)

    async def on_RequestDefaultAgent(self, message):
        self.agent.is_default = True

    async def on_UnregisterAgent(self, message):
        self.agent = None

    async def ask_passkey(self, path):
        return await self.ask(self.agent.whom, self.agent.path, "org.bluez.Agent1",
                              "RequestPasskey", "o", [path])

    async def pair(self, peer):
        """What a refused subscription makes BlueZ do; it asks its default agent, whose that is."""
        if not (self.agent and self.agent.is_default and self.agent.can == "KeyboardOnly"):
            raise Refusal("AuthenticationRejected", "nobody to ask")
        typed = await self.ask_passkey(peer.path)
        if typed.body[0] != peer.passkey:
            raise Refusal("AuthenticationFailed", "Authentication Failed")
        peer.properties["Paired"] = True

    async def on_StartNotify(self, message):
        peer = self.peer_at(message.path)
        if peer.notify_end:
            raise Refusal("NotPermitted", "Notify acquired")
        if peer.passkey is not None and not peer.properties["Paired"]:
            try:
                await self.pair(peer)
            except Refusal as refusal:  # as 5.66 says it, once somebody disconnects
                while refusal.args[0] == "Rejected" and peer.properties["Connected"]:
                    await asyncio.sleep(0.01)
                peer.was_hung_up = not peer.properties["Connected"]
                raise Refusal("Failed", "Operation failed with ATT error: 0x0e") from None
        peer.is_listened_to = True

    async def on_StopNotify(self, message):
        self.peer_at(message.path).is_listened_to = False

    async def acquire(self, message, end):
        peer = self.peer_at(message.path)
        if not message.path.endswith("/char1"):
            raise Refusal("NotSupported", "not that one")
        if peer.passkey is not None and not peer.properties["Paired"]:
            raise AssertionError("bluetoothd 5.66 crashes where the device refuses this")
        if getattr(peer, end):
            raise Refusal("NotPermitted", "Write acquired")
        if end == "notify_end" and (peer.is_listened_to or peer.others_listen):
            raise Refusal("InProgress", "In Progress")
        await peer.begin(message.member)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        setattr(peer, end, mine)
        if end == "write_end":
            asyncio.get_running_loop().add_reader(mine, peer.read)
        return "hq", [0, peer.mtu], [theirs.detach()]

    async def on_AcquireNotify(self, message):
        return await self.acquire(message, "notify_end")

    async def on_AcquireWrite(self, message):
        return await self.acquire(message, "write_end")

    # ---- What a device asks ----

    async def on_RegisterApplication(self, message):
        managed = await self.ask(message.sender, message.body[0], OBJECTS, "GetManagedObjects")
        self.applications.append(SimpleNamespace(whom=message.sender, objects=managed.body[0]))

    async def on_RegisterAdvertisement(self, message):
        told = await self.ask(message.sender, message.body[0], PROPERTIES, "GetAll", "s",
                              ["org.bluez.LEAdvertisement1"])
        self.advertised = {key: value.value for key, value in told.body[0].items()}

    async def on_UnregisterAdvertisement(self, message):
        self.advertised = None


class Central:
    """A central that BlueZ serves with what a program has registered."""

    def __init__(self, bluez, address, mtu=247):
        self.bluez, self.mtu, self.cut = bluez, mtu, self.leave
        bluez.centrals.append(self)
        self.path = f"/org/bluez/hci0/dev_{address.replace(':', '_')}"
        self.writes = self.notifications = None

    async def ask(self, member, signature="", body=(), **options):
        application = self.bluez.applications[0]
        path = next(path for path, interfaces in application.objects.items()
                    if GATT in interfaces)
        told = {"device": Variant("o", self.path), "link": Variant("s", "LE"), **options}
        return await self.bluez.ask(application.whom, path, GATT, member, signature + "a{sv}",
                                    [*body, told])

    async def acquire(self, member):
        reply = await self.ask(member, mtu=Variant("q", self.mtu))
        assert reply.body[1] == self.mtu
        one = socket.socket(fileno=reply.unix_fds[reply.body[0]])
        one.setblocking(False)
        return one

    async def begin(self, writes=None):
        """writes: a socket that is kept from an earlier connection."""
        self.writes = writes or await self.acquire("AcquireWrite")
        self.notifications = await self.acquire("AcquireNotify")

    def leave(self):
        """The socket for writes, which BlueZ keeps."""
        self.notifications.close()
        self.bluez.tell_change(self.path, RSSI=-50)
        self.bluez.tell_change(self.path, Connected=False)
        return self.writes


class Served:
    """A virtual device that registers with this BlueZ."""

    def __init__(self, bluez, folder, image, *options):
        self.bluez, self.folder, self.image, self.options = bluez, folder, image, options
        self.flash = Device(folder).flash

    async def __aenter__(self):
        ready, self.log = self.folder / "ready.json", self.folder / "console.log"
        command = Device(self.folder).command("--hash-only", "--init", self.image, "--ble",
                                              "blinky", "--ready-file", ready, *self.options)
        with self.log.open("w") as out:
            self.process = await asyncio.create_subprocess_exec(
                *command, env=self.bluez.environment, stdout=out, stderr=out)
        while not ready.exists():
            assert self.process.returncode is None, self.console()
            await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *unused):
        self.process.terminate()
        code = await ended(self.process, self.process.wait(), 60)
        assert code == 0 and "Sanitizer" not in self.console(), self.console()

    def console(self):
        return self.log.read_text(errors="replace")
