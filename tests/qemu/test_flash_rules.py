# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The rules of NOR flash, which QEMU's memory does not keep on these boards: the drivers do."""

import pytest

from parts import SLOT1, Board
from stopped import stopped_application

SECTOR = Board.PAGE


@pytest.fixture(name="stopped")
def fixture_stopped(tmp_path):
    with stopped_application(tmp_path) as stopped:
        yield stopped


def test_what_was_programmed_is_not_programmed_again(stopped):
    """Not even with ones, or with what it holds."""
    assert stopped.write(SLOT1, b"\x12\x34\x56\x78" * 2) == 0
    after = stopped.machine.flash()
    assert after[SLOT1:SLOT1 + 12] == b"\x12\x34\x56\x78" * 2 + b"\xff" * 4
    for data in (b"\x12\x34\x56\x78" * 2, b"\xff" * 8, b"\x00" * 8):
        assert stopped.write(SLOT1, data) < 0
        assert stopped.machine.flash() == after


def test_an_erased_sector_can_be_programmed_again_and_its_neighbours_stay(stopped):
    for sector in range(3):
        assert stopped.write(SLOT1 + sector * SECTOR, b"\x00" * 8) == 0
    before = stopped.machine.flash()
    assert stopped.call("flash_erase", 0, SLOT1 + SECTOR, SECTOR) == 0
    erased = bytearray(before)
    erased[SLOT1 + SECTOR:SLOT1 + 2 * SECTOR] = b"\xff" * SECTOR
    assert stopped.machine.flash() == erased
    assert stopped.write(SLOT1 + SECTOR, b"\x55" * 8) == 0
