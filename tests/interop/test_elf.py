# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A linked program goes straight into an image: byte for byte what objcopy -O binary makes of it,
for both sizes and byte orders of ELF, by two linkers; and no ELF file, however damaged, does harm."""

import json
import os
import random
import struct
import subprocess

import pytest

from images import DFU, dfu, done, one_sentence

BASE = ["-v", "1.0.0", "-H", "512", "--pad-header", "-S", "0x40000"]
SEED = int(os.environ.get("DFU_TEST_SEED", "20261121"))

SOURCE = """
const int vectors[4] __attribute__((section(".vectors"), used)) = { 0x20001000, 0xc201 };
int counter = 0x11223344, table[3] = { 1, 2, 3 };
int zeroed[4096];
const char text[] = "a constant";
int work(int i) { zeroed[i & 15] += counter; return text[i & 7] + table[i % 3]; }
void _start(void) { for (;;) { counter = work(counter); } }
"""

# Flash and RAM as a microcontroller has them; a gap in front of the constants.
SCRIPT = """
ENTRY(_start)
MEMORY {{ FLASH (rx) : ORIGIN = 0xc200, LENGTH = 256K
          RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 64K }}
SECTIONS {{
  .vectors : {{ KEEP(*(.vectors)) }} > FLASH
  .text : {{ *(.text*) }} > FLASH
  .rodata ALIGN(1024) : {{ *(.rodata*) }} > FLASH
  .data : {{ *(.data* .sdata*) }} > RAM {at}
  .bss (NOLOAD) : {{ *(.bss* .sbss*) }} > RAM
  /DISCARD/ : {{ *(.comment*) *(.note*) *(.eh_frame*) *(.ARM.*) }}
}}
"""
GNU, LLVM = ["objcopy", "-O", "binary", "--gap-fill"], ["llvm-objcopy-14", "-O", "binary"]
MACHINES = {
    "x86-64": (["gcc"], ["ld", "-m", "elf_x86_64"]),
    "i386": (["gcc", "-m32"], ["ld", "-m", "elf_i386"]),
    "cortex-m3": (["clang-14", "--target=thumbv7m-none-eabi"], ["ld.lld-14"]),
    "riscv32": (["clang-14", "--target=riscv32-none-elf"], ["ld.lld-14"]),
    "powerpc": (["clang-14", "--target=powerpc-none-elf"], ["ld.lld-14", "-m", "elf32ppc"]),
}


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr


def link(folder, machine, at="AT > FLASH", *more):
    compiler, linker = MACHINES[machine]
    (folder / "app.c").write_text(SOURCE)
    (folder / "app.ld").write_text(SCRIPT.format(at=at))
    run(*compiler, "-Os", "-ffreestanding", "-fno-pic", "-fno-asynchronous-unwind-tables", "-c",
        folder / "app.c", "-o", folder / "app.o")
    run(*linker, "-T", folder / "app.ld", *more, folder / "app.o", "-o", folder / "app.elf")
    return folder / "app.elf"


def payload(image):
    data = image.read_bytes()
    size, = struct.unpack_from("<I", data, 12)
    return data[512:512 + size]


def objcopy(machine, elf, fill):
    tool = GNU + [hex(fill)] if machine in ("x86-64", "i386") else LLVM
    run(*tool, elf, elf.with_suffix(".bin"))
    return elf.with_suffix(".bin").read_bytes()


@pytest.mark.parametrize("machine", MACHINES)
def test_the_payload_is_what_objcopy_makes(tmp_path, machine):
    elf, image = link(tmp_path, machine), tmp_path / "image.bin"
    head = elf.read_bytes()[4:6]
    assert head == {"x86-64": b"\2\1", "powerpc": b"\1\2"}.get(machine, b"\1\1")
    # llvm-objcopy fills gaps with zeros and cannot do otherwise.
    done(dfu("sign", *BASE, "-R", "0", elf, image))
    expected = objcopy(machine, elf, 0)
    assert payload(image) == expected and 500 < len(expected) < 4096
    done(dfu("verify", image))


@pytest.mark.parametrize("machine", ["x86-64", "i386"])
def test_gaps_are_filled_with_the_erased_value(tmp_path, machine):
    elf, image = link(tmp_path, machine), tmp_path / "image.bin"
    done(dfu("sign", *BASE, elf, image))
    assert payload(image) == objcopy(machine, elf, 0xff)
    assert b"\xff" * 100 in payload(image)


def test_a_name_says_nothing_and_the_bytes_all(tmp_path):
    elf = link(tmp_path, "cortex-m3")
    plain = objcopy("cortex-m3", elf, 0)
    named = elf.rename(tmp_path / "app.out")
    done(dfu("sign", *BASE, "-R", "0", named, tmp_path / "image.bin"))
    assert payload(tmp_path / "image.bin") == plain


def test_the_image_in_intel_hex_lies_in_front_of_where_the_program_was_linked(tmp_path):
    elf = link(tmp_path, "cortex-m3")
    done(dfu("sign", *BASE, elf, tmp_path / "image.hex"))
    assert (tmp_path / "image.hex").read_text().splitlines()[0].startswith(":10C000003DB8F396")


def test_room_for_the_header_may_be_in_the_program_already(tmp_path):
    """As Zephyr links it: the header's bytes are zeros in front of the vectors."""
    elf = link(tmp_path, "i386")
    one_sentence(dfu("sign", *BASE[:4], "-S", "0x40000", elf, tmp_path / "image.bin"), 2,
                 "--pad-header")
    script = (tmp_path / "app.ld").read_text().replace(
        "{ KEEP(*(.vectors)) }", "{ . += 512; KEEP(*(.vectors)) }")
    (tmp_path / "app.ld").write_text(script.replace("0xc200", "0xc000"))
    run("ld", "-m", "elf_i386", "-T", tmp_path / "app.ld", tmp_path / "app.o", "-o", elf)
    done(dfu("sign", *BASE[:4], "-S", "0x40000", elf, tmp_path / "image.bin"))
    assert payload(tmp_path / "image.bin") == objcopy("i386", elf, 0xff)[512:]


