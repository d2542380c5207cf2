# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Combinations of options drawn at random: dfu and imgtool make the same bytes where nothing in
them is random, and read each other's where something is. DFU_MATRIX_SEED draws others."""

import base64
import collections
import os
import random
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from image_format import opened, unprotected
from images import KEY_TYPES, dfu, done, imgtool, our_imgtool

COMBINATIONS = 330
AT_LEAST = 5
SEED = int(os.environ.get("DFU_MATRIX_SEED", "608361"))
VALIDATED = b"Image was correctly validated"
ROOM = 0x200  # zero bytes that roomy.bin and roomy.hex begin with

# What there is to say, each by name; drawn often enough that each is met AT_LEAST times.
OPTIONS = {
    "-k", "--public-key-format", "-H", "--pad-header", "-S", "--align", "--max-align", "-M", "--pad",
    "--test", "--confirm", "--overwrite-only", "-R", "-e", "-s", "-d", "--boot-record",
    "--custom-tlv", "--custom-tlv-file", "--vid", "--cid", "-L", "-F", "--non-bootable", "--sha",
    "--pure", "--pad-sig", "-E", "--encrypt-keylen", "--hmac-sha", "-c", "--save-enctlv",
    "-x", "--vector-to-sign", "--fix-sig", "--fix-sig-pubkey", "--sig-out", "hex in", "hex out",
    "--compression", *KEY_TYPES, "encrypt rsa-2048", "encrypt ecdsa-p256", "encrypt x25519",
}

HASHES = {"": ["256", "384", "512"], "ed25519": ["256", "512"], "ecdsa-p384": ["384"]}
ANY_DEVICE = ["rsa-2048", "ecdsa-p256", "x25519", "x25519", "x25519"]
DEVICES = {"": ANY_DEVICE, "ed25519": ANY_DEVICE,
           "rsa-2048": ["rsa-2048"], "rsa-3072": ["rsa-2048"], "ecdsa-p256": ["ecdsa-p256"]}


