// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/shapes: what the tensors of one attend call owe each other. Host code of every backend asks here, so
// that a mistake gets the same sentence everywhere.

#include <string>
#include <type_traits>
#include <utility>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::detail {

template <class View>
inline constexpr bool is_attend_view = false;
template <class T, memory Where>
inline constexpr bool is_attend_view<view<T, 4, Where>> = true;

/// Instantiated once per policy of a composition, so that the compiler's note names the policy.
template <class Policy, memory Where>
struct require_policy_memory {
  static constexpr bool met = [] {
    if constexpr (holds_views<Policy>) return Policy::where == Where;
    return true;
  }();
  static_assert(met || Where == memory::host,
                "byteloom: a kernel reads device memory, and a policy of this attention holds a view of host "
                "memory; move it with copy_to(executor, spec) and pass the spec() of the result.");
  static_assert(met || Where == memory::device,
                "byteloom: the host reads host memory, and a policy of this attention holds a view of device "
                "memory; make the policy from host_views, or pass cuda::on(stream).");
};

template <memory Where, class... Policies>
constexpr bool require_memory_of(std::type_identity<attention<Policies...>>) {
  return (require_policy_memory<Policies, Where>::met && ...);
}

/// Instantiated once per composition that is run in memory `Where`.
template <memory Where, attention_spec Spec>
struct require_policies {
  static constexpr bool met = require_memory_of<Where>(decltype(attention_of(std::declval<const Spec*>())){});
};

/// The ladder of one attend call for an executor of memory `Where`.
template <memory Where, class Spec, class... Views>
struct require_attend_call {
  static_assert(
      attention_spec<Spec>,
      "byteloom: attend(executor, spec, q, k, v, out) takes an attention<...>, or a struct that derives from "
      "one, as its second argument.");
  static_assert((is_attend_view<Views> && ...),
                "byteloom: attend(executor, spec, q, k, v, out) takes views of rank 4 as q, k, v and out: "
                "view<element, 4, memory>(pointer, batch, positions, heads, size).");
  static_assert(
      !(is_attend_view<Views> && ...) || Where == memory::host || ((Views::where == memory::device) && ...),
      "byteloom: a kernel reads device memory, and this attend got a view of host memory; copy the data to "
      "the device and pass a device_view.");
  static_assert(
      !(is_attend_view<Views> && ...) || Where == memory::device || ((Views::where == memory::host) && ...),
      "byteloom: the host reads host memory, and this attend got a view of device memory; copy the data to "
      "the host and pass a host_view, or pass cuda::on(stream).");
  static constexpr bool views_met =
      attention_spec<Spec> && (is_attend_view<Views> && ...) && ((Views::where == Where) && ...);
  static constexpr bool met = [] {
    if constexpr (views_met) return require_policies<Where, Spec>::met;
    return false;
  }();
};

inline void require_extent(const char* of, const char* axis, index found, index wanted, const char* because) {
  if (found != wanted)
    throw shape_error("attend: " + std::string(of) + " has " + std::to_string(found) + " " + axis + ", but " +
                      because + " says " + std::to_string(wanted) + ".");
}

/// What heads<...> says of the axes `Heads` (heads) and `Heads` + 1 (dimensions) of the four tensors. Throws
/// shape_error, and argument_error where a policy's state means nothing.
template <int Heads, class Spec, class Q, class K, class V, class O>
void require_head_shapes(const Spec& spec, const Q& q, const K& k, const V& v, const O& out) {
  const auto heads = spec.heads();
  spec.validate();
  require_extent("q", "heads", q.extent[Heads], heads.query, "heads<...>");
  require_extent("k", "heads", k.extent[Heads], heads.key, "heads<...>");
  constexpr int maps = Spec::map_count;
  constexpr const char* shared = maps == 1 ? "heads<...>" : "heads<...> with maps that share a value";
  require_extent("v", "heads", v.extent[Heads], heads.key / maps, shared);
  require_extent("out", "heads", out.extent[Heads], heads.query / maps, shared);
  require_extent("q", "dimensions a head", q.extent[Heads + 1], heads.size, "heads<...>");
  require_extent("k", "dimensions a head", k.extent[Heads + 1], heads.size, "heads<...>");
  require_extent("v", "dimensions a head", v.extent[Heads + 1], heads.value_size, "heads<...>");
  require_extent("out", "dimensions a head", out.extent[Heads + 1], heads.value_size, "heads<...>");
}

/// q [batch, queries, query heads, size], k [batch, keys, key heads, size], v [batch, keys, key heads, value
/// size], out [batch, queries, query heads, value size]; where maps share values, v and out have so many
/// times fewer heads; `cached`: k and v are a cache. Throws shape_error, and argument_error where a policy's
/// state means nothing.
template <class Spec, class Q, class K, class V, class O>
void require_attend_shapes(const Spec& spec, const Q& q, const K& k, const V& v, const O& out,
                           bool cached = false) {
  const auto heads = spec.heads();
  require_head_shapes<2>(spec, q, k, v, out);
  require_extent("k", "sequences", k.extent[0], q.extent[0], "q");
  require_extent("v", "sequences", v.extent[0], q.extent[0], "q");
  require_extent("out", "sequences", out.extent[0], q.extent[0], "q");
  require_extent("v", "positions", v.extent[1], k.extent[1], "k");
  require_extent("out", "queries", out.extent[1], q.extent[1], "q");
  if (!Spec::stands_apart && !pools_groups<typename Spec::group_type> && q.extent[1] > k.extent[1])
    throw shape_error("attend: " + std::to_string(q.extent[1]) + " queries over " +
                      std::to_string(k.extent[1]) +
                      " keys; queries are the last positions of the keys, so there cannot be more of them. "
                      "Keys of another sequence: add keys::apart.");
  call_extents call{q.extent[0], q.extent[1], k.extent[1], heads.query, heads.key, heads.size, cached};
  call.value_size = heads.value_size;
  call.output_heads = out.extent[2];
  spec.fits(call);
}

