// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/require_e4m3: what attention of fp8_e4m3 on tensor cores cannot honour, said in a sentence each.

#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/cuda/attend.hpp"

namespace byteloom::inline v0::cuda::detail {

/// Of a composition and a way, before queries and keys would be turned; `All`: they and the values are e4m3.
template <bool All, class Spec, class Way>
struct require_e4m3_as_given {
  static constexpr bool elsewhere = !All || std::is_same_v<Way, path::simt> || Spec::is_grouped;
  static constexpr bool turned = Spec::position_type::turns || Spec::prepares;
  static_assert(
      elsewhere || !turned,
      "byteloom: this attention turns or prepares queries and keys, and what is e4m3 would be rounded "
      "once more after it; turn them before they are quantised and leave that policy out here, or "
      "choose attend<path::simt>.");
  static constexpr bool met = elsewhere || !turned;
};

/// Of a composition that is to run on tensor cores.
template <class Spec, class Way>
struct require_e4m3 {
  static constexpr int size = Spec::heads_type::constant_size;
  static constexpr int value_size = Spec::heads_type::constant_value_size;
  static constexpr bool hopper = !std::is_same_v<Way, path::sm80>;
  static constexpr bool sizes =
      size != dynamic && value_size != dynamic && size % 16 == 0 && value_size % 16 == 0;
  static constexpr bool bounded = byteloom::detail::at_most_one<typename Spec::normalizer_type>;
  static_assert(hopper,
                "byteloom: path::sm80 has no products of fp8_e4m3; choose path::best on a Hopper GPU, or "
                "attend<path::simt>.");
  static_assert(
      !hopper || sizes,
      "byteloom: attention of fp8_e4m3 on tensor cores takes head sizes that are part of heads<...> "
      "and multiples of 16; write them so, or choose attend<path::simt>.");
  static_assert(
      !hopper || bounded,
      "byteloom: on tensor cores weights beside fp8_e4m3 values are rounded to e4m3, whose range ends at "
      "448, and this normalizer does not say that its weights end at 1; add 'static constexpr bool "
      "at_most_one = true' to it where they do, or choose attend<path::simt>.");
  static constexpr bool met = hopper && sizes && bounded;
};

}  // namespace byteloom::inline v0::cuda::detail
