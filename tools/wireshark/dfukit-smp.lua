-- SPDX-License-Identifier: Apache-2.0
-- Copyright the dfukit authors
--
-- Wireshark dissector of the Simple Management Protocol (SMP, "MCUmgr") over UDP port 1337:
--   wireshark -X lua_script:dfukit-smp.lua FILE
-- or copy it to the folder "Personal Lua Plugins" of Help, About. The payload is shown by
-- Wireshark's own CBOR dissector.

local smp = Proto("dfukit_smp", "Simple Management Protocol")

local ops = { [0] = "Read", [1] = "Read answer", [2] = "Write", [3] = "Write answer" }
local versions = { [0] = "1", [1] = "2" }
local groups = {
    [0] = "OS", [1] = "Image", [2] = "Statistics", [3] = "Settings", [4] = "Log", [5] = "Crash",
    [6] = "Split", [7] = "Run", [8] = "File system", [9] = "Shell", [10] = "Enumeration",
    [11] = "Transport", [63] = "Zephyr basic",
}
local commands = {
    [0] = { [0] = "echo", "echo control", "task statistics", "memory pools", "date-time", "reset",
            "parameters", "information", "bootloader" },
    [1] = { [0] = "state", "upload", "file", "core list", "core load", "erase", "slots" },
    [2] = { [0] = "show", "list" },
    [3] = { [0] = "value", "delete", "commit", "load or save" },
    [4] = { [0] = "show", "clear", "append", "modules", "levels", "logs" },
    [5] = { [0] = "crash" },
    [8] = { [0] = "file", "status", "hash", "hash types", "close" },
    [9] = { [0] = "execute" },
    [10] = { [0] = "count", "list", "single", "details" },
    [63] = { [0] = "erase storage" },
}

local f = smp.fields
f.version = ProtoField.uint8("dfukit_smp.version", "Version", base.DEC, versions, 0x18)
f.op = ProtoField.uint8("dfukit_smp.op", "Operation", base.DEC, ops, 0x07)
f.flags = ProtoField.uint8("dfukit_smp.flags", "Flags", base.HEX)
f.length = ProtoField.uint16("dfukit_smp.length", "Length")
f.group = ProtoField.uint16("dfukit_smp.group", "Group", base.DEC, groups)
f.seq = ProtoField.uint8("dfukit_smp.seq", "Sequence number")
f.id = ProtoField.uint8("dfukit_smp.id", "Command")
f.command = ProtoField.string("dfukit_smp.command", "Name")

local cut = ProtoExpert.new("dfukit_smp.cut", "The frame is shorter than its header says",
                            expert.group.MALFORMED, expert.severity.ERROR)
smp.experts = { cut }

local HEADER = 8
local cbor = Dissector.get("cbor")

local function dissect_one(buffer, pinfo, tree)
    local length, group, id = buffer(2, 2):uint(), buffer(4, 2):uint(), buffer(7, 1):uint()
    local there = math.min(length, buffer:len() - HEADER)
    local name = (commands[group] or {})[id] or ("command " .. id)
    local op = ops[bit32.band(buffer(0, 1):uint(), 7)] or "Unknown operation"
    local text = string.format("%s: %s %s, seq %d", op, groups[group] or ("group " .. group), name,
                               buffer(6, 1):uint())
    local part = tree:add(smp, buffer(0, HEADER + there), "SMP, " .. text)

    part:add(f.version, buffer(0, 1))
    part:add(f.op, buffer(0, 1))
    part:add(f.flags, buffer(1, 1))
    part:add(f.length, buffer(2, 2))
    part:add(f.group, buffer(4, 2))
    part:add(f.seq, buffer(6, 1))
    part:add(f.id, buffer(7, 1))
    part:add(f.command, buffer(7, 1), name):set_generated()
    if there < length then
        part:add_proto_expert_info(cut)
    end
    if there > 0 then
        cbor:call(buffer(HEADER, there):tvb(), pinfo, part)
    end
    return HEADER + there, text
end

-- Several frames may lie in one datagram.
function smp.dissector(buffer, pinfo, tree)
    local at, texts = 0, {}

    while buffer:len() - at >= HEADER do
        local used, text = dissect_one(buffer(at):tvb(), pinfo, tree)

        at = at + used
        texts[#texts + 1] = text
    end
    pinfo.cols.protocol = "SMP"
    pinfo.cols.info = table.concat(texts, "; ")
    return at
end

DissectorTable.get("udp.port"):add(1337, smp)
