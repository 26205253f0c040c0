// SPDX-License-Identifier: Apache-2.0

// A score policy of your own, on the host and, where this file is compiled by nvcc, on the GPU: 03_your_policy
// It favours keys in the same "sentence" as the query, where a sentence ends every `length` positions.

#include <cmath>
#include <cstdio>
#include <exception>
#include <random>
#include <string>
#include <vector>

// [readme:headers]
#include <byteloom/attend/mask/causal.hpp>
#include <byteloom/host/attend.hpp>

namespace bl = byteloom;
// [readme:headers]

#include <byteloom/attend/reference.hpp>
#ifdef __CUDACC__
#include <byteloom/cuda/attend.cuh>
#include <byteloom/cuda/device.cuh>
#endif

#include "usage.hpp"

// [readme:policy]
struct same_sentence {
  using axis = bl::axis::score;  // which hooks it is checked for
  float bonus;                   // state travels by value into kernels
  int length;

  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return at.query / length == at.key / length ? score + bonus : score;
  }
};

using my_attention = bl::attention<bl::heads<8, 2, 64>, bl::position::rope<>, bl::mask::causal, same_sentence>;
// [readme:policy]

namespace {

double relative_error(const std::vector<float>& found, const std::vector<double>& wanted) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    difference += std::pow(static_cast<double>(found[i]) - wanted[i], 2);
    size += wanted[i] * wanted[i];
  }
  return std::sqrt(difference / size);
}

void compare() {
  constexpr int tokens = 200;
  std::mt19937 draw(1);
  std::normal_distribution<float> normal;
  const auto random = [&](int heads) {
    std::vector<float> numbers(static_cast<std::size_t>(tokens * heads * 64));
    for (float& x : numbers) x = normal(draw);
    return numbers;
  };
  std::vector<float> q = random(8), k = random(2), v = random(2), out(q.size());
  // [readme:call]
  const my_attention spec{same_sentence{1.5f, 25}};
  const auto view = [](std::vector<float>& numbers, int heads) {  // [batch, positions, heads, size]
    return bl::host_view<float, 4>(numbers.data(), 1, tokens, heads, 64);
  };
  bl::attend(bl::host::here(), spec, view(q, 8), view(k, 2), view(v, 2), view(out, 8));
  // [readme:call]
  std::vector<double> meaning(q.size());
  bl::reference::attend(spec, view(q, 8), view(k, 2), view(v, 2),
                        bl::host_view<double, 4>(meaning.data(), 1, tokens, 8, 64));
  std::printf("host: differs from the meaning in double precision by %.1e\n", relative_error(out, meaning));

#ifdef __CUDACC__
  const std::string reason = bl::cuda::why_unusable();
  if (!reason.empty()) {
    std::printf("GPU: not used: %s\n", reason.c_str());
    return;
  }
  const auto stream = bl::cuda::on();
  bl::cuda::buffer<float> dq(stream, q), dk(stream, k), dv(stream, v), dout(stream, out.size());
  const auto far = [](auto& buffer, int heads) {
    return bl::device_view<float, 4>(buffer.data(), 1, tokens, heads, 64);
  };
  bl::attend(stream, spec, far(dq, 8), far(dk, 2), far(dv, 2), far(dout, 8));
  dout.copy_to_host(stream, out);
  std::printf("GPU: differs from the meaning in double precision by %.1e\n", relative_error(out, meaning));
#endif
}

}  // namespace

int main(int count, char** arguments) try {
  if (examples::asked_for_help(count, arguments, "usage: 03_your_policy, without arguments")) return 0;
  if (count > 1) throw bl::argument_error("takes no arguments, and got '" + std::string(arguments[1]) + "'.");
  compare();
} catch (const std::exception& failure) {
  std::fprintf(stderr, "03_your_policy: %s\n", failure.what());
  return 1;
}
