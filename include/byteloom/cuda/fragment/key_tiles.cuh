// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/key_tiles: which tiles of keys a tile of queries visits, as the masks' cover says, last tile
// first. The lanes of a warp ask for 32 tiles at once, so that a long row of skipped tiles costs next to
// nothing.

#include <cstdint>

#include "byteloom/attend/attention.hpp"
#include "byteloom/cuda/fragment/key_range.hpp"
#include "byteloom/cuda/kernels.cuh"

#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::fragment {

BYTELOOM_KERNELS_BEGIN

/// Executed by all lanes of a warp together; each warp that walks gets the same tiles. `over` is the head and
/// the query positions as a tile whose keys are all of the sequence; it is asked for anew, since this object
/// lives in the registers of main loops that have none to spare.
template <class Spec, int Keys>
class key_tiles {
 public:
  key_tiles() = default;
  /// Before the first tile. `head` is that of `over`.
  __device__ key_tiles(const Spec&, const site& head, const tile&) : next_((head.keys + Keys - 1) / Keys) {}

  /// The next tile's number, or -1 after the last; partial() says whether its sites must be tested.
  __device__ int next(const Spec& spec, const tile& over) {
    const int keys = over.last_key + 1;
    if constexpr (!Spec::is_masked) {
      --next_;
      full_ = (next_ + 1) * Keys <= keys ? 1 : 0;
      return next_;
    } else {
      while (wanted_ == 0) {
        if (next_ == 0) return -1;
        next_ = (next_ - 1) & ~31;
        const int which = next_ + static_cast<int>(threadIdx.x) % 32;
        coverage found = coverage::none;
        if (which * Keys < keys) {
          tile own = over;
          own.first_key = which * Keys;
          own.last_key = math::min(own.first_key + Keys, keys) - 1;
          found = spec.cover(own);
          if (found == coverage::full && own.first_key + Keys > keys) found = coverage::partial;
        }
        wanted_ = __ballot_sync(0xffffffffu, found != coverage::none);
        full_tiles_ = __ballot_sync(0xffffffffu, found == coverage::full);
      }
      const int bit = 31 - __clz(static_cast<int>(wanted_));
      wanted_ ^= 1u << bit;
      full_ = full_tiles_ >> bit & 1;
      return next_ + bit;
    }
  }

  __device__ bool partial() const { return full_ == 0; }

 private:
  int next_;  ///< unmasked: the tile before this one is next; masked: first of the 32 tiles that `wanted_`
              ///< speaks of
  std::uint32_t wanted_ = 0;
  std::uint32_t full_tiles_ = 0;
  std::uint32_t full_ = 0;
};

/// The same where the rows tell: no lane asks for another.
template <class Spec, int Keys>
requires Spec::rises class key_tiles<Spec, Keys> {
 public:
  key_tiles() = default;
  __device__ key_tiles(const Spec& spec, const site& head, const tile& over)
      : range_(spec, row_of(head, over.first_query), row_of(head, over.last_query)) {}

  __device__ int next(const Spec&, const tile&) { return range_.next(); }
  __device__ bool partial() const { return range_.partial(); }

 private:
  __device__ static row row_of(const site& head, int query) {
    return {head.batch, head.query_head, head.key_head, query, head.queries, head.keys};
  }
  key_range<Keys> range_;
};

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment

#pragma nv_diagnostic pop
