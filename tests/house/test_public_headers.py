# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Every group of functions in a public header is introduced by a comment."""

import os
import re
from pathlib import Path

SOURCE = Path(os.environ.get("DFU_SOURCE_DIR", Path(__file__).parents[2]))


def bare_functions(text):
    """Names of functions whose declaration stands below an empty line."""
    return re.findall(r"\n\n(?!static|typedef)[a-z][^\n;{}]*?\b(dfu_\w+)\(", text)


def test_a_function_below_an_empty_line_is_found():
    text = "/* c */\nint dfu_told(void);\nint dfu_too(void);\n\nint dfu_bare(\n    int a);\n"
    assert bare_functions(text) == ["dfu_bare"]


def test_no_group_of_functions_lacks_its_comment():
    found = {path.name: bare for path in sorted((SOURCE / "include/dfu").glob("*.h"))
             if (bare := bare_functions(path.read_text()))}
    assert found == {}
