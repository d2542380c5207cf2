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

# find_fragments(LIST FOLDER): a name without a path is a fragment of FOLDER, as overlay_mcuboot.conf
# of app; other relative paths begin where cmake was called.
function(find_fragments list folder)
    set(found "")
    foreach(file ${${list}})
        if(NOT IS_ABSOLUTE ${file} AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/${file})
            set(file ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/${file})
        endif()
        get_filename_component(path ${file} ABSOLUTE BASE_DIR $ENV{PWD})
        if(NOT EXISTS ${path})
            message(FATAL_ERROR "there is no file ${file}, neither here nor in ports/mcu/${folder}")
        endif()
        list(APPEND found ${path})
    endforeach()
    set(${list} ${found} PARENT_SCOPE)
endfunction()

# choose_key(OUT FILE): what images are signed with and the bootloader trusts; without FILE the
# development key, which is told apart by what it is, not by its name.
function(choose_key out file)
    set(development ${CMAKE_CURRENT_SOURCE_DIR}/development-key.pem)
    if(NOT file)
        set(file ${development})
    endif()
    get_filename_component(file ${file} ABSOLUTE BASE_DIR $ENV{PWD})
    foreach(key ${file} ${development})
        execute_process(COMMAND ${DFU} getpubhash -k ${key} OUTPUT_VARIABLE hash
            RESULT_VARIABLE failed ERROR_VARIABLE why)
        if(failed)
            message(FATAL_ERROR "${why}")
        endif()
        string(REPLACE ";" "" hash "${hash}")
        list(APPEND hashes "${hash}")
    endforeach()
    list(GET hashes 0 ours)
    list(GET hashes 1 theirs)
    if(ours STREQUAL theirs AND RELEASE)
        message(FATAL_ERROR "a release is not signed with the development key: everybody has its "
            "private half. Make one (dfu keygen -t ecdsa-p256 -k FILE) and set "
            "CONFIG_BOOT_SIGNATURE_KEY_FILE")
    elseif(ours STREQUAL theirs)
        message(WARNING "THE DEVELOPMENT KEY IS IN USE. Everybody has its private half and can sign "
            "images for this bootloader. Set CONFIG_BOOT_SIGNATURE_KEY_FILE before anything is shipped")
    endif()
    set(${out} ${file} PARENT_SCOPE)
endfunction()
