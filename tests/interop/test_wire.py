# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The packets of unit-smp_wire, every command of every group in both versions, are decoded by
smpclient's strict classes, which forbid keys they don't know."""

import inspect
import os
from pathlib import Path

import cbor2
import pytest
import smp.message
import smp.os_management as os_management_models
from pydantic import TypeAdapter, ValidationError
from smpclient.requests import (enumeration_management, file_management, image_management,
                                os_management, settings_management, shell_management,
                                statistics_management, zephyr_management)

import smp_more
from virtual_device import run

MODULES = (enumeration_management, file_management, image_management, os_management,
           settings_management, shell_management, statistics_management, zephyr_management,
           smp_more)
HEADER = 8
READ, WRITE = 0, 2

SLOT_INFO = (1, 6)  # smp refuses the number
EMPTY_COMMAND = (9, 3)  # a code that smp doesn't know
# Servers of version 1 answer these with an "rc" of 0, which the classes don't know.
RC_IN_VERSION_1 = {(1, 3), (1, 4), (2, 1), (4, 0), (4, 1), (4, 3), (4, 4), (4, 5), (5, 0)}


def request_classes():
    found = {}
    for module in MODULES:
        for _, one in inspect.getmembers(module, inspect.isclass):
            if issubclass(one, (smp.message.ReadRequest, smp.message.WriteRequest)) and \
                    hasattr(one, "_Response"):
                op = WRITE if issubclass(one, smp.message.WriteRequest) else READ
                found[int(one._GROUP_ID), int(one._COMMAND_ID), op] = one
    return found


CLASSES = request_classes()


def packets():
    program = Path(os.environ["DFU_BINARY_DIR"]) / "tests" / "unit-smp_wire"
    done = run(program, "--print")
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        group, number, version, request, answer = line.split()
        yield int(group), int(number), int(version), bytes.fromhex(request), bytes.fromhex(answer)


PACKETS = list(packets())


def part(request_class, name):
    """Its class of answers: pydantic takes those of smpclient for private attributes."""
    attribute = request_class.__private_attributes__.get(name)
    return attribute.default if attribute else getattr(request_class, name)


def without_rc(packet):
    body = cbor2.loads(packet[HEADER:])
    assert body.pop("rc") == 0
    return packet[:2] + len(cbor2.dumps(body)).to_bytes(2, "big") + packet[4:8] + cbor2.dumps(body)


@pytest.mark.parametrize("group, number, version, request_bytes, answer", PACKETS,
                         ids=[f"{p[0]}-{p[1]}-v{p[2] + 1}-{i}" for i, p in enumerate(PACKETS)])
def test_the_packet_is_decoded(group, number, version, request_bytes, answer):
    one = CLASSES[group, number, request_bytes[0] & 7]
    body = cbor2.loads(answer[HEADER:])
    if (group, number) == SLOT_INFO:
        TypeAdapter(tuple[smp_more.ImageSlots, ...]).validate_python(body.pop("images"))
        assert not body
        return
    if set(body) == {"mode"}:
        os_management_models.MCUbootModeQueryResponse.model_validate(body)
        return
    if "err" in body:
        assert version == 1
        if set(body) == {"err", "len"}:  # where to go on with a file
            assert (group, number) == (8, 0)
            return
        error = smp_more.AnyErrorV2 if (group, body["err"]["rc"]) == EMPTY_COMMAND else \
            part(one, "_ErrorV2")
        decoded = error.loads(answer)
        assert decoded.err.rc == body["err"]["rc"]
    elif body.get("rc"):
        decoded = part(one, "_ErrorV1").loads(answer)
        assert decoded.rc == body["rc"]
    else:
        if "rc" in body:
            assert version == 0 and (group, number) in RC_IN_VERSION_1
            answer = without_rc(answer)
        decoded = part(one, "_Response").loads(answer)
    assert decoded.header.version == version
    assert decoded.header.sequence == request_bytes[6]


def test_requests_of_the_table_are_those_that_smpclient_makes():
    for group, number, _, request_bytes, answer in PACKETS:
        body = cbor2.loads(answer[HEADER:])
        is_refused = "err" in body or body.get("rc")
        if not is_refused and (group, number) != SLOT_INFO:
            CLASSES[group, number, request_bytes[0] & 7].loads(request_bytes)


def test_the_list_of_statistics_as_zephyr_sends_it_is_too_much_for_smpclient():
    """Why ours leaves its "rc" out in version 2."""
    body = cbor2.dumps({"rc": 0, "stat_list": ["smp_svr_stats"]})
    answer = bytes([9, 0, 0, len(body), 0, 2, 0x61, 1]) + body
    one = CLASSES[2, 1, READ]
    for name in ("_Response", "_ErrorV1", "_ErrorV2"):
        with pytest.raises(ValidationError):
            part(one, name).loads(answer)


def test_every_class_of_smpclient_has_a_packet():
    served = {(group, number, request[0] & 7) for group, number, _, request, _ in PACKETS}
    missing = {key: one.__name__ for key, one in CLASSES.items() if key not in served}
    assert not missing
