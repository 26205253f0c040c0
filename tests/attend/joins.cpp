// SPDX-License-Identifier: Apache-2.0

// What stands around one map of attention on the host: prepared queries and keys, keys of another sequence,
// several maps over one value, changed outputs, attentions of two parts; their laws, and published mechanisms
// written down here.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "byteloom/attend/copy_to.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/lambda.hpp"
#include "byteloom/attend/mask/sinks.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/host/attend_ragged.hpp"
#include "byteloom/host/merged.hpp"
#include "support/agreement.hpp"
#include "support/join_attentions.hpp"
#include "support/random.hpp"
#include "support/rows.hpp"

namespace bl = byteloom;

namespace {

using test::dot;
using test::flat;
using test::head_of;
using test::random_rows;
using test::rotated;
using test::rows;
using test::softmax;
using test::vector;

constexpr float infinity = std::numeric_limits<float>::infinity();

/// A matrix [rows, columns] of random numbers, in double and as the floats that it was made from.
struct random_matrix {
  test::tensor<float> values;

  random_matrix(std::mt19937_64& draw, bl::index outputs, bl::index inputs, float spread)
      : values(test::random_tensor<float>(draw, spread, 1, 1, outputs, inputs)) {}

  vector times(const vector& x) const {
    vector result(static_cast<std::size_t>(values.extent[2]));
    for (std::size_t r = 0; r < result.size(); ++r)
      for (std::size_t c = 0; c < x.size(); ++c)
        result[r] += static_cast<double>(values.data[r * x.size() + c]) * x[c];
    return result;
  }
};

rows projected(const random_matrix& by, const rows& x) {
  rows result;
  for (const auto& row : x) result.push_back(by.times(row));
  return result;
}

/// [1, token, head, size] as the floats that the library gets; rows are rounded, so that both sides start
/// from the same numbers.
test::tensor<float> in_heads(rows& x, int heads) {
  const auto tokens = static_cast<int>(x.size());
  const int size = tokens == 0 ? 0 : static_cast<int>(x[0].size()) / heads;
  test::tensor<float> result(1, tokens, heads, size);
  std::size_t at = 0;
  for (auto& row : x)
    for (double& number : row) {
      result.data[at] = static_cast<float>(number);
      number = static_cast<double>(result.data[at++]);
    }
  return result;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// The output of attention on the host, as rows.
rows rows_of(const test::tensor<float>& out) {
  const auto size = static_cast<std::size_t>(out.extent[2] * out.extent[3]);
  rows result;
  for (std::size_t at = 0; at < out.data.size(); at += size) {
    result.emplace_back();
    for (std::size_t i = at; i < at + size; ++i) result.back().push_back(static_cast<double>(out.data[i]));
  }
  return result;
}

double error(const rows& found, const rows& wanted) {
  return test::relative_error(flat(found), flat(wanted));
}

}  // namespace

TEST_CASE("what stands around a map of attention on the host agrees with the reference") {
  auto draw = test::generator();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_against_reference(draw, name, spec, shape);
  });
}

TEST_CASE("copies of what these policies hold mean the same") {
  auto draw = test::generator();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    CAPTURE(std::string(name));
    const test::attend_inputs in(draw, spec, shape, 1.0f);
    const auto copied = bl::copy_to(bl::host::here(), spec);
    auto first = test::poisoned_tensor<float>(shape.batch, shape.queries, spec.heads().query / spec.map_count,
                                              spec.heads().value_size);
    auto second = first;
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), first.view());
    bl::attend(bl::host::here(), copied.spec(), in.q.view(), in.k.view(), in.v.view(), second.view());
    CHECK(first.data == second.data);
  });
}

TEST_CASE("normed queries and keys do not see how long they were") {
  auto draw = test::generator();
  const auto check = [&](const auto& by) {
    using prepare = bl::prepare::norm<std::remove_cvref_t<decltype(by)>>;
    const bl::attention<bl::heads<2, 1, 16>, bl::position::rope<>, prepare> spec{prepare{by}};
    test::attend_inputs in(draw, spec, {1, 30, 30}, 1.0f);
    auto first = test::poisoned_tensor<float>(1, 30, 2, 16);
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), first.view());
    for (auto& x : in.q.data) x *= 64;
    for (auto& x : in.k.data) x *= 0.25f;
    auto second = test::poisoned_tensor<double>(1, 30, 2, 16);
    bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), second.view());
    CHECK(test::relative_error(first.data, second.data) < 1e-5);
  };
  check(bl::norm::rms{1e-9f});
  check(bl::norm::layer{1e-9f});
  check(bl::norm::l2{});
}