class Combination:
    """One draw: the words of the command line, and what has to be known to compare results."""

    def __init__(self, rng, number):
        self.rng, self.number = rng, number
        self.key = rng.choice(["", *KEY_TYPES])
        self.role = "key" if self.key else "none"
        if self.key and rng.random() < 0.3:
            self.role = rng.choice(["fixed", "vector"])
        self.words, self.said = [], collections.Counter()
        self.is_big = self.is_pure = self.is_clear = self.is_packed = False
        self.device = None
        self.take_all()

    def say(self, option, *values):
        self.words += [option, *values]
        self.said[option] += 1

    def maybe(self, chance, option, *choices):
        """Say it with one of the choices (a tuple is several values), or without a value."""
        if self.rng.random() >= chance:
            return False
        choice = self.rng.choice(choices) if choices else ()
        self.say(option, *(choice if isinstance(choice, tuple) else (choice,)))
        return True

    def take_all(self):
        self.take_input()
        self.take_slot()
        self.take_signer()
        self.take_protected()
        self.take_compression()
        self.take_encryption()
        self.take_output()

    def take_input(self):
        rng = self.rng
        self.infile = rng.choice(["tiny.bin", "app.bin", "text.bin", "zeros.bin", "app.hex",
                                  "gaps.hex"])
        self.say("-v", rng.choice(["1", "1.2", "1.2.3", "1.2.3+4", "255.255.65535+4294967295"]))
        self.header = rng.choice([32, 48, 0x200, 0x400])
        if rng.random() < 0.15:
            self.infile, self.header = rng.choice(["roomy.bin", "roomy.hex"]), ROOM
        else:
            self.say("--pad-header")
        self.say("-H", rng.choice([hex(self.header), str(self.header)]))
        if self.infile.endswith(".hex"):
            self.said["hex in"] += 1

    def take_slot(self):
        self.pads = (self.maybe(0.12, "--pad") | self.maybe(0.12, "--test")
                     | self.maybe(0.12, "--confirm"))
        self.say("-S", self.rng.choice(["0x10000", "65536", "0b1_0000_0000_0000_0000"]
                                       + ([] if self.pads else ["0"])))
        self.maybe(0.3, "--align", "1", "2", "4", "8")
        self.maybe(0.25, "--max-align", "8", "16", "32")
        self.maybe(0.2, "-M", "16", "64", "200")
        self.maybe(0.2, "--overwrite-only")
        self.maybe(0.2, "-R", "0", "0xff")
        deterministic = self.key in ("", "ed25519") or self.role == "fixed"
        self.is_big = deterministic and self.maybe(0.25, "-e", "big")

    def take_signer(self):
        if self.key:
            self.said[self.key] += 1
        if self.role in ("key", "vector"):
            self.say("-k", f"{self.key}.pem")
        self.maybe(0.25, "--public-key-format", "hash", "full")
        # imgtool takes no pure signature from elsewhere (docs/DESIGN.md).
        if self.key == "ed25519" and self.role != "fixed" and self.maybe(0.4, "--pure"):
            self.is_pure = True
        else:
            self.maybe(0.3, "--sha", "auto", *HASHES.get(self.key, ["256"]))
        if self.role == "key":
            self.maybe(0.25, "--pad-sig")
            self.maybe(0.2, "--sig-out", f"sig-{self.number}")

    def take_protected(self):
        self.maybe(0.25, "-s", "auto", "7", "0xffff_ffff", "AUTO")
        self.maybe(0.2, "-d", "(1, 1.2.3+4)", "(0,1)junk(2, 2.0.1)(3 , 255.255.65535)")
        self.maybe(0.2, "--boot-record", "SPE", "twelve chars", "\u00e9\u00e8 record 12")
        self.maybe(0.2, "--custom-tlv-file", ("0xa7", "extra.bin"), ("0x1fe", "tiny.bin"))
        for tag in self.rng.sample(["0xa0", "161", "0xfffe"], self.rng.choice([0, 0, 1, 2])):
            self.maybe(1, "--custom-tlv", (tag, "0xdeadbeef"), (tag, "text"), (tag, "0x00"))
        if self.maybe(0.25, "--vid", "example.com", "01234567-89ab-cdef-0123-456789abcdef"):
            self.maybe(0.5, "--cid", "widget", "0123456789ABCDEF0123456789abcdef")
        if not self.maybe(0.15, "-L", "0x2000_0000", "4096"):
            self.maybe(0.15, "-F", "0x10000", "1")
        self.maybe(0.12, "--non-bootable")

    def take_compression(self):
        """imgtool loses --non-bootable on the way, writes no big-endian sizes that could be read
        back, and where compressing does not pay, it also loses the encryption (docs/DESIGN.md)."""
        if (self.role in ("key", "none") and not self.is_big
                and "--non-bootable" not in self.words):
            self.is_packed = self.maybe(0.3, "--compression", "disabled", "lzma2", "lzma2armthumb")

    def take_encryption(self):
        rng = self.rng
        if self.is_big or self.role == "fixed" or rng.random() >= 0.35:
            return
        if self.is_packed and self.infile not in ("text.bin", "zeros.bin"):
            return
        kinds = DEVICES.get(self.key)
        if not kinds:
            return
        kind = rng.choice(kinds)
        self.device = f"device-{kind}.pem"
        self.said[f"encrypt {kind}"] += 1
        self.say("-E", self.device if rng.random() < 0.3 else f"device-{kind}-pub.pem")
        # imgtool's trailer has room for 16-byte keys only (docs/DESIGN.md).
        if not self.pads or "--overwrite-only" in self.words:
            self.maybe(0.4, "--encrypt-keylen", "128", "256")
        if kind == "x25519":
            self.maybe(0.8, "--hmac-sha", "auto", "256", "512")
        self.maybe(0.25, "--save-enctlv")
        self.is_clear = self.maybe(0.25, "-c")

    def take_output(self):
        if self.role == "vector":
            self.say("--vector-to-sign", self.rng.choice(["payload", "digest"]))
            self.words = [word for word in self.words if word not in ("--pad", "--test", "--confirm")]
            for word in ("--pad", "--test", "--confirm"):
                del self.said[word]
        self.suffix = "bin"
        if self.infile.endswith(".hex") and self.rng.random() < 0.6:
            self.suffix = "hex"
        if self.role != "vector" and self.maybe(0.15, "-x", "0x08000000", "0x1fff0", "0"):
            self.suffix = "hex"
        self.said["hex out"] += self.suffix == "hex"
        if self.role == "fixed":
            self.said.update(["--fix-sig", "--fix-sig-pubkey"])

    @property
    def is_deterministic(self):
        return (not self.device and self.key in ("", "ed25519")) or self.role in ("fixed", "vector")

    def sign(self, out):
        """The arguments for an output file; a signature made elsewhere is in fixed-N."""
        words = list(self.words)
        if self.role == "fixed":
            words += ["--fix-sig", f"fixed-{self.number}", "--fix-sig-pubkey", f"{self.key}-pub.pem"]
        return ["sign", *words, self.infile, out]


