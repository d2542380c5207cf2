# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Many devices with one command. Each boots, swaps and confirms for itself."""

import json
import os
import pty
import socket
import subprocess

import pytest

from fleet import Fleet, Gate, environment, events, runs, targets_file, upgrade
from virtual_device import DFU, Device, run


# All is well -------------------------------------------------------------------------------------

def test_fifty_devices_are_upgraded_and_confirmed_on_their_flash(fleets, pair, tmp_path):
    fleet = fleets(50)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    assert all(runs(fleet.flash(n), pair.old, confirmed=False) for n in range(1, 51))
    done = upgrade("--targets", listed, "--audit", audit, pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 51) if not runs(fleet.flash(n), pair.new)] == []

    lines = done.stdout.splitlines()
    assert lines[-1].startswith("50 devices: 50 done; ")
    assert {line.split(":")[0] for line in lines[:-1]} == {f"d{n}" for n in range(1, 51)}
    assert all("1.1.0+0 runs and is confirmed" in line for line in lines[:-1])
    assert "of 50 done, 0 failed" in done.stderr

    log = events(audit)
    assert [log[0]["event"], log[-1]["event"]] == ["begin", "end"]
    assert (log[0]["devices"], log[-1]["done"], log[-1]["code"]) == (50, 50, 0)
    for n, target in enumerate(fleet.targets(), 1):
        begun, over = [event for event in log if event.get("name") == f"d{n}"]
        assert (begun["event"], over["event"]) == ("start", "result")
        assert begun["target"] == over["target"] == target
        assert over["outcome"] == "confirmed" and over["code"] == 0
        assert (over["version_before"], over["version"]) == ("1.0.0", "1.1.0+0")
        assert over["hash_before"] != over["hash"] == begun["hash"]
        assert over["device"] == "application sim"
        assert begun["time"] <= over["time"]
    # Once more: every device says that it is done already.
    again = upgrade("--targets", listed, "--json", pair.new)
    results = [event for event in map(json.loads, again.stdout.splitlines())
               if event["event"] == "result"]
    assert again.returncode == 0
    assert [event["outcome"] for event in results] == ["already running"] * 50
    assert {event["sent"] for event in results} == {0}


def test_several_d_profiles_and_a_file_name_devices_together(fleets, pair, tmp_path):
    fleet = fleets(4)
    first, second, third, fourth = fleet.targets()
    config = tmp_path / "config" / "dfu"
    config.mkdir(parents=True)
    (config / "profiles").write_text(f"desk = {second}\nhall = {third}\n")
    listed = tmp_path / "targets"
    listed.write_text(f"# by profile\nhall\nroof = {fourth}\n")
    done = run(DFU, "-d", first, "-d", "desk", "upgrade", "--targets", listed, pair.new,
               env=environment(XDG_CONFIG_HOME=str(tmp_path / "config"), DFU_TARGET="udp:192.0.2.1"))
    assert done.returncode == 0, done.stdout + done.stderr
    names = {line.rsplit(": ", 1)[0] for line in done.stdout.splitlines()[:-1]}
    assert names == {first, "desk", "hall", "roof"}
    assert [n for n in range(1, 5) if not runs(fleet.flash(n), pair.new)] == []


def test_serial_lines_are_part_of_a_fleet(fleets, pair, tmp_path):
    fleet = fleets(6, "--serial", tmp_path / "line")
    targets = [f"serial:{tmp_path}/line-{n}" for n in range(1, 6)] + fleet.targets()[5:]
    assert [device["serial"] for device in fleet.devices][:5] == [t[7:] for t in targets[:5]]
    done = upgrade("--targets", targets_file(tmp_path / "targets", targets), pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 7) if not runs(fleet.flash(n), pair.new)] == []


def test_dtls_and_tcp_are_part_of_a_fleet_and_the_silent_hold_nobody_up(fleets, pair, tmp_path):
    fleet = fleets(2)
    psk = tmp_path / "psk.txt"
    psk.write_text("field-7:000102030405060708090a0b0c0d0e0f\n")
    singles, targets = [], fleet.targets()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        singles.append(Device(tmp_path / name))
        ready = singles[-1].start("--init", pair.old, "--tcp", "0", "--dtls", "0", "--dtls-psk",
                                  psk, board="sim")
        where = singles[-1].address
        targets.append(f"dtls:{where}:{ready['dtls']},psk={psk}" if name == "a"
                       else f"tcp:{where}:{ready['tcp']}")
    # Nobody answers a handshake here; nobody listens there. They come first.
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    bad = [f"dtls:127.0.0.1:{silent.getsockname()[1]},psk={psk}", "tcp:127.0.0.1:1"]
    audit = tmp_path / "audit.log"
    done = upgrade("--targets", targets_file(tmp_path / "targets", bad + targets), "--audit", audit,
                   pair.new)
    silent.close()
    assert done.returncode == 7, done.stdout + done.stderr
    assert "dfu: d1: 127.0.0.1 port" in done.stderr and "DTLS handshake" in done.stderr
    assert "dfu: d2: cannot connect to 127.0.0.1 port 1: Connection refused" in done.stderr
    results = {event["name"]: event for event in events(audit, "result")}
    assert {name for name, event in results.items() if event["code"]} == {"d1", "d2"}
    # A packet each was sent at once, not when the handshake had been given up.
    starts = [event["time"] for event in events(audit, "start")]
    assert results["d1"]["seconds"] >= 5 and max(starts) < results["d1"]["time"]
    assert [n for n in (1, 2) if not runs(fleet.flash(n), pair.new)] == []
    for single in singles:
        assert runs(single.flash.read_bytes(), pair.new)
        assert single.stop() == 0, single.console()


