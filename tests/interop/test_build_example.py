# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""examples/firmware: a build that ends in a signed image, with the key that it was given."""

import json
import os
import struct
import subprocess

import pytest

from images import DFU, SOURCE, dfu, done


def cmake(*args):
    return subprocess.run(["cmake", *map(str, args)], capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path):
    done(dfu("keygen", "-k", tmp_path / "key.pem", "-t", "ed25519"))
    return tmp_path


def configure(project, *more):
    source = SOURCE / "examples/firmware"
    return cmake("-S", source, "-B", project / "build", "-G", "Ninja", "--toolchain",
                 source / "cortex-m.cmake", f"-DDFU={DFU}", *more)


def test_the_build_signs_with_the_key_that_it_is_given(project):
    image, bom = project / "build/firmware.signed.bin", project / "build/firmware.cdx.json"
    result = configure(project, f"-DSIGNING_KEY={project / 'key.pem'}")
    assert result.returncode == 0, result.stderr
    result = cmake("--build", project / "build")
    assert result.returncode == 0, result.stdout + result.stderr
    done(dfu("verify", "-k", project / "key.pem", "--sbom", bom, image))
    told = json.loads(done(dfu("--json", "dumpinfo", image)))
    assert told["header"]["version"] == "1.2.3+0" and told["payload"]["offset"] == 0x200
    # The vector table comes first: the stack, and the reset handler within the slot.
    stack, reset = struct.unpack_from("<II", image.read_bytes(), 0x200)
    assert stack == 0x20040000 and 0xc200 < reset < 0xd000 and reset & 1
    # Nothing to do; then another key.
    before = image.stat().st_mtime_ns
    assert "no work to do" in cmake("--build", project / "build").stdout
    assert image.stat().st_mtime_ns == before
    (project / "key.pem").unlink()
    done(dfu("keygen", "-k", project / "key.pem", "-t", "ecdsa-p256"))
    assert cmake("--build", project / "build").returncode == 0
    done(dfu("verify", "-k", project / "key.pem", image))


def test_without_a_key_the_build_says_what_to_do(project):
    result = configure(project)
    assert result.returncode != 0 and "dfu keygen" in result.stderr
    configure(project, f"-DSIGNING_KEY={project / 'none.pem'}")
    result = cmake("--build", project / "build")
    assert result.returncode != 0 and "cannot read" in result.stdout
    assert not (project / "build/firmware.signed.bin").exists()
    assert os.listdir(project / "build").count("firmware.elf") == 1
