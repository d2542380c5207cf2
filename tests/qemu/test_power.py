# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Power cuts at exact stores of the real bootloader and application on an emulated board. A cut
leaves the flash as before the store, as after it, or in between: a word with some bits not yet
programmed, a page of which a part is erased."""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from parts import (BANNER, BOARD, DFU, FLASH, HASH_ONLY, SLOT0, SLOT1, SLOT_SIZE, STORAGE, Board,
                   flash_with, signed)

PAGE, FLASH_SIZE = Board.PAGE, Board.FLASH_SIZE
RANGES = ",".join(f"range={low:#x}-{high:#x}" for low, high in Board.STORES)
WORD = 4
UPLOAD_PERCENT = [2, 30, 70, 99]  # of the words that an upload has to store at least
STORES_CUT = 33  # and the last one, each with three states of flash: 204 in two stories


class Bench:
    """Machines one after the other in one folder, with or without the plugin that cuts."""

    def __init__(self, folder, plugin):
        self.folder, self.plugin = folder, plugin
        self.stores_path = folder / "stores"
        self.ends, self.simulated = {}, {}  # by the flash that a start found

    def start(self, flash, stops=None, *more):
        """stops: the numbers of stores to stop after; none of them: all stores are told."""
        self.stores_path.unlink(missing_ok=True)
        options = []
        if stops is not None:
            plugin = [str(self.plugin), f"out={self.stores_path}", RANGES, *more,
                      *(f"nth={nth}" for nth in stops)]
            options = ["-plugin", ",".join(plugin)]
        return Board(self.folder, HASH_ONLY, flash, *options)

    def stores(self):
        """The addresses that the plugin has told."""
        text = self.stores_path.read_text() if self.stores_path.exists() else ""
        return [int(line, 16) for line in text.split("\n")[:-1]]

    def all_stores(self, flash):
        """Of a start that nothing cuts, and the flash it ends with."""
        with self.start(flash, ()) as machine:
            machine.wait_for(BANNER)
            return self.stores(), machine.flash()

    def flash_after(self, flash, stops):
        """By store, after which a start would have been cut; one start serves for all of them."""
        found = {0: flash}
        fifo = self.folder / "go"
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo)
        with self.start(flash, stops, f"go={fifo}") as machine, open(fifo, "wb", 0) as go:
            for count, nth in enumerate(stops, 1):
                machine.wait_until(lambda: len(self.stores()) == count)
                found[nth] = machine.flash()
                go.write(b".")
        return found

    def start_whole(self, flash, images):
        """The number of the image that a start on this flash ends with, and the flash then. All that a
        start finds is its flash, so one does for all cuts that leave the same."""
        if flash not in self.ends:
            with self.start(flash) as machine:
                machine.wait_for(BANNER)
                found = machine.flash()
                assert machine.guest_errors() == []
            slot = found[SLOT0:SLOT0 + SLOT_SIZE]
            whole = [number for number, image in enumerate(images) if slot.startswith(image)]
            assert len(whole) == 1, "slot 0 holds neither image whole"
            self.ends[flash] = whole[0], found
        return self.ends[flash]

    def image_that_runs(self, flash, images):
        return self.start_whole(flash, images)[0]


@pytest.fixture(scope="module", name="plugin")
def fixture_plugin(tmp_path_factory):
    library = tmp_path_factory.mktemp("plugin") / "cut.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                    Path(__file__).with_name("cut.c"), "-o", library], check=True)
    return library


@pytest.fixture(name="bench")
def fixture_bench(tmp_path, plugin):
    return Bench(tmp_path, plugin)


@pytest.fixture(scope="module", name="images")
def fixture_images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [signed(folder, version).read_bytes() for version in ("1.0.0", "2.0.0")]


@pytest.fixture(scope="module", name="requested")
def fixture_requested(tmp_path_factory, images):
    """The first image runs, the second is to be tested."""
    second = signed(tmp_path_factory.mktemp("padded"), "2.0.0", "--pad").read_bytes()
    return flash_with(images[0], second)


def changed_words(before, after):
    """Where they begin."""
    return [at for page in range(0, FLASH_SIZE, PAGE)
            if before[page:page + PAGE] != after[page:page + PAGE]
            for at in range(page, page + PAGE, WORD)
            if before[at:at + WORD] != after[at:at + WORD]]


def torn(before, after, draw):
    """Between the two: a word with bits left to program, maybe after others, or a page of which the
    start is erased."""
    words = changed_words(before, after)
    state = bytearray(before)
    if len(words) == 1 or (words and all(before[at:at + WORD] == b"\xff" * WORD for at in words)):
        at = draw.choice(words)
        state[words[0]:at] = after[words[0]:at]
        late = draw.randbytes(WORD)
        state[at:at + WORD] = bytes(a | (b & l) for a, b, l in zip(after[at:], before[at:], late))
    elif words:
        page = words[0] // PAGE * PAGE
        size = draw.randrange(WORD, PAGE, WORD)
        state[page:page + size] = b"\xff" * size
    return bytes(state)


def chosen(stores, draw):
    """Of the stores that change something, the last, and before it half erases and marks or records,
    which are few, and half any."""
    def is_special(nth):
        address = stores[nth - 1]
        return Board.is_erase(address) or any(
            slot + SLOT_SIZE - Board.MARKS <= address - FLASH < slot + SLOT_SIZE
            for slot in (SLOT0, SLOT1))

    *changes, last = Board.changes(stores)
    special = [nth for nth in changes if is_special(nth)]
    first = draw.sample(special, min(STORES_CUT // 2, len(special)))
    others = sorted(set(changes) - set(first))
    return [*sorted(first + draw.sample(others, STORES_CUT - len(first))), last]


def simulated_start(folder, flash):
    """The flash that the simulator leaves on the same board."""
    path, ready = folder / "sim.bin", folder / "ready"
    path.write_bytes(flash + b"\xff" * Board.OTHER_DEVICES)
    ready.unlink(missing_ok=True)
    device = subprocess.Popen([DFU, "sim", "-b", BOARD, "-f", path, "--hash-only", "-u", "0",
                               "--ready-file", ready], stdout=subprocess.DEVNULL)
    while not ready.exists():
        assert device.poll() is None, "the virtual device did not start"
        time.sleep(0.01)
    device.terminate()
    device.wait()
    return path.read_bytes()[:FLASH_SIZE]


def assert_simulated(bench, before, after):
    """A start on `before` leaves `after` on the simulator, too: the slots, for a simulated device uses
    storage as it likes."""
    if before not in bench.simulated:
        bench.simulated[before] = simulated_start(bench.folder, before)
    assert after[SLOT0:STORAGE] == bench.simulated[before][SLOT0:STORAGE]


def cut_everywhere(bench, flash, images, seed):
    """The numbers of the images that ran after cuts between stores, and after those inside one."""
    draw = random.Random(seed)
    stores, _ = bench.all_stores(flash)
    between, inside = set(), set()
    cuts = chosen(stores, draw)
    states = bench.flash_after(flash, sorted({nth - i for nth in cuts for i in (0, 1)} - {0}))
    for nth in cuts:
        before, after = states[nth - 1], states[nth]
        between.add(bench.image_that_runs(before, images))
        if nth < cuts[-1]:  # after the last one it is a start that was not cut
            between.add(bench.image_that_runs(after, images))
        state = torn(before, after, draw)
        number, found = bench.start_whole(state, images)
        assert_simulated(bench, state, found)
        inside.add(number)
    print(f"{3 * len(cuts)} states at {len(stores)} stores, {len(bench.ends)} different, seed {seed}")
    return between, inside


def test_a_swap_that_is_cut_ends_with_the_new_image(bench, images, requested):
    """It had begun, so it goes on; but a torn last mark counts as a trial that has been."""
    between, inside = cut_everywhere(bench, requested, images, seed=1)
    assert between == {1}
    assert 1 in inside


def test_a_revert_that_is_cut_ends_with_the_old_image(bench, images, requested):
    _, on_trial = bench.all_stores(requested)
    between, inside = cut_everywhere(bench, on_trial, images, seed=2)
    assert between == inside == {0}


def test_flash_is_the_simulators_after_a_swap_and_after_a_revert(bench, requested):
    state = requested
    for _ in range(2):
        _, after = bench.all_stores(state)
        assert after != requested
        assert_simulated(bench, state, after)
        state = after


def upload_is_cut(bench, images, nth):
    file = bench.folder / "two.bin"
    file.write_bytes(images[1])
    flash = flash_with(images[0], b"\x55" * SLOT_SIZE)
    with bench.start(flash, [nth]) as machine:
        machine.wait_for(BANNER)
        client = subprocess.Popen([DFU, "-d", f"serial:{machine.console_port}", "image", "upload",
                                   file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        machine.wait_until(bench.stores)
        state = machine.flash()
        client.kill()
        client.wait()
    assert state != flash
    assert bench.image_that_runs(state, images) == 0


@pytest.mark.parametrize("nth", Board.EARLY_CUTS)
def test_an_upload_that_is_cut_as_it_begins_leaves_the_old_image(bench, images, nth):
    upload_is_cut(bench, images, nth)


@pytest.mark.parametrize("percent", UPLOAD_PERCENT)
def test_an_upload_that_is_cut_on_its_way_leaves_the_old_image(bench, images, percent):
    upload_is_cut(bench, images, len(images[1]) // WORD * percent // 100)
