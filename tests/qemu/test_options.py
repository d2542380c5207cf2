# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Options of a firmware build: fragments, the key, releases, and the file for a flasher."""

import shutil
import subprocess

import pytest

from parts import (BANNER, BINARY, BOARD, DFU, KEY, SOURCE, TABLE, Board, Device, built, flash_with,
                   kept, own_key, run)


def configure(folder, *options):
    return subprocess.run(["cmake", "-S", SOURCE / "ports/mcu", "-B", folder, "-G", "Ninja",
                           f"-DBOARD={BOARD}", f"-DHOST_BUILD={BINARY}", *options],
                          capture_output=True, text=True, timeout=300, check=False)


def words(result):
    return " ".join(result.stderr.split())


@pytest.fixture(scope="module", name="key")
def fixture_key():
    return own_key(kept("release"))


def with_key(folder, key):
    conf = folder / "key.conf"
    conf.write_text(f'CONFIG_BOOT_SIGNATURE_KEY_FILE="{key}"\n')
    return f"-DBOOT_CONF={conf}"


@pytest.fixture(scope="module", name="release")
def fixture_release(key):
    """A release with a key of its own and three fragments, the last of them not this project's."""
    folder = kept("release")
    version = folder / "version.conf"
    version.write_text('CONFIG_MCUBOOT_IMGTOOL_SIGN_VERSION="3.1.4+0"\n')
    result = configure(folder, "-DRELEASE=ON", with_key(folder, key),
                       "-DEXTRA_CONF_FILE=overlay_mcuboot.conf;overlay_permanent_download.conf;"
                       f"{version}")
    assert result.returncode == 0, result.stderr
    assert "DEVELOPMENT KEY" not in result.stderr
    run("cmake", "--build", folder)
    return folder


def test_the_development_key_is_warned_of(tmp_path):
    result = configure(tmp_path / "build")
    assert result.returncode == 0
    assert "THE DEVELOPMENT KEY IS IN USE" in words(result)


SCHEMES = {
    "ecdsa-p256": ("", ""),
    "ed25519": ("-ed25519", "CONFIG_BOOT_SIGNATURE_TYPE_ED25519=y\n"),
    "rsa-2048": ("-rsa-2048", "CONFIG_BOOT_SIGNATURE_TYPE_RSA=y\n"),
    "rsa-3072": ("-rsa-3072",
                 "CONFIG_BOOT_SIGNATURE_TYPE_RSA=y\nCONFIG_BOOT_SIGNATURE_TYPE_RSA_LEN=3072\n"),
}


@pytest.mark.parametrize("key_type", SCHEMES)
def test_each_scheme_has_a_development_key_and_takes_no_key_of_another(tmp_path, key_type):
    conf = tmp_path / "scheme.conf"
    conf.write_text(SCHEMES[key_type][1])
    result = configure(tmp_path / "build", f"-DBOOT_CONF={conf}")
    assert result.returncode == 0, result.stderr
    assert "THE DEVELOPMENT KEY IS IN USE" in words(result)
    result = configure(tmp_path / "build", f"-DBOOT_CONF={conf}", "-DRELEASE=ON")
    assert result.returncode != 0
    assert f"dfu keygen -t {key_type}" in words(result)
    for other, (name, _) in SCHEMES.items():
        key = KEY.with_name(f"development-key{name}.pem")
        conf.write_text(f'{SCHEMES[key_type][1]}CONFIG_BOOT_SIGNATURE_KEY_FILE="{key}"\n')
        result = configure(tmp_path / "build", f"-DBOOT_CONF={conf}", "-DRELEASE=OFF")
        assert (result.returncode == 0) == (other == key_type), result.stderr
        if other != key_type:
            assert f"is no key of the type {key_type}" in words(result)


@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_release_refuses_the_development_key(tmp_path, is_renamed):
    options = []
    if is_renamed:
        shutil.copy(KEY, tmp_path / "mine.pem")
        options = [with_key(tmp_path, tmp_path / "mine.pem")]
    result = configure(tmp_path / "build", "-DRELEASE=ON", *options)
    assert result.returncode != 0
    assert "a release is not signed with the development key" in words(result)


def test_a_fragment_that_is_not_there_stops_the_build(tmp_path):
    result = configure(tmp_path / "build", "-DEXTRA_CONF_FILE=overlay_nothing.conf")
    assert result.returncode != 0
    assert "there is no file overlay_nothing.conf" in words(result)


