# OpenVINO comes from its PyPI wheel in .venv, which carries headers, libraries and this CMake package.
# -DOpenVINO_DIR=... takes another one.
if(NOT OpenVINO_DIR)
  execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/.venv/bin/python -c "from openvino.utils import get_cmake_path; print(get_cmake_path(), end='')"
    OUTPUT_VARIABLE openvino_cmake_path RESULT_VARIABLE openvino_missing ERROR_QUIET)
  if(openvino_missing)
    message(FATAL_ERROR "OpenVINO not found: .venv has no openvino wheel. Run `make setup`, or pass -DOpenVINO_DIR=<folder with OpenVINOConfig.cmake>.")
  endif()
  set(OpenVINO_DIR ${openvino_cmake_path} CACHE PATH "folder with OpenVINOConfig.cmake")
endif()
find_package(OpenVINO REQUIRED COMPONENTS Runtime)
# The TBB that OpenVINO runs on, from the same place: what a layer of ours shares out goes to OpenVINO's threads.
find_package(TBB REQUIRED CONFIG PATHS ${OpenVINO_DIR} NO_DEFAULT_PATH)
