# ONNX's messages in C, by protobuf-c of the onnx.proto that ONNX itself ships. The C++ library protobuf, of which libtorch has one inside, is not linked.
pkg_check_modules(protobuf_c REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(DESY_PROTOC_C protoc-c REQUIRED)
find_path(DESY_ONNX_PROTO_DIR onnx/onnx.proto REQUIRED)

set(onnx_folder ${CMAKE_BINARY_DIR}/onnx)
file(MAKE_DIRECTORY ${onnx_folder})
add_custom_command(
  OUTPUT ${onnx_folder}/onnx.pb-c.c ${onnx_folder}/onnx.pb-c.h
  COMMAND ${DESY_PROTOC_C} --c_out=${onnx_folder} --proto_path=${DESY_ONNX_PROTO_DIR}/onnx onnx.proto
  DEPENDS ${DESY_ONNX_PROTO_DIR}/onnx/onnx.proto)
add_library(desy_dep_onnx STATIC ${onnx_folder}/onnx.pb-c.c ${onnx_folder}/onnx.pb-c.h)
target_include_directories(desy_dep_onnx SYSTEM PUBLIC ${onnx_folder})
target_link_libraries(desy_dep_onnx PUBLIC PkgConfig::protobuf_c)
target_compile_options(desy_dep_onnx PRIVATE -w) # generated
