# SPDX-License-Identifier: MIT

# userblk_test_program(NAME source …): a GoogleTest program, with precompiled headers.
function(userblk_test_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE GTest::gtest)
  target_precompile_headers(${name} REUSE_FROM precompiled_headers)
endfunction()
