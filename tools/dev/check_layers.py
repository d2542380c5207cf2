#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Check what docs/ARCHITECTURE.md promises about the direction of knowledge and about src/.

usage: check_layers.py ROOT [--objects DIR]

Rules (each line of output names one):
  include    a file of src/X includes public headers (base and flash: few, see PUBLIC), folders at or
             before X in ORDER, and the freestanding C headers; public headers include public headers and C type headers;
             ports/ do not know tools/
  call       nothing in src/ allocates, prints or exits
  condition  no #if in src/, apart from include guards and __cplusplus in headers
  guard      headers are guarded by DFU_<PATH>_H
  trust      what a verdict is made of stands in src/image/verdict.c alone; few files make one (see
             TRUST); only src/boot/permit.c says in a boot's result what may run, and only
             src/boot/start.c lets that out
  spdx       every source says its licence and whose it is in its first lines
  state      no mutable variable with static lifetime in src/ (needs --objects: the build's objects)

A crypto backend, src/crypto/NAME_BACKEND.c, may include <BACKEND/...> and use its allocator; so
may src/image/NAME_lzma.c with liblzma.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ORDER = ["base", "flash", "crypto", "image", "boot", "update", "smp", "recovery", "usb", "client", "sim"]
# What everything else stands on knows no public headers but these.
PUBLIC = {"base": {"err", "shared_data"}}
PUBLIC["flash"] = PUBLIC["base"] | {"flash", "record", "settings", "stream"}
TYPE_HEADERS = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "limits.h"}
SRC_HEADERS = TYPE_HEADERS | {"assert.h", "inttypes.h", "string.h"}
# A header that offers another project's calls includes what those need.
ADAPTERS = {"include/dfu/zephyr.h": {"errno.h", "string.h", "sys/types.h"}}
ALLOCATION = ["malloc", "calloc", "realloc", "free", "alloca", "strdup"]
PRINTING = ["printf", "fprintf", "sprintf", "snprintf", "vprintf", "vfprintf", "vsnprintf", "puts",
            "putchar", "perror"]
LEAVING = ["exit", "_exit", "abort", "longjmp"]
SOURCE_SUFFIXES = {".c", ".h", ".py", ".sh", ".cmake", ".S", ".ld", ".dts", ".dtsi"}
SOURCE_NAMES = {"CMakeLists.txt", "dev", "packages.txt", "requirements.txt"}


def strip_comments(text, strings=True):
    """Blank comments (and what strings say), keeping line numbers."""
    def blank(match):
        found = match.group(0)
        if found[0] == '"':
            return '""' if strings else found
        return re.sub(r"[^\n]", " ", found) if found[0] == "/" else found
    return re.sub(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", blank, text,
                  flags=re.S)


