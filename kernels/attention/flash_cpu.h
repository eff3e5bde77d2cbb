#pragma once
// Both directions on the CPU, f32 and bf16, with at least one query and one key; see README.md.

#include "kernels/attention/attention.h"

namespace etude::cpu {

void attention_forward_flash(const AttentionForward&);
void attention_backward_flash(const AttentionBackward&);

}  // namespace etude::cpu