TEST_CASE("queries and keys of unit length meet by the cosine of their angle") {
  auto draw = test::generator();
  using prepare = bl::prepare::norm<bl::norm::l2>;
  const bl::attention<bl::heads<2, 2, 16>, bl::score::scale, prepare> spec{bl::score::scale{10.0f}};
  test::formulas by;
  by.turned = [](vector x, bool, int, int, int) {
    const double length = std::sqrt(dot(x, x));
    for (double& number : x) number /= length;
    return x;
  };
  by.score = [](double cosine, int, int, int, int) { return 10 * cosine; };
  const test::attend_inputs in(draw, spec, {1, 20, 31}, 2.0f);
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("a user's policies see each row and number where it stands") {
  auto draw = test::generator();
  SUBCASE("of the output") {
    const bl::attention<bl::heads<4, 2, 16, 20>, test::coordinate_factor> spec;
    const test::attend_inputs in(draw, spec, {2, 7, 11}, 1.0f);
    test::formulas by;
    by.score = [](double product, int, int, int, int) { return product / 4; };
    vector wanted = test::brute_force(in, by);
    std::size_t at = 0;
    for (int batch = 0; batch < 2; ++batch)
      for (int row = 0; row < 7; ++row)
        for (int head = 0; head < 4; ++head)
          for (int i = 0; i < 20; ++i)
            wanted[at++] *=
                0.5 + 0.125 * ((batch * 7 + head * 5 + head / 2 * 3 + 4 + row + 2 * row + i + 7 + 11) % 11);
    CHECK(test::host_error(spec, in, wanted) < 1e-5);
  }
  SUBCASE("of queries and keys, in their heads") {
    const bl::attention<bl::heads<4, 2, 16>, test::less_maximum> spec;
    const test::attend_inputs in(draw, spec, {1, 9, 9}, 0.5f);
    vector wanted;
    for (int row = 0; row < 9; ++row)
      for (int head = 0; head < 4; ++head) {
        const auto prepared = [&](const test::tensor<float>& x, int token, int own, const auto& each) {
          vector result;
          double largest = -1e30;
          for (int i = 0; i < 16; ++i)
            largest = std::max(largest, static_cast<double>(x.view()(0, token, own, i)));
          for (int i = 0; i < 16; ++i)
            result.push_back(each(static_cast<double>(x.view()(0, token, own, i)), largest, i));
          return result;
        };
        const vector query = prepared(in.q, row, head, [&](double x, double largest, int i) {
          return (x - largest) * (1 + (head + i) % 3);
        });
        vector scores;
        for (int key = 0; key < 9; ++key)
          scores.push_back(dot(query, prepared(in.k, key, head / 2,
                                               [&](double x, double largest, int i) {
                                                 return x - largest * ((2 * (head / 2) + i) % 5);
                                               })) /
                           4);
        const vector p = softmax(scores);
        for (int i = 0; i < 16; ++i) {
          double sum = 0;
          for (int key = 0; key < 9; ++key)
            sum += p[static_cast<std::size_t>(key)] * static_cast<double>(in.v.view()(0, key, head / 2, i));
          wanted.push_back(sum);
        }
      }
    CHECK(test::host_error(spec, in, wanted) < 1e-4);
  }
}

TEST_CASE("keys apart: a query's position is what it is told, not what the keys say") {
  auto draw = test::generator();
  using heads = bl::heads<2, 1, 16>;
  const bl::attention<heads, bl::position::rope<>, bl::mask::causal> own;
  const bl::attention<heads, bl::position::rope<>, bl::mask::causal, bl::keys::apart> apart{
      bl::keys::apart{20}};
  const test::attend_inputs in(draw, own, {1, 13, 33}, 1.0f);
  auto wanted = test::poisoned_tensor<double>(1, 13, 2, 16);
  bl::reference::attend(own, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  CHECK(test::host_error(apart, in, wanted.data) < 1e-5);
  const bl::attention<heads, bl::keys::apart> none;
  const test::attend_inputs empty(draw, none, {1, 3, 0}, 1.0f);
  auto out = test::poisoned_tensor<float>(1, 3, 2, 16);
  bl::attend(bl::host::here(), none, empty.q.view(), empty.k.view(), empty.v.view(), out.view());
  for (const float x : out.data) CHECK(x == 0.0f);
}

TEST_CASE("at a constant distance queries turn to the limit, or to the last position, and keys never") {
  const bl::position::constant_distance<> far{20};
  const bl::position::rope<> rope;
  for (const auto& [length, place] : {std::pair{5, 4}, {20, 19}, {21, 20}, {400, 20}}) {
    for (int pair = 0; pair < 8; ++pair) {
      const auto found = far.at_query<double>({0, 3, length}, pair, 16);
      const auto wanted = rope.at<double>(place, pair, 16);
      CHECK(found.cosine == wanted.cosine);
      CHECK(found.sine == wanted.sine);
      CHECK(far.at_key<double>({0, 3, length}, pair, 16).first(2.0, 7.0) == 2.0);
      CHECK(far.at_key<double>({0, 3, length}, pair, 16).second(2.0, 7.0) == 7.0);
    }
  }
}

TEST_CASE("a normed output has the length that its factor says, and an open gate changes nothing") {
  auto draw = test::generator();
  using normed = bl::output::norm<bl::norm::rms>;
  const bl::attention<bl::heads<2, 1, 16, 24>, normed> spec{normed{bl::norm::rms{0.0f}, 3.0f}};
  const test::attend_inputs in(draw, spec, {1, 30, 30}, 1.0f);
  auto out = test::poisoned_tensor<float>(1, 30, 2, 24);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  for (std::size_t row = 0; row < 60; ++row) {
    double squares = 0;
    for (std::size_t i = row * 24; i < row * 24 + 24; ++i)
      squares += static_cast<double>(out.data[i]) * static_cast<double>(out.data[i]);
    CHECK(std::sqrt(squares / 24) == doctest::Approx(3.0));
  }
  using gate = bl::output::gate<>;
  std::vector<float> logits(60, 1e30f);
  const auto of_gate = [&] {
    const bl::attention<bl::heads<2, 1, 16, 24>, gate> gated{
        gate{bl::host_view<const float, 3>(logits.data(), 1, 30, 2)}};
    bl::attend(bl::host::here(), gated, in.q.view(), in.k.view(), in.v.view(), out.view());
    return out.data;
  };
  auto plain = test::poisoned_tensor<float>(1, 30, 2, 24);
  bl::attend(bl::host::here(), bl::attention<bl::heads<2, 1, 16, 24>>{}, in.q.view(), in.k.view(),
             in.v.view(), plain.view());
  CHECK(of_gate() == plain.data);
  for (auto& x : logits) x = -infinity;
  for (const float x : of_gate()) CHECK(x == 0.0f);
}

TEST_CASE("a difference by zero is the first map, and one by one of equal maps is nothing") {
  auto draw = test::generator();
  using difference = bl::maps::difference<>;
  const bl::attention<bl::heads<4, 4, 16, 24>, bl::mask::causal, difference> spec{difference{0.0f}};
  test::attend_inputs in(draw, spec, {1, 30, 30}, 1.0f);
  auto out = test::poisoned_tensor<float>(1, 30, 2, 24);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  auto first = test::poisoned_tensor<float>(1, 30, 2, 24);
  const auto evens = [](auto x) {
    x.extent[2] = 2;
    x.stride[2] *= 2;
    return x;
  };
  bl::attend(bl::host::here(), bl::attention<bl::heads<2, 2, 16, 24>, bl::mask::causal>{},
             evens(std::as_const(in.q).view()), evens(std::as_const(in.k).view()), in.v.view(), first.view());
  CHECK(test::relative_error(out.data, first.data) < 1e-6);
  auto second = test::poisoned_tensor<float>(1, 30, 2, 24);
  const auto odds = [&](auto x) {
    x.data += x.stride[2];
    return evens(x);
  };
  bl::attend(bl::host::here(), bl::attention<bl::heads<2, 2, 16, 24>, bl::mask::causal>{},
             odds(std::as_const(in.q).view()), odds(std::as_const(in.k).view()), in.v.view(), second.view());
  const std::vector<float> lambdas{0.7f, -1.5f};
  using per_head = bl::maps::difference_per_head<>;
  const bl::attention<bl::heads<4, 4, 16, 24>, bl::mask::causal, per_head> by_head{
      per_head{bl::host_view<const float, 1>(lambdas.data(), 2)}};
  bl::attend(bl::host::here(), by_head, in.q.view(), in.k.view(), in.v.view(), out.view());
  std::vector<float> wanted;
  for (std::size_t i = 0; i < first.data.size(); ++i)
    wanted.push_back(first.data[i] - lambdas[i / 24 % 2] * second.data[i]);
  CHECK(test::relative_error(out.data, wanted) < 1e-6);
  for (auto* x : {&in.q, &in.k})
    for (std::size_t i = 0; i < x->data.size(); ++i)
      if (i / 16 % 2 == 1) x->data[i] = x->data[i - 16];
  const bl::attention<bl::heads<4, 4, 16, 24>, bl::mask::causal, difference> same{difference{1.0f}};
  bl::attend(bl::host::here(), same, in.q.view(), in.k.view(), in.v.view(), out.view());
  for (const float x : out.data) CHECK(std::abs(x) < 1e-6f);
}

TEST_CASE("shaped weights sum to one, and equal scores leave the query's own value") {
  auto draw = test::generator();
  const auto check = [&](const auto& spec) {
    test::attend_inputs in(draw, spec, {1, 80, 80}, 2.0f);
    auto out = test::poisoned_tensor<float>(1, 80, 2, 16);
    const auto values = in.v.data;
    for (auto& x : in.v.data) x = 1;
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
    for (const float x : out.data) CHECK(x == doctest::Approx(1.0f).epsilon(1e-4));
    in.v.data = values;
    for (auto& x : in.k.data) x = 0;
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
    CHECK(test::relative_error(out.data, values) < 1e-5);
  };
  check(bl::attention<bl::heads<2, 2, 16>, bl::normalizer::shaped>{});
  check(bl::attention<bl::heads<2, 2, 16>, bl::normalizer::shaped, bl::mask::causal>{});
  check(bl::attention<bl::heads<2, 2, 16>, bl::normalizer::shaped, test::every_third>{});
}

TEST_CASE("keys split in two parts mean the same as together") {
  auto draw = test::generator();
  using heads = bl::heads<4, 2, 16>;
  const bl::attention<heads, bl::mask::causal> whole;
  const test::attend_inputs in(draw, whole, {2, 70, 70}, 1.5f);
  auto wanted = test::poisoned_tensor<double>(2, 70, 4, 16);
  bl::reference::attend(whole, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  using first = bl::mask::sinks<13>;
  const bl::merged parts{bl::attention<heads, bl::mask::causal, first>{},
                         bl::attention<heads, bl::mask::causal, bl::mask::not_<first>>{}};
  auto out = test::poisoned_tensor<float>(2, 70, 4, 16);
  bl::attend(bl::host::here(), parts, in.q.view(), in.k.view(), in.v.view(), in.k.view(), in.v.view(),
             out.view());
  CHECK(test::relative_error(out.data, wanted.data) < 1e-5);
}

TEST_CASE("heads side by side are those of either attention") {
  auto draw = test::generator();
  const bl::attention<bl::heads<4, 2, 16>, bl::mask::causal> left;
  const bl::attention<bl::heads<3, 1, 16>, bl::keys::apart> right;
  const test::attend_inputs of_left(draw, left, {2, 30, 30}, 1.0f), of_right(draw, right, {2, 30, 5}, 1.0f);
  const auto q = test::random_tensor<float>(draw, 1.0f, 2, 30, 7, 16);
  auto out = test::poisoned_tensor<float>(2, 30, 7, 16), wanted = out;
  bl::attend(bl::host::here(), bl::side_by_side{left, right}, q.view(), of_left.k.view(), of_left.v.view(),
             of_right.k.view(), of_right.v.view(), out.view());
  bl::attend(bl::host::here(), left, bl::heads_of(q.view(), 0, 4), of_left.k.view(), of_left.v.view(),
             bl::heads_of(wanted.view(), 0, 4));
  bl::attend(bl::host::here(), right, bl::heads_of(q.view(), 4, 3), of_right.k.view(), of_right.v.view(),
             bl::heads_of(wanted.view(), 4, 3));
  CHECK(out.data == wanted.data);
  auto narrow = test::poisoned_tensor<float>(2, 30, 6, 16);
  CHECK_THROWS_WITH_AS(bl::attend(bl::host::here(), bl::side_by_side{left, right}, q.view(), of_left.k.view(),
                                  of_left.v.view(), of_right.k.view(), of_right.v.view(), narrow.view()),
                       "side_by_side: q and out have 7 and 6 heads, but the parts have 4 + 3 query heads and "
                       "4 + 3 of the output.",
                       bl::shape_error);
}

TEST_CASE("ragged sequences get of these policies what each gets alone") {
  auto draw = test::generator();
  const int rows = 31, second = 12;  // two sequences of 12 and 19 tokens
  const std::vector<int> offsets{0, second, rows};
  test::random_table weight(draw, 1.0f, 24);
  using prepare = bl::prepare::norm<bl::norm::rms>;
  using difference = bl::maps::difference<>;
  using normed = bl::output::norm<bl::norm::rms>;
  const bl::attention<bl::heads<8, 4, 16, 24>, bl::position::rope<>, bl::mask::causal, prepare, difference,
                      normed>
      spec{difference{0.4f}, normed{bl::norm::rms{}, 0.5f, weight.vector()}};
  const test::attend_inputs in(draw, spec, {1, rows, rows}, 1.0f);
  auto found = test::poisoned_tensor<float>(1, rows, 4, 24);
  auto wanted = test::poisoned_tensor<double>(1, rows, 4, 24);
  const auto of_rows = [](auto x) {
    return bl::host_view<std::remove_pointer_t<decltype(x.data)>, 3>(x.data, x.extent[1], x.extent[2],
                                                                     x.extent[3]);
  };
  bl::attend(bl::host::here(), spec, of_rows(in.q.view()), of_rows(in.k.view()), of_rows(in.v.view()),
             bl::ragged<bl::memory::host>(bl::host_view<const int, 1>(offsets.data(), 3), 19),
             of_rows(found.view()));
  for (const auto& [first, last] : {std::pair{0, second}, {second, rows}}) {
    const auto part = [first = first, last = last](auto x) {
      x.data += first * x.stride[1];
      x.extent[1] = last - first;
      return x;
    };
    bl::reference::attend(spec, part(in.q.view()), part(in.k.view()), part(in.v.view()), part(wanted.view()));
  }
  CHECK(test::relative_error(found.data, wanted.data) < 1e-5);
}

TEST_CASE("a call over the last queries alone gives their rows") {
  auto draw = test::generator();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    using spec_type = std::remove_cvref_t<decltype(spec)>;
    // compositions whose data or hooks do not speak of the call's queries
    if constexpr (!spec_type::has_output_policy && !spec_type::stands_apart) {
      CAPTURE(std::string(name));
      if (shape.queries < 4 || std::string(name).find("by query head") != std::string::npos) return;
      const test::attend_inputs in(draw, spec, shape, 1.0f);
      const bl::index out_heads = spec.heads().query / spec.map_count, size = spec.heads().value_size;
      auto all = test::poisoned_tensor<float>(shape.batch, shape.queries, out_heads, size);
      auto last = all;
      bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), all.view());
      const auto ends = [](auto x) {
        x.data += (x.extent[1] - 3) * x.stride[1];
        x.extent[1] = 3;
        return x;
      };
      bl::attend(bl::host::here(), spec, ends(in.q.view()), in.k.view(), in.v.view(), ends(last.view()));
      std::vector<float> found;
      std::vector<double> wanted;
      for (int batch = 0; batch < shape.batch; ++batch)
        for (int row = shape.queries - 3; row < shape.queries; ++row)
          for (int head = 0; head < out_heads; ++head)
            for (int i = 0; i < size; ++i) {
              found.push_back(last.view()(batch, row, head, i));
              wanted.push_back(static_cast<double>(all.view()(batch, row, head, i)));
            }
      CHECK(test::relative_error(found, wanted) < 1e-5);
    }
  });
}

