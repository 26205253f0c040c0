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

/// What the kernel does not call.
template <class Spec>
struct require_e4m3_hooks {
  static constexpr bool met = !Spec::has_output_policy && Spec::map_count == 1 && !Spec::stands_apart;
  static_assert(
      met,
      "byteloom: this attention has output policies, several maps over one value or keys of another "
      "sequence, which for fp8_e4m3 only path::simt honours so far; choose attend<path::simt>.");
};

/// Of a composition that is to run on tensor cores.
template <class Spec, class Way, bool Ragged>
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
  static_assert(!hopper || !Ragged,
                "byteloom: ragged sequences of fp8_e4m3 are attended by path::simt alone so far; choose "
                "attend<path::simt>.");
  static_assert(
      !hopper || Ragged || sizes,
      "byteloom: attention of fp8_e4m3 on tensor cores takes head sizes that are part of heads<...> "
      "and multiples of 16; write them so, or choose attend<path::simt>.");
  static_assert(
      !hopper || Ragged || Spec::passes == 1,
      "byteloom: this normalizer passes over the keys twice, which for fp8_e4m3 only path::simt does "
      "so far; choose attend<path::simt>.");
  static_assert(
      !hopper || Ragged || Spec::passes != 1 || bounded,
      "byteloom: on tensor cores weights beside fp8_e4m3 values are rounded to e4m3, whose range ends at "
      "448, and this normalizer does not say that its weights end at 1; add 'static constexpr bool "
      "at_most_one = true' to it where they do, or choose attend<path::simt>.");
  static constexpr bool met = [] {
    if constexpr (hopper && !Ragged && sizes && Spec::passes == 1 && bounded) {
      return require_e4m3_hooks<Spec>::met;
    } else {
      return false;
    }
  }();
};

}  // namespace byteloom::inline v0::cuda::detail
