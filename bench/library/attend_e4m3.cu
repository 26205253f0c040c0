// SPDX-License-Identifier: Apache-2.0

// The attentions of e4m3 behind one C function, in the module of bench/library/attend.cu.

#include <cstdio>
#include <exception>
#include <string_view>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/scales/per_tensor.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

namespace {

template <class... Policies>
int run(bl::cuda::executor on, const void* q, const void* k, const void* v, void* out, bl::index batch,
        bl::index length, const Policies&... policies) {
  const auto view = [&](const void* data) {
    return bl::device_view<const bl::fp8_e4m3, 4>(static_cast<const bl::fp8_e4m3*>(data), batch, length, 16,
                                                  128);
  };
  bl::attend(on, bl::attention<bl::heads<16, 16, 128>, Policies...>{policies...}, view(q), view(k), view(v),
             bl::device_view<bl::bf16, 4>(static_cast<bl::bf16*>(out), batch, length, 16, 128));
  return 0;
}

}  // namespace

/// Cases full/d128 and causal/d128: q, k and v [batch, length, 16, 128] of e4m3 with a scale each, out the
/// same of bf16, all contiguous. 0: launched; else a sentence stands on standard error.
extern "C" int byteloom_attend_e4m3(const char* name, const void* q, const void* k, const void* v, void* out,
                                    int batch, int length, float q_scale, float k_scale, float v_scale,
                                    void* stream) {
  try {
    const auto on = bl::cuda::on(static_cast<CUstream_st*>(stream));
    const bl::scales::per_tensor scales{q_scale, k_scale, v_scale};
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
