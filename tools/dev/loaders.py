# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Bootloaders of ports/ in many configurations: build one, weigh it, and run it in QEMU until it
jumps, counting instructions and the stack that is used."""

import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "qemu"))
from machine import MACHINES  # pylint: disable=wrong-import-position

MODES = {"move": "BOOT_SWAP_USING_MOVE", "offset": "BOOT_SWAP_USING_OFFSET",
         "scratch": "BOOT_SWAP_USING_SCRATCH", "overwrite": "BOOT_UPGRADE_ONLY",
         "direct-xip": "BOOT_DIRECT_XIP"}
# Options of the bootloader, the key type of `dfu keygen`, and options of `dfu sign`.
SCHEMES = {
    "hash": (("BOOT_SIGNATURE_TYPE_NONE=y",), None, ()),
    "p256": (("BOOT_SIGNATURE_TYPE_ECDSA_P256=y",), "ecdsa-p256", ()),
    "p256m": (("BOOT_SIGNATURE_TYPE_ECDSA_P256=y", "BOOT_ECDSA_P256M=y"), "ecdsa-p256", ()),
    "ed25519": (("BOOT_SIGNATURE_TYPE_ED25519=y",), "ed25519", ()),
    "ed25519+sha512": (("BOOT_SIGNATURE_TYPE_ED25519=y", "BOOT_IMG_HASH_ALG_SHA512=y"), "ed25519",
                       ("--sha", "512")),
    "ed25519+pure": (("BOOT_SIGNATURE_TYPE_ED25519=y", "BOOT_SIGNATURE_TYPE_PURE=y"), "ed25519",
                     ("--pure",)),
    "c25519": (("BOOT_SIGNATURE_TYPE_ED25519=y", "BOOT_ED25519_C25519=y"), "ed25519", ()),
    "c25519+sha512": (("BOOT_SIGNATURE_TYPE_ED25519=y", "BOOT_ED25519_C25519=y",
                       "BOOT_IMG_HASH_ALG_SHA512=y"), "ed25519", ("--sha", "512")),
    "c25519+pure": (("BOOT_SIGNATURE_TYPE_ED25519=y", "BOOT_ED25519_C25519=y",
                     "BOOT_SIGNATURE_TYPE_PURE=y"), "ed25519", ("--pure",)),
    "rsa2048": (("BOOT_SIGNATURE_TYPE_RSA=y",), "rsa-2048", ()),
    "rsa3072": (("BOOT_SIGNATURE_TYPE_RSA=y", "BOOT_SIGNATURE_TYPE_RSA_LEN=3072"), "rsa-3072", ()),
}
TRAILER_MAGIC = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
HEADER_SIZE = 0x200


class Loader:
    """One configuration for one board: MODE-SCHEME, with -recovery and -log where it has them, and
    -small where the recovery has what an update needs and nothing else."""

    def __init__(self, build, board, name):
        words = name.split("-")
        self.build, self.board, self.name = Path(build), board, name
        self.mode = "direct-xip" if name.startswith("direct-xip") else words[0]
        self.scheme = next(word for word in words if word in SCHEMES)
        self.options = {"MCUBOOT_SERIAL": "recovery" in words, "LOG": "log" in words}
        self.fragments = ["overlay_small.conf"] if "small" in words else []
        self.folder = self.build / "loaders" / f"{board}-{name}"
        self.elf = self.folder / "boot.elf"

    def make(self):
        options, key_type, _ = SCHEMES[self.scheme]
        key = self.key(key_type) if key_type else None
        lines = [f"CONFIG_{MODES[self.mode]}=y", *(f"CONFIG_{option}" for option in options)]
        lines += [f"CONFIG_{option}={'y' if on else 'n'}" for option, on in self.options.items()]
        if key:
            lines.append(f'CONFIG_BOOT_SIGNATURE_KEY_FILE="{key}"')
        self.folder.mkdir(parents=True, exist_ok=True)
        conf = self.folder / "loader.conf"
        text = "\n".join(lines) + "\n"
        if not conf.exists() or conf.read_text() != text:
            conf.write_text(text)
        run("cmake", "-S", ROOT / "ports/mcu", "-B", self.folder, "-G", "Ninja",
            "--log-level=ERROR", f"-DBOARD={self.board}", f"-DHOST_BUILD={self.build}",
            f"-DBOOT_CONF={';'.join([*self.fragments, str(conf)])}")
        run("cmake", "--build", self.folder, "--target", "boot.bin", "--", "--quiet")

    def prepare(self):
        """The key, which every configuration of the scheme has in common."""
        key_type = SCHEMES[self.scheme][1]
        if key_type:
            self.key(key_type)

    def key(self, key_type):
        path = self.build / "loaders" / f"{key_type}.pem"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            run(self.build / "dfu", "keygen", "-k", path, "-t", key_type)
        return path

    def sections(self):
        return sections(self.elf)

    def symbols(self):
        lines = run("nm", self.elf).splitlines()
        return {words[2]: int(words[0], 16) for words in map(str.split, lines) if len(words) == 3}

    # ---- Running ----

    def image(self, folder, size, version, base):
        """Signed, with a reset handler at its start; the rest is noise."""
        code = base + HEADER_SIZE + 8
        payload = struct.pack("<II", 0x20001000, code | 1)
        payload += random.Random(size).randbytes(size - len(payload))
        plain, signed = folder / "plain.bin", folder / "signed.bin"
        plain.write_bytes(payload)
        _, key_type, options = SCHEMES[self.scheme]
        run(self.build / "dfu", "sign", *(("-k", self.key(key_type)) if key_type else ()), *options,
            "-v", version, "-H", hex(HEADER_SIZE), "--pad-header", "--align", "8",
            "-S", hex(0x100000), plain, signed)
        return signed.read_bytes()

    def start(self, size, with_update):
        """Instructions from reset to the image of size bytes, and bytes of stack; with an update of
        the same size waiting, or without."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            out = folder / "count"
            places = partitions(self.build, self.board)
            board = MACHINES[self.board]
            origin = board.STORES[0][0]
            flash = bytearray(b"\xff" * board.FLASH_SIZE)

            def put(address, data):
                flash[address - origin:address - origin + len(data)] = data

            slots = [places[f"slot{n}_partition_base"] for n in range(2)]
            end = slots[1] + places["slot1_partition_size"]
            put(slots[0], self.image(folder, size, "1.0.0", slots[0]))
            if with_update:
                runs_at = slots[1 if self.mode == "direct-xip" else 0]
                staged = slots[1] + (board.PAGE if self.mode == "offset" else 0)
                put(staged, self.image(folder, size, "2.0.0", runs_at))
                put(end - len(TRAILER_MAGIC), TRAILER_MAGIC)
            symbols = self.symbols()
            plugin = (f"{count_plugin(self.build)},out={out},app={slots[0]:#x}-{end:#x},"
                      f"stack={symbols['link_bss_end']:#x}-{symbols['link_stack_top']:#x}")
            with board(folder, self.folder, bytes(flash), "-plugin", plugin) as machine:
                machine.wait_until(lambda: out.exists() and out.read_text().endswith("\n"))
            instructions, stack = out.read_text().split()
            return int(instructions), int(stack)


