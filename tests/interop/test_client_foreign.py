# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The client against servers unlike ours: MCUboot's serial recovery, and one that knows only SMP
version 1. Both are written here from what is known of them on the wire."""

import json
import socket
import struct
import threading

import cbor2
import pytest

from virtual_device import DFU, make_image, run

HASH_AT = -32  # imgtool writes the SHA-256 last where nothing is signed


class Server:
    """Answers on UDP in a thread; `answer` maps (op, group, id, body) to a body or None."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.where = f"udp:127.0.0.1:{self.socket.getsockname()[1]}"
        self.seen = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                packet, client = self.socket.recvfrom(65536)
            except OSError:
                return
            first, _, length, group, seq, command = struct.unpack(">BBHHBB", packet[:8])
            version, op = first >> 3 & 3, first & 7
            body = cbor2.loads(packet[8:8 + length])
            self.seen.append((version, op, group, command))
            answer = self.answer(version, op, group, command, body)
            if answer is not None:
                data = answer if isinstance(answer, bytes) else cbor2.dumps(answer)
                head = struct.pack(">BBHHBB", first + 1, 0, len(data), group, seq, command)
                self.socket.sendto(head + data, client)

    def close(self):
        self.socket.close()


class Recovery(Server):
    """Writes slot 0 in units of 8 bytes, has no test and no flags; after a reset the application
    it was given answers, in Zephyr's frugal manner."""

    def __init__(self):
        super().__init__()
        self.image, self.size, self.is_application = b"", 0, False

    def answer(self, version, op, group, command, body):
        if (op, group, command) == (2, 0, 5):
            self.is_application = True
            return {"rc": 0}
        if (op, group, command) == (0, 1, 0):
            slot = {"slot": 0, "version": "2.0.0" if self.image else "1.0.0"}
            if self.is_application:
                slot |= {"hash": self.image[HASH_AT:], "active": True, "confirmed": True}
            return {"images": [slot]} | ({} if self.is_application else {"rc": 0})
        if (op, group, command) == (2, 1, 1):
            return self.upload(body)
        return {"rc": 8}

    def upload(self, body):
        if body["off"] == 0:
            self.image, self.size = b"", body["len"]
        if body["off"] == len(self.image):
            data = body["data"]
            is_last = len(self.image) + len(data) == self.size
            self.image += data if is_last else data[:len(data) // 8 * 8]
        return {"rc": 0, "off": len(self.image)}


class VersionOne(Server):
    """Drops what it does not know; errors in version 1's shape."""

    def answer(self, version, op, group, command, body):
        if version != 0:
            return None
        if (group, command) == (0, 0):
            return {"r": body["d"]}
        return {"rc": 5}


class Garbage(Server):
    """The right header, and nothing after it that makes sense."""

    def answer(self, version, op, group, command, body):
        return b"\xbf\x63off\x1a"


@pytest.fixture
def garbage():
    server = Garbage()
    yield server
    server.close()


@pytest.fixture
def recovery():
    server = Recovery()
    yield server
    server.close()


@pytest.fixture
def version_one():
    server = VersionOne()
    yield server
    server.close()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("images") / "v2.bin", "2.0.0", size=20000)


def test_recovery_is_listed_and_uploaded_to(recovery, image):
    listed = json.loads(run(DFU, "-d", recovery.where, "--json", "image", "list").stdout)["images"]
    assert listed[0]["version"] == "1.0.0" and listed[0]["hash"] is None
    done = run(DFU, "-d", recovery.where, "--json", "-q", "image", "upload", image)
    assert done.returncode == 0, done.stdout + done.stderr
    assert recovery.image == image.read_bytes()
    facts = json.loads(done.stdout)
    assert facts["window"] == 1 and not facts["match"]  # it told no buffers: one at a time


def test_recovery_is_upgraded_with_one_command(recovery, image):
    done = run(DFU, "-d", recovery.where, "--json", "-q", "upgrade", image)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["outcome"] == "confirmed"
    assert recovery.image == image.read_bytes()
    assert recovery.seen.count((1, 2, 0, 5)) == 1


def test_what_recovery_lacks_is_said_in_a_sentence(recovery):
    done = run(DFU, "-d", recovery.where, "image", "erase")
    assert done.returncode == 1 and "does not support this command" in done.stderr


@pytest.mark.parametrize("words", [["echo"], ["image", "list"], ["image", "slots"], ["bootinfo"]])
def test_garbage_is_said_in_a_sentence(garbage, words):
    done = run(DFU, "-d", garbage.where, *words)
    assert done.returncode == 1 and "not SMP" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


def test_an_upload_to_garbage_ends(garbage, image):
    for words in (["image", "upload"], ["upgrade"]):
        done = run(DFU, "-d", garbage.where, "-q", *words, image)
        assert done.returncode == 1 and "not SMP" in done.stderr, done.stderr


def test_every_frame_is_shown_on_request(recovery):
    done = run(DFU, "-d", recovery.where, "-v", "-v", "image", "list")
    assert done.stderr.startswith("> 080000010001") and "\n< 09" in done.stderr


def test_a_server_of_version_one_is_spoken_to_in_its_version(version_one):
    done = run(DFU, "-d", version_one.where, "echo", "old friend")
    assert (done.returncode, done.stdout) == (0, "old friend\n"), done.stderr
    done = run(DFU, "-d", version_one.where, "image", "list")
    assert done.returncode == 1 and "error 5 ENOENT" in done.stderr
