# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The library's calls over real links (dfu/remote.h), against the virtual device. What a stranger's
program makes of them is tests/install/consumer.sh's business."""

import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from virtual_device import Device, make_image, run

PROBE = Path(os.environ["DFU_BINARY_DIR"]) / "tests" / "remote-probe"


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    yield one
    assert one.stop() in (None, 0), one.console()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=60000),
        "crash": make_image(folder / "crash.bin", "3.0.0", "name=blinky\nstart=crash\n"),
    }


def probe(target, *words, code=0):
    done = run(PROBE, target, *words, timeout=120)
    assert done.returncode == code and not done.stderr, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("link", ["udp", "serial"])
def test_an_upgrade_is_one_call_that_says_how_it_ended(device, images, link):
    device.start("--init", images["v1"])
    target = f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"
    assert "outcome 1, from 1.0.0" in probe(target, "upgrade", images["v2"])
    assert "outcome 2, from 2.0.0" in probe(target, "upgrade", images["v2"])
    reverted = probe(target, "upgrade", images["crash"], code=1)
    assert "outcome 5, from 2.0.0" in reverted
    assert "verification failed: the device came back with its old image 2.0.0" in reverted
    assert "outcome 3, from 2.0.0" in probe(target, "try", images["v1"])


def test_an_upload_that_progress_stops_is_taken_up_later(device, images):
    device.start("--init", images["v1"])
    target = f"udp:{device.address}"
    stopped = probe(target, "stop", images["v2"], code=1)
    assert "stopped: stopped as asked" in stopped
    later = re.search(r"resumed at (\d+), sent (\d+)", probe(target, "upload", images["v2"]))
    size = images["v2"].stat().st_size
    assert int(later[1]) >= size // 2 and int(later[1]) + int(later[2]) <= size + 2048


def test_requests_files_and_the_trace_of_what_was_said(device, images, tmp_path):
    (tmp_path / "files").mkdir()
    device.start("--init", images["v1"], "--files", tmp_path / "files")
    target = f"udp:{device.address}"
    assert probe(target, "echo", "hello").startswith("hello\nlooks 0, out 1, in 1\nok: \n")
    content = os.urandom(30000)
    (tmp_path / "here.bin").write_bytes(content)
    probe(target, "send", tmp_path / "here.bin", "/there.bin")
    assert (tmp_path / "files" / "there.bin").read_bytes() == content
    probe(target, "fetch", "/there.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content
    probe(target, "upload", images["v2"])
    probe(target, "erase")


def test_what_goes_wrong_is_an_error_and_a_sentence(device, images, tmp_path):
    device.start("--init", images["v1"])
    target = f"udp:{device.address}"
    assert "malformed: the file is not a firmware image that can be sent" in probe(
        target, "upload", PROBE, code=1)
    refused = probe(target, "test-nothing", code=1)
    assert "refusal 8 of group 1" in refused
    assert "not permitted: the device refused to test the image: " in refused
    absent = probe(target, "fetch", "/none", tmp_path / "none", code=1)
    assert "not permitted: the device refused to give the file: " in absent
    device.stop()
    assert "timed out: " in probe(target, "list", code=1)
    assert "not found: there is no serial port" in probe("serial:/dev/none", "list", code=1)


def test_a_link_that_does_not_come_back_is_told_from_a_silent_device():
    def serve(listener, is_silent):
        connection = listener.accept()[0]
        connection.recv(4096)
        if not is_silent:
            listener.close()
            connection.close()
        return connection

    for is_silent, said in [(True, "timed out: "), (False, "device error: lost the connection")]:
        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
            served = pool.submit(serve, listener, is_silent)
            target = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
            assert said in probe(target, "list", code=1)
            served.result().close()
