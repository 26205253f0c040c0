// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <byteloom/attend/attention.hpp>
#include <byteloom/attend/mask/causal.hpp>

struct my_score {
  using axis = byteloom::axis::score;
  float slope;
  BYTELOOM_HD float operator()(float score, byteloom::site at) const {
    return score - slope * static_cast<float>(at.query - at.key);
  }
};

struct my_attention : byteloom::attention<byteloom::heads<4, 2, 16>, byteloom::mask::causal, my_score> {};
