# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# own_code(TARGET [STRICT]): C11 and the project's warnings, as errors. STRICT, for src/, leaves out
# the compiler's language extensions; ports, tools and tests may use POSIX and GNU ones.

function(own_code target)
    cmake_parse_arguments(arg "STRICT" "" "" ${ARGN})
    set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef
        -Werror)
    if(arg_STRICT)
        set_target_properties(${target} PROPERTIES C_EXTENSIONS OFF)
        target_compile_options(${target} PRIVATE -Wpedantic)
    else()
        set_target_properties(${target} PROPERTIES C_EXTENSIONS ON)
        target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    endif()
endfunction()
