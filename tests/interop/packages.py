# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Packages of several images, as nRF Connect SDK zips them."""

import json
import zipfile


def manifest_of(*parts):
    """As nRF Connect SDK writes it, numbers as text."""
    return {"format-version": 0, "time": 1700000000, "name": "app", "files": [
        {"type": "application", "board": "nrf5340dk_nrf5340_cpuapp", "soc": "nRF5340_CPUAPP_QKAA",
         "load_address": 65536, "image_index": str(number), "slot_index_primary": str(2 * number + 1),
         "slot_index_secondary": str(2 * number + 2), "version_MCUBOOT": "2.0.0",
         "size": path.stat().st_size, "file": path.name, "modtime": 1700000000}
        for number, path in parts]}


def pack(path, *parts, manifest=None, how=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("manifest.json", json.dumps(manifest or manifest_of(*parts)))
        for _, part in parts:
            archive.write(part, part.name)
    return path
