# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# mcu_crypto_libraries(CRATES SCHEME...): the target mcu_libraries, crypto for microcontrollers out of
# the sources that ./dev setup_crates fetched: SHA-256, and what the schemes p256, ed25519 and rsa need.
# What is not asked for is dropped when a program is linked.
function(mcu_crypto_libraries crates)
    set(here ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
    set(bearssl ${crates}/bearssl-sys-0.0.4/lib/BearSSL)
    set(monocypher ${crates}/monocypher-sys-4.0.2/Monocypher/src)
    set(c25519 ${monocypher}/../tests/externals/c25519)
    set(mbedtls ${crates}/psa-crypto-sys-0.13.0/vendor)
    set(p256_m ${mbedtls}/3rdparty/p256-m/p256-m)
    set(micro_ecc ${crates}/micro-ecc-sys-0.3.2/micro-ecc)
    file(GLOB rsa_files ${bearssl}/src/codec/ccopy.c ${bearssl}/src/int/i15_*.c
        ${bearssl}/src/rsa/rsa_i15_pub.c)
    set(p256_files ${micro_ecc}/uECC.c ${p256_m}/p256-m.c)
    set(ed25519_files ${monocypher}/monocypher.c ${monocypher}/optional/monocypher-ed25519.c
        ${c25519}/ed25519.c ${c25519}/f25519.c ${c25519}/fprime.c ${c25519}/sha512.c)
    set(files ${rsa_files} ${micro_ecc}/uECC.c ${mbedtls}/library/sha256.c ${p256_m}/p256-m.c
        ${ed25519_files})
    foreach(scheme p256 ed25519 rsa)
        if(NOT scheme IN_LIST ARGN)
            list(REMOVE_ITEM files ${${scheme}_files})
        endif()
    endforeach()
    add_library(mcu_libraries STATIC ${files})
    target_include_directories(mcu_libraries
        SYSTEM PUBLIC ${here}/shims ${bearssl}/inc ${micro_ecc} ${p256_m} ${mbedtls}/include ${monocypher}
            ${monocypher}/optional ${c25519}
        PRIVATE ${bearssl}/src ${mbedtls}/library)
    # micro-ecc's level 2 takes a 40th of the instructions of level 0, and 500 bytes more.
    target_compile_definitions(mcu_libraries PUBLIC MBEDTLS_CONFIG_FILE="mcu_mbedtls_config.h"
        uECC_OPTIMIZATION_LEVEL=2 uECC_SUPPORTS_secp160r1=0 uECC_SUPPORTS_secp192r1=0
        uECC_SUPPORTS_secp224r1=0 uECC_SUPPORTS_secp256k1=0 uECC_SUPPORT_COMPRESSED_POINT=0)
    target_compile_options(mcu_libraries PRIVATE -w)
    set_source_files_properties(${p256_m}/p256-m.c PROPERTIES
        COMPILE_DEFINITIONS MBEDTLS_PSA_P256M_DRIVER_ENABLED)
    # Its inline functions have no other definition here.
    set_source_files_properties(${mbedtls}/library/sha256.c PROPERTIES
        COMPILE_OPTIONS -fgnu89-inline)
endfunction()
