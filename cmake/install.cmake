# What `cmake --install` puts where: the programs, the library with its public headers, CMake package and pkg-config file,
# and the data that the programs look for (cli/data.h). Build in Release (preset `product`) for what is to be installed.
if(NOT TARGET sparseloom_shared)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/sparseloom)
set(data ${CMAKE_INSTALL_DATADIR}/sparseloom)

# OpenVINO out of the wheel in .venv is copied, so that what is installed does not need the source tree; another one is used
# where it is.
get_target_property(openvino openvino::runtime LOCATION)
cmake_path(GET openvino PARENT_PATH openvino)
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${openvino}" NORMALIZE openvino_in_tree)
if(openvino_in_tree)
  set(openvino_rpath "")
else()
  set(openvino_rpath ${openvino})
endif()
set(SPARSELOOM_OPENVINO_RPATH "${openvino_rpath}" CACHE STRING
  "folder where what is installed looks for OpenVINO's libraries; empty: in a copy of them that is installed too")

set(programs_rpath ${SPARSELOOM_OPENVINO_RPATH})
set(library_rpath ${SPARSELOOM_OPENVINO_RPATH})
if(NOT SPARSELOOM_OPENVINO_RPATH)
  set(programs_rpath $ORIGIN/../${CMAKE_INSTALL_LIBDIR}/sparseloom)
  set(library_rpath $ORIGIN/sparseloom)
  install(DIRECTORY ${openvino}/ DESTINATION ${CMAKE_INSTALL_LIBDIR}/sparseloom
    FILES_MATCHING PATTERN libopenvino* PATTERN libtbb* PATTERN libhwloc* PATTERN cache.json)
  if(ONNXRUNTIME_LIBRARY)
    install(FILES ${ONNXRUNTIME_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR}/sparseloom)
  endif()
endif()
set_target_properties(sparseloom sparseloom-bench PROPERTIES INSTALL_RPATH ${programs_rpath})
set_target_properties(sparseloom_shared PROPERTIES INSTALL_RPATH ${library_rpath})

install(TARGETS sparseloom sparseloom-bench)
install(TARGETS sparseloom_shared EXPORT sparseloomTargets)
install(TARGETS sparseloom_static EXPORT sparseloomStaticTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# Two sets, so that whoever links the shared library needs nothing that only the static one does.
install(EXPORT sparseloomTargets NAMESPACE sparseloom:: DESTINATION ${package})
install(EXPORT sparseloomStaticTargets NAMESPACE sparseloom:: DESTINATION ${package})
configure_package_config_file(cmake/sparseloomConfig.cmake.in ${PROJECT_BINARY_DIR}/sparseloomConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sparseloomConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sparseloomConfig.cmake ${PROJECT_BINARY_DIR}/sparseloomConfigVersion.cmake
  DESTINATION ${package})
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE prefix_from_pc)
configure_file(cmake/sparseloom.pc.in sparseloom.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/sparseloom.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(CODE "if(NOT EXISTS \"${PROJECT_SOURCE_DIR}/zoos/demo/image/dense/model.xml\")
  message(FATAL_ERROR \"zoos/demo is packed as git holds it; `make zoo-data` unpacks it\")
endif()")
install(DIRECTORY zoos/demo DESTINATION ${data}/zoos PATTERN *.xz EXCLUDE PATTERN .gitignore EXCLUDE)
install(DIRECTORY socs DESTINATION ${data} FILES_MATCHING PATTERN *.json)
install(DIRECTORY predictors DESTINATION ${data} FILES_MATCHING PATTERN *.json PATTERN *.onnx)
install(FILES examples/workload.json DESTINATION ${data}/examples)
