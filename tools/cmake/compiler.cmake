# Language level, warnings, optimisation, sanitizers, ccache, and the CUDA language when it is on.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG" CACHE STRING "" FORCE)
include_directories(${CMAKE_SOURCE_DIR})

find_program(CCACHE ccache)
if(CCACHE)
  if(ETUDE_NATIVE)
    # ccache takes -march=native for the same on every processor: what it stands for parts the caches.
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=native -\#\#\# -S -x c++ /dev/null -o /dev/null
                    ERROR_VARIABLE native OUTPUT_QUIET)
    string(MD5 native "${native}")
  endif()
  # Paths relative to the checkout, so that one clone's objects serve the next.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
               CCACHE_NAMESPACE=${native} ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${launcher})
endif()

# Off: unknown pragmas (OpenMP's where it is off, `unroll` where the host compiler builds a kernel);
# missing initializers (the language zeroes those members); restrict (false on std::string in g++ 12).
set(host_warnings -Wall -Wextra -Wno-unknown-pragmas -Wno-missing-field-initializers -Wno-restrict)
# Neither changes a result: the first lets sqrt and friends become instructions, the second lets both
# sides of a choice be computed, as vectors need it.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${host_warnings};-fno-math-errno;-fno-trapping-math>")
if(ETUDE_WERROR)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(ETUDE_NATIVE)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # g++ 12 for AVX-512 stores the constant {x, x, 0, 0} of doubles as {x, x, x, x} when it copies it
  # in pieces of 32 bytes; in pieces of 16 it is right. (Loops are vectorised as before.)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-mmove-max=128> $<$<COMPILE_LANGUAGE:CXX>:-mstore-max=128>)
endif()
if(ETUDE_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${ETUDE_SANITIZE}>
                      $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize-recover=all>)
  if(ETUDE_SANITIZE MATCHES undefined)
    # A null access crashes under the address sanitizer anyhow; the two take a tenth of the build.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=null,vptr>)
  endif()
  add_link_options(-fsanitize=${ETUDE_SANITIZE})
endif()

if(ETUDE_CUDA)
  find_program(CMAKE_CUDA_COMPILER nvcc HINTS $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR "ETUDE_CUDA is on, but there is no nvcc: install the CUDA toolkit, put its "
                        "bin folder on PATH, or build with the preset `release`")
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    # The cards of this machine ("8.6" is architecture 86); without any, Ampere and Hopper. Hopper's
    # own instructions (wgmma, TMA) exist in 90a alone, whose code runs on 9.0 and nothing newer.
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                    OUTPUT_VARIABLE capabilities RESULT_VARIABLE status ERROR_QUIET)
    string(REGEX MATCHALL "[0-9]+[.][0-9]" capabilities "${capabilities}")
    if(NOT status EQUAL 0 OR NOT capabilities)
      set(capabilities 8.0 9.0)
    endif()
    string(REPLACE "." "" capabilities "${capabilities}")
    list(TRANSFORM capabilities REPLACE "^90$" "90a")
    list(REMOVE_DUPLICATES capabilities)
    set(CMAKE_CUDA_ARCHITECTURES ${capabilities} CACHE STRING "Architectures of the cards to build for")
  endif()
  message(STATUS "CUDA architectures: ${CMAKE_CUDA_ARCHITECTURES}")
  enable_language(CUDA)
  # CMake 3.25 does not know nvcc's flag for C++20, which CUDA sources take from CMAKE_CXX_STANDARD.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  string(REPLACE ";" "," host_warnings "${host_warnings}")
  add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;--extended-lambda>"
                      "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${host_warnings}>")
  if(ETUDE_WERROR)
    add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Werror>")
  endif()
endif()
