# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The image format once more, on the cryptography package: a second opinion on what dfu makes and
imgtool cannot read."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap


def number(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def ctr(key, data):
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(data)


def unprotected(image):
    """Type to value of the TLVs behind the region that is hashed, and that region's length."""
    end = number(image, 8, 2) + number(image, 12, 4) + number(image, 10, 2)
    assert image[end:end + 2] == b"\x07\x69"
    at, stop, found = end + 4, end + number(image, end + 2, 2), {}
    while at < stop:
        found[number(image, at, 2)] = image[at + 4:at + 4 + number(image, at + 2, 2)]
        at += 4 + number(image, at + 2, 2)
    return found, end


def open_ecies(secret, rest, size, algorithm):
    digest = algorithm.digest_size
    tag, wrapped = rest[:digest], rest[digest:]
    keys = HKDF(algorithm, size + digest, None, b"MCUBoot_ECIES_v1").derive(secret)
    assert hmac.digest(keys[size:], wrapped, algorithm.name) == tag
    assert len(wrapped) == size
    return ctr(keys[:size], wrapped)


def unwrap(key_file, kind, value, size):
    if key_file.suffix == ".b64":
        assert kind == 0x31
        return aes_key_unwrap(base64.b64decode(key_file.read_bytes()), value)
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        assert kind == 0x30
        return key.decrypt(value, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(),
                                               None))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        assert kind == 0x32
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), value[:65])
        return open_ecies(key.exchange(ec.ECDH(), point), value[65:], size, hashes.SHA256())
    secret = key.exchange(x25519.X25519PublicKey.from_public_bytes(value[:32]))
    assert kind in (0x33, 0x34)
    return open_ecies(secret, value[32:], size,
                      hashes.SHA256() if kind == 0x33 else hashes.SHA512())


def opened(image, key_file):
    """The region that was hashed, and the rest with the key TLV's value left out."""
    found, end = unprotected(image)
    kind = next(kind for kind in found if 0x30 <= kind <= 0x34)
    size = {4: 16, 8: 32}[number(image, 16, 4) & 0xc]
    header, body = number(image, 8, 2), number(image, 12, 4)
    key = unwrap(key_file, kind, found[kind], size)
    assert len(key) == size
    region = image[:header] + ctr(key, image[header:header + body]) + image[header + body:end]
    digest = next(found[kind] for kind in (0x10, 0x11, 0x12) if kind in found)
    assert {32: hashlib.sha256, 48: hashlib.sha384, 64: hashlib.sha512}[len(digest)](
        region).digest() == digest
    return region, {kind: None if 0x20 <= kind <= 0x34 and kind != 0x25 else value
                    for kind, value in found.items()}
