# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# What `cmake --install` lays down, for CMake (find_package(dfukit)) and pkg-config users.
# dfukit::dfukit is the shared library, dfukit::static the static one; dfukit::posix and
# dfukit::posix_static are a client's real links on top of it.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dfukit)
set_target_properties(dfukit PROPERTIES EXPORT_NAME static)
set_target_properties(dfukit_shared PROPERTIES EXPORT_NAME dfukit)
set_target_properties(dfukit_posix PROPERTIES EXPORT_NAME posix_static)
set_target_properties(dfukit_posix_shared PROPERTIES EXPORT_NAME posix)

install(TARGETS dfukit dfukit_shared dfukit_posix dfukit_posix_shared EXPORT dfukit
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT dfukit NAMESPACE dfukit:: FILE dfukitTargets.cmake DESTINATION ${package_dir})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${board_blobs} DESTINATION ${CMAKE_INSTALL_DATADIR}/dfukit/boards)
# Where man and the shells look for them.
install(DIRECTORY ${docs_dir}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${docs_dir}/dfu DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${docs_dir}/_dfu DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${docs_dir}/dfu.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

configure_package_config_file(cmake/dfukitConfig.cmake.in dfukitConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(dfukitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# Relative to where the .pc file lies, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/dfukit.pc.in dfukit.pc @ONLY)
configure_file(cmake/dfukit_posix.pc.in dfukit_posix.pc @ONLY)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/dfukitConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/dfukitConfigVersion.cmake
    DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/dfukit.pc ${CMAKE_CURRENT_BINARY_DIR}/dfukit_posix.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES tools/wireshark/dfukit-smp.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/dfukit/wireshark)
