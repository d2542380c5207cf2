# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Packages of several images for many devices: each gets all of it, or nothing of it stays."""

import json
from types import SimpleNamespace

import cbor2
import pytest

from fleet import (Gate, ended, events, runs, targets_file, upgrade, upgrade_in_background,
                   wait_until)
from link_proxy import TO_DEVICE, UdpProxy
from packages import pack
from virtual_device import DFU, make_image, run

# Primary slots of the board two-images.
PRIMARY = {0: (0xc000, 0xc000 + 0x4e000), 1: (0xa7000, 0xa7000 + 0x29000)}


@pytest.fixture
def parts(tmp_path):
    return SimpleNamespace(
        app1=make_image(tmp_path / "app1.bin", "1.0.0", "name=app\n"),
        app2=make_image(tmp_path / "app2.bin", "2.0.0", "name=app\n",
                        more=("--dependencies", "(1, 2.0.0+0)")),
        net1=make_image(tmp_path / "net1.bin", "1.0.0"),
        net2=make_image(tmp_path / "net2.bin", "2.0.0", fill=1))


@pytest.fixture
def package(tmp_path, parts):
    return pack(tmp_path / "both.zip", (0, parts.app2), (1, parts.net2))


@pytest.fixture
def twos(fleets, parts):
    """Makes fleets of devices with two images."""
    def make(count, *options, **more):
        return fleets(count, *options,
                      **{"init": [parts.app1, parts.net1], "board": "two-images", **more})
    return make


def both_run(fleet, app, net, confirmed=True):
    """Devices of which this can be read from the flash."""
    return [n for n in range(1, fleet.count + 1)
            if runs(fleet.flash(n), app, confirmed, PRIMARY[0])
            and runs(fleet.flash(n), net, confirmed, PRIMARY[1])]


def boots(fleet):
    """Of all devices, which end: what they said is in the log by then."""
    fleet.stop()
    return fleet.log.read_text().count("*** Booting")


