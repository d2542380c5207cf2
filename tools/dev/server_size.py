#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What the SMP server costs on a Cortex-M0, group by group: code, stack, RAM.

usage: server_size.py BARE_DIR

BARE_DIR holds the objects of size.sh, each with its stack usage (.su). The stack is that of the
deepest direct calls below dfu_smp_receive(), found from the objects' relocations. What is called
through a pointer is the application's (operations, hooks, flash, hashes, the link) and not in it.
"""

import re
import subprocess
import sys
from pathlib import Path

# Group: its files in src/smp, and the struct that its binding points at.
GROUPS = {
    "os": (("group_os", "datetime"), "smp_os"),
    "image": (("group_img", "img_core", "img_slots", "img_state", "img_upload"), "smp_img"),
    "statistics": (("group_stat",), "smp_stat"),
    "settings": (("group_settings",), "smp_settings"),
    "log": (("group_log",), "smp_log"),
    "crash": (("group_crash",), "smp_crash"),
    "files": (("group_fs",), "smp_fs"),
    "shell": (("group_shell",), "smp_shell"),
    "enumeration": (("group_enum",), None),
    "basic": (("group_basic",), "smp_basic"),
    "history": (("group_history",), None),
    "pages": (("group_pages",), None),
    "auth": (("group_auth", "auth", "auth_rules", "auth_message"), "smp_auth"),
}
SERVER = ("server", "header", "cbor_decode", "cbor_encode")
RELOCATION = re.compile(r"^[0-9a-f]+ +[0-9a-f]+ (R_ARM_\w+) +[0-9a-f]+ +(\S+)")


class Program:
    """Functions as (object, name), their own stack and whom they call."""

    def __init__(self, bare):
        self.stack, self.calls, self.tables, self.shared = {}, {}, {}, {}
        self.objects = sorted(bare.rglob("*.o"))
        for path in self.objects:
            self.read_stack(path)
        for path in self.objects:
            self.read_relocations(path)
        self.depths = {}

    def read_stack(self, path):
        usage = path.with_suffix(".su")
        for line in usage.read_text().splitlines() if usage.exists() else ():
            place, size, _ = line.split("\t")
            name = place.rsplit(":", 1)[1]
            self.stack[path, name] = int(size)
            self.shared.setdefault(name, (path, name))

    def find(self, path, symbol):
        name = symbol.removeprefix(".text.")
        return (path, name) if (path, name) in self.stack else self.shared.get(name)

    def read_relocations(self, path):
        section = ""
        text = subprocess.run(["readelf", "-rW", path], capture_output=True, text=True,
                              check=True).stdout
        for line in text.splitlines():
            if line.startswith("Relocation section"):
                section = line.split("'")[1].removeprefix(".rel")
                continue
            found = RELOCATION.match(line)
            if not found or section.startswith(".ARM"):
                continue
            target = self.find(path, found[2])
            if target and section.startswith(".text.") and found[1] != "R_ARM_ABS32":
                self.calls.setdefault((path, section.removeprefix(".text.")), set()).add(target)
            elif target and "commands" in section:
                self.tables.setdefault(path, set()).add(target)

    def depth(self, function, above=()):
        """The deepest stack from here on; a function that is on the way already counts once."""
        if function in self.depths:
            return self.depths[function]
        below = [self.depth(called, (*above, function))
                 for called in self.calls.get(function, ())
                 if called != function and called not in above]
        self.depths[function] = self.stack.get(function, 0) + max(below, default=0)
        return self.depths[function]


def code(paths):
    out = subprocess.run(["size", *paths], capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[0]) for line in out.splitlines()[1:])


def ram(bare):
    """Bytes of each struct, by compiling one of each."""
    names = ["smp", *(struct for _, struct in GROUPS.values() if struct)]
    types = {name: "dfu_smp_server" if name == "smp" else f"dfu_{name}" for name in names}
    source = "".join(f'#include "dfu/{name}.h"\n' for name in names) + "".join(
        f"struct {kind} one_{name};\n" for name, kind in types.items())
    one = bare / "server_ram.o"
    subprocess.run(["clang-14", "--target=thumbv6m-none-eabi", "-mcpu=cortex-m0", "-mthumb",
                    "-ffreestanding", "-nostdlibinc", "-isystem", "ports/mcu/libc", "-Iinclude",
                    "-x", "c", "-c", "-", "-o", one], input=source, text=True, check=True)
    out = subprocess.run(["nm", "-S", one], capture_output=True, text=True, check=True).stdout
    return {line.split()[3].removeprefix("one_"): int(line.split()[1], 16)
            for line in out.splitlines()}


def all_groups(smp):
    """Those above, and any that was added without being named there."""
    named = {source for sources, _ in GROUPS.values() for source in sources}
    found = [path.name.removesuffix(".c.o") for path in sorted(smp.glob("group_*.c.o"))]
    return GROUPS | {one.removeprefix("group_"): ((one,), None) for one in found
                     if one not in named}


def main(bare):
    program, sizes = Program(bare), ram(bare)
    smp = bare / "src" / "smp"

    def files(names):
        return [smp / f"{name}.c.o" for name in names]

    receive = program.shared["dfu_smp_receive"]
    server = program.depth(receive)
    # A handler runs right below dfu_smp_receive(), whose helpers are inlined or have returned.
    inner = program.shared.get("run_handler") or program.shared.get("answer")
    below = program.stack[receive] + (program.stack[inner] if inner else 0)
    print("SMP server, Cortex-M0: bytes; stack without what the application is called for")
    print(f"  {'part':<12} {'code':>6} {'stack':>6} {'RAM':>6}")
    print(f"  {'server':<12} {code(files(SERVER)):>6} {server:>6} {sizes['smp']:>6}")
    for name, (sources, struct) in all_groups(smp).items():
        handlers = set().union(*(program.tables.get(path, ()) for path in files(sources)))
        assert handlers, f"{name}: no table of commands found"
        stack = max(server, below + max(program.depth(one) for one in handlers))
        print(f"  {name:<12} {code(files(sources)):>6} {stack:>6} {sizes.get(struct, 0):>6}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
