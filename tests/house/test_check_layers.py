# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""tools/dev/check_layers.py refuses what it promises to refuse, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(os.environ.get("DFU_SOURCE_DIR", Path(__file__).parents[2]))
sys.path.insert(0, str(SOURCE / "tools/dev"))
import check_layers  # noqa: E402

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Copyright the dfukit authors */\n"


def tree(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def header(guard, body=""):
    return f"{SPDX}#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


REFUSED = [
    ("trust", "src/boot/a.c", SPDX + "verdict->word = 0x6ac1d359u;\n"),
    ("trust", "src/boot/a.c", SPDX + "return report.verdict.check == 1;\n"),
    ("trust", "src/boot/a.c", SPDX + "verdict_decide(&v, 0, proof, proof);\n"),
    ("trust", "src/image/a.c", SPDX + "c->hash_proof = PROOF_HASH;\n"),
    ("trust", "src/boot/a.c", SPDX + "permit_unchecked(&job->verdict);\n"),
    ("trust", "src/boot/a.c", SPDX + "out->places[i].area = area;\n"),
    ("trust", "src/boot/a.c", SPDX + "out->places[0] = (struct dfu_boot_place){ area };\n"),
    ("trust", "src/boot/a.c", SPDX + "out->area = area;\n"),
    ("include", "src/boot/a.c", SPDX + '#include "smp/group.h"\n'),
    ("include", "src/boot/a.c", SPDX + '#include "trailer.h"\n'),
    ("include", "src/base/a.h", header("DFU_BASE_A_H", '#include "dfu/boot.h"')),
    ("include", "src/flash/a.c", SPDX + '#include "dfu/slots.h"\n'),
    ("include", "src/boot/a.c", SPDX + "#include <stdio.h>\n"),
    ("include", "src/boot/a.c", SPDX + "#include <sys/types.h>\n"),
    ("include", "src/crypto/sha.c", SPDX + "#include <openssl/evp.h>\n"),
    ("include", "src/crypto/sha_mbedtls.c", SPDX + "#include <openssl/evp.h>\n"),
    ("include", "src/smp/transport/udp.c", SPDX + '#include "client/link.h"\n'),
    ("include", "src/misc/a.c", SPDX),
    ("include", "src/misc/a.c", SPDX + '#include "dfu/err.h"\n'),
    ("include", "include/dfu/a.h", header("DFU_A_H", '#include "boot/swap.h"')),
    ("include", "include/dfu/a.h", header("DFU_A_H", "#include <stdio.h>")),
    ("include", "ports/posix/a.c", SPDX + '#include "tools/dfu/args.h"\n'),
    ("call", "src/boot/a.c", SPDX + "void *a = malloc(3);\n"),
    ("call", "src/boot/a.c", SPDX + 'int a = printf ("x");\n'),
    ("call", "src/boot/a.c", SPDX + "void f(void)\n{\n    abort();\n}\n"),
    ("call", "src/crypto/sha_openssl.c", SPDX + "void f(void)\n{\n    exit(1);\n}\n"),
    ("condition", "src/boot/a.c", SPDX + "#ifdef DFU_FEATURE\n#endif\n"),
    ("condition", "src/boot/a.c", SPDX + "#  if 1\n#endif\n"),
    ("condition", "src/boot/a.h", header("DFU_BOOT_A_H", "#if DFU_FEATURE\n#endif")),
    ("guard", "src/boot/a.h", header("BOOT_A_H")),
    ("guard", "src/boot/a.h", SPDX + "#pragma once\n"),
    ("guard", "include/dfu/a.h", header("DFU_B_H")),
    ("spdx", "src/boot/a.c", "int dfu_a;\n"),
    ("spdx", "tools/dev/a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"),
    ("spdx", "tests/interop/test_a.py", "import os\n"),
]

ACCEPTED = [
    ("src/boot/a.c", SPDX + '#include "dfu/boot.h"\n#include "image/tlv.h"\n#include <string.h>\n'),
    ("src/boot/a.c", SPDX + '#include "boot/swap.h"\n'),
    ("src/flash/a.c", SPDX + '#include "dfu/flash.h"\n'),
    ("src/smp/transport/udp.c", SPDX + '#include "smp/header.h"\n#include <string.h>\n'),
    ("src/crypto/sha_openssl.c", SPDX + "#include <openssl/evp.h>\nvoid f(void *p){ free(p); }\n"),
    ("src/crypto/sha_mbedtls.c", SPDX + "#include <mbedtls/sha256.h>\n"),
    ("src/boot/a.c", SPDX + "/* never calls malloc() */\nconst char *a = \"free(x) #if\";\n"),
    ("src/boot/a.c", SPDX + "void f(struct x *x)\n{\n    x->free(x);\n    x->ops.exit();\n}\n"),
    ("src/boot/a.h", header("DFU_BOOT_A_H", "#ifdef __cplusplus\n#endif")),
    ("include/dfu/a.h", header("DFU_A_H", '#include <stdint.h>\n#include "dfu/err.h"')),
    ("ports/posix/a.c", SPDX + "#include <unistd.h>\n#if 1\n#endif\n"),
    ("docs/a.md", "no licence line here\n"),
]


def rules(findings):
    return {finding.split(": ")[1] for finding in findings}


@pytest.mark.parametrize("rule, name, text", REFUSED)
def test_refuses(tmp_path, rule, name, text):
    assert rules(check_layers.check(tree(tmp_path, name, text))) == {rule}


@pytest.mark.parametrize("name, text", ACCEPTED)
def test_accepts(tmp_path, name, text):
    assert list(check_layers.check(tree(tmp_path, name, text))) == []


@pytest.mark.parametrize("name, code, is_refused", [
    ("src/boot/a.c", "int dfu_counter;", True),
    ("src/boot/a.c", "int dfu_start = 4;", True),
    ("src/boot/a.c", "int dfu_f(void)\n{\n    static int n;\n    return ++n;\n}", True),
    ("src/boot/a.c", "const int dfu_limit = 4;", False),
    ("src/boot/a.c", "int dfu_f(void);\nint (*const dfu_table[])(void) = { dfu_f };", False),
    ("src/crypto/a_openssl.c", "int dfu_cache;", False),
])
def test_state(tmp_path, name, code, is_refused):
    root = tree(tmp_path, name, SPDX + code + "\n")
    objects = root / "objects"
    (objects / name).parent.mkdir(parents=True)
    subprocess.run(["gcc", "-fPIC", "-c", root / name, "-o", objects / (name + ".o")], check=True)
    assert rules(check_layers.check(root, objects)) == ({"state"} if is_refused else set())


def test_one_bad_file_fails_the_command(tmp_path):
    script = SOURCE / "tools/dev/check_layers.py"
    good = tree(tmp_path / "good", *ACCEPTED[0])
    bad = tree(tmp_path / "bad", *REFUSED[0][1:])
    assert subprocess.run([sys.executable, script, good], check=False).returncode == 0
    assert subprocess.run([sys.executable, script, bad], check=False).returncode == 1
