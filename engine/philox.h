#pragma once
// The counter-based random numbers for the layers that do not include kernels/.

#include "kernels/core/philox.h"