def test_a_fleet_that_asks_for_a_role_is_logged_in_to(fleets, pair, tmp_path):
    for name in ("operator", "observer", "stranger"):
        key, public = tmp_path / f"{name}.pem", tmp_path / f"{name}-pub.pem"
        assert run(DFU, "keygen", "-k", key, "-t", "ed25519").returncode == 0
        assert run(DFU, "getpub", "-k", key, "-e", "pem", "-o", public).returncode == 0
    fleet = fleets(5, "--auth", f"update:{tmp_path}/operator-pub.pem",
                   "--auth", f"observe:{tmp_path}/observer-pub.pem")
    listed = targets_file(tmp_path / "targets", fleet.targets())
    for options in ([], ["--auth-key", tmp_path / "stranger.pem"],
                    ["--auth-key", tmp_path / "observer.pem"]):  # who logs in, and may not
        done = upgrade("--targets", listed, *options, pair.new)
        assert done.returncode == 7 and "5 devices: 5 failed" in done.stdout, done.stderr
        assert done.stderr.count("NEEDS_ROLE") == 5, done.stderr
        assert not any(runs(fleet.flash(n), pair.new) for n in range(1, 6))
    done = upgrade("--targets", listed, "--auth-key", tmp_path / "operator.pem", pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 6) if not runs(fleet.flash(n), pair.new)] == []


def test_on_a_terminal_each_running_device_has_a_line(fleets, pair, tmp_path):
    fleet = fleets(3)
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        terminal, side = pty.openpty()
        process = subprocess.Popen([DFU, "upgrade", "--targets", listed, pair.new], stderr=side,
                                   stdout=subprocess.PIPE, text=True, env=environment())
        os.close(side)
        shown = b""
        try:
            while True:
                shown += os.read(terminal, 65536)
                gate.is_open = b"kB of 20.6" in shown and b" 3 running, 0 waiting" in shown
        except OSError:  # the other side is closed
            pass
        out = process.communicate(timeout=60)[0]
        assert process.returncode == 0, out
        os.close(terminal)
    lines = shown.decode().split("\r\n")
    assert "3 devices: 3 done" in out
    assert any(line.startswith("d2 ") and "upload" in line and "%" in line for line in lines)
    assert any("0 of 3 done, 0 failed, 3 running, 0 waiting" in line for line in lines)


