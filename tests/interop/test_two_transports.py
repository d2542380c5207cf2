# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""SMP over UDP (smpclient) and the configuration channel (dfu config) want the same slot of one
virtual device. At every interleaving of the lists below one of them owns the update, the other is
refused in its own protocol's way and changes nothing, and the slot ends with one whole image."""

import json

import pytest
from smpclient.requests.image_management import ImageStatesWrite

from two_transports import BUFFER, CHUNK, PIECE, Pair
from virtual_device import make_image

SILENCE_MS = 5000
STORED = 8192  # the device stores an upload's progress that often
ACCESS_DENIED = {"rc": 11}
BUSY = "busy: another transport (SMP or USB) owns the update of this device; try again 5 s after"

# How far the first one gets before the second one comes, in data reports and in SMP chunks.
REPORTS_A_BUFFER = -(-BUFFER // PIECE)
CHANNEL_POINTS = {
    "has started": 0,
    "has sent one report": 1,
    "has filled a buffer": REPORTS_A_BUFFER,
    "is in the middle of the second buffer": REPORTS_A_BUFFER + 7,
    "has all but the last report": -1,
}
SMP_POINTS = {
    "has sent one chunk": 1,
    "has sent two chunks": 2,
    "is in the middle": 4,
    "has all but the last chunk": -1,
}
TOO_SHORT = [0, 1, SILENCE_MS - 1]
LONG_ENOUGH = [SILENCE_MS, 60000]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """What runs, what the channel sends, what SMP sends."""
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / f"{version}.bin", version, f"name={name}\n", size=1500)
            for version, name in (("1.0.0", "first"), ("2.0.0", "channel"), ("3.0.0", "smp"))]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """One for SMP whose progress is stored on the way."""
    return make_image(tmp_path_factory.mktemp("large") / "4.0.0.bin", "4.0.0", "name=large\n",
                      size=12000)


@pytest.fixture
def pair(tmp_path, images):
    one = Pair(tmp_path, images[0])
    yield one
    one.close()


def reports(image, point):
    """Reports never cross a buffer's border."""
    size = len(image.read_bytes())
    rest = size % BUFFER
    return size // BUFFER * REPORTS_A_BUFFER + -(-rest // PIECE) - 1 if point < 0 else point


def upload_end(data, point):
    return (len(data) - 1) // CHUNK * CHUNK if point < 0 else point * CHUNK


@pytest.mark.parametrize("pause_ms", TOO_SHORT)
@pytest.mark.parametrize("point", CHANNEL_POINTS)
def test_the_channel_owns_smp_is_refused_and_changes_nothing(pair, images, point, pause_ms):
    data = images[2].read_bytes()
    pair.channel.begin(images[1], reports(images[1], CHANNEL_POINTS[point]))
    pair.let_pass(pause_ms)
    before = pair.slot()
    assert pair.smp.refusals(data) == [ACCESS_DENIED] * 5
    assert pair.slot() == before
    assert pair.smp.versions()[0] == "1.0.0"  # who only looks is welcome
    code, said = pair.channel.go_on()
    assert (code, "uploaded" in said or said == "") == (0, True), said
    assert pair.slot(images[1].stat().st_size) == images[1].read_bytes()
    assert pair.smp.versions() == ["1.0.0", "2.0.0"]
    assert pair.device.console().count("reset cause") == 1


@pytest.mark.parametrize("pause_ms", TOO_SHORT)
@pytest.mark.parametrize("point", SMP_POINTS)
def test_smp_owns_the_channel_is_refused_and_changes_nothing(pair, images, point, pause_ms):
    data = images[2].read_bytes()
    at = pair.smp.upload(data, end=upload_end(data, SMP_POINTS[point]))
    pair.let_pass(pause_ms)
    before = pair.slot()
    for refused in (pair.channel.upload(images[1]), pair.channel.run("config", "reboot")):
        assert (refused.returncode, BUSY in refused.stderr) == (1, True), refused
    assert pair.slot() == before
    told = pair.channel.run("config", "fwinfo")
    assert "firmware    1.0.0+0" in told.stdout and "over another transport" in told.stdout
    assert pair.smp.upload(data, at) == len(data)
    assert pair.slot(len(data)) == data
    assert pair.device.console().count("reset cause") == 1


@pytest.mark.parametrize("pause_ms", LONG_ENOUGH)
@pytest.mark.parametrize("point", CHANNEL_POINTS)
def test_after_silence_smp_takes_over_and_the_channel_has_lost_its_progress(pair, images, point,
                                                                            pause_ms):
    data = images[2].read_bytes()
    pair.channel.begin(images[1], reports(images[1], CHANNEL_POINTS[point]))
    pair.let_pass(pause_ms)
    half = pair.smp.upload(data, end=upload_end(data, 2))
    code, said = pair.channel.go_on()  # its host knows nothing yet
    assert code == 1 and "another transport took the update over" in said, said
    assert pair.smp.upload(data, half) == len(data)
    assert pair.slot(len(data)) == data
    pair.let_pass(SILENCE_MS)
    done = pair.channel.run("--json", "-q", "config", "upload", images[1])
    assert (done.returncode, json.loads(done.stdout)["resumed_at"]) == (0, 0), done
    assert pair.slot(images[1].stat().st_size) == images[1].read_bytes()