template <class View>
inline constexpr bool is_ragged_view = false;
template <class T, memory Where>
inline constexpr bool is_ragged_view<view<T, 3, Where>> = true;

/// The ladder of one attend call over ragged sequences.
template <memory Where, class Spec, class... Views>
struct require_ragged_call {
  static_assert(
      (is_ragged_view<Views> && ...),
      "byteloom: attend(executor, spec, q, k, v, sequences, out) takes views of rank 3 as q, k, v and out: "
      "view<element, 3, memory>(pointer, rows, heads, size).");
  static constexpr bool grouped = [] {
    if constexpr (attention_spec<Spec>) return Spec::is_grouped;
    return false;
  }();
  static_assert(!grouped,
                "byteloom: ragged sequences are attended without groups; lay them end to end as one sequence "
                "with group::segments, or leave the group policy out.");
  static constexpr bool met = [] {
    if constexpr (!grouped && (is_ragged_view<Views> && ...))
      return require_attend_call<Where, Spec, view<typename Views::value_type, 4, Views::where>...>::met;
    return false;
  }();
};

/// [rows, heads, size] as one sequence [1, rows, heads, size].
template <class T, memory Where>
view<T, 4, Where> as_one_sequence(const view<T, 3, Where>& x) {
  view<T, 4, Where> result;
  result.data = x.data;
  result.extent[0] = 1;
  for (int axis = 0; axis < 3; ++axis) {
    result.extent[axis + 1] = x.extent[axis];
    result.stride[axis + 1] = x.stride[axis];
  }
  return result;
}

/// q and out [rows, query heads, size], k and v [rows, key heads, size]. Throws shape_error and
/// argument_error.
template <memory Where, class Spec, class Q, class K, class V, class O>
void require_ragged_shapes(const Spec& spec, const Q& q, const K& k, const V& v,
                           const ragged<Where>& sequences, const O& out) {
  const auto heads = spec.heads();
  require_head_shapes<1>(spec, q, k, v, out);
  require_extent("v", "rows", v.extent[0], k.extent[0], "k");
  require_extent("out", "rows", out.extent[0], q.extent[0], "q");
  require_extent("offsets of keys", "numbers", sequences.keys.extent[0], sequences.queries.extent[0],
                 "offsets of queries");
  if (sequences.longest_queries < 0 || sequences.longest_keys < 0)
    throw shape_error("attend: the longest of ragged sequences has a negative length.");
  if constexpr (Where == memory::host) {
    require_ascending("queries", sequences.queries, q.extent[0], sequences.longest_queries);
    require_ascending("keys", sequences.keys, k.extent[0], sequences.longest_keys);
    for (index b = 0; b < sequences.sequences(); ++b) {
      const int queries = sequences.queries(b + 1) - sequences.queries(b);
      const int keys = sequences.keys(b + 1) - sequences.keys(b);
      if (!Spec::stands_apart && queries > keys)
        throw shape_error(
            "attend: sequence " + std::to_string(b) + " has " + std::to_string(queries) + " queries over " +
            std::to_string(keys) +
            " keys; queries are the last positions of the keys, so there cannot be more of them.");
    }
  }
  call_extents call{sequences.sequences(),
                    sequences.longest_queries,
                    sequences.longest_keys,
                    heads.query,
                    heads.key,
                    heads.size};
  call.value_size = heads.value_size;
  call.output_heads = out.extent[1];
  spec.fits(call);
}

/// out and both outputs [batch, queries, heads, value size], each log-sum-exp [batch, queries, heads]. Throws
/// shape_error.
template <class A, class L, class B, class O, class R>
void require_merge_shapes(const A& out_a, const L& lse_a, const B& out_b, const L& lse_b, const O& out,
                          const R& lse) {
  const auto require = [](const char* of, const char* axis, index found, index wanted) {
    if (found != wanted)
      throw shape_error("merge: " + std::string(of) + " has " + std::to_string(found) + " " + axis +
                        ", but out has " + std::to_string(wanted) + ".");
  };
  constexpr const char* axes[] = {"sequences", "queries", "heads", "dimensions a head"};
  for (int axis = 0; axis < 4; ++axis) {
    require("out_a", axes[axis], out_a.extent[axis], out.extent[axis]);
    require("out_b", axes[axis], out_b.extent[axis], out.extent[axis]);
    if (axis == 3) break;
    require("lse_a", axes[axis], lse_a.extent[axis], out.extent[axis]);
    require("lse_b", axes[axis], lse_b.extent[axis], out.extent[axis]);
    require("lse", axes[axis], lse.extent[axis], out.extent[axis]);
  }
}

}  // namespace byteloom::inline v0::detail