TEST_CASE("states and data that mean nothing are named") {
  auto draw = test::generator();
  const auto attend = [&](const auto& spec, test::attend_shape shape) {
    const test::attend_inputs in(draw, spec, shape, 1.0f);
    auto out = test::poisoned_tensor<float>(shape.batch, shape.queries, spec.heads().query / spec.map_count,
                                            spec.heads().value_size);
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  };
  const std::vector<float> data(100);
  using heads = bl::heads<4, 2, 16>;
  using rms = bl::prepare::norm<bl::norm::rms>;
  CHECK_THROWS_WITH_AS(
      attend(bl::attention<heads, rms>{rms{{}, bl::host_view<const float, 1>(data.data(), 17), {}}},
             {1, 2, 2}),
      "prepare::norm: its data is for 17 dimensions a head, but this call has 16.", bl::shape_error);
  CHECK_THROWS_AS(attend(bl::attention<heads, rms>{rms{bl::norm::rms{-1.0f}}}, {1, 2, 2}),
                  bl::argument_error);
  using normed = bl::output::norm<bl::norm::rms>;
  CHECK_THROWS_WITH_AS(
      attend(bl::attention<heads, normed>{normed{{}, 1.0f, bl::host_view<const float, 1>(data.data(), 17)}},
             {1, 2, 2}),
      "output::norm: its data is for 17 dimensions a head, but this call has 16.", bl::shape_error);
  CHECK_THROWS_AS(attend(bl::attention<heads, normed>{normed{{}, infinity}}, {1, 2, 2}), bl::argument_error);
  using gate = bl::output::gate<>;
  CHECK_THROWS_WITH_AS(
      attend(bl::attention<heads, gate>{gate{bl::host_view<const float, 3>(data.data(), 1, 2, 3)}},
             {1, 2, 2}),
      "output::gate: its data is for 3 heads of the output, but this call has 4.", bl::shape_error);
  CHECK_THROWS_AS(
      attend(bl::attention<heads, gate>{gate{bl::host_view<const float, 3>(data.data(), 1, 2, 4), infinity}},
             {1, 2, 2}),
      bl::argument_error);
  using difference = bl::maps::difference<>;
  CHECK_THROWS_WITH_AS(attend(bl::attention<bl::heads<3, 3, 16>, difference>{difference{1.0f}}, {1, 2, 2}),
                       "attend: 3 query heads over 3 key heads; 2 neighbours of each share a value, so both "
                       "must be multiples of that.",
                       bl::shape_error);
  CHECK_THROWS_AS(attend(bl::attention<heads, difference>{difference{infinity}}, {1, 2, 2}),
                  bl::argument_error);
  using per_head = bl::maps::difference_per_head<>;
  CHECK_THROWS_WITH_AS(
      attend(bl::attention<heads, per_head>{per_head{bl::host_view<const float, 1>(data.data(), 4)}},
             {1, 2, 2}),
      "maps::difference_per_head: its data is for 4 heads of the output, but this call has 2.",
      bl::shape_error);
  CHECK_THROWS_AS(attend(bl::attention<heads, bl::keys::apart>{bl::keys::apart{-1}}, {1, 2, 2}),
                  bl::argument_error);
  using far = bl::position::constant_distance<>;
  CHECK_THROWS_AS(attend(bl::attention<heads, far>{far{-1}}, {1, 2, 2}), bl::argument_error);
  using blocks = bl::score::by_blocks<bl::score::alibi<4>>;
  CHECK_THROWS_AS(attend(bl::attention<heads, blocks>{blocks{{}, 0}}, {1, 2, 2}), bl::argument_error);
  CHECK_THROWS_AS(attend(bl::attention<heads>{}, {1, 3, 2}), bl::shape_error);
  const std::vector<float> three(3), four(4);
  CHECK_THROWS_AS(bl::maps::lambda_of(three, three, four, three, 0.2f), bl::shape_error);
}

