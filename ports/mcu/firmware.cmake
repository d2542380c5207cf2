# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# read_config(NAME KCONFIG FILE...): options in Kconfig notation, later files win. Writes
# NAME/autoconf.h, and sets CONFIG_* here. What Kconfig has to complain about stops the build.
function(read_config name kconfig)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name})
    set(merged "")
    foreach(file ${ARGN})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        file(READ ${file} text)
        string(APPEND merged "${text}\n")
    endforeach()
    file(WRITE ${folder}/merged.conf "${merged}")
    execute_process(
        COMMAND ${CMAKE_COMMAND} -E env KCONFIG_CONFIG=${folder}/merged.conf KCONFIG_WARN_UNDEF_ASSIGN=y
            ${GENCONFIG} --header-path ${folder}/autoconf.h --config-out ${folder}/.config ${kconfig}
        ERROR_VARIABLE complaints RESULT_VARIABLE failed)
    if(failed OR complaints)
        message(FATAL_ERROR "the configuration of ${name} is refused: ${complaints}")
    endif()
    file(STRINGS ${folder}/.config lines REGEX "^CONFIG_[A-Z0-9_]+=")
    foreach(line ${lines})
        string(REGEX MATCH "^(CONFIG_[A-Z0-9_]+)=\"?([^\"]*)\"?$" whole "${line}")
        set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}" PARENT_SCOPE)
    endforeach()
endfunction()
