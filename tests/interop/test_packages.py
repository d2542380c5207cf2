# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What `dfu upgrade` and `dfu image upload` take beside a binary, against the virtual device."""

import json
import os
import random
import zipfile

import pytest
from intelhex import IntelHex

from packages import pack
from virtual_device import DFU, make_image, run


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n"),
    }


def dfu(device, *words):
    done = run(DFU, "-d", f"udp:{device.address}", *words, timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def facts(device, *words):
    done = dfu(device, "-q", "--json", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def listed(device):
    return {(slot["image"], slot["slot"]): slot
            for slot in facts(device, "image", "list")["images"]}


def assert_sentence(done, code, *words):
    """One sentence on standard error with that code and these words."""
    assert done.returncode == code, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("dfu: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0], errors[0]


def as_hex(binary, path, base=0xc200):
    text = IntelHex()
    text.frombytes(binary.read_bytes(), offset=base)
    text.write_hex_file(str(path))
    return path


# ---- Intel HEX ----

def test_a_hex_file_is_sent_as_the_binary_that_it_holds(device, images, tmp_path):
    device.start("--init", images["v1"])
    path = as_hex(images["v2"], tmp_path / "v2.hex")
    size = images["v2"].stat().st_size
    assert facts(device, "image", "upload", path)["bytes"] == size
    held = listed(device)[0, 1]["hash"]
    assert facts(device, "image", "upload", images["v2"])["resumed_at"] == size  # the same bytes
    assert facts(device, "upgrade", path)["outcome"] == "confirmed"
    assert listed(device)[0, 0]["hash"] == held


def test_a_hex_file_that_is_not_sound_or_no_image_is_refused_before_anything_is_sent(device, images,
                                                                                     tmp_path):
    path = as_hex(images["v2"], tmp_path / "v2.hex")
    text = path.read_text()
    for command in (["upgrade"], ["image", "upload"]):
        path.write_text(text[:4000])
        assert_sentence(dfu(device, *command, path), 2, "v2.hex", "line")
        path.write_text(text.replace("\n", "x\n", 1))
        assert_sentence(dfu(device, *command, path), 2, "v2.hex", "line 1")
        as_hex(images["v2"], path).write_text(":0100000041BE\n:00000001FF\n")
        assert_sentence(dfu(device, *command, path), 1, "v2.hex", "not a firmware image")


# ---- Packages ----

@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return {
        "app1": make_image(folder / "app1.bin", "1.0.0", "name=app\n"),
        "app2": make_image(folder / "app2.bin", "2.0.0", "name=app\n",
                           more=("--dependencies", "(1, 2.0.0+0)")),
        "alone2": make_image(folder / "alone2.bin", "2.0.0", "name=app\n"),
        "net1": make_image(folder / "net1.bin", "1.0.0"),
        "net2": make_image(folder / "net2.bin", "2.0.0", fill=1),
    }


@pytest.fixture
def two(device, pair):
    device.start("--init", pair["app1"], "--init", pair["net1"], board="two-images")
    return device


def versions(device):
    return {number: (slot["version"], slot["confirmed"])
            for (number, at), slot in listed(device).items() if at == 0}


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_package_upgrades_all_its_images_with_one_reset(two, pair, tmp_path, how):
    path = pack(tmp_path / "dfu_application.ZIP", (0, pair["app2"]), (1, pair["net2"]), how=how)
    done = facts(two, "upgrade", path)
    assert done["outcome"] == "confirmed"
    assert [(one["image"], one["version"], one["version_before"]) for one in done["images"]] == [
        (0, "2.0.0+0", "1.0.0"), (1, "2.0.0+0", "1.0.0")]
    assert versions(two) == {0: ("2.0.0", True), 1: ("2.0.0", True)}
    assert two.console().count("*** Booting") == 2
    assert facts(two, "upgrade", path)["outcome"] == "already running"
    assert two.console().count("*** Booting") == 2


def test_a_package_may_stop_before_each_decision(two, pair, tmp_path):
    path = pack(tmp_path / "p.zip", (0, pair["app2"]), (1, pair["net2"]))
    assert facts(two, "upgrade", "--no-reset", path)["outcome"] == "staged"
    assert all(listed(two)[number, 1]["pending"] for number in (0, 1))
    assert versions(two) == {0: ("1.0.0", True), 1: ("1.0.0", True)}
    assert facts(two, "upgrade", "--test-only", path)["outcome"] == "on test"
    assert versions(two) == {0: ("2.0.0", False), 1: ("2.0.0", False)}
    shown = dfu(two, "-q", "upgrade", path)
    assert shown.stdout == ("image 0: 2.0.0+0 runs and is confirmed\n"
                            "image 1: 2.0.0+0 runs and is confirmed\n")
    assert versions(two) == {0: ("2.0.0", True), 1: ("2.0.0", True)}


def test_a_package_may_be_kept_without_a_test(two, pair, tmp_path):
    path = pack(tmp_path / "p.zip", (0, pair["app2"]), (1, pair["net2"]))
    assert facts(two, "upgrade", "--permanent", "--no-reset", path)["outcome"] == "staged"
    for number in (0, 1):
        slot = listed(two)[number, 1]
        assert slot["pending"] and slot["permanent"]
    assert facts(two, "upgrade", "--permanent", path)["outcome"] == "confirmed"
    assert versions(two) == {0: ("2.0.0", True), 1: ("2.0.0", True)}
    assert two.console().count("*** Booting") == 2
    # None of them was on trial: the next start keeps both.
    assert dfu(two, "reset").returncode == 0
    two.wait_for("app: app 2.0.0+0 running from slot 0 (confirmed)", 2)
    assert versions(two) == {0: ("2.0.0", True), 1: ("2.0.0", True)}
    both = dfu(two, "upgrade", "--permanent", "--test-only", path)
    assert both.returncode == 2 and "contradict" in both.stderr


def test_a_package_of_one_image_or_with_one_that_runs_already(two, pair, tmp_path):
    path = pack(tmp_path / "p.zip", (1, pair["net2"]))
    assert facts(two, "upgrade", path)["outcome"] == "confirmed"
    assert versions(two) == {0: ("1.0.0", True), 1: ("2.0.0", True)}
    path = pack(tmp_path / "p.zip", (0, pair["app2"]), (1, pair["net2"]))
    done = facts(two, "upgrade", path)
    assert done["outcome"] == "confirmed" and done["images"][1]["sent"] == 0
    assert versions(two) == {0: ("2.0.0", True), 1: ("2.0.0", True)}


def test_where_only_a_part_comes_up_nothing_is_confirmed(device, tmp_path):
    key = tmp_path / "key.pem"
    assert run(DFU, "keygen", "-k", key, "-t", "ed25519").returncode == 0
    first = [make_image(tmp_path / f"{name}1.bin", "1.0.0", text, key=key)
             for name, text in (("app", "name=app\n"), ("net", ""))]
    app2 = make_image(tmp_path / "app2.bin", "2.0.0", "name=app\n", key=key)
    net2 = make_image(tmp_path / "net2.bin", "2.0.0", fill=1)  # nobody signed it
    device.start("--init", first[0], "--init", first[1], board="two-images", trust=("--key", key))
    path = pack(tmp_path / "p.zip", (0, app2), (1, net2))
    assert_sentence(dfu(device, "-q", "upgrade", path), 5, "image 1 is still 1.0.0",
                    "nothing was confirmed", "goes back")
    assert versions(device)[0] == ("2.0.0", False)
    assert dfu(device, "reset").returncode == 0
    device.wait_for("app: app 1.0.0+0 running from slot 0 (confirmed)", 2)


def test_a_package_names_no_single_image(two, pair, tmp_path):
    path = pack(tmp_path / "p.zip", (0, pair["app2"]), (1, pair["net2"]))
    assert facts(two, "upgrade", "--test-only", path)["outcome"] == "on test"
    for word in ("test", "confirm", "upload"):
        assert_sentence(dfu(two, "image", word, path), 2, "p.zip is a package", "dfu upgrade")
    assert versions(two) == {0: ("2.0.0", False), 1: ("2.0.0", False)}
    assert facts(two, "upgrade", path)["images"][1]["sent"] == 0  # as the sentence says
    assert versions(two) == {0: ("2.0.0", True), 1: ("2.0.0", True)}


def test_what_does_not_fit_is_refused_before_the_first_byte(device, images, tmp_path):
    device.start("--init", images["v1"])
    path = pack(tmp_path / "p.zip", (0, images["v2"]), (1, images["v1"]))
    assert_sentence(dfu(device, "upgrade", path), 1, "no image number 1")
    assert (0, 1) not in listed(device)
    assert_sentence(dfu(device, "upgrade", "-n", "1", path), 2, "leave out --image")


def bad_manifests(name, size):
    """(what the manifest is, words of the sentence)"""
    def files(**more):
        return {"files": [{"file": name, "image_index": "0", "size": size, **more}]}
    return [
        ({"files": []}, ["lists no files"]),
        ({"files": {"file": name}}, ["lists no files"]),
        ([1], ["lists no files"]),
        (files(file="other.bin"), ["other.bin is not in it"]),
        (files(file="../../etc/passwd"), ["cannot be in it"]),
        (files(file="/etc/passwd"), ["cannot be in it"]),
        (files(file="a\x1b[2Jb"), ["cannot be in it"]),
        (files(file=7), ["cannot be in it"]),
        (files(size=size + 1), ["another size"]),
        (files(size="many"), ["no number"]),
        (files(image_index="x"), ["no number"]),
        (files(image_index=-1), ["no number"]),
        (files(image_index=256), ["no number"]),
        ({"files": files()["files"] * 2}, ["two files for image 0"]),
        ({"files": files()["files"] * 9}, ["more files"]),
    ]


def refuse(path, code, *words):
    """Before the device is even looked for: nothing answers there."""
    done = run(DFU, "-d", "udp:127.0.0.1:9", "upgrade", path)
    assert "Sanitizer" not in done.stderr, done.stderr
    assert_sentence(done, code, path.name, *words)


def test_a_manifest_that_does_not_fit_its_package_gets_one_sentence(images, tmp_path):
    part = images["v2"]
    for manifest, words in bad_manifests(part.name, part.stat().st_size):
        path = pack(tmp_path / "p.zip", (0, part), manifest=manifest)
        refuse(path, 2, *words)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(part, part.name)
    refuse(path, 2, "manifest.json is not in it")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", '{"files": [')
    refuse(path, 2, "lists no files")


def test_a_zip_that_lies_about_its_parts_gets_one_sentence(images, tmp_path):
    part, path = images["v2"], tmp_path / "p.zip"
    size = part.stat().st_size
    path.write_bytes(b"no zip at all")
    refuse(path, 2, "no zip")
    refuse(tmp_path / "none.zip", 2, "No such file")
    bomb = tmp_path / "bomb.bin"
    with bomb.open("wb") as out:
        out.truncate(65 << 20)
    refuse(pack(path, (0, bomb)), 2, "larger than any device")
    good = pack(path, (0, part)).read_bytes()
    central = good.rindex(b"PK\x01\x02")
    for told in (size - 1, size + 1, 0x7fffffff):  # the size that the directory tells
        path.write_bytes(good[:central + 24] + told.to_bytes(4, "little") + good[central + 28:])
        refuse(path, 2, part.name)
    path.write_bytes(good[:central + 16] + bytes(4) + good[central + 20:])  # its checksum
    refuse(path, 2, part.name, "damaged")
    path.write_bytes(good[:central + 8] + b"\x01" + good[central + 9:])  # encrypted
    refuse(path, 2, part.name, "password")
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "a") as archive:
        archive.write(part, part.name)
        archive.write(part, part.name)
    refuse(path, 2, part.name, "twice")
    junk = tmp_path / "junk.bin"
    junk.write_bytes(b"no image")
    refuse(pack(path, (0, junk)), 1, "junk.bin in ", "not a firmware image")


def test_no_damage_to_a_package_crashes_or_passes_for_another_image(images, tmp_path):
    """Random damage with a fixed seed: refused in one sentence, or (where it hit nothing that
    counts) read, so that only the device is missing."""
    path = pack(tmp_path / "p.zip", (0, images["v2"]))
    good, rng, read = path.read_bytes(), random.Random(7), 0
    for _ in range(80):
        text = bytearray(good)
        where = rng.choice([range(80), range(len(good) - 200, len(good)), range(len(good))])
        text[rng.choice(where)] ^= 1 << rng.randrange(8)
        path.write_bytes(text[:rng.choice([len(text)] * 4 + [rng.randrange(len(text))])])
        done = run(DFU, "--timeout", "0.05", "-d", "udp:127.0.0.1:9", "upgrade", path)
        assert "Sanitizer" not in done.stderr, done.stderr
        assert_sentence(done, done.returncode)
        assert done.returncode in (1, 2, 4), done.stderr
        read += done.returncode == 4
    assert read < 40


def test_without_libzip_only_packages_are_missing(images, tmp_path):
    (tmp_path / "libzip.so.4").write_text("no library")
    path = pack(tmp_path / "p.zip", (0, images["v2"]))
    done = run(DFU, "-d", "udp:127.0.0.1:9", "upgrade", path,
               env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
    assert_sentence(done, 2, "libzip.so.4", "install the package libzip4")