def draw():
    """So many, and then those that have what was not met often enough yet."""
    rng, found, met = random.Random(SEED), [], collections.Counter()
    while len(found) < COMBINATIONS or rare(met):
        one = Combination(rng, len(found))
        if len(found) < COMBINATIONS or rare(met) & one.said.keys():
            found.append(one)
            met.update(OPTIONS & one.said.keys())
    return found


def rare(met):
    return {option for option in OPTIONS if met[option] < AT_LEAST}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    data = random.Random(1).randbytes(9001)
    (folder / "app.bin").write_bytes(data)
    (folder / "zeros.bin").write_bytes(bytes(4097))
    (folder / "text.bin").write_bytes(b"".join(b"line %d\n" % n for n in range(500)))
    (folder / "tiny.bin").write_bytes(bytes(range(19)))
    (folder / "roomy.bin").write_bytes(bytes(ROOM) + data[:777])
    (folder / "extra.bin").write_bytes(bytes(range(33)))
    write_hex(folder / "app.hex", {0x10200: data[:700]})
    write_hex(folder / "gaps.hex", {0x8000: data[:40], 0xfff0: data[:50], 0x10100: data[:3]})
    write_hex(folder / "roomy.hex", {0x4000: bytes(ROOM) + data[:100]})
    for name in KEY_TYPES:
        done(dfu("keygen", "-k", folder / f"{name}.pem", "-t", name))
        done(dfu("getpub", "-k", folder / f"{name}.pem", "-e", "pem", "-o",
                 folder / f"{name}-pub.pem"))
    for name in ("rsa-2048", "ecdsa-p256", "x25519"):
        done(dfu("keygen", "-k", folder / f"device-{name}.pem", "-t", name))
        done(dfu("getpub", "-k", folder / f"device-{name}.pem", "-e", "pem", "-o",
                 folder / f"device-{name}-pub.pem"))
    return folder


def write_hex(path, parts):
    lines = []
    for base, data in parts.items():
        for at in range(0, len(data), 16):
            address, piece = base + at, data[at:at + 16]
            lines.append(record(4, 0, (address >> 16).to_bytes(2, "big")))
            lines.append(record(0, address & 0xffff, piece))
    path.write_text("\n".join([*lines, ":00000001FF", ""]))


def record(kind, address, data):
    raw = bytes([len(data), address >> 8, address & 0xff, kind]) + data
    return f":{raw.hex()}{-sum(raw) & 0xff:02x}"


def their_part(world, combination):
    """imgtool's output; for a signature made elsewhere, it is also who makes that."""
    number = combination.number
    if combination.role == "fixed":
        words = [*combination.words, "-k", f"{combination.key}.pem", "--sig-out", f"fixed-{number}"]
        done(imgtool("sign", *words, combination.infile, f"signed-{number}.{combination.suffix}",
                     cwd=world))
    return imgtool(*combination.sign(f"theirs-{number}.{combination.suffix}"), cwd=world)


def our_part(world, combination):
    out = f"ours-{combination.number}.{combination.suffix}"
    words = [f"oursig-{combination.number}" if word == f"sig-{combination.number}" else word
             for word in combination.sign(out)]
    return our_imgtool(*words, cwd=world)


def file(world, combination, whose):
    return world / f"{whose}-{combination.number}.{combination.suffix}"


def as_bin(path):
    """The bytes of an output, wherever it lies."""
    if path.suffix == ".bin":
        return path.read_bytes()
    from intelhex import IntelHex
    return IntelHex(str(path)).tobinstr()


def verify(combination, path):
    key = ["-k", f"{combination.key}-pub.pem"] if combination.key else []
    return ["verify", *key, path]


