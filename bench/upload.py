#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""How fast an image reaches a device: `dfu image upload` beside its peers and beside the line.

One virtual device for each client, all with the same image, whose pages the device has nowhere.
UDP on this machine, the same with 5, 50 and 500 ms of round trip, with one datagram in a hundred
lost each way, and serial lines at 115200 and 921600 baud, with console framing and raw.

Transfers are compared, without the clients' start-up. A library (smpclient; mcumgr-toolkit, that of
mcumgrctl; mcumgr-client) is connected before, and only its upload call is timed. dfu says itself
how long it took, from its first question to the last answer, so what it asks beside the upload
counts against it. smpmgr is timed as a whole, and what it costs to say hello over a link without
delay is taken off; where that is far more than the upload takes, only its library is timed
(smpclient). All send every byte (dfu --no-diff), with the settings that are best for each:
the device's buffer of 2048 bytes is filled.

Of several rounds the median counts; of links without delay or with little, where other programs of
the machine disturb most, the best.

The limit of the line:
  UDP     a program that sends ready-made requests over the same link, the first chunk alone, then
          never more than 3 unanswered (the device has 4 buffers, and answers take one of them), and
          looks at no answer; where datagrams are lost, a round trip more for each lost request,
          because a device takes chunks in order only
  serial  what the framing leaves of the baud rate, 10 bits a byte. Console: a packet of 2048 bytes,
          its length and checksum in base64 are 2736 characters in 23 lines with 3 more each, 2805
          bytes for 2021 of the image. Raw: 2048 bytes for 2021

usage: ./dev bench upload; UPLOAD_ROWS="UDP,raw 115200" in the environment picks rows.
"""

import concurrent.futures
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from virtual_device import BIN, BOARD, DFU, PORT, SLOT_SIZE, Device, make_image, run  # noqa: E402

NETWORK = ROOT / "bench" / "network"
BUILT = ROOT / "build" / "bench"
BUFFER, WINDOW = 2048, 3
LINE_PAYLOAD, LINE_MAX = 93, 127  # bytes of a console line that carry data, and all of them
GOAL = 0.95
HELLOS = 5

CLIENTS = ["dfu", "smpmgr", "smpclient", "toolkit", "mcumgr-client"]
SERIAL_ONLY = {"mcumgr-client"}
NO_RAW = {"smpmgr", "mcumgr-client"}


class Row:
    """One kind of link; rounds in which all clients run at once are those where they only wait."""

    def __init__(self, name, link, rounds, at_once=False, size=400_000, trip_ms=0.0,
                 loss_per_mille=0, baud=0):
        self.name, self.link, self.rounds, self.at_once, self.size = (name, link, rounds, at_once,
                                                                      size)
        self.trip_ms, self.loss_per_mille, self.baud = trip_ms, loss_per_mille, baud

    def clients(self):
        left_out = SERIAL_ONLY if self.link == "udp" else NO_RAW if self.link == "raw" else set()
        if self.link == "udp" and self.trip_ms < 50:
            left_out = left_out | {"smpmgr"}
        return [client for client in CLIENTS if client not in left_out]


ROWS = [
    Row("UDP", "udp", 15, size=3_900_000),
    Row("UDP 5 ms", "udp", 3, trip_ms=5),
    Row("UDP 50 ms", "udp", 3, at_once=True, trip_ms=50),
    Row("UDP 500 ms", "udp", 1, at_once=True, trip_ms=500),
    Row("5 ms, loss 1 %", "udp", 5, trip_ms=5, loss_per_mille=10),
    Row("50 ms, loss 1 %", "udp", 3, at_once=True, trip_ms=50, loss_per_mille=10),
    Row("console 115200", "console", 1, at_once=True, size=200_000, baud=115200),
    Row("console 921600", "console", 3, baud=921600),
    Row("raw 115200", "raw", 1, at_once=True, size=200_000, baud=115200),
    Row("raw 921600", "raw", 3, baud=921600),
]


# ---- The line ----

def uint(value, major=0):
    """CBOR: an unsigned number, or the head of bytes (major 2) or text (3)."""
    for extra, size in ((24, 1), (25, 2), (26, 4)):
        if value < 24:
            return bytes([major << 5 | value])
        if value < 1 << 8 * size:
            return bytes([major << 5 | extra]) + value.to_bytes(size, "big")
    raise ValueError(value)


def text(word):
    return uint(len(word), 3) + word.encode()


def requests_of(image):
    """The upload as packets that fill the device's buffer."""
    off, packets = 0, []
    while off < len(image):
        first = (text("len") + uint(len(image)) + text("sha") + uint(32, 2) +
                 hashlib.sha256(image).digest()) if off == 0 else b""
        head = b"\xbf" + first + text("off") + uint(off) + text("data")
        data = image[off:off + BUFFER - 8 - len(head) - 3 - 1]
        body = head + uint(len(data), 2) + data + b"\xff"
        packets.append(bytes([2 | 1 << 3, 0]) + len(body).to_bytes(2, "big") + b"\x00\x01" +
                       bytes([len(packets) % 256, 1]) + body)
        off += len(data)
    return packets


