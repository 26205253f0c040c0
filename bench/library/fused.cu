// SPDX-License-Identifier: Apache-2.0

// Attention to the past with one more policy.

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/document_spans.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/cuda/attend.cuh"
#include "byteloom/position/rope.hpp"
#include "library/attend.hpp"

namespace {

/// What a user would write.
struct user_score {
  using axis = byteloom::axis::score;
  float strength;
  BYTELOOM_HD float operator()(float score, byteloom::site at) const {
    return score + (at.query_head % 2 == 0 ? strength : -strength) * at.distance();
  }
};

}  // namespace

bool bench::run_fused(std::string_view name, const tensors& x) {
  const bl::mask::causal past;
  if (name == "rope/d128") return run<16, 128, 128>(x, past, bl::position::rope<>{});
  if (name == "alibi/d128") return run<16, 128, 128>(x, past, bl::score::alibi<16>{});
  if (name == "softcap/d128") return run<16, 128, 128>(x, past, bl::score::softcap{20.0f});
  if (name == "window1024/d128") return run<16, 128, 128>(x, past, bl::mask::window<1024>{});
  if (name == "document/d128") {
    const bl::device_view<const int, 3> spans(x.spans, x.batch, x.length, 2);
    return run<16, 128, 128>(x, past, bl::mask::document_spans<bl::memory::device>{spans});
  }
  if (name == "user/d128") return run<16, 128, 128>(x, past, user_score{0.01f});
  return false;
}
