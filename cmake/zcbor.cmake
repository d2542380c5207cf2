# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# zcbor's C sources come with its Python package. Gives the object library `zcbor` and the interface
# library `zcbor_headers` (system headers, so our warnings do not reach them).

file(GLOB zcbor_found ${CMAKE_CURRENT_SOURCE_DIR}/build/venv/lib/python3*/site-packages/zcbor)
set(DFUKIT_ZCBOR_DIR "${zcbor_found}" CACHE PATH "folder that holds zcbor's include/ and src/")
if(NOT EXISTS ${DFUKIT_ZCBOR_DIR}/src/zcbor_decode.c)
    message(FATAL_ERROR "zcbor's C sources are not in '${DFUKIT_ZCBOR_DIR}': "
        "run ./dev setup, or set DFUKIT_ZCBOR_DIR")
endif()

add_library(zcbor_headers INTERFACE)
target_include_directories(zcbor_headers SYSTEM INTERFACE ${DFUKIT_ZCBOR_DIR}/include)

add_library(zcbor OBJECT
    ${DFUKIT_ZCBOR_DIR}/src/zcbor_common.c
    ${DFUKIT_ZCBOR_DIR}/src/zcbor_decode.c
    ${DFUKIT_ZCBOR_DIR}/src/zcbor_encode.c)
set_target_properties(zcbor PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(zcbor PRIVATE zcbor_headers)
target_compile_options(zcbor PRIVATE -w)
