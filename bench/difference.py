# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What an upload costs where the device has parts of the image: `dfu image upload` over a serial line
at 115200 baud to the virtual device, whose flash takes no time. Image bytes that were sent, and
seconds of the upload."""

import json
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from virtual_device import BIN, DFU, SLOT_SIZE, Device, run  # noqa: E402

BAUD = 115200
SIZE = 200_000
PAGE = 4096


def signed(path, version, payload):
    source = path.with_suffix(".payload")
    source.write_bytes(payload)
    done = run(BIN / "imgtool", "sign", "--version", version, "--header-size", "0x200",
               "--pad-header", "--align", "4", "--slot-size", hex(SLOT_SIZE), source, path)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def changed(payload, pages):
    """The same program with other bytes in so many of its pages, spread evenly."""
    payload = bytearray(payload)
    for i in range(pages):
        payload[len(payload) * (2 * i + 1) // (2 * pages)] ^= 1
    return payload


def upload(device, image, *options):
    done = run(DFU, "--json", "-q", "-d", f"serial:{device.link}", "image", "upload", *options,
               image, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def measure_all(folder):
    body = b"dfukit-app\nname=blinky\n\n" + random.Random(5).randbytes(SIZE)
    old = signed(folder / "old.bin", "1.0.0", body)
    other = signed(folder / "other.bin", "0.9.0", random.Random(6).randbytes(SIZE))
    cases = [("everything differs", other, ()), ("the same, every byte sent", other, ("--no-diff",))]
    for pages in (1, 5, 25):
        image = signed(folder / f"new{pages}.bin", "2.0.0", changed(body, pages))
        cases.append((f"{pages} pages differ", image, ()))
    rows = []
    for name, image, options in cases:
        for slot, content in (("empty", None), ("old upload", old)):
            (folder / "device").mkdir(exist_ok=True)
            device = Device(folder / "device")
            device.flash.unlink(missing_ok=True)
            device.start("--init", old, "--baud", BAUD)
            try:
                if content:
                    run(DFU, "-q", "-d", f"udp:{device.address}", "image", "upload", content)
                facts = upload(device, image, *options)
            finally:
                device.stop()
            rows.append({"image": name, "slot": slot, **facts})
    return rows


def main():
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_all(Path(folder))
    if "--json" in sys.argv[1:]:
        print(json.dumps(rows, indent=1))
        return
    print(f"{f'upload at {BAUD} baud':<28} {'slot':<12} {'image':>8} {'sent':>8} {'kept':>8} "
          f"{'copied':>8} {'seconds':>8}")
    for row in rows:
        print(f"{row['image']:<28} {row['slot']:<12} {row['bytes']:>8} {row['sent']:>8} "
              f"{row['kept']:>8} {row['copied']:>8} {row['seconds']:>8.2f}")


if __name__ == "__main__":
    main()
