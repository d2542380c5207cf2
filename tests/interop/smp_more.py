# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Requests that smpclient has no classes for, in its own terms: mynewt's groups and commands,
slot info, the groups 64 to 66."""

import smp.error
import smp.message
from pydantic import BaseModel, ConfigDict, Field

OS, IMG, LOG, CRASH, HISTORY, PAGES, AUTH = 0, 1, 4, 5, 64, 65, 66


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def command(name, write, group, number, request=(), response=()):
    """A request class; request and response are its keys, as annotations with a default or not."""
    def message(base, suffix, keys):
        body = {"_GROUP_ID": group, "_COMMAND_ID": number, "__annotations__": {}}
        for key in keys:
            body["__annotations__"][key[0]] = key[1]
            body.update({key[0]: None} if len(key) > 2 else {})
        return type(name + suffix, (base,), body)

    one = message(smp.message.WriteRequest if write else smp.message.ReadRequest, "", request)
    one._Response = message(
        smp.message.WriteResponse if write else smp.message.ReadResponse, "Response", response)
    one._ErrorV1 = type(name + "ErrorV1", (smp.error.ErrorV1,), {"_GROUP_ID": group})
    one._ErrorV2 = type(name + "ErrorV2", (smp.error.ErrorV2[int],), {"_GROUP_ID": group})
    return one


class LogEntry(Strict):
    type: str
    ts: int
    level: int
    index: int
    module: int
    imghash: bytes | None = None
    msg: bytes


class Log(Strict):
    name: str
    type: int
    entries: tuple[LogEntry, ...]


class Slot(Strict):
    slot: int
    size: int
    upload_image_id: int | None = None


class ImageSlots(Strict):
    image: int
    slots: tuple[Slot, ...]
    max_image_size: int | None = None


class Update(Strict):
    n: int
    image: int
    result: str
    to: str | None = None
    hash: bytes
    reason: str | None = None
    fault: str | None = None


class Hashes(smp.message.ReadResponse):
    model_config = ConfigDict(extra="forbid", frozen=True)
    _GROUP_ID = PAGES
    _COMMAND_ID = 0
    off: int
    len: int
    size: int
    most: int = Field(alias="copy")
    hashes: bytes


class AnyErrorV2(smp.error.ErrorV2[int]):
    """Whatever the group and code are."""

    _GROUP_ID = 9


MAYBE = "optional"
EchoRead = command("EchoRead", False, OS, 0, [("d", str)], [("r", str)])
EchoControl = command("EchoControl", True, OS, 1, [("echo", int)])
CoreList = command("CoreList", False, IMG, 3)
CoreLoad = command("CoreLoad", False, IMG, 4, [("off", int | None, MAYBE)],
                   [("off", int), ("data", bytes), ("len", int | None, MAYBE)])
CoreErase = command("CoreErase", True, IMG, 4)
SlotInfo = command("SlotInfo", False, IMG, 6, [], [("images", tuple[ImageSlots, ...])])
LogShow = command("LogShow", False, LOG, 0,
                  [("log_name", str | None, MAYBE), ("ts", int | None, MAYBE),
                   ("index", int | None, MAYBE)],
                  [("next_index", int), ("logs", tuple[Log, ...])])
LogClear = command("LogClear", True, LOG, 1, [("log_name", str | None, MAYBE)])
LogModules = command("LogModules", False, LOG, 3, [], [("module_map", dict[str, int])])
LogLevels = command("LogLevels", False, LOG, 4, [], [("level_map", dict[str, int])])
LogList = command("LogList", False, LOG, 5, [], [("log_list", tuple[str, ...])])
Crash = command("Crash", True, CRASH, 0, [("t", str)])
History = command("History", False, HISTORY, 0, [("skip", int | None, MAYBE)],
                  [("history", tuple[Update, ...]), ("more", bool)])
PageHashes = command("PageHashes", False, PAGES, 0,
                     [("off", int), ("running", bool | None, MAYBE)])
PageHashes._Response = Hashes
TakePages = command("TakePages", True, PAGES, 1,
                    [("off", int), ("len", int), ("running", bool | None, MAYBE)],
                    [("off", int), ("match", bool | None, MAYBE)])
AuthStatus = command("AuthStatus", False, AUTH, 0, [], [("role", int), ("open", int)])
Challenge = command("Challenge", False, AUTH, 1, [], [("challenge", bytes), ("device", bytes)])
Login = command("Login", True, AUTH, 2, [("key", bytes), ("role", int), ("sig", bytes)],
                [("role", int)])
Logout = command("Logout", True, AUTH, 3)
