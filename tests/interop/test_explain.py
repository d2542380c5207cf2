# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""dfu explain against what the virtual device then does."""

import json
import re

import pytest

from virtual_device import BIN, BOARD, DFU, Device, make_image, run


@pytest.fixture
def device(tmp_path):
    device = Device(tmp_path)
    yield device
    device.stop()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {name: make_image(folder / f"{name}.bin", version, size=size)
            for name, version, size in [("v1", "1.0.0", 20000), ("v2", "2.0.0", 24000)]}


def explain(*words, code=0):
    done = run(DFU, "explain", "--json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def dfu(device, *words, code=0):
    done = run(DFU, "-d", f"udp:{device.address}", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def versions(told, name):
    return [boot["version"] for scenario in told["scenarios"] if scenario["name"] == name
            for boot in scenario["boots"]]


def swaps(told, name):
    return [boot["swap"][0] for scenario in told["scenarios"] if scenario["name"] == name
            for boot in scenario["boots"]]


def test_an_image_is_explained_before_it_is_sent(images):
    told = explain(images["v2"], "-b", BOARD, "-r", images["v1"])
    assert told["source"] == "image" and not told["stand_in"]
    assert told["fit"]["fits"] and told["fit"]["over"] == 0
    assert told["fit"]["size"] == told["images"][0]["slots"][1]["size"]
    assert versions(told, "test") == ["2.0.0+0", "1.0.0+0", "1.0.0+0"]
    assert swaps(told, "test") == ["test", "revert", "none"]
    assert versions(told, "test-confirm") == ["2.0.0+0", "2.0.0+0"]
    assert swaps(told, "permanent") == ["perm", "none"]


def test_the_predicted_time_is_what_the_device_then_says(device, images):
    told = explain(images["v2"], "-b", BOARD, "-r", images["v1"])
    boot = [s for s in told["scenarios"] if s["name"] == "test"][0]["boots"][0]
    device.start("--init", images["v1"])
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "image", "test", images["v2"])
    dfu(device, "reset")
    device.wait_for("app: application 2.0.0+0 running from slot 0")
    said = re.search(r"this start took (\d+) erases, ([\d.]+) KiB written; ([\d.]+) s on nrf52840",
                     device.console())
    assert boot["erases"] == int(said[1])
    assert abs(boot["bytes_written"] / 1024 - float(said[2])) < 0.06
    assert abs(boot["flash_ms"] / 1000 - float(said[3])) < 0.06


def test_each_slot_names_the_key_that_signed_it(tmp_path, device):
    keys = {}
    for name, kind in [("a", "ed25519"), ("b", "ecdsa-p256"), ("c", "ed25519")]:
        keys[name] = tmp_path / f"{name}.pem"
        assert run(BIN / "imgtool", "keygen", "-k", keys[name], "-t", kind).returncode == 0
    one = make_image(tmp_path / "one.bin", "1.0.0", key=keys["a"])
    two = make_image(tmp_path / "two.bin", "2.0.0", key=keys["b"])
    device.start("--init", one, trust=("-k", keys["a"], "-k", keys["b"]))
    dfu(device, "image", "upload", two)
    device.stop()

    told = explain("-f", device.flash, "-b", BOARD, "-k", keys["a"], "-k", keys["b"])
    assert [slot["key"] for slot in told["images"][0]["slots"]] == [str(keys["a"]), str(keys["b"])]
    told = explain("-f", device.flash, "-b", BOARD, "-k", keys["c"], "-k", keys["a"])
    assert [slot["key"] for slot in told["images"][0]["slots"]] == [str(keys["a"]), None]
    assert told["images"][0]["slots"][1]["state"] == "invalid"
    text = run(DFU, "explain", "-f", device.flash, "-b", BOARD, "-k", keys["a"]).stdout
    assert f"signed by {keys['a']}" in text and "not valid" in text


def test_an_image_too_large_learns_what_would_help(tmp_path):
    large = make_image(tmp_path / "large.bin", "1.0.0", size=476000)
    told = explain(large, "-b", BOARD)["fit"]
    assert not told["fits"]
    assert told["over"] == told["size"] - told["largest"] > 0
    assert "mode overwrite" in [help["what"] for help in told["would_help"]]
    assert all(help["largest"] >= told["size"] for help in told["would_help"])
    text = run(DFU, "explain", large, "-b", BOARD).stdout
    assert f"{told['over']} more than the largest image ({told['largest']})" in text
    assert "it would fit with mode overwrite" in text


@pytest.mark.parametrize("op", [1, 4, 9, 14, 19, 30])
@pytest.mark.parametrize("when", ["before", "inside"])
def test_after_a_power_cut_the_device_does_what_was_explained(device, images, op, when):
    device.start("--init", images["v1"])
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "image", "test", images["v2"])
    device.stop()
    done = run(*device.command("--hash-only", "--power-cut", f"{op}:{when}", "--stay-off"))
    assert "power lost" in done.stdout, done.stdout
    told = explain("-f", device.flash, "-b", BOARD)
    following = told["images"][0]["next"]
    before = device.flash.read_bytes()
    explain("-f", device.flash, "-b", BOARD)
    assert device.flash.read_bytes() == before

    runs = versions(told, "as-is")
    for boot in runs[:3]:
        device.start()
        device.wait_for(f"app: application {boot} running")
        if boot == runs[0]:
            assert following["resumes"] == ("Boot source: primary slot" in device.console()
                                            and following["why"] == "records")
        device.stop()


