// SPDX-License-Identifier: Apache-2.0
// One fused linear stage (norm, product) on the GPU: how fast each weight format is read, for few and many
// rows.
#include <benchmark/benchmark.h>

#include <vector>

#include "byteloom/compose/epilogue.hpp"
#include "byteloom/cuda/stage.cuh"
#include "byteloom/quantize/format/dense.hpp"
#include "byteloom/quantize/format/int4.hpp"
#include "byteloom/quantize/format/int8.hpp"
#include "support/device_time.cuh"
#include "support/inputs.hpp"

namespace bl = byteloom;

template <class Format>
void linear(benchmark::State& state) {
  constexpr auto there = bl::memory::device;
  constexpr bl::index size = 4096;
  const bl::index rows = state.range(0);
  const bench::clock timer;
  const auto on = timer.on();
  const auto matrix = bench::normal_numbers(size * size);
  const auto packed = bl::pack<Format>(bl::host_view<const float, 2>(matrix.data(), size, size));
  const auto bytes =
      static_cast<bl::index>(packed.codes.size() + packed.scales.size() * sizeof(typename Format::scale));
  const int copies = bench::copies_past_cache(bytes);
  std::vector<bl::cuda::buffer<std::byte>> codes;
  for (int i = 0; i < copies; ++i) codes.push_back(bench::on_device(on, packed.codes));
  const auto scales = bench::on_device(on, packed.scales);
  const auto x = bench::on_device(on, bench::normal_numbers(rows * size));
  const auto weight = bench::on_device(on, bench::normal_numbers(size));
  bl::cuda::buffer<float> out(on, static_cast<std::size_t>(rows * size));
  using identity = bl::epilogue::plain<bl::activation::identity, there>;
  bench::time_on_device(state, timer, copies, static_cast<double>(bytes),
                        2.0 * static_cast<double>(rows * size * size), [&](int copy) {
                          const bl::weights<Format, there> weights{
                              codes[static_cast<std::size_t>(copy)].data(), scales.data(), nullptr, size,
                              size};
                          bl::run(on, bl::stage{bl::source::rows<there>{{x.data(), rows, size}},
                                                bl::normed<bl::norm::rms>{{}, weight.data(), nullptr},
                                                weights, identity{{out.data(), rows, size}, {}, {}}, rows});
                        });
}

BENCHMARK(linear<bl::format::dense<float>>)->Name("linear/f32/4096x4096")->Arg(1)->Arg(16)->UseManualTime();
BENCHMARK(linear<bl::format::dense<bl::bf16>>)
    ->Name("linear/bf16/4096x4096")
    ->Arg(1)
    ->Arg(16)
    ->UseManualTime();
BENCHMARK(linear<bl::format::int8>)->Name("linear/int8/4096x4096")->Arg(1)->Arg(16)->UseManualTime();
BENCHMARK(linear<bl::format::int4<64>>)->Name("linear/int4-g64/4096x4096")->Arg(1)->Arg(16)->UseManualTime();
