# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Wrong input to the image commands: one sentence and the documented exit code, and nothing half
done left behind."""

import ctypes
import hashlib
import json
import os
import resource
import subprocess

import pytest

from images import DFU, dfu, done, one_sentence

LIBC = ctypes.CDLL(None)
PR_CAPBSET_DROP = 24
BASE = ["-v", "1.0.0", "-H", "32", "--pad-header", "-S", "0x20000"]


@pytest.fixture
def world(tmp_path):
    (tmp_path / "app.bin").write_bytes(os.urandom(30000))
    done(dfu("keygen", "-k", tmp_path / "key.pem", "-t", "ecdsa-p256"))
    done(dfu("sign", "-k", tmp_path / "key.pem", *BASE, tmp_path / "app.bin",
             tmp_path / "signed.bin"))
    return tmp_path


def test_missing_and_unreadable_files_are_usage_errors(world):
    one_sentence(dfu("verify", world / "none.bin"), 2, "none.bin", "No such file")
    one_sentence(dfu("verify", world), 2, "Is a directory")
    one_sentence(dfu("verify", "-k", world / "none.pem", world / "signed.bin"), 2, "none.pem")
    one_sentence(dfu("dumpinfo", world / "none.bin"), 2, "No such file")
    one_sentence(dfu("sign", *BASE, world / "none.bin", world / "out.bin"), 2, "No such file")
    one_sentence(dfu("getpub", "-k", world / "app.bin"), 2, "not a key in PEM form")
    one_sentence(dfu("sign", "-k", world / "app.bin", *BASE, world / "app.bin",
                     world / "out.bin"), 2, "not a key in PEM form")
    assert not (world / "out.bin").exists()


def test_truncated_oversized_and_foreign_images_are_refused(world):
    good = (world / "signed.bin").read_bytes()
    bad = world / "bad.bin"
    for data, words in [
        (b"", "ends before"),
        (good[:20], "ends before"),
        (good[:-1], "ends before"),
        (b"\x00" + good[1:], "magic"),
        (good[:12] + b"\xff\xff\xff\xff" + good[16:], "32 bits"),
        (good[:12] + b"\xff\xff\xff\x0f" + good[16:], "ends before"),
        (good[:8] + b"\x00\x00" + good[10:], "header size"),
        (b"\xff" * 1000, "magic"),
    ]:
        bad.write_bytes(data)
        one_sentence(dfu("verify", bad), 1, words)
        one_sentence(dfu("verify", "-k", world / "key.pem", bad), 1, words)
        one_sentence(dfu("dumpinfo", bad), 2, words)


def test_a_program_larger_than_its_slot_is_refused(world):
    result = dfu("sign", "-v", "1", "-H", "32", "--pad-header", "-S", "0x7000", world / "app.bin",
                 world / "out.bin")
    one_sentence(result, 2, "exceeds requested size 0x7000")
    assert not (world / "out.bin").exists()


def test_a_full_disk_is_told_and_leaves_no_file(world):
    out = world / "out.bin"
    args = ["sign", *BASE, world / "app.bin", out]

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    one_sentence(dfu(*args, preexec_fn=small_files), 2, "cannot write", "out.bin")
    assert sorted(path.name for path in world.iterdir()) == ["app.bin", "key.pem", "signed.bin"]
    out.write_bytes(b"what was there before")
    one_sentence(dfu(*args, preexec_fn=small_files), 2, "cannot write")
    assert out.read_bytes() == b"what was there before"
    one_sentence(dfu("sign", *BASE, world / "app.bin", "/dev/full"), 2, "No space left")


@pytest.mark.parametrize("args, name", [
    (["sign", *BASE, "-x", "0", "app.bin", "out.hex"], "out.hex"),
    (["sign", *BASE, "-k", "key.pem", "--sig-out", "out.sig", "app.bin", "out.bin"], "out.sig"),
    (["getpub", "-k", "key.pem", "-o", "out.c"], "out.c"),
    (["keygen", "-t", "rsa-2048", "-k", "out.pem"], "out.pem"),
    (["dumpinfo", "-o", "out.yaml", "signed.bin"], "out.yaml"),
])
def test_a_full_disk_leaves_nothing_of_any_output(world, args, name):
    def no_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    before = sorted(world.iterdir())
    one_sentence(dfu(*args, cwd=world, preexec_fn=no_files), 2, "cannot write", name)
    assert sorted(world.iterdir()) == before


def as_owner_only():
    """For root nothing is unreadable, unless the program lacks CAP_DAC_OVERRIDE and _READ_SEARCH."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            assert LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def test_a_key_that_may_not_be_read_is_told(world):
    (world / "key.pem").chmod(0)
    for args in (["getpub", "-k", world / "key.pem"], ["keyinfo", "-k", world / "key.pem"],
                 ["verify", "-k", world / "key.pem", world / "signed.bin"],
                 ["sign", "-k", world / "key.pem", *BASE, world / "app.bin", "/dev/null"]):
        one_sentence(dfu(*args, preexec_fn=as_owner_only), 2, "Permission denied", "permissions")


