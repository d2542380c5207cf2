# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What people get wrong at first: one sentence says what it is and what to do, with the documented
exit code. (Images: test_image_errors.py; what a device refuses: test_client.py.)"""

import os
import socket

import pytest

from images import dfu, done, one_sentence
from virtual_device import BOARD, DFU, make_image, run

BASE = ["-v", "1.0.0", "-H", "32", "--pad-header"]
NOWHERE = "udp:192.0.2.1"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    (folder / "app.bin").write_bytes(os.urandom(3000))
    for kind in ("ed25519", "rsa-2048", "ecdsa-p384", "x25519"):
        done(dfu("keygen", "-k", folder / f"{kind}.pem", "-t", kind))
    done(dfu("sign", "-k", folder / "ed25519.pem", *BASE, "-S", "0x20000", folder / "app.bin",
             folder / "signed.bin"))
    (folder / "cut.bin").write_bytes((folder / "signed.bin").read_bytes()[:1000])
    return folder


# ---- Words ----

@pytest.mark.parametrize("words, says", [
    (["upgrad", "new.bin"], "did you mean upgrade?"),
    (["imgae", "list"], "did you mean image list?"),
    (["upload", "new.bin"], "did you mean one of: image upload, fs upload, usb upload"),
    (["detach"], "did you mean one of: usb detach?"),
    (["frobnicate"], "dfu help lists them"),
    (["image"], "needs one of: list, upload, test"),
    (["image", "frobnicate"], "needs one of: list, upload, test"),
    (["echo", "--frobnicate", "x"], "there is no option --frobnicate; see dfu echo --help"),
    (["upgrade"], "FILE is missing; usage: dfu upgrade [OPTIONS] FILE\n"),
    (["reset", "now"], "now is one argument too many; usage: dfu reset [OPTIONS]\n"),
    (["echo", "a", "b"], "b is one argument too many; usage: dfu echo [OPTIONS] [TEXT]\n"),
])
def test_a_command_line_that_is_wrong_is_answered_with_the_right_one(words, says):
    one_sentence(dfu("-d", NOWHERE, *words), 2, says)


@pytest.mark.parametrize("mode, option", [
    ("direct-xip", "--history"), ("single", "--history"), ("firmware-loader", "--attempts=3"),
    ("overwrite", "--attempts=3"), ("ram-load", "--attempts=3"),
])
def test_what_a_mode_has_not_is_refused_by_the_virtual_device(tmp_path, mode, option):
    said = dfu("sim", "-b", "sim", "-f", tmp_path / "flash.bin", "--hash-only", "-u", "0",
               "-m", mode, option)
    assert said.returncode == 2
    assert f"{option.split('=')[0]} ".encode() in said.stderr
    assert b"choose --mode move" in said.stderr


@pytest.mark.parametrize("words, says", [
    (["echo", "x"], "name one with -d (serial:/dev/ttyACM0, udp:HOST) or in DFU_TARGET"),
    (["config", "fwinfo"], "name one with -d (config:HOST[:PORT]) or in DFU_TARGET"),
])
def test_a_device_that_nobody_named_is_asked_for_as_the_command_takes_it(words, says):
    environment = {name: value for name, value in os.environ.items() if name != "DFU_TARGET"}
    one_sentence(dfu(*words, env=environment), 2, says)


@pytest.mark.parametrize("option, value", [
    ("--timeout", "-1"), ("--timeout", "0"), ("--timeout", "1e99"), ("--timeout", "nan"),
    ("--timeout", ""), ("--timeout", "9" * 30), ("--image", "-1"), ("--image", "9" * 30),
    ("--image", "0x1ffffffff"), ("--image", "one"),
])
def test_numbers_out_of_bounds_are_told_with_their_bounds(world, option, value):
    text = one_sentence(dfu("-d", NOWHERE, "image", "upload", option, value, world / "signed.bin"),
                        2, option, value)
    assert "86400" in text or "0 to 4294967295" in text or "number" in text


@pytest.mark.parametrize("when", ["yesterday", "2026-11-22", "", "2026-11-22T5:00:00", "12:00"])
def test_a_time_that_is_none_is_told_before_a_device_is_asked(when):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        one_sentence(dfu("-d", f"udp:127.0.0.1:{silent.getsockname()[1]}", "datetime", when), 2,
                     f"{when} is no time; write it like 2026-", "or now")
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(1)


# ---- Targets ----

@pytest.mark.parametrize("target, code, says", [
    ("", 2, "name one with -d"),
    ("nothing", 2, "is no target"),
    ("ftp:host", 2, "target ftp:host is none of serial:"),
    ("udp:", 2, "write udp:192.0.2.1:1337"),
    ("udp:localhost:99999", 2, "write udp:192.0.2.1:1337"),
    ("udp:localhost:-1", 2, "write udp:192.0.2.1:1337"),
    ("udp:127.0.0.1:1", 4, "start the device or correct the port"),
    ("udp:no.such.host.invalid", 3, "check its name"),
    ("tcp:127.0.0.1:1", 3, "check that the serial server runs there"),
    ("serial:/dev/none", 3, "there is no serial port /dev/none: plug the device in or correct"),
    ("serial:/dev/null", 3, "/dev/null is not a serial port; check the name"),
    ("serial:/", 3, "/ is not a serial port; check the name"),
    ("serial:/dev/null,baud=fast", 2, "baud=fast is no speed of a serial line; write it like"),
    ("serial:/dev/null,baud=0", 2, "baud=0 is no speed of a serial line"),
    ("serial:/dev/null,parity=even", 2, "there are baud=N and raw"),
    ("usbip:127.0.0.1", 2, "a target of dfu usb; dfu echo takes one that speaks SMP (serial:"),
    ("config:127.0.0.1", 2, "a target of dfu config; dfu echo takes one that speaks SMP"),
    ("dtls:h,psk=/nonexistent/psk", 2, "cannot read the pre-shared key /nonexistent/psk: No such"),
    ("dtls:h,ca=/nonexistent/ca", 2, "cannot read the certificate /nonexistent/ca: No such file"),
    ("dtls:h,ca=/dev/null", 2, "/dev/null holds no certificate in PEM form to trust; openssl x509"),
    ("dtls:h,cert=/dev/null,key=/nonexistent/key", 2, "cannot read the private key /nonexistent"),
])
def test_a_target_that_leads_nowhere_is_told(tmp_path, target, code, says):
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    environment.pop("DFU_TARGET", None)
    one_sentence(dfu("-d", target, "echo", "x", env=environment), code, says)


def test_a_usbip_server_that_is_not_there_is_told():
    one_sentence(dfu("-d", "usbip:127.0.0.1:1", "usb", "list"), 3, "USB/IP server 127.0.0.1:1",
                 "is it running?")


def test_a_record_that_cannot_be_written_is_told_before_the_device_is_asked(world):
    one_sentence(dfu("-d", NOWHERE, "--record", world / "no/frames", "echo", "x"), 2,
                 "cannot record to", "choose another file")


# ---- Files ----

@pytest.mark.parametrize("name, code, says", [
    ("none.bin", 2, "No such file or directory; check the path"),
    (".", 2, "Is a directory; name a file"),
    ("/dev/null", 2, "is empty; name a signed firmware image"),
    ("app.bin", 1, "sign it with dfu sign"),
    ("cut.bin", 1, "it ends before its own lengths do"),
    ("ed25519.pem", 1, "wrong magic number"),
])
def test_no_command_sends_what_is_no_image(world, name, code, says):
    for command in (["upgrade"], ["image", "upload"]):
        one_sentence(dfu("-d", NOWHERE, *command, name, cwd=world), code, name, says)


def test_a_key_of_the_wrong_kind_is_told_with_the_right_one(world):
    encrypts = world / "x25519.pem"
    for words in (["verify", "-k", encrypts, "signed.bin"],
                  ["sign", "-k", encrypts, *BASE, "-S", "0x20000", "app.bin", "out.bin"]):
        one_sentence(dfu(*words, cwd=world), 2, "encrypts but does not sign",
                     "dfu keygen -t ed25519")
    one_sentence(dfu("verify", "-k", world / "rsa-2048.pem", "signed.bin", cwd=world), 1,
                 "no RSA-2048 signature", "name the key it was signed with")
    one_sentence(dfu("verify", "-k", world / "ecdsa-p384.pem", "signed.bin", cwd=world), 1,
                 "no hash of a kind that goes with the ECDSA-P384 key",
                 "name the key it was signed with")


def test_a_board_that_does_not_exist_is_told_with_those_that_do(world):
    for words in (["sign", *BASE, "--board", "nrf52", "app.bin", "out.bin"],
                  ["flash-plan", "nrf52"],
                  ["explain", "-b", "nrf52", "-f", "signed.bin"],
                  ["sim", "-b", "nrf52", "-f", "flash.bin", "--hash-only", "--udp", "0"]):
        one_sentence(dfu(*words, cwd=world), 2, "board nrf52: no such board; there are ", BOARD,
                     "sim", "or the path of a .dtb file")
    one_sentence(dfu("flash-plan", "nrf52", env={**os.environ, "DFU_BOARDS_DIR": str(world)}), 2,
                 "give the path of a .dtb file or set DFU_BOARDS_DIR")


def test_an_image_signed_again_is_noted(world):
    again = dfu("sign", *BASE, "-S", "0x20000", "signed.bin", "again.bin", cwd=world)
    done(again)
    assert "signed.bin is an image already" in again.stderr.decode()
    for quiet in (["-q"], ["--json"]):
        assert dfu(*quiet, "sign", *BASE, "-S", "0x20000", "signed.bin", "again.bin",
                   cwd=world).stderr == b""
    once = dfu("sign", *BASE, "-S", "0x20000", "app.bin", "once.bin", cwd=world)
    assert done(once) is not None and once.stderr == b""


def test_an_empty_program_is_noted_and_an_empty_bootloader_refused(world):
    empty = world / "empty.bin"
    empty.write_bytes(b"")
    noted = dfu("sign", *BASE, "-S", "0x20000", empty, "out.bin", cwd=world)
    done(noted)
    assert "is empty, and the image holds no program" in noted.stderr.decode()
    one_sentence(dfu("flash-plan", BOARD, "--boot", empty), 2, "is empty; name the bootloader")


def test_what_everybody_may_is_said_where_somebody_may_more(world):
    one_sentence(dfu("sim", "-b", BOARD, "-f", "auth.bin", "--hash-only", "--udp", "0",
                     "--auth-open", "observe", cwd=world), 2, "with --auth ROLE:PEM")


def test_a_serial_line_that_cannot_be_made_is_told(tmp_path):
    refused = run(DFU, "sim", "-b", BOARD, "-f", tmp_path / "flash.bin", "--hash-only", "--serial",
                  tmp_path / "no/uart")
    assert refused.returncode == 3
    assert "No such file or directory; choose another name" in refused.stderr


# ---- What a device does not have ----

def test_what_firmware_was_built_without_is_not_blamed_on_an_image(device, tmp_path):
    device.start("--init", make_image(tmp_path / "v1.bin", "1.0.0", "name=blinky\n"))
    where = f"udp:{device.address}"
    (tmp_path / "note").write_text("x")
    for words in (["fs", "download", "/x", tmp_path / "x"],
                  ["fs", "upload", tmp_path / "note", "/x"]):
        text = one_sentence(dfu("-d", where, *words), 1, "ENOTSUP", "must be built with it")
        assert "image" not in text
    one_sentence(dfu("-d", where, "log", "show", "nothing"), 1, "no such log", "dfu log list")
