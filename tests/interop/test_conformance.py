# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu conformance`: the virtual device keeps every rule, and every rule can be broken."""

import concurrent.futures
import json

import pytest

from field_servers import Mcuboot, Zephyr
from virtual_device import DFU, make_image, run
from wrong_server import Server

# A duty of the wrong server's that it neglects, and the rules that notice.
FAULTS = {
    "always matches": ["upload.mismatch"],
    "an empty hash names something": ["state.confirm"],
    "an end ends nothing": ["upload.whole"],
    "an erase ends nothing": [
        "upload.another sha", "upload.erase ends", "upload.next", "upload.resume",
        "upload.wrong offset"],
    "answers answers": ["hostile.answer"],
    "answers half a header": ["hostile.short"],
    "answers odd ops": ["hostile.odd op"],
    "any command": ["protocol.command"],
    "any command line": ["more.shell"],
    "any file": ["more.files", "more.way out"],
    "any group": ["packets.discard", "protocol.group"],
    "any hash": ["state.gone", "state.no such image"],
    "any hash length": ["state.short hash"],
    "any index": ["more.no such group"],
    "any key": ["hostile.no text key"],
    "any letter": ["more.bad info"],
    "any long name": ["more.bad settings"],
    "any query": ["more.bad query"],
    "any setting": ["more.settings"],
    "any size": ["upload.too large"],
    "any statistics": ["more.statistics"],
    "any time": ["more.bad datetime"],
    "any type": [
        "hostile.type", "more.bad datetime", "more.shell", "state.bad state", "upload.bad erase",
        "upload.bad map"],
    "any version of an image": ["upload.downgrade"],
    "chokes on floats": ["protocol.float"],
    "chokes on unknown keys": ["packets.key order", "protocol.float"],
    "confirms what is tested": ["state.test"],
    "cuts text": ["os.full buffer"],
    "definite maps only": ["protocol.indefinite"],
    "dies of nesting": ["hostile.nesting"],
    "echo is only written": ["os.read echo"],
    "echo of nothing": ["os.no echo"],
    "erases any slot": ["upload.bad erase"],
    "erases what runs": ["upload.bad erase"],
    "files without names": ["more.bad files"],
    "flags as asked": ["protocol.flags"],
    "flags as numbers": ["image.list"],
    "forgets the time": ["more.set datetime"],
    "goes on after a refusal": ["packets.discard"],
    "goes on after a refused chunk": ["upload.overrun", "upload.refused first"],
    "groups as a number": ["more.groups"],
    "handlers as text": ["more.groups"],
    "info in its order": ["more.info"],
    "keeps what it erases": ["state.gone"],
    "keys twice": ["hostile.twice"],
    "leads out": ["more.way out"],
    "lists what runs only": ["state.test", "upload.whole"],
    "long sha": ["upload.long sha"],
    "minds the reserved bits": ["protocol.reserved"],
    "mode as text": ["more.bootloader"],
    "needs a map": ["protocol.empty payload"],
    "needs no payload": ["hostile.no payload"],
    "never comes back": ["reset.reset"],
    "never confirms": ["state.confirm"],
    "never erases": [
        "state.gone", "state.test", "upload.another sha", "upload.erase", "upload.erase ends",
        "upload.first", "upload.mismatch", "upload.next", "upload.no sha", "upload.overrun",
        "upload.refused first", "upload.resume", "upload.whole", "upload.wrong offset"],
    "never matches": ["state.gone", "state.test", "upload.whole"],
    "never pending": ["state.test"],
    "never resumes": ["upload.resume"],
    "no empty text": ["os.empty echo"],
    "no length": ["upload.no length"],
    "no magic": ["upload.no magic", "upload.refused first"],
    "no offset": ["upload.no offset", "upload.no upload"],
    "no versions": ["image.list", "upload.whole"],
    "nothing is active": ["state.confirm", "state.running", "state.test running"],
    "offset of the chunk": [
        "state.gone", "state.test", "upload.another sha", "upload.mismatch", "upload.next",
        "upload.no sha", "upload.overrun", "upload.resume", "upload.whole", "upload.wrong offset"],
    "one request a packet": ["packets.several"],
    "overrun": ["upload.overrun"],
    "refuses other offsets": ["upload.wrong offset"],
    "resumes anything": ["upload.another sha"],
    "resumes without sha": ["upload.no sha"],
    "settings without names": ["more.bad settings"],
    "settings without values": ["more.no value"],
    "short header": ["upload.no header"],
    "shouts": [
        "hostile.after all", "os.echo", "os.full buffer", "os.read echo", "packets.key order",
        "packets.several", "protocol.flags", "protocol.float", "protocol.indefinite",
        "protocol.reserved"],
    "sizes as text": ["os.params"],
    "sizes of slots as text": ["image.slots"],
    "slots as numbers": ["image.slots"],
    "statistics as numbers": ["more.statistics"],
    "takes any length": ["packets.length"],
    "takes any version": ["packets.too new"],
    "takes chunks of no upload": [
        "upload.erase ends", "upload.no upload", "upload.overrun", "upload.refused first",
        "upload.whole"],
    "takes what ends early": [
        "hostile.long map", "hostile.long string", "hostile.reserved cbor", "hostile.truncated"],
    "takes what is no map": ["hostile.no map"],
    "tasks as a list": ["more.tasks"],
    "tells what it had": [
        "state.gone", "state.test", "upload.another sha", "upload.erase ends", "upload.first",
        "upload.mismatch", "upload.next", "upload.no sha", "upload.overrun", "upload.refused first",
        "upload.resume", "upload.whole", "upload.wrong offset"],
    "tests nothing": ["state.gone", "state.no hash", "state.test"],
    "tests what runs": ["state.test running"],
    "time fails": ["more.datetime"],
    "writes what is read": ["image.reserved", "packets.op"],
}