def test_a_key_of_another_type_is_told(world):
    for kind in ("rsa-2048", "ecdsa-p384", "ed25519"):
        done(dfu("keygen", "-k", world / f"{kind}.pem", "-t", kind))
        one_sentence(dfu("verify", "-k", world / f"{kind}.pem", world / "signed.bin"), 1,
                     f"{kind}.pem")
    done(dfu("keygen", "-k", world / "x25519.pem", "-t", "x25519"))
    one_sentence(dfu("verify", "-k", world / "x25519.pem", world / "signed.bin"), 2, "does not sign")


def test_a_full_standard_output_is_told(world):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([DFU, "getpub", "-k", world / "key.pem"], stdout=full,
                                stderr=subprocess.PIPE, check=False)
    assert result.returncode == 2 and b"No space left" in result.stderr


def test_a_folder_that_is_not_there_is_told(world):
    one_sentence(dfu("sign", *BASE, world / "app.bin", world / "no/out.bin"), 2, "No such file")
    one_sentence(dfu("keygen", "-t", "ed25519", "-k", world / "no/key.pem"), 2, "No such file")


def test_signing_to_a_device_file_writes_into_it(world):
    done(dfu("sign", *BASE, world / "app.bin", "/dev/null"))
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")
    printed = done(dfu("sign", *BASE, world / "app.bin", "/dev/stdout"))
    assert printed[:4] == b"\x3d\xb8\xf3\x96"


def test_a_link_to_a_file_stays_a_link(world):
    (world / "link.bin").symlink_to("real.bin")
    (world / "real.bin").write_bytes(b"")
    done(dfu("sign", *BASE, world / "app.bin", world / "link.bin"))
    assert (world / "link.bin").is_symlink() and (world / "real.bin").stat().st_size > 30000


@pytest.mark.parametrize("args, words", [
    ([], ["INFILE is missing"]),
    (["app.bin"], ["OUTFILE is missing"]),
    (["app.bin", "out.bin", "more"], ["one argument too many"]),
    (["app.bin", "out.bin"], ["-v/--version is missing"]),
    (["app.bin", "out.bin", "-v", "1.2.3.4", *BASE[2:]], ["not a version"]),
    (["app.bin", "out.bin", "-v", "256", *BASE[2:]], ["not a version"]),
    (["app.bin", "out.bin", *BASE, "-H", "31"], ["-H/--header-size 31", "32 to 65535"]),
    (["app.bin", "out.bin", *BASE, "-S", "4k"], ["4k is not a whole number"]),
    (["app.bin", "out.bin", *BASE, "-S", "010"], ["010 is not a whole number"]),
    (["app.bin", "out.bin", *BASE, "--align", "3"], ["--align 3", "1, 2, 4, 8, 16, 32"]),
    (["app.bin", "out.bin", *BASE, "--custom-tlv", "0x50", "x"], ["0x00a0 to 0xfffe"]),
    (["app.bin", "out.bin", *BASE, "--custom-tlv", "0xa0"], ["two values"]),
    (["app.bin", "out.bin", *BASE, "--custom-tlv", "0xa0", "a", "--custom-tlv", "160", "b"],
     ["twice"]),
    (["app.bin", "out.bin", *BASE, "--slot", "1"], ["not abbreviated", "--slot-size"]),
    (["app.bin", "out.bin", *BASE, "--bogus"], ["no option --bogus"]),
    (["app.bin", "out.bin", *BASE, "--compression", "lzma1"], ["lzma2armthumb"]),
    (["app.bin", "out.bin", *BASE, "--sha", "384", "-k", "key.pem"], ["does not go with"]),
    (["app.bin", "out.bin", *BASE, "--pure", "-k", "key.pem"], ["needs an Ed25519 key"]),
    (["app.bin", "out.bin", *BASE, "--cid", "widget"], ["--vid"]),
    (["app.bin", "out.bin", *BASE, "-L", "1", "-F", "1"], ["exclude each other"]),
    (["app.bin", "out.bin", *BASE[:4], "-S", "0x20000"], ["--pad-header"]),
])
def test_a_wrong_command_line_is_answered_in_one_sentence(world, args, words):
    one_sentence(dfu("sign", *args, cwd=world), 2, *words)
    assert not (world / "out.bin").exists()


