# SPDX-License-Identifier: Apache-2.0
# Device tests: compiled wherever nvcc is, run where a GPU is.
if(NOT byteloom_with_cuda)
  return()
endif()
# Half the cores, and 4 GB for each: nvcc takes up to 1.5 GB for a device test.
cmake_host_system_information(RESULT byteloom_memory QUERY TOTAL_PHYSICAL_MEMORY)  # MiB
cmake_host_system_information(RESULT byteloom_cores QUERY NUMBER_OF_LOGICAL_CORES)
math(EXPR byteloom_jobs_by_memory "${byteloom_memory} / 4096")
math(EXPR byteloom_jobs_by_cores "${byteloom_cores} / 2")
set(byteloom_jobs ${byteloom_jobs_by_cores} ${byteloom_jobs_by_memory})
list(SORT byteloom_jobs COMPARE NATURAL)
list(GET byteloom_jobs 0 byteloom_jobs)
if(byteloom_jobs LESS 1)
  set(byteloom_jobs 1)
endif()
set(BYTELOOM_HEAVY_JOBS ${byteloom_jobs} CACHE STRING "How many device tests compile at a time")
set_property(GLOBAL APPEND PROPERTY JOB_POOLS heavy=${BYTELOOM_HEAVY_JOBS})
add_library(byteloom_device_main OBJECT support/device_main.cpp)
target_link_libraries(byteloom_device_main PRIVATE byteloom::byteloom doctest::doctest)
add_library(byteloom_device_support OBJECT support/device.cu)
target_link_libraries(byteloom_device_support PRIVATE byteloom::cuda)

# Needs the toolkit's headers but no GPU.
add_executable(test_toolkit toolkit/floats.cu $<TARGET_OBJECTS:byteloom_test_main>)
target_link_libraries(test_toolkit PRIVATE byteloom::core byteloom::cuda doctest::doctest)
target_include_directories(test_toolkit PRIVATE ${PROJECT_SOURCE_DIR}/tests)
set_target_properties(test_toolkit PROPERTIES CUDA_RUNTIME_LIBRARY Static)
add_test(NAME toolkit COMMAND test_toolkit)

add_custom_target(device)
set(options_memcheck --report-api-errors no)  # the tests make calls that must fail
set(arguments_racecheck "--test-case-exclude=english*")  # hours of a whole model; the small ones run the same kernels
set(commands_memcheck)
set(commands_racecheck)
find_program(BYTELOOM_COMPUTE_SANITIZER compute-sanitizer HINTS ${CUDAToolkit_BIN_DIR})
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cu)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  add_executable(device_${name} ${source} $<TARGET_OBJECTS:byteloom_device_main>
    $<TARGET_OBJECTS:byteloom_device_support>)
  target_link_libraries(device_${name} PRIVATE byteloom::byteloom byteloom::cuda doctest::doctest)
  target_compile_definitions(device_${name} PRIVATE EIGEN_NO_CUDA)  # host code alone uses Eigen here
  target_include_directories(device_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  set_target_properties(device_${name} PROPERTIES CUDA_RUNTIME_LIBRARY Static JOB_POOL_COMPILE heavy)
  add_test(NAME device.${name} COMMAND device_${name})
  set_tests_properties(device.${name} PROPERTIES LABELS gpu SKIP_RETURN_CODE 77 TIMEOUT 600
    ENVIRONMENT "${byteloom_test_environment}")
  add_dependencies(device device_${name})
  foreach(tool memcheck racecheck)
    list(APPEND commands_${tool} COMMAND ${CMAKE_COMMAND} -E env ${byteloom_test_environment} BYTELOOM_REQUIRE_GPU=1
      BYTELOOM_TEST_WINDOWS=1 ${BYTELOOM_COMPUTE_SANITIZER} --tool ${tool} --error-exitcode 1
      ${options_${tool}} $<TARGET_FILE:device_${name}> ${arguments_${tool}})
  endforeach()
endforeach()

# The full matrix of compositions, paths and shapes takes too long to compile for every change; `device-matrix` builds it.
add_custom_target(device-matrix)
file(GLOB matrix_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../matrix/*.cu)
foreach(source IN LISTS matrix_sources)
  get_filename_component(name ${source} NAME_WE)
  add_executable(matrix_${name} EXCLUDE_FROM_ALL ${source} $<TARGET_OBJECTS:byteloom_device_main>
    $<TARGET_OBJECTS:byteloom_device_support>)
  target_link_libraries(matrix_${name} PRIVATE byteloom::byteloom byteloom::cuda doctest::doctest)
  target_compile_definitions(matrix_${name} PRIVATE EIGEN_NO_CUDA)
  target_include_directories(matrix_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  set_target_properties(matrix_${name} PROPERTIES CUDA_RUNTIME_LIBRARY Static JOB_POOL_COMPILE heavy)
  add_dependencies(device-matrix matrix_${name})
endforeach()
if(matrix_sources)
  # A test that is configured before its program is built would fail on machines that do not build the matrix.
  option(BYTELOOM_DEVICE_MATRIX "Run the device matrix with the tests labelled gpu" OFF)
  if(BYTELOOM_DEVICE_MATRIX)
    foreach(source IN LISTS matrix_sources)
      get_filename_component(name ${source} NAME_WE)
      add_test(NAME matrix.${name} COMMAND matrix_${name})
      set_tests_properties(matrix.${name} PROPERTIES LABELS "gpu;matrix" SKIP_RETURN_CODE 77 TIMEOUT 600
        ENVIRONMENT "${byteloom_test_environment}")
    endforeach()
  endif()
endif()

if(BYTELOOM_COMPUTE_SANITIZER)
  foreach(tool memcheck racecheck)
    add_custom_target(${tool} ${commands_${tool}} USES_TERMINAL VERBATIM)
    add_dependencies(${tool} device)
  endforeach()
endif()
