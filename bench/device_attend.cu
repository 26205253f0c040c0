// SPDX-License-Identifier: Apache-2.0
// Attention on the GPU: a prompt, and one query over a long cache; built-in policies beside a user's own.
#include <benchmark/benchmark.h>

#include <vector>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/cuda/attend.cuh"
#include "support/device_time.cuh"
#include "support/inputs.hpp"

namespace bl = byteloom;

struct distance_penalty {
  using axis = bl::axis::score;
  float slope = 0.1f;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score - slope * static_cast<float>(at.query - at.key);
  }
};

using heads = bl::heads<16, 4, 128>;
using causal = bl::attention<heads, bl::mask::causal>;
using user = bl::attention<heads, bl::mask::causal, distance_penalty>;

template <class Spec>
void attend(benchmark::State& state) {
  const bl::index queries = state.range(0), keys = state.range(1);
  const bench::clock timer;
  const auto on = timer.on();
  const bl::index bytes = 2 * keys * 4 * 128 * static_cast<bl::index>(sizeof(bl::bf16));
  const int copies = queries == 1 ? bench::copies_past_cache(bytes) : 2;
  const auto q = bench::on_device(on, bench::narrowed<bl::bf16>(bench::normal_numbers(queries * 16 * 128)));
  std::vector<bl::cuda::buffer<bl::bf16>> k, v;
  for (int i = 0; i < copies; ++i) {
    k.push_back(bench::on_device(on, bench::narrowed<bl::bf16>(bench::normal_numbers(keys * 4 * 128))));
    v.push_back(bench::on_device(on, bench::narrowed<bl::bf16>(bench::normal_numbers(keys * 4 * 128))));
  }
  bl::cuda::buffer<bl::bf16> out(on, static_cast<std::size_t>(queries * 16 * 128));
  const double sites =
      static_cast<double>(queries) * (static_cast<double>(keys) - static_cast<double>(queries) / 2);
  bench::time_on_device(
      state, timer, copies, static_cast<double>(bytes), 4.0 * 16 * 128 * sites, [&](int copy) {
        const auto i = static_cast<std::size_t>(copy);
        bl::attend(on, Spec{}, bl::device_view<const bl::bf16, 4>(q.data(), 1, queries, 16, 128),
                   bl::device_view<const bl::bf16, 4>(k[i].data(), 1, keys, 4, 128),
                   bl::device_view<const bl::bf16, 4>(v[i].data(), 1, keys, 4, 128),
                   bl::device_view<bl::bf16, 4>(out.data(), 1, queries, 16, 128));
      });
}

BENCHMARK(attend<causal>)->Name("attend/causal/d128")->Args({1, 8192})->Args({2048, 2048})->UseManualTime();
BENCHMARK(attend<user>)->Name("attend/user/d128")->Args({1, 8192})->Args({2048, 2048})->UseManualTime();