def test_every_device_gets_every_image_with_one_reset(twos, parts, package, tmp_path):
    fleet = twos(12)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    everybody = list(range(1, 13))
    assert both_run(fleet, parts.app1, parts.net1, confirmed=False) == everybody
    done = upgrade("--targets", listed, "--audit", audit, package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert both_run(fleet, parts.app2, parts.net2) == everybody
    assert "d7: image 0: 2.0.0+0, image 1: 2.0.0+0, they run and are confirmed (" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("12 devices: 12 done; ")

    for n in everybody:
        begun, over = [event for event in events(audit) if event.get("name") == f"d{n}"]
        for event in (begun, over):
            assert event["file"] == str(package)
            assert [(one["image"], one["version"]) for one in event["images"]] == [
                (0, "2.0.0+0"), (1, "2.0.0+0")]
        assert over["outcome"] == "confirmed" and over["code"] == 0
        for one, file in zip(over["images"], (parts.app2, parts.net2)):
            assert one["version_before"] == "1.0.0" and one["hash_before"] != one["hash"]
            assert one["sent"] == file.stat().st_size
    # Once more: all are asked, and done; by the log, nobody is asked.
    again = upgrade("--targets", listed, "--json", package)
    results = [event for event in map(json.loads, again.stdout.splitlines())
               if event["event"] == "result"]
    assert {event["outcome"] for event in results} == {"already running"} and len(results) == 12
    assert {one["sent"] for event in results for one in event["images"]} == {0}
    resumed = upgrade("--targets", listed, "--audit", audit, "--resume", package)
    assert "12 devices: 12 done before; " in resumed.stdout
    assert boots(fleet) == 24


def requests(packets):
    """(group, command, image or None) of writes, repeats once; of an upload its first chunk."""
    seen = []
    for packet in packets:
        body = cbor2.loads(packet[8:])
        group, command = int.from_bytes(packet[4:6], "big"), packet[7]
        is_upload = (group, command) == (1, 1)
        deed = (group, command, body.get("image", 0) if is_upload else None)
        if packet[0] & 7 == 2 and deed not in seen[-1:] and not (is_upload and body["off"] > 0):
            seen.append(deed)
    return seen


def test_the_order_is_the_package_s_and_nothing_is_confirmed_before_the_reset(twos, parts,
                                                                              tmp_path):
    fleet = twos(2)
    package = pack(tmp_path / "turned.zip", (1, parts.net2), (0, parts.app2))
    packets = []

    def note(direction, _number, packet):
        if direction == TO_DEVICE:
            packets.append(packet)
        return [(0, packet)]

    with UdpProxy(SimpleNamespace(address=fleet.address), note) as proxy:
        proxy.device = (fleet.address, fleet.devices[0]["udp"])
        done = upgrade("--targets", targets_file(tmp_path / "targets",
                                                 [proxy.target, fleet.targets()[1]]), package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert both_run(fleet, parts.app2, parts.net2) == [1, 2]
    upload, state, reset = 1, 0, (0, 5, None)
    told = [deed for deed in requests(packets) if deed[0] in (0, 1) or deed == reset]
    assert told == [(1, upload, 1), (1, state, None), (1, upload, 0), (1, state, None), reset,
                    (1, state, None)], told
    last = cbor2.loads(next(p for p in reversed(packets) if p[0] & 7 == 2)[8:])
    assert last["confirm"] is True


def test_a_package_may_stop_before_each_decision_on_all_devices(twos, parts, package, tmp_path):
    fleet = twos(3)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    audit = tmp_path / "audit.log"
    done = upgrade("--targets", listed, "--no-reset", "--audit", audit, package)
    assert done.returncode == 0 and done.stdout.count("are in place") == 3, done.stderr
    assert both_run(fleet, parts.app1, parts.net1, confirmed=False) == [1, 2, 3]
    done = upgrade("--targets", listed, "--test-only", "--audit", audit, "--resume", package)
    assert done.returncode == 0 and done.stdout.count("run on test") == 3, done.stdout
    assert both_run(fleet, parts.app2, parts.net2, confirmed=False) == [1, 2, 3]
    done = upgrade("--targets", listed, "--test-only", "--audit", audit, "--resume", package)
    assert "3 devices: 3 done before; " in done.stdout
    done = upgrade("--targets", listed, "--audit", audit, "--resume", package)
    assert done.returncode == 0 and done.stdout.count("are confirmed") == 3, done.stdout
    assert both_run(fleet, parts.app2, parts.net2) == [1, 2, 3]
    assert boots(fleet) == 6
    assert [event["outcome"] for event in events(audit, "result")] == (
        3 * ["staged"] + 3 * ["on test"] + 3 * ["confirmed"])


def confirm(listed, *words):
    done = run(DFU, "image", "confirm", "--targets", listed, *words, timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def test_what_is_on_test_is_confirmed_by_its_package(twos, parts, package, tmp_path):
    fleet = twos(4)
    some = targets_file(tmp_path / "some", fleet.targets()[:3])
    listed = targets_file(tmp_path / "all", fleet.targets())
    assert upgrade("--targets", some, "--test-only", package).returncode == 0
    other = make_image(tmp_path / "net3.bin", "3.0.0", fill=2)
    done = confirm(some, pack(tmp_path / "other.zip", (0, parts.app2), (1, other)))
    assert done.returncode == 7, done.stdout + done.stderr
    assert done.stderr.count("it runs another image than those of the package, and was not") == 3
    assert both_run(fleet, parts.app2, parts.net2, confirmed=False) == [1, 2, 3]
    # Of one whose image 0 is confirmed alone, the other is not forgotten.
    alone = targets_file(tmp_path / "alone", fleet.targets()[:1])
    done = confirm(alone)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "image 0 is confirmed, image 1 is on test and goes back at the next reset" in done.stderr
    assert runs(fleet.flash(1), parts.app2, True, PRIMARY[0])
    assert runs(fleet.flash(1), parts.net2, False, PRIMARY[1])
    audit = tmp_path / "audit.log"
    done = confirm(listed, "--audit", audit, package)
    assert done.returncode == 7 and "4 devices: 3 done, 1 failed; " in done.stdout, done.stderr
    assert both_run(fleet, parts.app2, parts.net2) == [1, 2, 3]
    assert both_run(fleet, parts.app1, parts.net1, confirmed=False) == [4]
    for event in events(audit, "result"):
        assert event["file"] == str(package)
        assert [(part["image"], part["version"]) for part in event["parts"]] == [
            (0, "2.0.0+0"), (1, "2.0.0+0")]
    assert boots(fleet) == 4 + 3


def test_the_file_of_another_image_than_number_0_confirms_that(twos, parts, package, tmp_path):
    fleet = twos(1)
    listed = targets_file(tmp_path / "targets", fleet.targets())
    assert upgrade("--targets", listed, "--test-only", package).returncode == 0
    done = confirm(listed, parts.net2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert runs(fleet.flash(1), parts.net2, True, PRIMARY[1])
    assert runs(fleet.flash(1), parts.app2, False, PRIMARY[0])


def test_devices_that_lack_an_image_take_nothing_and_the_budget_counts_them(twos, fleets, pair,
                                                                            parts, package,
                                                                            tmp_path):
    fleet, singles = twos(2), fleets(3)
    before = [singles.flash(n) for n in (1, 2, 3)]
    audit = tmp_path / "audit.log"
    listed = targets_file(tmp_path / "targets", singles.targets() + fleet.targets())
    done = upgrade("--targets", listed, "--audit", audit, package)
    assert done.returncode == 7, done.stdout + done.stderr
    for name in ("d1", "d2", "d3"):
        assert f"dfu: {name}: the device has no image number 1; dfu image slots" in done.stderr
    failed = {event["name"]: event for event in events(audit, "result") if event["code"]}
    assert set(failed) == {"d1", "d2", "d3"}
    assert {event["outcome"] for event in failed.values()} == {"no such image"}
    assert [one["sent"] for event in failed.values() for one in event["images"]] == 6 * [0]
    assert [singles.flash(n) for n in (1, 2, 3)] == before
    assert both_run(fleet, parts.app2, parts.net2) == [1, 2]
    # One more than the budget, and no more are started.
    done = upgrade("--targets", listed, "--jobs", 1, "--max-failures", 1, package)
    assert done.returncode == 8, done.stdout + done.stderr
    assert "5 devices: 2 failed, 3 not started; " in done.stdout


def test_an_image_too_large_for_its_slot_is_refused_before_the_first_byte(twos, parts, tmp_path):
    fleet = twos(2)
    large = make_image(tmp_path / "large.bin", "2.0.0", size=0x2a000)
    before = [fleet.flash(n) for n in (1, 2)]
    done = upgrade("--targets", targets_file(tmp_path / "targets", fleet.targets()),
                   pack(tmp_path / "large.zip", (0, parts.app2), (1, large)))
    assert done.returncode == 7, done.stdout + done.stderr
    assert done.stderr.count(f"image 1 of {large.stat().st_size} bytes does not fit") == 2
    assert [fleet.flash(n) for n in (1, 2)] == before


def test_where_only_a_part_comes_up_no_device_confirms_anything(twos, tmp_path):
    key, other = tmp_path / "key.pem", tmp_path / "other.pem"
    for path in (key, other):
        assert run(DFU, "keygen", "-k", path, "-t", "ed25519").returncode == 0
    made = {name: make_image(tmp_path / f"{name}.bin", version, text, key=signer, fill=fill)
            for name, version, text, signer, fill in (
                ("a1", "1.0.0", "name=app\n", key, 0), ("n1", "1.0.0", "", key, 0),
                ("a2", "2.0.0", "name=app\n", key, 0), ("n2", "2.0.0", "", other, 1))}
    fleet = twos(2, init=[made["a1"], made["n1"]], trust=("--key", key))
    audit = tmp_path / "audit.log"
    listed = targets_file(tmp_path / "targets", fleet.targets())
    package = pack(tmp_path / "part.zip", (0, made["a2"]), (1, made["n2"]))
    done = upgrade("--targets", listed, "--audit", audit, package)
    assert done.returncode == 7, done.stdout + done.stderr
    assert done.stderr.count("with only a part of the package: image 1 is still 1.0.0") == 2
    assert [(event["outcome"], event["code"]) for event in events(audit, "result")] == (
        2 * [("reverted", 5)])
    for n in (1, 2):
        assert runs(fleet.flash(n), made["a2"], False, PRIMARY[0])
        assert run(DFU, "-d", fleet.targets()[n - 1], "reset").returncode == 0
    wait_until(lambda: fleet.log.read_text().count(
        "app: app 1.0.0+0 running from slot 0 (confirmed)") >= 2)


def test_aborted_devices_go_on_with_the_image_that_they_were_at(twos, parts, package, tmp_path):
    fleet = twos(4)
    audit = tmp_path / "audit.log"
    with Gate(fleet) as gate:
        listed = targets_file(tmp_path / "targets", gate.targets())
        process = upgrade_in_background("--targets", listed, "-j", 3, "--audit", audit, package)
        wait_until(lambda: gate.held() == 3)
        process.terminate()
        wait_until(lambda: events(audit, "stop"))
        process.terminate()
        done = ended(process)
        assert done.returncode == 9, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("4 devices: 3 aborted, 1 not started; ")
        assert both_run(fleet, parts.app2, parts.net2) == []
        gate.is_open = True
        done = upgrade("--targets", listed, "--audit", audit, "--resume", "--json", package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert both_run(fleet, parts.app2, parts.net2) == [1, 2, 3, 4]
    size = parts.app2.stat().st_size
    sent = [event["images"][0]["sent"] for event in map(json.loads, done.stdout.splitlines())
            if event["event"] == "result"]
    assert len(sent) == 4 and sum(bytes_ < size for bytes_ in sent) >= 3, sent


def test_a_log_of_other_images_does_not_say_that_a_package_is_done(twos, parts, package, tmp_path):
    fleet = twos(1)
    words = ["--targets", targets_file(tmp_path / "targets", fleet.targets()), "--audit",
             tmp_path / "audit.log"]
    part = pack(tmp_path / "part.zip", (1, parts.net2))
    other = make_image(tmp_path / "net3.bin", "3.0.0", fill=2)
    assert upgrade(*words, part).returncode == 0
    done = upgrade(*words, "--resume", package)  # image 1 is there, image 0 is not
    assert "1 device: 1 done; " in done.stdout, done.stdout + done.stderr
    assert both_run(fleet, parts.app2, parts.net2) == [1]
    assert "1 done before; " in upgrade(*words, "--resume", package).stdout
    done = upgrade(*words, "--resume", pack(tmp_path / "new.zip", (0, parts.app2), (1, other)))
    assert "1 device: 1 done; " in done.stdout, done.stdout + done.stderr
    assert both_run(fleet, parts.app2, other) == [1]
    assert "1 device: 1 done; " in upgrade(*words, "--resume", package).stdout
