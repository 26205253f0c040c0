// SPDX-License-Identifier: Apache-2.0
#pragma once

// sample/philox: random numbers as a pure function of a seed and a place, so that both backends draw the same
// and nothing has to be remembered: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011).

#include <cstdint>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::sample {

struct philox_block {
  std::uint32_t word[4];
};

/// Ten rounds over a counter of four words with a key of two.
BYTELOOM_HD constexpr philox_block philox(philox_block counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53u} * counter.word[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(second >> 32) ^ counter.word[1] ^ key0,
                static_cast<std::uint32_t>(second),
                static_cast<std::uint32_t>(first >> 32) ^ counter.word[3] ^ key1,
                static_cast<std::uint32_t>(first)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// A number inside (0, 1) for a seed, a position and a lane: the middle of one of 2^32 equal intervals,
/// rounded to float, so that it is exact where it is small (from 2^-33) and at most 1 - 2^-24.
BYTELOOM_HD constexpr float uniform(std::uint64_t seed, std::uint64_t position, std::uint32_t lane) {
  const philox_block drawn = philox(
      {{lane, static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), 0x62797465u}},
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  constexpr float most = 1.0f - 1.0f / 16777216.0f;
  const float middle = (static_cast<float>(drawn.word[0]) + 0.5f) * (1.0f / 4294967296.0f);
  return middle < most ? middle : most;
}

}  // namespace byteloom::inline v0::sample
