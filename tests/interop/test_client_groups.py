# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The client commands of `dfu` for the groups beside OS and image, over UDP and a serial line."""

import hashlib
import json
import os
import pty
import random
import re
import subprocess
import zlib
from types import SimpleNamespace

import pytest

from link_proxy import UdpProxy
from virtual_device import DFU, Device, make_image, run

LINKS = ["udp", "serial"]


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


def target(device, link="udp"):
    return f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"


def dfu(device, *words, link="udp", **options):
    done = run(DFU, "-d", target(device, link), *words, **options)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def ok(device, *words, **options):
    done = dfu(device, *words, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def facts(device, *words, **options):
    return json.loads(ok(device, "--json", *words, **options))


def refused(device, *words, code=1, **options):
    """The one sentence; with --json the same sentence as an object."""
    done = dfu(device, *words, **options)
    assert done.returncode == code, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("dfu: ")]
    assert len(lines) == 1, done.stderr
    sentence = lines[0].removeprefix("dfu: ")
    told = json.loads(dfu(device, "--json", *words, **options).stdout)["error"]
    assert told == {"code": code, "message": sentence}
    return sentence


# ---- Files ----

@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("size", [0, 1, 700, 40000])
def test_a_file_goes_there_and_back(device, tmp_path, link, size):
    content = random.Random(size).randbytes(size)
    local, back = tmp_path / "local.bin", tmp_path / "back.bin"
    local.write_bytes(content)
    sent = facts(device, "-q", "fs", "upload", local, "/there.bin", link=link)
    assert sent["bytes"] == size and sent["checked"] == ("sha256" if size else None)
    assert (tmp_path / "files" / "there.bin").read_bytes() == content
    got = facts(device, "-q", "fs", "download", "/there.bin", back, link=link)
    assert got["bytes"] == size and back.read_bytes() == content
    assert facts(device, "fs", "stat", "/there.bin", link=link)["size"] == size


def test_both_ways_show_how_far_they_are(device, tmp_path):
    local = tmp_path / "local.bin"
    local.write_bytes(bytes(60000))
    up = dfu(device, "fs", "upload", local, "/a")
    down = dfu(device, "fs", "download", "/a", tmp_path / "b")
    for done, word in ((up, "upload"), (down, "download")):
        shares = [int(share) for share in re.findall(rf"{word} (\d+)%", done.stderr)]
        assert shares and shares == sorted(shares) and shares[-1] == 100, done.stderr
        assert f"{word}ed 60000 bytes" in done.stdout and "sha256 agrees" in done.stdout


def test_a_shorter_file_replaces_a_longer_one(device, tmp_path):
    local = tmp_path / "local.bin"
    for content in (b"a long one " * 500, b"short"):
        local.write_bytes(content)
        ok(device, "fs", "upload", local, "/same")
    assert (tmp_path / "files" / "same").read_bytes() == b"short"


def test_the_device_hashes_its_files(device, tmp_path):
    content = random.Random(1).randbytes(5000)
    (tmp_path / "files" / "x").write_bytes(content)
    assert facts(device, "fs", "hash", "/x") == {
        "name": "/x", "type": "crc32", "hash": f"{zlib.crc32(content):08x}", "offset": 0,
        "bytes": 5000}
    part = facts(device, "fs", "hash", "--type", "sha256", "--offset", "10", "--length", "100",
                 "/x")
    assert part["hash"] == hashlib.sha256(content[10:110]).hexdigest() and part["offset"] == 10
    assert hashlib.sha256(content).hexdigest() in ok(device, "fs", "hash", "--type", "sha256", "/x")
    assert facts(device, "fs", "hash-types")["types"] == [
        {"name": "crc32", "bytes": 4}, {"name": "sha256", "bytes": 32}]
    assert "closed its file" in ok(device, "fs", "close")


def test_a_download_that_fails_leaves_the_local_file_alone(device, tmp_path):
    local = tmp_path / "kept"
    local.write_text("mine")
    sentence = refused(device, "fs", "download", "/none", local)
    assert "no such file" in sentence and "FILE_NOT_FOUND" in sentence and "check the path" in sentence
    assert local.read_text() == "mine"
    assert "names a directory" in refused(device, "fs", "download", "/folder/", code=2)
    for place in (tmp_path / "no" / "where", tmp_path):  # said before a byte is fetched
        refused(device, "fs", "download", "/none", place, code=2)
    # Without a name of its own it gets the device's.
    (tmp_path / "files" / "plain").write_text("text")
    ok(device, "fs", "download", "/plain", cwd=tmp_path)
    assert (tmp_path / "plain").read_text() == "text"


def test_a_copy_that_differs_is_noticed(device, tmp_path):
    """Somebody else writes to the file before its hash is asked for."""
    local, there = tmp_path / "local.bin", tmp_path / "files" / "f"
    local.write_bytes(random.Random(2).randbytes(5000))

    def fate(direction, _number, packet):
        if direction == ">" and packet[5] == 8 and packet[7] == 2:
            there.write_bytes(b"not what was sent")
        return [(0, packet)]

    with UdpProxy(device, fate) as proxy:
        done = run(DFU, "-d", proxy.target, "fs", "upload", local, "/f")
        assert done.returncode == 1 and "the two copies differ" in done.stderr, done.stderr
        assert run(DFU, "-d", proxy.target, "fs", "upload", "--no-check", local, "/f",
                   ).returncode == 0


