# ONNX Runtime: headers that tools/onnxruntime_headers.sh put into .venv, and the library of the PyPI wheel there, which is
# opened at run time and may be absent then. -DONNXRUNTIME_INCLUDE=... and -DONNXRUNTIME_LIBRARY=... take others. Without
# headers the program is built without this runtime.
find_path(ONNXRUNTIME_INCLUDE onnxruntime_cxx_api.h PATHS ${CMAKE_SOURCE_DIR}/.venv/onnxruntime/include NO_DEFAULT_PATH)
file(GLOB onnxruntime_in_wheel ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*)
set(ONNXRUNTIME_LIBRARY "${onnxruntime_in_wheel}" CACHE FILEPATH "ONNX Runtime's library; empty: what the system's loader finds")
if(NOT ONNXRUNTIME_INCLUDE)
  message(STATUS "ONNX Runtime: no headers (tools/onnxruntime_headers.sh fetches them); built without it")
endif()
# The library is opened by name, so that what is installed finds the copy beside it: programs look where they find OpenVINO, and
# in the build here.
if(ONNXRUNTIME_LIBRARY)
  cmake_path(GET ONNXRUNTIME_LIBRARY FILENAME ONNXRUNTIME_FILE)
  cmake_path(GET ONNXRUNTIME_LIBRARY PARENT_PATH onnxruntime_folder)
  list(APPEND CMAKE_BUILD_RPATH ${onnxruntime_folder})
else()
  set(ONNXRUNTIME_FILE libonnxruntime.so.1)
endif()
