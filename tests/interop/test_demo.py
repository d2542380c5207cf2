# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The demo does what it says, and says so when it does not."""

import os

from virtual_device import DFU, run

DEMO = os.path.join(os.environ.get("DFU_SOURCE_DIR", "."), "demo", "demo.sh")


def demo(dfu, tmp_path):
    return run("bash", DEMO, env=dict(os.environ, DFU=str(dfu), TMPDIR=str(tmp_path)), timeout=120)


def test_the_demo_tells_its_story_to_the_end_and_cleans_up(tmp_path):
    done = demo(os.path.abspath(DFU), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        "demo: upgraded twice, reverted bad firmware once, survived one power cut; took ")
    assert not list(tmp_path.iterdir())


def test_the_demo_fails_loudly_with_a_tool_that_does_nothing(tmp_path):
    done = demo("/bin/true", tmp_path)
    assert done.returncode == 1
    assert "demo: " in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_demo_fails_loudly_where_bad_firmware_is_not_reverted(tmp_path):
    tool = tmp_path / "dfu"
    tool.write_text(f"""#!/bin/sh
case "$*" in
    *upgrade*v3.bin*) {os.path.abspath(DFU)} "$@"; exit 0;;
    *) exec {os.path.abspath(DFU)} "$@";;
esac
""")
    tool.chmod(0o755)
    done = demo(tool, tmp_path)
    assert done.returncode == 1
    assert "upgrade v3.bin' ended with 0, not with 5" in done.stderr
