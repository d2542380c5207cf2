# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A device with a Bluetooth stack of its own (bumble) that serves only who has typed the passkey that
it shows. Of SMP it knows the echo.

paired_device.py HCI ADDRESS NAME FOLDER: a file FOLDER/forget makes it forget whom it is paired with,
and goes away when it has; FOLDER/shown is the passkey while it is shown.
"""

import asyncio
import secrets
import sys
from pathlib import Path

import cbor2
from bumble.core import UUID, AdvertisingData
from bumble.device import Device
from bumble.gatt import (GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR, Characteristic,
                         CharacteristicValue, Descriptor, Service)
from bumble.hci import Address, OwnAddressType
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

SERVICE = "8D53DC1D-1DB7-4CD3-868B-8A527460AA84"
CHARACTERISTIC = "DA2E7828-FBCE-4E01-AE9E-261174997C48"
OS, ECHO = 0, 0
NOT_SUPPORTED = 8


class Display(PairingDelegate):
    def __init__(self, shown):
        super().__init__(io_capability=PairingDelegate.DISPLAY_OUTPUT_ONLY)
        self.shown = shown

    async def generate_passkey(self):
        return secrets.randbelow(1000000)

    async def display_number(self, number, digits):
        print(f"passkey {number:06}", flush=True)
        whole = self.shown.with_suffix(".part")
        whole.write_text(f"{number:06}\n", encoding="ascii")
        whole.rename(self.shown)


class Server:
    def __init__(self, device):
        self.device, self.partial, self.pieces = device, b"", None
        safe = Characteristic.WRITEABLE | Characteristic.WRITE_REQUIRES_AUTHENTICATION
        self.characteristic = Characteristic(
            CHARACTERISTIC, Characteristic.Properties.WRITE_WITHOUT_RESPONSE |
            Characteristic.Properties.NOTIFY, safe, CharacteristicValue(write=self.take))
        subscription = Descriptor(
            GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR, Characteristic.READABLE | safe,
            device.gatt_server.make_descriptor_value(self.characteristic))
        self.characteristic.descriptors = [subscription]
        device.add_service(Service(SERVICE, [self.characteristic]))

    def forget_partial(self, *unused):
        self.partial = b""

    async def take(self, connection, value):
        self.partial += value
        if len(self.partial) < 8 or len(self.partial) < 8 + int.from_bytes(self.partial[2:4], "big"):
            return
        request, self.partial = self.partial, b""
        known = request[4:6] + request[7:8] == bytes([0, OS, ECHO])
        body = cbor2.dumps({"r": cbor2.loads(request[8:])["d"]} if known else {"rc": NOT_SUPPORTED})
        answer = bytes([request[0] | 1, 0]) + len(body).to_bytes(2, "big") + request[4:8] + body
        most = connection.att_mtu - 3
        for at in range(0, len(answer), most):
            await self.device.notify_subscriber(connection, self.characteristic,
                                                answer[at:at + most])


async def main(hci, address, name, folder):
    folder = Path(folder)
    async with await open_transport(hci) as transport:
        device = Device.with_hci(name, Address(address, Address.PUBLIC_DEVICE_ADDRESS),
                                 transport.source, transport.sink)
        display = Display(folder / "shown")
        device.pairing_config_factory = lambda connection: PairingConfig(delegate=display)
        server = Server(device)
        device.on("connection", server.forget_partial)
        await device.power_on()
        data = AdvertisingData([
            (AdvertisingData.COMPLETE_LOCAL_NAME, name.encode()),
            (AdvertisingData.FLAGS, bytes([6])),
        ])
        response = AdvertisingData([(AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                                     UUID(SERVICE).to_bytes())])
        await device.start_advertising(auto_restart=True, advertising_data=bytes(data),
                                       scan_response_data=bytes(response),
                                       own_address_type=OwnAddressType.PUBLIC)
        (folder / "ready").touch()
        while True:
            await asyncio.sleep(0.1)
            if (folder / "forget").exists():
                await device.keystore.delete_all()
                (folder / "forget").unlink()


asyncio.run(main(*sys.argv[1:]))
