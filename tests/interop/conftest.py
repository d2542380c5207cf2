# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What several of these tests begin with. A file that needs another device or other images makes
its own by the same name."""

from types import SimpleNamespace

import pytest

from fleet import Fleet
from virtual_device import Device, make_image


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    yield one
    code = one.stop()
    assert code in (None, 0), f"exit code {code}:\n{one.console()}"
    assert "Sanitizer" not in one.console()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=30000),
    }


@pytest.fixture
def pair(tmp_path):
    return SimpleNamespace(old=make_image(tmp_path / "v1.bin", "1.0.0"),
                           new=make_image(tmp_path / "v2.bin", "1.1.0"))


@pytest.fixture
def fleets(tmp_path, pair):
    """Makes fleets, ends them."""
    made = []

    def make(count, *options, **more):
        folder = tmp_path / f"fleet-{len(made)}"
        folder.mkdir()
        made.append(Fleet(folder, count, *options, **{"init": pair.old, **more}))
        return made[-1]

    yield make
    for fleet in made:
        fleet.stop()