def test_a_live_device_is_explained_by_what_it_tells(device, images, tmp_path):
    device.start("--init", images["v1"])
    dfu(device, "image", "upload", images["v2"])

    def live():
        return json.loads(dfu(device, "--json", "explain"))

    told = live()
    assert told["source"] == "device" and told["board"] is None
    assert told["images"][0]["next"]["swap"] == "none"
    assert versions(told, "test") == ["2.0.0+0", "1.0.0+0", "1.0.0+0"]
    dfu(device, "image", "test", images["v2"])
    told = live()
    assert told["images"][0]["next"]["rule"] == 1
    assert versions(told, "as-is") == ["2.0.0+0", "1.0.0+0", "1.0.0+0"]
    dfu(device, "reset")
    device.wait_for("app: application 2.0.0+0 running")
    told = live()
    assert told["images"][0]["next"]["rule"] == 3
    assert versions(told, "as-is") == ["1.0.0+0", "1.0.0+0"]
    assert versions(told, "confirm-now") == ["2.0.0+0"]
    dfu(device, "image", "confirm")
    told = live()
    assert told["images"][0]["next"]["swap"] == "none"
    assert versions(told, "as-is") == ["2.0.0+0"]
    told = json.loads(dfu(device, "--json", "explain", images["v2"], "-b", BOARD))
    assert told["source"] == "device" and told["fit"]["fits"] and told["board"] == BOARD
    large = make_image(tmp_path / "large.bin", "3.0.0", size=500000, more=("--slot-size", "0xf0000"))
    for board in ([], ["-b", BOARD]):
        told = json.loads(dfu(device, "--json", "explain", large, *board))
        assert not told["fit"]["fits"] and versions(told, "as-is") == ["2.0.0+0"]


MODES = [("pinetime", "swap-scratch"), *((BOARD, mode) for mode in (
    "move", "swap-offset", "overwrite", "direct-xip", "direct-xip-revert", "ram-load",
    "ram-load-revert", "single", "single-ram-load", "firmware-loader"))]


@pytest.mark.parametrize("board, mode", MODES)
def test_a_live_device_does_in_every_mode_what_was_explained(device, tmp_path, board, mode):
    """Its board is not named: what it tells of itself is enough."""
    for_ram = ("--load-addr", "0x20000000") if "ram-load" in mode else ()
    old, new = (make_image(tmp_path / f"{v}.bin", v, more=for_ram) for v in ("1.0.0", "2.0.0"))
    device.start("--init", old, "--mode", mode, board=board)

    def expect(version, *swap, has_trial=False):
        told = json.loads(dfu(device, "--json", "explain"))
        # without a trial both kinds of RAM load look the same, and do the same
        looks_like = "ram-load" if mode == "ram-load-revert" and not has_trial else mode
        assert told["mode"] == looks_like and versions(told, "as-is")[0] == version
        assert [boot["refused"] for s in told["scenarios"] for boot in s["boots"]
                if boot["refused"]] == []
        assert swaps(told, "as-is")[:1] == list(swap or ["none"])
        count = device.console().count("reset cause:")
        dfu(device, "reset")
        device.wait_for("reset cause:", count + 1)
        device.wait_for("app: application ", count + 1)
        assert device.console().splitlines()[-1].startswith(f"app: application {version} ")

    expect("1.0.0+0")
    if mode.startswith("single") or mode == "firmware-loader":
        return
    dfu(device, "upgrade", "--test-only", "--no-reset", new)
    picks = "xip" in mode or "ram-load" in mode
    expect("2.0.0+0", "none" if picks else "test", has_trial=True)
    if mode in ("overwrite", "direct-xip", "ram-load"):  # there a test is for good
        expect("2.0.0+0")
        return
    expect("1.0.0+0", "none" if picks else "revert", has_trial=True)
    dfu(device, "upgrade", new)
    expect("2.0.0+0")


