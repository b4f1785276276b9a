# SPDX-License-Identifier: MIT
# User space built with sanitizers or as fuzz targets; see scripts/check-sanitizers and
# scripts/fuzz-user-space. To be included before any target.

set(USERBLK_SANITIZE "" CACHE STRING "sanitizers to build with: address,undefined or thread")
option(USERBLK_FUZZ "build tests/fuzz/user as libFuzzer targets, and no other tests; needs clang" OFF)

if(USERBLK_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "USERBLK_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ …")
  endif()
  set(USERBLK_SANITIZE "address,undefined")
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(USERBLK_SANITIZE)
  # Any finding ends the program: a test fails instead of merely printing.
  add_compile_options(-fsanitize=${USERBLK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${USERBLK_SANITIZE})
endif()