TEST_CASE("NRM-01 Differential Transformer: from tokens to the projected output") {
  auto draw = test::generator();
  const int tokens = 37, width = 64, h = 4, d = width / (2 * h), depth = 3;
  const auto run = [&](auto difference_type, int key_value_heads) {
    using difference = typename decltype(difference_type)::type;
    constexpr bool paired = std::is_same_v<difference, bl::maps::difference<bl::maps::key_heads::paired>>;
    const random_matrix w_q(draw, width, width, 0.25f), w_k(draw, 2 * d * key_value_heads, width, 0.25f),
        w_v(draw, 2 * d * key_value_heads, width, 0.25f), w_o(draw, width, width, 0.25f);
    const rows x = random_rows(draw, tokens, width);
    test::random_table weight(draw, 1.0f, 2 * d);
    std::vector<std::vector<float>> learned;  // lambda_q1, lambda_k1, lambda_q2, lambda_k2
    std::normal_distribution<float> normal(0.0f, 0.1f);
    for (int i = 0; i < 4; ++i) {
      learned.emplace_back(d);
      for (float& number : learned.back()) number = normal(draw);
    }
    rows q = projected(w_q, x), k = projected(w_k, x), v = projected(w_v, x);
    const auto fq = in_heads(q, 2 * h), fk = in_heads(k, 2 * key_value_heads),
               fv = in_heads(v, key_value_heads);

    // the paper's text
    const double lambda_init = 0.8 - 0.6 * std::exp(-0.3 * depth);
    const auto exponential = [&](std::size_t a, std::size_t b) {
      double sum = 0;
      for (std::size_t i = 0; i < learned[a].size(); ++i)
        sum += static_cast<double>(learned[a][i]) * static_cast<double>(learned[b][i]);
      return std::exp(sum);
    };
    const double lambda = exponential(0, 1) - exponential(2, 3) + lambda_init;
    rows wanted, wanted_first;
    const int repeats = h / key_value_heads;
    for (int i = 0; i < tokens; ++i) {
      vector concatenated;
      for (int head = 0; head < h; ++head) {
        vector maps[2];
        for (int half = 0; half < 2; ++half) {
          const int key_head = paired ? 2 * (head / repeats) + half : (2 * head + half) / repeats;
          vector scores;
          const vector query = rotated(head_of(q[static_cast<std::size_t>(i)], 2 * head + half, d), i, true);
          for (int j = 0; j <= i; ++j)
            scores.push_back(
                dot(query, rotated(head_of(k[static_cast<std::size_t>(j)], key_head, d), j, true)) /
                std::sqrt(d));
          maps[half] = softmax(scores);
        }
        vector o(static_cast<std::size_t>(2 * d));
        for (std::size_t j = 0; j < maps[0].size(); ++j) {
          const vector value = head_of(v[j], head / repeats, 2 * d);
          for (std::size_t c = 0; c < o.size(); ++c) o[c] += (maps[0][j] - lambda * maps[1][j]) * value[c];
        }
        if (i == 0) {  // the first causal row is (1 - lambda) v_0
          const vector value = head_of(v[0], head / repeats, 2 * d);
          for (std::size_t c = 0; c < o.size(); ++c) CHECK(o[c] == doctest::Approx((1 - lambda) * value[c]));
        }
        const double rms = std::sqrt(dot(o, o) / (2 * d) + 1e-5);
        for (std::size_t c = 0; c < o.size(); ++c)
          concatenated.push_back(o[c] / rms * static_cast<double>(weight.values.data[c]) * (1 - lambda_init));
      }
      wanted.push_back(w_o.times(concatenated));
    }

    const float initial = bl::maps::initial_lambda(depth);
    const float found_lambda = bl::maps::lambda_of(learned[0], learned[1], learned[2], learned[3], initial);
    CHECK(static_cast<double>(found_lambda) == doctest::Approx(lambda));
    using rope = bl::position::rope<bl::position::pairing::interleaved>;
    using normed = bl::output::norm<bl::norm::rms>;
    using dynamic_heads = bl::heads<bl::dynamic, bl::dynamic, d, 2 * d>;
    const bl::attention<dynamic_heads, rope, bl::mask::causal, difference, normed> spec{
        dynamic_heads{{2 * h}, {2 * key_value_heads}, {}, {}}, difference{found_lambda},
        normed{bl::norm::rms{1e-5f}, 1 - initial, weight.vector()}};
    auto out = test::poisoned_tensor<float>(1, tokens, h, 2 * d);
    bl::attend(bl::host::here(), spec, fq.view(), fk.view(), fv.view(), out.view());
    CHECK(error(projected(w_o, rows_of(out)), wanted) < 1e-5);
  };
  using repeated = bl::maps::difference<>;
  using paired = bl::maps::difference<bl::maps::key_heads::paired>;
  CHECK(bl::maps::initial_lambda(0) == doctest::Approx(0.2f));
  run(std::type_identity<repeated>{}, 4);
  run(std::type_identity<repeated>{}, 2);
  run(std::type_identity<paired>{}, 2);
  run(std::type_identity<repeated>{}, 1);
}

