// SPDX-License-Identifier: Apache-2.0

// The difference of two maps over one value, beside its halves in a launch each.

#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/cuda/attend.cuh"
#include "library/attend.hpp"

bool bench::run_maps(std::string_view name, const tensors& x, float lambda) {
  const bl::mask::causal past;
  if (name == "half/d128") return run<8, 128, 128>(x, past);
  if (name == "difference/d128") {
    using spec = bl::attention<bl::heads<16, 16, 128>, bl::maps::difference<>, bl::mask::causal>;
    require_heads(x.heads, 16);
    bl::attend(x.on, spec{bl::maps::difference<>{lambda}}, view_of(x.q, x.batch, x.length, 16, 128),
               view_of(x.k, x.batch, x.length, 16, 128), view_of(x.v, x.batch, x.length, 8, 128),
               view_of(x.out, x.batch, x.length, 8, 128));
    return true;
  }
  return false;
}