def we_read_theirs(world, combination):
    path = file(world, combination, "theirs")
    opener = ["--decrypt-key", combination.device]
    words = opener if combination.device and not combination.is_clear else []
    done(dfu("dumpinfo", "-o", f"{path}.ours", path, cwd=world))
    return dfu(*verify(combination, path), *words, cwd=world)


def check_they_read_ours(world, combination):
    path = file(world, combination, "ours")
    if not combination.device or combination.is_clear:
        assert VALIDATED in done(imgtool(*verify(combination, path), cwd=world))
    done(imgtool("dumpinfo", "-o", f"{path}.theirs", path, cwd=world))


def check_both_read(world, combination, ours_of_theirs):
    assert VALIDATED in done(ours_of_theirs)
    check_they_read_ours(world, combination)
    path = file(world, combination, "theirs")
    done(imgtool("dumpinfo", "-o", f"{path}.theirs", path, cwd=world))
    assert open(f"{path}.ours", "rb").read() == open(f"{path}.theirs", "rb").read()


def without_randomness(world, combination, whose):
    """What must be equal: the plain region, and the TLVs with signatures and wrapped keys out."""
    image = as_bin(file(world, combination, whose))
    if combination.device and not combination.is_clear:
        return opened(image, world / combination.device)
    found, end = unprotected(image)
    return image[:end], {kind: None if 0x20 <= kind <= 0x34 and kind != 0x25 else value
                         for kind, value in found.items()}


def check_ecdsa_is_rfc_6979(world, combination):
    """The cryptography package signs the same region to the same bytes."""
    image = as_bin(file(world, combination, "ours"))
    found, _ = unprotected(image)
    region, _ = without_randomness(world, combination, "ours")
    key = serialization.load_pem_private_key((world / f"{combination.key}.pem").read_bytes(), None)
    algorithm = hashes.SHA384() if combination.key == "ecdsa-p384" else hashes.SHA256()
    wanted = key.sign(region, ec.ECDSA(algorithm, deterministic_signing=True))
    size = 103 if combination.key == "ecdsa-p384" else 72
    if "--pad-sig" in combination.words:
        wanted = wanted.ljust(size, b"\0")
    assert found[0x22] == wanted


def check(world, combination, ours, theirs, read):
    assert ours.returncode == theirs.returncode == 0, (ours.stderr, theirs.stderr)
    lines = re.findall(rb"image\.py: .*", theirs.stdout)
    assert re.findall(rb"image\.py: .*", ours.stdout) == lines
    if combination.is_deterministic:
        assert (file(world, combination, "ours").read_bytes()
                == file(world, combination, "theirs").read_bytes())
    else:
        # A signature of the image as it will run lies in the region, random or of another length.
        if not combination.is_packed or combination.key in ("", "ed25519"):
            assert (without_randomness(world, combination, "ours")
                    == without_randomness(world, combination, "theirs"))
        check_both_read(world, combination, read.result())
        if combination.key.startswith("ecdsa"):
            check_ecdsa_is_rfc_6979(world, combination)
    if "--sig-out" in combination.words and not combination.is_big:
        found, _ = unprotected(as_bin(file(world, combination, "ours")))
        text = (world / f"oursig-{combination.number}").read_bytes()
        assert base64.b64decode(text) in found.values() and not text.endswith(b"\n")


def test_dfu_and_imgtool_agree_on_every_combination_of_options(world):
    print(f"DFU_MATRIX_SEED={SEED}")
    combinations, wrong, theirs, ours, read = draw(), [], {}, {}, {}
    with ThreadPoolExecutor(2) as pool:
        for combination in combinations:
            n = combination.number
            theirs[n] = their_part(world, combination)
            ours[n] = pool.submit(our_part, world, combination)
            if not combination.is_deterministic:
                read[n] = pool.submit(we_read_theirs, world, combination)
        for combination in combinations:
            n = combination.number
            try:
                check(world, combination, ours[n].result(), theirs[n], read.get(n))
            except AssertionError as why:
                wrong.append(f"{' '.join(combination.sign('OUT'))}\n  {str(why)[:600]}")
    same = sum(combination.is_deterministic for combination in combinations)
    print(f"{len(combinations)} combinations, {same} of them byte for byte")
    assert not wrong, f"DFU_MATRIX_SEED={SEED}\n" + "\n".join(wrong[:10])