def console_bytes(packet):
    """On the line: length, packet and checksum in base64, in lines."""
    left, total = 2 + len(packet) + 2, 0
    while left > 0:
        part = min(left, LINE_PAYLOAD)
        total += math.ceil(part / 3) * 4 + LINE_MAX - LINE_PAYLOAD // 3 * 4
        left -= part
    return total


def pump(row, packets, device):
    """Seconds of ready-made requests, over a link that delays but does not lose."""
    erase(device)
    network = Network(device, row, 1, loses=False) if row.trip_ms else None
    try:
        done = subprocess.run(
            [BUILT / "pump", network.address if network else device.address, str(PORT),
             str(WINDOW)], stdout=subprocess.PIPE, check=True,
            input=b"".join(len(packet).to_bytes(2, "little") + packet for packet in packets))
    finally:
        if network:
            network.close()
    return float(done.stdout)


def limit_of(row, image, device):
    packets = requests_of(image)
    if row.link == "udp":
        trips = 1 + math.ceil((len(packets) - 1) / WINDOW)
        return pump(row, packets, device) * (1 + len(packets) * row.loss_per_mille / 1000 / trips)
    bytes_sent = sum(console_bytes(packet) if row.link == "console" else len(packet)
                     for packet in packets)
    return bytes_sent * 10 / row.baud


# ---- Clients ----

