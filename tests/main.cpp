// The main function of every test program; doctest's options select cases (`--help`).
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
