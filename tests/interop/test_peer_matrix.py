# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Every client there is against our server: peer by operation, over each link the peer has.

A peer does an operation and the device shows that it happened, or the peer itself shows that it
has no such operation (its help, or the names in its module). The table goes to the terminal and
to peer-matrix.txt in the build folder.
"""

import asyncio
import datetime
import json
import os
import re
from pathlib import Path

import mcumgr_client
import mcumgr_toolkit
import pytest
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import (DateTimeRead, DateTimeWrite, EchoWrite, ResetWrite)
from smpclient.requests.settings_management import ReadSetting, WriteSetting
from smpclient.requests.shell_management import Execute
from smpclient.requests.statistics_management import GroupData
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

from virtual_device import BIN, DFU, PORT, Device, make_image, run

OPERATIONS = ["list", "upload", "test", "reset", "confirm", "erase", "fs up", "fs down", "shell",
              "stat", "settings", "echo", "datetime"]
CONTENT = bytes(range(256)) * 9
WHEN = datetime.datetime(2031, 2, 3, 4, 5, 6)
RESULTS = {}


class Lacks(Exception):
    """The peer has no such operation; the text says what proves it."""


class Dfu:
    """Our own."""
    links = ["udp", "serial"]

    def __init__(self, device, link):
        self.target = f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"

    def run(self, *words):
        done = run(DFU, "-q", "--json", "-d", self.target, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def list(self):
        return {slot["slot"]: (slot["version"], slot["hash"])
                for slot in self.run("image", "list")["images"]}

    def upload(self, path):
        self.run("image", "upload", path)

    def test(self, digest):
        self.run("image", "test", digest)

    def reset(self):
        self.run("reset")

    def confirm(self):
        self.run("image", "confirm")

    def erase(self):
        self.run("image", "erase")

    def fs_up(self, path, name):
        self.run("fs", "upload", path, name)

    def fs_down(self, name, path):
        self.run("fs", "download", name, path)

    def shell(self):
        return self.run("shell", "version")["output"]

    def stat(self):
        return self.run("stat", "show", "device")["fields"]["starts"]

    def settings(self):
        self.run("settings", "write", "app/id", "seven")
        return bytes.fromhex(self.run("settings", "read", "app/id")["hex"])

    def echo(self, text):
        return self.run("echo", text)["echo"]

    def datetime(self):
        self.run("datetime", WHEN.isoformat())
        return self.run("datetime")["datetime"]


class Smpmgr:
    """The command line of smpclient; its help names what it has."""
    links = ["udp", "serial"]

    def __init__(self, device, link):
        self.device, self.link = device, link

    def run(self, *words):
        return self.device.smpmgr(self.link, *words)

    def lacks(self, command, *where):
        environment = dict(os.environ, COLUMNS="200", NO_COLOR="1")
        text = run(BIN / "smpmgr", *where, "--help", env=environment).stdout
        assert "Commands" in text and not re.search(rf"^│ *\S*{command}", text, re.M), text
        raise Lacks(f"smpmgr {' '.join(where)} --help names no {command}".replace("  ", " "))

    def list(self):
        found = re.findall(r"slot=(\d).*?version='([\d.]+).*?([0-9A-Fa-f]{64})",
                           self.run("image", "state-read"), re.S)
        return {int(slot): (version, digest.lower()) for slot, version, digest in found}

    def upload(self, path):
        self.run("image", "upload", path)

    def test(self, digest):
        self.run("image", "state-write", digest)

    def reset(self):
        self.run("os", "reset")

    def confirm(self):
        self.run("image", "state-write", "--confirm")

    def erase(self):
        self.run("image", "erase", "1")

    def fs_up(self, path, name):
        self.run("file", "upload", path, name)

    def fs_down(self, name, path):
        self.run("file", "download", name, path)

    def shell(self):
        return self.run("shell", "version")

    def stat(self):
        return int(re.search(r"starts\W+(\d+)", self.run("statistics", "get", "device")).group(1))

    def settings(self):
        self.lacks("settings")

    def echo(self, text):
        return self.run("os", "echo", text)

    def datetime(self):
        self.lacks("datetime", "os")


class Smpclient:
    """The Python library."""
    links = ["udp", "serial"]

    def __init__(self, device, link):
        self.device, self.link = device, link

    def ask(self, *requests):
        async def session(client):
            for request in requests:
                answer = await client.request(request)
                assert success(answer), answer
            return answer
        return self.talk(session)

    def talk(self, work):
        async def session():
            transport = SMPUDPTransport() if self.link == "udp" else SMPSerialTransport()
            address = self.device.address if self.link == "udp" else str(self.device.link)
            async with SMPClient(transport, address, timeout_s=5) as client:
                return await work(client)
        return asyncio.run(session())

    def list(self):
        return {state.slot: (state.version, bytes(state.hash).hex())
                for state in self.ask(ImageStatesRead()).images}

    def upload(self, path):
        async def work(client):
            async for _ in client.upload(path.read_bytes(), first_timeout_s=20.0):
                pass
        self.talk(work)

    def test(self, digest):
        self.ask(ImageStatesWrite(hash=bytes.fromhex(digest)))

    def reset(self):
        self.ask(ResetWrite())

    def confirm(self):
        self.ask(ImageStatesWrite(confirm=True))

    def erase(self):
        self.ask(ImageErase())

    def fs_up(self, path, name):
        async def work(client):
            async for _ in client.upload_file(path.read_bytes(), name):
                pass
        self.talk(work)

    def fs_down(self, name, path):
        async def work(client):
            return await client.download_file(name)
        path.write_bytes(self.talk(work))

    def shell(self):
        return self.ask(Execute(argv=["version"])).o

    def stat(self):
        return self.ask(GroupData(name="device")).fields["starts"]

    def settings(self):
        return self.ask(WriteSetting(name="app/id", val=b"seven"), ReadSetting(name="app/id")).val

    def echo(self, text):
        return self.ask(EchoWrite(d=text)).r

    def datetime(self):
        return self.ask(DateTimeWrite(datetime=WHEN.isoformat()), DateTimeRead()).datetime


class Toolkit:
    """mcumgr-toolkit: the Rust library of mcumgrctl, in its Python binding."""
    links = ["udp", "serial"]

    def __init__(self, device, link):
        self.client = (mcumgr_toolkit.MCUmgrClient.udp(device.address, PORT, 5000) if link == "udp"
                       else mcumgr_toolkit.MCUmgrClient.serial(os.path.realpath(device.link)))
        self.client.set_timeout_ms(5000)
        self.client.use_auto_frame_size()

    def list(self):
        return {state.slot: (state.version, state.hash.hex())
                for state in self.client.image_get_state()}

    def upload(self, path):
        self.client.image_upload(path.read_bytes())

    def test(self, digest):
        self.client.image_set_state(bytes.fromhex(digest), False)

    def reset(self):
        self.client.os_system_reset()

    def confirm(self):
        self.client.image_set_state(None, True)

    def erase(self):
        self.client.image_erase()

    def fs_up(self, path, name):
        self.client.fs_file_upload(name, path.read_bytes())

    def fs_down(self, name, path):
        path.write_bytes(self.client.fs_file_download(name))

    def shell(self):
        return self.client.shell_execute(["version"])

    def stat(self):
        return self.client.stats_get_group_data("device")["starts"]

    def settings(self):
        self.client.settings_write("app/id", b"seven")
        return self.client.settings_read("app/id")

    def echo(self, text):
        return self.client.os_echo(text)

    def datetime(self):
        self.client.os_set_datetime(WHEN)
        return self.client.os_get_datetime().isoformat()


class McumgrClient:
    """mcumgr-client: the older Rust library, in its Python binding. Serial lines and images only."""
    links = ["serial"]

    def __init__(self, device, _link):
        self.session = mcumgr_client.SerialSession(os.path.realpath(device.link),
                                                   subsequent_timeout_ms=5000)

    def lacks(self, word):
        names = [name for name in dir(self.session) if not name.startswith("_")]
        assert not [name for name in names if word in name]
        raise Lacks(f"its session has only {', '.join(names)}")

    def list(self):
        return {state["slot"]: (state["version"], bytes(state["hash"]).hex())
                for state in self.session.list()}

    def upload(self, path):
        self.session.upload(str(path))

    def test(self, digest):
        self.session.test(bytes.fromhex(digest), False)

    def reset(self):
        self.session.reset()

    def confirm(self):
        self.session.test(bytes.fromhex(self.list()[0][1]), True)

    def erase(self):
        self.session.erase(1)

    def fs_up(self, _path, _name):
        self.lacks("file")

    def fs_down(self, _name, _path):
        self.lacks("file")

    def shell(self):
        self.lacks("shell")

    def stat(self):
        self.lacks("stat")

    def settings(self):
        self.lacks("setting")

    def echo(self, _text):
        self.lacks("echo")

    def datetime(self):
        self.lacks("time")


PEERS = {"dfu": Dfu, "smpmgr 0.19.1": Smpmgr, "smpclient 7.3.0": Smpclient,
         "mcumgr-toolkit 0.20.0": Toolkit, "mcumgr-client 0.3.0": McumgrClient}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
            make_image(folder / "v2.bin", "2.0.0", "name=blinky\n")]


@pytest.fixture
def device(tmp_path, images):
    (tmp_path / "files").mkdir()
    one = Device(tmp_path)
    one.start("--init", images[0], "--files", tmp_path / "files")
    yield one
    assert one.stop() == 0
    assert "Sanitizer" not in one.console()


class Steps:
    """One operation each, in an order in which all make sense; each checks what it did."""

    def __init__(self, peer, device, folder, images):
        self.peer, self.device, self.folder, self.images = peer, device, folder, images

    def list(self):
        slots = self.peer.list()
        assert list(slots) == [0] and slots[0][0].startswith("1.0.0")

    def upload(self):
        self.peer.upload(self.images[1])
        assert self.peer.list()[1][0].startswith("2.0.0")

    def test(self):
        self.peer.test(self.peer.list()[1][1])

    def reset(self):
        self.peer.reset()
        self.device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")

    def confirm(self):
        self.peer.confirm()
        listed = Dfu(self.device, "udp").run("image", "list")["images"][0]
        assert listed["confirmed"] and listed["version"] == "2.0.0"

    def erase(self):
        self.peer.erase()
        assert list(self.peer.list()) == [0]

    def fs_up(self):
        local = self.folder / "up"
        local.write_bytes(CONTENT)
        self.peer.fs_up(local, "/there")
        assert (self.folder / "files" / "there").read_bytes() == CONTENT

    def fs_down(self):
        local = self.folder / "down"
        (self.folder / "files" / "here").write_bytes(CONTENT)
        self.peer.fs_down("/here", local)
        assert local.read_bytes() == CONTENT

    def shell(self):
        assert "blinky 2.0.0" in self.peer.shell()

    def stat(self):
        assert self.peer.stat() == 2

    def settings(self):
        assert bytes(self.peer.settings()) == b"seven"

    def echo(self):
        assert "hello there" in self.peer.echo("hello there")

    def datetime(self):
        assert self.peer.datetime().startswith("2031-02-03T04:05:0")


CASES = [(name, link) for name, peer in PEERS.items() for link in peer.links]


@pytest.mark.parametrize("name, link", CASES)
def test_a_peer_does_all_it_can(device, tmp_path, images, name, link):
    row = RESULTS.setdefault((name, link), {})
    steps = Steps(PEERS[name](device, link), device, tmp_path, images)
    for operation in OPERATIONS:
        try:
            getattr(steps, operation.replace(" ", "_"))()
            row[operation] = "pass"
        except Lacks as proof:
            row[operation] = f"lacks: {proof}"


def test_the_table_is_whole_and_printed(capsys):
    lines = [f"{'peer':22} {'link':7}" + " ".join(f"{name:9}" for name in OPERATIONS)]
    proofs = {}
    for (name, link), row in RESULTS.items():
        cells = []
        for operation in OPERATIONS:
            told = row.get(operation, "FAIL")
            if told.startswith("lacks"):
                proofs.setdefault((name, told), []).append(operation)
                told = "lacks it"
            cells.append(f"{told:9}")
        lines.append(f"{name:22} {link:7}" + " ".join(cells))
    for (name, told), operations in proofs.items():
        lines.append(f"{name}: {', '.join(dict.fromkeys(operations))}: {told}")
    table = "\n".join(line.rstrip() for line in lines)
    (Path(os.environ.get("DFU_BINARY_DIR", "build")) / "peer-matrix.txt").write_text(table + "\n")
    with capsys.disabled():
        print(f"\n{table}")
    assert "FAIL" not in table
    assert len(RESULTS) == len(CASES)