def segments_only(*segments):
    """An ELF32 file of segments alone: (load address, bytes) each."""
    head = 52 + 32 * len(segments)
    table, data = b"", b""
    for address, content in segments:
        table += struct.pack("<8I", 1, head + len(data), 0x20000000, address, len(content),
                             len(content) + 64, 5, 4)
        data += content
    return b"\x7fELF\1\1\1" + bytes(9) + struct.pack(
        "<HHIIIIIHHHHHH", 2, 40, 1, 0xc000, 52, 0, 0, 52, 32, len(segments), 40, 0, 0) + table + data


def test_a_file_without_sections_is_read_by_its_segments(tmp_path):
    elf, image = tmp_path / "app.elf", tmp_path / "image.bin"
    elf.write_bytes(segments_only((0xc240, b"second"), (0xc200, b"first"), (0xc280, b"")))
    done(dfu("sign", *BASE, elf, image))
    assert payload(image) == b"first" + b"\xff" * 59 + b"second"


def test_imgtools_name_brings_imgtools_way(tmp_path):
    elf, name = link(tmp_path, "i386"), tmp_path / "imgtool"
    name.symlink_to(os.path.realpath(DFU))
    run(name, "sign", *BASE, elf, tmp_path / "image.bin")
    assert payload(tmp_path / "image.bin") == elf.read_bytes()


