# Warnings, sanitizers and the linker: one interface target that every target of ours links.
add_library(sparseloom_options INTERFACE)
target_include_directories(sparseloom_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sparseloom_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer)
if(NOT CMAKE_CROSSCOMPILING)  # a cross compiler looks for a mold named after its target
  target_link_options(sparseloom_options INTERFACE -fuse-ld=mold)
endif()

if(SPARSELOOM_SANITIZE)
  target_compile_options(sparseloom_options INTERFACE -fsanitize=${SPARSELOOM_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sparseloom_options INTERFACE -fsanitize=${SPARSELOOM_SANITIZE})
endif()
if(SPARSELOOM_FUZZ)
  target_compile_options(sparseloom_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# sparseloom_layer(NAME DEPENDS <layers and libraries>): every source below the layer's folder, as one static library.
function(sparseloom_layer name)
  cmake_parse_arguments(LAYER "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(sources)
    add_library(sparseloom_${name} STATIC ${sources})
    target_link_libraries(sparseloom_${name} PUBLIC sparseloom_options ${LAYER_DEPENDS})
  else()  # a layer of headers alone
    add_library(sparseloom_${name} INTERFACE)
    target_link_libraries(sparseloom_${name} INTERFACE sparseloom_options ${LAYER_DEPENDS})
  endif()
endfunction()
