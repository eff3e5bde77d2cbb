#pragma once
// Bottleneck before: scalar multiply-adds, as in rung 2 of conv.
// Idea: a phase is a product like any other, so the tensor-core kernel of conv takes it as it is:
// run_mma_product over Phases.
// The weights of a phase do not run on in memory, so both operands are looked up word by word.
// Predicted: 2 to 4 times 2_phases; the depth of a phase is only 1 / stride^2 of the window's, so
// shallow layers do not fill the pipeline.

#include "kernels/conv/ladder/3_mma.cuh"
#include "kernels/conv_transpose/ladder/2_phases.cuh"
