# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Encrypted images: dfu opens what imgtool makes, and a second implementation of the format
(image_format.py) opens what dfu makes. imgtool itself cannot open any."""

import base64
import random
import re
import shlex

import pytest

from image_format import opened, unprotected, unwrap
from images import dfu, done, imgtool, manifest, one_sentence, unpack_vectors

BASE = ["-v", "1.2.3+4", "-H", "0x200", "--pad-header", "-S", "0x10000"]
VALIDATED = b"Image was correctly validated"

# What a device can hold, with a signer that goes with it, and imgtool's extra options.
SCHEMES = {
    "rsa": ("rsa-2048", "rsa-2048", []),
    "p256": ("ecdsa-p256", "ecdsa-p256", []),
    "x25519": ("x25519", "ed25519", []),
    "x25519-512": ("x25519", "ed25519", ["--hmac-sha", "512"]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    (folder / "app.bin").write_bytes(random.Random(3).randbytes(9001))
    for kind in {kind for scheme in SCHEMES.values() for kind in scheme[:2]}:
        for owner in ("own", "other"):
            done(dfu("keygen", "-k", folder / f"{owner}-{kind}.pem", "-t", kind))
            done(dfu("getpub", "-k", folder / f"{owner}-{kind}.pem", "-e", "pem", "-o",
                     folder / f"{owner}-{kind}-pub.pem"))
    for size in (16, 32):
        for owner in ("own", "other"):
            key = random.Random(f"{owner}{size}").randbytes(size)
            (folder / f"{owner}-{size}.b64").write_bytes(base64.b64encode(key) + b"\n")
    return folder


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return unpack_vectors(tmp_path_factory.mktemp("vectors"))


@pytest.mark.parametrize("bits", ["128", "256"])
@pytest.mark.parametrize("name", SCHEMES)
def test_dfu_opens_what_imgtool_encrypted(world, name, bits):
    device, signer, more = SCHEMES[name]
    out, key = world / f"i-{name}-{bits}.bin", world / f"own-{device}.pem"
    sign = ["-k", world / f"own-{signer}.pem", "-E", world / f"own-{device}-pub.pem"]
    done(imgtool("sign", *sign, *BASE, *more, "--encrypt-keylen", bits, world / "app.bin", out))
    verify = ["verify", "-k", world / f"own-{signer}.pem"]
    assert VALIDATED in done(dfu(*verify, "--decrypt-key", key, out))
    one_sentence(dfu(*verify, out), 1, "is encrypted", "--decrypt-key")
    one_sentence(dfu(*verify, "--decrypt-key", world / f"other-{device}.pem", out), 1,
                 "encrypted for another key")


@pytest.mark.parametrize("bits", ["128", "256"])
@pytest.mark.parametrize("name", SCHEMES)
def test_what_dfu_encrypted_is_what_imgtool_encrypted(world, name, bits):
    device, signer, more = SCHEMES[name]
    ours, theirs = world / f"ours-{name}-{bits}.bin", world / f"theirs-{name}-{bits}.bin"
    args = ["-k", world / f"own-{signer}.pem", "-E", world / f"own-{device}-pub.pem", *BASE, *more,
            "--encrypt-keylen", bits, "-s", "7", world / "app.bin"]
    done(dfu("sign", *args, ours))
    done(imgtool("sign", *args, theirs))
    key = world / f"own-{device}.pem"
    assert opened(ours.read_bytes(), key) == opened(theirs.read_bytes(), key)
    body = slice(0x200, 0x200 + 9001)
    assert ours.read_bytes()[body] != (world / "app.bin").read_bytes()
    again = world / "again.bin"
    done(dfu("sign", *args, again))
    assert again.read_bytes()[body] != ours.read_bytes()[body], "the same content key twice"


@pytest.mark.parametrize("size", [16, 32])
def test_an_aes_key_in_base64_wraps_keys_of_its_own_length(world, size):
    out, key = world / f"kw-{size}.bin", world / f"own-{size}.b64"
    done(dfu("sign", "-k", world / "own-ecdsa-p256.pem", "-E", key, *BASE, world / "app.bin", out))
    region, _ = opened(out.read_bytes(), key)
    assert region[0x200:0x200 + 9001] == (world / "app.bin").read_bytes()
    assert VALIDATED in done(dfu("verify", "--decrypt-key", key, out))
    one_sentence(dfu("verify", "--decrypt-key", world / f"other-{size}.b64", out), 1,
                 "encrypted for another key")
    one_sentence(dfu("sign", "-E", key, "--encrypt-keylen", str(384 - size * 8), *BASE,
                     world / "app.bin", out), 2, "leave out --encrypt-keylen")


def test_every_encrypted_image_of_the_vectors_is_made_alike(vectors, tmp_path):
    """What imgtool made at random with the same arguments: the plain region, the kinds of TLVs and
    what follows them."""
    same = 0
    for row in manifest(vectors):
        args = shlex.split(row["imgtool_args"])
        if args[0] != "sign" or "-E" not in args or "lzma2" in args:
            continue
        out, key = tmp_path / "out.bin", vectors / row["enc_key"]
        done(dfu(*args[:-1], out, cwd=vectors))
        ours, theirs = out.read_bytes(), (vectors / row["file"]).read_bytes()
        if "--clear" in args:
            _, end = unprotected(theirs)
            assert ours[:end] == theirs[:end]
            assert ours[end + 4:end + 40] == theirs[end + 4:end + 40], "the hash"
        else:
            assert opened(ours, key) == opened(theirs, key), row["file"]
            region, _ = opened(ours, key)
            payload = (vectors / row["payload"]).read_bytes()
            assert payload in region
        if "--pad" in args:
            assert len(ours) == len(theirs) and ours[-64:] == theirs[-64:]
        noted = re.search("image AES key ([0-9a-f]+)", row["notes"])
        if noted:
            found, _ = unprotected(theirs)
            kind = next(kind for kind in found if 0x30 <= kind <= 0x34)
            aes = bytes.fromhex(noted[1])
            assert unwrap(key, kind, found[kind], len(aes)) == aes
        same += 1
    assert same == 19


@pytest.mark.parametrize("bits", [128, 256])
def test_aes_keys_are_made_for_their_owner_only(world, bits):
    key, out = world / f"made-{bits}.b64", world / "made.bin"
    done(dfu("keygen", "-k", key, "-t", f"aes-{bits}"))
    assert len(base64.b64decode(key.read_text(), validate=False)) == bits // 8
    assert key.stat().st_mode & 0o077 == 0
    one_sentence(dfu("keygen", "-k", key, "-t", f"aes-{bits}"), 2, "is there already")
    one_sentence(dfu("keygen", "-f", "-k", key, "-t", f"aes-{bits}", "-p"), 2, "leave out -p")
    done(dfu("sign", "-E", key, *BASE, world / "app.bin", out))
    assert opened(out.read_bytes(), key)
    done(dfu("verify", "--decrypt-key", key, out))


def test_both_curves_of_ecdsa_go_with_a_p256_key(world):
    key, out = world / "p384.pem", world / "p384.bin"
    done(dfu("keygen", "-k", key, "-t", "ecdsa-p384"))
    done(dfu("sign", "-k", key, "-E", world / "own-ecdsa-p256-pub.pem", *BASE, world / "app.bin",
             out))
    opened(out.read_bytes(), world / "own-ecdsa-p256.pem")
    assert VALIDATED in done(dfu("verify", "-k", key, "--decrypt-key",
                                 world / "own-ecdsa-p256.pem", out))


def test_an_encrypted_image_that_is_not_worth_compressing_is_encrypted_all_the_same(world):
    """imgtool then leaves it plain, says that it is encrypted, and forgets the key."""
    out, key = world / "incompressible.bin", world / "own-ecdsa-p256.pem"
    done(dfu("sign", "--compression", "lzma2", "-E", world / "own-ecdsa-p256-pub.pem", *BASE,
             world / "app.bin", out))
    region, _ = opened(out.read_bytes(), key)
    assert (world / "app.bin").read_bytes() in region
    assert (world / "app.bin").read_bytes() not in out.read_bytes()


def test_a_compressed_image_is_encrypted_after_it(world):
    (world / "dull.bin").write_bytes(b"all the same " * 2000)
    out, key = world / "dull.enc.bin", world / "own-x25519.pem"
    done(dfu("sign", "-k", world / "own-ed25519.pem", "--compression", "lzma2", "-E", key, *BASE,
             world / "dull.bin", out))
    region, _ = opened(out.read_bytes(), key)
    assert len(region) < 2000
    assert VALIDATED in done(dfu("verify", "-k", world / "own-ed25519.pem", "--decrypt-key", key,
                                 out))


def test_a_clear_image_is_for_a_primary_slot_and_checked_as_it_is(world):
    out, key = world / "clear.bin", world / "own-x25519.pem"
    args = ["sign", "-k", world / "own-ed25519.pem", "-E", key, *BASE, "--clear"]
    done(dfu(*args, world / "app.bin", out))
    result = dfu("verify", "-k", world / "own-ed25519.pem", out)
    assert VALIDATED in done(result) and b"for a primary slot" in result.stderr
    assert VALIDATED in done(imgtool("verify", "-k", world / "own-ed25519.pem", out))
    one_sentence(dfu("verify", "--decrypt-key", key, out), 1, "does not match its hash", "--clear")
    assert (world / "app.bin").read_bytes() in out.read_bytes()


def test_the_trailer_that_is_checked_has_room_for_the_keys(world):
    """Largest program that fits, by imgtool's rule; keys of AES-256 take the room they need."""
    def fits(*more):
        size, step = 0, 4096
        while step:
            (world / "fit.bin").write_bytes(bytes(size + step))
            result = dfu("sign", "-v", "1", "-H", "32", "--pad-header", "-S", "0x4000", *more,
                         world / "fit.bin", world / "out.bin")
            if result.returncode == 0:
                size += step
            else:
                assert b"exceeds requested size" in result.stderr
                step //= 2
        return size

    def by_imgtool(size, *more):
        (world / "fit.bin").write_bytes(bytes(size))
        return imgtool("sign", "-v", "1", "-H", "32", "--pad-header", "-S", "0x4000", *more,
                       world / "fit.bin", world / "out.bin").returncode == 0

    pub = ["-E", world / "own-x25519-pub.pem"]
    for more in ([*pub], [*pub, "--save-enctlv"], [*pub, "--align", "16"],
                 [*pub, "--align", "32", "--encrypt-keylen", "256"]):
        size = fits(*more)
        assert by_imgtool(size, *more) and not by_imgtool(size + 16, *more), more
    assert fits(*pub, "--encrypt-keylen", "256") == fits(*pub) - 16 - 2 * 16
    assert by_imgtool(fits(*pub) - 16, *pub, "--encrypt-keylen", "256"), "imgtool's 32 bytes less"


