# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Servers with the ways of those in the field, as their sources have them: Zephyr's where it says
other things than the protocol asks for, MCUboot's serial recovery with and without its echo."""

import struct

import cbor2

from wrong_server import EINVAL, NOT_SUPPORTED, Refusal, Server, err

SLOT_SIZE = 0x60000
WRITE_UNIT = 32  # MCUboot leaves what does not fill one to the next chunk
OUT_MAX = 128


class Zephyr(Server):
    """An echo of nothing, an rc where a question has no answer, a code of its own for the name of
    no statistics, settings that need no value."""

    def write_0_0(self, payload):
        return super().write_0_0(payload) if self.decode(payload, {"d": str}) else {"r": ""}

    def read_0_8(self, payload):
        try:
            return super().read_0_8(payload)
        except Refusal:
            raise Refusal(3) from None

    def read_2_0(self, payload):
        if not self.decode(payload, {"name": str}).get("name"):
            raise EINVAL
        raise err(63, 3, 1)

    def write_3_0(self, payload):
        if not self.decode(payload, {"name": str, "val": bytes}).get("name"):
            raise EINVAL
        raise err(3, 5, 1)


class Mcuboot(Server):
    """One request a packet, silence to what is none, rc in every answer, the request's version."""

    def __init__(self, has_echo):
        self.has_echo = has_echo
        self.image, self.size = b"", 0
        super().__init__()

    def take(self, packet, send):
        if len(packet) < 8:
            return
        first, _, length, group, seq, command = struct.unpack(">BBHHBB", packet[:8])
        if first & 7 not in (0, 2) or length < len(packet) - 8:
            return
        try:
            body = self.command(first & 7, group, command, packet[8:])
        except Refusal as no:
            body = {"rc": no.rc}
        data = cbor2.dumps(body)
        send(struct.pack(">BBHHBB", first + 1, 0, len(data), group, seq, command) + data)

    def command(self, op, group, command, payload):
        if (group, command) == (0, 0) and self.has_echo:
            return self.echo(payload)
        if (group, command) in ((0, 1), (0, 5)):
            return {"rc": 0}
        if (op, group, command) == (0, 1, 0):
            return {"images": []}
        if (group, command) == (1, 1):
            return self.upload_chunk(payload)
        raise NOT_SUPPORTED

    def echo(self, payload):
        """The text has to be the last of the map."""
        args = self.decode(payload, {"d": str})
        if "d" not in args or list(cbor2.loads(payload))[-1] != "d":
            raise EINVAL
        if len(args["d"]) > OUT_MAX:
            raise Refusal(2)
        return {"r": args["d"]}

    def upload_chunk(self, payload):
        args = self.decode(payload, {"image": int, "data": bytes, "len": int, "off": int})
        if "off" not in args or "data" not in args:
            raise EINVAL
        off, data = args["off"], args["data"]
        if off == 0:
            self.image, self.size = b"", args.get("len", 1 << 32)
            if self.size > SLOT_SIZE:
                raise EINVAL
        elif off != len(self.image):
            return {"rc": 0, "off": len(self.image)}
        elif off + len(data) > self.size:
            raise EINVAL
        if off + len(data) < self.size:
            data = data[:len(data) // WRITE_UNIT * WRITE_UNIT]
        self.image += data
        return {"rc": 0, "off": len(self.image)}
