# Writes OUTPUT, the definition of etude::build_id(), for the tree at SOURCE_DIR. Where the tree
# comes without its history, the environment variable ETUDE_COMMIT names the commit.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit "$ENV{ETUDE_COMMIT}")
endif()
if(NOT commit MATCHES "^[-0-9a-zA-Z]+$")
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "engine/build_id.h"

const char* etude::build_id() { return "@commit@"; }
]])
