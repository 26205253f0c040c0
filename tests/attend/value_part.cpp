// SPDX-License-Identifier: Apache-2.0

// Attention to wide values in parts of their dimensions, as kernels run it that cannot hold a whole row of
// the output: here the host runs the parts.

#include <doctest/doctest.h>

#include <type_traits>
#include <vector>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/observe/row_maximum.hpp"
#include "byteloom/attend/value_part.hpp"
#include "byteloom/host/attend.hpp"
#include "support/random.hpp"
#include "support/tensor.hpp"

namespace bl = byteloom;

namespace {

/// Counts how often it is told of each row: times [queries, heads] of one sequence.
struct counts_news {
  using axis = bl::axis::observe;
  int* times;
  int heads;
  template <class Real>
  BYTELOOM_HD void log_sum(bl::index row_of_call, bl::row at, Real) const {
    ++times[row_of_call * heads + at.query_head];
  }
};

template <class T>
bl::host_view<T, 4> dimensions_of(bl::host_view<T, 4> of, int first, int count) {
  of.data += first * of.stride[3];
  of.extent[3] = count;
  return of;
}

}  // namespace

TEST_CASE("values in parts: the whole output, and each observer is told of a row once") {
  using namespace bl;
  auto draw = test::generator();
  const auto q = test::random_tensor<float>(draw, 1.0f, 1, 9, 4, 16);
  const auto k = test::random_tensor<float>(draw, 1.0f, 1, 21, 2, 16);
  const auto v = test::random_tensor<float>(draw, 1.0f, 1, 21, 2, 24);
  std::vector<int> times(9 * 4), times_whole(9 * 4);
  auto largest = test::poisoned_tensor<float>(1, 9, 4), largest_whole = test::poisoned_tensor<float>(1, 9, 4);
  using spec_type = attention<counts_news, heads<4, 2, 16, 24>, mask::window<>, observe::row_maximum<>>;
  const auto told = [](std::vector<int>& to, auto& maxima) {
    return spec_type{counts_news{to.data(), 4}, mask::window<>{{7}},
                     observe::row_maximum<>(host_view<float, 3>(maxima.data.data(), 1, 9, 4))};
  };
  auto out = test::poisoned_tensor<float>(1, 9, 4, 24), whole = test::poisoned_tensor<float>(1, 9, 4, 24);
  attend(host::here(), told(times_whole, largest_whole), q.view(), k.view(), v.view(), whole.view());
  std::vector<int> firsts;
  byteloom::detail::for_each_value_part<8>(told(times, largest), [&](const auto& of_part, int first) {
    firsts.push_back(first);
    attend(host::here(), of_part, q.view(), k.view(), dimensions_of(v.view(), first, 8),
           dimensions_of(out.view(), first, 8));
  });
  CHECK(firsts == std::vector<int>{0, 8, 16});
  CHECK(test::relative_error(out.data, whole.data) < 1e-6);
  CHECK(times_whole == std::vector<int>(9 * 4, 1));
  CHECK(times == times_whole);
  CHECK(largest.data == largest_whole.data);
}

TEST_CASE("an attention without the policies of an axis keeps all others") {
  using namespace bl;
  using byteloom::detail::without_axis;
  const attention<mask::causal, heads<2, 1, 16>, mask::window<>> spec{mask::window<>{{17}}};
  static_assert(std::is_same_v<decltype(without_axis<axis::mask>(spec)), attention<heads<2, 1, 16>>>);
  const auto same = without_axis<axis::observe>(spec);
  static_assert(std::is_same_v<decltype(same), decltype(spec)>);
  CHECK(same.get<2>().width == 17);
}
