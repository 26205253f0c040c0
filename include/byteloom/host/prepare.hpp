// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/prepare: queries and keys made ready for attend_cached on the host, which takes them prepared (normed,
// for example) and turned. A cache gets its keys from here where the attention has a policy of prepare;
// epilogue::projection only turns.

#include <algorithm>
#include <string>
#include <vector>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/shapes.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/host/attend.hpp"

namespace byteloom::inline v0 {
namespace host::detail {

template <class Spec, class X, class O>
void prepare_rows(const Spec& spec, const host_view<X, 4>& x, const host_view<const int, 1>& first,
                  const host_view<const int, 1>& lengths, const host_view<O, 4>& out, bool are_queries) {
  static_assert(byteloom::detail::require_policies<memory::host, Spec>::met);
  const char* const name = are_queries ? "queries" : "keys";
  spec.validate();
  const index heads = are_queries ? index{spec.heads().query} : index{spec.heads().key};
  byteloom::detail::require_extent(name, "heads", x.extent[2], heads, "the attention");
  byteloom::detail::require_extent(name, "dimensions", x.extent[3], spec.heads().size, "the attention");
  for (int axis = 0; axis < 4; ++axis)
    if (out.extent[axis] != x.extent[axis])
      throw shape_error("prepare: " + std::string(name) + " have an extent of " +
                        std::to_string(x.extent[axis]) + " along axis " + std::to_string(axis) +
                        ", and their output one of " + std::to_string(out.extent[axis]) +
                        "; give it their shape.");
  byteloom::detail::require_extent("first", "numbers", first.extent[0], x.extent[0], name);
  byteloom::detail::require_extent("lengths", "numbers", lengths.extent[0], x.extent[0], name);
  index longest = 0;
  for (index b = 0; b < x.extent[0]; ++b) {
    longest = std::max(longest, index{lengths(b)});
    if (first(b) < 0 || first(b) + x.extent[1] > lengths(b))
      throw shape_error("prepare: " + std::string(name) + " of sequence " + std::to_string(b) + " stand at " +
                        std::to_string(first(b)) + " to " + std::to_string(first(b) + x.extent[1]) +
                        ", but it has " + std::to_string(lengths(b)) + " positions.");
  }
  const call_extents call{x.extent[0],      x.extent[1],       longest, spec.heads().query,
                          spec.heads().key, spec.heads().size, true};
  const auto require_fit_of = [&](const auto& policy) {
    if constexpr (requires { policy.fits(call); }) policy.fits(call);
  };
  require_fit_of(spec.position());
  if constexpr (Spec::prepares) require_fit_of(spec.prepare());
  for (index b = 0; b < x.extent[0]; ++b) {
    host_view<X, 4> own = x;
    own.data += b * x.stride[0];
    own.extent[0] = 1;
    const auto store = [&](const auto& rows) {
      for (index row = 0; row < x.extent[1]; ++row)
        for (index head = 0; head < x.extent[2]; ++head)
          for (index i = 0; i < x.extent[3]; ++i)
            out(b, row, head, i) = static_cast<O>(static_cast<float>(rows(0, row, head, i)));
    };
    const auto turn = [&](const auto& rows) {
      if constexpr (Spec::position_type::turns) {
        const auto turned_rows = turned(spec.position(), rows, are_queries, first(b), lengths(b), b);
        store(host_view<const float, 4>(turned_rows.data(), 1, x.extent[1], x.extent[2], x.extent[3]));
      } else {
        store(rows);
      }
    };
    if constexpr (Spec::prepares) {
      const auto prepared_rows = prepared(spec, own, are_queries);
      turn(host_view<const float, 4>(prepared_rows.data(), 1, x.extent[1], x.extent[2], x.extent[3]));
    } else {
      turn(own);
    }
  }
}

}  // namespace host::detail

/// out = queries x [batch, rows, query heads, size], prepared and turned as `spec` says. The first row of
/// sequence b stands at position first(b) of lengths(b). `out` has the shape of x and may be x. Throws
/// shape_error.
template <attention_spec Spec, class X, class O>
void prepare_queries(host::executor, const Spec& spec, host_view<X, 4> x, host_view<const int, 1> first,
                     host_view<const int, 1> lengths, host_view<O, 4> out) {
  host::detail::prepare_rows(spec, x, first, lengths, out, true);
}

/// The same for keys [batch, rows, key heads, size]; `out` is where they stand in the cache as a rule. A
/// position policy that turns by the length of the sequence needs keys turned anew whenever that grows.
template <attention_spec Spec, class X, class O>
void prepare_keys(host::executor, const Spec& spec, host_view<X, 4> x, host_view<const int, 1> first,
                  host_view<const int, 1> lengths, host_view<O, 4> out) {
  host::detail::prepare_rows(spec, x, first, lengths, out, false);
}

}  // namespace byteloom::inline v0
