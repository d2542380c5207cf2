# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""--json: whatever comes of a command, a script reads one JSON value on standard output."""

import json

import pytest

from images import dfu
from virtual_device import Device, make_image

SIGN = ["sign", "-k", "key.pem", "-v", "1.2.3", "-H", "512", "--pad-header", "--board", "sim"]


def told(*words, code=0, cwd=None):
    """The value; json.loads takes nothing besides it."""
    result = dfu("--json", *words, cwd=cwd)
    assert result.returncode == code, (words, result.stdout, result.stderr)
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    one = Device(tmp_path_factory.mktemp("device"))
    (one.folder / "files").mkdir()
    (one.folder / "files/a").write_text("x")
    image = make_image(one.folder / "v1.bin", "1.0.0", "name=blinky\n")
    one.start("--init", image, "--history", "--files", one.folder / "files")
    yield one
    assert one.stop() == 0


def test_what_is_made_of_files_is_told(tmp_path):
    (tmp_path / "app.bin").write_bytes(b"program" * 100)
    assert told("keygen", "-k", "key.pem", "-t", "ed25519", cwd=tmp_path) == {
        "file": "key.pem", "type": "ed25519"}
    assert told("keygen", "-k", "aes.b64", "-t", "aes-256", cwd=tmp_path) == {
        "file": "aes.b64", "type": "aes-256"}
    assert told(*SIGN, "app.bin", "new.bin", cwd=tmp_path) == {
        "file": "new.bin", "version": "1.2.3+0", "bytes": (tmp_path / "new.bin").stat().st_size}
    for words in (["getpub", "-k", "key.pem"], ["getpubhash", "-k", "key.pem"],
                  ["keyinfo", "-k", "key.pem"], ["verify", "-k", "key.pem", "new.bin"],
                  ["dumpinfo", "new.bin"], ["diff", "new.bin", "new.bin"],
                  ["explain", "new.bin", "-b", "sim"], ["flash-plan", "sim"], ["version"]):
        told(*words, cwd=tmp_path)


def test_an_image_on_standard_output_stays_alone_there(tmp_path):
    (tmp_path / "app.bin").write_bytes(b"program")
    told("keygen", "-k", "key.pem", "-t", "ed25519", cwd=tmp_path)
    told(*SIGN, "app.bin", "new.bin", cwd=tmp_path)
    piped = dfu("--json", *SIGN, "app.bin", "/dev/stdout", cwd=tmp_path)
    assert piped.stdout == (tmp_path / "new.bin").read_bytes()


def test_a_suffix_that_is_added_or_removed_is_told(tmp_path):
    (tmp_path / "a").write_bytes(b"firmware")
    added = told("suffix", "add", "-v", "2fe3", "a", cwd=tmp_path)
    assert added["vendor"] == 0x2fe3 and added == told("suffix", "check", "a", cwd=tmp_path)
    assert told("suffix", "delete", "a", cwd=tmp_path) == added


DEVICE = ["echo", "params", "info", "bootinfo", "datetime now", "taskstat", "mpstat", "image list",
          "image slots", "image confirm", "image erase", "fs stat /a", "fs hash /a",
          "fs hash-types", "fs close", "shell version", "settings write a b", "settings read a",
          "settings delete a", "settings commit", "settings load", "settings save", "stat list",
          "stat show device", "enum", "enum --count", "log list", "log show", "log levels",
          "log modules", "log clear", "crash div0", "core erase", "storage erase", "history",
          "explain", "conformance", "reset"]


@pytest.mark.parametrize("words", DEVICE)
def test_what_a_device_does_is_told(device, words):
    assert told("-d", f"udp:{device.address}", *words.split()) is not None


@pytest.mark.parametrize("words, code", [
    ("", 2), ("nonsense", 2), ("image", 2), ("stat show", 2), ("stat show nothing", 1),
    ("info z", 1), ("upgrade /dev/null", 2), ("image erase --slot 9", 1), ("fs stat nothing", 1),
    ("settings read nothing", 1), ("log show nothing", 1), ("enum --index 99", 1), ("usb list", 2),
    ("config fwinfo", 2), ("echo --frobnicate", 2), ("-d udp: echo", 2)])
def test_what_went_wrong_is_told_with_its_exit_code(device, words, code):
    failure = told("-d", f"udp:{device.address}", *words.split(), code=code)
    assert list(failure) == ["error"] and failure["error"]["code"] == code
    assert failure["error"]["message"]