# ---- Settings ----

@pytest.mark.parametrize("link", LINKS)
def test_settings_are_written_read_and_deleted(device, link):
    ok(device, "settings", "write", "app/name", "pump-7", link=link)
    assert ok(device, "settings", "read", "app/name", link=link) == "pump-7\n"
    assert ok(device, "settings", "read", "--hex", "app/name", link=link) == "70756d702d37\n"
    ok(device, "settings", "write", "--hex", "app/n", "3c00ff", link=link)
    assert ok(device, "settings", "read", "app/n", link=link) == "3c00ff\n"
    assert facts(device, "settings", "read", "app/n", link=link) == {
        "name": "app/n", "hex": "3c00ff", "text": None}
    assert facts(device, "settings", "read", "--max-size", "3", "app/name", link=link) == {
        "name": "app/name", "hex": "70756d", "text": "pum"}
    for word in ("save", "load", "commit"):
        assert "settings" in ok(device, "settings", word, link=link)
    assert ok(device, "settings", "read", "app/name", link=link) == "pump-7\n"
    ok(device, "settings", "delete", "app/name", link=link)
    sentence = refused(device, "settings", "read", "app/name", link=link)
    assert "no setting of that name" in sentence and "KEY_NOT_FOUND" in sentence


def test_settings_that_cannot_be_are_refused(device):
    assert "31 characters" in refused(device, "settings", "write", "n" * 40, "x")
    assert "not hexadecimal" in refused(device, "settings", "write", "--hex", "a/b", "12x", code=2)
    assert "not hexadecimal" in refused(device, "settings", "write", "--hex", "a/b", "123", code=2)


# ---- Shell ----

@pytest.mark.parametrize("link", LINKS)
def test_one_shell_command(device, link):
    assert ok(device, "shell", "version", link=link) == "blinky 1.2.3+0\n"
    assert facts(device, "shell", "echo", "a", "'b  c'", link=link) == {
        "output": "a b  c\n", "returned": 0}
    done = dfu(device, "shell", "nonsense", link=link)
    assert done.returncode == 1 and "no such command" in done.stdout
    assert "ended with -8" in done.stderr
    assert "too long" in refused(device, "shell", "x" * 300, link=link)


def test_shell_lines_from_a_pipe(device):
    done = dfu(device, "shell", input="version\n\necho two\nexit\necho three\n")
    assert done.returncode == 0 and done.stdout == "blinky 1.2.3+0\ntwo\n"
    done = dfu(device, "shell", input="nonsense\necho on\n")
    assert done.returncode == 0 and done.stdout.endswith("on\n"), "the last line counts"
    assert dfu(device, "shell", input="echo on\nnonsense\n").returncode == 1
    lines = dfu(device, "--json", "shell", input="version\n").stdout
    assert json.loads(lines)["output"] == "blinky 1.2.3+0\n"


@pytest.mark.parametrize("link", LINKS)
def test_what_the_devices_buffer_cannot_hold_is_not_sent(device, tmp_path, link):
    record, room = tmp_path / "record", 2048 if link == "udp" else 2044
    for words in (["shell", "x" * 3000], ["echo", "x" * 3000],
                  ["settings", "write", "a/b", "x" * 3000]):
        told = refused(device, "--record", record, *words, link=link, code=2)
        assert re.search(r"a request of 30\d\d bytes, and its buffer takes "
                         rf"{room} over this link; give it less", told), told
    assert max(len(line) for line in record.read_text().splitlines()) < 300
    some = "x" * (room - 40)
    assert facts(device, "echo", some, link=link) == {"echo": some}
    one_too_many = "x" * (room - 13)  # header, map, key and length take 14
    assert f"of {room + 1} bytes" in refused(device, "echo", one_too_many, link=link, code=2)
    done = dfu(device, "shell", input=f"echo {'x' * 3000}\necho on\n", link=link)
    assert done.returncode == 0 and done.stdout == "on\n"


def at_a_terminal(device, typed, *options):
    """What the shell shows, and how it ends."""
    master, slave = pty.openpty()
    with subprocess.Popen([DFU, "-d", target(device), *options, "shell"], stdin=slave, stdout=slave,
                          stderr=slave) as client:
        os.close(slave)
        os.write(master, typed)
        shown = b""
        try:
            while chunk := os.read(master, 1000):
                shown += chunk
        except OSError:
            pass  # the other end is closed
        code = client.wait(timeout=20)
    os.close(master)
    return code, shown.decode()


def test_a_command_without_an_answer_ends_no_terminals_shell():
    silent = SimpleNamespace(address="127.0.0.1:9")  # where nobody listens
    code, text = at_a_terminal(silent, b"version\nversion\nexit\n", "--timeout", "0.3")
    assert code == 0 and text.count("does not answer when asked to run the command") == 2, text
    done = run(DFU, "-d", target(silent), "--timeout", "0.3", "shell", input="version\nversion\n")
    assert done.returncode == 4 and len(done.stderr.splitlines()) == 1