# These spoil every answer, or every answer to one version.
SPOILERS = ["always version 2", "another group", "group codes to version 1", "op as asked",
            "wrong length"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("images") / "v1.bin", "1.0.0", "name=blinky\n")


def conformance(target, *options, timeout_s=6):
    """What is said, and the exit code. A busy machine answers late."""
    done = run(DFU, "--json", "--timeout", timeout_s, "-d", target, "conformance", *options,
               timeout=300)
    assert "Sanitizer" not in done.stderr, done.stderr
    return json.loads(done.stdout), done.returncode


def broken(report):
    return sorted(rule["rule"] for rule in report["rules"] if rule["result"] == "fail")


def put(faults, *options):
    """The rules that a server with these faults breaks, and the whole report."""
    return put_to(Server(faults), "--destructive", *options)


def put_to(server, *options):
    try:
        report, code = conformance(f"udp:127.0.0.1:{server.port}", "--boot-time", "2", *options)
    finally:
        server.close()
    assert code == (1 if report["failed"] else 0)
    return broken(report), report


# ---- Ours ----

@pytest.mark.parametrize("link", ["udp", "serial"])
def test_the_virtual_device_keeps_every_rule(device, image, tmp_path, link):
    files = tmp_path / "files"
    files.mkdir()
    device.start("--init", image, "--files", files)
    target = f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"
    report, code = conformance(target, "--destructive", timeout_s=20)
    assert (code, broken(report)) == (0, [])
    assert report["kind"] == "application"
    assert report["passed"] == len(report["rules"]) > 80, "nothing is left out or not offered"
    assert device.console().count("Booting dfukit bootloader") == 2, "the reset is one"
    listed = run(DFU, "--json", "-d", target, "image", "list")
    assert [slot["version"] for slot in json.loads(listed.stdout)["images"]] == ["1.0.0"]


@pytest.mark.parametrize("link", ["udp", "serial"])
def test_serial_recovery_keeps_its_rules(device, image, link):
    device.start("--recovery-pin", "--recovery-idle", 0, "--init", image)
    target = f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"
    report, code = conformance(target, "--destructive", timeout_s=20)
    assert (code, broken(report)) == (0, [])
    assert report["kind"] == "recovery" and report["passed"] == len(report["rules"]) == 39


UPLOADS = {"upload.first", "upload.whole", "upload.erase"}
STATES = {"state.no hash", "state.confirm", "state.gone"}
TEST = {"state.test"}


@pytest.mark.parametrize("mode, absent", [
    ("overwrite", set()), ("direct-xip-revert", TEST), ("direct-xip", STATES | TEST),
    ("single", UPLOADS | STATES | TEST), ("firmware-loader", UPLOADS | STATES | TEST)])
def test_what_a_mode_cannot_do_is_not_offered(device, image, mode, absent):
    device.start("--init", image, "--mode", mode)
    report, code = conformance(f"udp:{device.address}", "--destructive", timeout_s=20)
    assert (code, broken(report)) == (0, [])
    offered = {rule["rule"] for rule in report["rules"] if rule["result"] == "pass"}
    assert offered & (UPLOADS | STATES | TEST) == (UPLOADS | STATES | TEST) - absent
    assert {"upload.no magic", "upload.bad erase", "state.running", "os.echo"} <= offered