def many(*words):
    done = run(DFU, *words, env=environment(), timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def test_what_is_on_test_is_listed_and_confirmed_for_all(fleets, pair, tmp_path):
    fleet = fleets(8)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    done = many("image", "list", "--targets", listed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": slot 0: 1.0.0 active confirmed (") == 8, done.stdout
    done = upgrade("--targets", listed, "--test-only", "--audit", audit, pair.new)
    assert done.returncode == 0 and done.stdout.count("runs on test") == 8, done.stderr
    assert all(runs(fleet.flash(n), pair.new, confirmed=False) for n in range(1, 9))
    again = upgrade("--targets", listed, "--test-only", "--audit", audit, "--resume", pair.new)
    assert "8 devices: 8 done before; " in again.stdout

    done = many("image", "confirm", "--targets", listed, "--json", pair.old)
    assert done.returncode == 7, done.stdout + done.stderr  # what runs is another one
    results = [event for event in map(json.loads, done.stdout.splitlines())
               if event["event"] == "result"]
    assert {event["code"] for event in results} == {1}, results
    assert all("it runs another image" in event["reason"] for event in results)
    assert all(runs(fleet.flash(n), pair.new, confirmed=False) for n in range(1, 9))

    half = targets_file(tmp_path / "half", fleet.targets()[:4])
    done = many("image", "confirm", "--targets", half, pair.new)
    assert done.returncode == 0 and "4 devices: 4 done; " in done.stdout, done.stderr
    assert [runs(fleet.flash(n), pair.new) for n in range(1, 9)] == 4 * [True] + 4 * [False]
    done = many("image", "confirm", "--targets", listed, "--audit", audit)
    assert done.returncode == 0 and "8 devices: 8 done; " in done.stdout, done.stderr
    assert [n for n in range(1, 9) if not runs(fleet.flash(n), pair.new)] == []
    confirmed = [event for event in events(audit, "result") if event["job"] == "image confirm"]
    assert {event["outcome"] for event in confirmed} == {"confirmed"} and len(confirmed) == 8
    assert all(event["images"][0]["confirmed"] for event in confirmed)
    # On test is not enough for who wants it confirmed, and the log knows the difference.
    done = upgrade("--targets", listed, "--audit", audit, "--resume", pair.new)
    assert "8 devices: 8 done; " in done.stdout and "is running already" in done.stdout


def test_a_silent_device_is_a_line_of_the_list(fleets, tmp_path):
    fleet = fleets(2)
    listed = targets_file(tmp_path / "targets", ["udp:127.0.0.1:1", *fleet.targets()])
    done = many("image", "list", "--targets", listed, "--timeout", "0.5")
    assert done.returncode == 7 and "3 devices: 2 done, 1 failed; " in done.stdout
    assert "dfu: d1: udp:127.0.0.1:1 does not answer when asked to list its images" in done.stderr
    done = many("image", "confirm", "--targets", listed, "12345678")
    assert done.returncode == 2 and "12345678 is no file" in done.stderr


# The command line --------------------------------------------------------------------------------

@pytest.mark.parametrize("text, words", [
    ("", ["names no device"]),
    ("# none\n\n", ["names no device"]),
    ("udp:192.0.2.1\nudp:192.0.2.1\n", ["udp:192.0.2.1 is named twice"]),
    ("a = udp:192.0.2.1\na = udp:192.0.2.2\n", ["two devices go by the name a"]),
    ("\nudp:192.0.2.1 fast\n", ["line 2", "NAME = TARGET"]),
    ("a =\n", ["line 1", "NAME = TARGET"]),
    ("= udp:192.0.2.1\n", ["line 1", "NAME = TARGET"]),
    ("udp:192.0.2.1\nnowhere\n", ["line 2", "nowhere is no target", "no profile"]),
    ("usbip:192.0.2.1\n", ["usbip:192.0.2.1 cannot be one of many", "dfu usb"]),
    ("config:192.0.2.1\n", ["config:192.0.2.1 cannot be one of many", "dfu config"]),
])
def test_a_file_of_targets_that_is_wrong_gets_one_sentence(pair, tmp_path, text, words):
    listed = tmp_path / "targets"
    listed.write_text(text)
    done = upgrade("--targets", listed, pair.new)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("dfu: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("options, words", [
    (["--max-failures", "many"], ["--max-failures many", "5 or 2%"]),
    (["--max-failures", "101%"], ["--max-failures 101%"]),
    (["--jobs", "0"], ["--jobs", "1"]),
    (["--resume"], ["--audit FILE"]),
    (["--resume", "--audit", "/nonexistent/log"], ["cannot read /nonexistent/log"]),
    (["--audit", "/nonexistent/log"], ["cannot open /nonexistent/log"]),
    (["--record", "frames"], ["--record keeps the frames of one device"]),
])
def test_options_that_make_no_sense_get_one_sentence(pair, tmp_path, options, words):
    listed = targets_file(tmp_path / "targets", ["udp:192.0.2.1"])
    done = upgrade("--targets", listed, *options, pair.new)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("dfu: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_commands_of_one_device_refuse_two():
    done = run(DFU, "-d", "udp:192.0.2.1", "-d", "udp:192.0.2.2", "echo", "x", env=environment())
    assert done.returncode == 2 and "talks to one device" in done.stderr


# The devices themselves --------------------------------------------------------------------------

def test_many_virtual_devices_have_ports_in_a_row_and_flash_of_their_own(fleets, tmp_path):
    fleet = fleets(3)
    free = min(device["udp"] for device in fleet.devices)
    row = tmp_path / "row"
    row.mkdir()
    # Loopback addresses are plenty: ports of another address are free.
    one = Fleet(row, 3, "--udp", str(free), init=tmp_path / "v1.bin", address="127.0.0.2")
    assert [device["udp"] for device in one.devices] == [free, free + 1, free + 2]
    assert {path.name for path in row.glob("flash*")} == {f"flash-{n}.bin" for n in (1, 2, 3)}
    for port in range(free, free + 3):
        assert run(DFU, "-d", f"udp:127.0.0.2:{port}", "echo", "x").stdout == "x\n"
    console = one.log.read_text()
    assert "3: app: application 1.0.0+0 running from slot 0" in console
    one.stop()


def test_many_virtual_devices_refuse_what_only_one_can_have(tmp_path):
    common = [DFU, "sim", "-b", "sim", "-f", tmp_path / "flash.bin", "--hash-only", "--count", "2"]
    for option in ("--tcp", "--usbip", "--config-channel", "--clock"):
        done = run(*common, option, "0")
        assert done.returncode == 2 and "over UDP and serial lines only" in done.stderr, done.stderr
    done = run(*common, "--udp", "65535")
    assert done.returncode == 2 and "there are no 2 UDP ports" in done.stderr
