# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What is for microcontrollers compiles for one, and what was promised small stays small."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
BUILD = Path(os.environ["DFU_BINARY_DIR"])


FOLDERS = ("base", "flash", "image", "boot", "update", "smp", "recovery", "usb")
STACK_MAX = 1536  # of the SMP server with any group, without what the application is called for

# Rows of README's table, by folders of src/.
README_ROWS = {"base,flash,image,boot": ("base", "flash", "image", "boot"), "update": ("update",),
               "smp": ("smp",), "recovery": ("recovery",), "usb": ("usb",)}
TABLE_MARGIN, README_MARGIN = 0.03, 0.05


@pytest.fixture(scope="module")
def small():
    """What ./dev size prints of a Cortex-M0."""
    done = subprocess.run(["bash", "tools/dev/size.sh", str(BUILD)], cwd=SOURCE, text=True,
                          capture_output=True, timeout=550)
    assert done.returncode == 0, done.stderr
    return done.stdout[done.stdout.index("Cortex-M0"):]


def folder_sizes(small):
    """Code and tables of each folder."""
    return {name: int(code) + int(data)
            for name, code, data in re.findall(r"^  src/(\w+) +(\d+) +(\d+)", small, re.M)}


def server_rows(small):
    """name: (code, stack, RAM) of the server and of each group."""
    server = small[small.index("SMP server, Cortex-M0"):]
    return {name: tuple(map(int, numbers)) for name, *numbers in
            re.findall(r"^  (\w+) +(\d+) +(\d+) +(\d+)$", server, re.M)}


def test_every_folder_for_a_microcontroller_is_measured_and_the_usb_class_fits_two_kib(small):
    assert sorted(folder_sizes(small)) == sorted(FOLDERS)
    assert int(re.search(r"USB DFU class alone, Cortex-M0: (\d+) bytes", small).group(1)) <= 2048


def test_no_group_of_the_server_needs_more_stack_than_promised(small):
    rows = server_rows(small)
    assert len(rows) == 1 + len(list((SOURCE / "src" / "smp").glob("group_*.c"))), rows
    for name, (code, stack, _) in rows.items():
        assert code > 0 and 0 < stack <= STACK_MAX, name


def test_what_the_server_costs_is_what_the_documents_say(small):
    text = (SOURCE / "docs" / "LIBRARY.md").read_text()
    section = text[text.index("## What the SMP server costs"):]
    section = section[:section.index("\n## ", 1)]
    told = {name.split(",")[0].lower(): tuple(int(n.replace(" ", "")) for n in numbers)
            for name, *numbers in
            re.findall(r"^\| ([\w, ]+?) \| ([\d ]+) \| ([\d ]+) \| ([\d ]+) \|$", section, re.M)}
    rows = server_rows(small)
    assert list(told) == list(rows)
    for name, (code, stack, ram) in rows.items():
        assert told[name][0] == pytest.approx(code, rel=TABLE_MARGIN), name
        assert told[name][1] == pytest.approx(stack, rel=TABLE_MARGIN), name
        assert told[name][2] == ram, name


def test_the_sizes_of_the_readme_are_those_of_the_folders(small):
    sizes, text = folder_sizes(small), (SOURCE / "README.md").read_text()
    for name, folders in README_ROWS.items():
        row = re.search(rf"^\| [^|]*`src/\{{?{name}\}}?`.*\| ([\d.]+) KB \|$", text, re.M)
        assert row, name
        told, measured = float(row.group(1)) * 1000, sum(sizes[one] for one in folders)
        assert abs(told - measured) <= README_MARGIN * measured, f"{name}: {measured} bytes"
