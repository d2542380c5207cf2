# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Devices by names of the user's own: ~/.config/dfu/profiles."""

import os

import pytest

from virtual_device import DFU, Device, make_image, run


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    one.start("--init", make_image(tmp_path / "v1.bin", "1.0.0"))
    yield one
    assert one.stop() in (None, 0), one.console()
    assert "Sanitizer" not in one.console()


def dfu(*words, config=None, home=None, **more):
    env = {name: value for name, value in os.environ.items() if name != "XDG_CONFIG_HOME"}
    env["HOME"] = str(home or "/nonexistent")
    if config is not None:
        env["XDG_CONFIG_HOME"] = str(config)
    done = run(DFU, *words, env={**env, **more})
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def write(folder, text):
    (folder / "dfu").mkdir(parents=True, exist_ok=True)
    (folder / "dfu" / "profiles").write_text(text)
    return folder


def refuse(done, *words):
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("dfu: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_a_device_goes_by_its_profiles_name(device, tmp_path):
    text = (f"# mine\n\n  desk =\tudp:{device.address}  \r\n"
            f"line=serial:{device.link},baud=115200\n")
    config = write(tmp_path / "config", text)
    for name in ("desk", "line"):
        assert dfu("-d", name, "echo", "here", config=config).stdout == "here\n"
        assert dfu("echo", "here", config=config, DFU_TARGET=name).stdout == "here\n"
    home = tmp_path / "home"
    write(home / ".config", f"desk = udp:{device.address}")
    assert dfu("-d", "desk", "echo", "here", home=home).stdout == "here\n"
    # A folder that is no absolute path counts as not set.
    assert dfu("-d", "desk", "echo", "here", home=home, config="config").stdout == "here\n"
    # Targets are never looked up.
    write(tmp_path / "config", "no line of a profile\n")
    assert dfu("-d", f"udp:{device.address}", "echo", "here", config=config).stdout == "here\n"


def test_a_name_that_is_no_profile_gets_one_sentence(tmp_path):
    config = tmp_path / "config"
    refuse(dfu("-d", "desk", "echo", config=config), "desk is no target", str(config),
           "desk = TARGET")
    refuse(dfu("-d", "desk", "echo"), "/nonexistent/.config/dfu/profiles")
    refuse(dfu("-d", "desk", "echo", home="nowhere"), "~/.config/dfu/profiles")
    write(config, "desks = udp:192.0.2.1\n#desk = udp:192.0.2.1\n")
    refuse(dfu("-d", "desk", "echo", config=config), "desk is no target")
    refuse(dfu("-d", "/dev/ttyACM0", "echo", config=config), "write serial:/dev/ttyACM0")


@pytest.mark.parametrize("text, words", [
    ("desk = udp:192.0.2.1\ndesk = udp:192.0.2.2\n", ["line 2", "a second time"]),
    ("desk = udp:192.0.2.1\nhall\n", ["line 2", "NAME = TARGET"]),
    ("desk = hall\nhall = udp:192.0.2.1\n", ["line 1", "NAME = TARGET"]),
    ("= udp:192.0.2.1\n", ["line 1"]),
    ("my desk = udp:192.0.2.1\n", ["line 1"]),
    ("\n\nudp:desk = udp:192.0.2.1\n", ["line 3"]),
    ("desk =\n", ["line 1"]),
    ("#" * 300000, ["profiles"]),
])
def test_a_file_with_a_wrong_line_is_refused_with_its_number(tmp_path, text, words):
    refuse(dfu("-d", "desk", "echo", config=write(tmp_path, text)), "profiles", *words)
