# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A key that dfu never sees: what is to be signed goes out, the signature comes back."""

import base64
import os
import random
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from images import KEY_TYPES, dfu, done, imgtool, one_sentence

SIGN = ["sign", "-v", "1.2.3", "-H", "32", "--pad-header", "-S", "0x10000"]
VALIDATED = b"Image was correctly validated"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    (folder / "app.bin").write_bytes(random.Random(4).randbytes(3001))
    for kind in [*KEY_TYPES, "x25519"]:
        done(dfu("keygen", "-k", folder / f"{kind}.pem", "-t", kind))
        done(dfu("getpub", "-k", folder / f"{kind}.pem", "-e", "pem", "-o", folder / f"{kind}-pub"))
    return folder


def elsewhere(world, kind, digest):
    """The signer: gets a digest, knows nothing of images."""
    key = serialization.load_pem_private_key((world / f"{kind}.pem").read_bytes(), None)
    if kind == "ed25519":
        return key.sign(digest)
    algorithm = Prehashed(hashes.SHA384() if kind == "ecdsa-p384" else hashes.SHA256())
    if kind.startswith("ecdsa"):
        return key.sign(digest, ec.ECDSA(algorithm))
    return key.sign(digest, padding.PSS(padding.MGF1(hashes.SHA256()), 32), algorithm)


def signature_of(world, kind, *options, name="sig"):
    """Ask for the digest with the public key alone, have it signed, write the answer down."""
    done(dfu(*SIGN, *options, "--vector-to-sign", "digest", "--fix-sig-pubkey", f"{kind}-pub",
             "app.bin", "digest", cwd=world))
    signature = elsewhere(world, kind, (world / "digest").read_bytes())
    (world / name).write_bytes(base64.encodebytes(signature))
    return signature


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_signature_from_elsewhere_makes_the_image_whole(world, kind):
    options = ["-s", "7", "--boot-record", "SPE"]
    signature = signature_of(world, kind, *options)
    out = world / f"{kind}.bin"
    printed = done(dfu(*SIGN, *options, "--fix-sig", "sig", "--fix-sig-pubkey", f"{kind}-pub",
                       "--sig-out", "again", "app.bin", out, cwd=world))
    assert printed == b""
    assert signature in out.read_bytes()
    assert base64.b64decode((world / "again").read_bytes()) == signature
    for tool in (dfu, imgtool):
        assert VALIDATED in done(tool("verify", "-k", f"{kind}-pub", out, cwd=world))


def test_a_pure_signature_comes_from_elsewhere_too(world):
    args = [*SIGN, "--pure", "--fix-sig-pubkey", "ed25519-pub", "app.bin"]
    printed = done(dfu(*args, "payload", "--vector-to-sign", "payload", cwd=world))
    assert printed == b""
    key = serialization.load_pem_private_key((world / "ed25519.pem").read_bytes(), None)
    (world / "sig").write_bytes(base64.b64encode(key.sign((world / "payload").read_bytes())))
    done(dfu(*args, "pure.bin", "--fix-sig", "sig", cwd=world))
    for tool in (dfu, imgtool):
        assert b"signature over image" in done(tool("verify", "-k", "ed25519-pub", "pure.bin",
                                                    cwd=world))


def test_what_is_to_be_signed_is_never_padded(world):
    plain, padded = world / "plain", world / "padded"
    for form in ("payload", "digest"):
        done(dfu(*SIGN, "--vector-to-sign", form, "app.bin", plain, cwd=world))
        done(dfu(*SIGN, "--vector-to-sign", form, "--confirm", "app.bin", padded, cwd=world))
        assert plain.read_bytes() == padded.read_bytes()


