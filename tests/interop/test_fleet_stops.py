# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Many devices with one command that does not reach its end: devices that fail, signals, a client
that is killed; and how the same command goes on."""

import json
import signal
from contextlib import contextmanager

import pytest

from fleet import (Gate, ended, environment, events, runs, targets_file, upgrade,
                   upgrade_in_background, wait_until)
from virtual_device import DFU, Device, make_image, run


# Some fail ---------------------------------------------------------------------------------------

def test_a_device_that_dies_in_the_middle_fails_alone_and_is_resumed(fleets, pair, tmp_path):
    fleet = fleets(5)
    dying = Device(tmp_path)
    dying.start("--init", pair.old, "--power-cut", "20:inside", "--stay-off", board="sim")
    listed = targets_file(tmp_path / "targets", [*fleet.targets(), f"udp:{dying.address}"])
    audit = tmp_path / "audit.log"
    done = upgrade("--targets", listed, "--audit", audit, "--boot-time", "4", pair.new)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "dfu: d6: the device did not come back in time" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("6 devices: 5 done, 1 failed; ")
    assert [n for n in range(1, 6) if not runs(fleet.flash(n), pair.new)] == []
    assert not runs(dying.flash.read_bytes(), pair.new)
    failed = [event for event in events(audit, "result") if event["code"]]
    assert [(event["name"], event["outcome"], event["code"]) for event in failed] == [
        ("d6", "gone", 4)]
    assert "did not come back" in failed[0]["reason"]

    dying.start("--init", pair.old, board="sim")
    before = len(events(audit))
    done = upgrade("--targets", listed, "--audit", audit, "--resume", pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("6 devices: 1 done, 5 done before; ")
    assert [event.get("name") for event in events(audit)[before:]] == [None, "d6", "d6", None]
    assert runs(dying.flash.read_bytes(), pair.new)
    assert dying.stop() == 0


@pytest.mark.parametrize("budget, failed", [("0", 1), ("2", 3), ("10%", 3)])
def test_no_more_are_started_once_too_many_failed(fleets, pair, tmp_path, budget, failed):
    fleet = fleets(1)
    nobody = [f"udp:127.0.0.1:{port}" for port in range(1, 20)]
    listed = targets_file(tmp_path / "targets", nobody + fleet.targets())  # 20 in all
    done = upgrade("--targets", listed, "--jobs", 1, "--max-failures", budget, "--timeout", "0.2",
                   "--audit", tmp_path / "audit.log", pair.new)
    assert done.returncode == 8, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        f"20 devices: {failed} failed, {20 - failed} not started; ")
    assert "too many failures: no more devices are started" in done.stderr
    assert [event["reason"] for event in events(tmp_path / "audit.log", "stop")] == [
        "too many failures"]
    assert len(events(tmp_path / "audit.log", "start")) == failed
    assert runs(fleet.flash(1), pair.old, confirmed=False)


def test_failures_within_the_budget_stop_nobody(fleets, pair, tmp_path):
    fleet = fleets(3)
    nobody = ["udp:127.0.0.1:1", "udp:127.0.0.1:2"]
    listed = targets_file(tmp_path / "targets", nobody + fleet.targets())
    done = upgrade("--targets", listed, "--jobs", 1, "--max-failures", "2", "--timeout", "0.2",
                   pair.new)
    assert done.returncode == 7, done.stdout + done.stderr
    assert [n for n in range(1, 4) if not runs(fleet.flash(n), pair.new)] == []


def test_canaries_go_first_and_decide(fleets, pair, tmp_path):
    fleet = fleets(6)
    targets = fleet.targets()
    audit = tmp_path / "audit.log"
    listed = targets_file(tmp_path / "targets", targets[:1] + ["udp:127.0.0.1:1"] + targets[1:])
    done = upgrade("--targets", listed, "--canary", 2, "--timeout", "0.3", pair.new)
    assert done.returncode == 8, done.stdout + done.stderr
    assert "a canary failed" in done.stderr
    assert "1 done, 1 failed, 5 not started" in done.stdout
    assert [runs(fleet.flash(n), pair.new) for n in range(1, 7)] == [True] + 5 * [False]

    listed = targets_file(tmp_path / "targets", targets[1:])
    done = upgrade("--targets", listed, "--canary", 2, "--audit", audit, pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    order = [(event["event"], event["name"]) for event in events(audit) if "name" in event]
    started = [n for n, (kind, _) in enumerate(order) if kind == "start"]
    assert set(order[2:4]) == {("result", "d1"), ("result", "d2")} and started[:3] == [0, 1, 4]
    assert [n for n in range(1, 7) if not runs(fleet.flash(n), pair.new)] == []


# Stopped, paused, killed -------------------------------------------------------------------------

@contextmanager
def held_upgrade(fleet, pair, tmp_path, jobs):
    """In the background: the first `jobs` devices are held in the middle of their uploads."""
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", jobs, "--audit", audit, pair.new)
        wait_until(lambda: gate.held() == jobs)
        yield gate, listed, audit, process


def test_one_signal_starts_no_more_and_finishes_what_runs(fleets, pair, tmp_path):
    fleet = fleets(12)
    with held_upgrade(fleet, pair, tmp_path, 4) as (gate, _, audit, process):
        process.send_signal(signal.SIGINT)
        wait_until(lambda: events(audit, "stop"))
        gate.is_open = True
        done = ended(process)
    assert done.returncode == 9, done.stdout + done.stderr
    assert "no more devices are started, the 4 that run are finished" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("12 devices: 4 done, 8 not started; ")
    assert [runs(fleet.flash(n), pair.new) for n in range(1, 13)] == 4 * [True] + 8 * [False]


def test_a_second_signal_aborts_and_the_same_command_goes_on(fleets, pair, tmp_path):
    fleet = fleets(6)
    with held_upgrade(fleet, pair, tmp_path, 4) as (gate, listed, audit, process):
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: events(audit, "stop"))
        process.send_signal(signal.SIGINT)
        done = ended(process)
        assert done.returncode == 9, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("6 devices: 4 aborted, 2 not started; ")
        results = events(audit, "result")
        assert {event["outcome"] for event in results} == {"aborted"} and len(results) == 4
        assert "step 'upload'" in results[0]["reason"]
        assert not any(runs(fleet.flash(n), pair.new) for n in range(1, 7))
        gate.is_open = True
        done = upgrade("--targets", listed, "--audit", audit, "--resume", "--json", pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [n for n in range(1, 7) if not runs(fleet.flash(n), pair.new)] == []
    size = pair.new.stat().st_size
    sent = [event["sent"] for event in map(json.loads, done.stdout.splitlines())
            if event["event"] == "result"]
    assert len(sent) == 6 and sum(bytes_ < size for bytes_ in sent) >= 4, "nobody sends all again"


def test_a_pause_starts_no_more_until_it_is_over(fleets, pair, tmp_path):
    fleet = fleets(8)
    with held_upgrade(fleet, pair, tmp_path, 3) as (gate, _, audit, process):
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
    assert [n for n in range(1, 9) if not runs(fleet.flash(n), pair.new)] == []


@pytest.mark.parametrize("torn", [0, 1])
def test_a_killed_run_is_resumed_and_half_a_line_counts_for_nothing(fleets, pair, tmp_path, torn):
    fleet = fleets(10)
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        for proxy in gate.proxies[:5]:
            proxy.fate = lambda _direction, _number, packet: [(0, packet)]
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", 8, "--audit", audit, pair.new)
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
        done = upgrade("--targets", listed, "--audit", audit, "--resume", pair.new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("cut off by a kill perhaps" in done.stderr) == (torn > 0)
    assert done.stdout.splitlines()[-1].startswith("10 devices: 5 done, 5 done before; ")
    assert [n for n in range(1, 11) if not runs(fleet.flash(n), pair.new)] == []
    # What the second run wrote begins on a line of its own, and every device is done once.
    new = [json.loads(line) for line in audit.read_bytes().splitlines()[lines:]]
    assert new[0]["event"] == "begin"
    assert [event["event"] for event in new].count("result") == 5
    assert {event["name"] for event in new if event["event"] == "result"}.isdisjoint(
        {event["name"] for event in kept})


def test_resume_asks_for_the_same_image_and_the_last_word(fleets, pair, tmp_path):
    fleet = fleets(2)
    audit = tmp_path / "audit.log"
    other = make_image(tmp_path / "v3.bin", "1.2.0")
    words = ["--targets", targets_file(tmp_path / "targets", fleet.targets()), "--audit", audit]
    assert upgrade(*words, pair.new).returncode == 0
    done = upgrade(*words, "--resume", other)  # done, but with another image
    assert "2 devices: 2 done; " in done.stdout
    done = upgrade(*words, "--resume", pair.new)  # was done, and then something else
    assert "2 devices: 2 done; " in done.stdout
    done = upgrade(*words, "--resume", pair.new)
    assert "2 devices: 2 done before; " in done.stdout
    assert [n for n in (1, 2) if not runs(fleet.flash(n), pair.new)] == []


def test_a_log_that_cannot_be_written_stops_the_run(fleets, pair, tmp_path):
    fleet = fleets(3)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    done = upgrade("--targets", listed, "--jobs", 1, "--audit", "/dev/full", pair.new)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot append to /dev/full" in done.stderr
    assert "the log cannot be written: no more devices are started\n" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 devices: 3 not started; ")
    assert all(runs(fleet.flash(n), pair.old, confirmed=False) for n in (1, 2, 3))


@pytest.mark.parametrize("jobs, room, started", [(3, 900, {"d1"}), (1, 700, {"d1"}),
                                                 (1, 1700, {"d1", "d2"})])
def test_only_who_stands_in_the_log_gets_anything(fleets, pair, tmp_path, jobs, room, started):
    """The disk is full after so many bytes: in the line of a second start, of a result."""
    fleet = fleets(3)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    done = run("prlimit", f"--fsize={room}", DFU, "upgrade", "--targets", listed, "--jobs", jobs,
               "--audit", audit, pair.new, env=environment())
    assert done.returncode == 2 and "cannot append to" in done.stderr, done.stderr
    assert audit.stat().st_size == room
    assert {event["name"] for event in events(audit, "start")} == started
    for n in (1, 2, 3):
        if f"d{n}" not in started or jobs > 1:
            assert runs(fleet.flash(n), pair.old, confirmed=False)
        else:
            assert runs(fleet.flash(n), pair.new)
