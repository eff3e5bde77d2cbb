# Libraries from outside. Each becomes a target etude::NAME. They are found on the system or under
# .deps/, which tools/pack_deps fills with unpacked Debian packages for machines without a registry.

if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/.deps/usr)
  list(PREPEND CMAKE_PREFIX_PATH ${CMAKE_SOURCE_DIR}/.deps/usr)
  # DT_RPATH, unlike DT_RUNPATH, also serves the libraries of the libraries.
  add_link_options(-Wl,--disable-new-dtags)
endif()

# etude_library(NAME HEADER h [LIBRARY names...] [SUFFIXES s...] [PACKAGE debian_package]): a
# target etude::NAME from a header and, unless header-only, a library. PACKAGE makes it required.
function(etude_library NAME)
  cmake_parse_arguments(ARG "" "HEADER;PACKAGE" "LIBRARY;SUFFIXES" ${ARGN})
  find_path(${NAME}_INCLUDE ${ARG_HEADER} PATH_SUFFIXES ${ARG_SUFFIXES})
  set(found ${${NAME}_INCLUDE})
  if(ARG_LIBRARY)
    find_library(${NAME}_LIBRARY NAMES ${ARG_LIBRARY})
    if(NOT ${NAME}_LIBRARY)
      set(found FALSE)
    endif()
  endif()
  if(NOT found)
    if(ARG_PACKAGE)
      message(FATAL_ERROR "${NAME} was not found: run tools/setup, or install the package "
                          "${ARG_PACKAGE} (Debian's and Ubuntu's name)")
    endif()
    message(STATUS "${NAME}: not found, built without it")
    return()
  endif()
  add_library(etude::${NAME} INTERFACE IMPORTED GLOBAL)
  target_include_directories(etude::${NAME} SYSTEM INTERFACE ${${NAME}_INCLUDE})
  if(ARG_LIBRARY)
    target_link_libraries(etude::${NAME} INTERFACE ${${NAME}_LIBRARY})
  endif()
endfunction()

etude_library(zlib HEADER zlib.h LIBRARY z PACKAGE zlib1g-dev)
etude_library(png HEADER png.h LIBRARY png16 png PACKAGE libpng-dev)
etude_library(freetype HEADER ft2build.h SUFFIXES freetype2 LIBRARY freetype PACKAGE libfreetype-dev)
etude_library(tomlplusplus HEADER toml++/toml.h PACKAGE libtomlplusplus-dev)
etude_library(json HEADER nlohmann/json.hpp PACKAGE nlohmann-json3-dev)
# Sound, for eval: WAV files, and MIDI files played by a synthesizer.
etude_library(sndfile HEADER sndfile.h LIBRARY sndfile)
etude_library(fluidsynth HEADER fluidsynth.h LIBRARY fluidsynth)
# Data sets, for tools: download, unpack, verify.
etude_library(curl HEADER curl/curl.h LIBRARY curl)
etude_library(archive HEADER archive.h LIBRARY archive)
etude_library(crypto HEADER openssl/evp.h LIBRARY crypto)
if(ETUDE_TESTS)
  etude_library(doctest HEADER doctest/doctest.h PACKAGE doctest-dev)
endif()
if(ETUDE_ONEDNN)
  etude_library(onednn HEADER oneapi/dnnl/dnnl.hpp LIBRARY dnnl)
endif()
if(ETUDE_OPENMP)
  find_package(OpenMP COMPONENTS CXX)
endif()
if(NOT OpenMP_CXX_FOUND)
  # Some names are used in its pragmas alone.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wno-unused-variable;-Wno-unused-parameter>")
endif()

if(ETUDE_CUDA)
  find_package(CUDAToolkit REQUIRED)
  # etude_cuda_library(NAME HEADER major): etude::NAME from the toolkit, or from where NAME_ROOT says.
  function(etude_cuda_library NAME HEADER MAJOR)
    string(TOUPPER ${NAME}_ROOT root)
    find_path(${NAME}_INCLUDE ${HEADER} HINTS ${CUDAToolkit_INCLUDE_DIRS}
              PATHS ${${root}} $ENV{${root}} PATH_SUFFIXES include)
    find_library(${NAME}_LIBRARY NAMES ${NAME} lib${NAME}.so.${MAJOR} HINTS ${CUDAToolkit_LIBRARY_DIR}
                 PATHS ${${root}} $ENV{${root}} PATH_SUFFIXES lib lib64)
    if(${NAME}_INCLUDE AND ${NAME}_LIBRARY)
      add_library(etude::${NAME} INTERFACE IMPORTED GLOBAL)
      target_include_directories(etude::${NAME} SYSTEM INTERFACE ${${NAME}_INCLUDE})
      target_link_libraries(etude::${NAME} INTERFACE ${${NAME}_LIBRARY})
    else()
      message(STATUS "${NAME}: not found (${root} names its folder), built without it")
    endif()
  endfunction()
  etude_cuda_library(cublas cublas_v2.h ${CUDAToolkit_VERSION_MAJOR})
  etude_cuda_library(cudnn cudnn.h 9)
else()
  etude_library(boost_context HEADER boost/context/detail/fcontext.hpp LIBRARY boost_context
                PACKAGE libboost-context-dev)
endif()
