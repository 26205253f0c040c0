// SPDX-License-Identifier: Apache-2.0

// Drawing tokens on the device: the tokens that the host draws from the same logits.

#include <doctest/doctest.h>

#include <limits>

#include "byteloom/cuda/sample.cuh"
#include "byteloom/host/sample.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"
#include "support/samplers.hpp"

namespace bl = byteloom;

namespace {

template <class Chain>
std::vector<bl::token> on_device(const Chain& how, const std::vector<float>& logits, bl::index rows,
                                 std::uint64_t seed, const std::vector<int>& positions) {
  const auto on = bl::cuda::on();
  auto dlogits = test::to_device(on, logits);
  auto dpositions = test::to_device(on, positions);
  auto out = test::to_device(on, std::vector<bl::token>(static_cast<std::size_t>(rows), -7));
  const auto columns = static_cast<bl::index>(logits.size()) / rows;
  bl::draw(on, how, bl::device_view<const float, 2>(dlogits.data(), rows, columns), seed,
           bl::device_view<const int, 1>(dpositions.data(), rows),
           bl::device_view<bl::token, 1>(out.data(), rows));
  std::vector<bl::token> result(static_cast<std::size_t>(rows));
  out.copy_to_host(on, result);
  std::vector<float> unchanged(logits.size());
  dlogits.copy_to_host(on, unchanged);
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (!(unchanged[i] == logits[i] || (unchanged[i] != unchanged[i] && logits[i] != logits[i])))
      FAIL("logits changed");
  return result;
}

}  // namespace

TEST_CASE("the device draws what the host draws") {
  auto draw = test::generator();
  for (const int vocabulary : {1, 2, 31, 258, 5000, 50257, 128256})
    test::for_each_sampler([&](const char* name, const auto& how) {
      const bl::index rows = test::logit_kinds * (vocabulary < 1000 ? 8 : 1);
      std::vector<float> logits;
      std::vector<int> positions;
      for (bl::index row = 0; row < rows; ++row) {
        const auto own = test::logits_of_kind(draw, static_cast<int>(row) % test::logit_kinds, vocabulary);
        logits.insert(logits.end(), own.begin(), own.end());
        positions.push_back(static_cast<int>(draw() % 100000));
      }
      std::vector<bl::token> wanted(static_cast<std::size_t>(rows), -9);
      bl::draw(bl::host::here(), how, bl::host_view<const float, 2>(logits.data(), rows, vocabulary), 17,
               bl::host_view<const int, 1>(positions.data(), rows),
               bl::host_view<bl::token, 1>(wanted.data(), rows));
      const auto found = on_device(how, logits, rows, 17, positions);
      int different = 0;
      for (std::size_t row = 0; row < wanted.size(); ++row) different += found[row] != wanted[row] ? 1 : 0;
      CAPTURE(name);
      CAPTURE(vocabulary);
      // log and exp round differently: a tie within rounding may fall the other way, no more than one in a
      // run
      CHECK(different <= 1);
    });
}

TEST_CASE("NaN, and no candidate at all, give no token on the device") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(on_device(bl::sample::chain<>{}, {0.0f, nan, 1.0f}, 1, 1, {0}) == std::vector<bl::token>{-1});
  const float gone = -bl::math::infinity<float>;
  CHECK(on_device(bl::sample::chain<>{}, {gone, gone}, 1, 1, {0}) == std::vector<bl::token>{-1});
  CHECK(on_device(bl::sample::chain<bl::sample::greedy>{}, {1.0f, 3.0f, 3.0f}, 1, 1, {0}) ==
        std::vector<bl::token>{1});
}