def sections(elf):
    """text, data and bss."""
    line = run("size", elf).splitlines()[1]
    return tuple(int(word) for word in line.split()[:3])


def application(build, board, name):
    """Sections of the application that serves the OS and image groups on the console alone: app, or
    app-small, with the commands that an update needs and no other."""
    folder = Path(build) / "loaders" / f"{board}-{name}"
    fragments = ["overlay_small.conf"] if name == "app-small" else []
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "serial.conf"
    conf.write_text("CONFIG_MCUMGR_TRANSPORT_UDP=n\n")
    run("cmake", "-S", ROOT / "ports/mcu", "-B", folder, "-G", "Ninja", "--log-level=ERROR",
        f"-DBOARD={board}", f"-DHOST_BUILD={build}",
        f"-DEXTRA_CONF_FILE={';'.join([*fragments, str(conf)])}")
    run("cmake", "--build", folder, "--target", "app", "--", "--quiet")
    return sections(folder / "app.elf")


def partitions(build, board):
    lines = run(Path(build) / "dfu_board_table", "--cmake", board).splitlines()
    return {name: int(value, 16) for name, value in
            (line[len("set("):-1].split() for line in lines)}


def count_plugin(build):
    source, library = ROOT / "tests/qemu/count.c", Path(build) / "loaders/count.so"
    newest = max(path.stat().st_mtime for path in (source, source.with_name("plugin.h")))
    if not library.exists() or library.stat().st_mtime < newest:
        library.parent.mkdir(parents=True, exist_ok=True)
        run("cc", "-O2", "-shared", "-fPIC", source, "-o", library)
    return library


def run(*args):
    done = subprocess.run([str(arg) for arg in args], capture_output=True, text=True, check=False,
                          cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, args))}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