def test_keys_that_nothing_can_be_encrypted_for_are_refused_and_nothing_is_written(world, vectors):
    out = world / "none.bin"
    signer = ["-k", world / "own-ecdsa-p256.pem"]
    cases = [
        ([], vectors / "test-only-ed25519-pub.pem", "cannot be encrypted for"),
        ([], vectors / "test-only-ecdsa-p384-pub.pem", "cannot be encrypted for"),
        ([], vectors / "test-only-rsa-3072-pub.pem", "cannot be encrypted for"),
        (signer, world / "own-x25519-pub.pem", "no bootloader is built for"),
        (signer, world / "own-rsa-2048-pub.pem", "no bootloader is built for"),
        (["-k", world / "own-rsa-2048.pem"], world / "own-ecdsa-p256-pub.pem", "no bootloader"),
        ([*signer, "--hmac-sha", "512"], world / "own-ecdsa-p256-pub.pem", "needs an X25519 key"),
        (["--encrypt-keylen", "192"], world / "own-x25519-pub.pem", "192"),
        ([], world / "missing.pem", "missing.pem"),
        ([], world / "app.bin", "is not a key"),
    ]
    for more, key, words in cases:
        one_sentence(dfu("sign", *more, "-E", key, *BASE, world / "app.bin", out), 2, words)
        assert not out.exists()