def test_openssl_on_the_command_line_can_be_the_signer(world):
    done(dfu(*SIGN, "--vector-to-sign", "payload", "app.bin", "payload", cwd=world))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", world / "ecdsa-p256.pem",
                                world / "payload"], check=True, capture_output=True).stdout
    (world / "sig").write_bytes(base64.b64encode(signature))
    done(dfu(*SIGN, "--fix-sig", "sig", "--fix-sig-pubkey", "ecdsa-p256-pub", "app.bin", "cli.bin",
             cwd=world))
    assert VALIDATED in done(imgtool("verify", "-k", "ecdsa-p256-pub", "cli.bin", cwd=world))


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_signature_of_something_else_is_refused(world, kind):
    signature_of(world, kind, "-s", "1")
    fixed = ["--fix-sig", "sig", "--fix-sig-pubkey", f"{kind}-pub", "app.bin", "no.bin"]
    one_sentence(dfu(*SIGN, "-s", "2", *fixed, cwd=world), 1, "no signature by", "--vector-to-sign")
    other = next(name for name in KEY_TYPES if name != kind)
    fixed[3] = f"{other}-pub"
    one_sentence(dfu(*SIGN, "-s", "1", *fixed, cwd=world), 1, "no signature by")
    assert not (world / "no.bin").exists()


@pytest.mark.parametrize("text", [b"", b"!!!", b"AAAA", b"QUJD\nQUI", b"A" * 4097, b"\xff" * 9],
                         ids=["empty", "no base64", "too short", "cut", "too long", "binary"])
def test_what_is_no_signature_is_told(world, text):
    (world / "bad").write_bytes(text)
    result = dfu(*SIGN, "--fix-sig", "bad", "--fix-sig-pubkey", "ecdsa-p256-pub", "app.bin",
                 "no.bin", cwd=world)
    one_sentence(result, result.returncode, "bad")
    assert result.returncode == (1 if text == b"AAAA" else 2)
    assert not (world / "no.bin").exists()


@pytest.mark.parametrize("options, exit_code, words", [
    (["--fix-sig", "sig"], 2, ["--fix-sig-pubkey"]),
    (["--fix-sig-pubkey", "ed25519-pub"], 2, ["goes with --fix-sig"]),
    (["-k", "ed25519.pem", "--fix-sig", "sig", "--fix-sig-pubkey", "ed25519-pub"], 2, ["exclude"]),
    (["--fix-sig", "none", "--fix-sig-pubkey", "ed25519-pub"], 2, ["none", "No such file"]),
    (["--fix-sig", "sig", "--fix-sig-pubkey", "none"], 2, ["none", "No such file"]),
    (["--fix-sig", "sig", "--fix-sig-pubkey", "x25519-pub"], 2, ["X25519", "does not sign"]),
    (["-k", "x25519.pem"], 2, ["X25519", "does not sign"]),
    (["-k", "ed25519-pub"], 2, ["public key", "private"]),
    (["--sig-out", "out"], 2, ["--sig-out", "-k"]),
    (["-k", "ed25519.pem", "--sig-out", "out", "--vector-to-sign", "digest"], 2, ["--sig-out"]),
    (["-k", "ed25519.pem", "--sig-out", "no/out"], 2, ["no/out", "No such file"]),
    (["--vector-to-sign", "hash"], 2, ["payload, digest"]),
])
def test_options_that_do_not_go_together_are_told(world, options, exit_code, words):
    signature_of(world, "ed25519")
    one_sentence(dfu(*SIGN, *options, "app.bin", "no.bin", cwd=world), exit_code, *words)
    assert not (world / "no.bin").exists() and not (world / "out").exists()


def test_a_program_is_not_written_over(tmp_path):
    app = tmp_path / "app.bin"
    app.write_bytes(b"the only copy")
    os.link(app, tmp_path / "hard.bin")
    (tmp_path / "soft.bin").symlink_to("app.bin")
    for out in ("app.bin", "./app.bin", "hard.bin", "soft.bin"):
        one_sentence(dfu(*SIGN, "app.bin", out, cwd=tmp_path), 2, "both the program and the output")
    assert app.read_bytes() == b"the only copy"
