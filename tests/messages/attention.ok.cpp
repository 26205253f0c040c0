// SPDX-License-Identifier: Apache-2.0
// The control of the cases beside it: what they get wrong, done right, compiles.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/compose/model.hpp"
#include "byteloom/host/attend.hpp"
#include "byteloom/quantize/format/int4.hpp"

namespace bl = byteloom;

struct distance_penalty {
  using axis = bl::axis::score;
  float slope;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score - slope * float(at.query - at.key);
  }
};

using attention =
    bl::attention<bl::heads<4, 2, 64>, bl::position::rope<>, bl::mask::causal, bl::mask::window<8>,
                  distance_penalty, bl::normalizer::softmax, bl::cache::contiguous<bl::bf16>>;
attention spec{distance_penalty{0.1f}};

void call(bl::host_view<float, 4> x) { bl::attend(bl::host::here(), spec, x, x, x, x); }

using plain = bl::attention<bl::heads<4, 2, 64>>;
bl::repeat<2, bl::block<bl::norm::rms, plain, bl::feed::swiglu, bl::linear<bl::format::int4<64>>>> stack;
