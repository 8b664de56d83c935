# Every library DeSY links, each behind one interface target: desy_dep_NAME.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)

function(desy_pkg_config name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${ARGN})
  add_library(desy_dep_${name} INTERFACE)
  target_link_libraries(desy_dep_${name} INTERFACE PkgConfig::${name})
endfunction()

desy_pkg_config(cjson libcjson)
desy_pkg_config(crypto libcrypto)
desy_pkg_config(seccomp libseccomp)
desy_pkg_config(popt popt)
desy_pkg_config(microhttpd libmicrohttpd)
desy_pkg_config(hdf5 hdf5)
desy_pkg_config(ffmpeg libavformat libavcodec libavutil libswscale libswresample)

add_library(desy_dep_mpi INTERFACE)
target_link_libraries(desy_dep_mpi INTERFACE MPI::MPI_C Threads::Threads)

include(cmake/onnx.cmake)
include(cmake/torch.cmake)
