# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The groups beside OS and image, served by the virtual device, decoded by smpclient."""

import asyncio
import hashlib
import random
import zlib

import pytest
from smpclient import SMPClient
from smpclient.generics import error, success
from smpclient.requests.enumeration_management import (CountSupportedGroups, GroupDetails, GroupId,
                                                       ListSupportedGroups)
from smpclient.requests.file_management import (FileClose, FileDownload, FileHashChecksum,
                                                FileStatus, FileUpload,
                                                SupportedFileHashChecksumTypes)
from smpclient.requests.settings_management import (CommitSettings, DeleteSetting, LoadSettings,
                                                    ReadSetting, SaveSettings, WriteSetting)
from smpclient.requests.shell_management import Execute
from smpclient.requests.statistics_management import GroupData, ListOfGroups
from smpclient.requests.os_management import TaskStatisticsRead
from smpclient.requests.zephyr_management import EraseStorage
from smpclient.transport.udp import SMPUDPTransport

from smp_more import CoreErase, CoreList, CoreLoad, Crash, LogClear, LogList, LogShow
from virtual_device import Device, make_image, run, DFU


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("images") / "v1.bin", "1.2.3", "name=blinky\n")


@pytest.fixture
def device(tmp_path, image):
    (tmp_path / "files").mkdir()
    one = Device(tmp_path)
    one.start("--init", image, "--files", tmp_path / "files")
    yield one
    assert one.stop() == 0
    assert "Sanitizer" not in one.console()


def talk(device, work):
    async def session():
        async with SMPClient(SMPUDPTransport(), device.address, timeout_s=5) as client:
            return await work(client)
    return asyncio.run(session())


async def ask(client, request):
    answer = await client.request(request)
    assert success(answer), answer
    return answer


async def refused(client, request):
    """The code of the group's refusal."""
    answer = await client.request(request)
    assert error(answer), answer
    return answer.err.rc


def test_the_groups_are_enumerated(device):
    async def work(client):
        listed = (await ask(client, ListSupportedGroups())).groups
        assert listed == (0, 1, 2, 3, 4, 5, 8, 9, 10, 63, 65)
        assert (await ask(client, CountSupportedGroups())).count == len(listed)
        assert (await ask(client, GroupId(index=6))).group == 8
        last = await ask(client, GroupId(index=len(listed) - 1))
        assert last.group == 65 and last.end
        assert await refused(client, GroupId(index=len(listed))) == 4
        details = (await ask(client, GroupDetails(groups=[0, 8]))).groups
        assert [(entry.group, entry.name) for entry in details] == [(0, "os mgmt"), (8, "fs mgmt")]
    talk(device, work)


def test_files_go_in_and_come_back(device):
    content = random.Random(8).randbytes(5000)

    async def work(client):
        off = 0
        while off < len(content):
            more = {"len": len(content)} if off == 0 else {}
            answer = await ask(client, FileUpload(name="/a.bin", off=off,
                                                  data=content[off:off + 700], **more))
            off = answer.off
        assert (device.folder / "files" / "a.bin").read_bytes() == content
        assert (await ask(client, FileStatus(name="a.bin"))).len == len(content)
        back = b""
        while len(back) < len(content):
            answer = await ask(client, FileDownload(name="/a.bin", off=len(back)))
            back += answer.data
        assert back == content
        crc = await ask(client, FileHashChecksum(name="a.bin"))
        assert (crc.type, crc.output) == ("crc32", zlib.crc32(content))
        sha = await ask(client, FileHashChecksum(name="a.bin", type="sha256", off=10, len=100))
        assert sha.output == hashlib.sha256(content[10:110]).digest()
        types = (await ask(client, SupportedFileHashChecksumTypes())).types
        assert set(types) == {"crc32", "sha256"}
        await ask(client, FileClose())
    talk(device, work)


def test_nothing_outside_the_folder_is_served(device):
    (device.folder / "secret").write_text("secret")
    (device.folder / "files" / "link").symlink_to(device.folder / "secret")

    async def work(client):
        for name in ("../secret", "/../secret", "a/../../secret", "link", str(device.folder)):
            assert await refused(client, FileDownload(name=name, off=0)) in (2, 3)
            assert await refused(client, FileUpload(name=name, off=0, data=b"x", len=1)) in (2, 3)
        assert await refused(client, FileDownload(name="none", off=0)) == 3
    talk(device, work)
    assert (device.folder / "secret").read_text() == "secret"