def test_what_cannot_become_an_image_is_refused_in_one_sentence(tmp_path):
    image = tmp_path / "image.bin"

    def refused(elf, *words, more=()):
        one_sentence(dfu("sign", *BASE, *more, elf, image), 2, *words)
        assert not image.exists()

    elf = link(tmp_path, "i386")
    refused(tmp_path / "app.o", "no linked program")
    refused(elf, "linked for 0xc200", "0x10000200", "-L", more=["-L", "0x10000000"])
    refused(elf, "linked for 0xc200", "0x8200", "-F", more=["-F", "0x8000"])
    done(dfu("sign", *BASE, "-F", "0xc000", elf, image))
    image.unlink()
    (tmp_path / "short.elf").write_bytes(elf.read_bytes()[:400])
    refused(tmp_path / "short.elf", "damaged ELF file")
    good = bytearray(segments_only((0xc200, b"program")))
    for field, value in [(4, 85), (4, 0xfffffff0), (16, 8), (16, 0xffffffff)]:  # offset, length
        struct.pack_into("<I", good, 52 + field, value)
        (tmp_path / "bounds.elf").write_bytes(good)
        refused(tmp_path / "bounds.elf", "beyond its end")
        good = bytearray(segments_only((0xc200, b"program")))
    data = bytearray(elf.read_bytes())
    header, = struct.unpack_from("<I", data, 32)
    struct.pack_into("<I", data, header + 40 + 20, len(data))  # the first section's size
    (tmp_path / "section.elf").write_bytes(data)
    refused(tmp_path / "section.elf", "beyond its end")
    (tmp_path / "magic.elf").write_bytes(b"\x7fELF")
    refused(tmp_path / "magic.elf", "damaged ELF file")
    refused(link(tmp_path, "i386", ""), "too far apart", "0xc200", "0x20000000", "AT>")
    refused(link(tmp_path, "i386", "AT > FLASH", "--no-check-sections", "--section-start",
                 ".rodata=0xc204"), "two parts", "LMA")
    run("objcopy", "--remove-section=.vectors", "--remove-section=.text",
        "--remove-section=.rodata", "--remove-section=.data", link(tmp_path, "i386"),
        tmp_path / "empty.elf")
    refused(tmp_path / "empty.elf", "nothing to load")


def test_a_program_beyond_4_gib_is_refused(tmp_path):
    elf, image = tmp_path / "app.elf", tmp_path / "image.bin"
    elf.write_bytes(segments_only((0xfffffffc, b"four")))
    done(dfu("sign", *BASE, elf, image))
    elf.write_bytes(segments_only((0xfffffffc, b"five5")))
    one_sentence(dfu("sign", *BASE, elf, tmp_path / "other.bin"), 2, "end at 4 GiB")


@pytest.mark.parametrize("machine", ["x86-64", "cortex-m3"])
def test_no_damage_to_an_elf_file_does_harm(tmp_path, machine):
    """Header, segment and section tables spoiled at random (the seed is printed): an image or one
    sentence, under the sanitizers."""
    print("seed", SEED)
    rng = random.Random(f"{SEED} {machine}")
    good = link(tmp_path, machine).read_bytes()
    bad, image = tmp_path / "bad.elf", tmp_path / "image.bin"
    is_wide = machine == "x86-64"
    tables = [range(4, 64 if is_wide else 52), range(64 if is_wide else 52, 300),
              range(len(good) - 600, len(good))]
    refused = 0
    for _ in range(150):
        data = bytearray(good)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            at = rng.choice(rng.choice(tables))
            data[at] = rng.choice([0, 1, 0x7f, 0x80, 0xff, data[at] ^ (1 << rng.randrange(8))])
        if rng.random() < 0.1:
            data = data[:rng.randrange(4, len(data))]
        bad.write_bytes(data)
        result = dfu("--json", "sign", *BASE, bad, image)
        assert result.returncode in (0, 2), result.stderr.decode()
        if result.returncode:
            assert json.loads(result.stdout)["error"]["message"] and not image.exists()
            refused += 1
        else:
            image.unlink()
    assert 20 < refused < 150


def test_without_libelf_only_linked_programs_are_missing(tmp_path):
    """A file in its place that is no library: it is loaded when an ELF file is met, and not before."""
    (tmp_path / "libelf.so.1").write_text("no library")
    (tmp_path / "app.bin").write_bytes(b"binary")
    (tmp_path / "app.elf").write_bytes(b"\x7fELF and so on")
    env = {"LD_LIBRARY_PATH": str(tmp_path)}
    done(dfu("sign", *BASE, tmp_path / "app.bin", tmp_path / "out.bin", env=env))
    one_sentence(dfu("sign", *BASE, tmp_path / "app.elf", tmp_path / "none.bin", env=env), 2,
                 "libelf.so.1", "install the package libelf1")
    assert not (tmp_path / "none.bin").exists()
