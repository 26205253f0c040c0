// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/output/gate: the output is multiplied by a sigmoid, so that a head can do nothing (Bondarenko et
// al., "Quantizable Transformers", arXiv 2306.12929).
//
// An output policy is called on each number of a finished row of a head, before it is rounded and stored:
//
//   Real operator()(Real value, index row_of_call, row at, int dimension)
//
// where row_of_call counts the queries of this call from 0 and at.query_head is the head of the output. One
// that has to see the row first offers state<Real>, add(state&, Real) and merge(state&, const state&), which
// gather in any order and in parts, and gets the state as its first argument. Several are called left to
// right, each on what the one before made of the row. A row that keeps no key arrives as zeros.

#include <cmath>
#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::output {

/// Multiplies by factor / (1 + exp(-logit)). `logit` [batch, query row of the call, output head], one for all
/// dimensions of a head, or with `Rank` 4 [..., value size], one for each number. `factor` is the 1 / pi of
/// models that are trained on from ones without a gate.
template <int Rank = 3, memory Where = memory::host>
struct gate {
  using axis = axis::output;
  static_assert(Rank == 3 || Rank == 4,
                "byteloom: output::gate has a logit per head or per number; write gate<3> for logits [batch, "
                "query, head], or gate<4> for [batch, query, head, value size].");
  static constexpr memory where = Where;
  template <memory Other>
  using in = gate<Rank, Other>;

  view<const float, Rank, Where> logit;
  float factor;

  constexpr explicit gate(view<const float, Rank, Where> logits, float times = 1.0f)
      : logit(logits), factor(times) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(logit), factor);
  }

  void validate() const {
    if (!std::isfinite(factor))
      throw argument_error("output::gate: a factor of " + std::to_string(factor) +
                           " leaves nothing of the output; give a finite number.");
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("output::gate", "sequences", logit.extent[0], call.batch);
    byteloom::detail::require_fit("output::gate", "queries", logit.extent[1], call.queries);
    byteloom::detail::require_fit("output::gate", "heads of the output", logit.extent[2], call.output_heads);
    if constexpr (Rank == 4)
      byteloom::detail::require_fit("output::gate", "dimensions a head", logit.extent[3], call.value_size);
  }

  template <class Real>
  BYTELOOM_HD Real operator()(Real value, index row_of_call, row at, [[maybe_unused]] int dimension) const {
    Real x;
    if constexpr (Rank == 3) {
      x = static_cast<Real>(logit(at.batch, row_of_call, at.query_head));
    } else {
      x = static_cast<Real>(logit(at.batch, row_of_call, at.query_head, dimension));
    }
    // exp of a positive number may be infinite, which divides to the right 0 on the host alone
    const Real small = math::exp(-math::abs(x));
    const Real sigmoid = math::divide(x < Real(0) ? small : Real(1), Real(1) + small);
    return value * (static_cast<Real>(factor) * sigmoid);
  }
};

}  // namespace byteloom::inline v0::output