def test_the_image_that_a_swap_using_offset_left_is_told_apart(device, images):
    """A test of it is refused: an update lies one sector further on."""
    device.start("--init", images["v1"], "--mode", "swap-offset")
    dfu(device, "upgrade", images["v2"])
    assert "1.0.0" not in dfu(device, "image", "list")
    device.stop()
    words = ("-f", device.flash, "-b", BOARD, "-m", "swap-offset")
    told = explain(*words)
    assert told["images"][0]["slots"][1]["version"] == "1.0.0+0"
    assert [scenario["name"] for scenario in told["scenarios"]] == ["as-is"]
    text = run(DFU, "explain", *words).stdout
    assert "left by a swap, to run again it must be uploaded again" in text
    assert "no image" not in text


def test_equal_sectors_cost_no_erase(device, images, tmp_path):
    again = make_image(tmp_path / "again.bin", "1.0.1", size=20000, fill="same")
    first = make_image(tmp_path / "first.bin", "1.0.0", size=20000, fill="same")
    payload = first.with_suffix(".payload").read_bytes()
    again.with_suffix(".payload").write_bytes(payload)
    command = [BIN / "imgtool", "sign", "--version", "1.0.1", "--header-size", "0x200",
               "--pad-header", "--align", "4", "--slot-size", "0x76000"]
    assert run(*command, again.with_suffix(".payload"), again).returncode == 0

    def erases(*words):
        told = explain(again, "-b", BOARD, "-r", first, *words)
        return [s for s in told["scenarios"] if s["name"] == "test"][0]["boots"][0]["erases"]

    assert erases("--skip-equal") < erases()
    assert erases("--skip-equal", "-m", "overwrite-fast") < erases("-m", "overwrite-fast")
    device.start("--init", first, "--skip-equal")
    dfu(device, "image", "upload", again)
    dfu(device, "image", "test", again)
    dfu(device, "reset")
    device.wait_for("app: application 1.0.1+0 running from slot 0")
    assert f"this start took {erases('--skip-equal')} erases" in device.console()


def test_an_image_on_trial_gets_as_many_starts_as_explained(device, images):
    device.start("--init", images["v1"], "--attempts", 3)
    dfu(device, "image", "upload", images["v2"])
    dfu(device, "image", "test", images["v2"])
    device.stop()
    told = explain("-f", device.flash, "-b", BOARD, "--attempts", 3)
    assert versions(told, "as-is") == ["2.0.0+0"] * 3 + ["1.0.0+0"] * 2
    for version in versions(told, "as-is"):
        device.start("--attempts", 3)
        device.wait_for(f"app: application {version} running")
        device.stop()
    assert "no change" in run(DFU, "explain", "-f", device.flash, "-b", BOARD).stdout


def restart(device, version):
    """Reset the device, and wait until it runs again."""
    count = device.console().count("running from slot 0") + 1
    dfu(device, "reset")
    device.wait_for("running from slot 0", count=count)
    assert f"{version} running" in device.console().splitlines()[-1]


