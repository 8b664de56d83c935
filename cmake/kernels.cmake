# The kernels of features/kernels.h, once for each instruction set. The bits are the same with each: no contraction, no reordering.
function(desy_kernel_level level folder) # LEVEL FOLDER FLAG...
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/features/${folder}/*.c)
  list(APPEND sources ${CMAKE_SOURCE_DIR}/features/simd/table.c)
  list(REMOVE_DUPLICATES sources)
  add_library(desy_kernels_${level} OBJECT ${sources})
  target_include_directories(desy_kernels_${level} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
  string(TOUPPER DESY_LEVEL_${level} definition)
  target_compile_definitions(desy_kernels_${level} PRIVATE ${definition})
  target_compile_options(desy_kernels_${level} PRIVATE ${ARGN})
  target_sources(desy_features PRIVATE $<TARGET_OBJECTS:desy_kernels_${level}>)
endfunction()

# What the others are measured against: plain C as it stands, one number after another.
desy_kernel_level(scalar scalar $<$<NOT:$<CONFIG:Debug>>:-O2> -fno-tree-vectorize)
set(fast $<$<NOT:$<CONFIG:Debug>>:-O3> -Wno-psabi) # psabi: no vector is passed between files
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  desy_kernel_level(avx2 simd ${fast} -mavx2)
  desy_kernel_level(avx512 simd ${fast} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  desy_kernel_level(neon simd ${fast})
endif()
