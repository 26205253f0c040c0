// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/attend: attention on the device. Which kernel runs is a path (cuda/attend.hpp): on tensor cores for
// 16-bit elements (cuda/sm90/ on Hopper, cuda/sm80/ from Ampere on) and for e4m3 (cuda/sm90/), in float
// without them for other elements (cuda/simt/). Where a group policy cuts the sequence in many small
// problems, cuda/packed/ runs them, on tensor cores too. All call the same hooks of the composition.

#include <cuda_runtime.h>

#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/shapes.hpp"
#include "byteloom/attend/value_part.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/attend.hpp"
#include "byteloom/cuda/attend_tuning.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/capability.cuh"
#include "byteloom/cuda/packed/attend.cuh"
#include "byteloom/cuda/require_e4m3.hpp"
#include "byteloom/cuda/rotations.cuh"
#include "byteloom/cuda/simt/attend.cuh"
#include "byteloom/cuda/sm80/attend.cuh"
#include "byteloom/cuda/sm90/attend.cuh"
#include "byteloom/cuda/sm90/attend_e4m3.cuh"
#include "byteloom/cuda/turn.cuh"

namespace byteloom::inline v0 {
namespace cuda::detail {

/// Whether tensor cores take these elements: 16-bit ones, all alike.
template <class Q, class K, class V>
inline constexpr bool has_tensor_elements =
    std::is_same_v<std::remove_const_t<Q>, std::remove_const_t<K>>&&
        std::is_same_v<std::remove_const_t<Q>, std::remove_const_t<V>> &&
    (std::is_same_v<std::remove_const_t<Q>, bf16> || std::is_same_v<std::remove_const_t<Q>, f16>);

/// Whether all of them are e4m3.
template <class Q, class K, class V>
inline constexpr bool has_e4m3_elements = std::is_same_v<std::remove_const_t<Q>, fp8_e4m3>&&
    std::is_same_v<std::remove_const_t<K>, fp8_e4m3>&& std::is_same_v<std::remove_const_t<V>, fp8_e4m3>;

/// Whether this file is compiled for Hopper alone, so that path::best needs no other kernel.
inline constexpr bool for_hopper_alone = [] {
  for (const int architecture : {__CUDA_ARCH_LIST__})
    if (architecture != 900) return false;
  return true;
}();

/// Whether the kernel for Hopper has a tile for the composition; path::best takes others to path::sm80.
template <class Tuning, class Spec>
inline constexpr bool fits_sm90 = attend_sm90_tile_by<Tuning, needs_of<Spec>>.fits(
    Spec::heads_type::constant_size, Spec::heads_type::constant_value_size);

/// Whether a kernel of the way has a tile for `Part` dimensions of the values. A selector that says nothing
/// of Ampere is asked for it only where Hopper's kernel has none.
template <class Tuning, class Way, class Spec, int Part>
constexpr bool takes_value_part() {
  constexpr int size = Spec::heads_type::constant_size;
  constexpr attend_needs needs{size, Part, Spec::is_masked, Spec::map_count, Spec::passes};
  if constexpr (std::is_same_v<Way, path::sm90>) {
    return attend_sm90_tile_by<Tuning, needs>.fits(size, Part);
  } else if constexpr (std::is_same_v<Way, path::sm80>) {
    return attend_sm80_tile_by<Tuning, needs>.fits(size, Part);
  } else if constexpr (takes_value_part<Tuning, path::sm90, Spec, Part>()) {
    return true;
  } else {
    return takes_value_part<Tuning, path::sm80, Spec, Part>();
  }
}

/// Dimensions of the values that one launch takes: all, or where no tile fits so many (DeepSeek's 576/512),
/// the largest equal part that has one. What is joined over a whole row leaves no choice.
template <class Tuning, class Way, class Spec>
inline constexpr int value_part = [] {
  constexpr int whole = Spec::heads_type::constant_value_size;
  if constexpr (Spec::map_count > 1 || Spec::has_output_policy) {
    return whole;
  } else if constexpr (takes_value_part<Tuning, Way, Spec, whole>()) {
    return whole;
  } else if constexpr (whole % 16 == 0 && takes_value_part<Tuning, Way, Spec, whole / 2>()) {
    return whole / 2;
  } else if constexpr (whole % 32 == 0 && takes_value_part<Tuning, Way, Spec, whole / 4>()) {
    return whole / 4;
  } else {
    return whole;
  }
}();

/// Dimensions first to first + count - 1.
template <class T>
device_view<T, 4> dimensions_of(device_view<T, 4> of, int first, int count) {
  of.data += first * of.stride[3];
  of.extent[3] = count;
  return of;
}

/// Runs the packed kernel over queries and keys that are turned already.
template <class How, class Spec, class Q, class K, class V, class O>
void attend_groups(executor on, const Spec& spec, const device_view<Q, 4>& q, const device_view<K, 4>& k,
                   const device_view<V, 4>& v, const device_view<O, 4>& out) {
  constexpr bool tensor_elements = has_tensor_elements<Q, K, V>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  constexpr bool sizes = size != dynamic && value_size != dynamic && size % 8 == 0 && value_size % 8 == 0 &&
                         size <= 128 && value_size <= 128;
  constexpr bool is_simt = std::is_same_v<typename path_of<How>::way, path::simt>;
  static_assert(!is_simt,
                "byteloom: attention inside groups runs on tensor cores alone; leave path::simt out, or say "
                "the groups as a mask such as mask::windows.");
  static_assert(tensor_elements,
                "byteloom: attention inside groups takes queries, keys and values that are all bf16 or all "
                "f16; convert them, or say the groups as a mask such as mask::windows.");
  static_assert(
      sizes,
      "byteloom: attention inside groups takes head sizes that are part of heads<...> and "
      "multiples of 8 up to 128; write them so, or say the groups as a mask such as mask::windows.");
  static_assert(Spec::passes == 1,
                "byteloom: this normalizer passes over the keys twice, which attention inside groups does "
                "not do so far; say the groups as a mask such as mask::windows.");
  if constexpr (!is_simt && tensor_elements && sizes && Spec::passes == 1)
    attend_packed<typename path_of<How>::tuning, Spec, std::remove_const_t<Q>, O>(on, spec, q, k, v, out);
}

/// Runs attention of e4m3: on tensor cores on a Hopper GPU; elsewhere path::best runs in float.
template <class How, class Spec, class O, class Offsets>
void attend_e4m3(executor on, const Spec& spec, const device_view<const fp8_e4m3, 4>& q,
                 const device_view<const fp8_e4m3, 4>& k, const device_view<const fp8_e4m3, 4>& v,
                 const device_view<O, 4>& out, const Offsets& offsets) {
  using tuning = typename path_of<How>::tuning;
  constexpr bool hopper_alone = std::is_same_v<typename path_of<How>::way, path::sm90> || for_hopper_alone;
  if (q.size() == 0) return;
  if constexpr (hopper_alone) {
    attend_sm90_e4m3<tuning>(on, spec, q, k, v, out, offsets);
  } else if (capability_major() == 9) {
    attend_sm90_e4m3<tuning>(on, spec, q, k, v, out, offsets);
  } else {
    attend_simt(on, spec, q, k, v, device_view<const int, 1>{}, out, offsets);
  }
}

/// Whether the kernel turns queries itself, as they arrive, so that they need no copy that is turned. What
/// prepares them, too, must see whole rows first; and on Hopper there must be a place for the next queries
/// beside these, or all would wait for the turning.
template <class How, class Spec, class Q, class K, class V>
inline constexpr bool turns_in_kernel = [] {
  using way = typename path_of<How>::way;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  if constexpr (!Spec::position_type::turns || Spec::prepares || Spec::is_grouped ||
                std::is_same_v<way, path::simt> || !has_tensor_elements<Q, K, V> || size == dynamic ||
                value_size == dynamic) {
    return false;
  } else if constexpr (std::is_same_v<way, path::sm80>) {
    return true;
  } else {
    using tuning = typename path_of<How>::tuning;
    constexpr attend_sm90_tile tile = attend_sm90_tile_by<tuning, needs_of<Spec>>;
    return !tile.fits(size, value_size) || tile.query_stages(size, value_size) > 1;
  }
}();

/// Runs the kernel of `How` over queries and keys that are turned already, or over queries that turn by
/// `rotations`. `offsets`: of ragged sequences, or no_offsets.
template <class How, class Spec, class Q, class K, class V, class O, class Offsets,
          class Rotations = no_rotations>
void attend_turned(executor on, const Spec& spec, const device_view<Q, 4>& q, const device_view<K, 4>& k,
                   const device_view<V, 4>& v, const device_view<O, 4>& out, const Offsets& offsets,
                   const Rotations& rotations = {}) {
  using tuning = typename path_of<How>::tuning;
  using way = typename path_of<How>::way;
  constexpr bool tensor_elements = has_tensor_elements<Q, K, V>;
  constexpr bool e4m3 = has_e4m3_elements<Q, K, V> && !Spec::is_grouped && !std::is_same_v<way, path::simt>;
  constexpr bool without_tensors =
      std::is_same_v<way, path::simt> || (std::is_same_v<way, path::best> && !tensor_elements && !e4m3);
  static_assert(Spec::is_grouped || tensor_elements || without_tensors || e4m3,
                "byteloom: path::sm80 and path::sm90 take queries, keys and values that are all bf16 or all "
                "f16, path::sm90 also all fp8_e4m3; convert them, or choose attend<path::simt>.");
  static_assert(Spec::is_grouped || without_tensors || e4m3 || !Spec::has_scales,
                "byteloom: this attention has scales, which on tensor cores fp8_e4m3 alone has; multiply "
                "bf16 and f16 by them beforehand and leave the policy out, or choose attend<path::simt>.");
  if constexpr (Spec::is_grouped) {
    attend_groups<How>(on, spec, q, k, v, out);
  } else if constexpr (e4m3) {
    if constexpr (require_e4m3<Spec, way>::met) attend_e4m3<How, Spec, O>(on, spec, q, k, v, out, offsets);
  } else if constexpr (without_tensors) {
    attend_simt(on, spec, q, k, v, device_view<const int, 1>{}, out, offsets);
  } else if constexpr (tensor_elements && !Spec::has_scales) {
    using element = std::remove_const_t<Q>;
    constexpr int size = Spec::heads_type::constant_size;
    constexpr int value_size = Spec::heads_type::constant_value_size;
    constexpr bool sizes = size != dynamic && value_size != dynamic && size % 8 == 0 && value_size % 8 == 0;
    static_assert(sizes,
                  "byteloom: attention on tensor cores takes head sizes that are part of heads<...> and "
                  "multiples of 8; write "
                  "them so, or choose attend<path::simt>.");
    if constexpr (sizes && value_part<tuning, way, Spec> != value_size) {
      constexpr int part = value_part<tuning, way, Spec>;
      byteloom::detail::for_each_value_part<part>(spec, [&](const auto& of_part, int first) {
        attend_turned<How>(on, of_part, q, k, dimensions_of(v, first, part), dimensions_of(out, first, part),
                           offsets, rotations);
      });
    } else if constexpr (sizes) {
      constexpr bool by_sm90 =
          std::is_same_v<way, path::sm90> || (std::is_same_v<way, path::best> && fits_sm90<tuning, Spec>);
      constexpr bool by_sm80 = std::is_same_v<way, path::sm80> ||
                               (std::is_same_v<way, path::best> && !(by_sm90 && for_hopper_alone));
      const device_view<const element, 4> queries = q, keys = k, values = v;
      if (q.size() == 0) return;
      if constexpr (by_sm90)
        if (!by_sm80 || capability_major() == 9)
          return attend_sm90<tuning>(on, spec, queries, keys, values, out, offsets, rotations);
      if constexpr (by_sm80) attend_sm80<tuning>(on, spec, queries, keys, values, out, offsets, rotations);
    }
  }
}

/// Prepares and turns queries and keys where the policies do, then attends.
template <class How, class Spec, class Q, class K, class V, class O, class Spots, class Offsets>
void turn_and_attend(executor on, const Spec& spec, const device_view<Q, 4>& q, const device_view<K, 4>& k,
                     const device_view<V, 4>& v, const device_view<O, 4>& out, const Spots& of_queries,
                     const Spots& of_keys, const Offsets& offsets) {
  using way = typename path_of<How>::way;
  if constexpr (!require_e4m3_as_given<has_e4m3_elements<Q, K, V>, Spec, way>::met) {
    return;
  } else if constexpr (Spec::position_type::turns || Spec::prepares) {
    using element = std::conditional_t<has_tensor_elements<Q, K, V>, std::remove_const_t<Q>, float>;
    const auto keys = turned<element>(on, spec, of_keys, k, false);
    const device_view<const element, 4> own_keys(keys.data(), k.extent[0], k.extent[1], k.extent[2],
                                                 k.extent[3]);
    if constexpr (turns_in_kernel<How, Spec, Q, K, V>) {
      using rotation = rotation_of<typename Spec::position_type>;
      const auto rotations = make_rotations(on, spec, of_queries, q);
      const rotations_of_rows<rotation> of_rows{
          {rotations.data(), q.extent[0], q.extent[1], q.extent[3] / 2}};
      attend_turned<How>(on, spec, q, own_keys, v, out, offsets, of_rows);
    } else {
      const auto queries = turned<element>(on, spec, of_queries, q, true);
      attend_turned<How>(
          on, spec,
          device_view<const element, 4>(queries.data(), q.extent[0], q.extent[1], q.extent[2], q.extent[3]),
          own_keys, v, out, offsets);
    }
  } else {
    attend_turned<How>(on, spec, q, k, v, out, offsets);
  }
}

}  // namespace cuda::detail

template <attention_spec Spec, class Q, class K, class V, class O>
void attend_cached(cuda::executor on, const Spec& spec, device_view<Q, 4> q, device_view<K, 4> k,
                   device_view<V, 4> v, device_view<const int, 1> lengths, device_view<O, 4> out) {
  static_assert(detail::require_policies<memory::device, Spec>::met);
  static_assert(!Spec::is_grouped,
                "byteloom: keys of a cache are attended to without groups; say the groups as a mask such as "
                "mask::documents.");
  detail::require_attend_shapes(spec, q, k, v, out, true);
  if (lengths.data != nullptr)
    detail::require_extent("lengths", "numbers", lengths.extent[0], q.extent[0], "q");
  cuda::detail::attend_simt(on, spec, q, k, v, lengths, out);
}

template <class How, class Spec, class Q, class K, class V, class O>
void attend(cuda::executor on, const Spec& spec, Q q, K k, V v, O out) {
  if constexpr (detail::require_attend_call<memory::device, Spec, Q, K, V, O>::met) {
    detail::require_attend_shapes(spec, q, k, v, out);
    const index first = spec.first_query(q.extent[1], k.extent[1]);
    cuda::detail::turn_and_attend<How>(on, spec, q, k, v, out,
                                       cuda::detail::spots_in_a_row{first, k.extent[1]},
                                       cuda::detail::spots_in_a_row{0, k.extent[1]}, detail::no_offsets{});
  }
}

template <class How, class Spec, class Q, class K, class V, class O>
void attend(cuda::executor on, const Spec& spec, Q q, K k, V v, const ragged<memory::device>& sequences,
            O out) {
  if constexpr (detail::require_ragged_call<memory::device, Spec, Q, K, V, O>::met) {
    detail::require_ragged_shapes(spec, q, k, v, sequences, out);
    cuda::detail::turn_and_attend<How>(
        on, spec, detail::as_one_sequence(q), detail::as_one_sequence(k), detail::as_one_sequence(v),
        detail::as_one_sequence(out),
        cuda::detail::spots_by_offsets<Spec>{spec, sequences.queries, sequences.keys, true},
        cuda::detail::spots_by_offsets<Spec>{spec, sequences.queries, sequences.keys, false}, sequences);
  }
}

}  // namespace byteloom::inline v0