TEST_CASE("NRM-03 Quantizable Transformers: clipped softmax, and gates from the block's input") {
  auto draw = test::generator();
  const int tokens = 50, width = 32, h = 4, d = width / h;
  rows x = random_rows(draw, tokens, width);
  const random_matrix w_q(draw, width, width, 0.4f), w_k(draw, width, width, 0.4f),
      w_v(draw, width, width, 0.4f), w_o(draw, width, width, 0.4f);
  rows q = projected(w_q, x), k = projected(w_k, x), v = projected(w_v, x);
  const auto fq = in_heads(q, h), fk = in_heads(k, h), fv = in_heads(v, h);
  const double gamma = -2.0 / 64, zeta = 1.0;
  const auto wanted_of = [&](bool clips, const auto& gate) {
    rows wanted;
    for (std::size_t i = 0; i < x.size(); ++i) {
      vector concatenated;
      for (int head = 0; head < h; ++head) {
        vector scores;
        for (std::size_t j = 0; j <= i; ++j)
          scores.push_back(dot(head_of(q[i], head, d), head_of(k[j], head, d)) / std::sqrt(d));
        vector p = softmax(scores);
        if (clips)
          for (double& share : p) share = std::clamp((zeta - gamma) * share + gamma, 0.0, 1.0);
        for (int c = 0; c < d; ++c) {
          double sum = 0;
          for (std::size_t j = 0; j <= i; ++j)
            sum += p[j] * head_of(v[j], head, d)[static_cast<std::size_t>(c)];
          concatenated.push_back(gate(i, head) * sum);
        }
      }
      wanted.push_back(w_o.times(concatenated));
    }
    return wanted;
  };
  const auto found_of = [&](const auto& spec) {
    auto out = test::poisoned_tensor<float>(1, tokens, h, d);
    bl::attend(bl::host::here(), spec, fq.view(), fk.view(), fv.view(), out.view());
    return projected(w_o, rows_of(out));
  };
  using heads = bl::heads<h, h, d>;
  using gate = bl::output::gate<>;
  // G of each variant, [token][head]
  const random_matrix per_head(draw, h, d, 0.5f), bias(draw, h, 1, 1.0f), hidden(draw, h * (d / 4), d, 1.0f),
      last(draw, h, d / 4, 1.0f), all_heads(draw, h, width, 0.5f);
  const auto of = [](const random_matrix& m, int row, const vector& by) {
    double sum = 0;
    for (std::size_t c = 0; c < by.size(); ++c)
      sum += static_cast<double>(m.values.data[static_cast<std::size_t>(row) * by.size() + c]) * by[c];
    return sum;
  };
  rows linear(x.size()), perceptron(x.size()), joint(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    for (int head = 0; head < h; ++head) {
      const vector slice = head_of(x[i], head, d);
      linear[i].push_back(of(per_head, head, slice) +
                          static_cast<double>(bias.values.data[static_cast<std::size_t>(head)]));
      vector inner;
      for (int c = 0; c < d / 4; ++c) inner.push_back(std::max(0.0, of(hidden, head * (d / 4) + c, slice)));
      perceptron[i].push_back(of(last, head, inner));
      joint[i].push_back(of(all_heads, head, x[i]));
    }
  for (rows* logits : {&linear, &perceptron, &joint}) {
    const auto given = in_heads(*logits, h);
    const bl::host_view<const float, 3> view(given.data.data(), 1, tokens, h);
    const bl::attention<heads, bl::mask::causal, gate> spec{gate{view}};
    CHECK(error(found_of(spec), wanted_of(false, [&](std::size_t i, int head) {
                  return sigmoid((*logits)[i][static_cast<std::size_t>(head)]);
                })) < 1e-5);
  }
  {  // one logit per head for all tokens (averaged, or learned), and the factor 1 / pi of fine-tuning
    rows averaged(1, vector(h));
    for (const auto& row : linear)
      for (std::size_t head = 0; head < h; ++head) averaged[0][head] += row[head] / tokens;
    const auto given = in_heads(averaged, h);
    bl::host_view<const float, 3> view(given.data.data(), 1, tokens, h);
    view.stride[1] = 0;
    const bl::attention<heads, bl::mask::causal, gate> spec{gate{view, 4.0f}};
    CHECK(error(found_of(spec), wanted_of(false, [&](std::size_t, int head) {
                  return 4.0 * sigmoid(averaged[0][static_cast<std::size_t>(head)]);
                })) < 1e-5);
  }
  using clipped = bl::normalizer::clipped_softmax;
  const bl::attention<heads, bl::mask::causal, clipped> spec{clipped{static_cast<float>(gamma)}};
  CHECK(error(found_of(spec), wanted_of(true, [](std::size_t, int) { return 1.0; })) < 1e-5);
}

TEST_CASE("NRM-04 (partial: no parallel block, no asynchronous linear) ViT-22B norms queries and keys") {
  auto draw = test::generator();
  test::random_table q_weight(draw, 1.0f, 16), k_weight(draw, 1.0f, 16), q_bias(draw, 1.0f, 16),
      k_bias(draw, 1.0f, 16);
  test::formulas paper;
  paper.score = [](double product, int, int, int, int) { return product / 4; };
  const auto numbers = [](const test::random_table& from, std::size_t i) {
    return static_cast<double>(from.values.data[i]);
  };
  SUBCASE("without bias and without centring") {
    using prepare = bl::prepare::norm<bl::norm::rms>;
    const bl::attention<bl::heads<4, 4, 16>, prepare> spec{
        prepare{bl::norm::rms{1e-6f}, q_weight.vector(), k_weight.vector()}};
    paper.turned = [&](vector x, bool is_query, int, int, int) {
      const double factor = 1 / std::sqrt(dot(x, x) / 16 + 1e-6);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] *= factor * numbers(is_query ? q_weight : k_weight, i);
      return x;
    };
    const test::attend_inputs in(draw, spec, {2, 49, 49}, 5.0f);
    CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 1e-5);
  }
  SUBCASE("as timm does") {
    using prepare = bl::prepare::norm<bl::norm::layer>;
    const bl::attention<bl::heads<4, 4, 16>, prepare> spec{prepare{
        bl::norm::layer{1e-6f}, q_weight.vector(), k_weight.vector(), q_bias.vector(), k_bias.vector()}};
    paper.turned = [&](vector x, bool is_query, int, int, int) {
      double mean = 0, variance = 0;
      for (double number : x) mean += number / 16;
      for (double number : x) variance += (number - mean) * (number - mean) / 16;
      for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * numbers(is_query ? q_weight : k_weight, i) +
               numbers(is_query ? q_bias : k_bias, i);
      return x;
    };
    const test::attend_inputs in(draw, spec, {2, 49, 49}, 5.0f);
    CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 1e-5);
  }
}

