# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The virtual device against real peers: smpmgr (command line) and smpclient (library)."""

import asyncio
import os
import pty
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest
from smpclient import SMPClient
from smpclient.exceptions import SMPUploadError
from smpclient.generics import error, success
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import (BootloaderInformationRead, DateTimeRead,
                                              DateTimeWrite, EchoWrite, MCUMgrParametersRead,
                                              ResetWrite)
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

from virtual_device import BIN, PORT, make_image, run

LINKS = ["udp", "serial"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=30000),
        "crash": make_image(folder / "crash.bin", "3.0.0", "name=blinky\nstart=crash\n"),
        "plain": make_image(folder / "plain.bin", "4.0.0"),
        "big": make_image(folder / "big.bin", "5.0.0", size=200000),
    }


def client_of(device, link):
    if link == "udp":
        return SMPClient(SMPUDPTransport(), device.address, timeout_s=5)
    return SMPClient(SMPSerialTransport(), str(device.link), timeout_s=5)


def with_client(device, link, work):
    """Run a coroutine function with a connected client."""
    async def session():
        async with client_of(device, link) as client:
            return await work(client)
    return asyncio.run(session())


async def ask(client, request):
    answer = await client.request(request)
    assert success(answer), answer
    return answer


async def upload(client, path):
    offsets = [offset async for offset in client.upload(path.read_bytes())]
    assert offsets[-1] == path.stat().st_size
    return offsets


async def upgrade(client, path):
    """Upload, ask for a test, reset."""
    await upload(client, path)
    await mark_for_test(client)
    await ask(client, ResetWrite())


async def mark_for_test(client):
    await ask(client, ImageStatesWrite(hash=(await slots(client))[1].hash))


async def slots(client):
    return {state.slot: state for state in (await ask(client, ImageStatesRead())).images}


# ---- To the end of a swap and of a revert ----

