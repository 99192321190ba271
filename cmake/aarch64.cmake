# Builds for 64-bit ARM on another machine, and runs what was built under emulation. Libraries come from build/neon/sysroot
# (tools/neon_test.sh fills it), the C and C++ libraries from the cross compiler.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# A CPU of 2018, as in phones and boards: NEON with dot products, no SVE.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;cortex-a76;-L;/usr/aarch64-linux-gnu)

get_filename_component(CMAKE_FIND_ROOT_PATH ${CMAKE_CURRENT_LIST_DIR}/../build/neon/sysroot ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Headers that differ between processors lie in a folder of their own. -Wno-psabi: a note on how GCC 9 passed arguments.
set(CMAKE_CXX_FLAGS_INIT "-Wno-psabi -isystem ${CMAKE_FIND_ROOT_PATH}/usr/include/aarch64-linux-gnu")