TEST_CASE("NRM-06 (partial: no shaped ReLU) the Shaped Transformer's attention with its residual") {
  auto draw = test::generator();
  const int n = 32, n_k = 8, h = n / n_k, m = 40;
  const rows x = random_rows(draw, m, n);
  const random_matrix w_q(draw, n, n, 1.0f), w_k(draw, n, n, 1.0f), w_v(draw, n, n, 1.0f);
  const double root = std::sqrt(n), tau = 0.9 * std::sqrt(static_cast<double>(n) * n_k);
  const double lambda = 0.6, gamma = 0.8;
  rows q = projected(w_q, x), k = projected(w_k, x), v = projected(w_v, x);
  for (rows* all : {&q, &k, &v})
    for (auto& row : *all)
      for (double& number : row) number /= root;
  const auto fq = in_heads(q, h), fk = in_heads(k, h), fv = in_heads(v, h);
  rows wanted;
  for (std::size_t i = 0; i < x.size(); ++i) {
    vector z;
    for (int head = 0; head < h; ++head) {
      vector scores;
      for (std::size_t j = 0; j < x.size(); ++j)
        scores.push_back(dot(head_of(q[i], head, n_k), head_of(k[j], head, n_k)) / tau);
      const vector p = softmax(scores);
      for (std::size_t c = 0; c < n_k; ++c) {
        double sum = 0;
        for (std::size_t j = 0; j < x.size(); ++j)
          sum += ((i == j ? 1.0 : 0.0) + p[j] - 1.0 / m) * head_of(v[j], head, n_k)[c];
        z.push_back(lambda * x[i][static_cast<std::size_t>(head * n_k) + c] + gamma * sum);
      }
    }
    wanted.push_back(z);
  }
  const bl::attention<bl::heads<h, h, n_k>, bl::score::temperature, bl::normalizer::shaped> spec{
      bl::score::temperature{static_cast<float>(tau)}};
  auto out = test::poisoned_tensor<float>(1, m, h, n_k);
  bl::attend(bl::host::here(), spec, fq.view(), fk.view(), fv.view(), out.view());
  rows found = rows_of(out);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x[i].size(); ++c) found[i][c] = lambda * x[i][c] + gamma * found[i][c];
  CHECK(error(found, wanted) < 1e-5);
}