def test_the_history_is_the_same_from_the_device_and_from_its_flash(tmp_path, device):
    keys = {name: tmp_path / f"{name}.pem" for name in "ab"}
    for key in keys.values():
        assert run(BIN / "imgtool", "keygen", "-k", key, "-t", "ed25519").returncode == 0
    one = make_image(tmp_path / "one.bin", "1.0.0", key=keys["a"])
    two = make_image(tmp_path / "two.bin", "2.0.0", key=keys["a"])
    foreign = make_image(tmp_path / "three.bin", "3.0.0", key=keys["b"])
    device.start("--init", one, "--history", trust=("-k", keys["a"]))
    assert json.loads(dfu(device, "--json", "history")) == {"history": []}
    assert dfu(device, "history") == "no update is told\n"
    dfu(device, "image", "upload", two)
    dfu(device, "image", "test", two)
    restart(device, "2.0.0+0")
    restart(device, "1.0.0+0")
    dfu(device, "image", "erase")
    dfu(device, "image", "upload", foreign)
    dfu(device, "image", "test", foreign)
    restart(device, "1.0.0+0")
    told = json.loads(dfu(device, "--json", "history"))["history"]
    assert [(u["number"], u["result"], u["from"], u["to"]) for u in told] == [
        (3, "refused", "1.0.0+0", "3.0.0+0"),
        (2, "reverted", "2.0.0+0", "1.0.0+0"),
        (1, "trial", "1.0.0+0", "2.0.0+0"),
    ]
    assert "unknown" in told[0]["fault"] or "key" in told[0]["fault"]
    assert "reverted" in dfu(device, "history")
    device.stop()
    done = run(DFU, "--json", "history", "-f", device.flash, "-b", BOARD)
    assert json.loads(done.stdout)["history"] == told
    assert explain("-f", device.flash, "-b", BOARD, "--history")["history"] == told
    assert explain("-f", device.flash, "-b", BOARD)["history"] is None


def test_many_updates_are_told_in_several_answers(device, images):
    device.start("--init", images["v1"], "--history")
    dfu(device, "image", "upload", images["v2"])
    for _ in range(6):
        dfu(device, "image", "test", images["v2"])
        restart(device, "2.0.0+0")
        restart(device, "1.0.0+0")
    told = json.loads(dfu(device, "--json", "history"))["history"]
    assert [u["number"] for u in told] == list(range(12, 0, -1))


def test_the_bootloader_tells_how_far_it_is(device, images):
    device.start("--init", images["v1"], "--progress")
    dfu(device, "upgrade", images["v2"])
    told = re.findall(r"sim: image 0: (\d+) % of [\d.]+ KiB written, about ([\d.]+) s left",
                      device.console())
    assert told[-1] == ("100", "0.0")
    assert [int(p) for p, _ in told] == sorted(int(p) for p, _ in told)
    assert [float(s) for _, s in told] == sorted((float(s) for _, s in told), reverse=True)


def test_a_device_without_a_history_says_so(device, images):
    device.start("--init", images["v1"])
    assert "keeps no history" in run(DFU, "-d", f"udp:{device.address}", "history").stderr


def test_a_key_that_an_image_revokes_is_refused_from_then_on(tmp_path, device):
    keys = {name: tmp_path / f"{name}.pem" for name in "ab"}
    for key in keys.values():
        assert run(BIN / "imgtool", "keygen", "-k", key, "-t", "ed25519").returncode == 0
    done = run(BIN / "imgtool", "getpubhash", "-k", keys["a"], "-e", "raw", "-o", tmp_path / "h")
    assert done.returncode == 0, done.stderr
    name = "0x" + (tmp_path / "h").read_bytes().hex()
    old = make_image(tmp_path / "old.bin", "1.0.0", key=keys["a"])
    later = make_image(tmp_path / "later.bin", "3.0.0", key=keys["a"])
    new = make_image(tmp_path / "new.bin", "2.0.0", key=keys["b"])
    command = [BIN / "imgtool", "sign", "--version", "2.0.0", "--header-size", "0x200",
               "--pad-header", "--align", "4", "--slot-size", "0x76000", "--key", keys["b"],
               "--custom-tlv", "0x00d0", name]
    assert run(*command, new.with_suffix(".payload"), new).returncode == 0
    trust = ("-k", keys["a"], "-k", keys["b"], "--revocation")
    device.start("--init", old, trust=trust)
    dfu(device, "upgrade", new)
    assert "is revoked" not in device.console()
    dfu(device, "reset")
    device.wait_for("is revoked")
    device.wait_for("2.0.0+0 running from slot 0 (confirmed)")
    dfu(device, "image", "upload", later)
    dfu(device, "image", "test", later)
    device.stop()
    told = explain("-f", device.flash, "-b", BOARD, *trust)
    assert told["images"][0]["next"]["erases_secondary"]
    device.start(trust=trust)
    device.wait_for("Image in the secondary slot is not valid!")
    device.wait_for("2.0.0+0 running from slot 0 (confirmed)")