@pytest.mark.parametrize("pause_ms", LONG_ENOUGH)
@pytest.mark.parametrize("point", SMP_POINTS)
def test_after_silence_the_channel_takes_over_and_smp_has_lost_its_progress(pair, images, point,
                                                                            pause_ms):
    data = images[2].read_bytes()
    at = pair.smp.upload(data, end=upload_end(data, SMP_POINTS[point]))
    pair.let_pass(pause_ms)
    pair.channel.begin(images[1], REPORTS_A_BUFFER + 7)
    assert pair.smp.chunk(data, at) == ACCESS_DENIED
    code, said = pair.channel.go_on()
    assert code == 0, said
    assert pair.slot(images[1].stat().st_size) == images[1].read_bytes()
    assert pair.smp.chunk(data, at) == 0  # "begin again"
    assert pair.slot(images[1].stat().st_size) == images[1].read_bytes()
    assert pair.smp.upload(data) == len(data)
    assert pair.slot(len(data)) == data


@pytest.mark.parametrize("point", SMP_POINTS)
def test_after_silence_alone_smp_goes_on_where_it_was(pair, images, point):
    data = images[2].read_bytes()
    at = pair.smp.upload(data, end=upload_end(data, SMP_POINTS[point]))
    pair.let_pass(10 * SILENCE_MS)
    assert pair.channel.run("config", "fwinfo").returncode == 0  # asking takes nothing
    assert pair.smp.upload(data, at) == len(data)
    assert pair.slot(len(data)) == data


@pytest.mark.parametrize("point", CHANNEL_POINTS)
def test_a_channel_that_vanished_goes_on_where_it_was(pair, images, point):
    sent = reports(images[1], CHANNEL_POINTS[point])
    stored = sent // REPORTS_A_BUFFER * BUFFER
    pair.channel.begin(images[1], sent)
    code, said = pair.channel.vanish()
    assert code == 3 and "run the same command again to go on from there" in said, said
    assert pair.smp.refusals(images[2].read_bytes()) == [ACCESS_DENIED] * 5
    pair.let_pass(SILENCE_MS)
    done = pair.channel.run("--json", "-q", "config", "upload", images[1])
    assert (done.returncode, json.loads(done.stdout)["resumed_at"]) == (0, stored), done
    assert pair.slot(images[1].stat().st_size) == images[1].read_bytes()


def test_a_host_that_waits_gets_its_turn(pair, images):
    data = images[2].read_bytes()
    pair.smp.upload(data, end=CHUNK)
    pair.channel.spawn("-q", "config", "upload", "--wait", images[1])
    pair.let_pass(SILENCE_MS)
    code, said = pair.channel.go_on()
    assert code == 0, said
    assert pair.slot(images[1].stat().st_size) == images[1].read_bytes()


@pytest.mark.parametrize("point", CHANNEL_POINTS)
def test_no_power_cut_leaves_half_an_image_to_be_started(pair, large, point):
    data = large.read_bytes()
    pair.smp.upload(data, end=upload_end(data, -1))
    pair.lose_power()
    pair.channel.begin(large, reports(large, CHANNEL_POINTS[point]))  # the same image
    pair.lose_power()
    assert "Swap type: none" in pair.device.console()
    assert pair.smp.versions()[0] == "1.0.0"
    assert pair.smp.chunk(data, 0) == CHUNK  # the channel wrote in between
    assert pair.smp.upload(data, CHUNK) == len(data)
    assert pair.slot(len(data)) == data


def test_over_a_power_cut_alone_smp_goes_on_where_it_was_stored(pair, large):
    data = large.read_bytes()
    pair.smp.upload(data, end=upload_end(data, -1))
    pair.lose_power()
    at = pair.smp.chunk(data, 0)
    assert at >= STORED
    assert pair.smp.upload(data, at) == len(data)
    assert pair.slot(len(data)) == data


def test_what_the_channel_stored_is_tried_and_the_slot_kept_until_it_is_confirmed(pair, images):
    done = pair.channel.upload(images[1], "--reboot")
    assert done.returncode == 0, done
    pair.let_pass(250)
    pair.device.wait_for("app: channel 2.0.0+0 running from slot 0 (not confirmed)")
    refused = pair.channel.upload(images[2])
    assert refused.returncode == 1 and "not confirmed" in refused.stderr, refused
    assert pair.smp.versions() == ["2.0.0", "1.0.0"]  # the way back is still there
    assert pair.smp.rc(ImageStatesWrite(confirm=True)) == 0
    pair.let_pass(SILENCE_MS)
    assert pair.channel.upload(images[2]).returncode == 0
    assert pair.smp.versions() == ["2.0.0", "3.0.0"]


@pytest.mark.parametrize("mode", ["move", "swap-offset"])
def test_the_application_confirms_itself_once_it_is_up(tmp_path, images, mode):
    pair = Pair(tmp_path, images[0], "--confirm-at-start", "--mode", mode)
    assert pair.channel.upload(images[1], "--reboot").returncode == 0
    pair.let_pass(250)
    pair.device.wait_for("app: The running image is confirmed")
    assert pair.channel.upload(images[2]).returncode == 0
    assert pair.smp.versions() == ["2.0.0", "3.0.0"]
    pair.close()


def test_with_direct_xip_it_does_not_and_the_newer_image_runs(tmp_path, images):
    pair = Pair(tmp_path, images[0], "--confirm-at-start", "--mode", "direct-xip-revert")
    assert pair.channel.upload(images[1], "--reboot").returncode == 0
    pair.let_pass(250)
    pair.device.wait_for("app: channel 2.0.0+0 running from slot 1 (not confirmed)")
    assert "The running image is confirmed" not in pair.device.console()
    assert "MCUBOOT+XIP" in pair.channel.run("config", "fwinfo").stdout
    pair.close()