def includes(text):
    for number, line in enumerate(strip_comments(text, strings=False).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def backend_of(path):
    """The outside library that src/crypto/NAME_BACKEND.c or src/image/NAME_lzma.c may know."""
    if path.parts[:2] == ("src", "crypto") and path.suffix == ".c" and "_" in path.stem:
        return path.stem.rsplit("_", 1)[1]
    if path.parts[:2] == ("src", "image") and path.name.endswith("_lzma.c"):
        return "lzma"
    return None


def may_include_in_src(path, system, name):
    if system:
        backend = backend_of(path)
        if backend and (name.startswith(backend + "/") or name == backend + ".h"):
            return True
        if backend == "openssl" and name == "stdlib.h":
            return True
        return name in SRC_HEADERS
    folder = name.split("/")[0]
    own = path.parts[1]
    if folder == "dfu":
        return own not in PUBLIC or Path(name).stem in PUBLIC[own]
    return "/" in name and folder in ORDER and ORDER.index(folder) <= ORDER.index(own)


def check_includes(path, text):
    top = path.parts[0]
    if top == "src" and path.parts[1] not in ORDER:
        yield 1, "include", f"src/{path.parts[1]} has no place in the order of folders"
        return
    for number, system, name in includes(text):
        if top == "src":
            allowed = may_include_in_src(path, system, name)
        elif top == "include":
            system_headers = TYPE_HEADERS | ADAPTERS.get(path.as_posix(), set())
            allowed = name in system_headers if system else name.startswith("dfu/")
        elif top == "ports":
            allowed = not name.startswith("tools/") and "../" not in name
        else:
            allowed = "../" not in name
        if not allowed:
            yield number, "include", f"{path.parent} may not include {name}"


def check_calls(path, text):
    if backend_of(path):
        banned = PRINTING + LEAVING
    else:
        banned = ALLOCATION + PRINTING + LEAVING
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")
    for number, line in enumerate(strip_comments(text).splitlines(), 1):
        for match in pattern.finditer(line):
            yield number, "call", f"src/ may not call {match.group(1)}()"


def check_conditions(path, text):
    is_first = True
    for number, line in enumerate(strip_comments(text).splitlines(), 1):
        match = re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b\s*(.*)", line)
        if not match:
            continue
        what, about = match.group(1), match.group(2).strip()
        is_guard = is_first and what == "ifndef"  # its name is the guard rule's business
        is_first = False
        if path.suffix == ".h" and (is_guard or about == "__cplusplus"):
            continue
        yield number, "condition", f"#{what} {about}"


def guard_name(path):
    parts = path.with_suffix("").parts
    inner = parts[2:] if parts[0] == "include" else parts[1:]
    return "DFU_" + re.sub(r"\W", "_", "_".join(inner)).upper() + "_H"


def check_guard(path, text):
    guard = guard_name(path)
    directives = re.findall(r"^\s*#\s*(\w+)\s*(\S*)", strip_comments(text), flags=re.M)
    if directives[:2] != [("ifndef", guard), ("define", guard)]:
        yield 1, "guard", f"does not open with #ifndef {guard}, #define {guard}"


# What decides about running something, and the files where it may be written.
TRUST = [
    (r"\b(TRUSTED|WAIVED|DISTURBED)\b", {"image/verdict.c"}),
    (r"\bverdict(\.|->)(word|check)\b", {"image/verdict.c"}),
    (r"\bPROOF_\w+", {"image/verdict.c", "image/verdict.h", "image/verify.c"}),
    (r"\bverdict_decide\s*\(", {"image/verdict.c", "image/verdict.h", "image/verify.c"}),
    (r"\bverdict_waive\s*\(", {"image/verdict.c", "image/verdict.h", "boot/permit.c"}),
    (r"\bpermit_unchecked\s*\(", {"boot/permit.c", "boot/permit.h", "boot/boot.c",
                                   "boot/place.c"}),
    (r"\bpermit_run\s*\(", {"boot/permit.c", "boot/permit.h", "boot/boot.c", "boot/pick.c",
                             "boot/place.c"}),
    (r"\bout->places\b[^;=(]*=[^=]", {"boot/permit.c"}),
    (r"\bout->area\s*=[^=]", {"boot/permit.c", "boot/start.c"}),
]


def check_trust(path, text):
    inner = path.relative_to("src").as_posix()
    for number, line in enumerate(strip_comments(text).splitlines(), 1):
        for pattern, files in TRUST:
            match = re.search(pattern, line)
            is_boots = pattern.startswith(r"\bout->")  # others call other things so
            if is_boots and not inner.startswith("boot/"):
                continue
            if match and inner not in files:
                yield number, "trust", f"'{match.group(0).strip()}' belongs to {sorted(files)[-1]}"


def check_spdx(text):
    head = "\n".join(text.splitlines()[:6])
    for line in ("SPDX-License-Identifier: Apache-2.0", "Copyright the dfukit authors"):
        if line not in head:
            yield 1, "spdx", f"'{line}' is not in the first lines"


def check_file(path, text):
    is_c = path.suffix in (".c", ".h")
    top = path.parts[0]
    yield from check_spdx(text)
    if is_c and top in ("src", "include", "ports", "tools"):
        yield from check_includes(path, text)
    if is_c and top == "src":
        yield from check_calls(path, text)
        yield from check_conditions(path, text)
        yield from check_trust(path, text)
    if path.suffix == ".h" and top in ("src", "include"):
        yield from check_guard(path, text)


def source_files(root):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, text=True,
                            capture_output=True, check=True).stdout
    for name in sorted(set(listed.splitlines())):
        path = Path(name)
        is_source = path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES
        if is_source and (root / path).is_file() and path.parts[0] != "third_party":
            yield path


def mutable_symbols(object_file):
    """Variables that can be written at run time; constants with addresses (.data.rel.ro) cannot."""
    table = subprocess.run(["objdump", "-t", str(object_file)], text=True, capture_output=True,
                           check=True).stdout
    for line in table.splitlines():
        match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+\s+(?:\.\w+ )?(.+)", line)
        if not match or match.group(1)[6] != "O":
            continue
        section = match.group(2)
        is_data = re.match(r"\.(data|bss|tdata|tbss)\b|\*COM\*", section)
        if is_data and not section.startswith(".data.rel.ro"):
            yield match.group(3).strip()


def check_state(objects):
    for object_file in sorted(objects.glob("src/**/*.o")):
        path = Path(str(object_file.relative_to(objects))[:-len(".o")])
        if backend_of(path):
            continue
        for symbol in mutable_symbols(object_file):
            yield path, f"{symbol} can change and outlives a call; put it into a caller's struct"


def check(root, objects=None):
    for path in source_files(root):
        text = (root / path).read_text(encoding="utf-8")
        for number, rule, message in check_file(path, text):
            yield f"{path}:{number}: {rule}: {message}"
    if objects:
        for path, message in check_state(objects):
            if (root / path).exists():
                yield f"{path}:1: state: {message}"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n")[2][7:])
    parser.add_argument("root", type=Path)
    parser.add_argument("--objects", type=Path)
    args = parser.parse_args()
    findings = list(check(args.root, args.objects))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