TEST_CASE("MSK-01 (partial: no ring cache) LM-Infinite's two branches under one softmax, distances clamped") {
  auto draw = test::generator();
  const int global = 6, local = 24, size = 16;
  using heads = bl::heads<2, 2, size>;
  const auto run = [&](int queries, int keys) {
    const bl::attention<heads> any;
    const test::attend_inputs in(draw, any, {1, queries, keys}, 1.5f);
    const auto row_of = [&](const test::tensor<float>& x, int token, int head) {
      vector result;
      for (int i = 0; i < size; ++i) result.push_back(static_cast<double>(x.view()(0, token, head, i)));
      return result;
    };
    const auto wanted_of = [&](bool by_rope) {
      vector wanted;
      for (int token = 0; token < queries; ++token)
        for (int head = 0; head < 2; ++head) {
          const int i = keys - queries + token;
          const vector query = row_of(in.q, token, head);
          std::vector<int> seen;
          vector scores;
          for (int j = 0; j <= i; ++j) {
            const vector key = row_of(in.k, j, head);
            double score = 0;
            if (i - j < local) {
              score = by_rope ? dot(rotated(query, i, false), rotated(key, j, false)) : dot(query, key);
            } else if (j < global) {
              score = by_rope ? dot(rotated(query, std::min(local, keys - 1), false), key) : dot(query, key);
            } else {
              continue;
            }
            score /= 4;
            if (!by_rope) score -= std::min(i - j, local) * (head == 0 ? 1.0 / 16 : 1.0 / 256);
            seen.push_back(j);
            scores.push_back(score);
          }
          const vector p = softmax(scores);
          for (int c = 0; c < size; ++c) {
            double sum = 0;
            for (std::size_t j = 0; j < seen.size(); ++j)
              sum += p[j] * static_cast<double>(in.v.view()(0, seen[j], head, c));
            wanted.push_back(sum);
          }
        }
      return wanted;
    };
    using window = bl::mask::window<local>;
    using far = bl::position::constant_distance<>;
    const bl::merged rope{
        bl::attention<heads, bl::position::rope<>, bl::mask::causal, window>{},
        bl::attention<heads, far, bl::mask::causal, bl::mask::sinks<global>, bl::mask::not_<window>>{
            far{local}}};
    auto out = test::poisoned_tensor<float>(1, queries, 2, size);
    bl::attend(bl::host::here(), rope, in.q.view(), in.k.view(), in.v.view(), in.k.view(), in.v.view(),
               out.view());
    CHECK(test::relative_error(out.data, wanted_of(true)) < 1e-5);
    using alibi = bl::score::clamped_distance<bl::score::alibi<2>>;
    const bl::attention<heads, bl::mask::lambda<global, local>, alibi> by_alibi{alibi{{}, local}};
    CHECK(test::host_error(by_alibi, in, wanted_of(false)) < 1e-5);
  };
  run(90, 90);
  run(3, 90);
  run(1, 200);
  run(15, 15);
}

TEST_CASE("MSK-05 (partial: pooling and projections are the test's) HiLo's windows and pooled keys") {
  auto draw = test::generator();
  const int height = 8, width = 12, s = 2, d = 8, model = 40;
  const auto run = [&](auto high_heads, auto low_heads) {
    constexpr int high = decltype(high_heads)::value, low = decltype(low_heads)::value;
    const rows x = random_rows(draw, height * width, model);
    rows pooled;
    for (int r = 0; r < height; r += s)
      for (int c = 0; c < width; c += s) {
        vector mean(model);
        for (int cell = 0; cell < s * s; ++cell)
          for (std::size_t i = 0; i < mean.size(); ++i)
            mean[i] += x[static_cast<std::size_t>((r + cell / s) * width + c + cell % s)][i] / (s * s);
        pooled.push_back(mean);
      }
    const random_matrix hi_q(draw, high * d, model, 0.3f), hi_k(draw, high * d, model, 0.3f),
        hi_v(draw, high * d, model, 0.3f), hi_o(draw, high * d, high * d, 0.3f),
        lo_q(draw, low * d, model, 0.3f), lo_k(draw, low * d, model, 0.3f), lo_v(draw, low * d, model, 0.3f),
        lo_o(draw, low * d, low * d, 0.3f);
    rows q, k_hi = projected(hi_k, x), v_hi = projected(hi_v, x), k_lo = projected(lo_k, pooled),
            v_lo = projected(lo_v, pooled);
    for (const auto& row : x) {
      q.push_back(hi_q.times(row));
      const vector rest = lo_q.times(row);
      q.back().insert(q.back().end(), rest.begin(), rest.end());
    }
    const auto fq = in_heads(q, high + low), fk_hi = in_heads(k_hi, high), fv_hi = in_heads(v_hi, high),
               fk_lo = in_heads(k_lo, low), fv_lo = in_heads(v_lo, low);
    const auto finish = [&](const vector& row) {
      vector result = hi_o.times({row.begin(), row.begin() + high * d});
      const vector rest = lo_o.times({row.begin() + high * d, row.end()});
      result.insert(result.end(), rest.begin(), rest.end());
      return result;
    };
    rows wanted;
    for (int i = 0; i < height * width; ++i) {
      vector row;
      for (int head = 0; head < high + low; ++head) {
        const bool is_high = head < high;
        const vector query = head_of(q[static_cast<std::size_t>(i)], head, d);
        const int own = is_high ? head : head - high;
        vector scores;
        std::vector<std::size_t> seen;
        for (std::size_t j = 0; j < (is_high ? k_hi : k_lo).size(); ++j) {
          const int cell = static_cast<int>(j);
          if (is_high && (i / width / s != cell / width / s || i % width / s != cell % width / s)) continue;
          seen.push_back(j);
          scores.push_back(dot(query, head_of((is_high ? k_hi : k_lo)[j], own, d)) / std::sqrt(d));
        }
        const vector p = softmax(scores);
        for (std::size_t c = 0; c < d; ++c) {
          double sum = 0;
          for (std::size_t j = 0; j < seen.size(); ++j)
            sum += p[j] * head_of((is_high ? v_hi : v_lo)[seen[j]], own, d)[c];
          row.push_back(sum);
        }
      }
      wanted.push_back(finish(row));
    }
    using windows = bl::mask::windows<2>;
    const bl::side_by_side hilo{
        bl::attention<bl::heads<high, high, d>, windows>{windows({{height, width}}, {{s, s}})},
        bl::attention<bl::heads<low, low, d>, bl::keys::apart>{}};
    auto out = test::poisoned_tensor<float>(1, height * width, high + low, d);
    bl::attend(bl::host::here(), hilo, fq.view(), fk_hi.view(), fv_hi.view(), fk_lo.view(), fv_lo.view(),
               out.view());
    rows found;
    for (const auto& row : rows_of(out)) found.push_back(finish(row));
    CHECK(error(found, wanted) < 1e-5);
  };
  run(std::integral_constant<int, 3>{}, std::integral_constant<int, 2>{});  // alpha = 0.5 of 5 heads
  run(std::integral_constant<int, 1>{}, std::integral_constant<int, 4>{});
}

