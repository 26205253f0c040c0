// SPDX-License-Identifier: Apache-2.0
// One forward attention launcher: the unit that the compile budget is promised for.
#include <byteloom/attend/mask/causal.hpp>
#include <byteloom/attend/mask/window.hpp>
#include <byteloom/cuda/attend.cuh>

namespace bl = byteloom;

using budgeted = bl::attention<bl::heads<32, 8, 128>, bl::position::rope<>, bl::mask::causal, bl::mask::window<4096>>;

BYTELOOM_INSTANTIATE_ATTEND(budgeted, const bl::bf16, const bl::bf16, const bl::bf16, bl::bf16)
