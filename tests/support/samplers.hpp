// SPDX-License-Identifier: Apache-2.0
#pragma once

// Samplers and logits that the host's and the device's tests share.

#include <cmath>
#include <random>
#include <vector>

#include "byteloom/sample/chain.hpp"

namespace test {

namespace bl = byteloom;

/// A step as a user would write it: forbids every odd token.
struct even_only {
  using axis = bl::axis::sampler;
  struct rule {
    BYTELOOM_HD float operator()(bl::token id, float logit) const {
      return id % 2 == 0 ? logit : -bl::math::infinity<float>;
    }
  };
  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.transform(rule{});
  }
};

/// A step that may make logits which have no softmax.
struct scale_by {
  using axis = bl::axis::sampler;
  float factor;
  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.scale(factor);
  }
};

/// Logits of one row: normal, with many ties, with minus infinities, all equal, or one far above.
inline std::vector<float> logits_of_kind(std::mt19937_64& draw, int kind, int count) {
  std::normal_distribution<float> normal(0.0f, 2.0f);
  std::vector<float> result(static_cast<std::size_t>(count));
  for (float& x : result) x = normal(draw);
  if (kind == 1)
    for (float& x : result) x = std::round(x);
  if (kind == 2)
    for (float& x : result)
      if (draw() % 3 != 0) x = -bl::math::infinity<float>;
  if (kind == 2) result[draw() % result.size()] = 1.0f;
  if (kind == 3)
    for (float& x : result) x = 0.25f;
  if (kind == 4) result[draw() % result.size()] = 50.0f;
  return result;
}

inline constexpr int logit_kinds = 5;

/// Calls f(name, sampler) for samplers of every step and order.
template <class F>
void for_each_sampler(const F& f) {
  using namespace bl::sample;
  f("plain", chain<>{});
  f("greedy", chain<greedy>{});
  f("temperature", chain<temperature>{temperature{0.7f}});
  f("top-k 1", chain<top_k>{top_k{1}});
  f("top-k 40", chain<top_k>{top_k{40}});
  f("top-p 0.9", chain<top_p>{top_p{0.9f}});
  f("top-p 1", chain<top_p>{top_p{1.0f}});
  f("top-p small", chain<top_p>{top_p{1e-6f}});
  f("all", chain<temperature, top_k, top_p>{top_p{0.95f}, temperature{1.3f}, top_k{50}});
  f("top-p before temperature", chain<top_p, temperature>{top_p{0.8f}, temperature{2.0f}});
  f("a user's step", chain<even_only, top_k>{top_k{10}});
}

}  // namespace test