@pytest.mark.parametrize("link", LINKS)
def test_smpmgr_uploads_tests_resets_and_confirms(device, images, link):
    device.start("--init", images["v1"])
    assert "hello there" in device.smpmgr(link, "os", "echo", "hello there")
    device.smpmgr(link, "image", "upload", images["v2"])
    listed = device.smpmgr(link, "image", "state-read")
    new_hash = re.search(r"version='2\.0\.0.*?([0-9A-Fa-f]{64})", listed, re.S).group(1)
    device.smpmgr(link, "image", "state-write", new_hash)
    device.smpmgr(link, "os", "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    assert "Swap type: test" in device.console()
    device.smpmgr(link, "image", "state-write", "--confirm")
    device.smpmgr(link, "os", "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")
    assert "Swap type: revert" not in device.console()


@pytest.mark.parametrize("link", LINKS)
def test_smpmgr_upgrade_with_confirm_is_for_good(device, images, link):
    device.start("--init", images["v1"])
    device.smpmgr(link, "upgrade", "--confirm", images["v2"])
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")
    assert "Swap type: perm" in device.console()


@pytest.mark.parametrize("link", LINKS)
def test_an_unconfirmed_image_is_reverted_at_the_next_reset(device, images, link):
    device.start("--init", images["v1"])
    with_client(device, link, lambda client: upgrade(client, images["v2"]))
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    device.smpmgr(link, "os", "reset")
    device.wait_for("app: blinky 1.0.0+0 running from slot 0 (confirmed)", count=2)
    assert "Swap type: revert" in device.console()


@pytest.mark.parametrize("link", LINKS)
def test_smpclient_follows_an_upgrade_through_every_state(device, images, link):
    device.start("--init", images["v1"])

    async def stage(client):
        before = await slots(client)
        assert before[0].active and before[0].confirmed and before[0].version.startswith("1.0.0")
        await upload(client, images["v2"])
        new = (await slots(client))[1]
        assert new.version.startswith("2.0.0") and not new.pending
        answer = await ask(client, ImageStatesWrite(hash=new.hash))
        assert {s.slot: s for s in answer.images}[1].pending
        await ask(client, ResetWrite())

    async def confirm(client):
        now = await slots(client)
        assert now[0].version.startswith("2.0.0") and now[0].active and not now[0].confirmed
        assert now[1].version.startswith("1.0.0") and now[1].confirmed
        answer = await ask(client, ImageStatesWrite(confirm=True))
        assert answer.images[0].confirmed
        await ask(client, ImageErase())
        assert 1 not in await slots(client)

    with_client(device, link, stage)
    device.wait_for("app: blinky 2.0.0+0")
    with_client(device, link, confirm)


@pytest.mark.parametrize("link", LINKS)
def test_firmware_that_crashes_is_reverted_without_anybody_asking(device, images, link):
    device.start("--init", images["v1"])
    with_client(device, link, lambda client: upgrade(client, images["crash"]))
    device.wait_for("sim: reset cause: watchdog")
    device.wait_for("app: blinky 1.0.0+0 running from slot 0 (confirmed)", count=2)
    states = with_client(device, link, slots)
    assert states[0].active and states[0].version.startswith("1.0.0")
    assert states[1].version.startswith("3.0.0")


def test_an_image_of_a_foreign_key_is_not_started(device, images, tmp_path):
    for name in ("right", "wrong"):
        run(BIN / "imgtool", "keygen", "-k", tmp_path / f"{name}.pem", "-t", "ecdsa-p256")
    old = make_image(tmp_path / "old.bin", "1.0.0", key=tmp_path / "right.pem")
    new = make_image(tmp_path / "new.bin", "2.0.0", key=tmp_path / "wrong.pem")
    device.start("--init", old, trust=("--key", tmp_path / "right.pem"))
    with_client(device, "udp", lambda client: upgrade(client, new))
    device.wait_for("E: Image in the secondary slot is not valid!")
    device.wait_for("E: The image: signed by none of the trusted keys")
    device.wait_for("app: application 1.0.0+0 running from slot 0", count=2)
    assert "2.0.0" not in device.console()


def test_every_kind_of_key_is_taken(device, tmp_path):
    trust = []
    for kind in ("rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384", "ed25519"):
        key = tmp_path / f"{kind}.pem"
        run(BIN / "imgtool", "keygen", "-k", key, "-t", kind)
        trust += ["--key", key]
        device.flash.unlink(missing_ok=True)
        device.start("--init", make_image(tmp_path / f"{kind}.bin", "1.0.0", key=key), trust=trust)
        device.wait_for("running from slot 0 (confirmed)")
        device.stop()


# ---- Nothing is lost ----

@pytest.mark.parametrize("link", LINKS)
def test_an_upload_goes_on_after_the_device_was_killed(device, images, link):
    device.start("--init", images["v1"])

    async def half(client):
        async for offset in client.upload(images["big"].read_bytes()):
            if offset > 100000:
                return offset

    async def rest(client):
        offsets = await upload(client, images["big"])
        return offsets[0], (await slots(client))[1].version

    reached = with_client(device, link, half)
    device.kill()
    device.start()
    first, version = with_client(device, link, rest)
    assert reached - 40000 < first <= reached
    assert version.startswith("5.0.0")


def test_a_swap_goes_on_after_the_device_was_killed(device, images):
    device.start("--init", images["v1"])

    async def stage(client):
        await upload(client, images["v2"])
        await mark_for_test(client)

    with_client(device, "udp", stage)
    device.kill()
    cut = 0
    for _ in range(4):
        device.start_in_background("--real-time")
        device.wait_for("Starting swap using move algorithm.")
        time.sleep(0.3)
        if "app: " in device.console():
            break
        device.kill()
        cut += 1
    assert cut > 0
    device.start()
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    states = with_client(device, "udp", slots)
    assert states[1].version.startswith("1.0.0")
    with_client(device, "udp", lambda client: ask(client, ResetWrite()))
    device.wait_for("app: blinky 1.0.0+0 running from slot 0 (confirmed)")


@pytest.mark.parametrize("when", ["before", "inside", "after"])
@pytest.mark.parametrize("operation", [1, 12, 31])
def test_power_lost_in_a_swap_comes_back_to_the_new_image(device, images, operation, when):
    device.start("--init", images["v1"], "--power-cut", f"{operation}:{when}")
    with_client(device, "udp", lambda client: upgrade(client, images["v2"]))
    device.wait_for("sim: power is back")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    words = {"before": "before", "inside": "in the middle of", "after": "after"}[when]
    assert re.search(rf"sim: power lost {words} operation {operation} \((erase of|write of \d+ "
                     r"bytes to) slot\d_partition sector \d+\)", device.console())


def test_a_device_that_stays_off_goes_on_at_its_next_start(device, images):
    device.start("--init", images["v1"], "--power-cut", "20", "--stay-off")
    with_client(device, "udp", lambda client: upgrade(client, images["v2"]))
    assert device.process.wait(timeout=20) == 0
    assert "sim: power lost in the middle of operation 20 " in device.console()
    device.start()
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")


# ---- Links ----

def test_both_links_are_served_at_once(device, images):
    device.start("--init", images["v1"])

    async def chat(client, word, stop):
        count = 0
        while not stop.is_set():
            assert (await ask(client, EchoWrite(d=f"{word} {count}"))).r == f"{word} {count}"
            count += 1
        return count

    async def both():
        stop = asyncio.Event()
        async with client_of(device, "udp") as udp, client_of(device, "serial") as serial:
            talk = asyncio.create_task(chat(serial, "over serial", stop))
            await upload(udp, images["big"])
            stop.set()
            return await talk

    assert asyncio.run(both()) > 5


def test_console_text_between_frames_disturbs_no_client(device, images):
    device.start("--init", images["v1"], "--console-on-serial")
    with_client(device, "serial", lambda client: upgrade(client, images["v2"]))
    device.wait_for("app: blinky 2.0.0+0 running")
    states = with_client(device, "serial", slots)
    assert states[0].version.startswith("2.0.0")


def test_a_slow_line_carries_an_upload(device, images):
    device.start("--init", images["v1"], "--baud", "115200")
    started = time.monotonic()
    with_client(device, "serial", lambda client: upload(client, images["v1"]))
    size = images["v1"].stat().st_size
    assert time.monotonic() - started > size * 4 / 3 * 10 / 115200


def test_the_link_is_replaced_when_stale_and_removed_at_exit(device, images):
    device.link.symlink_to("/dev/pts/nowhere")
    device.start("--init", images["v1"])
    assert os.readlink(device.link).startswith("/dev/pts/")
    assert device.stop() == 0
    assert not device.link.is_symlink()


def test_garbage_neither_stops_nor_answers_for_the_device(device, images):
    device.start("--init", images["v1"])
    rng = random.Random(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((device.address, PORT))
        for _ in range(2000):
            data = bytearray(rng.randbytes(rng.choice([0, 1, 7, 8, 9, 40, 300, 2048, 9000])))
            if len(data) >= 8 and rng.random() < 0.7:  # a header that looks right
                data[0:8] = bytes([rng.choice([0, 2, 8, 10, 24]), 0]) + \
                    (len(data) - 8).to_bytes(2, "big") + bytes([0, rng.randrange(2), 1,
                                                                rng.randrange(9)])
            udp.send(data)
    with open(device.link, "wb", buffering=0) as serial:
        for _ in range(200):
            serial.write(rng.choice([b"\x06\x09", b"\x04\x14", b""]) + rng.randbytes(120) + b"\n")
    for link in LINKS:
        assert with_client(device, link, lambda client: ask(client, EchoWrite(d="hi"))).r == "hi"
    device.wait_for("app: blinky 1.0.0+0 running from slot 0 (confirmed)")


def test_a_flood_on_one_link_does_not_starve_the_other(device, images):
    device.start("--init", images["v1"])
    batch = bytes.fromhex("0a00000500000100a161646178") * 150  # {"d": "x"}, one answer each
    is_over = threading.Event()

    def flood():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            while not is_over.is_set():
                udp.sendto(batch, (device.address, PORT))

    async def chat(client):
        for n in range(20):
            assert (await ask(client, EchoWrite(d=str(n)))).r == str(n)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with_client(device, "serial", chat)
        with_client(device, "serial", lambda client: upload(client, images["v1"]))
    finally:
        is_over.set()
        thread.join()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_ipv6_is_served_too_or_said_to_be_missing(device, images):
    if not has_ipv6():
        refused(device, "--hash-only", "--address", "::1", "--udp", 0, code=3, says="::1")
        return
    ready = device.start("--init", images["v1"], "--address", "::1", "--udp", 0)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(bytes.fromhex("0a00000500000100a161646178"), ("::1", ready["udp"]))
        assert b"\x61r\x61x" in udp.recv(100)


def test_parameters_clock_and_bootloader_are_told(device, images):
    device.start("--init", images["v1"], "--buf-size", 1024, "--buf-count", 3)

    async def facts(client):
        parameters = await ask(client, MCUMgrParametersRead())
        assert (parameters.buf_size, parameters.buf_count) == (1024, 3)
        assert error(await client.request(DateTimeRead()))
        await ask(client, DateTimeWrite(datetime="2026-11-20T11:56:05"))
        assert (await ask(client, DateTimeRead())).datetime.startswith("2026-11-20T11:56:0")
        assert (await ask(client, BootloaderInformationRead())).bootloader == "MCUboot"

    with_client(device, "udp", facts)


# ---- Refusals: one sentence, the documented exit code ----

def refused(device, *options, code, says, **more):
    done = run(*device.command(*options), **more)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert re.search(says, done.stderr), done.stderr


def test_trust_must_be_said(device):
    refused(device, code=2, says="would trust no image.*--key.*--hash-only")
    assert not device.flash.exists()


def test_a_port_in_use_is_refused(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        refused(device, "--hash-only", "--udp", port, code=3, says=f"UDP port {port} is in use")


def test_an_unknown_board_is_refused(device):
    done = run("env", *device.command("--hash-only", board="toaster"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "toaster" in done.stderr


def test_a_flash_file_of_another_size_is_refused_and_kept(device):
    device.flash.write_bytes(b"holiday pictures")
    refused(device, "--hash-only", code=2, says="flash.bin")
    assert device.flash.read_bytes() == b"holiday pictures"


def test_a_flash_file_in_use_is_refused(device, images):
    device.start("--init", images["v1"])
    refused(device, "--hash-only", code=3, says="flash.bin")


def test_no_room_for_the_flash_file_is_refused(device):
    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    refused(device, "--hash-only", code=2, says="flash.bin", preexec_fn=little_room)


def test_a_full_disk_is_refused(device):
    place = device.folder / "full"
    place.mkdir()
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    options = f"size=64k,uid={os.getuid()}"
    assert run(*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", place).returncode == 0
    try:
        device.flash = place / "flash.bin"
        refused(device, "--hash-only", code=2, says="flash.bin")
        assert not device.flash.exists()
    finally:
        run(*as_root, "umount", place)


def test_a_file_in_place_of_the_link_is_kept(device):
    device.link.write_text("precious")
    refused(device, "--hash-only", "--serial", device.link, code=2, says="uart exists")
    assert device.link.read_text() == "precious"


def test_the_serial_line_of_a_device_that_runs_is_not_taken(device, images):
    """One whose device was killed may be, even if its terminal's number is somebody else's by now."""
    device.start("--init", images["v1"])
    line = os.readlink(device.link)
    device.flash.rename(device.folder / "in-use.bin")
    refused(device, "--hash-only", "--serial", device.link, code=3,
            says="uart is the serial line of another virtual device, which runs; stop that one or "
                 "choose another name")
    assert os.readlink(device.link) == line and not device.flash.exists()
    with_client(device, "serial", slots)
    device.process.kill()
    device.process.wait()
    device.link.unlink()
    master, side = pty.openpty()
    device.link.symlink_to(os.ttyname(side))
    device.start("--init", images["v1"])
    assert os.readlink(device.link) != os.ttyname(side)
    os.close(master)
    os.close(side)


@pytest.mark.parametrize("cut", ["0", "x", "5:during", ":inside", "99999999999"])
def test_a_power_cut_that_makes_no_sense_is_refused(device, cut):
    refused(device, "--hash-only", "--power-cut", cut, code=2, says="is no power cut")


def test_a_first_image_that_does_not_fit_is_refused(device, tmp_path):
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(1 << 20))
    refused(device, "--hash-only", "--init", large, code=2, says="does not fit slot 0")
    assert not device.flash.exists()


def test_a_first_image_that_cannot_be_read_leaves_nothing(device, tmp_path):
    refused(device, "--hash-only", "--init", tmp_path / "none.bin", code=2, says="none.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_flash_file_that_was_there_outlives_a_wrong_first_image(device, tmp_path):
    device.start()
    assert device.stop() == 0
    before = device.flash.read_bytes()
    refused(device, "--hash-only", "--init", tmp_path / "none.bin", code=2, says="none.bin")
    assert device.flash.read_bytes() == before


def test_a_first_image_that_is_none_leaves_slot_0_empty(device, images, tmp_path):
    (tmp_path / "raw.bin").write_bytes(bytes(1000))
    refused(device, "--hash-only", "--init", tmp_path / "raw.bin", code=2, says="no firmware image")
    device.start("--init", images["plain"])
    device.wait_for("app: application 4.0.0+0 running from slot 0 (confirmed)")


def test_a_device_without_an_image_says_so(device, images):
    device.start()
    device.wait_for("E: Unable to find bootable image")
    device.wait_for("sim: there is no image that may run")
    device.stop()
    device.start("--init", images["plain"])
    device.wait_for("app: application 4.0.0+0 running from slot 0 (confirmed)")


@pytest.mark.parametrize("board, mode, starts", [
    ("nrf52840dk", "overwrite", "Image 0 upgrade secondary slot -> primary slot"),
    ("nrf52840dk", "overwrite-fast", "Image 0 upgrade secondary slot -> primary slot"),
    ("pinetime", "move", "Starting swap using move algorithm."),
    ("pinetime", "swap-scratch", "Starting swap using scratch algorithm."),
    ("nrf52840dk", "swap-offset", "Starting swap using offset algorithm."),
    ("sim", "move", "Starting swap using move algorithm."),
])
def test_every_mode_and_board_upgrades(device, images, board, mode, starts):
    device.start("--init", images["v1"], "--mode", mode, board=board)
    with_client(device, "udp", lambda client: upgrade(client, images["v2"]))
    device.wait_for(starts)
    device.wait_for("app: blinky 2.0.0+0 running from slot 0")


@pytest.mark.parametrize("board, mode", [
    ("pinetime", "swap-scratch"),
    ("nrf52840dk", "swap-offset"),
])
def test_a_trial_is_reverted_then_upgraded_again_for_good(device, images, board, mode):
    device.start("--init", images["v1"], "--mode", mode, "--power-cut", "31", board=board)
    with_client(device, "udp", lambda client: upgrade(client, images["v2"]))
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (not confirmed)")
    device.smpmgr("udp", "os", "reset")
    device.wait_for("app: blinky 1.0.0+0 running from slot 0 (confirmed)", count=2)
    for version in ("2.0.0", "4.0.0"):
        image = images["v2"] if version == "2.0.0" else images["plain"]
        done = run(os.environ["DFU"], "-d", f"udp:{device.address}", "upgrade", image)
        assert done.returncode == 0, done.stderr
        assert f"{version}+0 runs and is confirmed" in done.stdout


def test_a_mode_without_its_scratch_area_is_refused(device):
    done = run(*device.command("--hash-only", "--mode", "swap-scratch", board="nrf52840dk"))
    assert done.returncode == 2 and "does not work in mode swap-scratch: no scratch area; choose" in \
        done.stderr


def test_the_first_image_is_programmed_only_into_an_empty_device(device, images):
    device.start("--init", images["v2"])
    device.stop()
    device.start("--init", images["v1"])
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)")
    assert "slot 0 of " in device.console() and "is not empty" in device.console()


def test_a_bootloader_that_refuses_lower_versions_keeps_the_higher_one(device, images):
    device.start("--init", images["v2"], "--no-downgrade")
    with_client(device, "udp", lambda client: upgrade(client, images["v1"]))
    device.wait_for("I: Image 0 in slot 1 erased due to downgrade prevention")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0 (confirmed)", count=2)


def test_an_upload_that_cannot_fit_is_refused(device, images):
    device.start("--init", images["v1"])

    async def too_large(client):
        with pytest.raises(SMPUploadError):
            await upload(client, images["v1"].with_name("huge.bin"))

    images["v1"].with_name("huge.bin").write_bytes(images["v1"].read_bytes() + bytes(600000))
    with_client(device, "udp", too_large)


def test_ctrl_c_ends_it_cleanly(device, images):
    device.start("--init", images["v1"])
    device.process.send_signal(signal.SIGINT)
    assert device.process.wait(timeout=20) == 0
    assert subprocess.run(["test", "-e", str(device.link)], check=False).returncode == 1