class Network:
    """A front for a device, a round trip away; the same losses for the same seed."""

    def __init__(self, device, row, seed, loses=True):
        last = device.address.rsplit(".", 1)
        self.address = f"{last[0]}.{int(last[1]) % 254 + 1}"
        self.process = subprocess.Popen(
            [BUILT / "udp_link", self.address, str(PORT), device.address, str(PORT),
             str(int(row.trip_ms * 500)), str(row.loss_per_mille if loses else 0),
             str(seed)],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        self.process.kill()
        self.process.wait()


def erase(device):
    done = run(DFU, "-q", "-d", f"udp:{device.address}", "image", "erase")
    assert done.returncode == 0, done.stderr


def timed(command):
    started = time.monotonic()
    done = run(*command, timeout=900, env=dict(os.environ, TERM="dumb", NO_COLOR="1"))
    return time.monotonic() - started, done


def dfu(row, where, *words):
    target = {"udp": f"udp:{where}", "console": f"serial:{where},baud={row.baud}",
              "raw": f"serial:{where},baud={row.baud},raw"}[row.link]
    return [DFU, "-q", "-d", target, *words]


def smpmgr(row, where, *words):
    link = (["--ip", where, "--mtu", str(BUFFER + 28)] if row.link == "udp" else
            ["--port", where, "--baudrate", str(row.baud), "--line-length", "128",
             "--line-buffers", "22"])
    return [BIN / "smpmgr", "--timeout", "5", *link, *words]


def direct(row, device):
    return device.address if row.link == "udp" else str(device.link)


def startup(row, device):
    """Seconds that smpmgr takes to say hello over a link without delay."""
    took = []
    for _ in range(HELLOS):
        seconds, done = timed(smpmgr(row, direct(row, device), "os", "echo", "hello"))
        assert done.returncode == 0, done.stdout + done.stderr
        took.append(seconds)
    return typical(row, took)


def run_client(row, client, where, image):
    """The finished process and the seconds that it took, or says that it took."""
    if client == "smpmgr":
        took, done = timed(smpmgr(row, where, "image", "upload", image))
        return done, took
    if client == "dfu":
        _, done = timed(dfu(row, where, "--json", "image", "upload", "--no-diff", image))
        return done, json.loads(done.stdout)["seconds"] if done.returncode == 0 else None
    timeout_ms = 100 + 4 * row.trip_ms if row.loss_per_mille else 5000
    _, done = timed([sys.executable, NETWORK / "peer.py", client, row.link, where, str(row.baud),
                     image, str(int(timeout_ms))])
    return done, float(done.stdout) if done.returncode == 0 else None


def transfer(row, client, device, image, seed):
    """Seconds, start-up included, or None where the client gave up."""
    erase(device)
    network = Network(device, row, seed) if row.trip_ms else None
    try:
        done, took = run_client(row, client, network.address if network else direct(row, device),
                                image)
    finally:
        if network:
            network.close()
    if done.returncode != 0 and not row.loss_per_mille:
        raise AssertionError(f"{client}, {row.name}: {(done.stdout + done.stderr)[:1000]}")
    return took if done.returncode == 0 else None


def measure(row, devices, image):
    """Seconds of each client and of the limit, round by round."""
    content = image.read_bytes()
    found = {client: [] for client in ["limit", *row.clients()]}
    hello = startup(row, devices["smpmgr"]) if "smpmgr" in devices else 0.0
    for seed in range(1, row.rounds + 1):
        with concurrent.futures.ThreadPoolExecutor(len(found) if row.at_once else 1) as pool:
            jobs = {"limit": pool.submit(limit_of, row, content, devices["limit"])}
            jobs |= {client: pool.submit(transfer, row, client, devices[client], image, seed)
                     for client in row.clients()}
        for client, job in jobs.items():
            took = job.result()
            found[client].append(took - hello if took and client == "smpmgr" else took)
    return found


# ---- The table ----

def typical(row, seconds):
    """None where it gave up in more rounds than not."""
    done = [one for one in seconds if one is not None]
    if len(done) * 2 <= len(seconds):
        return None
    return min(done) if row.link == "udp" and row.trip_ms < 50 else statistics.median(done)


def cell(rate, limit, ours):
    if rate is None:
        return f"{'gives up':>22}"
    return f"{rate / 1000:>9.1f} {rate / limit:>5.0%} {ours / rate:>5.2f}x"


def show(row, found, size):
    limit = typical(row, found["limit"])
    seconds = {client: typical(row, found[client]) for client in row.clients()}
    ours = size / seconds["dfu"]
    rates = {client: took and size / took for client, took in seconds.items()}
    cells = [cell(rates[client], size / limit, ours) if client in rates else f"{'-':>22}"
             for client in CLIENTS]
    is_first = all(rate is None or ours >= rate for rate in rates.values())
    verdict = ("first" if is_first else "NOT FIRST") + (
        "" if ours * limit >= size * GOAL else f", BELOW {GOAL:.0%}")
    print(f"{row.name:<15} {size / limit / 1000:>8.1f} " + " ".join(cells) + f"  {verdict}",
          flush=True)


def build():
    BUILT.mkdir(parents=True, exist_ok=True)
    for name in ("udp_link", "pump"):
        subprocess.run(["cc", "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-o", BUILT / name,
                        NETWORK / f"{name}.c"], check=True)


def board_of(row, folder):
    """The virtual device, with flash for 4 MiB more in each slot where an image needs that."""
    if row.size <= SLOT_SIZE:
        return BOARD
    text = (ROOT / "boards" / "sim.dts").read_text()
    for old, new in ((0x100000, 0x900000), (0x76000, 0x476000), (0x82000, 0x482000),
                     (0x75000, 0x475000), (0xf8000, 0x8f8000)):
        text = text.replace(f"{old:#x}>", f"{new:#x}>").replace(f"<{old:#x} ", f"<{new:#x} ")
    board = folder / "large.dtb"
    subprocess.run(["dtc", "-@", "-q", "-o", board], input=text, text=True, check=True)
    return board


def start_devices(folder, row, first):
    devices, board = {}, board_of(row, folder)
    for client in ["limit", *row.clients()]:
        (folder / client).mkdir()
        devices[client] = Device(folder / client)
        devices[client].start("--init", first, *(("--baud", row.baud) if row.baud else ()),
                              *(("--serial-raw",) if row.link == "raw" else ()), board=board)
    return devices


def run_row(row):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = make_image(folder / "first.bin", "1.0.0", "name=first\n")
        image = make_image(folder / "image.bin", "2.0.0", size=row.size,
                           more=("--slot-size", hex(max(SLOT_SIZE, row.size + 0x40000))))
        devices = start_devices(folder, row, first)
        try:
            show(row, measure(row, devices, image), image.stat().st_size)
        finally:
            for device in devices.values():
                device.stop()


def main():
    wanted = os.environ.get("UPLOAD_ROWS")
    build()
    print("image kB/s; share of the line; how many times faster dfu is")
    print(f"{'upload':<15} {'line':>8} " + " ".join(f"{client:>22}" for client in CLIENTS))
    for row in ROWS:
        if not wanted or row.name in wanted.split(","):
            run_row(row)


if __name__ == "__main__":
    main()
