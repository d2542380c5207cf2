# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# The nRF52840's USB device controller. Erasing and writing take what its data sheet says (NVMC:
# 85 ms a page, 41 us a word); checking is by the instructions that ./dev bench firmware counts on a
# Cortex-M0, at one a cycle.
set(port_usb ${root}/ports/nrf5/usbd.c)
list(APPEND port_definitions CHIP_USB_IRQ=39 CHIP_ERASE_US=85000u CHIP_WRITE_KIB_US=10496u
    CHIP_VERIFY_KIB_US=2000u CHIP_SIGNATURE_US=800000u)
