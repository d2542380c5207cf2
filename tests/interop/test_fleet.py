# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Many devices with one command. The devices are those of `dfu sim --count`: each boots, swaps and
confirms for itself; what became of it is read from its flash."""

import json
import os
import pty
import random
import signal
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest

from link_proxy import TO_DEVICE, UdpProxy
from virtual_device import DFU, Device, make_image, run

SLOT0, SLOT0_END = 0xC000, 0xC000 + 0x76000  # of the board sim
GOOD = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")  # what ends a trailer
IMAGE_OK = -len(GOOD) - 8

HELD = 12  # packets to a device that pass a closed gate: the upload has begun, and is not over


class Fleet:
    """`dfu sim --count N` in a folder of its own."""

    def __init__(self, folder, count, *options, init=None, address=None):
        self.folder, self.count = folder, count
        n = random.randrange(1 << 22)
        self.address = address or f"127.{64 + (n >> 16)}.{n >> 8 & 255}.{n % 254 + 1}"
        self.ready = folder / "ready.json"
        self.log = folder / "console.log"
        self.options = options
        self.init = init
        self.start()

    def start(self):
        self.ready.unlink(missing_ok=True)
        command = [DFU, "sim", "-b", "sim", "-f", self.folder / "flash.bin", "--hash-only",
                   "--udp", "0", "--address", self.address, "--count", str(self.count),
                   "--ready-file", self.ready, *self.options]
        command += ["--init", self.init] if self.init else []
        with self.log.open("a") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out,
                                            stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not self.ready.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "dfu sim --count does not get ready"
            time.sleep(0.01)
        self.devices = json.loads(self.ready.read_text())["devices"]
        assert [device["number"] for device in self.devices] == list(range(1, self.count + 1))

    def targets(self):
        return [f"udp:{self.address}:{device['udp']}" for device in self.devices]

    def flash(self, number):
        return (self.folder / f"flash-{number}.bin").read_bytes()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log.read_text()[-2000:]
        assert "Sanitizer" not in self.log.read_text(errors="replace")


def runs(flash, image, confirmed=True):
    """What a bootloader would see: the image in slot 0, and whether it is there to stay."""
    bytes_ = image.read_bytes()
    slot = flash[SLOT0:SLOT0_END]
    trailer_ok = slot.endswith(GOOD) and slot[IMAGE_OK] == 1
    return slot[:len(bytes_)] == bytes_ and trailer_ok == confirmed


@pytest.fixture
def images(tmp_path):
    return SimpleNamespace(old=make_image(tmp_path / "v1.bin", "1.0.0"),
                           new=make_image(tmp_path / "v2.bin", "1.1.0"))


@pytest.fixture
def fleets(tmp_path, images):
    """Makes fleets, ends them."""
    made = []

    def make(count, *options, **more):
        folder = tmp_path / f"fleet-{len(made)}"
        folder.mkdir()
        made.append(Fleet(folder, count, *options, init=images.old, **more))
        return made[-1]

    yield make
    for fleet in made:
        fleet.stop()


def targets_file(path, targets):
    """Named d1, d2, ..., with what a person writes around."""
    lines = ["# the devices of this test", ""]
    lines += [f"  d{n} =\t{target}  " for n, target in enumerate(targets, 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def environment(**more):
    known = {name: value for name, value in os.environ.items() if name != "DFU_TARGET"}
    return {**known, **more}


def upgrade(*words, **more):
    done = run(DFU, "upgrade", *words, env=environment(**more), timeout=300)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def upgrade_in_background(*words):
    return subprocess.Popen([DFU, "upgrade", *(str(word) for word in words)], text=True,
                            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process):
    out, err = process.communicate(timeout=300)
    assert "Sanitizer" not in err, err
    return SimpleNamespace(returncode=process.returncode, stdout=out, stderr=err)


def events(path, kind=None):
    """Of the whole lines of a log that may not be there yet."""
    text = path.read_text() if path.exists() else ""
    found = [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]
    return [event for event in found if kind in (None, event["event"])]


def wait_until(claim, timeout=60):
    deadline = time.monotonic() + timeout
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Gate:
    """Links to devices that can be held in the middle of their upload."""

    def __init__(self, fleet):
        self.is_open = False
        self.proxies = []
        for device in fleet.devices:
            proxy = UdpProxy(SimpleNamespace(address=fleet.address), self.fate())
            proxy.device = (fleet.address, device["udp"])
            self.proxies.append(proxy)

    def fate(self):
        def passes(direction, number, packet):
            return [(0, packet)] if self.is_open or direction != TO_DEVICE or number <= HELD else []
        return passes

    def targets(self):
        return [proxy.target for proxy in self.proxies]

    def held(self):
        return sum(proxy.counts[TO_DEVICE] > HELD for proxy in self.proxies)

    def __enter__(self):
        for proxy in self.proxies:
            proxy.__enter__()
        return self

    def __exit__(self, *_):
        for proxy in self.proxies:
            proxy.__exit__()


# All is well -------------------------------------------------------------------------------------

def test_fifty_devices_are_upgraded_and_confirmed_on_their_flash(fleets, images, tmp_path):
    fleet = fleets(50)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    assert all(runs(fleet.flash(n), images.old, confirmed=False) for n in range(1, 51))
    done = upgrade("--targets", listed, "--audit", audit, images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 51) if not runs(fleet.flash(n), images.new)] == []

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
    again = upgrade("--targets", listed, "--json", images.new)
    results = [event for event in map(json.loads, again.stdout.splitlines())
               if event["event"] == "result"]
    assert again.returncode == 0
    assert [event["outcome"] for event in results] == ["already running"] * 50
    assert {event["sent"] for event in results} == {0}


def test_several_d_profiles_and_a_file_name_devices_together(fleets, images, tmp_path):
    fleet = fleets(4)
    first, second, third, fourth = fleet.targets()
    config = tmp_path / "config" / "dfu"
    config.mkdir(parents=True)
    (config / "profiles").write_text(f"desk = {second}\nhall = {third}\n")
    listed = tmp_path / "targets"
    listed.write_text(f"# by profile\nhall\nroof = {fourth}\n")
    done = run(DFU, "-d", first, "-d", "desk", "upgrade", "--targets", listed, images.new,
               env=environment(XDG_CONFIG_HOME=str(tmp_path / "config"), DFU_TARGET="udp:192.0.2.1"))
    assert done.returncode == 0, done.stdout + done.stderr
    names = {line.rsplit(": ", 1)[0] for line in done.stdout.splitlines()[:-1]}
    assert names == {first, "desk", "hall", "roof"}
    assert [n for n in range(1, 5) if not runs(fleet.flash(n), images.new)] == []


def test_serial_lines_are_part_of_a_fleet(fleets, images, tmp_path):
    fleet = fleets(6, "--serial", tmp_path / "line")
    targets = [f"serial:{tmp_path}/line-{n}" for n in range(1, 6)] + fleet.targets()[5:]
    assert [device["serial"] for device in fleet.devices][:5] == [t[7:] for t in targets[:5]]
    done = upgrade("--targets", targets_file(tmp_path / "targets", targets), images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 7) if not runs(fleet.flash(n), images.new)] == []


def test_dtls_and_tcp_are_part_of_a_fleet_and_the_silent_hold_nobody_up(fleets, images, tmp_path):
    fleet = fleets(2)
    psk = tmp_path / "psk.txt"
    psk.write_text("field-7:000102030405060708090a0b0c0d0e0f\n")
    singles, targets = [], fleet.targets()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        singles.append(Device(tmp_path / name))
        ready = singles[-1].start("--init", images.old, "--tcp", "0", "--dtls", "0", "--dtls-psk",
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
                   images.new)
    silent.close()
    assert done.returncode == 7, done.stdout + done.stderr
    assert "dfu: d1: 127.0.0.1 port" in done.stderr and "DTLS handshake" in done.stderr
    assert "dfu: d2: cannot connect to 127.0.0.1 port 1: Connection refused" in done.stderr
    results = {event["name"]: event for event in events(audit, "result")}
    assert {name for name, event in results.items() if event["code"]} == {"d1", "d2"}
    # A packet each was sent at once, not when the handshake had been given up.
    starts = [event["time"] for event in events(audit, "start")]
    assert results["d1"]["seconds"] >= 5 and max(starts) < results["d1"]["time"]
    assert [n for n in (1, 2) if not runs(fleet.flash(n), images.new)] == []
    for single in singles:
        assert runs(single.flash.read_bytes(), images.new)
        assert single.stop() == 0, single.console()


def test_a_fleet_that_asks_for_a_role_is_logged_in_to(fleets, images, tmp_path):
    for name in ("operator", "observer", "stranger"):
        key, public = tmp_path / f"{name}.pem", tmp_path / f"{name}-pub.pem"
        assert run(DFU, "keygen", "-k", key, "-t", "ed25519").returncode == 0
        assert run(DFU, "getpub", "-k", key, "-e", "pem", "-o", public).returncode == 0
    fleet = fleets(5, "--auth", f"update:{tmp_path}/operator-pub.pem",
                   "--auth", f"observe:{tmp_path}/observer-pub.pem")
    listed = targets_file(tmp_path / "targets", fleet.targets())
    for options in ([], ["--auth-key", tmp_path / "stranger.pem"],
                    ["--auth-key", tmp_path / "observer.pem"]):  # who logs in, and may not
        done = upgrade("--targets", listed, *options, images.new)
        assert done.returncode == 7 and "5 devices: 5 failed" in done.stdout, done.stderr
        assert done.stderr.count("NEEDS_ROLE") == 5, done.stderr
        assert not any(runs(fleet.flash(n), images.new) for n in range(1, 6))
    done = upgrade("--targets", listed, "--auth-key", tmp_path / "operator.pem", images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 6) if not runs(fleet.flash(n), images.new)] == []


def test_on_a_terminal_each_running_device_has_a_line(fleets, images, tmp_path):
    fleet = fleets(3)
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        terminal, side = pty.openpty()
        process = subprocess.Popen([DFU, "upgrade", "--targets", listed, images.new], stderr=side,
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


def test_what_is_on_test_is_listed_and_confirmed_for_all(fleets, images, tmp_path):
    fleet = fleets(8)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    done = many("image", "list", "--targets", listed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": slot 0: 1.0.0 active confirmed (") == 8, done.stdout
    done = upgrade("--targets", listed, "--test-only", "--audit", audit, images.new)
    assert done.returncode == 0 and done.stdout.count("runs on test") == 8, done.stderr
    assert all(runs(fleet.flash(n), images.new, confirmed=False) for n in range(1, 9))
    again = upgrade("--targets", listed, "--test-only", "--audit", audit, "--resume", images.new)
    assert "8 devices: 8 done before; " in again.stdout

    done = many("image", "confirm", "--targets", listed, "--json", images.old)
    assert done.returncode == 7, done.stdout + done.stderr  # what runs is another one
    results = [event for event in map(json.loads, done.stdout.splitlines())
               if event["event"] == "result"]
    assert {event["code"] for event in results} == {1}, results
    assert all("it runs another image" in event["reason"] for event in results)
    assert all(runs(fleet.flash(n), images.new, confirmed=False) for n in range(1, 9))

    half = targets_file(tmp_path / "half", fleet.targets()[:4])
    done = many("image", "confirm", "--targets", half, images.new)
    assert done.returncode == 0 and "4 devices: 4 done; " in done.stdout, done.stderr
    assert [runs(fleet.flash(n), images.new) for n in range(1, 9)] == 4 * [True] + 4 * [False]
    done = many("image", "confirm", "--targets", listed, "--audit", audit)
    assert done.returncode == 0 and "8 devices: 8 done; " in done.stdout, done.stderr
    assert [n for n in range(1, 9) if not runs(fleet.flash(n), images.new)] == []
    confirmed = [event for event in events(audit, "result") if event["job"] == "image confirm"]
    assert {event["outcome"] for event in confirmed} == {"confirmed"} and len(confirmed) == 8
    assert all(event["images"][0]["confirmed"] for event in confirmed)
    # On test is not enough for who wants it confirmed, and the log knows the difference.
    done = upgrade("--targets", listed, "--audit", audit, "--resume", images.new)
    assert "8 devices: 8 done; " in done.stdout and "is running already" in done.stdout


def test_a_silent_device_is_a_line_of_the_list(fleets, tmp_path):
    fleet = fleets(2)
    listed = targets_file(tmp_path / "targets", ["udp:127.0.0.1:1", *fleet.targets()])
    done = many("image", "list", "--targets", listed, "--timeout", "0.5")
    assert done.returncode == 7 and "3 devices: 2 done, 1 failed; " in done.stdout
    assert "dfu: d1: udp:127.0.0.1:1 does not answer when asked to list its images" in done.stderr
    done = many("image", "confirm", "--targets", listed, "12345678")
    assert done.returncode == 2 and "12345678 is no file" in done.stderr


# Some fail ---------------------------------------------------------------------------------------

def test_a_device_that_dies_in_the_middle_fails_alone_and_is_resumed(fleets, images, tmp_path):
    fleet = fleets(5)
    dying = Device(tmp_path)
    dying.start("--init", images.old, "--power-cut", "20:inside", "--stay-off", board="sim")
    listed = targets_file(tmp_path / "targets", [*fleet.targets(), f"udp:{dying.address}"])
    audit = tmp_path / "audit.log"
    done = upgrade("--targets", listed, "--audit", audit, "--boot-time", "4", images.new)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "dfu: d6: the device did not come back in time" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("6 devices: 5 done, 1 failed; ")
    assert [n for n in range(1, 6) if not runs(fleet.flash(n), images.new)] == []
    assert not runs(dying.flash.read_bytes(), images.new)
    failed = [event for event in events(audit, "result") if event["code"]]
    assert [(event["name"], event["outcome"], event["code"]) for event in failed] == [
        ("d6", "gone", 4)]
    assert "did not come back" in failed[0]["reason"]

    dying.start("--init", images.old, board="sim")
    before = len(events(audit))
    done = upgrade("--targets", listed, "--audit", audit, "--resume", images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("6 devices: 1 done, 5 done before; ")
    assert [event.get("name") for event in events(audit)[before:]] == [None, "d6", "d6", None]
    assert runs(dying.flash.read_bytes(), images.new)
    assert dying.stop() == 0


@pytest.mark.parametrize("budget, failed", [("0", 1), ("2", 3), ("10%", 3)])
def test_no_more_are_started_once_too_many_failed(fleets, images, tmp_path, budget, failed):
    fleet = fleets(1)
    nobody = [f"udp:127.0.0.1:{port}" for port in range(1, 20)]
    listed = targets_file(tmp_path / "targets", nobody + fleet.targets())  # 20 in all
    done = upgrade("--targets", listed, "--jobs", 1, "--max-failures", budget, "--timeout", "0.2",
                   "--audit", tmp_path / "audit.log", images.new)
    assert done.returncode == 8, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        f"20 devices: {failed} failed, {20 - failed} not started; ")
    assert "too many failures: no more devices are started" in done.stderr
    assert [event["reason"] for event in events(tmp_path / "audit.log", "stop")] == [
        "too many failures"]
    assert len(events(tmp_path / "audit.log", "start")) == failed
    assert runs(fleet.flash(1), images.old, confirmed=False)


def test_failures_within_the_budget_stop_nobody(fleets, images, tmp_path):
    fleet = fleets(3)
    nobody = ["udp:127.0.0.1:1", "udp:127.0.0.1:2"]
    listed = targets_file(tmp_path / "targets", nobody + fleet.targets())
    done = upgrade("--targets", listed, "--jobs", 1, "--max-failures", "2", "--timeout", "0.2",
                   images.new)
    assert done.returncode == 7, done.stdout + done.stderr
    assert [n for n in range(1, 4) if not runs(fleet.flash(n), images.new)] == []


def test_canaries_go_first_and_decide(fleets, images, tmp_path):
    fleet = fleets(6)
    targets = fleet.targets()
    audit = tmp_path / "audit.log"
    listed = targets_file(tmp_path / "targets", targets[:1] + ["udp:127.0.0.1:1"] + targets[1:])
    done = upgrade("--targets", listed, "--canary", 2, "--timeout", "0.3", images.new)
    assert done.returncode == 8, done.stdout + done.stderr
    assert "a canary failed" in done.stderr
    assert "1 done, 1 failed, 5 not started" in done.stdout
    assert [runs(fleet.flash(n), images.new) for n in range(1, 7)] == [True] + 5 * [False]

    listed = targets_file(tmp_path / "targets", targets[1:])
    done = upgrade("--targets", listed, "--canary", 2, "--audit", audit, images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    order = [(event["event"], event["name"]) for event in events(audit) if "name" in event]
    started = [n for n, (kind, _) in enumerate(order) if kind == "start"]
    assert set(order[2:4]) == {("result", "d1"), ("result", "d2")} and started[:3] == [0, 1, 4]
    assert [n for n in range(1, 7) if not runs(fleet.flash(n), images.new)] == []


# Stopped, paused, killed -------------------------------------------------------------------------

def test_one_signal_starts_no_more_and_finishes_what_runs(fleets, images, tmp_path):
    fleet = fleets(12)
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", 4, "--audit", audit, images.new)
        wait_until(lambda: gate.held() == 4)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: events(audit, "stop"))
        gate.is_open = True
        done = ended(process)
    assert done.returncode == 9, done.stdout + done.stderr
    assert "no more devices are started, the 4 that run are finished" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("12 devices: 4 done, 8 not started; ")
    assert [runs(fleet.flash(n), images.new) for n in range(1, 13)] == 4 * [True] + 8 * [False]


def test_a_second_signal_aborts_and_the_same_command_goes_on(fleets, images, tmp_path):
    fleet = fleets(6)
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", 4, "--audit", audit, images.new)
        wait_until(lambda: gate.held() == 4)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: events(audit, "stop"))
        process.send_signal(signal.SIGINT)
        done = ended(process)
        assert done.returncode == 9, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("6 devices: 4 aborted, 2 not started; ")
        results = events(audit, "result")
        assert {event["outcome"] for event in results} == {"aborted"} and len(results) == 4
        assert "step 'upload'" in results[0]["reason"]
        assert not any(runs(fleet.flash(n), images.new) for n in range(1, 7))
        gate.is_open = True
        done = upgrade("--targets", listed, "--audit", audit, "--resume", "--json", images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 7) if not runs(fleet.flash(n), images.new)] == []
    size = images.new.stat().st_size
    sent = [event["sent"] for event in map(json.loads, done.stdout.splitlines())
            if event["event"] == "result"]
    assert len(sent) == 6 and sum(bytes_ < size for bytes_ in sent) >= 4, "nobody sends all again"


def test_a_pause_starts_no_more_until_it_is_over(fleets, images, tmp_path):
    fleet = fleets(8)
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", 3, "--audit", audit, images.new)
        wait_until(lambda: gate.held() == 3)
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: events(audit, "pause"))
        gate.is_open = True
        wait_until(lambda: len(events(audit, "result")) == 3)
        assert len(events(audit, "start")) == 3 and process.poll() is None
        process.send_signal(signal.SIGUSR2)
        done = ended(process)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [event["event"] for event in events(audit)]
    paused, going_on = kinds.index("pause"), kinds.index("go on")
    assert kinds[paused:going_on].count("start") == 0
    assert [n for n in range(1, 9) if not runs(fleet.flash(n), images.new)] == []


@pytest.mark.parametrize("torn", [0, 1])
def test_a_killed_run_is_resumed_and_half_a_line_counts_for_nothing(fleets, images, tmp_path, torn):
    fleet = fleets(10)
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        for proxy in gate.proxies[:5]:
            proxy.fate = lambda _direction, _number, packet: [(0, packet)]
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", 8, "--audit", audit, images.new)
        wait_until(lambda: len(events(audit, "result")) == 5 and gate.held() >= 5)
        process.kill()
        process.communicate()
        assert audit.read_bytes().endswith(b"}\n")
        kept = events(audit, "result")
        if torn:  # as power that fails leaves it: the last line says that d10 was done, almost
            whole = json.dumps({**kept[0], "name": "d10", "target": gate.targets()[9]})
            with audit.open("a") as file:
                file.write(whole[:-torn])
        lines = len(audit.read_bytes().splitlines())
        gate.is_open = True
        done = upgrade("--targets", listed, "--audit", audit, "--resume", images.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("cut off by a kill perhaps" in done.stderr) == (torn > 0)
    assert done.stdout.splitlines()[-1].startswith("10 devices: 5 done, 5 done before; ")
    assert [n for n in range(1, 11) if not runs(fleet.flash(n), images.new)] == []
    # What the second run wrote begins on a line of its own, and every device is done once.
    new = [json.loads(line) for line in audit.read_bytes().splitlines()[lines:]]
    assert new[0]["event"] == "begin"
    assert [event["event"] for event in new].count("result") == 5
    assert {event["name"] for event in new if event["event"] == "result"}.isdisjoint(
        {event["name"] for event in kept})


def test_resume_asks_for_the_same_image_and_the_last_word(fleets, images, tmp_path):
    fleet = fleets(2)
    audit = tmp_path / "audit.log"
    other = make_image(tmp_path / "v3.bin", "1.2.0")
    words = ["--targets", targets_file(tmp_path / "targets", fleet.targets()), "--audit", audit]
    assert upgrade(*words, images.new).returncode == 0
    done = upgrade(*words, "--resume", other)  # done, but with another image
    assert "2 devices: 2 done; " in done.stdout
    done = upgrade(*words, "--resume", images.new)  # was done, and then something else
    assert "2 devices: 2 done; " in done.stdout
    done = upgrade(*words, "--resume", images.new)
    assert "2 devices: 2 done before; " in done.stdout
    assert [n for n in (1, 2) if not runs(fleet.flash(n), images.new)] == []


def test_a_log_that_cannot_be_written_stops_the_run(fleets, images, tmp_path):
    fleet = fleets(3)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    done = upgrade("--targets", listed, "--jobs", 1, "--audit", "/dev/full", images.new)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot append to /dev/full" in done.stderr
    assert not any(runs(fleet.flash(n), images.new) for n in (2, 3))


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
def test_a_file_of_targets_that_is_wrong_gets_one_sentence(images, tmp_path, text, words):
    listed = tmp_path / "targets"
    listed.write_text(text)
    done = upgrade("--targets", listed, images.new)
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
def test_options_that_make_no_sense_get_one_sentence(images, tmp_path, options, words):
    listed = targets_file(tmp_path / "targets", ["udp:192.0.2.1"])
    done = upgrade("--targets", listed, *options, images.new)
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