def test_settings_are_kept_until_they_are_deleted(device):
    async def work(client):
        await ask(client, WriteSetting(name="app/id", val=b"\x01\x02"))
        assert (await ask(client, ReadSetting(name="app/id"))).val == b"\x01\x02"
        await ask(client, CommitSettings())
        await ask(client, DeleteSetting(name="app/id"))
        assert await refused(client, ReadSetting(name="app/id")) == 3
        assert await refused(client, ReadSetting(name="n" * 32)) == 2
        await ask(client, LoadSettings())
    talk(device, work)


@pytest.mark.parametrize("board, options", [("nrf52840dk", ()), ("pinetime", ()),
                                            ("nrf52840dk", ("--history", "--revocation"))])
def test_saved_settings_survive_a_device_that_is_killed(tmp_path, tmp_path_factory, board,
                                                        options):
    small = make_image(tmp_path_factory.mktemp("images") / "small.bin", "1.0.0", "name=small\n",
                       more=("--slot-size", "0x32000") if board == "pinetime" else ())
    device = Device(tmp_path)
    device.start("--init", small, *options, board=board)

    async def write(client):
        await ask(client, WriteSetting(name="app/id", val=b"kept"))
        await ask(client, SaveSettings())
        await ask(client, WriteSetting(name="app/id", val=b"lost"))
        assert (await client.request(WriteSetting(name="dfu/upload", val=b"x"))).rc == 11
    talk(device, write)
    device.kill()
    device.start(*options, board=board)

    async def read(client):
        assert (await ask(client, ReadSetting(name="app/id"))).val == b"kept"
        await ask(client, EraseStorage())
        assert await refused(client, ReadSetting(name="app/id")) == 3
    talk(device, read)
    device.kill()
    device.start(*options, board=board)

    async def read_again(client):
        assert await refused(client, ReadSetting(name="app/id")) == 3
    talk(device, read_again)
    assert device.stop() == 0


def test_the_shell_runs_commands(device):
    async def work(client):
        assert (await ask(client, Execute(argv=["version"]))).o == "blinky 1.2.3+0\n"
        answer = await ask(client, Execute(argv=["echo", "a", "'b  c'"]))
        assert (answer.o, answer.ret) == ("a b  c\n", 0)
        assert "echo" in (await ask(client, Execute(argv=["help"]))).o
        assert (await ask(client, Execute(argv=["nonsense"]))).ret != 0
        assert await refused(client, Execute(argv=["x" * 300])) == 2
    talk(device, work)


def test_counters_and_tasks_are_told(device):
    async def work(client):
        assert (await ask(client, ListOfGroups())).stat_list == ("device",)
        first = (await ask(client, GroupData(name="device"))).fields
        second = (await ask(client, GroupData(name="device"))).fields
        assert first["starts"] == 1 and second["packets"] == first["packets"] + 1
        assert (await ask(client, TaskStatisticsRead())).tasks["main"].tid == 0
    talk(device, work)


def test_the_console_is_a_log_and_a_crash_leaves_a_dump(device):
    async def work(client):
        assert (await ask(client, LogList())).log_list == ("console",)
        shown = await ask(client, LogShow(log_name="console"))
        lines = [entry.msg.decode() for entry in shown.logs[0].entries]
        assert any("Jumping to the first image slot" in line for line in lines)
        assert lines[-1].startswith("app: blinky 1.2.3+0 running from slot 0")
        last = await ask(client, LogShow(log_name="console", ts=-1))
        assert last.logs[0].entries[-1].index == last.next_index - 1
        assert (await client.request(CoreList())).rc == 5
        await ask(client, Crash(t="div0"))
    talk(device, work)
    device.wait_for("app: blinky 1.2.3+0 crashed at div0")
    device.wait_for("app: blinky 1.2.3+0 running", count=2)

    async def after(client):
        await ask(client, CoreList())
        loaded = await ask(client, CoreLoad(off=0))
        assert loaded.len == len(loaded.data)
        assert b"version=1.2.3+0\ncause=div0\n" in loaded.data
        await ask(client, CoreErase())
        assert (await client.request(CoreList())).rc == 5
        assert "crashed" in str((await ask(client, LogShow())).logs)
        await ask(client, LogClear())
        assert not (await ask(client, LogShow())).logs[0].entries
    talk(device, after)


def test_the_storage_is_erased(device):
    async def work(client):
        await ask(client, EraseStorage())
    talk(device, work)


def test_a_folder_that_is_not_there_is_refused(tmp_path, image):
    done = run(DFU, "sim", "-b", "nrf52840dk", "-f", tmp_path / "flash.bin", "--hash-only",
               "--init", image, "--udp", "0", "--files", tmp_path / "none")
    assert done.returncode == 2
    assert f"the folder {tmp_path / 'none'} can't be served: No such file" in done.stderr
    assert "name a folder that is there" in done.stderr
    assert not (tmp_path / "flash.bin").exists()
