include(CMakePackageConfigHelpers)

install(TARGETS azkv EXPORT azkv-targets)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

get_target_property(azkv_type azkv TYPE)
string(COMPARE EQUAL "${azkv_type}" STATIC_LIBRARY AZKV_IS_STATIC)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/azkv)
install(EXPORT azkv-targets NAMESPACE azkv:: DESTINATION ${package_dir})
if(AZKV_BUILD_EMULATOR) # a component of its own, so that only its users need SQLite
  install(TARGETS azkv-emulator EXPORT azkv-emulator-targets)
  install(EXPORT azkv-emulator-targets NAMESPACE azkv:: DESTINATION ${package_dir})
endif()
configure_package_config_file(cmake/azkv-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/azkv-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/azkv-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/azkv-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/azkv-config-version.cmake
  DESTINATION ${package_dir})
