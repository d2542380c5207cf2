# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""dfu against files that imgtool 2.4.0 made, and against files made wrong on purpose."""

import csv
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from images import dfu, done, imgtool, manifest, one_sentence, unpack_vectors

# Both answers are right for these; ours (docs/DESIGN.md, Images).
EITHER_REFUSED = {"s076", "s102", "s229", "s230", "s231", "s232", "s233", "s234", "s237", "s238",
                  "s253", "s259", "s260"}


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return unpack_vectors(tmp_path_factory.mktemp("vectors"))


# imgtool takes keys that it cannot encrypt for, encrypts, and throws the key away.
UNUSABLE_KEYS = {"test-only-ed25519-pub.pem", "test-only-ecdsa-p384-pub.pem",
                 "test-only-rsa-3072-pub.pem"}


def is_encrypted(args):
    return "-E" in args


def wanted_exit(row):
    if row["expected"] == "EITHER":
        return 1 if row["file"][:4] in EITHER_REFUSED else 0
    return 0 if row["expected"] == "OK" else 1


def test_every_image_gets_the_verdict_of_the_manifest(vectors):
    rows = [row for row in manifest(vectors)
            if row["expected"] != "-" and row["kind"] != "key"]
    assert len(rows) == 284
    assert {row["file"][:4] for row in rows if row["expected"] == "EITHER"} == EITHER_REFUSED

    def judge(row):
        key = [] if row["key"] == "-" else ["-k", row["key"]]
        if row["enc_key"] != "-" and "--clear" not in row["imgtool_args"]:
            key += ["--decrypt-key", row["enc_key"]]
        return dfu("verify", *key, row["file"], cwd=vectors)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(judge, rows))
    wrong = []
    for row, result in zip(rows, results):
        wanted = wanted_exit(row)
        if result.returncode != wanted:
            wrong.append((row["file"], row["expected"], result.stderr))
            continue
        if wanted:
            one_sentence(result, 1, row["file"])
    assert not wrong


def test_what_imgtool_made_reproducibly_comes_out_byte_for_byte(vectors, tmp_path):
    same = 0
    for row in manifest(vectors):
        args = shlex.split(row["imgtool_args"])
        if row["repro"] != "exact" or args[0] not in ("sign", "create"):
            continue
        out, sig = tmp_path / f"out{Path(args[-1]).suffix}", tmp_path / "sig"
        if "--sig-out" in args:
            args[args.index("--sig-out") + 1] = str(sig)
        done(dfu(*args[:-1], out, cwd=vectors))
        made = sig if row["file"].endswith(".b64") else out
        assert made.read_bytes() == (vectors / row["file"]).read_bytes(), row["imgtool_args"]
        out.unlink()
        same += 1
    assert same == 65


def without_signature(image, last_type):
    """The image with its last TLV, the random signature, cut off and its area total blanked."""
    header, prot, body = (int.from_bytes(image[a:b], "little")
                          for a, b in ((8, 10), (10, 12), (12, 16)))
    info = header + body + prot
    end = info + int.from_bytes(image[info + 2:info + 4], "little")
    at = info + 4
    while True:
        kind, length = (int.from_bytes(image[at + i:at + i + 2], "little") for i in (0, 2))
        if at + 4 + length >= end:
            assert kind == last_type
            return image[:info + 2] + image[info + 4:at], image[end:]
        at += 4 + length


def test_what_imgtool_made_with_random_signatures_differs_in_nothing_else(vectors, tmp_path):
    same = 0
    for row in manifest(vectors):
        args = shlex.split(row["imgtool_args"])
        if row["repro"] != "random" or args[0] not in ("sign", "create"):
            continue
        if is_encrypted(args):
            continue  # in test_encrypted.py
        if row["file"].startswith("s076"):
            one_sentence(dfu(*args[:-1], tmp_path / "out.bin", cwd=vectors), 2, "empty")
            continue
        out = tmp_path / "out.bin"
        done(dfu(*args[:-1], out, cwd=vectors))
        if "--compression" in args:  # a second signature stands in front: test_compression.py
            done(dfu("verify", "-k", row["key"], out, cwd=vectors))
            continue
        kind = 0x20 if "rsa-2048" in row["key"] else 0x23 if "rsa-3072" in row["key"] else 0x22
        ours, theirs = (without_signature(path.read_bytes(), kind)
                        for path in (out, vectors / row["file"]))
        assert ours[0] == theirs[0], row["imgtool_args"]
        assert len(ours[1]) == 0 or ours[1].strip(b"\xff") == theirs[1].strip(b"\xff")
        done(dfu("verify", "-k", row["key"], out, cwd=vectors))
        if "--pad-sig" in args:
            # A P-384 signature of 104 bytes is longer than what it is padded to.
            assert len(out.read_bytes()) - int(row["size"]) in ((0, 1) if "384" in row["key"] else (0,))
        same += 1
    assert same == 41


def test_printed_keys_and_hashes_are_imgtools(vectors, tmp_path):
    count = 0
    for row in manifest(vectors):
        args = shlex.split(row["imgtool_args"])
        if args[0] in ("getpub", "getpubhash"):
            assert args[-2] == "-o"
            done(dfu(*args[:-1], tmp_path / "out", cwd=vectors))
            assert (tmp_path / "out").read_bytes() == (vectors / row["file"]).read_bytes()
            assert done(dfu(*args[:-2], cwd=vectors)) == (vectors / row["file"]).read_bytes()
            count += 1
        if args[0] == "getpriv":
            wanted = (vectors / row["file"]).read_bytes()
            assert done(dfu(*args[:args.index(">")], cwd=vectors)) == wanted, row["file"]
            count += 1
    assert count == 29 + 8


