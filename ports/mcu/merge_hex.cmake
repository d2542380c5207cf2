# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# FILES (with commas) into OUT, all Intel HEX: one end, and no start addresses, which a debug probe
# would take for an entry point.
string(REPLACE "," ";" files ${FILES})
file(WRITE ${OUT} "")
foreach(file ${files})
    file(STRINGS ${file} records NO_HEX_CONVERSION REGEX "^:......0[0124]")
    list(FILTER records EXCLUDE REGEX "^:00000001")
    list(JOIN records "\n" text)
    file(APPEND ${OUT} "${text}\n")
endforeach()
file(APPEND ${OUT} ":00000001FF\n")
