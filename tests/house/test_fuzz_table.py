# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Each fuzz target has its figure in docs/FUZZING.md, and no row is of a target that is gone."""

import os
import re
from pathlib import Path

SOURCE = Path(os.environ["DFU_SOURCE_DIR"])


def test_every_fuzz_target_has_a_figure():
    text = (SOURCE / "docs" / "FUZZING.md").read_text()
    section = text[text.index("## Ten minutes of fuzzing"):]
    section = section[:section.index("\n## ", 1)]
    rows = re.findall(r"^\| (fuzz_\w+) \| [^|]+ \| [\d ]+ \| [\d ]+ \| 0 \|$", section, re.M)
    assert sorted(rows) == sorted(path.stem for path in (SOURCE / "tests" / "fuzz").glob("*.c"))
