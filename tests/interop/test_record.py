# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Recording, replay, and the capture file as tshark reads it."""

import json
import os
import re
import stat
from pathlib import Path

import pytest

from link_proxy import UdpProxy
from virtual_device import DFU, Device, make_image, run

SOURCE = Path(os.environ.get("DFU_SOURCE_DIR", "."))
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [<>] ([0-9a-f]{2})+")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
            make_image(folder / "v2.bin", "2.0.0", "name=blinky\n")]


@pytest.fixture
def device(tmp_path, images):
    one = Device(tmp_path)
    one.start("--init", images[0])
    yield one
    assert one.stop() == 0
    assert "Sanitizer" not in one.console()


def dfu(*words, code=0, **options):
    done = run(DFU, *words, **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def record_of(device, path, *words, link="udp", **more):
    target = f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"
    return dfu("-d", target, "--record", path, *words, **more)


@pytest.mark.parametrize("link", ["udp", "serial"])
def test_each_frame_is_a_line(device, tmp_path, link):
    path = tmp_path / "log"
    record_of(device, path, "echo", "hello", link=link)
    record_of(device, path, "stat", "show", "none", link=link, code=1)
    lines = path.read_text().splitlines()
    frames = [line for line in lines if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in frames), lines
    assert [line.split()[1] for line in frames] == [">", "<", ">", "<"]
    assert sum(line.startswith("# dfu ") for line in lines) == 2, "appended, each with its target"
    assert bytes.fromhex(frames[0].split()[2])[8:] == b"\xa1\x61d\x65hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_record_is_shown_in_words(device, tmp_path, images):
    path = tmp_path / "log"
    record_of(device, path, "-q", "upgrade", images[1])
    shown = dfu("replay", path).stdout
    assert re.search(r"> write +image upload +seq \d+ +v2  \{.*\"sha\": h'[0-9a-f]+\.\.\.' 32 bytes",
                     shown)
    assert re.search(r"< read answer +image state .*\"version\": \"2\.0\.0\".*\"active\": true", shown)
    assert re.search(r"> write +os reset", shown) and "?" not in shown
    frames = json.loads(dfu("--json", "replay", path).stdout)["frames"]
    assert len(frames) == len(shown.splitlines())
    assert {frame["command"] for frame in frames} >= {"image upload", "image state", "os reset"}


def test_the_same_device_answers_the_same_again(device, tmp_path):
    path = tmp_path / "log"
    for words in (["echo", "one"], ["info"], ["settings", "write", "a/b", "x"],
                  ["settings", "read", "a/b"], ["image", "list"]):
        record_of(device, path, *words)
    there = f"udp:{device.address}"
    told = json.loads(dfu("-d", there, "--json", "replay", "--send", path).stdout)
    assert told == {"requests": 5, "same": 5, "other": 0, "not_answered_then": 0}
    dfu("-d", there, "settings", "delete", "a/b")
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()
                            if "0003" not in line or "0800" in line))  # without the write
    done = dfu("-d", there, "replay", "--send", path, code=1)
    assert "settings value) has another answer" in done.stderr
    assert "5 requests" not in done.stdout and "1 otherwise" in done.stdout


def test_repeats_are_not_sent_again(device, tmp_path):
    path = tmp_path / "log"

    def lose_the_first(direction, number, packet):
        return [] if (direction, number) == ("<", 1) else [(0, packet)]

    with UdpProxy(device, lose_the_first) as proxy:
        dfu("-d", proxy.target, "--record", path, "echo", "again")
    assert path.read_text().count(" > ") == 2
    told = json.loads(dfu("-d", f"udp:{device.address}", "--json", "replay", "--send", path).stdout)
    assert told["requests"] == 1 and told["same"] == 1


def test_what_a_crash_cut_is_left_out(device, tmp_path):
    path = tmp_path / "log"
    record_of(device, path, "echo", "one")
    path.write_bytes(path.read_bytes()[:-8])
    record_of(device, path, "echo", "two")
    done = dfu("replay", path)
    assert '"two"' in done.stdout and len(done.stdout.splitlines()) == 3
    path.write_text(path.read_text() + "rubbish\n2026-11-21T22:40:19.123Z > 0a0\n")
    done = dfu("replay", path)
    assert len(done.stdout.splitlines()) == 3 and "3 lines make no sense" in done.stderr


