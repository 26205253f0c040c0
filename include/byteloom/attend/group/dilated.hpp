// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/dilated: a sequence is cut in segments, and a group takes every so many tokens of one: the
// dilated attention of LongNet (Ding et al., arXiv 2307.02486), of which each token belongs to one group
// here.

#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::group {

/// Segments of `Segment` tokens, of which tokens `Step` apart form a group; the last segment may be shorter:
/// `dilated<512, 8>{length}`.
template <int Segment, int Step>
struct dilated {
  using axis = axis::group;
  static_assert(Segment > 0 && Step > 0 && Step <= Segment,
                "byteloom: group::dilated<segment, step> takes every step-th token of a segment; give a step "
                "from 1 to the "
                "segment's length.");
  static constexpr int largest = (Segment + Step - 1) / Step;
  static constexpr bool complete = true;

  int length;  ///< tokens of a sequence

  BYTELOOM_HD constexpr int groups() const { return (length + Segment - 1) / Segment * Step; }

  BYTELOOM_HD constexpr int size(int group) const {
    const int segment = group / Step;
    const int tokens = math::min(Segment, length - segment * Segment);
    const int phase = group - segment * Step;
    return phase < tokens ? (tokens - phase + Step - 1) / Step : 0;
  }

  BYTELOOM_HD constexpr int token(int group, int slot) const {
    const int segment = group / Step;
    return segment * Segment + (group - segment * Step) + slot * Step;
  }

  BYTELOOM_HD constexpr int group_of(int token) const {
    return token / Segment * Step + token % Segment % Step;
  }
  BYTELOOM_HD constexpr int slot_of(int token) const { return token % Segment / Step; }

  void validate() const {
    if (length < 1)
      throw argument_error("group::dilated: a sequence of " + std::to_string(length) +
                           " tokens; give at least 1.");
  }
  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("group::dilated", "tokens", length, call.keys);
  }
};

}  // namespace byteloom::inline v0::group
