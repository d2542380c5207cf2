# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The real imgtool accepts what dfu makes and the other way round; without a key and with Ed25519
both make the same bytes."""

import io
import itertools
import json
import random
from math import gcd, lcm, prod

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from imgtool import keys

from images import KEY_TYPES, dfu, done, imgtool, one_sentence

BASE = ["-v", "1.2.3+4", "-H", "0x200", "--pad-header", "-S", "0x10000"]
VALIDATED = b"Image was correctly validated"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a program and a key of each type by each tool."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "app.bin").write_bytes(random.Random(1).randbytes(9001))
    (folder / "roomy.bin").write_bytes(bytes(0x200) + random.Random(2).randbytes(500))
    (folder / "extra.bin").write_bytes(bytes(range(33)))
    for kind in KEY_TYPES:
        done(dfu("keygen", "-k", folder / f"dfu-{kind}.pem", "-t", kind))
        done(imgtool("keygen", "-k", folder / f"imgtool-{kind}.pem", "-t", kind))
    return folder


def test_the_peer_is_the_real_imgtool():
    assert done(imgtool("version")) == b"2.4.0\n"


@pytest.mark.parametrize("kind", KEY_TYPES)
@pytest.mark.parametrize("maker", ["dfu", "imgtool"])
def test_imgtool_verifies_what_dfu_signed(world, kind, maker):
    key = world / f"{maker}-{kind}.pem"
    out = world / f"d-{maker}-{kind}.bin"
    done(dfu("sign", "-k", key, *BASE, "-s", "auto", "-d", "(1, 2.0)", world / "app.bin", out))
    assert VALIDATED in done(imgtool("verify", "-k", key, out))
    assert VALIDATED in done(dfu("verify", "-k", key, out))


@pytest.mark.parametrize("kind", KEY_TYPES)
@pytest.mark.parametrize("maker", ["dfu", "imgtool"])
def test_dfu_verifies_what_imgtool_signed(world, kind, maker):
    key = world / f"{maker}-{kind}.pem"
    public = world / f"{maker}-{kind}-pub.pem"
    out = world / f"i-{maker}-{kind}.bin"
    done(imgtool("sign", "-k", key, *BASE, "--boot-record", "SPE", world / "app.bin", out))
    done(dfu("getpub", "-k", key, "-e", "pem", "-o", public))
    ours = done(dfu("verify", "-k", public, out))
    assert ours == done(imgtool("verify", "-k", key, out))


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_key_of_the_same_type_by_somebody_else_is_refused(world, kind):
    out = world / f"other-{kind}.bin"
    done(imgtool("sign", "-k", world / f"imgtool-{kind}.pem", *BASE, world / "app.bin", out))
    one_sentence(dfu("verify", "-k", world / f"dfu-{kind}.pem", out), 1, "is not signed with")


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_every_byte_of_a_signed_image_counts(world, kind):
    key = world / f"dfu-{kind}.pem"
    out = world / f"flip-{kind}.bin"
    done(dfu("sign", "-k", key, *BASE, world / "app.bin", out))
    good = out.read_bytes()
    for at in (0, 21, 40, 0x200, 5000, len(good) - 300, len(good) - 40, len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 0x10
        out.write_bytes(bad)
        one_sentence(dfu("verify", "-k", key, out), 1)


# Each option with the ways it can be said; every pair of options is tried together below.
CHOICES = [
    [[], ["-s", "7"], ["-s", "auto"], ["--security-counter=0xffff_ffff"]],
    [[], ["-d", "(1, 1.2.3+4)"], ["--dependencies", "(0,1)junk(2, 2.0.1)(3 , 255.255.65535)"]],
    [[], ["--boot-record", "SPE"], ["--boot-record", "\u00e9\u00e8 record 12"]],
    [[], ["--vid", "example.com"], ["--vid", "01234567-89ab-cdef-0123-456789abcdef", "--cid",
                                    "widget"], ["--cid", "0123456789ABCDEF0123456789abcdef"]],
    [[], ["--custom-tlv", "0xa0", "0xdeadbeef", "--custom-tlv", "0xfffe", "text"],
     ["--custom-tlv-file", "0xc0", "extra.bin", "--custom-tlv", "0xb0", "x"]],
    [[], ["--pad"], ["--confirm"], ["--test", "--align", "8"],
     ["--confirm", "--align", "16", "-M", "64"], ["--pad", "--max-align", "32"],
     ["--confirm", "--overwrite-only", "--align=4"]],
    [[], ["-R", "0"]],
    [[], ["-L", "0x20000000"], ["-F", "0x08040000", "--non-bootable"]],
]
HASHES = {"": [[], ["--sha", "256"], ["--sha", "384"], ["--sha", "512"]],
          "ed25519": [[], ["--sha", "512"], ["--pure"], ["--public-key-format", "full"]]}


def pairs_of_options(hashes):
    """Option lists in which each choice of each option meets each choice of every other."""
    options = CHOICES + [hashes]
    for (i, first), (j, second) in itertools.combinations(enumerate(options), 2):
        for a, b in itertools.product(first[1:], second[1:]):
            yield [*a, *b]


def combinations(hashes):
    """A spread of the pairs, and everything at once."""
    found = list(pairs_of_options(hashes))
    random.Random(3).shuffle(found)
    yield from found[:40]
    yield [word for choice in CHOICES for word in choice[1]]


@pytest.mark.parametrize("kind", ["", "ed25519"])
def test_the_bytes_are_imgtools_for_the_same_options(world, tmp_path, kind):
    key = ["-k", f"imgtool-{kind}.pem"] if kind else []
    different = []
    for options in combinations(HASHES[kind]):
        args = ["sign", *key, *BASE, *options, "app.bin"]
        done(imgtool(*args, tmp_path / "theirs.bin", cwd=world))
        done(dfu(*args, tmp_path / "ours.bin", cwd=world))
        if (tmp_path / "ours.bin").read_bytes() != (tmp_path / "theirs.bin").read_bytes():
            different.append(options)
    assert not different


def test_header_space_in_the_input_is_used_as_imgtool_uses_it(world, tmp_path):
    args = ["sign", "-v", "255.255.65535+4294967295", "-H", "512", "-S", "8192", "roomy.bin"]
    done(imgtool(*args, tmp_path / "theirs.bin", cwd=world))
    done(dfu(*args, tmp_path / "ours.bin", cwd=world))
    assert (tmp_path / "ours.bin").read_bytes() == (tmp_path / "theirs.bin").read_bytes()


@pytest.mark.parametrize("sizes", [(1, 8), (2, 8), (4, 8), (8, 8), (16, 16), (32, 32), (4, 16)])
@pytest.mark.parametrize("mode", [[], ["--overwrite-only"]])
def test_the_largest_image_that_imgtool_lets_into_a_slot_is_ours(world, tmp_path, sizes, mode):
    """Both accept the same slot size and refuse one byte less."""
    align, max_align = sizes
    base = ["sign", "-v", "1", "-H", "32", "--pad-header", "--align", align, "--max-align",
            max_align, *mode]
    magic = max(16, max_align)
    trailer = (2 if mode else 4) * max_align + magic + (0 if mode else 128 * 3 * align)
    size = 32 + 9001 + 4 + 36 + trailer
    for tool in (imgtool, dfu):
        fits = tool(*base, "-S", size, "app.bin", tmp_path / "fits.bin", cwd=world)
        assert fits.returncode == 0
        refused = tool(*base, "-S", size - 1, "app.bin", tmp_path / "no.bin", cwd=world)
        assert refused.returncode == 2 and b"exceeds requested size" in refused.stderr
        assert not (tmp_path / "no.bin").exists()


def test_a_protected_key_signs_with_its_passphrase(world, tmp_path):
    key = tmp_path / "protected.pem"
    secret = {"DFU_KEY_PASSPHRASE": "correct horse"}
    done(dfu("keygen", "-k", key, "-t", "ecdsa-p256", "-p", env=secret))
    assert b"ENCRYPTED PRIVATE KEY" in key.read_bytes()
    args = ["sign", "-k", key, *BASE, world / "app.bin", tmp_path / "out.bin"]
    one_sentence(dfu(*args), 2, "DFU_KEY_PASSPHRASE")
    one_sentence(dfu(*args, env={"DFU_KEY_PASSPHRASE": "wrong"}), 2, "passphrase is wrong")
    done(dfu(*args, env=secret))
    done(dfu("verify", "-k", key, tmp_path / "out.bin", env=secret))


def test_a_new_key_is_secret_and_replaces_nothing(world, tmp_path):
    key = tmp_path / "key.pem"
    done(dfu("keygen", "-k", key, "-t", "ed25519"))
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    one_sentence(dfu("keygen", "-k", key, "-t", "ed25519"), 2, "there already")
    assert key.read_bytes() == before
    done(dfu("keygen", "-k", key, "-t", "ed25519", "--force"))
    assert key.read_bytes() != before


PRIVATE_FORMS = [[], ["-f", "openssl"], ["-f", "pkcs8"], ["--minimal"],
                 ["--minimal", "-f", "openssl"]]


def their_private_key(path, form):
    """What imgtool's getpriv prints, or None where it refuses the form; by its classes, because the
    command prints to the output that Python started with."""
    text = io.StringIO()
    try:
        keys.load(path).emit_private("--minimal" in form, form[-1] if "-f" in form else None, text)
    except (keys.ECDSAUsageError, keys.Ed25519UsageError, keys.X25519UsageError):
        return None
    except keys.RSAUsageError as error:
        assert "while minimizing" not in str(error), "a key that imgtool cannot take apart"
        return None
    return text.getvalue()


SMALL_PRIMES = prod(p for p in range(2, 2000) if all(p % d for d in range(2, min(p, 45))))


def is_prime(number):
    """By Miller and Rabin; the numbers asked about come from a seed, not from an adversary."""
    if gcd(number, SMALL_PRIMES) > 1:
        return False
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for base in (2, 3, 5, 7):
        power = pow(base, odd, number)
        if power not in (1, number - 1) and \
                all((power := power * power % number) != number - 1 for _ in range(twos - 1)):
            return False
    return True


def rsa_pem(bits, seed, shared=2):
    """A key from a seed; p - 1 and q - 1 share a factor of about this many bits, and the private
    exponent is shorter by as many (RFC 8017, 3.2: it is found modulo their least common
    multiple)."""
    draw = random.Random(seed)
    factor = 2 * (draw.getrandbits(shared) | 1 << (shared - 1) | 1)

    def prime():
        while True:
            top = draw.getrandbits(bits // 2) | 3 << (bits // 2 - 2)
            number = top // factor * factor + 1
            if gcd(number - 1, 65537) == 1 and is_prime(number):
                return number

    p, q = prime(), prime()
    d = pow(65537, -1, lcm(p - 1, q - 1))
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
                                    rsa.RSAPublicNumbers(65537, p * q))
    return numbers, numbers.private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def private_keys(kind, folder):
    """Five new keys, as lengths of numbers differ; one from a seed for RSA, where imgtool fails for
    about one key in two hundred."""
    for number in range(1 if "rsa" in kind else 5):
        key = folder / f"{number}.pem"
        if "rsa" in kind:
            key.write_bytes(rsa_pem(int(kind[-4:]), 1)[1])
        else:
            done(dfu("keygen", "-k", key, "-t", kind))
        yield key


@pytest.mark.parametrize("kind", [*KEY_TYPES, "x25519"])
def test_imgtool_prints_the_same_private_keys_for_our_files(tmp_path, kind):
    """And refuses the same forms."""
    printed = refused = 0
    for key in private_keys(kind, tmp_path):
        for form in PRIVATE_FORMS:
            ours, theirs = dfu("getpriv", "-k", key, *form), their_private_key(key, form)
            if theirs is None:
                one_sentence(ours, 2)
                refused += 1
            else:
                assert done(ours).decode() == theirs, form
                printed += 1
    assert printed + refused in (5, 25) and (printed > 0) == (kind != "ed25519")


def integers(der):
    """The integers of a DER sequence that are whole, in order (X.690, 8.1)."""
    def head(at):
        length, size = der[at + 1], 2
        if length & 0x80:
            size += length & 0x7f
            length = int.from_bytes(der[at + 2:at + size], "big")
        return at + size, length

    at, length = head(0)
    assert at + length == len(der)
    while at < len(der):
        start, length = head(at)
        yield int.from_bytes(der[start:start + length], "big")
        at = start + length


def test_a_short_private_exponent_is_printed_where_imgtool_fails(tmp_path):
    """Its minimal form wants a length of two bytes, so an exponent under 2**2039 stops it."""
    key = tmp_path / "short.pem"
    numbers, pem = rsa_pem(2048, 2, shared=40)
    assert numbers.d < 2**2010
    key.write_bytes(pem)
    with pytest.raises(AssertionError, match="cannot take apart"):
        their_private_key(key, ["--minimal"])
    der = bytes.fromhex(json.loads(done(dfu("getpriv", "-k", key, "--minimal", "--json")))["der"])
    public = numbers.public_numbers
    assert list(integers(der)) == [0, public.n, public.e, numbers.d, numbers.p, numbers.q]


def test_imgtool_prints_the_same_code_for_our_keys(world):
    for kind in KEY_TYPES:
        for form in (["getpub"], ["getpub", "-e", "lang-rust"], ["getpubhash"]):
            key = world / f"dfu-{kind}.pem"
            assert done(dfu(*form, "-k", key)) == done(imgtool(*form, "-k", key))
