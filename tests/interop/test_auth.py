# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Roles and logins (docs/AUTH.md) from outside: `dfu`, smpmgr, and somebody who recorded it all."""

import os
import re
import socket
import subprocess

import pytest

from roles import dfu, make_keys, ok, refused, role_options
from virtual_device import BIN, DFU, PORT, run

PLACES = 4  # of the virtual device
NEEDS_ROLE = bytes.fromhex("bf63657272bf6567726f75701842627263 02ffff".replace(" ", ""))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = make_keys(folder)
    made["ecdsa"] = folder / "ecdsa.pem"
    assert run(DFU, "keygen", "-k", made["ecdsa"], "-t", "ecdsa-p256").returncode == 0
    return made


def start(device, images, keys, *more):
    """A device that knows a key of each role, by its public half."""
    return device.start("--init", images["v1"], *role_options(keys), *more)


# ---- What a key opens ----

@pytest.mark.parametrize("link", ["udp", "serial", "raw", "tcp"])
def test_an_update_takes_the_key_and_nothing_else(device, images, keys, link):
    ready = start(device, images, keys, "--tcp", "0", *(["--serial-raw"] if link == "raw" else []))
    where = {"udp": f"udp:{device.address}", "serial": f"serial:{device.link}",
             "raw": f"serial:{device.link},raw", "tcp": f"tcp:{device.address}:{ready['tcp']}"}[link]
    assert "1.0.0" in ok(where, "image", "list")
    refused(where, "upgrade", images["v2"], why="higher role")
    refused(where, "upgrade", images["v2"], why="higher role", key=keys["stranger"])
    refused(where, "upgrade", images["v2"], why="higher role", key=keys["operate"])
    assert "2.0.0+0 runs and is confirmed" in ok(where, "upgrade", images["v2"],
                                                 key=keys["update"])


def test_single_commands_log_in_each_by_itself(device, images, keys):
    start(device, images, keys)
    where = f"udp:{device.address}"
    for words in (("image", "upload", images["v2"]), ("image", "test", images["v2"])):
        ok(where, *words, key=keys["update"])
    refused(where, "reset", why="--auth-key")
    ok(where, "reset", key=keys["operate"])
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    refused(where, "image", "confirm", key=keys["operate"], why="higher role")
    ok(where, "image", "confirm", env=dict(os.environ, DFU_AUTH_KEY=str(keys["update"])))


def test_what_is_closed_to_everybody_needs_a_key_to_look(device, images, keys):
    start(device, images, keys, "--auth-open", "none")
    where = f"udp:{device.address}"
    refused(where, "image", "list", why="higher role")
    assert "1.0.0" in ok(where, "image", "list", key=keys["observe"])
    refused(where, "reset", key=keys["observe"], why="higher role")


def test_any_number_of_commands_may_follow_each_other(device, images, keys):
    """A device has room for a few that are logged in, for a minute each: whoever is done leaves."""
    start(device, images, keys)
    for value in range(PLACES + 3):
        ok(f"udp:{device.address}", "settings", "write", "app/a", value, key=keys["operate"])


