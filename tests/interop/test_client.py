# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The client commands of `dfu` against the virtual device, over UDP and a serial line."""

import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import time

import pytest

from virtual_device import DFU, make_image, run

LINKS = ["udp", "serial"]
SLOW = ("--real-time",)  # flash as slow as the part's, so that there is a middle to break off in


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=60000),
        "crash": make_image(folder / "crash.bin", "3.0.0", "name=blinky\nstart=crash\n"),
        "hang": make_image(folder / "hang.bin", "3.1.0", "name=blinky\nstart=hang\n"),
        "stubborn": make_image(folder / "stubborn.bin", "4.0.0", "name=x\nconfirm=never\n"),
    }


def target(device, link):
    return f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"


def dfu(device, link, *words, timeout=120):
    done = run(DFU, "-d", target(device, link), *words, timeout=timeout)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def ok(device, link, *words):
    done = dfu(device, link, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def facts(device, link, *words):
    return json.loads(ok(device, link, "--json", *words))


def slots(device, link="udp"):
    return {slot["slot"]: slot for slot in facts(device, link, "image", "list")["images"]}


def assert_sentence(done, code, *words):
    """One sentence on standard error, that code, and nothing else."""
    assert done.returncode == code, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("dfu: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0], errors[0]


@pytest.mark.parametrize("link, command, directions", [
    ("udp", ["image", "upload"], ">><<>"), ("serial", ["image", "upload"], "><><>"),
    ("udp", ["upgrade", "--no-reset"], ">>><<<>"), ("serial", ["upgrade", "--no-reset"], "><><><>")])
def test_questions_before_an_upload_wait_for_each_other_on_a_line_only(device, images, link,
                                                                       command, directions):
    """On a long way each wait is a round trip; on a line the requests would only queue. Then comes
    the first chunk."""
    device.start("--init", images["v1"])
    done = dfu(device, link, "-vv", *command, "--no-diff", images["v2"])
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if re.match("[<>] [0-9a-f]{16}", line)]
    assert "".join(line[0] for line in said[:len(directions)]) == directions
    assert len(said[len(directions) - 1]) > 4000


# ---- Questions ----

@pytest.mark.parametrize("link", LINKS)
def test_a_device_answers_every_question(device, images, link):
    device.start("--init", images["v1"])
    assert ok(device, link, "echo", "hello there") == "hello there\n"
    assert facts(device, link, "echo") == {"echo": "hello"}
    assert ok(device, link, "params") == "buf_size   2048\nbuf_count  4\n"
    assert facts(device, link, "params") == {"buf_size": 2048, "buf_count": 4}
    assert "nrf52840dk" in facts(device, link, "info")["output"]
    assert "blinky" in ok(device, link, "info", "n")
    boot = facts(device, link, "bootinfo")
    assert boot["bootloader"] == "MCUboot" and boot["mode_text"] == "swap using move"
    assert_sentence(dfu(device, link, "datetime"), 1, "never set", "dfu datetime now")
    assert ok(device, link, "datetime", "2031-02-03T04:05:06").startswith("2031-02-03T04:05:0")
    assert facts(device, link, "image", "slots")["slots"][1] == {
        "image": 0, "slot": 1, "size": 0x76000, "max_image_size": 0x74000, "upload_image_id": 0}
    listed = slots(device, link)
    assert listed[0]["version"] == "1.0.0" and listed[0]["active"] and listed[0]["confirmed"]


@pytest.mark.parametrize("link", LINKS)
def test_each_step_by_hand(device, images, link):
    device.start("--init", images["v1"])
    sent = facts(device, link, "-q", "image", "upload", images["v2"])
    assert sent["bytes"] == images["v2"].stat().st_size
    assert sent["match"] and sent["repeated"] == 0 and sent["window"] == 3
    new = slots(device, link)[1]
    assert new["version"] == "2.0.0" and not new["pending"]
    ok(device, link, "image", "test", new["hash"][:8])
    assert slots(device, link)[1]["pending"]
    ok(device, link, "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    ok(device, link, "image", "confirm")
    assert slots(device, link)[0]["confirmed"]
    ok(device, link, "image", "erase")
    assert list(slots(device, link)) == [0]


def test_the_target_may_stand_behind_the_command(device, images):
    device.start("--init", images["v1"])
    done = run(DFU, "echo", "hello", "-d", target(device, "udp"))
    assert (done.returncode, done.stdout) == (0, "hello\n"), done


def test_an_image_is_named_by_its_file_too(device, images):
    device.start("--init", images["v1"])
    ok(device, "udp", "-q", "image", "upload", images["v2"])
    ok(device, "udp", "image", "confirm", images["v2"])
    assert slots(device)[1]["permanent"]
    assert_sentence(dfu(device, "udp", "image", "test", "12345678"), 1, "12345678", "image list")
    assert_sentence(dfu(device, "udp", "image", "test", "abc"), 2, "abc", "4")
    assert_sentence(dfu(device, "udp", "image", "confirm", images["crash"]), 1,
                    "HASH_NOT_FOUND", "upload it first")


# ---- The whole story ----

@pytest.mark.parametrize("link", LINKS)
def test_one_command_upgrades_the_device(device, images, link):
    device.start("--init", images["v1"])
    done = facts(device, link, "-q", "upgrade", images["v2"])
    assert done["outcome"] == "confirmed" and done["version_before"] == "1.0.0"
    assert device.console().count("Starting swap using move algorithm.") == 1
    listed = slots(device, link)
    assert listed[0]["version"] == "2.0.0" and listed[0]["confirmed"] and listed[0]["active"]
    assert facts(device, link, "upgrade", images["v2"])["outcome"] == "already running"
    ok(device, link, "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")


def test_a_console_on_the_same_line_is_no_trouble(device, images):
    device.start("--init", images["v1"], "--console-on-serial")
    assert facts(device, "serial", "-q", "upgrade", images["v2"])["outcome"] == "confirmed"
    assert "holds this image already" in ok(device, "serial", "image", "upload", images["v1"])


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("bad", ["crash", "hang"])
def test_bad_firmware_is_reported_as_reverted(device, images, link, bad):
    device.start("--init", images["v1"])
    assert_sentence(dfu(device, link, "upgrade", images[bad]), 5, "old image 1.0.0", "try again")
    assert slots(device, link)[0]["version"] == "1.0.0"


def test_firmware_that_refuses_its_confirmation_is_a_refusal(device, images):
    device.start("--init", images["v1"])
    assert_sentence(dfu(device, "udp", "upgrade", images["stubborn"]), 1, "confirm the image")


def test_an_image_the_bootloader_refuses_is_reported_as_reverted(device, images, tmp_path):
    key = tmp_path / "key.pem"
    assert run(DFU, "keygen", "-k", key, "-t", "ecdsa-p256").returncode == 0
    first = make_image(tmp_path / "first.bin", "1.0.0", "name=first\n", key=key)
    device.start("--init", first, trust=("--key", key))
    assert_sentence(dfu(device, "udp", "upgrade", images["v2"]), 5, "1.0.0", "refused")


def test_an_upgrade_may_stop_before_each_decision(device, images):
    device.start("--init", images["v1"])
    assert facts(device, "udp", "-q", "upgrade", "--no-reset", images["v2"])["outcome"] == "staged"
    assert slots(device)[1]["pending"]
    assert facts(device, "udp", "-q", "upgrade", "--test-only", images["v2"])["outcome"] == "on test"
    assert not slots(device)[0]["confirmed"]
    assert facts(device, "udp", "-q", "upgrade", images["v2"])["outcome"] == "confirmed"
    assert slots(device)[0]["confirmed"]
    done = facts(device, "udp", "-q", "upgrade", "--permanent", images["v1"])
    assert done["outcome"] == "confirmed" and "Swap type: perm" in device.console()


def test_an_overwriting_device_upgrades_too(device, images):
    device.start("--init", images["v1"], "--mode", "overwrite")
    assert facts(device, "udp", "-q", "upgrade", images["v2"])["outcome"] == "confirmed"
    assert slots(device)[0]["version"] == "2.0.0"


# ---- Broken off in the middle ----

def start_client(device, link, *words):
    return subprocess.Popen([DFU, "-d", target(device, link), *(str(word) for word in words)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_share(client, percent):
    """Until a line of progress says that much."""
    for line in client.stderr:
        found = re.match(r"upload (\d+)%", line)
        if found and int(found.group(1)) >= percent:
            return
    raise AssertionError("the upload ended early")


@pytest.mark.parametrize("link", LINKS)
def test_a_device_killed_in_the_middle_is_waited_for(device, images, link):
    device.start("--init", images["v1"], *SLOW)
    client = start_client(device, link, "--json", "upgrade", images["v2"])
    wait_for_share(client, 40)
    device.kill()
    time.sleep(0.5)
    device.start()
    out, err = client.communicate(timeout=60)
    assert client.returncode == 0, out + err
    done = json.loads(out)
    assert done["outcome"] == "confirmed"
    assert done["resumed_at"] > 0, "the device had kept its progress"
    assert slots(device, link)[0]["version"] == "2.0.0"


@pytest.mark.parametrize("link", LINKS)
def test_a_killed_client_is_taken_up_by_the_next(device, images, link):
    device.start("--init", images["v1"], *SLOW)
    client = start_client(device, link, "image", "upload", images["v2"])
    wait_for_share(client, 40)
    client.kill()
    client.communicate()
    sent = facts(device, link, "-q", "image", "upload", images["v2"])
    assert sent["resumed_at"] > 20000 and sent["match"]
    assert slots(device, link)[1]["version"] == "2.0.0"


@pytest.mark.parametrize("link", LINKS)
def test_a_device_that_stays_away_ends_the_upload(device, images, link):
    device.start("--init", images["v1"], *SLOW)
    client = start_client(device, link, "--timeout", "2", "image", "upload", images["v2"])
    wait_for_share(client, 40)
    device.kill()
    out, err = client.communicate(timeout=30)
    assert client.returncode == (4 if link == "udp" else 3), out + err
    assert "start it again to go on from there" in err


# ---- Nobody there ----

def test_a_port_nobody_listens_on_is_no_answer(tmp_path):
    done = run(DFU, "-d", "udp:127.0.0.1:9", "--timeout", "1", "echo")
    assert_sentence(done, 4, "nothing listens", "start the device")


def test_a_silent_host_is_no_answer(images):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        where = f"udp:127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        assert_sentence(run(DFU, "-d", where, "--timeout", "1", "echo"), 4, "--timeout")
        assert_sentence(run(DFU, "-d", where, "--timeout", "1", "upgrade", images["v2"]), 4, where)
        assert time.monotonic() - started < 10


def test_an_upgrade_tells_early_that_nobody_answers_and_goes_on_asking(device, images):
    device.start("--init", images["v1"])
    assert device.stop() == 0
    with subprocess.Popen([DFU, "-d", target(device, "udp"), "upgrade", images["v2"]], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        said = client.stderr.readline()
        assert said == f"dfu: no answer yet from {target(device, 'udp')}; is it on?\n"
        device.start()
        output, errors = client.communicate(timeout=120)
    assert client.returncode == 0, errors
    assert "2.0.0" in output and "no answer" not in errors


def test_a_device_that_answers_is_not_asked_whether_it_is_on(device, images):
    device.start("--init", images["v1"], *SLOW)
    done = dfu(device, "udp", "upgrade", images["v2"])
    assert done.returncode == 0 and "no answer" not in done.stderr, done.stderr


@pytest.mark.parametrize("where, code, word", [
    ("serial:/dev/no-such-port", 3, "no serial port"),
    ("serial:/dev/null", 3, "not a serial port"),
    ("udp:no-such-host.invalid", 3, "cannot find the host"),
    ("tcp:localhost", 2, "HOST:PORT"),
    ("ftp:localhost", 2, "none of"),
    ("/dev/ttyACM0", 2, "serial:/dev/ttyACM0"),
    ("udp:localhost:x", 2, "HOST"),
    ("serial:/dev/ttyACM0,speed=9", 2, "speed=9"),
])
def test_no_such_device_is_said_in_a_sentence(where, code, word):
    assert_sentence(run(DFU, "-d", where, "echo"), code, word)


def test_no_target_at_all_is_usage():
    environment = {name: value for name, value in os.environ.items() if name != "DFU_TARGET"}
    assert_sentence(run(DFU, "echo", env=environment), 2, "-d", "DFU_TARGET")


def test_a_port_in_use_is_said_in_a_sentence(device, images):
    device.start("--init", images["v1"])
    with open(os.path.realpath(device.link), "rb", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert_sentence(dfu(device, "serial", "echo"), 3, "in use")


# ---- Files that cannot be sent ----

def test_files_that_are_no_images_are_refused_before_anything_is_sent(device, images, tmp_path):
    device.start("--init", images["v1"])
    whole = images["v2"].read_bytes()
    wrong = {
        "truncated": (whole[:-100], 1, "sign it"),
        "half": (whole[: len(whole) // 2], 1, "sign it"),
        "magic": (b"\x7fELF" + whole[4:], 1, "sign it"),
        "flipped": (whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:], 1, "hash"),
        "empty": (b"", 2, "empty"),
        # Encrypted, so that nobody looks for its hash: it has none, and no way to be named.
        "nameless": (struct.pack("<IIHHIIIII", 0x96f3b83d, 0, 32, 0, 64, 4, 1, 0, 0) + bytes(64) +
                     struct.pack("<HH", 0x6907, 4), 1, "hash"),
    }
    for name, (content, code, word) in wrong.items():
        path = tmp_path / name
        path.write_bytes(content)
        for command in (["upgrade"], ["image", "upload"]):
            assert_sentence(dfu(device, "udp", *command, path), code, str(path), word)
    assert_sentence(dfu(device, "udp", "upgrade", tmp_path / "missing"), 2, "missing")
    assert list(slots(device)) == [0]


def test_an_image_too_large_for_the_device_is_refused_before_anything_is_sent(device, images,
                                                                              tmp_path):
    device.start("--init", images["v1"])
    big = make_image(tmp_path / "big.bin", "9.0.0", size=0x74000 - 0x200 - 39)
    for command in (["upgrade"], ["image", "upload"]):
        assert_sentence(dfu(device, "udp", *command, big), 1, "does not fit", "475136")
    assert list(slots(device)) == [0]


def test_an_image_number_the_device_has_not_is_refused_before_anything_is_sent(device, images):
    device.start("--init", images["v1"])
    for command in (["upgrade"], ["image", "upload"]):
        assert_sentence(dfu(device, "udp", *command, "-n", "5", images["v2"]), 1,
                        "no image number 5", "dfu image slots")
    assert list(slots(device)) == [0]


def test_the_device_may_refuse_a_downgrade(device, images):
    device.start("--init", images["v2"])
    assert_sentence(dfu(device, "udp", "upgrade", "--upgrade-only", images["v1"]), 1,
                    "CURRENT_VERSION_IS_NEWER", "--upgrade-only")


# ---- How it is said ----

def test_errors_are_json_on_request(images):
    done = run(DFU, "-d", "serial:/dev/no-such-port", "--json", "echo")
    assert done.returncode == 3 and done.stderr == ""
    error = json.loads(done.stdout)["error"]
    assert error["code"] == 3 and "no serial port" in error["message"]


def test_errors_of_wrong_usage_are_json_wherever_that_is_asked():
    for words in (["--json"], ["--json", "nonsense"], ["echo", "--nonsense", "--json"],
                  ["--json", "image"], ["dumpinfo", "--json"], ["--timeout", "0", "--json", "echo"]):
        done = run(DFU, *words)
        assert done.returncode == 2 and done.stderr == "", words
        assert json.loads(done.stdout)["error"]["code"] == 2


def test_quiet_shows_no_progress(device, images):
    device.start("--init", images["v1"])
    done = dfu(device, "udp", "-q", "upgrade", images["v2"])
    assert done.returncode == 0 and done.stderr == ""


def test_a_terminal_gets_a_bar(device, images):
    device.start("--init", images["v1"], *SLOW)
    terminal, side = pty.openpty()
    client = subprocess.Popen([DFU, "-d", target(device, "udp"), "image", "upload",
                               str(images["v2"])], stdout=subprocess.PIPE, stderr=side)
    os.close(side)
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        shown += chunk
    client.communicate()
    os.close(terminal)
    assert client.returncode == 0
    text = shown.decode()
    assert re.search(r"\rupload \[#+\.+\] +\d+%  \S+ kB of 60\.\d kB  \S+ kB/s  0:0\d left", text)
    assert "100%" in text and text.endswith("\n")
