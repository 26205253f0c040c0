// SPDX-License-Identifier: Apache-2.0
// The attentions whose registers and spills are held against bench/resources/table.json.
#include <byteloom/attend/mask/causal.hpp>
#include <byteloom/attend/mask/window.hpp>
#include <byteloom/attend/score/alibi.hpp>
#include <byteloom/attend/score/softcap.hpp>
#include <byteloom/cuda/attend.cuh>

namespace bl = byteloom;

struct user_score {
  using axis = bl::axis::score;
  float strength;
  BYTELOOM_HD float operator()(float score, bl::site at) const { return score + strength * at.distance(); }
};

#define CANONICAL(name, ...)               \
  using name = bl::attention<__VA_ARGS__>; \
  BYTELOOM_INSTANTIATE_ATTEND(name, const bl::bf16, const bl::bf16, const bl::bf16, bl::bf16)

CANONICAL(full_64, bl::heads<32, 32, 64>)
CANONICAL(causal_64, bl::heads<32, 32, 64>, bl::mask::causal)
CANONICAL(full_128, bl::heads<16, 16, 128>)
CANONICAL(causal_128, bl::heads<16, 16, 128>, bl::mask::causal)
CANONICAL(full_256, bl::heads<8, 8, 256>)
CANONICAL(causal_256, bl::heads<8, 8, 256>, bl::mask::causal)
CANONICAL(alibi_128, bl::heads<16, 16, 128>, bl::mask::causal, bl::score::alibi<16>)
CANONICAL(softcap_128, bl::heads<16, 16, 128>, bl::mask::causal, bl::score::softcap)
CANONICAL(window_128, bl::heads<16, 16, 128>, bl::mask::causal, bl::mask::window<1024>)
CANONICAL(user_128, bl::heads<16, 16, 128>, bl::mask::causal, user_score)