def test_nothing_is_written_unless_that_is_allowed(device, image):
    device.start("--init", image)
    before = device.flash.read_bytes()
    done = run(DFU, "--timeout", 20, "-d", f"udp:{device.address}", "conformance")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " left out, which write to the device or reset it (--destructive)" in done.stdout
    assert device.flash.read_bytes() == before
    assert device.console().count("Booting dfukit bootloader") == 1


# ---- Those in the field ----

def test_a_server_with_zephyrs_ways_keeps_every_rule():
    rules, report = put_to(Zephyr(), "--destructive")
    assert rules == [] and report["passed"] == len(report["rules"])


@pytest.mark.parametrize("has_echo", [True, False])
def test_a_recovery_with_mcuboots_ways_keeps_every_rule(has_echo):
    server = Mcuboot(has_echo)
    rules, report = put_to(server, "--destructive")
    absent = {rule["rule"] for rule in report["rules"] if rule["result"] == "not offered"}
    assert rules == [] and report["kind"] == "recovery"
    assert {"image.slots", "os.params"} <= absent
    assert ({"os.echo", "hostile.twice", "protocol.flags"} <= absent) != has_echo
    assert not any(rule.startswith("recovery.") for rule in absent) and server.image


def test_what_is_on_trial_stays_so_unless_writing_is_allowed():
    """To some servers an empty hash means what runs."""
    server = Server()
    server.is_confirmed = False
    rules, report = put_to(server)
    assert rules == [] and report["left_out"] > 20
    assert not server.is_confirmed and server.datetime is None and list(server.slots) == [0]


# ---- A server that is wrong ----

def test_a_server_written_from_the_protocol_alone_keeps_every_rule():
    rules, report = put([])
    assert rules == [] and report["passed"] == len(report["rules"])


def test_every_rule_can_be_broken():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = dict(zip(FAULTS, pool.map(lambda fault: put([fault])[0], FAULTS)))
    assert found == FAULTS
    every = {rule["rule"] for rule in put([])[1]["rules"]}
    assert every == {rule for rules in FAULTS.values() for rule in rules}


def test_the_rules_of_recovery_can_be_broken_too():
    """An application is not what they want; three it breaks with a fault more."""
    every = {rule["rule"] for rule in put([], "--as", "recovery")[1]["rules"]}
    rules = set(put(["any size", "keeps its console's echo"], "--as", "recovery")[0])
    assert {rule for rule in every if rule.startswith("recovery.")} == \
        {rule for rule in rules if rule.startswith("recovery.")}


@pytest.mark.parametrize("fault", SPOILERS)
def test_what_is_wrong_with_every_answer_is_told_by_most_rules(fault):
    rules, report = put([fault])
    assert len(rules) > 20
    seen = {rule["seen"] for rule in report["rules"] if rule["result"] == "fail"}
    sentence = {"always version 2": "an answer in another version",
                "another group": "an answer of another group or command",
                "op as asked": "an answer whose op is not that of the request and 1",
                "wrong length": "an answer whose length is not that of its payload"}.get(fault)
    assert sentence is None or sentence in seen


def test_a_broken_rule_is_told_with_what_was_expected_and_seen():
    server = Server(["no magic"])
    try:
        done = run(DFU, "-q", "--timeout", 6, "-d", f"udp:127.0.0.1:{server.port}", "conformance",
                   "--destructive", "--boot-time", "2")
    finally:
        server.close()
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("upload.no magic          FAIL")
    assert lines[1].strip() == "expected err 1:23=1"
    assert lines[2].strip() == 'saw      {"off":64} (version 2; see "upload 4")'
    assert lines[-1].startswith("84 passed, 2 failed")


def test_a_server_that_falls_silent_is_left():
    server = Server(["dies of nesting"])
    try:
        report, code = conformance(f"udp:127.0.0.1:{server.port}")
        again = run(DFU, "--timeout", "1", "-d", f"udp:127.0.0.1:{server.port}", "conformance")
    finally:
        server.close()
    assert code == 1 and report["fell_silent"]
    assert broken(report) == ["hostile.nesting"] == [report["rules"][-1]["rule"]]
    assert again.returncode == 4 and "did not answer in time when asked to echo" in again.stderr
