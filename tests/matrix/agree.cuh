// SPDX-License-Identifier: Apache-2.0
#pragma once

// A composition of 16-bit attention through one path of the device, held against its meaning in double
// precision.

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "byteloom/attend/reference.hpp"
#include "byteloom/cuda/attend.cuh"
#include "byteloom/cuda/copy_to.cuh"
#include "support/attentions.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"

namespace bl = byteloom;

namespace test {

/// What path::sm80 takes.
template <class Spec>
inline constexpr bool for_sm80 = [] {
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  return size != bl::dynamic && value_size != bl::dynamic && size % 8 == 0 && value_size % 8 == 0;
}();

/// What path::sm90 takes so far.
template <class Spec>
inline constexpr bool for_sm90 =
    for_sm80<Spec> && (bl::cuda::detail::fits_sm90<bl::cuda::default_attend_tuning, Spec> ||
                       bl::cuda::detail::value_part<bl::cuda::default_attend_tuning, bl::path::sm90, Spec> !=
                           Spec::heads_type::constant_value_size);

/// Relative error of Path on fresh T inputs; repetitions with other bits fail.
template <class Path, class T, class O, class Spec>
double path_error(std::mt19937_64& draw, const Spec& spec, attend_shape shape, float spread = 1.0f) {
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  const auto q = random_tensor<T>(draw, spread, shape.batch, shape.queries, heads.query, heads.size);
  const auto k = random_tensor<T>(draw, spread, shape.batch, shape.keys, heads.key, heads.size);
  constexpr int maps = Spec::map_count;
  const auto v = random_tensor<T>(draw, 1.0f, shape.batch, shape.keys, heads.key / maps, heads.value_size);
  auto wanted = poisoned_tensor<double>(shape.batch, shape.queries, heads.query / maps, heads.value_size);
  device_tensor<T> dq(on, q), dk(on, k), dv(on, v);
  const auto moved = bl::copy_to(on, spec);
  const auto run = [&] {
    device_tensor<O> out(
        on, poisoned_tensor<O>(shape.batch, shape.queries, heads.query / maps, heads.value_size));
    bl::attend<Path>(on, moved.spec(), dq.view(), dk.view(), dv.view(), out.view());
    return out.back(on);
  };
  const auto found = run();
  for (int again = 0; again < 3; ++again) {
    const auto other = run();
    CHECK(std::memcmp(other.data(), found.data(), found.size() * sizeof(O)) == 0);
  }
  bl::reference::attend(spec, q.view(), k.view(), v.view(), wanted.view());
  return relative_error(found, wanted.data);
}

/// f(path) for path::sm80, and on a Hopper GPU for path::sm90.
template <class F>
void each_tensor_path(const F& f) {
  f(bl::path::sm80{});
  if (bl::cuda::detail::capability_major() == 9) f(bl::path::sm90{});
}

/// Both paths, T in and out; on a GPU that is no Hopper the second is left out.
template <class T = bl::bf16, class Spec>
void check_both_paths(std::mt19937_64& draw, const char* name, const Spec& spec, attend_shape shape,
                      double bound) {
  CAPTURE(std::string(name));
  if constexpr (for_sm80<Spec>) CHECK(path_error<bl::path::sm80, T, T>(draw, spec, shape) < bound);
  if constexpr (for_sm90<Spec>)
    if (bl::cuda::detail::capability_major() == 9)
      CHECK(path_error<bl::path::sm90, T, T>(draw, spec, shape) < bound);
}

/// bf16 weights and outputs leave about 2.2e-3; positions round queries and keys once more, and tanh is the
/// hardware's.
inline constexpr double bf16_bound = 4e-3;
inline constexpr double turned_bound = 8e-3;

}  // namespace test
