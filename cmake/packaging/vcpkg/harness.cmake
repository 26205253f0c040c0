# SPDX-License-Identifier: Apache-2.0
# Runs the real portfile without vcpkg: cmake -DWORK=<folder> [-DEXTRA=<options>] -P harness.cmake. Each helper does what
# vcpkg's does as far as this port asks, and the result is checked as vcpkg checks it after a build.
cmake_minimum_required(VERSION 3.25)
set(PORT byteloom)
set(CURRENT_PACKAGES_DIR ${WORK}/packages)
set(build ${WORK}/build)
file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR} ${build})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(arg "" "SOURCE_PATH" "OPTIONS" ${ARGN})
  run(${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${build} -G Ninja -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
  run(${CMAKE_COMMAND} --build ${build} --target install)
endfunction()

function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(arg "" "CONFIG_PATH" "" ${ARGN})
  set(from ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH})
  if(NOT EXISTS ${from})
    message(FATAL_ERROR "CONFIG_PATH ${arg_CONFIG_PATH} does not exist")
  endif()
  file(GLOB files ${from}/*)
  file(COPY ${files} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT})
  file(REMOVE_RECURSE ${from})
  # vcpkg rewrites how package files find their root, since they moved one folder up.
  foreach(file IN ITEMS byteloom-config.cmake byteloom-export.cmake)
    file(READ ${CURRENT_PACKAGES_DIR}/share/${PORT}/${file} text)
    string(REPLACE "\${CMAKE_CURRENT_LIST_DIR}/../../../" "\${CMAKE_CURRENT_LIST_DIR}/../../" text "${text}")
    string(REGEX REPLACE
      "get_filename_component\\(_IMPORT_PREFIX \"\\\${CMAKE_CURRENT_LIST_FILE}\" PATH\\)(\nget_filename_component\\(_IMPORT_PREFIX \"\\\${_IMPORT_PREFIX}\" PATH\\))+"
      "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_FILE}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)"
      text "${text}")
    file(WRITE ${CURRENT_PACKAGES_DIR}/share/${PORT}/${file} "${text}")
  endforeach()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(arg "" "" "FILE_LIST" ${ARGN})
  file(COPY_FILE ${arg_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright)
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/ports/byteloom/portfile.cmake)

foreach(file IN ITEMS share/byteloom/copyright share/byteloom/usage share/byteloom/byteloom-config.cmake
    include/byteloom/version.hpp)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "the port did not install ${file}")
  endif()
endforeach()
foreach(folder IN ITEMS lib debug share/cmake)
  if(EXISTS ${CURRENT_PACKAGES_DIR}/${folder})
    message(FATAL_ERROR "the port left ${folder} behind")
  endif()
endforeach()
message(STATUS "the port is well")