def test_keys_that_open_nothing_are_refused(world, vectors):
    out = world / "enc.bin"
    done(dfu("sign", "-E", world / "own-x25519-pub.pem", *BASE, world / "app.bin", out))
    for key, code, words in (
            (world / "own-x25519-pub.pem", 2, "needs the private one"),
            (world / "own-ecdsa-p256.pem", 1, "not for a key like the P-256 key"),
            (world / "own-16.b64", 1, "not for a key like the AES key"),
            (vectors / "test-only-ed25519.pem", 2, "cannot be encrypted for"),
            (world / "app.bin", 2, "is not a key")):
        one_sentence(dfu("verify", "--decrypt-key", key, out), code, words)
    done(dfu("verify", "--decrypt-key", world / "own-x25519.pem", out))


@pytest.mark.parametrize("text", ["AAAA", "A" * 23, "A" * 24, "A" * 22 + "=A", "A" * 44, "A" * 45,
                                  "A" * 22 + "==\nA", "?" * 22 + "=="])
def test_base64_of_another_length_is_no_aes_key(world, text):
    (world / "bad.b64").write_text(text)
    one_sentence(dfu("sign", "-E", world / "bad.b64", *BASE, world / "app.bin", world / "o.bin"), 2,
                 "is not a key")


def test_json_says_how_the_body_was_checked(world):
    out, key = world / "enc.json.bin", world / "own-x25519.pem"
    for more, check, body in (([], [], "plain"), (["-E", key], ["--decrypt-key", key], "encrypted"),
                              (["-E", key, "--clear"], [], "clear")):
        done(dfu("sign", *more, *BASE, world / "app.bin", out))
        assert f'"{body}"'.encode() in done(dfu("--json", "verify", *check, out))
