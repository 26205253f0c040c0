// SPDX-License-Identifier: Apache-2.0
// Attention on the host: a prompt, and one query over a long cache.
#include <benchmark/benchmark.h>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/host/attend.hpp"
#include "support/inputs.hpp"

namespace bl = byteloom;

void attend(benchmark::State& state) {
  using spec_type = bl::attention<bl::heads<8, 2, 128>, bl::mask::causal>;
  const bl::index queries = state.range(0), keys = state.range(1);
  const auto q = bench::normal_numbers(queries * 8 * 128);
  const auto k = bench::normal_numbers(keys * 2 * 128);
  const auto v = bench::normal_numbers(keys * 2 * 128);
  std::vector<float> out(q.size());
  for (auto _ : state) {
    bl::attend(bl::host::here(), spec_type{}, bl::host_view<const float, 4>(q.data(), 1, queries, 8, 128),
               bl::host_view<const float, 4>(k.data(), 1, keys, 2, 128),
               bl::host_view<const float, 4>(v.data(), 1, keys, 2, 128),
               bl::host_view<float, 4>(out.data(), 1, queries, 8, 128));
    benchmark::DoNotOptimize(out.data());
  }
  const double sites =
      static_cast<double>(queries) * (static_cast<double>(keys) - static_cast<double>(queries) / 2);
  state.counters["FLOP/s"] =
      benchmark::Counter(4.0 * 8 * 128 * sites, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(attend)->Name("attend/causal/d128")->Args({1, 4096})->Args({1024, 1024})->UseRealTime();