@pytest.mark.parametrize("mode, expected", [
    ("swap-offset", ["2.0.0+0", "1.0.0+0", "1.0.0+0"]),
    ("swap-scratch", ["2.0.0+0", "1.0.0+0", "1.0.0+0"]),
    ("overwrite", ["2.0.0+0", "2.0.0+0"]),
    ("direct-xip", ["2.0.0+0"]),
    ("direct-xip-revert", ["2.0.0+0", "1.0.0+0", "1.0.0+0"]),
])
def test_every_mode_does_what_was_explained(device, images, mode, expected):
    told = explain(images["v2"], "-b", "pinetime", "-r", images["v1"], "-m", mode)
    assert versions(told, "as-is" if mode == "direct-xip" else "test") == expected
    init = images["v1"]
    if mode == "direct-xip-revert":
        init = device.folder / "confirmed.bin"
        command = [DFU, "sign", "-v", "1.0.0", "-H", "512", "--pad-header", "--confirm", "--pad",
                   "--board", "pinetime", images["v1"].with_suffix(".payload"), init]
        done = run(*command)
        assert done.returncode == 0, done.stderr
    device.start("--init", init, "--mode", mode, board="pinetime")
    dfu(device, "image", "upload", images["v2"])
    if mode != "direct-xip":  # there the newest runs, without being asked
        dfu(device, "image", "test", images["v2"])
    dfu(device, "reset")
    device.wait_for(f"application {expected[0]} running")
    for version in expected[1:]:
        restart(device, version)

