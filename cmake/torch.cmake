# libtorch, linked directly: TorchConfig.cmake of a CUDA build insists on the CUDA toolkit, which a machine that only
# runs programs does not have. Looked for in Torch_DIR (as CMake or environment variable: .../share/cmake/Torch, or
# libtorch's own root), then in the local virtual environment .venv, then in whatever torch python3 can import.
set(Torch_DIR "$ENV{Torch_DIR}" CACHE PATH "libtorch: its root, or its share/cmake/Torch")

function(desy_torch_root out)
  set(candidates "")
  if(Torch_DIR)
    list(APPEND candidates ${Torch_DIR} ${Torch_DIR}/../../..)
  endif()
  foreach(python ${CMAKE_SOURCE_DIR}/.venv/bin/python3 python3)
    execute_process(COMMAND ${python} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
                    OUTPUT_VARIABLE root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed)
      list(APPEND candidates ${root})
    endif()
  endforeach()
  foreach(candidate ${candidates})
    if(EXISTS ${candidate}/lib/libtorch_cpu.so AND EXISTS ${candidate}/include/torch/csrc/api/include/torch/torch.h)
      get_filename_component(root ${candidate} REALPATH)
      set(${out} ${root} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "libtorch was not found. Run ./quickstart.sh (it installs it into .venv), or give Torch_DIR=/path/to/libtorch")
endfunction()

desy_torch_root(DESY_TORCH_ROOT)
message(STATUS "libtorch: ${DESY_TORCH_ROOT}")

add_library(desy_dep_torch INTERFACE)
target_include_directories(desy_dep_torch SYSTEM INTERFACE
  ${DESY_TORCH_ROOT}/include ${DESY_TORCH_ROOT}/include/torch/csrc/api/include)
# Wheels before 2.6 were built with the old C++ ABI; TorchConfig.cmake says which.
if(EXISTS ${DESY_TORCH_ROOT}/share/cmake/Torch/TorchConfig.cmake)
  file(STRINGS ${DESY_TORCH_ROOT}/share/cmake/Torch/TorchConfig.cmake abi REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
  if(abi MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
    target_compile_definitions(desy_dep_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=0)
  endif()
endif()
# The CUDA half registers itself when loaded, so it must be linked although no symbol of it is named.
set(torch_libraries ${DESY_TORCH_ROOT}/lib/libtorch.so ${DESY_TORCH_ROOT}/lib/libtorch_cpu.so ${DESY_TORCH_ROOT}/lib/libc10.so)
foreach(cuda libtorch_cuda.so libc10_cuda.so)
  if(EXISTS ${DESY_TORCH_ROOT}/lib/${cuda})
    list(APPEND torch_libraries ${DESY_TORCH_ROOT}/lib/${cuda})
  endif()
endforeach()
# Each in one word, which neither CMake nor pkg-config takes apart.
list(JOIN torch_libraries "," torch_libraries)
set(DESY_TORCH_LINK -Wl,--push-state,--no-as-needed,${torch_libraries},--pop-state -Wl,--unresolved-symbols=ignore-in-shared-libs -Wl,-rpath,${DESY_TORCH_ROOT}/lib)
target_link_libraries(desy_dep_torch INTERFACE ${DESY_TORCH_LINK} Threads::Threads)
