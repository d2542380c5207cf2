# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What tests of images share: running dfu and imgtool, and the vectors with their manifest."""

import csv
import os
import subprocess
import tarfile
from pathlib import Path

from click.testing import CliRunner
from imgtool.main import imgtool as imgtool_main

DFU = os.environ["DFU"]
SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
KEY_TYPES = ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384", "ed25519"]


def run(tool, args, cwd=None, env=None, **more):
    """Run a tool with its output kept; never with a terminal to ask for passphrases."""
    return subprocess.run([str(tool), *map(str, args)], cwd=cwd, capture_output=True, check=False,
                          start_new_session=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})}, **more)


def dfu(*args, cwd=None, env=None, **more):
    return run(DFU, args, cwd, env, **more)


def our_imgtool(*args, cwd=None):
    """dfu by the name imgtool: it then prints all of imgtool's lines."""
    return run("imgtool", args, cwd, executable=DFU)


def imgtool(*args, cwd=None):
    """The real imgtool, in this process: starting Python anew takes longer than what it does."""
    before = os.getcwd()
    try:
        os.chdir(cwd or before)
        result = CliRunner().invoke(imgtool_main, [str(arg) for arg in args])
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(args, result.exit_code, result.stdout_bytes,
                                       result.stderr_bytes)


def done(result):
    """The output of a run that must have gone well."""
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def one_sentence(result, exit_code, *words):
    """A failure says one sentence on standard error, with these words, and nothing else."""
    text = result.stderr.decode()
    assert result.returncode == exit_code, (result.returncode, text)
    assert text.startswith("dfu: ") and text.count("\n") == 1 and text.endswith("\n"), text
    assert result.stdout == b"", result.stdout
    for word in words:
        assert str(word) in text, text
    return text


def unpack_vectors(folder):
    with tarfile.open(SOURCE / "tests/vectors/images.tar.gz") as archive:
        archive.extractall(folder)
    return folder / "images"


def manifest(folder):
    with open(folder / "manifest.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
