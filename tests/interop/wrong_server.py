# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A small SMP server over UDP, by the rules, that can be told to break single ones.

`Server(faults)` answers like a device with two slots; each name in `faults` takes one check or one
duty away. Nothing of the project is in it: maps are cbor2's."""

import hashlib
import io
import socket
import struct
import threading

import cbor2

BUF_SIZE = 512
MAGIC = bytes.fromhex("3db8f396")
STAT = "counters"


class Refusal(Exception):
    """rc alone, or a group's code and what version 1 hears instead."""

    def __init__(self, rc, group=None, v1=None):
        super().__init__(rc)
        self.rc, self.group, self.v1 = rc, group, v1


EINVAL = Refusal(3)
NOT_SUPPORTED = Refusal(8)


def err(group, rc, v1):
    return Refusal(rc, group, v1)


class Image:
    """What the server knows of a slot."""

    def __init__(self, version, digest):
        self.version, self.hash, self.pending = version, digest, False


class Server:
    def __init__(self, faults=()):
        self.faults = set(faults)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.slots = {0: Image("1.0.0", hashlib.sha256(b"running").digest())}
        self.upload = None
        self.datetime = None
        self.is_confirmed = True
        self.is_open = True
        self.is_gone = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        self.is_open = False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()

    def has(self, fault):
        return fault in self.faults

    def need(self, name, is_met, refusal):
        """A check that the fault of this name leaves out."""
        if not self.has(name) and not is_met:
            raise refusal

    # ---- Packets ----

    def serve(self):
        while self.is_open:
            packet, peer = self.socket.recvfrom(65536)
            if not self.is_gone and len(packet) <= BUF_SIZE:
                self.take(packet, lambda answer: self.socket.sendto(answer, peer))

    def take(self, packet, send):
        if self.has("dies of nesting") and packet.count(b"\x81") > 40:
            self.is_gone = True
            return
        while packet:
            if len(packet) < 8:
                if self.has("answers half a header"):
                    send(packet[:7] + b"\x00")
                return
            first, flags, length, group, seq, command = struct.unpack(">BBHHBB", packet[:8])
            op, version = first & 7, first >> 3 & 3
            head = (first, flags, group, seq, command)
            answer, goes_on = self.one(head, op, version, length, packet[8:])
            if answer is not None:
                send(answer)
            if not goes_on:
                return
            packet = packet[8 + length:]

    def one(self, head, op, version, length, rest):
        first, flags, group, seq, command = head
        if op in (1, 3) and not self.has("answers answers"):
            return None, False
        if op > 3 and not self.has("answers odd ops"):
            return None, False
        try:
            self.need("takes any version", version < 2, Refusal(13))
            self.need("takes any length", length <= len(rest), Refusal(9))
            if self.has("minds the reserved bits") and first >> 5:
                raise NOT_SUPPORTED
            body = self.handle(op & 2, group, command, rest[:length])
            goes_on = not self.has("one request a packet")
        except (AttributeError, TypeError, ValueError):  # a fault let something odd in
            body, goes_on = {"rc": 1}, False
        except Refusal as no:
            body = self.refusal(no, version)
            goes_on = self.has("goes on after a refusal")
        answer_version = 1 if self.has("always version 2") else min(version, 1)
        payload = body if isinstance(body, bytes) else cbor2.dumps(body)
        back = (op | 1) if not self.has("op as asked") else op
        if self.has("another group"):
            group += 1
        return struct.pack(">BBHHBB", answer_version << 3 | back,
                           flags if self.has("flags as asked") else 0,
                           len(payload) + self.has("wrong length"), group, seq,
                           command) + payload, goes_on

    def refusal(self, no, version):
        if no.group is None:
            return {"rc": no.rc}
        if self.has("group codes to version 1") or version:
            return {"err": {"group": no.group, "rc": no.rc}}
        return {"rc": no.v1}

    # ---- Maps ----

    def decode(self, payload, types):
        """The known keys of a map; types as in `types`. Anything odd is EINVAL."""
        found = {}
        if not payload and self.has("needs no payload"):
            return {"d": "hi"}
        if not payload or payload[0] >> 5 != 5:
            if payload and self.has("takes what is no map"):
                return {"d": "hi"}
            raise EINVAL
        if payload[0] == 0xbf and self.has("definite maps only"):
            raise EINVAL
        count = {24: 1, 25: 2, 26: 4, 27: 8}.get(payload[0] & 31, 0)
        pairs = int.from_bytes(payload[1:1 + count], "big") if count else payload[0] & 31
        source = io.BytesIO(payload[1 + count:])
        decoder = cbor2.CBORDecoder(source, read_size=1)
        while pairs and not (payload[0] == 0xbf and payload[1 + source.tell()] == 0xff):
            pairs -= 1
            try:
                key, value = decoder.decode(), decoder.decode()
                if payload[0] == 0xbf:
                    payload[1 + source.tell()]
            except Exception:  # whatever is wrong with it
                if self.has("takes what ends early"):
                    return found or {"d": "hi"}
                raise EINVAL from None
            self.pair(found, key, value, types)
        return found

    def pair(self, found, key, value, types):
        self.need("any key", isinstance(key, str), EINVAL)
        if self.has("chokes on floats") and isinstance(value, float):
            raise EINVAL
        if key not in types:
            if self.has("chokes on unknown keys"):
                raise EINVAL
            return
        self.need("keys twice", key not in found, EINVAL)
        right = type(value) is types[key] and not (types[key] is int and value < 0)
        self.need("any type", right, EINVAL)
        found[key] = value

    # ---- Commands ----

    def handle(self, op, group, command, payload):
        name = {0: "read", 2: "write"}[op]
        method = getattr(self, f"{name}_{group}_{command}", None)
        if method is None and group in (0, 1) and command < 10:
            self.need("writes what is read", False, NOT_SUPPORTED)
            return {}
        if method is None:
            unknown = "any group" if group > 64 else "any command"
            self.need(unknown, False, NOT_SUPPORTED)
            return {}
        return method(payload)

    def read_0_0(self, payload):
        if self.has("echo is only written"):
            raise NOT_SUPPORTED
        return self.write_0_0(payload)

    def write_0_0(self, payload):
        args = self.decode(payload, {"d": str})
        self.need("echo of nothing", "d" in args, EINVAL)
        text = args.get("d", "?")
        if not isinstance(text, str):
            text = "?"
        if self.has("no empty text") and not text:
            raise EINVAL
        if self.has("cuts text"):
            text = text[:100]
        if self.has("shouts"):
            text = text.upper()
        body = cbor2.dumps({"r": text})
        if len(body) + 8 > BUF_SIZE:
            raise Refusal(7)
        return body

    def write_0_1(self, _):
        raise EINVAL if self.has("keeps its console's echo") else NOT_SUPPORTED

    def read_0_2(self, _):
        return {"tasks": [] if self.has("tasks as a list") else {"main": {"prio": 0, "tid": 0}}}

    def read_0_4(self, _):
        if self.datetime is None:
            raise err(0, 5, 1) if self.has("time fails") else err(0, 4, 5)
        return {"datetime": self.datetime[:19]}

    def write_0_4(self, payload):
        text = self.decode(payload, {"datetime": str}).get("datetime", "")
        is_time = len(text) >= 19 and 1 <= int(text[5:7]) <= 12
        self.need("any time", is_time, EINVAL)
        if not self.has("forgets the time"):
            self.datetime = text
        return {}

    def write_0_5(self, _):
        if self.has("never comes back"):
            self.is_gone = True
        self.upload = None
        return {}

    def read_0_6(self, _):
        size = str(BUF_SIZE) if self.has("sizes as text") else BUF_SIZE
        return {"buf_size": size, "buf_count": 4}

    def read_0_7(self, payload):
        letters = self.decode(payload, {"format": str}).get("format", "s") or "s"
        if self.has("info in its order") and "vrs" in letters:
            raise EINVAL
        self.need("any letter", set(letters) <= set("snrvbmpioa"), err(0, 2, 3))
        return {"output": "Test"}

    def read_0_8(self, payload):
        query = self.decode(payload, {"query": str}).get("query")
        self.need("any query", query in (None, "mode"), err(0, 3, 5))
        if query:
            return {"mode": "3" if self.has("mode as text") else 3}
        return {"bootloader": "MCUboot"}

    def read_1_0(self, _):
        if _ == b"" and self.has("needs a map"):
            raise EINVAL
        entries = []
        for slot, image in sorted(self.slots.items()):
            entry = {"slot": slot, "version": image.version, "hash": image.hash,
                     "bootable": 1 if self.has("flags as numbers") else True,
                     "pending": image.pending,
                     "confirmed": slot == 0 and self.is_confirmed,
                     "active": slot == 0 and not self.has("nothing is active"),
                     "permanent": False}
            if self.has("no versions"):
                del entry["version"]
            if not (slot == 1 and self.has("lists what runs only")):
                entries.append(entry)
        return {"images": entries, "splitStatus": 0}

    def write_1_0(self, payload):
        args = self.decode(payload, {"hash": bytes, "confirm": bool})
        confirm, digest = args.get("confirm", False), args.get("hash")
        if digest is None or (digest == b"" and not self.has("an empty hash names something")):
            self.need("tests nothing", confirm, err(1, 24, 3))
            self.is_confirmed = not self.has("never confirms")
            return self.read_1_0(b"a")
        self.need("any hash length", isinstance(digest, bytes) and len(digest) == 32,
                  err(1, 24, 3))
        slot = next((n for n, image in self.slots.items() if image.hash == digest), None)
        self.need("any hash", slot is not None, err(1, 8, 1))
        if slot is None:
            return self.read_1_0(b"a")
        self.need("tests what runs", confirm or slot != 0, err(1, 33, 1))
        if self.slots[slot].pending:
            self.need("confirms what is tested", not confirm, err(1, 28, 6))
        self.slots[slot].pending = not self.has("never pending")
        return self.read_1_0(b"a")

    def write_1_5(self, payload):
        slot = self.decode(payload, {"slot": int}).get("slot", 1)
        self.need("erases what runs", slot != 0, err(1, 9, 6))
        self.need("erases any slot", slot in (0, 1), err(1, 14, 3))
        if self.has("never erases"):
            raise err(1, 13, 1)
        if not self.has("keeps what it erases"):
            self.slots.pop(1, None)
        if not self.has("an erase ends nothing"):
            self.upload = None
        return {}

    def read_1_6(self, _):
        if self.has("slots as numbers"):
            return {"images": [{"image": 0, "slots": [0, 1]}]}
        size = "100000" if self.has("sizes of slots as text") else 100000
        return {"images": [{"image": 0, "slots": [{"slot": 0, "size": size},
                                                  {"slot": 1, "size": size}]}]}

    # ---- Upload ----

    def write_1_1(self, payload):
        args = self.decode(payload, {"off": int, "len": int, "data": bytes, "sha": bytes,
                                     "image": int, "upgrade": bool})
        try:
            self.need("no offset", "off" in args, err(1, 20, 3))
            return (self.next_chunk if args.get("off", 0) else self.first_chunk)(args)
        except Refusal:
            if not self.has("goes on after a refused chunk"):
                self.upload = None
            raise

    def first_chunk(self, args):
        data, sha = args.get("data", b""), args.get("sha", b"")
        self.need("short header", len(data) >= 32, err(1, 22, 3))
        self.need("no length", "len" in args, err(1, 21, 3))
        self.need("no magic", data[:4] == MAGIC, err(1, 23, 1))
        self.need("long sha", len(sha) <= 32, err(1, 24, 3))
        if self.upload and (sha or self.has("resumes without sha")) and not self.has("never resumes"):
            if sha == self.upload["sha"] or self.has("resumes anything"):
                return {"off": len(self.upload["data"])}
        size = args.get("len", 400)
        self.need("any size", size <= 100000, err(1, 30, 1))
        if args.get("upgrade"):
            self.need("any version of an image", False, err(1, 27, 6))
        self.upload = {"data": b"", "sha": sha, "size": size}
        self.slots.pop(1, None)
        return self.add(data)

    def next_chunk(self, args):
        if self.upload is None:
            return {"off": args["off"] if self.has("takes chunks of no upload") else 0}
        have = len(self.upload["data"])
        if args["off"] != have:
            if self.has("refuses other offsets"):
                raise err(1, 19, 3)
            return {"off": have}
        self.need("overrun", have + len(args["data"]) <= self.upload["size"], err(1, 31, 1))
        return self.add(args["data"])

    def add(self, data):
        upload = self.upload
        upload["data"] += data
        have = len(upload["data"])
        if self.has("tells what it had") and have < upload["size"]:
            return {"off": have - len(data)}
        if self.has("offset of the chunk"):
            return {"off": len(data)}
        if have != upload["size"]:
            return {"off": have}
        match = hashlib.sha256(upload["data"]).digest() == upload["sha"]
        digest = hashlib.sha256(upload["data"][:-40]).digest()
        self.slots[1] = Image("0.0.0", digest)
        if not self.has("an end ends nothing"):
            self.upload = None
        if self.has("always matches"):
            match = True
        if self.has("never matches"):
            match = False
        return {"off": have, "match": match}

    # ---- The rest ----

    def read_2_1(self, _):
        return {"rc": 0, "stat_list": [1] if self.has("statistics as numbers") else [STAT]}

    def read_2_0(self, payload):
        name = self.decode(payload, {"name": str}).get("name", "")
        if not name:
            raise EINVAL
        self.need("any statistics", name == STAT, err(63, 3, 5))
        return {"name": STAT, "fields": {}}

    def read_3_0(self, payload):
        name = self.decode(payload, {"name": str}).get("name", "")
        self.need("settings without names", bool(name), EINVAL)
        self.need("any long name", len(name) < 32, err(3, 2, 3))
        self.need("any setting", False, err(3, 3, 5))
        return {"val": b""}

    def write_3_0(self, payload):
        args = self.decode(payload, {"name": str, "val": bytes})
        self.need("settings without values", "val" in args, EINVAL)
        return {}

    def read_8_1(self, payload):
        name = self.decode(payload, {"name": str}).get("name", "")
        self.need("files without names", bool(name), EINVAL)
        if ".." in name and self.has("leads out"):
            return {"len": 5}
        self.need("any file", False, err(8, 3, 5))
        return {"len": 0}

    def read_8_0(self, payload):
        args = self.decode(payload, {"name": str, "off": int})
        self.need("files without names", "off" in args, EINVAL)
        raise err(8, 3, 5)

    def write_8_0(self, payload):
        self.decode(payload, {"name": str})
        raise EINVAL

    def write_9_0(self, payload):
        argv = self.decode(payload, {"argv": list}).get("argv")
        self.need("any command line", argv is not None, EINVAL)
        if not argv:
            raise err(9, 3, 3)
        return {"o": "", "ret": 0}

    def read_10_0(self, _):
        return {"count": 8}

    def read_10_1(self, _):
        return {"groups": 8 if self.has("groups as a number") else [0, 1, 2, 3, 8, 9, 10]}

    def read_10_2(self, payload):
        index = self.decode(payload, {"index": int}).get("index", 0)
        self.need("any index", index < 7, err(10, 4, 1))
        return {"group": 0}

    def read_10_3(self, payload):
        self.decode(payload, {"groups": list})
        handlers = "9" if self.has("handlers as text") else 9
        return {"groups": [{"group": 0, "name": "os mgmt", "handlers": handlers}]}
