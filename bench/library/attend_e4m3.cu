// SPDX-License-Identifier: Apache-2.0

// The attentions of e4m3 behind one C function, in the module of bench/library/attend.cu.

#include <cstdio>
#include <exception>
#include <string_view>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/scales/per_head.hpp"
#include "byteloom/cuda/attend.cuh"
#include "library/attend.hpp"

namespace bl = byteloom;

namespace {

template <class... Policies>
int run(bl::cuda::executor on, const void* q, const void* k, const void* v, void* out, bl::index batch,
        bl::index length, const Policies&... policies) {
  const auto view = [&](const void* data) {
    return bench::view_of(static_cast<const bl::fp8_e4m3*>(data), batch, length, 16, 128);
  };
  bl::attend(on, bl::attention<bl::heads<16, 16, 128>, Policies...>{policies...}, view(q), view(k), view(v),
             bench::view_of(static_cast<bl::bf16*>(out), batch, length, 16, 128));
  return 0;
}

}  // namespace

/// Cases full/d128 and causal/d128: q, k and v [batch, length, 16, 128] of e4m3 with a scale a head, out the
/// same of bf16, all contiguous. 0: launched; else a sentence stands on standard error.
extern "C" int byteloom_attend_e4m3(const char* name, const void* q, const void* k, const void* v, void* out,
                                    int heads, int batch, int length, const float* q_scales,
                                    const float* k_scales, const float* v_scales, void* stream) {
  try {
    bench::require_heads(heads, 16);
    const auto on = bl::cuda::on(static_cast<CUstream_st*>(stream));
    const auto shared = [&](const float* of_heads) {
      bl::device_view<const float, 2> result(of_heads, batch, heads);
      result.stride[0] = 0;
      return result;
    };
    const bl::scales::per_head<bl::memory::device> scales{shared(q_scales), shared(k_scales),
                                                          shared(v_scales)};
    const std::string_view which = name;
    if (which == "full/d128") return run(on, q, k, v, out, batch, length, scales);
    if (which == "causal/d128") return run(on, q, k, v, out, batch, length, bl::mask::causal{}, scales);
    std::fprintf(stderr, "no case of e4m3 is called %s\n", name);
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", name, failure.what());
    return 1;
  }
}
