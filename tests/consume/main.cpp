// SPDX-License-Identifier: Apache-2.0

#include <byteloom/host/attend.hpp>
#include <byteloom/load/safetensors.hpp>
#include <byteloom/version.hpp>
#include <cmath>
#include <cstdio>
#include <vector>

#include "policy.hpp"

#ifdef CONSUME_CUDA
bool attend_on_gpu(const my_attention& spec, const float* q, const float* k, float* out, int tokens);
#endif

int main() {
  const my_attention spec{my_score{0.5f}};
  constexpr int tokens = 5;
  std::vector<float> q(tokens * 4 * 16, 0.25f), k(tokens * 2 * 16, 0.5f), out(q.size(), NAN);
  byteloom::attend(byteloom::host::here(), spec, byteloom::host_view<float, 4>(q.data(), 1, tokens, 4, 16),
                   byteloom::host_view<float, 4>(k.data(), 1, tokens, 2, 16),
                   byteloom::host_view<float, 4>(k.data(), 1, tokens, 2, 16),
                   byteloom::host_view<float, 4>(out.data(), 1, tokens, 4, 16));
  bool right = true;
  for (float x : out) right = right && std::abs(x - 0.5f) < 1e-6f;
  try {
    byteloom::safetensors missing(std::filesystem::path("no such file"));
    right = false;
  } catch (const byteloom::load_error& failure) {
    std::printf("%s\n", failure.what());
  }
#ifdef CONSUME_CUDA
  right = attend_on_gpu(spec, q.data(), k.data(), out.data(), tokens) && right;
#endif
  std::printf("byteloom %d.%d.%d: %s\n", BYTELOOM_VERSION_MAJOR, BYTELOOM_VERSION_MINOR,
              BYTELOOM_VERSION_PATCH, right ? "right" : "wrong");
  return right ? 0 : 1;
}
