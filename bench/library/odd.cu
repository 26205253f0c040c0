// SPDX-License-Identifier: Apache-2.0

// Attention to everything at head sizes between the usual ones.

#include "byteloom/cuda/attend.cuh"
#include "library/attend.hpp"

bool bench::run_odd(std::string_view name, const tensors& x) {
  if (name == "full/d40") return run<48, 40, 40>(x);
  if (name == "full/d72") return run<28, 72, 72>(x);
  if (name == "full/d80") return run<24, 80, 80>(x);
  if (name == "full/d96") return run<20, 96, 96>(x);
  if (name == "full/d112") return run<18, 112, 112>(x);
  if (name == "full/d160") return run<12, 160, 160>(x);
  if (name == "full/d192-128") return run<16, 192, 128>(x);
  return false;
}
