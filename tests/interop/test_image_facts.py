# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What can be asked of images: who signed one, in what two differ, what one holds, and whether the
bill of materials beside it is the one that was signed."""

import hashlib
import json
import os
import random
import resource
import struct
import uuid

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from images import KEY_TYPES, dfu, done, imgtool, manifest, one_sentence, unpack_vectors

BASE = ["-H", "32", "--pad-header", "-S", "0x40000"]
SEED = int(os.environ.get("DFU_TEST_SEED", "20261121"))
SBOM = 0x5ba0


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for kind in KEY_TYPES:
        done(dfu("keygen", "-k", folder / f"{kind}.pem", "-t", kind))
        done(dfu("getpub", "-k", folder / f"{kind}.pem", "-e", "pem", "-o",
                 folder / f"{kind}-pub.pem"))
    return folder


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.bin").write_bytes(os.urandom(5000))
    return tmp_path / "app.bin"


def sign(app, out, *args, version="1.2.3"):
    done(dfu("sign", "-v", version, *BASE, *args, app, out))
    return out


def tlvs(image, protected):
    """(type, value) of one area, read by the specification alone."""
    data = image.read_bytes()
    header, prot, size = struct.unpack_from("<HHI", data, 8)
    at = header + size + (0 if protected else prot)
    magic, total = struct.unpack_from("<HH", data, at)
    assert magic == (0x6908 if protected else 0x6907)
    end, at = at + total, at + 4
    while at < end:
        kind, length = struct.unpack_from("<HH", data, at)
        yield kind, data[at + 4:at + 4 + length]
        at += 4 + length


# which key ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KEY_TYPES)
def test_the_key_that_signed_is_found_among_all(keys, app, tmp_path, kind):
    image = sign(app, tmp_path / "image.bin", "-k", keys / f"{kind}.pem")
    asked = [part for other in KEY_TYPES for part in ("-k", keys / f"{other}-pub.pem")]
    text = done(dfu("verify", "--which", *asked, image)).decode()
    assert text.startswith(f"{keys / kind}-pub.pem (") and text.count("\n") == 1
    told = json.loads(done(dfu("--json", "verify", "--which", *asked, image)))
    assert told["valid"] and [key["signed"] for key in told["keys"]] == [
        other == kind for other in KEY_TYPES]


def test_none_of_the_keys_is_an_answer_and_a_broken_image_another(keys, app, tmp_path):
    image = sign(app, tmp_path / "image.bin", "-k", keys / "ed25519.pem")
    others = ["-k", keys / "rsa-2048.pem", "-k", keys / "ecdsa-p256.pem"]
    one_sentence(dfu("verify", "--which", *others, image), 1, "none of these keys")
    told = dfu("--json", "verify", "--which", *others, image)
    assert told.returncode == 1 and json.loads(told.stdout)["valid"] is False
    data = bytearray(image.read_bytes())
    data[100] ^= 1
    image.write_bytes(data)
    one_sentence(dfu("verify", "--which", *others, "-k", keys / "ed25519.pem", image), 1,
                 "not valid, whoever signed it", "hash does not match")
    one_sentence(dfu("verify", "--which", image), 2, "-k")
    one_sentence(dfu("verify", "--which", "-k", keys / "none.pem", image), 2, "none.pem")


# diff ---------------------------------------------------------------------------------------------

def compare(a, b):
    result = dfu("--json", "diff", a, b)
    told = json.loads(result.stdout)
    assert result.returncode == (0 if told["equal"] else 1), result.stderr
    return told


def test_the_same_image_is_the_same(keys, app, tmp_path):
    a = sign(app, tmp_path / "a.bin", "-k", keys / "ed25519.pem")
    b = sign(app, tmp_path / "b.bin", "-k", keys / "ed25519.pem")
    assert b"the same image" in done(dfu("diff", a, b))
    assert done(dfu("-q", "diff", a, b)) == b""
    assert compare(a, b) == {"a": str(a), "b": str(b), "equal": True, "header": {}, "tlvs": [],
                             "payload": {"a_size": 5000, "b_size": 5000, "differing_bytes": 0,
                                         "ranges": []}, "rest_differs": False}


def test_header_tlvs_and_payload_ranges_are_told(app, tmp_path):
    a = sign(app, tmp_path / "a.bin", "-s", "1", "--custom-tlv", "0xa0", "0x01")
    data = bytearray(app.read_bytes())
    for at in (0, 100, 110, 4999):
        data[at] ^= 0xff
    app.write_bytes(data + b"more")
    b = sign(app, tmp_path / "b.bin", "-s", "2", "--custom-tlv", "0xa1", "0x02", version="1.2.4")
    told = compare(a, b)
    assert told["header"]["version"] == {"a": "1.2.3+0", "b": "1.2.4+0"}
    assert told["header"]["img_size"] == {"a": hex(5000), "b": hex(5004)}
    assert set(told["header"]) == {"version", "img_size"}
    named = {entry["name"]: (entry["a"], entry["b"], entry["protected"]) for entry in told["tlvs"]}
    assert named.pop("SHA256")[2] is False
    assert named == {"SEC_CNT": ("01000000", "02000000", True), "0xa0": ("01", None, True),
                     "0xa1": (None, "02", True)}
    assert told["payload"] == {"a_size": 5000, "b_size": 5004, "differing_bytes": 8, "ranges": [
        {"offset": 0, "length": 1}, {"offset": 100, "length": 11}, {"offset": 4999, "length": 5}]}
    text = dfu("diff", a, b)
    for words in (b"1.2.3+0 -> 1.2.4+0", b"01000000 -> 02000000", b"01 -> absent",
                  b"absent -> 02", b"8 of 5004 bytes differ", b"0x000064..0x00006e 11 bytes"):
        assert words in text.stdout, text.stdout
    assert text.returncode == 1


def test_repeated_tlvs_are_compared_in_turn(app, tmp_path):
    a = sign(app, tmp_path / "a.bin", "-d", "(1, 1.0.0)(2, 2.0.0)")
    b = sign(app, tmp_path / "b.bin", "-d", "(1, 1.0.0)(2, 2.0.1)(3, 1.0.0)")
    told = [entry for entry in compare(a, b)["tlvs"] if entry["name"] == "DEPENDENCY"]
    assert [(entry["a"] or "")[:2] + "/" + (entry["b"] or "")[:2] for entry in told] == [
        "02/02", "/03"]


def test_padding_header_space_and_text_of_many_ranges_count(app, tmp_path):
    a = sign(app, tmp_path / "a.bin", "--pad")
    b = sign(app, tmp_path / "b.bin", "--confirm")
    assert compare(a, b) | {"a": "", "b": ""} == {
        "a": "", "b": "", "equal": False, "header": {}, "tlvs": [], "rest_differs": True,
        "payload": {"a_size": 5000, "b_size": 5000, "differing_bytes": 0, "ranges": []}}
    wide = ["-v", "1", "-H", "64", "--pad-header", "-S", "0x40000", app]
    done(dfu("sign", *wide, tmp_path / "c.bin"))
    done(dfu("sign", "-R", "0", *wide, tmp_path / "d.bin"))
    assert set(compare(tmp_path / "c.bin", tmp_path / "d.bin")["header"]) == {"header_padding"}
    app.write_bytes(bytes(5000))
    c = sign(app, tmp_path / "c.bin")
    app.write_bytes(b"".join(b"\1" + bytes(39) for _ in range(125)))
    d = sign(app, tmp_path / "d.bin")
    assert len(compare(c, d)["payload"]["ranges"]) == 125
    assert b"and 93 more ranges" in dfu("diff", c, d).stdout


def test_what_is_no_image_cannot_be_compared(app, tmp_path):
    image = sign(app, tmp_path / "image.bin")
    one_sentence(dfu("diff", image, app), 2, "cannot compare", "app.bin")
    one_sentence(dfu("diff", tmp_path / "none.bin", image), 2, "none.bin")
    one_sentence(dfu("diff", image), 2, "IMGFILE is missing")


def test_no_pair_of_vectors_does_harm(tmp_path):
    """Each vector, whole or spoiled, against another one: an answer or one sentence."""
    folder = unpack_vectors(tmp_path)
    names = [row["file"] for row in manifest(folder) if row["file"].endswith(".bin")]
    rng = random.Random(SEED)
    print("seed", SEED)
    codes = set()
    for name in names[::3]:
        data = bytearray((folder / name).read_bytes())
        for _ in range(rng.randrange(3)):
            data[rng.randrange(min(len(data), 64))] ^= 1 << rng.randrange(8)
        (tmp_path / "spoiled.bin").write_bytes(data)
        result = dfu("--json", "diff", tmp_path / "spoiled.bin", folder / rng.choice(names))
        assert result.returncode in (0, 1, 2), result.stderr
        json.loads(result.stdout)
        codes.add(result.returncode)
    assert codes >= {1, 2}


# dumpinfo --json ----------------------------------------------------------------------------------

def test_json_is_imgtools_and_more(keys, app, tmp_path):
    vendor = uuid.uuid4()
    image = sign(app, tmp_path / "image.bin", "-k", keys / "ecdsa-p256.pem", "-s", "7", "-d",
                 "(1, 2.3.4+5)", "--vid", str(vendor), "--custom-tlv", "0xa0", "hi",
                 "--non-bootable", "--pad")
    plain = json.loads(done(imgtool("dumpinfo", "-f", "json", image)))
    assert json.loads(done(dfu("dumpinfo", "-f", "json", image))) == plain
    more = json.loads(done(dfu("--json", "dumpinfo", image)))
    assert more["image_size"] < more["file_size"] == 0x40000 and more["fault"] is None
    assert more["header"]["flag_names"] == ["NON_BOOTABLE"]
    assert more["payload"] == {"offset": 32, "size": 5000}
    values = {entry["type_name"]: entry.get("value") for entry in more["tlv_area"]["tlvs_prot"]}
    assert values == {"SEC_CNT": 7, "DEPENDENCY": {"image": 1, "min_version": "2.3.4+5"},
                      "UUID_VID": str(vendor), "UNKNOWN": None}
    data = image.read_bytes()
    for area in ("tlvs_prot", "tlvs"):
        for entry in more["tlv_area"][area]:
            at = entry.pop("offset")
            assert data[at:at + entry["len"]].hex() == entry["data"]
            entry.pop("value", None)
    for name in ("file_size", "image_size", "fault", "payload"):
        del more[name]
    del more["header"]["flag_names"]
    assert more == plain
    done(dfu("--json", "dumpinfo", "-o", tmp_path / "facts.json", image))
    assert json.loads((tmp_path / "facts.json").read_text())["payload"]["size"] == 5000


# bills of materials -------------------------------------------------------------------------------

COMPONENTS = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 4, "components": [
    {"type": "library", "name": "zlib", "version": "1.2.13", "bom-ref": "firmware"}],
    "dependencies": [{"ref": "firmware"}]}


def is_valid(text):
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    return error is None


def test_the_validator_finds_faults():
    assert is_valid(json.dumps(COMPONENTS))
    assert not is_valid(json.dumps(COMPONENTS | {"serialNumber": "1"}))


@pytest.mark.parametrize("env", [{}, {"SOURCE_DATE_EPOCH": "1700000000"}])
def test_the_bill_is_cyclonedx_and_the_image_carries_its_digest(keys, app, tmp_path, env):
    bom, image = tmp_path / "app.cdx.json", tmp_path / "image.bin"
    args = ["sign", "-k", keys / "ed25519.pem", "-v", "1.2.3+4", *BASE, "--sbom", bom, app, image]
    done(dfu(*args, env=env))
    text = bom.read_text()
    assert is_valid(text)
    told = json.loads(text)
    subject = told["metadata"]["component"]
    assert (subject["type"], subject["name"], subject["version"]) == ("firmware", "app.bin",
                                                                     "1.2.3+4")
    assert subject["hashes"] == [{"alg": "SHA-256",
                                  "content": hashlib.sha256(app.read_bytes()).hexdigest()}]
    assert told["metadata"].get("timestamp") == ("2023-11-14T22:13:20Z" if env else None)
    uuid.UUID(told["serialNumber"].removeprefix("urn:uuid:"))
    assert dict(tlvs(image, True))[SBOM] == hashlib.sha256(text.encode()).digest()
    done(dfu("verify", "-k", keys / "ed25519-pub.pem", "--sbom", bom, image))
    done(imgtool("verify", "-k", keys / "ed25519.pem", image))
    assert b"SBOM (0x5ba0)" in done(dfu("dumpinfo", image))
    first = image.read_bytes()
    done(dfu(*args, env=env))  # the same bytes again
    assert (image.read_bytes(), bom.read_text()) == (first, text)
    app.write_bytes(app.read_bytes() + b"x")
    done(dfu(*args, env=env))
    assert json.loads(bom.read_text())["serialNumber"] != told["serialNumber"]


def test_components_come_from_the_builds_own_bill(keys, app, tmp_path):
    (tmp_path / "build.json").write_text(json.dumps(COMPONENTS))
    bom = tmp_path / "app.cdx.json"
    sign(app, tmp_path / "image.bin", "--sbom", bom, "--sbom-from", tmp_path / "build.json")
    told = json.loads(bom.read_text())
    assert is_valid(bom.read_text())
    assert told["components"] == COMPONENTS["components"]
    assert told["dependencies"] == COMPONENTS["dependencies"] and told["version"] == 1


def test_a_program_with_room_for_the_header_is_hashed_without_it(app, tmp_path):
    program = app.read_bytes()
    app.write_bytes(bytes(32) + program)
    done(dfu("sign", "-v", "1", "-H", "32", "-S", "0x40000", "--sbom", tmp_path / "bom", app,
             tmp_path / "image.bin"))
    told = json.loads((tmp_path / "bom").read_text())["metadata"]["component"]["hashes"]
    assert told[0]["content"] == hashlib.sha256(program).hexdigest()


def test_another_or_a_changed_bill_is_refused(keys, app, tmp_path):
    bom, image = tmp_path / "app.cdx.json", tmp_path / "image.bin"
    sign(app, image, "-k", keys / "ed25519.pem", "--sbom", bom)
    check = ["verify", "-k", keys / "ed25519.pem", "--sbom"]
    bom.write_text(bom.read_text().replace("firmware", "Firmware"))
    one_sentence(dfu(*check, bom, image), 1, "not the bill of materials", "app.cdx.json")
    one_sentence(dfu(*check, tmp_path / "none", image), 2, "cannot read")
    sign(app, image, "-k", keys / "ed25519.pem")
    one_sentence(dfu(*check, bom, image), 1, "without a bill of materials")
    sign(app, image, "-k", keys / "ed25519.pem", "--custom-tlv", hex(SBOM), "0x0102")
    one_sentence(dfu(*check, bom, image), 1, "no SHA-256")


def test_what_makes_no_bill_leaves_no_file(app, tmp_path):
    bom, image = tmp_path / "app.cdx.json", tmp_path / "image.bin"
    args = ["sign", "-v", "1", *BASE, "--sbom", bom]
    before = set(tmp_path.iterdir()) | {tmp_path / "other.json"}

    def refused(words, *more, **how):
        one_sentence(dfu(*args, *more, app, image, **how), 2, *words)
        assert set(tmp_path.iterdir()) <= before

    for text in ("", "{", "[]", '{"bomFormat": "SPDX"}', "null"):
        (tmp_path / "other.json").write_text(text)
        refused(["no bill of materials"], "--sbom-from", tmp_path / "other.json")
    (tmp_path / "other.json").write_text('{"bomFormat": "CycloneDX", "components": {}}')
    refused(["components", "no list"], "--sbom-from", tmp_path / "other.json")
    refused(["--sbom makes the TLV"], "--custom-tlv", hex(SBOM), "x")
    refused(["SOURCE_DATE_EPOCH"], env={"SOURCE_DATE_EPOCH": "yesterday"})
    one_sentence(dfu("sign", "-v", "1", *BASE, "--sbom-from", tmp_path / "other.json", app, image),
                 2, "--sbom")
    one_sentence(dfu("sign", "-v", "1", *BASE, "--sbom", tmp_path / "none" / "x", app, image), 2,
                 "cannot write")
    assert set(tmp_path.iterdir()) <= before


@pytest.mark.parametrize("option", ["--sbom", "--sig-out"])
def test_beside_an_image_that_cannot_be_written_nothing_appears(keys, app, tmp_path, option):
    beside, image = tmp_path / "beside", tmp_path / "image.bin"
    beside.write_text("what was there")

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    one_sentence(dfu("sign", "-k", keys / "ed25519.pem", "-v", "1", *BASE, option, beside, app,
                     image, preexec_fn=small_files), 2, "cannot write", "image.bin")
    assert beside.read_text() == "what was there"
    assert {path.name for path in tmp_path.iterdir()} == {"app.bin", "beside"}
