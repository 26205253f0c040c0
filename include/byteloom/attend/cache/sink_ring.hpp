// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/cache/sink_ring: which slot of a cache a position has, where the first keys stay and the others go
// round (Han et al., LM-Infinite, arXiv 2308.16137; Xiao et al., StreamingLLM, arXiv 2309.17453): memory that
// does not grow with the sequence. Keys are kept unrotated, since a key's distance is another one in each
// branch of LM-Infinite.
//
// An attention over such a cache sees slots as keys and stands apart (keys::apart{length - 1}) with the one
// query of a decoding step; mask::in_ring, score::in_ring and position::in_ring tell the policies inside them
// positions in place of slots.

#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::cache {

/// Room for the first `sinks` positions and the last `local` of the others, of which `length` were written,
/// in order.
struct sink_ring {
  int sinks;
  int local;
  int length = 0;

  /// Slots of the cache.
  BYTELOOM_HD constexpr int slots() const { return sinks + local; }

  /// Where the key of a position is kept; what stood there before is lost.
  BYTELOOM_HD constexpr int slot_of(int position) const {
    return position < sinks ? position : sinks + (position - sinks) % local;
  }

  /// The position whose key a slot holds; -1: none yet.
  BYTELOOM_HD constexpr int position_of(int slot) const {
    if (slot < sinks) return slot < length ? slot : -1;
    const int newest = length - 1 - sinks;
    if (newest < 0) return -1;
    const int turns_ago = newest % local - (slot - sinks);
    const int found = newest - (turns_ago < 0 ? turns_ago + local : turns_ago);
    return found < 0 ? -1 : sinks + found;
  }

  /// A site whose key is a slot as one whose key is the position that it holds; -1: none yet.
  BYTELOOM_HD constexpr site in_sequence(site at) const {
    at.key = position_of(at.key);
    at.keys = length;
    return at;
  }

  /// Throws argument_error.
  void validate() const {
    if (sinks < 0 || local < 1 || length < 0)
      throw argument_error("cache::sink_ring: " + std::to_string(sinks) + " first keys, a ring of " +
                           std::to_string(local) + " and a length of " + std::to_string(length) +
                           "; give no number below 0, and a ring of at least 1.");
  }
};

}  // namespace byteloom::inline v0::cache