def test_public_keys_come_out_of_private_ones_as_imgtool_wrote_them(vectors):
    for private in vectors.glob("test-only-*.pem"):
        public = private.with_name(private.stem + "-pub.pem")
        if public.exists():
            assert done(dfu("getpub", "-k", private, "-e", "pem")) == public.read_bytes()


def test_keys_in_every_form_that_openssl_writes_are_the_same_key(vectors):
    p256 = done(dfu("getpub", "-k", vectors / "test-only-ecdsa-p256.pem"))
    rsa = done(dfu("getpub", "-k", vectors / "test-only-rsa-2048.pem"))
    assert done(dfu("getpub", "-k", vectors / "test-only-ecdsa-p256-sec1.pem")) == p256
    assert done(dfu("getpub", "-k", vectors / "test-only-rsa-2048-pkcs1.pem")) == rsa
    password = vectors / "test-only-ecdsa-p256-password.pem"
    assert done(dfu("getpub", "-k", password, env={"DFU_KEY_PASSPHRASE": "correct horse"})) == p256
    one_sentence(dfu("getpub", "-k", password, env={"DFU_KEY_PASSPHRASE": "wrong horse"}), 2,
                 "passphrase is wrong")
    one_sentence(dfu("getpub", "-k", password), 2, "DFU_KEY_PASSPHRASE")


def test_a_key_may_stand_behind_other_parts_of_its_file(vectors, tmp_path):
    """`openssl ecparam -genkey` puts the curve in front; a file may hold both halves, too."""
    key, public = vectors / "test-only-ecdsa-p256.pem", vectors / "test-only-ecdsa-p256-pub.pem"
    curve = subprocess.run(["openssl", "ecparam", "-name", "prime256v1"], check=True,
                           capture_output=True).stdout
    both = tmp_path / "both.pem"
    for parts in ([curve, key.read_bytes()], [public.read_bytes(), key.read_bytes()],
                  [b"My key\n\n", (vectors / "test-only-ecdsa-p256-sec1.pem").read_bytes()]):
        both.write_bytes(b"".join(parts))
        assert done(dfu("keyinfo", "-k", both)) == done(dfu("keyinfo", "-k", key))
        assert done(dfu("getpub", "-k", both)) == done(dfu("getpub", "-k", key))
        assert done(imgtool("getpub", "-k", both)) == done(dfu("getpub", "-k", key))
    both.write_bytes(curve)
    one_sentence(dfu("getpub", "-k", both), 2, "not a key in PEM form")


@pytest.mark.parametrize("way", [
    "pkey -traditional -aes-128-cbc", "pkey -traditional -aes-192-cbc",
    "pkey -traditional -aes-256-cbc", "pkey -traditional -des-ede3-cbc",
    "pkey -traditional -camellia-256-cbc", "pkey -traditional -aria-192-cbc",
    "pkcs8 -topk8 -v2 des3", "pkcs8 -topk8 -v2 camellia-128-cbc", "pkcs8 -topk8 -scrypt",
    "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512", "pkcs8 -topk8 -v1 PBE-SHA1-3DES"])
def test_keys_are_read_however_openssl_protects_them(vectors, tmp_path, way):
    key = vectors / "test-only-ecdsa-p256.pem"
    subprocess.run(["openssl", *way.split(), "-in", key, "-out", tmp_path / "key.pem", "-passout",
                    "pass:correct horse"], check=True)
    assert "ENCRYPTED" in (tmp_path / "key.pem").read_text()
    assert done(dfu("getpub", "-k", tmp_path / "key.pem",
                    env={"DFU_KEY_PASSPHRASE": "correct horse"})) == done(dfu("getpub", "-k", key))


def test_dumpinfo_prints_what_imgtool_printed(vectors, tmp_path):
    count = 0
    for row in manifest(vectors):
        args = shlex.split(row["imgtool_args"])
        if args[0] == "dumpinfo":
            args = args[:args.index(">")]
            wanted = (vectors / row["file"]).read_bytes()
            assert done(dfu(*args, cwd=vectors)) == wanted, row["file"]
            done(dfu(*args, "-o", tmp_path / "out", cwd=vectors))
            written = (tmp_path / "out").read_bytes()
            assert written == (wanted[:-1] if "json" in args else wanted)
            count += 1
    assert count == 24


def test_dumpinfo_survives_every_image(vectors):
    for row in manifest(vectors):
        if row["expected"] != "-":
            result = dfu("dumpinfo", row["file"], cwd=vectors)
            assert result.returncode in (0, 2), row["file"]


def commands(vectors):
    with open(vectors / "cli-behaviour.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_each_command_line_ends_as_with_imgtool_but_never_in_a_traceback(vectors, tmp_path):
    """Success where imgtool succeeds, else one sentence and 1 (verdicts) or 2 (everything else)."""
    checked = 0
    for row in commands(vectors):
        args = shlex.split(row["imgtool_args"])
        if not args:
            continue
        if args[0] in ("sign", "create") and args[-1] == "out.bin":
            args[-1] = str(tmp_path / "out.bin")
        result = dfu(*args, cwd=vectors)
        failed = row["exit_code"] != "0" or ("-E" in args and UNUSABLE_KEYS & set(args))
        if failed:
            is_verdict = args[0] == "verify" and result.returncode == 1
            if result.stdout in (b"private\n", b"public\n"):
                result.stdout = b""  # keyinfo says what it is, then that it should be another
            one_sentence(result, 1 if is_verdict else 2)
        else:
            assert result.returncode == 0, (args, result.stderr)
        checked += 1
    assert checked > 100
