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
        file(STRINGS ${file} assigned REGEX "^CONFIG_[A-Z0-9_]+=")
        foreach(line ${assigned}) # Kconfig complains of an option that is set to two values
            string(REGEX MATCH "^CONFIG_[A-Z0-9_]+" option "${line}")
            string(REGEX REPLACE "(^|\n)${option}=[^\n]*" "" merged "${merged}")
        endforeach()
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
        if(NOT IS_ABSOLUTE ${file} AND EXISTS ${folder}/${file})
            set(file ${folder}/${file})
        endif()
        get_filename_component(path ${file} ABSOLUTE BASE_DIR $ENV{PWD})
        if(NOT EXISTS ${path})
            message(FATAL_ERROR "there is no file ${file}, neither here nor in ${folder}")
        endif()
        list(APPEND found ${path})
    endforeach()
    set(${list} ${found} PARENT_SCOPE)
endfunction()

# choose_scheme(): by the bootloader's options, key_type (a type of `dfu keygen`), the key_name and
# key_len that `dfu getpub` gives such keys, development_key, and sign_options.
function(choose_scheme)
    set(type ecdsa-p256)
    set(name ecdsa)
    set(len 91)
    set(file development-key.pem)
    set(options "")
    if(CONFIG_BOOT_SIGNATURE_TYPE_ED25519)
        set(type ed25519)
        set(name ed25519)
        set(len 44)
        set(file development-key-ed25519.pem)
    elseif(CONFIG_BOOT_SIGNATURE_TYPE_RSA)
        set(type rsa-${CONFIG_BOOT_SIGNATURE_TYPE_RSA_LEN})
        set(name rsa)
        math(EXPR len "${CONFIG_BOOT_SIGNATURE_TYPE_RSA_LEN} / 8 + 14")
        set(file development-key-${type}.pem)
    endif()
    if(CONFIG_BOOT_SIGNATURE_TYPE_PURE)
        set(options --pure)
    elseif(CONFIG_BOOT_IMG_HASH_ALG_SHA512)
        set(options --sha 512)
    endif()
    set(key_type ${type} PARENT_SCOPE)
    set(key_name ${name} PARENT_SCOPE)
    set(key_len ${len} PARENT_SCOPE)
    set(development_key ${CMAKE_CURRENT_SOURCE_DIR}/${file} PARENT_SCOPE)
    set(sign_options "${options}" PARENT_SCOPE)
endfunction()

# ask_dfu(OUT ARG...): its answer, with nothing in it that a list would take for a separator.
function(ask_dfu out)
    execute_process(COMMAND ${DFU} ${ARGN} OUTPUT_VARIABLE answer RESULT_VARIABLE failed
        ERROR_VARIABLE why)
    if(failed)
        message(FATAL_ERROR "${why}")
    endif()
    string(REPLACE ";" "" answer "${answer}")
    set(${out} "${answer}" PARENT_SCOPE)
endfunction()

# choose_key(OUT FILE): what images are signed with and the bootloader trusts, of choose_scheme()'s
# type; without FILE the development key, which is told apart by what it is, not by its name.
function(choose_key out file)
    if(NOT file)
        set(file ${development_key})
    endif()
    get_filename_component(file ${file} ABSOLUTE BASE_DIR $ENV{PWD})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    ask_dfu(public getpub -k ${file})
    if(NOT public MATCHES " ${key_name}_pub_key_len = ${key_len}\n")
        message(FATAL_ERROR "${file} is no key of the type ${key_type}, which the bootloader's "
            "options ask for. Set CONFIG_BOOT_SIGNATURE_TYPE_... to what the key is, or make one "
            "(dfu keygen -t ${key_type} -k FILE)")
    endif()
    ask_dfu(ours getpubhash -k ${file})
    ask_dfu(theirs getpubhash -k ${development_key})
    if(ours STREQUAL theirs AND RELEASE)
        message(FATAL_ERROR "a release is not signed with the development key: everybody has its "
            "private half. Make one (dfu keygen -t ${key_type} -k FILE) and set "
            "CONFIG_BOOT_SIGNATURE_KEY_FILE")
    elseif(ours STREQUAL theirs)
        message(WARNING "THE DEVELOPMENT KEY IS IN USE. Everybody has its private half and can sign "
            "images for this bootloader. Set CONFIG_BOOT_SIGNATURE_KEY_FILE before anything is shipped")
    endif()
    set(${out} ${file} PARENT_SCOPE)
endfunction()
