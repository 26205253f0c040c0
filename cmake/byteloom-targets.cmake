# SPDX-License-Identifier: Apache-2.0
# The library's targets, their installation and the package file. Nothing here compiles anything.
include(CMakePackageConfigHelpers)

file(GLOB_RECURSE byteloom_headers CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/include/byteloom/*.hpp ${PROJECT_SOURCE_DIR}/include/byteloom/*.cuh)

# core needs the standard library alone; it carries the headers for the others.
add_library(byteloom_core INTERFACE)
target_sources(byteloom_core INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${byteloom_headers})
target_compile_features(byteloom_core INTERFACE cxx_std_20)

# What each component adds, told in one place: the package file finds the same dependencies.
add_library(byteloom_host INTERFACE)
target_link_libraries(byteloom_host INTERFACE byteloom_core Eigen3::Eigen Threads::Threads)
add_library(byteloom_load INTERFACE)
target_link_libraries(byteloom_load INTERFACE byteloom_core nlohmann_json::nlohmann_json)
add_library(byteloom INTERFACE)
target_link_libraries(byteloom INTERFACE byteloom_host byteloom_load)
add_library(byteloom_cuda INTERFACE)
target_link_libraries(byteloom_cuda INTERFACE byteloom_core CUDA::cudart_static)
target_compile_features(byteloom_cuda INTERFACE cuda_std_20)

set(byteloom_components core host load cuda)
foreach(component IN LISTS byteloom_components)
  add_library(byteloom::${component} ALIAS byteloom_${component})
  set_target_properties(byteloom_${component} PROPERTIES EXPORT_NAME ${component})
endforeach()
add_library(byteloom::byteloom ALIAS byteloom)

# Whoever builds byteloom inside another project has its dependencies found here too; they are needed only where their
# component is linked.
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 QUIET NO_MODULE)
find_package(nlohmann_json QUIET)
if(BYTELOOM_BUILD_TESTS OR BYTELOOM_BUILD_EXAMPLES OR BYTELOOM_BUILD_BENCH)
  find_package(Eigen3 3.4 REQUIRED NO_MODULE)
  find_package(nlohmann_json REQUIRED)
endif()
find_package(CUDAToolkit QUIET)

set(byteloom_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/byteloom)
install(TARGETS byteloom_core byteloom_host byteloom_load byteloom byteloom_cuda EXPORT byteloom FILE_SET HEADERS)
install(EXPORT byteloom NAMESPACE byteloom:: FILE byteloom-export.cmake DESTINATION ${byteloom_package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/byteloom-config.cmake.in
  ${PROJECT_BINARY_DIR}/byteloom-config.cmake INSTALL_DESTINATION ${byteloom_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/byteloom-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  ${PROJECT_BINARY_DIR}/byteloom-config.cmake
  ${PROJECT_BINARY_DIR}/byteloom-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/byteloom-cuda20.cmake
  ${PROJECT_SOURCE_DIR}/cmake/byteloom-architectures.cmake
  DESTINATION ${byteloom_package_dir})
