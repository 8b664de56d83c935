# What `cmake --install` puts where. The tree may be moved as a whole: all of it is found from the program or library that looks for it (base/installed.h). libraries of others, as
# libtorch, are found where they were at build time.
include(CMakePackageConfigHelpers)

install(TARGETS desy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS desy-decoder RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/desy)
install(TARGETS desy_shared desy_static EXPORT desyTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/desy)
file(WRITE ${CMAKE_BINARY_DIR}/desyConfig.cmake "include(\${CMAKE_CURRENT_LIST_DIR}/desyTargets.cmake)\n")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/desyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/desyConfig.cmake ${CMAKE_BINARY_DIR}/desyConfigVersion.cmake DESTINATION ${package})
install(EXPORT desyTargets NAMESPACE desy:: DESTINATION ${package})

list(JOIN DESY_STATIC_LINK " " DESY_PC_STATIC_LINK)
file(RELATIVE_PATH DESY_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" DESY_UP ${DESY_UP})
configure_file(cmake/desy.pc.in ${CMAKE_BINARY_DIR}/desy.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/desy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY models DESTINATION ${CMAKE_INSTALL_DATADIR}/desy)
install(FILES ${DESY_WEIGHTS_DIR}/efficientnet-lite0.safetensors DESTINATION ${CMAKE_INSTALL_DATADIR}/desy/weights OPTIONAL)
install(FILES docs/man/desy.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/libdesy.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN man EXCLUDE)
