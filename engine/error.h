#pragma once
// The error type as the layers above the engine reach it.

#include "kernels/core/error.h"  // IWYU pragma: export