@pytest.mark.parametrize("words, says", [
    ([], "there is nothing to explain"),
    (["app.bin"], "--board"),
    (["app.bin", "-f", "flash.bin", "-b", "sim"], "give one of them"),
    (["-f", "missing.bin", "-b", "sim"], "missing.bin"),
    (["-f", "/dev/null", "-b", "sim"], "1048576"),
    (["-f", "/dev/null", "-b", "nosuch"], "no such board"),
    (["-f", "/dev/null", "-b", "sim", "-m", "sideways"], "overwrite-fast"),
])
def test_what_can_not_be_explained_is_said_in_one_sentence(tmp_path, words, says):
    done = run(DFU, "explain", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_file_that_is_no_image_is_refused(tmp_path):
    (tmp_path / "app.bin").write_bytes(bytes(1000))
    done = run(DFU, "explain", tmp_path / "app.bin", "-b", BOARD)
    assert done.returncode == 1 and "is not a firmware image" in done.stderr


# ---- Encrypted, compressed, several ----

@pytest.fixture
def keys(tmp_path):
    for name, kind in (("sign", "ed25519"), ("device", "x25519")):
        assert run(DFU, "keygen", "-k", tmp_path / f"{name}.pem", "-t", kind).returncode == 0
    public = run(DFU, "getpub", "-k", tmp_path / "device.pem", "-e", "pem", "-o",
                 tmp_path / "device-pub.pem")
    assert public.returncode == 0, public.stderr
    return {name: tmp_path / f"{name}.pem" for name in ("sign", "device", "device-pub")}


def signed(folder, keys, version, *options):
    """30 KB that compress well."""
    payload, out = folder / "payload", folder / f"{version}.bin"
    payload.write_bytes(bytes(range(256)) * 120)
    done = run(DFU, "sign", "-k", keys["sign"], "-v", version, "--board", BOARD, "-H", "512",
               "--pad-header", *options, payload, out)
    assert done.returncode == 0, done.stderr
    return out


def test_an_encrypted_image_is_explained_with_the_devices_key(tmp_path, keys, device):
    old = signed(tmp_path, keys, "1.0.0")
    new = signed(tmp_path, keys, "2.0.0", "-E", keys["device-pub"])
    words = (new, "-r", old, "-b", BOARD, "-k", keys["sign"])
    told = explain(*words)
    assert told["images"][0]["slots"][1]["state"] == "invalid"
    assert versions(told, "test") == []
    alone = explain(new, "-b", BOARD, "-k", keys["sign"], code=2)
    assert "cannot stand in for the image that runs" in alone["error"]["message"]
    told = explain(*words, "--decrypt-key", keys["device"])
    slot = told["images"][0]["slots"][1]
    assert slot["state"] == "valid" and slot["key"] == str(keys["sign"])
    assert versions(told, "test") == ["2.0.0+0", "1.0.0+0", "1.0.0+0"]
    cost = next(s for s in told["scenarios"] if s["name"] == "test")["boots"][0]

    trust = ("--key", keys["sign"], "--decrypt-key", keys["device"])
    device.start("--init", old, trust=trust)
    dfu(device, "image", "upload", new)
    live = json.loads(dfu(device, "--json", "explain", new, "-b", BOARD, "-k", keys["sign"],
                          "--decrypt-key", keys["device"]))
    assert versions(live, "test") == versions(told, "test") and live["fit"]["fits"]
    dump = explain("-f", device.flash, "-b", BOARD, "-k", keys["sign"], "--decrypt-key",
                   keys["device"])
    assert dump["images"][0]["slots"][1]["state"] == "valid"
    assert versions(dump, "test") == versions(told, "test")
    dfu(device, "image", "test", new)
    dfu(device, "reset")
    device.wait_for("2.0.0+0 running from slot 0 (not confirmed)")
    assert f"this start took {cost['erases']} erases" in device.console()


def test_a_compressed_image_is_explained_where_it_is_installed_by_a_copy(tmp_path, keys):
    old, new = signed(tmp_path, keys, "1.0.0"), signed(tmp_path, keys, "2.0.0", "--compression",
                                                       "lzma2")
    for mode in ("overwrite", "overwrite-fast"):
        told = explain(new, "-r", old, "-b", BOARD, "-k", keys["sign"], "-m", mode)
        slot = told["images"][0]["slots"][1]
        assert slot["state"] == "valid" and slot["key"] == str(keys["sign"])
        assert versions(told, "test") == ["2.0.0+0", "2.0.0+0"]
        boot = next(s for s in told["scenarios"] if s["name"] == "test")["boots"][0]
        assert boot["bytes_written"] > 30000 > slot["size"]
    told = explain(new, "-r", old, "-b", BOARD, "-k", keys["sign"], "-m", "move")
    assert told["images"][0]["slots"][1]["state"] == "invalid"


def test_an_image_for_ram_is_explained(tmp_path, keys):
    load = ("-L", "0x20000000")
    old, new = signed(tmp_path, keys, "1.0.0", *load), signed(tmp_path, keys, "2.0.0", *load)
    words = (new, "-r", old, "-b", BOARD, "-k", keys["sign"], "-m")
    assert versions(explain(*words, "ram-load"), "as-is") == ["2.0.0+0"]
    told = explain(*words, "ram-load-revert")
    assert versions(told, "test") == ["2.0.0+0", "1.0.0+0", "1.0.0+0"]
    assert versions(told, "test-confirm") == ["2.0.0+0", "2.0.0+0"]


def test_an_update_of_one_of_several_images_is_explained(images):
    told = explain(images["v2"], "-b", "two-images", "-r", images["v1"])
    assert len(told["images"]) == 2
    assert versions(told, "test") == ["2.0.0+0", "1.0.0+0", "1.0.0+0"]
    swap = next(s for s in told["scenarios"] if s["name"] == "test")["boots"][0]["swap"]
    assert swap == ["test", "none"]


def test_what_a_firmware_loader_brings_is_explained_as_what_runs(images):
    loader = ("-b", BOARD, "-m", "firmware-loader")
    told = explain(images["v2"], *loader)
    assert told["images"][0]["slots"][0]["version"] == "2.0.0+0"
    assert versions(told, "as-is") == ["2.0.0+0"]
    text = run(DFU, "explain", images["v2"], *loader).stdout
    assert "slot 0   2.0.0+0" in text and "slot 1" not in text and "refuses" not in text
    done = run(DFU, "explain", images["v2"], "-r", images["v1"], *loader)
    assert done.returncode == 2 and "leave out --running" in done.stderr


def test_an_image_for_a_single_slot_is_explained_as_what_runs(device, images, tmp_path):
    single = ("-b", BOARD, "-m", "single")
    told = explain(images["v2"], *single)
    assert told["fit"]["fits"]
    assert [slot["state"] for slot in told["images"][0]["slots"]] == ["valid"]
    assert versions(told, "as-is") == ["2.0.0+0"]
    text = run(DFU, "explain", images["v2"], *single).stdout
    assert "slot 0   2.0.0+0" in text and "runs 2.0.0+0 for good" in text
    key = tmp_path / "key.pem"
    assert run(BIN / "imgtool", "keygen", "-k", key, "-t", "ed25519").returncode == 0
    text = run(DFU, "explain", images["v2"], *single, "-k", key).stdout
    assert "does not run it" in text and "nothing runs" in text
    done = run(DFU, "explain", images["v2"], "-r", images["v1"], *single)
    assert done.returncode == 2 and "single slot" in done.stderr
    device.start("--init", images["v2"], "--mode", "single")
    device.stop()
    told = explain("-f", device.flash, *single)
    assert versions(told, "as-is") == ["2.0.0+0"]
