# etude_layer(NAME [libraries...]): the static library etude_NAME from every .cpp below the calling
# folder. Its users get what it links to, so a layer names only the layers and packages it includes.
function(etude_layer NAME)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(etude_${NAME} STATIC ${sources})
  target_link_libraries(etude_${NAME} PUBLIC ${ARGN})
endfunction()
