/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes as a board file: refused in words or loaded, and then geometry may be asked for. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "board.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dfu_board board;
    char why[200] = "";

    if (dfu_board_parse(&board, data, size, "input", why, sizeof why) != 0) {
        assert(why[0] != '\0' && memchr(why, '\0', sizeof why));
        return 0;
    }
    for (uint8_t i = 0; i < board.map.image_count; i++) {
        (void)dfu_slot_max_image(&board.map, i);
        (void)dfu_slot_upload_offset(&board.map, i);
    }
    assert(dfu_board_area_id(&board, board.code) >= 0);
    dfu_board_free(&board);
    return 0;
}
