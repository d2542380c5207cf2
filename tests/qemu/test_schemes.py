# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Bootloaders of every signature scheme on an emulated board, and images that imgtool signed."""

import sys

import pytest

from parts import BANNER, BINARY, BOARD, DFU, FIRMWARE, SLOT_SIZE, SOURCE, Board, flash_with, run

sys.path.insert(0, str(SOURCE / "tools/dev"))
from loaders import SCHEMES, Loader  # pylint: disable=wrong-import-position

IMGTOOL = SOURCE / "build/venv/bin/imgtool"
REFUSED = "Image in the primary slot is not valid!"


# c25519 with other hashes on one board: the code that the boards do not share is that of one hash.
NAMES = [name for name in SCHEMES if name != "hash"
         and (BOARD == "microbit" or not name.startswith("c25519+"))]


@pytest.fixture(scope="module", name="loader", params=NAMES)
def fixture_loader(request):
    loader = Loader(BINARY, BOARD, f"overwrite-{request.param}-log")
    loader.make()
    return loader


def by_imgtool(folder, key, options):
    out = folder / "signed.bin"
    run(IMGTOOL, "sign", "-k", key, *options, "-v", "1.2.3", "--align", "8", "-H", "0x200",
        "--pad-header", "-S", hex(SLOT_SIZE), FIRMWARE / "app.bin", out)
    return out.read_bytes()


IMAGES = {}  # imgtool takes longer to sign one than the machine to start it


def signed(loader, folder, key=None, options=None):
    """The application, by imgtool; with the loader's key and options unless others are given."""
    _, key_type, usual = SCHEMES[loader.scheme]
    kind = key or loader.key(key_type), usual if options is None else options
    if kind not in IMAGES:
        IMAGES[kind] = by_imgtool(folder, *kind)
    return IMAGES[kind]


def start(loader, folder, image):
    """What the console says until the application or the bootloader has spoken."""
    with Board(folder, loader.folder, flash_with(image)) as machine:
        machine.wait_until(lambda: BANNER in machine.console() or REFUSED in machine.console())
        assert machine.guest_errors() == []
        return BANNER if BANNER in machine.console() else REFUSED


def test_an_image_that_imgtool_signed_is_run(tmp_path, loader):
    assert start(loader, tmp_path, signed(loader, tmp_path)) == BANNER


def signature_at(image):
    """Where the value of the last TLV, the signature, begins and ends."""
    header, size = (int.from_bytes(image[at:at + n], "little") for at, n in ((8, 2), (12, 4)))
    at = header + size
    end = at + int.from_bytes(image[at + 2:at + 4], "little")
    at += 4
    while at + 4 + int.from_bytes(image[at + 2:at + 4], "little") < end:
        at += 4 + int.from_bytes(image[at + 2:at + 4], "little")
    return at + 4, end


def test_a_bit_that_is_wrong_is_noticed(tmp_path, loader):
    image = signed(loader, tmp_path)
    first, end = signature_at(image)
    for at in (0x200, first + 5, end - 3):
        damaged = bytearray(image)
        damaged[at] ^= 4
        assert start(loader, tmp_path, bytes(damaged)) == REFUSED, hex(at)


def test_another_key_of_the_same_type_is_refused(tmp_path, loader):
    other = tmp_path / "other.pem"
    run(DFU, "keygen", "-k", other, "-t", SCHEMES[loader.scheme][1])
    assert start(loader, tmp_path, signed(loader, tmp_path, other)) == REFUSED


ED25519 = {name: options for name, (_, key_type, options) in SCHEMES.items()
           if key_type == "ed25519"}


@pytest.mark.parametrize("loader", [name for name in NAMES if name in ED25519], indirect=True)
def test_what_the_key_signed_in_another_way_is_refused(tmp_path, loader):
    """By SHA-256, by SHA-512 and of the image itself: a bootloader takes one of them."""
    own = ED25519[loader.scheme]
    for options in set(ED25519.values()):
        expected = BANNER if options == own else REFUSED
        image = signed(loader, tmp_path, options=options)
        assert start(loader, tmp_path, image) == expected, options
