# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Ctrl-C and SIGTERM in the middle of an upload, of an upgrade and of what is done with files, and
while a link opens: words, an exit code, and the same command goes on."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios
import time

import pytest

from link_proxy import TO_DEVICE, UdpProxy
from packages import pack
from virtual_device import DFU, SLOT_SIZE, make_image, run

COMMANDS = [["image", "upload"], ["upgrade"]]
LINE = ("--baud", 115200)  # an upload takes 7 s


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
            make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=60000)]


def hear_signals():
    """Whoever runs these tests in the background may ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Terminal:
    """The client as a user has it: its own session, whose terminal sends what is typed."""

    def __init__(self, *command):
        self.keys, side = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [str(word) for word in (DFU, *command)], stdin=side, stdout=side, stderr=side,
            start_new_session=True, preexec_fn=self.take_terminal)
        os.close(side)

    @staticmethod
    def take_terminal():
        hear_signals()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self, timeout):
        """False at the end."""
        if select.select([self.keys], [], [], timeout)[0]:
            try:
                self.shown += os.read(self.keys, 4096).decode()
            except OSError:
                return False
        return True

    def wait_for(self, pattern, timeout=60):
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.shown):
            assert self.read(1) and time.monotonic() < deadline, self.shown

    def ended(self):
        """The exit code, and all that was shown since; the bar before it."""
        while self.read(60):
            pass
        os.close(self.keys)
        return self.process.wait(timeout=60)


def dfu(device, *words):
    done = run(DFU, "--json", "-d", f"serial:{device.link}", *words, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def told(words):
    """Bytes that the device is said to have."""
    found = re.search(r"interrupted: the device has (\d+) of (\d+) bytes, (\d+) %; the same command "
                      r"goes on from there", words)
    assert found, words
    have, size, percent = (int(part) for part in found.groups())
    assert 0 < have < size and percent == have * 100 // size
    return have


def assert_goes_on(device, command, image, have):
    """The same command sends the rest only."""
    after = dfu(device, *command, image)
    assert after["resumed_at"] >= have
    assert after["sent"] <= image.stat().st_size - have
    slot = 1 if command[0] == "image" else 0
    flash = device.flash.read_bytes()[0xc000 + slot * SLOT_SIZE:]
    assert flash.startswith(image.read_bytes())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_ctrl_c_says_how_far_it_got_and_the_same_command_goes_on(device, images, command):
    device.start("--init", images[0], *LINE)
    user = Terminal("-d", f"serial:{device.link}", *command, images[1])
    user.wait_for(r"\[#+\.+\] +[3-9]\d%")
    os.write(user.keys, b"\x03")
    assert user.ended() == 130, user.shown
    last = user.shown.splitlines()[-1]
    assert last.startswith("dfu: interrupted"), user.shown  # on a line of its own, below the bar
    assert_goes_on(device, command, images[1], told(last))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_scripts_read_it_as_json(device, images, command, number, code):
    device.start("--init", images[0], *LINE)
    client = subprocess.Popen([DFU, "--json", "-d", f"serial:{device.link}", *command,
                               str(images[1])], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, preexec_fn=hear_signals)
    for line in client.stderr:
        if re.match(r"upload [3-9]\d%", line):
            break
    client.send_signal(number)
    out, _ = client.communicate(timeout=60)
    error = json.loads(out)["error"]
    assert client.returncode == error["code"] == code
    assert_goes_on(device, command, images[1], told(error["message"]))


def test_an_upgrade_interrupted_at_the_restart_is_confirmed_by_the_same_command(device, images):
    device.start("--init", images[0], "--real-time")
    user = Terminal("-d", f"serial:{device.link}", "upgrade", images[1])
    user.wait_for("waiting for the device to come back")
    os.write(user.keys, b"\x03")
    assert user.ended() == 130, user.shown
    assert "interrupted while the device restarts" in user.shown.splitlines()[-1]
    device.wait_for("running from slot 0 (not confirmed)")
    after = dfu(device, "upgrade", images[1])
    assert after["outcome"] == "confirmed" and after["sent"] == 0


@pytest.mark.parametrize("how", ["terminal", "json"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("link", ["serial", "udp"])
def test_what_nobody_answers_ends_at_once(tmp_path, link, command, how):
    """While it asks what it must know before the first chunk: one question after the other on a
    line, all at once elsewhere."""
    image = make_image(tmp_path / "image.bin", "1.0.0")
    master, side = pty.openpty()
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    target = (f"serial:{os.ttyname(side)}" if link == "serial" else
              f"udp:127.0.0.1:{silent.getsockname()[1]}")
    user = Terminal("-v", "-v", *(["--json"] if how == "json" else []), "-d", target, *command,
                    image)
    user.wait_for("> 0800")
    started = time.monotonic()
    if how == "terminal":
        os.write(user.keys, b"\x03")
    else:
        user.process.terminate()
    code = 130 if how == "terminal" else 143
    assert user.ended() == code, user.shown
    assert time.monotonic() - started < 2
    words = "interrupted before anything was sent; give the same command again"
    if how == "terminal":
        assert user.shown.splitlines()[-1].endswith(f"dfu: {words}"), user.shown  # behind "^C"
    else:
        error = json.loads(user.shown[user.shown.index("{"):])["error"]
        assert (error["code"], error["message"]) == (code, words)
    for descriptor in (master, side):
        os.close(descriptor)
    silent.close()


@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_file_that_ctrl_c_stops_goes_on_with_the_same_command(device, images, tmp_path, way):
    (tmp_path / "files").mkdir()
    content = images[1].read_bytes()
    local, there = tmp_path / "local", tmp_path / "files" / "f"
    (local if way == "upload" else there).write_bytes(content)
    words = [local, "/f"] if way == "upload" else ["/f", local]
    device.start("--init", images[0], "--files", tmp_path / "files", *LINE)
    user = Terminal("-d", f"serial:{device.link}", "fs", way, *words)
    user.wait_for(r"\[#+\.+\] +[3-9]\d%")
    os.write(user.keys, b"\x03")
    assert user.ended() == 130, user.shown
    who = "the device has" if way == "upload" else "here are"
    found = re.fullmatch(rf"dfu: interrupted: {who} (\d+) of {len(content)} bytes, (\d+) %; the same "
                         r"command goes on from there", user.shown.splitlines()[-1])
    assert found, user.shown
    have, percent = int(found[1]), int(found[2])
    assert 0 < have < len(content) and percent == have * 100 // len(content)
    assert dfu(device, "fs", way, *words)["resumed_at"] >= have
    assert local.read_bytes() == there.read_bytes() == content


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command, deed", [
    (["stat", "/f"], "tell the file's size"), (["hash", "/f"], "hash the file"),
    (["close"], "close its file"), (["upload", __file__, "/f"], "tell the file's size"),
    (["download", "/f"], "close its file")], ids=lambda value: str(value[0]))
def test_a_question_about_files_that_nobody_answers_ends_in_words(tmp_path, command, deed, number,
                                                                 code):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    client = subprocess.Popen(
        [DFU, "-d", f"udp:127.0.0.1:{silent.getsockname()[1]}", "fs", *command], cwd=tmp_path,
        stderr=subprocess.PIPE, text=True, preexec_fn=hear_signals)
    silent.recv(2048)
    client.send_signal(number)
    _, said = client.communicate(timeout=60)
    assert client.returncode == code
    assert said == (f"dfu: interrupted before the device could {deed}; give the same command "
                    "again\n")
    assert list(tmp_path.iterdir()) == []
    silent.close()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [["image", "list"], ["fs", "close"]], ids=" ".join)
def test_a_link_that_does_not_open_ends_in_words(tmp_path, command, number, code):
    """A handshake that nobody answers."""
    (tmp_path / "psk.txt").write_text("field-7:000102030405060708090a0b0c0d0e0f\n")
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    client = subprocess.Popen(
        [DFU, "--json", "-d", f"dtls:127.0.0.1:{silent.getsockname()[1]},"
         f"psk={tmp_path / 'psk.txt'}", *command],
        stdout=subprocess.PIPE, text=True, preexec_fn=hear_signals)
    silent.recv(2048)
    time.sleep(0.2)  # it waits for the answer by now
    client.send_signal(number)
    out, _ = client.communicate(timeout=60)
    error = json.loads(out)["error"]
    assert client.returncode == error["code"] == code
    assert error["message"] == "interrupted before anything was sent; give the same command again"
    silent.close()


PRIMARY = (0xc000, 0xa7000)  # of the board two-images


@pytest.fixture
def package(tmp_path, device):
    """Two images, and a device that runs older ones."""
    old = [make_image(tmp_path / "app1.bin", "1.0.0", "name=app\n"),
           make_image(tmp_path / "net1.bin", "1.0.0")]
    new = [make_image(tmp_path / "app2.bin", "2.0.0", "name=app\n", size=40000),
           make_image(tmp_path / "net2.bin", "2.0.0", size=50000, fill=1)]
    device.start("--init", old[0], "--init", old[1], *LINE, board="two-images")
    pack(tmp_path / "both.zip", (0, new[0]), (1, new[1]))
    return new


def assert_package_arrives(device, package, at, have):
    """The same command sends what was missing of the image it was at, and those after it."""
    after = dfu(device, "upgrade", package[0].parent / "both.zip")
    assert after["outcome"] == "confirmed"
    for number, (image, done) in enumerate(zip(package, after["images"])):
        size = image.stat().st_size
        most = 0 if number < at else size - have if number == at else size
        assert done["sent"] <= most and (number <= at or done["sent"] == size)
        assert device.flash.read_bytes()[PRIMARY[number]:].startswith(image.read_bytes())


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
def test_a_package_cut_in_the_middle_of_an_image_goes_on_there(device, package, at, how):
    user = Terminal("-d", f"serial:{device.link}", "upgrade", package[0].parent / "both.zip")
    user.wait_for(rf"(?s)image {at}:.*\[#+\.+\] +[3-9]\d%")
    if how == "ctrl-c":
        os.write(user.keys, b"\x03")
    else:
        user.process.kill()
    assert user.ended() == (130 if how == "ctrl-c" else -signal.SIGKILL), user.shown
    size = package[at].stat().st_size
    have = told(user.shown.splitlines()[-1]) if how == "ctrl-c" else size // 5
    assert_package_arrives(device, package, at, have)


def test_a_package_interrupted_between_two_images_says_so(device, package):
    """The first is in place, the device is asked about the second and does not answer any more."""
    asked = []

    def fate(direction, _number, packet):
        if direction == TO_DEVICE and packet[4:6] == b"\x00\x00" and packet[7] == 6:
            asked.append(packet)  # for parameters
        return [(0, packet)] if len(asked) < 2 else []

    with UdpProxy(device, fate) as proxy:
        user = Terminal("-d", proxy.target, "upgrade", package[0].parent / "both.zip")
        user.wait_for("image 1:")
        os.write(user.keys, b"\x03")
        assert user.ended() == 130, user.shown
    assert user.shown.splitlines()[-1].endswith(
        "dfu: interrupted between two steps of the package; the same command goes on from there")
    assert_package_arrives(device, package, 1, 0)


def test_who_ignores_ctrl_c_is_not_interrupted(device, images):
    """As nohup and scripts have it that run a command in the background."""
    device.start("--init", images[0], *LINE)
    client = subprocess.Popen([DFU, "-d", f"serial:{device.link}", "image", "upload",
                               str(images[1])], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert client.stderr.readline().startswith("upload ")
    client.send_signal(signal.SIGINT)
    out, _ = client.communicate(timeout=60)
    assert client.returncode == 0 and out.startswith("uploaded ")
