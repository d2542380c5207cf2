# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What dfu_board_table computes for firmware is what src/image/slots.c computes at run time."""

import os
import re
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ["DFU_BINARY_DIR"])
SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
MODES = ["move", "swap-offset", "swap-scratch", "overwrite", "direct-xip"]

# The table's functions under other names, beside the library's.
CHECK = r"""
#include <string.h>
#include "dfu/slots.h"
#define dfu_slot_trailer       table_trailer
#define dfu_slot_compatible    table_compatible
#define dfu_slot_max_image     table_max_image
#define dfu_slot_upload_offset table_upload_offset
#define dfu_slot_limit         table_limit
int table_trailer(const struct dfu_slot_map *, const struct dfu_area *, struct dfu_trailer *);
#include "board_table.c"
#undef dfu_slot_trailer
#undef dfu_slot_compatible
#undef dfu_slot_max_image
#undef dfu_slot_upload_offset
#undef dfu_slot_limit

static bool limit_differs(uint8_t image, const struct dfu_area *area)
{
    return area && table_limit(&board_map, image, area) != dfu_slot_limit(&board_map, image, area);
}

static bool differs(const struct dfu_area *area)
{
    struct dfu_trailer want, have;

    return area && (dfu_slot_trailer(&board_map, area, &want) ||
                    table_trailer(&board_map, area, &have) || memcmp(&want, &have, sizeof want));
}

int main(void)
{
    const char *what;

    if (dfu_slot_map_check(&board_map, &what)) {
        return 1;
    }
    for (uint8_t i = 0; i < board_map.image_count; i++) {
        if (differs(board_map.images[i].primary) || differs(board_map.images[i].secondary) ||
            table_compatible(&board_map, i) != dfu_slot_compatible(&board_map, i) ||
            table_max_image(&board_map, i) != dfu_slot_max_image(&board_map, i) ||
            limit_differs(i, board_map.images[i].primary) ||
            limit_differs(i, board_map.images[i].secondary) ||
            table_upload_offset(&board_map, i) != dfu_slot_upload_offset(&board_map, i)) {
            return 2 + i;
        }
    }
    return differs(board_map.scratch) ? 100 : 0;
}
"""


def table(*args):
    """What dfu_board_table prints, or None where a board cannot work in a mode."""
    done = subprocess.run([BUILD / "dfu_board_table", *args], capture_output=True, text=True,
                          check=False, env={**os.environ, "DFU_BOARDS_DIR": str(BUILD / "boards")})
    assert done.returncode in (0, 2), done.stderr
    return done.stdout if done.returncode == 0 else None


@pytest.mark.parametrize("mode", MODES)
def test_a_table_answers_what_is_computed(mode, tmp_path):
    checked = 0
    for board in sorted(path.stem for path in (BUILD / "boards").glob("*.dtb")):
        text = table(board, mode)
        if text is None:
            continue
        folder = tmp_path / board
        folder.mkdir()
        drivers = set(re.findall(r"extern (const struct dfu_flash_ops \w+);", text))
        (folder / "board_table.c").write_text(text)
        (folder / "board_table.h").write_text(table("--header", board, mode))
        # Never called, but they have to be there.
        calls = "{ (void *)1, (void *)1, (void *)1 }"
        (folder / "check.c").write_text(
            CHECK + "".join(f"{driver} = {calls};\n" for driver in drivers))
        subprocess.run(["gcc", "-fsanitize=address,undefined", f"-I{SOURCE}/include", f"-I{folder}",
                        folder / "check.c", BUILD / "libdfukit.a", "-o", folder / "check"],
                       check=True)
        assert subprocess.run([folder / "check"], check=False).returncode == 0, board
        checked += 1
    assert checked > 0
