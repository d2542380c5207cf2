# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# zcbor's C sources come with its Python package. Gives the library `zcbor` (system headers, so our
# warnings do not reach them), which tests compare our CBOR with.

file(GLOB zcbor_found ${PROJECT_SOURCE_DIR}/build/venv/lib/python3*/site-packages/zcbor)
set(DFUKIT_ZCBOR_DIR "${zcbor_found}" CACHE PATH "folder that holds zcbor's include/ and src/")
if(NOT EXISTS ${DFUKIT_ZCBOR_DIR}/src/zcbor_decode.c)
    message(FATAL_ERROR "zcbor's C sources are not in '${DFUKIT_ZCBOR_DIR}': "
        "run ./dev setup, or set DFUKIT_ZCBOR_DIR")
endif()

add_library(zcbor STATIC
    ${DFUKIT_ZCBOR_DIR}/src/zcbor_common.c
    ${DFUKIT_ZCBOR_DIR}/src/zcbor_decode.c
    ${DFUKIT_ZCBOR_DIR}/src/zcbor_encode.c)
target_include_directories(zcbor SYSTEM PUBLIC ${DFUKIT_ZCBOR_DIR}/include)
target_compile_options(zcbor PRIVATE -w)