def test_errors_are_json_where_json_is_asked_for(world):
    result = dfu("--json", "verify", world / "app.bin")
    assert result.returncode == 1 and result.stderr == b""
    error = json.loads(result.stdout)["error"]
    assert error["code"] == 1 and "app.bin" in error["message"]
    facts = json.loads(done(dfu("verify", "--json", "-k", world / "key.pem", world / "signed.bin")))
    assert facts["valid"] is True and facts["version"] == "1.0.0+0"
    assert facts["key_type"] == "ECDSA-P256" and len(facts["digest"]) == 64


def test_commands_that_are_nearly_right_are_suggested(world):
    one_sentence(dfu("sing"), 2, "did you mean sign?")
    one_sentence(dfu("frobnicate"), 2, "dfu help")


def test_every_command_explains_itself(world):
    listed = done(dfu("help")).decode().split("commands:\n")[1].split("\n\n")[0]
    names = [line[2:20].strip() for line in listed.splitlines()]
    assert {"keygen", "getpub", "getpubhash", "sign", "create", "verify", "dumpinfo"} <= set(names)
    for name in names:
        text = done(dfu(*name.split(), "--help")).decode()
        assert text.startswith("usage: dfu ") and name in text
        assert done(dfu("help", *name.split())).decode() == text


def test_a_board_knows_the_slot_and_what_its_bootloader_takes(world):
    """The largest program that fits is found by trying; one byte more is refused with figures."""
    args = ["sign", "-v", "1", "-H", "32", "--pad-header", "--board", "nrf52840dk"]
    app, out = world / "app.bin", world / "out.bin"

    def fits(size):
        app.write_bytes(bytes(size))
        return dfu(*args, app, out).returncode == 0

    low, high = 0, 1 << 20
    assert fits(low) and not fits(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    app.write_bytes(bytes(high))
    text = one_sentence(dfu(*args, app, out), 2, "board nrf52840dk", "smaller by 1 bytes")
    assert str(32 + low + 4 + 36) in text
    one_sentence(dfu(*args[:-1], "nowhere", app, out), 2, "board nowhere", "no such board")
    app.write_bytes(bytes(100))
    done(dfu(*args, "--confirm", app, out))
    padded = out.read_bytes()
    assert len(padded) % 4096 == 0 and padded.endswith(bytes.fromhex("3552500f2cb67980"))
    done(dfu("verify", out))


def test_what_went_wrong_with_a_file_says_what_to_do(world):
    one_sentence(dfu("verify", world / "none.bin"), 2, "No such file", "check the path")
    one_sentence(dfu("verify", world), 2, "Is a directory", "name a file")
    one_sentence(dfu("sign", *BASE, world / "app.bin", world / "no" / "out.bin"), 2,
                 "No such file", "check the path")


def test_public_keys_are_json_on_request(world):
    public = world / "public.pem"
    done(dfu("getpub", "-k", world / "key.pem", "-e", "pem", "-o", public))
    raw = world / "public.der"
    done(dfu("getpub", "-k", world / "key.pem", "-e", "raw", "-o", raw))
    for command in ("getpub", "getpubhash"):
        facts = json.loads(done(dfu("--json", command, "-k", world / "key.pem")))
        assert facts["pem"] == public.read_text()
        assert bytes.fromhex(facts["der"]) == raw.read_bytes()
        assert facts["sha256"] == hashlib.sha256(raw.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", [b"\xff.bin", b"\xc3.bin", b"\xe2\x82", b"\xed\xa0\x80",
                                  b"\xf4\x90\x80\x80", b"\xc0\xaf", "\u00e9\u20ac\U0001f600".encode()])
def test_json_is_utf_8_whatever_a_file_is_called(world, name):
    result = subprocess.run([DFU, "--json", "verify", os.fsencode(world) + b"/" + name],
                            capture_output=True)
    assert result.returncode == 2
    message = json.loads(result.stdout.decode("utf-8"))["error"]["message"]
    assert name.decode("utf-8", "replace").strip("\ufffd") in message