def test_who_finds_no_room_is_told_so(device, images, keys):
    start(device, images, keys)
    where = f"udp:{device.address}"
    shells = [subprocess.Popen([DFU, "-d", where, "--auth-key", keys["update"], "shell"], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
              for _ in range(PLACES)]
    for shell in shells:
        shell.stdin.write("version\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == "blinky 1.0.0+0\n"
    refused(where, "image", "erase", key=keys["update"], why="too many are logged in already")
    for shell in shells:
        shell.stdin.close()
        assert shell.wait(timeout=20) == 0
    ok(where, "image", "erase", key=keys["update"])


def test_a_role_ends_with_its_connection(device, images, keys):
    """The next one over the same TCP port is somebody else."""
    ready = start(device, images, keys, "--tcp", "0")
    where = f"tcp:{device.address}:{ready['tcp']}"
    shell = subprocess.Popen([DFU, "-d", where, "--auth-key", keys["update"], "shell"], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    shell.stdin.write("version\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == "blinky 1.0.0+0\n"
    shell.kill()  # so that it can't log out
    shell.communicate()
    refused(where, "image", "erase", why="higher role")


# ---- Standard clients ----

def test_smpmgr_lists_but_does_not_change_a_device_with_roles(device, images, keys):
    start(device, images, keys)
    assert "1.0.0" in device.smpmgr("udp", "image", "state-read")
    assert "hello" in device.smpmgr("serial", "os", "echo", "hello")
    upload = run(BIN / "smpmgr", "--timeout", "5", "--ip", device.address, "image", "upload",
                 images["v2"], env=dict(os.environ, TERM="dumb", COLUMNS="300"))
    assert upload.returncode != 0
    assert "2.0.0" not in device.smpmgr("udp", "image", "state-read")


def test_smpmgr_upgrades_a_device_without_roles_as_ever(device, images):
    device.start("--init", images["v1"])
    device.smpmgr("udp", "upgrade", "--confirm", images["v2"])
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")


# ---- Somebody who recorded it all ----

def recorded(where, image, key):
    """Every request of an upload with its login."""
    done = dfu(where, "-vv", "image", "upload", image, key=key)
    assert done.returncode == 0, done.stderr
    return [bytes.fromhex(line[2:]) for line in done.stderr.splitlines()
            if re.fullmatch(r"> [0-9a-f]+", line)]


def play(address, packets, source=None):
    """Send them; the answers."""
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mallory:
        if source:
            mallory.bind(source)
        mallory.settimeout(10)
        for packet in packets:
            mallory.sendto(packet, (address, PORT))
            answers.append(mallory.recv(4096))
    return answers


def is_change(packet):
    return packet[0] & 7 == 2 and packet[5] == 1


def test_a_recorded_upload_changes_nothing_from_another_port(device, images, keys):
    start(device, images, keys)
    packets = recorded(f"udp:{device.address}", images["v2"], keys["update"])
    assert any(packet[5] == 66 for packet in packets)
    ok(f"udp:{device.address}", "image", "erase", key=keys["update"])
    answers = play(device.address, packets)
    for packet, answer in zip(packets, answers):
        if is_change(packet):
            assert answer[8:] == NEEDS_ROLE
    assert "2.0.0" not in ok(f"udp:{device.address}", "image", "list")


def test_a_recorded_upload_changes_nothing_from_the_same_port_after_a_restart(device, images, keys):
    start(device, images, keys)
    relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    relay.bind(("127.0.0.1", 0))
    source = relay.getsockname()
    relay.close()
    packets = recorded(f"udp:{device.address}", images["v2"], keys["update"])
    login = [packet for packet in packets if packet[5] == 66]
    ok(f"udp:{device.address}", "image", "erase", key=keys["update"])
    for _ in range(3):
        device.kill()
        start(device, images, keys)
        # A fresh challenge for this very address, then what was signed for the old one.
        answers = play(device.address, [login[0], login[1], packets[0]] + packets, source)
        assert answers[1][8:].startswith(b"\xbf\x63err") and answers[1][-3] == 4
        for packet, answer in zip([login[0], login[1], packets[0]] + packets, answers):
            if is_change(packet):
                assert answer[8:] == NEEDS_ROLE
    assert "2.0.0" not in ok(f"udp:{device.address}", "image", "list")


def test_challenges_differ_from_start_to_start(device, images, keys):
    ask = bytes([8, 0, 0, 1, 0, 66, 1, 1, 0xa0])
    counts = set()
    for _ in range(4):
        start(device, images, keys)
        answer = play(device.address, [ask])[0]
        challenge = answer[answer.index(b"challenge") + 11:][:32]
        counts.add(challenge[:4])
        device.kill()
    assert len(counts) == 4


# ---- Wrong words ----

@pytest.mark.parametrize("option, word", [
    ("update", "no role and key"), ("boss:x.pem", "no role and key"),
    ("update:no-such-file.pem", "no-such-file.pem"),
])
def test_keys_that_make_no_sense_are_usage(tmp_path, option, word):
    done = run(DFU, "sim", "-b", "sim", "-f", tmp_path / "f.bin", "--hash-only", "--udp", "0",
               "--auth", option)
    assert done.returncode == 2 and word in done.stderr, done.stderr


def test_only_private_ed25519_keys_log_in(device, images, keys):
    start(device, images, keys)
    for key in (keys["ecdsa"], keys["update-pub"]):
        done = dfu(f"udp:{device.address}", "reset", key=key)
        assert done.returncode == 2 and "private Ed25519 key" in done.stderr
    done = run(DFU, "sim", "-b", "sim", "-f", device.folder / "f.bin", "--hash-only", "--udp", "0",
               "--auth", f"update:{keys['ecdsa']}")
    assert done.returncode == 2 and "no Ed25519 key" in done.stderr
