# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Links of many devices that are closed and opened anew: after a reset, and where they broke. With
such a --latency a request is repeated after minutes only: who is done before, the link told."""

import time

import pytest

from fleet import ended, runs, targets_file, upgrade, upgrade_in_background, wait_until
from link_proxy import TO_CLIENT, TO_DEVICE, Tunnel
from packages import pack
from virtual_device import DFU, Device, make_image, run

PATIENT = ("--latency", "120")


def upgrade_in_time(*words):
    begun = time.monotonic()
    done = upgrade(*PATIENT, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begun < 100, "a clock had to do what the link should have"


@pytest.fixture
def singles(tmp_path):
    """Makes single devices, in a fleet with others; ends them."""
    made = []

    def make(*options, board="sim"):
        (tmp_path / f"single-{len(made)}").mkdir()
        made.append(Device(tmp_path / f"single-{len(made)}"))
        return made[-1], made[-1].start(*options, board=board)

    yield make
    for one in made:
        assert one.stop() == 0, one.console()
        assert "Sanitizer" not in one.console()


def test_what_comes_in_after_the_reset_is_heard_at_once(fleets, singles, pair, tmp_path):
    fleet = fleets(3, "--serial", tmp_path / "line")
    tcp, ready = singles("--init", pair.old, "--tcp", 0)
    targets = [*fleet.targets()[:2], f"serial:{tmp_path}/line-3",
               f"tcp:{tcp.address}:{ready['tcp']}"]
    upgrade_in_time("--targets", targets_file(tmp_path / "targets", targets), pair.new)
    assert [n for n in (1, 2, 3) if not runs(fleet.flash(n), pair.new)] == []
    assert runs(tcp.flash.read_bytes(), pair.new)


@pytest.mark.parametrize("way, number", [(TO_DEVICE, 9), (TO_CLIENT, 9), (TO_DEVICE, 5),
                                         (TO_CLIENT, 5)])
def test_a_link_that_breaks_is_opened_anew_and_goes_on_at_once(fleets, singles, pair, tmp_path,
                                                               way, number):
    """In the middle of the upload, and in a question before it."""
    fleet = fleets(1)
    tcp, ready = singles("--init", pair.old, "--tcp", 0, "--serial-raw")
    with Tunnel(tcp, ready["tcp"], way, number, True) as tunnel:
        upgrade_in_time("--targets", targets_file(tmp_path / "targets",
                                                  [tunnel.target, *fleet.targets()]), pair.new)
    assert tunnel.broke
    assert runs(tcp.flash.read_bytes(), pair.new) and runs(fleet.flash(1), pair.new)


def test_so_is_one_that_breaks_between_the_images_of_a_package(fleets, singles, pair, tmp_path):
    """At the question that comes before the first of them."""
    other = make_image(tmp_path / "net.bin", "1.1.0", fill=1)
    package = pack(tmp_path / "both.zip", (0, pair.new), (1, other))
    fleet = fleets(1, init=[pair.old, pair.old], board="two-images")
    tcp, ready = singles("--init", pair.old, "--init", pair.old, "--tcp", 0, "--serial-raw",
                         board="two-images")
    with Tunnel(tcp, ready["tcp"], TO_CLIENT, 2, True) as tunnel:
        upgrade_in_time("--targets", targets_file(tmp_path / "targets",
                                                  [tunnel.target, *fleet.targets()]), package)
    assert tunnel.broke
    for flash in (tcp.flash.read_bytes(), fleet.flash(1)):
        assert runs(flash, pair.new, at=(0xc000, 0x5a000))
        assert runs(flash, other, at=(0xa7000, 0xd0000))


@pytest.fixture
def key(tmp_path):
    """The way to a private key, and beside it the public half, public.pem."""
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    assert run(DFU, "keygen", "-k", key, "-t", "ed25519").returncode == 0
    assert run(DFU, "getpub", "-k", key, "-e", "pem", "-o", public).returncode == 0
    return key


# The first chunk is refused for want of a role, then come the challenge and the login.
LOGIN = [(TO_DEVICE, 5), (TO_CLIENT, 5), (TO_DEVICE, 6), (TO_CLIENT, 6)]


@pytest.mark.parametrize("way, number", [*LOGIN, (TO_CLIENT, 12), (TO_CLIENT, 16)])
def test_so_does_one_that_is_or_was_logged_in_to(fleets, singles, pair, key, tmp_path, way, number):
    fleet = fleets(1)
    tcp, ready = singles("--init", pair.old, "--tcp", 0, "--serial-raw", "--auth",
                         f"update:{tmp_path}/public.pem")
    with Tunnel(tcp, ready["tcp"], way, number, True) as tunnel:
        upgrade_in_time("--auth-key", key, "--targets",
                        targets_file(tmp_path / "targets", [tunnel.target, *fleet.targets()]),
                        pair.new)
    assert tunnel.broke
    assert runs(tcp.flash.read_bytes(), pair.new) and runs(fleet.flash(1), pair.new)


@pytest.mark.parametrize("way, number", LOGIN)
def test_so_does_a_single_device_that_breaks_while_logging_in(singles, pair, key, tmp_path, way,
                                                              number):
    tcp, ready = singles("--init", pair.old, "--tcp", 0, "--serial-raw", "--auth",
                         f"update:{tmp_path}/public.pem")
    with Tunnel(tcp, ready["tcp"], way, number, True) as tunnel:
        begun = time.monotonic()
        done = run(DFU, "-d", tunnel.target, *PATIENT, "--auth-key", key, "upgrade", pair.new)
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.monotonic() - begun < 100, "a clock had to do what the link should have"
    assert tunnel.broke
    assert runs(tcp.flash.read_bytes(), pair.new)


def test_a_device_that_dies_and_is_started_again_goes_on_where_it_was(fleets, singles, pair,
                                                                       tmp_path):
    """Its terminal goes, and comes back as another one under the same name."""
    fleet = fleets(1)
    single, _ = singles("--init", pair.old, "--baud", 115200)
    listed = targets_file(tmp_path / "targets", [f"serial:{single.link}", *fleet.targets()])
    process = upgrade_in_background("--timeout", 60, "--targets", listed, "--json", pair.new)
    wait_until(lambda: single.flash.read_bytes()[0x82000:0x82004] == b"\x3d\xb8\xf3\x96")
    single.kill()
    single.start(board="sim")
    done = ended(process)
    assert done.returncode == 0, done.stdout + done.stderr
    assert runs(single.flash.read_bytes(), pair.new) and runs(fleet.flash(1), pair.new)
