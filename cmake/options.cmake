# Warnings, sanitizers and the linker: the project's own business, so every target of ours links this PRIVATEly.
add_library(sparseloom_options INTERFACE)
target_compile_options(sparseloom_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer)
# Layers are position-independent for the shared library; nobody may replace a function of theirs, so that they inline as others do.
target_compile_options(sparseloom_options INTERFACE -fno-semantic-interposition)
if(NOT CMAKE_CROSSCOMPILING)  # a cross compiler looks for a mold named after its target
  target_link_options(sparseloom_options INTERFACE -fuse-ld=mold)
endif()

# What is installed says nothing of where it was built; with debug information, debuggers need to know.
target_compile_options(sparseloom_options INTERFACE $<$<CONFIG:Release>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=>)
target_link_options(sparseloom_options INTERFACE $<$<CONFIG:Release>:-s>)

if(SPARSELOOM_SANITIZE)
  target_compile_options(sparseloom_options INTERFACE -fsanitize=${SPARSELOOM_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sparseloom_options INTERFACE -fsanitize=${SPARSELOOM_SANITIZE})
endif()
if(SPARSELOOM_FUZZ)
  target_compile_options(sparseloom_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Public headers lie in include/, all others beside their sources.
add_library(sparseloom_headers INTERFACE)
target_include_directories(sparseloom_headers INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})

# sparseloom_layer(NAME ROOMS <folders> DEPENDS <layers and libraries>): every source in the layer's folder and its rooms, as
# one static library.
function(sparseloom_layer name)
  cmake_parse_arguments(LAYER "" "" "ROOMS;DEPENDS" ${ARGN})
  set(patterns ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  foreach(room ${LAYER_ROOMS})
    list(APPEND patterns ${CMAKE_CURRENT_SOURCE_DIR}/${name}/${room}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  add_library(sparseloom_${name} STATIC ${sources})
  target_link_libraries(sparseloom_${name} PUBLIC sparseloom_headers ${LAYER_DEPENDS} PRIVATE sparseloom_options)
  set_property(GLOBAL APPEND PROPERTY SPARSELOOM_LAYERS sparseloom_${name})
endfunction()
