// SPDX-License-Identifier: Apache-2.0
// One fused linear stage (norm, product, bias) on the host: how fast each weight format is read, for few and
// many rows.
#include <benchmark/benchmark.h>

#include "byteloom/compose/epilogue.hpp"
#include "byteloom/host/stage.hpp"
#include "byteloom/quantize/format/dense.hpp"
#include "byteloom/quantize/format/int4.hpp"
#include "byteloom/quantize/format/int8.hpp"
#include "support/inputs.hpp"

namespace bl = byteloom;

template <class Format>
void linear(benchmark::State& state) {
  constexpr auto here = bl::memory::host;
  constexpr bl::index size = 2048;
  const bl::index rows = state.range(0);
  const auto matrix = bench::normal_numbers(size * size);
  const auto packed = bl::pack<Format>(bl::host_view<const float, 2>(matrix.data(), size, size));
  const auto x = bench::normal_numbers(rows * size);
  const auto weight = bench::normal_numbers(size);
  std::vector<float> out(static_cast<std::size_t>(rows * size));
  using identity = bl::epilogue::plain<bl::activation::identity, here>;
  for (auto _ : state) {
    bl::run(bl::host::here(),
            bl::stage{bl::source::rows<here>{{x.data(), rows, size}},
                      bl::normed<bl::norm::rms>{{}, weight.data(), nullptr}, packed.as_weights(),
                      identity{{out.data(), rows, size}, {}, {}}, rows});
    benchmark::DoNotOptimize(out.data());
  }
  const auto bytes =
      static_cast<double>(packed.codes.size() + packed.scales.size() * sizeof(typename Format::scale));
  state.counters["byte/s"] = benchmark::Counter(bytes, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * size * size),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(linear<bl::format::dense<float>>)->Name("linear/f32/2048x2048")->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK(linear<bl::format::dense<bl::bf16>>)->Name("linear/bf16/2048x2048")->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK(linear<bl::format::int8>)->Name("linear/int8/2048x2048")->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK(linear<bl::format::int4<64>>)->Name("linear/int4-g64/2048x2048")->Arg(1)->Arg(64)->UseRealTime();
