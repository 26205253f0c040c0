// SPDX-License-Identifier: Apache-2.0

// Drawing tokens on the device: the tokens that the host draws from the same logits.

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

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
  // 1024: the most that are ranked against each other; 10240: the most that fit into shared memory
  for (const int vocabulary : {1, 2, 31, 258, 1024, 1025, 5000, 10240, 10241, 50257, 128256})
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
      CAPTURE(std::string(name));
      CAPTURE(vocabulary);
      // log and exp round differently: a tie within rounding may fall the other way, no more than one in a
      // run
      CHECK(different <= 1);
    });
}

TEST_CASE("zeros of either sign are equals on the device, the lowest id first") {
  // Below, between and above the sizes at which another kernel or memory is taken.
  for (const int vocabulary : {3, 258, 5000, 20000})
    for (const int zeros : {0, 1}) {
      std::vector<float> logits(static_cast<std::size_t>(vocabulary), -1.0f);
      logits[logits.size() - 2] = zeros == 0 ? -0.0f : 0.0f;
      logits[logits.size() - 1] = zeros == 0 ? 0.0f : -0.0f;
      CAPTURE(vocabulary);
      CHECK(on_device(bl::sample::chain<bl::sample::greedy>{}, logits, 1, 1, {0}) ==
            std::vector<bl::token>{vocabulary - 2});
    }
}

TEST_CASE("a rare token can win on the device, an impossible one cannot") {
  // At seed 0 and position 188, token 36533 draws 19.44; the host's test says more.
  std::vector<float> logits(36534, -bl::math::infinity<float>);
  logits[0] = 0.0f;
  logits.back() = -18.0f;
  CHECK(on_device(bl::sample::chain<>{}, logits, 1, 0, {188}) == std::vector<bl::token>{36533});
  logits.back() = -60.0f;
  CHECK(on_device(bl::sample::chain<>{}, logits, 1, 0, {188}) == std::vector<bl::token>{0});
}

TEST_CASE("what a step makes of logits is looked at on the device too") {
  for (const std::size_t vocabulary : {3, 5000, 20000})
    for (const float by : {std::numeric_limits<float>::quiet_NaN(), 1e38f}) {
      std::vector<float> logits(vocabulary, 1.0f);
      logits[1] = 12345.0f;
      CHECK(on_device(bl::sample::chain<test::scale_by>{test::scale_by{by}}, logits, 1, 1, {0}) ==
            std::vector<bl::token>{-1});
    }
}

TEST_CASE("logits that have no softmax give no token on the device, by any sampler") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t vocabulary : {3, 5000, 20000})
    test::for_each_sampler([&](const char* name, const auto& how) {
      CAPTURE(std::string(name));
      CAPTURE(vocabulary);
      for (const float bad : {nan, bl::math::infinity<float>}) {
        std::vector<float> logits(vocabulary);
        logits[1] = bad;
        CHECK(on_device(how, logits, 1, 1, {0}) == std::vector<bl::token>{-1});
      }
      const std::vector<float> none(vocabulary, -bl::math::infinity<float>);
      CHECK(on_device(how, none, 1, 1, {0}) == std::vector<bl::token>{-1});
    });
}

TEST_CASE("settings and sizes that do not fit are refused before anything runs on the device") {
  const auto on = bl::cuda::on();
  auto logits = test::to_device(on, std::vector<float>(6));
  auto positions = test::to_device(on, std::vector<int>(3));
  auto out = test::to_device(on, std::vector<bl::token>(3, -7));
  const bl::device_view<const float, 2> rows(logits.data(), 3, 2);
  const auto call = [&](const auto& how, bl::index positions_given, bl::index places) {
    bl::draw(on, how, rows, 1, bl::device_view<const int, 1>(positions.data(), positions_given),
             bl::device_view<bl::token, 1>(out.data(), places));
  };
  using namespace bl::sample;
  CHECK_THROWS_AS(call(chain<>{}, 2, 3), bl::shape_error);
  CHECK_THROWS_AS(call(chain<>{}, 3, 4), bl::shape_error);
  CHECK_THROWS_AS(call(chain<temperature>{temperature{-1.0f}}, 3, 3), bl::argument_error);
  CHECK_THROWS_AS(call(chain<top_k>{top_k{0}}, 3, 3), bl::argument_error);
  CHECK_THROWS_AS(call(chain<top_p>{top_p{1.5f}}, 3, 3), bl::argument_error);
  std::vector<bl::token> untouched(3);
  out.copy_to_host(on, untouched);
  CHECK(untouched == std::vector<bl::token>(3, -7));
  CHECK_NOTHROW(call(chain<>{}, 3, 3));  // the next call works
}

TEST_CASE("NaN, and no candidate at all, give no token on the device") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(on_device(bl::sample::chain<>{}, {0.0f, nan, 1.0f}, 1, 1, {0}) == std::vector<bl::token>{-1});
  const float gone = -bl::math::infinity<float>;
  CHECK(on_device(bl::sample::chain<>{}, {gone, gone}, 1, 1, {0}) == std::vector<bl::token>{-1});
  CHECK(on_device(bl::sample::chain<bl::sample::greedy>{}, {1.0f, 3.0f, 3.0f}, 1, 1, {0}) ==
        std::vector<bl::token>{1});
}