def test_the_image_is_signed_with_the_key_that_was_set(release, key):
    image = release / "app.signed.bin"
    run(DFU, "verify", "-k", key, image)
    run(DFU, "verify", "-k", KEY, image, exit_code=1)
    assert '"3.1.4+0"' in (release / "app" / "autoconf.h").read_text()


def bytes_of_hex(path):
    """Every byte that an Intel HEX file names, by its address."""
    content, high = {}, 0
    lines = path.read_text().split()
    assert [line for line in lines if line.startswith(":00000001")] == [lines[-1]]
    for line in lines[:-1]:
        record = bytes.fromhex(line[1:])
        assert sum(record) % 256 == 0
        address, kind, data = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        if kind == 2:
            high = int.from_bytes(data, "big") << 4
        elif kind == 4:
            high = int.from_bytes(data, "big") << 16
        else:
            assert kind == 0
            content.update({high + address + i: byte for i, byte in enumerate(data)})
    return content


def test_the_bootloader_is_the_same_as_elf_hex_and_bin(tmp_path, release):
    plain = (release / "boot.bin").read_bytes()
    base = TABLE["boot_partition_base"]
    assert 0 < len(plain) <= TABLE["boot_partition_size"]
    assert bytes_of_hex(release / "boot.hex") == {base + i: b for i, b in enumerate(plain)}
    run("arm-none-eabi-objcopy", "-O", "binary", release / "boot.elf", tmp_path / "boot.bin")
    assert (tmp_path / "boot.bin").read_bytes() == plain


def test_the_merged_file_holds_both_where_the_board_file_says(release):
    expected = {}
    for name, partition in (("boot.bin", "boot"), ("app.signed.bin", "slot0")):
        base = TABLE[f"{partition}_partition_base"]
        expected.update({base + i: byte for i, byte in
                         enumerate((release / name).read_bytes())})
    assert bytes_of_hex(release / "merged.hex") == expected


def test_a_permanent_download_stays_without_being_confirmed(tmp_path, release, key):
    image = tmp_path / "next.bin"
    run(DFU, "sign", "-k", key, "-v", "4.0.0", "--board", BOARD, "-H", "0x200", "--pad-header",
        release / "app.bin", image)
    flash = flash_with((release / "app.signed.bin").read_bytes())
    with Board(tmp_path, release, flash) as machine:
        machine.wait_for(BANNER)
        device = Device(machine)
        device.dfu("image", "upload", image)
        for start in (2, 3):
            machine.qmp.ask("system_reset")
            machine.wait_for(BANNER, start)
        assert device.versions() == {0: "4.0.0", 1: "3.1.4"}
        assert device.images()[0]["confirmed"]


def test_it_is_linked_for_the_partition_that_the_board_file_chooses(tmp_path):
    """The second slot, which only direct-XIP runs images in."""
    text = (SOURCE / f"boards/{BOARD}.dts").read_text()
    for old, new in (("code-partition = &slot0_partition", "code-partition = &slot1_partition"),
                     ('mode = "swap-move"', 'mode = "direct-xip"')):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "board.dts").write_text(text)
    run("dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", tmp_path / f"{BOARD}.dtb",
        tmp_path / "board.dts")
    conf = tmp_path / "direct.conf"
    conf.write_text("CONFIG_BOOT_DIRECT_XIP=y\n")
    firmware = built(tmp_path / "build", f"-DBOOT_CONF={conf}", "-DAPP=hello",
                     DFU_BOARDS_DIR=str(tmp_path))
    image = (firmware / "app.signed.bin").read_bytes()
    with Board(tmp_path, firmware, flash_with(slot1=image)) as machine:
        machine.wait_for(f"Hello World! {BOARD}")
        assert machine.guest_errors() == []


def test_without_the_bootloader_the_application_takes_its_place(tmp_path):
    alone = tmp_path / "alone.conf"
    alone.write_text("CONFIG_BOOTLOADER_MCUBOOT=n\n")
    folder = kept("alone")
    signed_image = folder / "app.signed.bin"
    signed_image.unlink(missing_ok=True)
    assert configure(folder, f"-DEXTRA_CONF_FILE={alone}").returncode == 0
    run("cmake", "--build", folder)
    entry = int.from_bytes((folder / "app.bin").read_bytes()[4:8], "little")
    base, size = (TABLE[f"boot_partition_{what}"] for what in ("base", "size"))
    assert base < entry < base + size
    assert not signed_image.exists()
