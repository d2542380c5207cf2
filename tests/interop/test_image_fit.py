# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""How large an image may be is the bootloader's own rule, to the byte; and what the refusal advises
does help. The limits here are computed from the rules of the modes, not by our code."""

import os
import re

import pytest

from images import dfu, done, one_sentence

HEADER = 32
TLVS = 4 + 4 + 32  # info header and a SHA-256: an image without a key


def up(x, unit):
    return -(-x // unit) * unit


def trailer(mode, align, max_align, max_sectors, keys=0):
    records = 3 * max_sectors * align
    return records + 4 * max_align + up(16, max_align) + 2 * up(keys, max_align)


def limit(mode, slot, sector, align=1, max_align=8, max_sectors=None, keys=0):
    """The largest image of two equal slots of equal sectors."""
    max_sectors = max_sectors or slot // sector
    if mode == "move":  # whole sectors for the trailer, one to move through
        return slot - up(trailer(mode, align, max_align, max_sectors, keys), sector) - sector
    return slot - up(16, max_align) - 3 * max_align  # magic, image_ok, copy_done, swap_info


@pytest.fixture
def sign(tmp_path):
    """Sign a program that makes an image of size bytes."""
    def run(size, *args, content=None, base=TLVS):
        app = tmp_path / "app.bin"
        app.write_bytes((content or os.urandom)(size - HEADER - base))
        (tmp_path / "out.bin").unlink(missing_ok=True)
        result = dfu("sign", "-v", "1", "-H", HEADER, "--pad-header", *args, app,
                     tmp_path / "out.bin")
        if result.returncode == 0:
            assert (tmp_path / "out.bin").stat().st_size == size
        else:
            assert not (tmp_path / "out.bin").exists()
        return result
    return run


@pytest.mark.parametrize("mode", ["move", "overwrite"])
@pytest.mark.parametrize("align, max_align", [(1, 8), (8, 8), (4, 16), (32, 32)])
@pytest.mark.parametrize("count, sector", [(16, 4096), (40, 4096), (5, 16384)])
def test_the_largest_image_signs_and_one_byte_more_does_not(sign, mode, align, max_align, count,
                                                            sector):
    largest = limit(mode, count * sector, sector, align, max_align)
    args = ["--sectors", f"{count}x{sector}", "--mode", mode, "--align", align, "--max-align",
            max_align]
    done(sign(largest, *args))
    one_sentence(sign(largest + 1, *args), 2, f"{largest + 1} bytes", f"takes {largest}",
                 "smaller by 1 bytes")


def test_sizes_may_be_said_in_k_and_slots_may_differ(sign):
    one_sentence(sign(60000, "--sectors", "16x4K"), 2, "takes 57344")
    # A first slot with the sector to move through takes a whole sector more.
    one_sentence(sign(62000, "--sectors", "17x4k/16x4K"), 2, "takes 61440")
    one_sentence(sign(200000, "--sectors", "4x16K,1x64K", "--mode", "overwrite"), 2,
                 f"takes {131072 - 40}")


def test_the_number_of_sectors_that_the_bootloader_was_built_for_counts(sign):
    args = ["--sectors", "118x4K", "--align", "8"]
    largest = limit("move", 118 * 4096, 4096, 8)
    small = limit("move", 118 * 4096, 4096, 8, max_sectors=512)
    done(sign(largest, *args))
    text = one_sentence(sign(largest, *args, "-M", "512"), 2, f"takes {small}")
    assert "max-sectors 118" in text
    done(sign(largest, *args, "-M", "118"))


def advice(text):
    return text.rpartition("would fit it: ")[2].strip().split(", ")


def test_another_mode_is_advised_only_if_it_helps(sign):
    args = ["--sectors", "16x4K"]
    overwrite = limit("overwrite", 65536, 4096)
    assert "mode overwrite" in advice(one_sentence(sign(overwrite, *args), 2))
    done(sign(overwrite, *args, "--mode", "overwrite"))
    text = one_sentence(sign(overwrite + 1, *args), 2, "smaller by")
    assert "mode overwrite" not in text


def test_compression_is_tried_before_it_is_advised(sign, tmp_path):
    args = ["--sectors", "16x4K"]
    text = one_sentence(sign(60000, *args, content=bytes), 2)
    # The program itself must fit the first slot, too: only the smaller upload is judged.
    assert any(word.startswith("--compression lzma2 ") for word in advice(text))
    assert "--compression" not in one_sentence(sign(60000, *args), 2)


def test_a_smaller_alignment_is_advised_where_it_saves_a_sector(sign):
    # 168 sectors: 4032 bytes of records, and 48 or 160 of flags and magic behind them.
    args = ["--sectors", "168x4K", "--align", "8", "--max-align"]
    wide, narrow = (limit("move", 168 * 4096, 4096, 8, a) for a in (32, 8))
    assert narrow - wide == 4096
    assert "max-align 8" in advice(one_sentence(sign(narrow, *args, "32"), 2))
    done(sign(narrow, *args, "8"))


def test_a_whole_key_in_the_image_is_named_when_its_hash_would_fit(sign, tmp_path):
    done(dfu("keygen", "-k", tmp_path / "key.pem", "-t", "rsa-2048"))
    largest = limit("move", 65536, 4096)
    args = ["--sectors", "16x4K", "-k", tmp_path / "key.pem"]
    base = TLVS + 4 + 256 + 4
    done(sign(largest, *args, base=base + 32))
    full = [*args, "--public-key-format", "full"]
    text = one_sentence(sign(largest + 238, *full, base=base + 270), 2, "smaller by 238 bytes")
    assert "--public-key-format hash" in advice(text)
    text = one_sentence(sign(largest + 239, *full, base=base + 270), 2, "smaller by 239 bytes")
    assert "--public-key-format hash" not in text


@pytest.mark.parametrize("save", [False, True])
def test_the_keys_of_an_encrypted_image_need_room_in_the_trailer(sign, tmp_path, save):
    done(dfu("keygen", "-k", tmp_path / "enc.pem", "-t", "x25519"))
    # 164 sectors of write size 8: 3936 bytes of records, 48 of flags, then 2 keys.
    count, sector = 164, 4096
    keys = 80 if save else 16
    largest = limit("move", count * sector, sector, 8, keys=keys)
    assert limit("move", count * sector, sector, 8) - largest == (4096 if save else 0)
    args = ["sign", "-v", "1", "-H", "32", "--pad-header", "--sectors", f"{count}x{sector}",
            "--align", "8", "-E", tmp_path / "enc.pem", *(["--save-enctlv"] if save else [])]
    # The body is filled up to a multiple of 16; then the hash and the key of 80 bytes.
    fits = (largest - HEADER - TLVS - 4 - 80) // 16 * 16
    done(dfu(*args, write(tmp_path, fits), tmp_path / "out.bin"))
    text = one_sentence(dfu(*args, write(tmp_path, fits + 1), tmp_path / "out2.bin"), 2,
                        f"takes {largest}")
    assert any("--save-enctlv" in word for word in advice(text)) == save


def write(folder, size):
    (folder / "app.bin").write_bytes(os.urandom(size))
    return folder / "app.bin"


def test_a_board_may_be_asked_for_another_mode(sign):
    text = one_sentence(sign(500000, "--board", "nrf52840dk"), 2, "board nrf52840dk")
    assert int(re.search(r"takes (\d+)", text).group(1)) < 483328
    one_sentence(sign(500000, "--board", "nrf52840dk", "--mode", "overwrite"), 2,
                 f"takes {0x76000 - 40}")


@pytest.mark.parametrize("args, words", [
    (["--sectors", "16"], ["at ''", "COUNTxSIZE"]),
    (["--sectors", "x4K"], ["at 'x4K'"]),
    (["--sectors", "16x"], ["COUNTxSIZE"]),
    (["--sectors", "16x4K,"], ["COUNTxSIZE"]),
    (["--sectors", "16x4K;"], ["at ';'"]),
    (["--sectors", "1x4K/1x4K/1x4K/1x4K"], ["COUNTxSIZE"]),
    (["--sectors", "1x1K," * 8 + "1x1K"], ["COUNTxSIZE"]),
    (["--sectors", "-1x4K"], ["COUNTxSIZE"]),
    (["--sectors", "65536x4K"], ["COUNTxSIZE"]),
    (["--sectors", "60000x16M"], ["1 GiB"]),
    (["--sectors", "16x4K", "--board", "sim"], ["exclude each other"]),
    (["--sectors", "16x4K", "--mode", "best"], ["--mode best", "move"]),
    (["--mode", "move", "-S", "0x10000"], ["--sectors", "--board"]),
    (["--sectors", "2x4K"], ["no slots that can be upgraded"]),
    (["--sectors", "16x4K/20x4K"], ["not a compatible amount of sectors"]),
    (["--sectors", "16x3", "--align", "2"], ["do not make up its size"]),
])
def test_sectors_that_make_no_slots_are_refused(sign, args, words):
    one_sentence(sign(1000, *args), 2, *words)


def test_a_signature_counts_as_it_is(sign, tmp_path):
    """The limit holds for what is written, so it does not move with the key."""
    largest = limit("overwrite", 65536, 4096)
    for kind in ("ecdsa-p256", "ed25519"):
        done(dfu("keygen", "-k", tmp_path / f"{kind}.pem", "-t", kind))
        app = write(tmp_path, 60000)
        args = ["sign", "-v", "1", "-H", "32", "--pad-header", "--sectors", "16x4K", "--mode",
                "overwrite", "-k", tmp_path / f"{kind}.pem", app, tmp_path / "out.bin"]
        done(dfu(*args))
        size = (tmp_path / "out.bin").stat().st_size
        write(tmp_path, 60000 + largest - size + 3)  # ECDSA varies by a few bytes
        one_sentence(dfu(*args), 2, f"takes {largest}")
