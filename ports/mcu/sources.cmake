# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# Which files of src/ a program may link, by its options. The linker would leave the others out; most of
# the time of a build went into compiling them. What is missing here is an undefined reference there.

# What no option of these programs asks for.
set(never_asked_for
    "/base/(err|shared_data)"
    "/boot/(attempts|decompress|history|keys|loader|place|progress|ram|revoke|rollback|share|single|skip)"
    "/flash/(record|settings)"
    "/image/(coding|decrypt|lzma2|pad|thumb|unpack|writer)"
    "/smp/(auth|datetime|names|group_(auth|crash|enum|fs|history|log|pages|settings|shell|stat))"
    "/smp/transport/raw"
    "/update/config_")

# src_files(OUT REGEX...): src/ without the host's files and those that match.
function(src_files out)
    file(GLOB files CONFIGURE_DEPENDS ${root}/src/base/*.c ${root}/src/flash/*.c ${root}/src/image/*.c
        ${root}/src/boot/*.c ${root}/src/update/*.c ${root}/src/smp/*.c ${root}/src/smp/transport/*.c
        ${root}/src/recovery/*.c)
    if(CONFIG_USB_DFU_CLASS)
        foreach(name device descriptors dfu_class names slot)
            list(APPEND files ${root}/src/usb/${name}.c)
        endforeach()
    endif()
    foreach(regex _lzma\\.c /image/slots\\.c /slot_map\\.c ${ARGN})
        list(FILTER files EXCLUDE REGEX "/src.*${regex}")
    endforeach()
    set(${out} ${files} PARENT_SCOPE)
endfunction()

# src_of_boot(OUT): the bootloader's.
function(src_of_boot out)
    set(without ${never_asked_for} /usb/ "/smp/(group|img_(core|slots|state|upload)|lock|update)"
        /transport/ble "/update/(lock|transfer)")
    if(NOT CONFIG_MCUBOOT_SERIAL)
        list(APPEND without /smp/ /recovery/ /update/)
    endif()
    foreach(mode SWAP_USING_MOVE:/swap_move SWAP_USING_OFFSET:/swap_offset
            SWAP_USING_SCRATCH:/swap_scratch UPGRADE_ONLY:/overwrite
            "DIRECT_XIP:/boot/(pick|trial|xip)")
        string(REGEX MATCH "^([^:]*):(.*)$" whole ${mode})
        if(NOT CONFIG_BOOT_${CMAKE_MATCH_1})
            list(APPEND without ${CMAKE_MATCH_2})
        endif()
    endforeach()
    src_files(files ${without})
    set(${out} ${files} PARENT_SCOPE)
endfunction()

# src_of_app(OUT): the application's; one from elsewhere may ask for anything.
function(src_of_app out)
    set(without /recovery/)
    if(app_parent STREQUAL CMAKE_CURRENT_SOURCE_DIR)
        list(APPEND without ${never_asked_for} "/boot/[^t]" /boot/trial /slot_names)
        if(NOT CONFIG_USB_DFU_CLASS)
            list(APPEND without "/image/(fault|verdict|verify)")
        endif()
        if(NOT CONFIG_MCUMGR_TRANSPORT_BT)
            list(APPEND without /transport/ble /smp/update /update/transfer)
        endif()
        if(NOT CONFIG_MCUMGR_GRP_ZBASIC_STORAGE_ERASE)
            list(APPEND without /smp/group_basic)
        endif()
    endif()
    src_files(files ${without})
    set(${out} ${files} PARENT_SCOPE)
endfunction()

# crypto_of_programs(OUT): which algorithms' files of crypto/ and libraries are needed: the
# bootloader's, by which our application verifies, too.
function(crypto_of_programs out)
    set(algorithms sha256 sha512 p256 ed25519 rsa)
    if(app_parent STREQUAL CMAKE_CURRENT_SOURCE_DIR)
        set(algorithms sha256)
        if(CONFIG_BOOT_SIGNATURE_TYPE_ECDSA_P256)
            list(APPEND algorithms p256)
        elseif(CONFIG_BOOT_SIGNATURE_TYPE_ED25519)
            list(APPEND algorithms sha512 ed25519)
        elseif(CONFIG_BOOT_SIGNATURE_TYPE_RSA)
            list(APPEND algorithms rsa)
        endif()
    endif()
    set(${out} ${algorithms} PARENT_SCOPE)
endfunction()
