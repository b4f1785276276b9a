# SPDX-License-Identifier: MIT
# Tests that run in the virtual machine: one boot per test and kernel (see scripts/vm).

# The kernels to run the tests on, by their names in scripts/vm.
set(USERBLK_TEST_KERNELS 6.1 6.12 newest CACHE STRING "kernels to run the vm tests on")
# On these only what differs from kernel to kernel is run, those marked PER_KERNEL.
set(USERBLK_TEST_CHOSEN_ON "" CACHE STRING "kernels to run chosen tests on")

# With USERBLK_TEST_LONG in the environment loads run longer, and more tests are registered.
option(USERBLK_TEST_LONG "register the tests of the long form, and give all of them time for it" OFF)

# userblk_vm_test(NAME suite EXECUTABLE target [ARGUMENTS …] …)
# userblk_vm_test(NAME suite COMMAND program [argument …] …)
#   [TIMEOUT seconds] [LABELS label …] [KERNELS kernel …] [VM_OPTIONS option …] [ALONE] [PER_KERNEL]
#
# Registers the ctest test NAME-KERNEL for each kernel, with the labels vm, KERNEL and the given
# ones: for each of KERNELS that is among USERBLK_TEST_KERNELS, or, without KERNELS, for Debian's
# own, since the others (debug …) are slow and get chosen tests. EXECUTABLE is a GoogleTest program
# linked with userblk_test_support. At the TIMEOUT the guest is stopped; ctest gives up somewhat
# later. Two tests run in parallel, potentially long ones first; in the long form a test may have
# the host ALONE because it prints times. PER_KERNEL: also on the kernels of USERBLK_TEST_CHOSEN_ON.
function(userblk_vm_test)
  cmake_parse_arguments(PARSE_ARGV 0 T "ALONE;PER_KERNEL" "NAME;EXECUTABLE;TIMEOUT"
    "ARGUMENTS;COMMAND;LABELS;KERNELS;VM_OPTIONS")
  if(NOT T_NAME OR T_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "userblk_vm_test: no NAME, or unknown: ${T_UNPARSED_ARGUMENTS}")
  endif()
  set(processors 1)
  if(T_ALONE AND USERBLK_TEST_LONG)
    set(processors 2)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  if(USERBLK_TEST_LONG)
    math(EXPR T_TIMEOUT "${T_TIMEOUT} * 4")
  endif()
  set(kernels ${USERBLK_TEST_KERNELS})
  if(T_KERNELS)
    list(JOIN T_KERNELS "|" wanted)
  else()
    set(wanted "[0-9.]+|newest|beyond")
    if(T_PER_KERNEL)
      list(APPEND kernels ${USERBLK_TEST_CHOSEN_ON})
    endif()
  endif()
  list(FILTER kernels INCLUDE REGEX "^(${wanted})$")
  if(T_EXECUTABLE)
    set(T_COMMAND $<TARGET_FILE:${T_EXECUTABLE}> --gtest_color=no ${T_ARGUMENTS})
  endif()
  math(EXPR give_up "${T_TIMEOUT} + 120") # the host may still have to fetch or boot a kernel
  foreach(kernel IN LISTS kernels)
    set(test ${T_NAME}-${kernel})
    add_test(NAME ${test} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      COMMAND ${CMAKE_SOURCE_DIR}/scripts/vm --env USERBLK_TEST_LONG --time ${T_TIMEOUT} ${T_VM_OPTIONS}
        ${kernel} ${T_COMMAND})
    set_tests_properties(${test} PROPERTIES
      LABELS "vm;${kernel};${T_LABELS}" TIMEOUT ${give_up} COST ${T_TIMEOUT}
      PROCESSORS ${processors})
  endforeach()
endfunction()
