# libdesy, shared and static, of one object: all that detect/detector.c needs of our modules, and nothing that it does not: no MPI, no HDF5. Names other than those of
# libdesy.map are local to it, so that a host may have functions of the same name.
set(map ${CMAKE_SOURCE_DIR}/detect/libdesy.map)
set(modules desy_detect desy_train desy_features desy_model desy_base)
set(libraries avformat avcodec avutil swscale swresample cjson crypto seccomp stdc++ m)
set(object ${CMAKE_BINARY_DIR}/libdesy.o)

file(STRINGS ${map} names REGEX "^ +desy_[a-z_]+;$")
list(TRANSFORM names REPLACE "[ ;]" "")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${map})
set(archives ${modules})
list(TRANSFORM archives REPLACE "(.+)" "$<TARGET_FILE:\\1>")
set(needed ${names})
list(TRANSFORM needed PREPEND "-Wl,-u,")
set(kept ${names})
list(TRANSFORM kept PREPEND "--keep-global-symbol=")
# Groups are dissolved: a host in C++ may have the same templates, and the linker would then drop ours, which local names can't do without.
add_custom_command(OUTPUT ${object} DEPENDS ${modules} ${map} VERBATIM
  COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -Wl,--force-group-allocation ${needed} -Wl,--start-group ${archives} -Wl,--end-group -o ${object}
  COMMAND ${CMAKE_OBJCOPY} ${kept} ${object})

foreach(kind SHARED STATIC)
  string(TOLOWER desy_${kind} target)
  add_library(${target} ${kind} ${object})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME desy LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} PUBLIC_HEADER ${CMAKE_SOURCE_DIR}/include/desy.h)
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
set_target_properties(desy_shared PROPERTIES EXPORT_NAME desy LINK_DEPENDS ${map})
target_link_options(desy_shared PRIVATE -Wl,--version-script=${map} -Wl,--as-needed)
target_link_libraries(desy_shared PRIVATE ${DESY_TORCH_LINK} ${libraries} Threads::Threads)
# Who links the archive links these as well; as text, since CMake and pkg-config both hand it on.
list(TRANSFORM libraries PREPEND "-l")
set(DESY_STATIC_LINK ${DESY_TORCH_LINK} ${libraries} -pthread)
target_link_libraries(desy_static INTERFACE ${DESY_STATIC_LINK})