def test_frames_that_are_none_are_shown_as_such(tmp_path):
    path = tmp_path / "log"
    path.write_text("2026-11-21T22:40:19.123Z > 0a\n"
                    "2026-11-21T22:40:19.124Z < 0b00ffff00004200a0\n"
                    "2026-11-21T22:40:19.125Z < 0b0000010000420081\n"
                    "2026-11-21T22:40:19.125Z < 0b000008006342039f9f9f9f9f9f9f9f\n"
                    "2026-11-21T22:40:19.126Z < 0b0000020000420020f9\n")
    lines = dfu("replay", path).stdout.splitlines()
    assert "1 bytes that are no SMP frame" in lines[0] and "no SMP frame" in lines[1]
    assert "group 99 command 3" in lines[3] and "?" in lines[3]


@pytest.mark.parametrize("text, words", [
    ("", "no recorded frame"), ("# only a remark\n", "no recorded frame"),
    ("not a record", "no recorded frame")])
def test_files_that_are_no_records_are_refused(tmp_path, text, words):
    path = tmp_path / "log"
    path.write_text(text)
    assert words in dfu("replay", path, code=2).stderr


def test_refusals_of_the_command_line(tmp_path, device):
    assert "no-such" in dfu("replay", tmp_path / "no-such", code=2).stderr
    assert "cannot record" in record_of(device, tmp_path, "echo", code=2).stderr
    path = tmp_path / "log"
    record_of(device, path, "echo", "x")
    environment = {name: value for name, value in os.environ.items() if name != "DFU_TARGET"}
    assert "two jobs" in dfu("replay", "--send", "--export", "x", path, code=2).stderr
    assert "needs a device" in dfu("replay", "--send", path, code=2, env=environment).stderr


def test_a_record_that_is_cut_by_a_full_disk_is_told(device):
    done = record_of(device, "/dev/full", "echo", "x", code=2)
    assert done.stdout == "x\n"
    assert "/dev/full could not be written and lacks what was said" in done.stderr
    done = record_of(device, "/dev/full", "--json", "echo", "x", code=2)
    assert json.loads(done.stdout) == {"echo": "x"} and "/dev/full" in done.stderr


def test_a_capture_does_not_replace_the_record(device, tmp_path):
    path, link = tmp_path / "log", tmp_path / "link"
    record_of(device, path, "echo", "x")
    before = path.read_bytes()
    link.symlink_to(path)
    for place in (path, link):
        assert "is the record itself" in dfu("replay", "--export", place, path, code=2).stderr
    assert path.read_bytes() == before


def tshark(path, *words):
    """Fields by the installed dissector, one list a packet."""
    done = run("tshark", "-X", f"lua_script:{SOURCE}/tools/wireshark/dfukit-smp.lua", "-r", path,
               *words)
    assert done.returncode == 0 and "lua" not in done.stderr.lower(), done.stderr
    return done.stdout


def test_tshark_reads_the_export(device, tmp_path, images):
    path, capture = tmp_path / "log", tmp_path / "log.pcapng"
    record_of(device, path, "-q", "upgrade", images[1])
    record_of(device, path, "stat", "show", "none", code=1)
    told = json.loads(dfu("--json", "replay", "--export", capture, path).stdout)
    shown = json.loads(dfu("--json", "replay", path).stdout)["frames"]
    fields = tshark(capture, "-T", "fields", "-e", "dfukit_smp.group", "-e", "dfukit_smp.id",
                    "-e", "dfukit_smp.seq", "-e", "dfukit_smp.op", "-e", "dfukit_smp.version",
                    "-e", "udp.length", "-e", "frame.time_epoch")
    rows = [line.split("\t") for line in fields.splitlines()]
    assert told["frames"] == len(rows) == len(shown)
    ops = {"0": "read", "1": "read answer", "2": "write", "3": "write answer"}
    for row, frame in zip(rows, shown):
        assert [int(row[0]), int(row[1]), int(row[2])] == [frame["group"], frame["id"], frame["seq"]]
        assert ops[row[3]] == frame["op"] and int(row[4]) + 1 == frame["version"]
        assert int(row[5]) == 8 + frame["bytes"]
    text = tshark(capture)
    assert "Write: Image upload, seq" in text and "Read answer: Statistics show" in text
    assert "_ws.malformed" not in tshark(capture, "-Y", "_ws.malformed", "-T", "fields", "-e",
                                         "_ws.malformed")
    assert "ip.checksum.status == 0" not in text
    assert tshark(capture, "-o", "ip.check_checksum:TRUE", "-Y", "ip.checksum.status != 1") == ""


def test_a_frame_cut_short_is_marked_by_the_dissector(tmp_path):
    path, capture = tmp_path / "log", tmp_path / "log.pcapng"
    path.write_text("2026-11-21T22:40:19.124Z < 0b00ffff00004200a0\n")
    dfu("replay", "--export", capture, path)
    assert "shorter than its header says" in tshark(capture, "-V")