TEST_CASE(
    "MSK-13 (partial: no padding; the blocks' sums are the test's) LongT5's transient global attention") {
  auto draw = test::generator();
  const int h = 2, d = 16, width = h * d, block = 16, radius = 127;
  const auto bucket = [](int relative) {  // T5: 32 buckets both ways, up to 128
    int first = relative > 0 ? 16 : 0;
    const int far = std::abs(relative);
    if (far < 8) return first + far;
    return first + std::min(15, 8 + static_cast<int>(std::log(far / 8.0) / std::log(128.0 / 8.0) * 8 + 1e-9));
  };
  test::random_table local_bias(draw, 2.0f, 32, h), global_bias(draw, 2.0f, 32, h);
  const auto bias_of = [](const test::random_table& table, int row, int head) {
    return static_cast<double>(table.values.data[static_cast<std::size_t>(row * h + head)]);
  };
  const random_matrix w_q(draw, width, width, 0.1f), w_k(draw, width, width, 0.2f),
      w_v(draw, width, width, 0.2f);
  test::random_table weight(draw, 1.0f, width);
  for (const int n : {400, 295, 16, 15}) {
    CAPTURE(n);
    const rows x = random_rows(draw, n, width);
    const int globals = n / block;
    rows summaries(static_cast<std::size_t>(globals), vector(width));
    const auto block_of = [&](int token) { return std::min(token / block, globals - 1); };
    if (globals > 0)
      for (int i = 0; i < n; ++i)
        for (std::size_t c = 0; c < width; ++c)
          summaries[static_cast<std::size_t>(block_of(i))][c] += x[static_cast<std::size_t>(i)][c];
    for (auto& g : summaries) {
      const double rms = std::sqrt(dot(g, g) / width + 1e-6);
      for (std::size_t c = 0; c < width; ++c) g[c] *= static_cast<double>(weight.values.data[c]) / rms;
    }
    rows q = projected(w_q, x), k = projected(w_k, x), v = projected(w_v, x), k_g = projected(w_k, summaries),
         v_g = projected(w_v, summaries);
    const auto fq = in_heads(q, h), fk = in_heads(k, h), fv = in_heads(v, h);
    test::tensor<float> fk_g(1, globals, h, d), fv_g(1, globals, h, d);
    if (globals > 0) fk_g = in_heads(k_g, h), fv_g = in_heads(v_g, h);
    rows wanted;
    for (int i = 0; i < n; ++i) {
      vector row;
      for (int head = 0; head < h; ++head) {
        const vector query = head_of(q[static_cast<std::size_t>(i)], head, d);
        vector scores;
        rows values;
        for (int j = 0; j < n; ++j)
          if (std::abs(i - j) <= radius) {
            scores.push_back(dot(query, head_of(k[static_cast<std::size_t>(j)], head, d)) +
                             bias_of(local_bias, bucket(j - i), head));
            values.push_back(head_of(v[static_cast<std::size_t>(j)], head, d));
          }
        for (int g = 0; g < globals; ++g) {
          scores.push_back(dot(query, head_of(k_g[static_cast<std::size_t>(g)], head, d)) +
                           bias_of(global_bias, bucket(g - block_of(i)), head));
          values.push_back(head_of(v_g[static_cast<std::size_t>(g)], head, d));
        }
        const vector p = softmax(scores);
        for (std::size_t c = 0; c < d; ++c) {
          double sum = 0;
          for (std::size_t j = 0; j < p.size(); ++j) sum += p[j] * values[j][c];
          row.push_back(sum);
        }
      }
      wanted.push_back(row);
    }
    using heads = bl::heads<h, h, d>;
    using buckets = bl::score::t5_buckets<bl::score::t5_direction::bidirectional>;
    using of_blocks = bl::score::by_blocks<buckets>;
    const bl::merged spec{bl::attention<heads, bl::mask::local<radius>, bl::score::scale, buckets>{
                              bl::score::scale{1.0f}, buckets{local_bias.matrix()}},
                          bl::attention<heads, bl::keys::apart, bl::score::scale, of_blocks>{
                              bl::score::scale{1.0f}, of_blocks{buckets{global_bias.matrix()}, block}}};
    auto out = test::poisoned_tensor<float>(1, n, h, d);
    bl::attend(bl::host::here(), spec, fq.view(), fk.view(), fv.view(), std::as_const(fk_g).view(),
               std::as_const(fv_g).view(), out.view());
    CHECK(error(rows_of(out), wanted) < 1e-5);
  }
}
