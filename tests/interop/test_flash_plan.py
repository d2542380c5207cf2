# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""dfu flash-plan: files go where the board file says, and nowhere else."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

DFU = os.environ["DFU"]
SOURCE = Path(os.environ["DFU_SOURCE_DIR"])


def plan(*args, exit_code=0):
    result = subprocess.run([DFU, "flash-plan", *[str(arg) for arg in args]], capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == exit_code, (args, result.stdout, result.stderr)
    return result.stdout if exit_code == 0 else result.stderr


@pytest.fixture(name="image")
def fixture_image(tmp_path):
    program, image = tmp_path / "app.bin", tmp_path / "app.signed.bin"
    program.write_bytes(bytes(range(256)) * 4)
    subprocess.run([DFU, "sign", "-v", "1.0.0", "-H", "512", "--pad-header", "--board",
                    "nrf52840dk", program, image], check=True, timeout=60)
    return image


@pytest.mark.parametrize("board,boot,slot0", [("nrf52840dk", 0x0, 0xC000),
                                              ("rak3172", 0x08000000, 0x0800C000),
                                              ("rak11720", 0xC000, 0x18000)])
def test_files_go_where_the_board_file_says(board, boot, slot0):
    files = json.loads(plan(board, "--json"))["files"]
    assert [(file["partition"], file["address"]) for file in files] == [
        ("boot_partition", boot), ("slot0_partition", slot0)]


def test_every_line_names_the_same_places():
    commands = json.loads(plan("nrf52840dk", "--json"))["commands"]
    assert list(commands) == ["openocd", "pyocd", "nrfjprog"]
    programs = [word for word in shlex.split(commands["openocd"][0]) if word.startswith("program")]
    assert programs == ["program boot.bin 0x0 verify",
                        "program app.signed.bin 0xc000 verify reset exit"]
    for file, address, line in zip(("boot.bin", "app.signed.bin"), ("0x0", "0xc000"),
                                   commands["pyocd"]):
        assert f"--base-address {address} {file}" in line
    assert "--change-addresses 0xc000 app.signed.bin app.signed.bin.hex" in commands["nrfjprog"][2]


def test_no_line_erases_the_whole_chip_and_the_table_says_what_would():
    for board in ("nrf52840dk", "rak4631", "pinetime", "microbit", "rak3172", "rak11720"):
        lines = [line for tool in json.loads(plan(board, "--json"))["commands"].values()
                 for line in tool]
        assert lines
        for word in ("mass", "--chip", "eraseall", "recover", "-e chip"):
            assert not any(word in line for line in lines)
        text = plan(board)
        assert "mass_erase" in text and "--recover" in text and "storage_partition" in text


@pytest.mark.parametrize("path", sorted((SOURCE / "boards").glob("*.dts")), ids=lambda p: p.stem)
def test_no_sector_belongs_to_two_partitions(path):
    """Erasing the sectors of a file that fits its partition leaves all others alone."""
    sector, seen = 0, 0
    for line in path.read_text().splitlines():
        if match := re.match(r"\s*erase-block-size = <(\w+)>", line):
            sector = int(match[1], 0)
        elif re.match(r"\s*(\w+: )+partition@", line):
            seen += 1
        elif seen and (match := re.match(r"\s*reg = <(\w+) (\w+)>", line)):
            for edge in match.groups():
                assert sector and int(edge, 0) % sector == 0, line
    assert seen >= 3


def test_what_is_no_signed_image_does_not_go_to_slot_0(tmp_path, image):
    program = tmp_path / "app.bin"
    assert "is not a signed image" in plan("nrf52840dk", "--image", program, exit_code=1)
    assert str(image) in plan("nrf52840dk", "--image", image)


def test_an_image_is_no_bootloader(image):
    assert "it cannot be one" in plan("nrf52840dk", "--boot", image, exit_code=1)


def test_a_file_that_is_too_long_is_refused(tmp_path):
    boot = tmp_path / "boot.bin"
    boot.write_bytes(b"\0" * 0xC001)
    assert "has room for 49152" in plan("nrf52840dk", "--boot", boot, exit_code=1)


def test_an_image_never_goes_to_0x0(tmp_path):
    """A board file whose slot 0 lies where processors look for a bootloader."""
    text = (SOURCE / "boards/nrf52840dk.dts").read_text()
    text = text.replace("boot_partition: partition@0 {", "boot_partition: partition@76000 {")
    text = text.replace("reg = <0x0 0xc000>", "reg = <0x76000 0xc000>")
    text = text.replace("reg = <0xc000 0x76000>", "reg = <0x0 0x76000>")
    source, blob = tmp_path / "board.dts", tmp_path / "board.dtb"
    source.write_text(text)
    subprocess.run(["dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", blob, source], check=True)
    assert "begins at 0x0" in plan(blob, exit_code=1)


def test_a_board_that_nothing_is_known_of_gets_the_table_alone():
    text = plan("sim")
    assert "slot0_partition" in text and "names no flash programmer" in text
    assert "openocd" not in text


def test_more_images_than_slots_are_a_wrong_command(image):
    assert "has room for 1 images" in plan("nrf52840dk", "--image", image, "--image", image,
                                           exit_code=2)
