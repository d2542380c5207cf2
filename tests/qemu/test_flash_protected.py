# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Flash that is memory: the memory protection unit lets nobody but its driver store into it."""

import pytest

from parts import FIRMWARE, FLASH, SLOT0, SLOT1, Board
from stopped import COUNTER, FIRST, SYMBOLS, stopped_application

SECTOR = Board.PAGE
STORE = b"\x01\x60"  # str r1, [r0] in Thumb


@pytest.fixture(name="stopped")
def fixture_stopped(tmp_path):
    with stopped_application(tmp_path) as stopped:
        yield stopped


@pytest.mark.parametrize("off", [SLOT0, SLOT1, Board.FLASH_SIZE - 4])
def test_nobody_but_the_driver_can_store_into_flash(stopped, off):
    """The driver has been at work before: it protects what it has written."""
    assert stopped.write(SLOT1 + SECTOR, b"\x00" * 8) == 0
    before = stopped.machine.flash()
    code = (FIRMWARE / "app.bin").read_bytes()
    at = next(i for i in range(0, len(code), 2) if code[i:i + 2] == STORE)
    stopped.set(FIRST, FLASH + off)
    stopped.set(FIRST + 1, 0x5A5A5A5A)
    stopped.set(COUNTER, FLASH + SLOT0 + 0x200 + at)
    assert stopped.step() == SYMBOLS["start_fault"]
    assert stopped.machine.flash() == before
