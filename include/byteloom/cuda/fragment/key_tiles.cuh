// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/key_tiles: which tiles of keys a tile of queries visits, as the masks' cover says, last tile first. The lanes
// of a warp ask for 32 tiles at once, so that a long row of skipped tiles costs next to nothing.

#include <cstdint>

#include "byteloom/attend/attention.hpp"
#include "byteloom/cuda/kernels.cuh"

#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::fragment {

BYTELOOM_KERNELS_BEGIN

/// Executed by all lanes of a warp together; each warp that walks gets the same tiles.
template <class Spec, int Keys>
class key_tiles {
 public:
  /// Of the query positions first_query..last_query of `head`.
  __device__ key_tiles(const Spec& spec, const site& head, int first_query, int last_query)
      : group_((head.keys + Keys - 1) / Keys) {
    tiles_ = group_;
    group_ = (tiles_ + 31) / 32;
    over_ = tile{head.batch, head.query_head, first_query, last_query, 0, 0};
    keys_ = head.keys;
    ask(spec);
  }

  /// The next tile's number, or -1 after the last; partial() says whether its sites must be tested.
  __device__ int next(const Spec& spec) {
    if constexpr (!Spec::is_masked) {
      --tiles_;
      partial_ = (tiles_ + 1) * Keys > keys_;
      return tiles_;
    } else {
      while (wanted_ == 0) {
        if (group_ == 0) return -1;
        ask(spec);
      }
      const int bit = 31 - __clz(static_cast<int>(wanted_));
      wanted_ ^= 1u << bit;
      partial_ = (full_ >> bit & 1) == 0;
      return group_ * 32 + bit;
    }
  }

  __device__ bool partial() const { return partial_; }

 private:
  /// Steps to the group of 32 tiles before this one.
  __device__ void ask(const Spec& spec) {
    if constexpr (Spec::is_masked) {
      wanted_ = full_ = 0;
      if (group_ == 0) return;
      --group_;
      const int which = group_ * 32 + static_cast<int>(threadIdx.x) % 32;
      coverage found = coverage::none;
      if (which < tiles_) {
        tile own = over_;
        own.first_key = which * Keys;
        own.last_key = math::min(own.first_key + Keys, keys_) - 1;
        found = spec.cover(own);
        if (found == coverage::full && own.first_key + Keys > keys_) found = coverage::partial;
      }
      wanted_ = __ballot_sync(0xffffffffu, found != coverage::none);
      full_ = __ballot_sync(0xffffffffu, found == coverage::full);
    }
  }

  tile over_;
  int keys_;
  int tiles_;
  int group_;
  std::uint32_t wanted_ = 0;
  std::uint32_t full_ = 0;
  bool partial_ = false;
};

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment

#pragma nv_diagnostic pop
