// SPDX-License-Identifier: Apache-2.0

// Attention to everything and to the past, at the head sizes that models have.

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/cuda/attend.cuh"
#include "library/attend.hpp"

bool bench::run_plain(std::string_view name, const tensors& x) {
  const bl::mask::causal past;
  if (name == "full/d64") return run<32, 64, 64>(x);
  if (name == "causal/d64") return run<32, 64, 64>(x, past);
  if (name == "full/d128") return run<16, 128, 128>(x);
  if (name == "causal/d128") return run<16, 128, 128>(x, past);
  if (name == "full/d256") return run<8, 256, 256>(x);
  if (name == "causal/d256") return run<8, 256, 256>(x, past);
  return false;
}