def test_the_shell_prompts_on_a_terminal(device):
    code, text = at_a_terminal(device, b"version\nnonsense\n exit \n")
    assert code == 0
    assert text.count(f"{target(device)}> ") == 3
    assert "blinky 1.2.3+0" in text and "ended with -8" in text


# ---- Counters, tasks, groups, storage ----

@pytest.mark.parametrize("link", LINKS)
def test_counters_are_listed_and_shown(device, link):
    assert facts(device, "stat", "list", link=link) == {"statistics": ["device"]}
    fields = facts(device, "stat", "show", "device", link=link)["fields"]
    assert fields["starts"] == 1 and fields["packets"] > 0
    assert "packets" in ok(device, "stat", "show", "device", link=link)
    sentence = refused(device, "stat", "show", "nothing", link=link)
    assert "no statistics of that name" in sentence and "dfu stat list" in sentence
    assert "group 2 error 3 INVALID_STAT_NAME" in sentence, "whatever group the device names"


def test_tasks_are_listed(device):
    task = facts(device, "taskstat")["tasks"][0]
    assert task["name"] == "main" and task["tid"] == 0
    assert "main" in ok(device, "taskstat")


def test_groups_are_enumerated(device):
    listed = facts(device, "enum")["groups"]
    numbers = [group["group"] for group in listed]
    assert {0, 1, 2, 3, 8, 9, 10, 63} <= set(numbers)
    assert listed[0]["name"] == "os mgmt" and listed[0]["handlers"] == 9
    assert facts(device, "enum", "--count") == {"count": len(numbers)}
    assert ok(device, "enum", "--count") == f"{len(numbers)}\n"
    assert facts(device, "enum", "--index", "1") == {"group": 1, "last": False}
    assert [group["group"] for group in facts(device, "enum", "8", "9")["groups"]] == [8, 9]
    assert "fs mgmt" in ok(device, "enum", "8")
    assert "INDEX_TOO_LARGE" in refused(device, "enum", "--index", "200")
    assert "no group" in refused(device, "enum", "fs", code=2)


def test_the_storage_is_erased(device):
    ok(device, "settings", "write", "app/kept", "1")
    assert facts(device, "storage", "erase") == {"erased": True}
    assert "no setting of that name" in refused(device, "settings", "read", "app/kept")
    assert "storage is erased" in ok(device, "storage", "erase")


def test_each_letter_of_the_information(device):
    parts = [ok(device, "info", letter).strip() for letter in "snrvmpio"]
    assert all(parts)
    assert ok(device, "info", "snrvmpio").strip() == " ".join(parts)
    sentence = refused(device, "info", "z")
    assert "letter" in sentence and "snrvbmpio" in sentence


@pytest.mark.parametrize("link", LINKS)
def test_the_log_is_shown_and_cleared(device, link):
    assert facts(device, "log", "list", link=link) == {"logs": ["console"]}
    entries = facts(device, "log", "show", link=link)["entries"]
    assert any("Jumping to the first image slot" in entry["text"] for entry in entries)
    assert [entry["index"] for entry in entries] == sorted({entry["index"] for entry in entries})
    last = entries[-1]["index"]
    assert [entry["index"] for entry in
            facts(device, "log", "show", "--from", last, "console", link=link)["entries"]] == [last]
    assert "Jumping to the first image slot" in ok(device, "log", "show", "console", link=link)
    assert facts(device, "log", "levels", link=link)["levels"]
    assert facts(device, "log", "modules", link=link)["modules"]
    assert facts(device, "log", "clear", link=link) == {"cleared": True}
    assert ok(device, "log", "show", link=link) == "there is no entry\n"
    assert "invalid" in refused(device, "log", "show", "nothing", link=link)


@pytest.mark.parametrize("link", LINKS)
def test_a_crash_leaves_a_dump_to_fetch(device, tmp_path, link):
    dump = tmp_path / "crash.core"
    assert "no such thing" in refused(device, "core", "download", dump, link=link)
    assert facts(device, "crash", "div0", link=link) == {"crashes": True}
    device.wait_for("app: blinky 1.2.3+0 running", count=2)
    got = facts(device, "-q", "core", "download", dump, link=link)
    assert got["bytes"] == dump.stat().st_size and b"cause=div0" in dump.read_bytes()
    assert facts(device, "core", "erase", link=link) == {"erased": True}
    refused(device, "core", "download", dump, link=link)
    assert b"cause=div0" in dump.read_bytes(), "the file there is was left alone"
    assert "div0, jump0, ref0, assert, wdog" in refused(device, "crash", "hard", code=2)


def test_a_reset_with_force_and_a_boot_mode(device):
    assert facts(device, "reset", "--force", "--boot-mode", "0") == {"reset": True}
    device.wait_for("app: blinky 1.2.3+0 running", count=2)
    assert "256" in refused(device, "reset", "--boot-mode", "256", code=2)
