# The library, shared and static, of the objects of every layer before this line: find_package(sparseloom) and pkg-config
# (cmake/install.cmake) give it to other projects as sparseloom::sparseloom and sparseloom::static. Sanitizers and fuzzers are
# nobody else's business.
if(SPARSELOOM_FUZZ OR SPARSELOOM_SANITIZE)
  return()
endif()

get_property(layers GLOBAL PROPERTY SPARSELOOM_LAYERS)
set(objects "")
foreach(layer sparseloom_sparse ${layers})
  list(APPEND objects $<TARGET_OBJECTS:${layer}>)
endforeach()

foreach(kind shared static)
  string(TOUPPER ${kind} upper)
  add_library(sparseloom_${kind} ${upper} ${objects})
  target_compile_features(sparseloom_${kind} PUBLIC cxx_std_20)
  target_include_directories(sparseloom_${kind} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_link_libraries(sparseloom_${kind} PUBLIC fmt::fmt PRIVATE
    openvino::runtime TBB::tbb protobuf::libprotobuf ${CMAKE_DL_LIBS} OpenSSL::Crypto SQLite::SQLite3 Threads::Threads hwy::hwy
    $<BUILD_INTERFACE:${XXHASH}>$<INSTALL_INTERFACE:xxhash> $<BUILD_INTERFACE:${XGBOOST}>$<INSTALL_INTERFACE:xgboost>
    $<BUILD_INTERFACE:${ONNX_PROTO}>$<INSTALL_INTERFACE:onnx_proto>)
  set_target_properties(sparseloom_${kind} PROPERTIES OUTPUT_NAME sparseloom LINKER_LANGUAGE CXX)
endforeach()
set_target_properties(sparseloom_shared PROPERTIES EXPORT_NAME sparseloom VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_target_properties(sparseloom_static PROPERTIES EXPORT_NAME static)
# What is missing above shows here, and not in the programs of others.
target_link_options(sparseloom_shared PRIVATE -Wl,-z,defs $<TARGET_PROPERTY:sparseloom_options,INTERFACE_LINK_OPTIONS>)
