// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/unpad: which rows of a padded batch count, so that everything between them runs on these rows alone
// (ByteTransformer: Zhai et al., arXiv 2210.03052). The rows of each sequence are counted, the counts summed
// up to where each sequence begins, and the rows written there. host/attend_ragged.hpp attends to what is
// packed, and normalize (host/normalize.hpp) brings it back.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/host/parallel.hpp"

namespace byteloom::inline v0 {

/// The packed rows of a batch [sequence, position], those of a sequence behind each other.
struct unpadded {
  std::vector<int> offsets;  ///< [sequences + 1]: where each sequence begins, and the end of the last
  std::vector<int> rows;     ///< for each packed row, its row of the batch: source::picked packs by it
  std::vector<int> back;     ///< for each row of the batch its packed one, -1 at padding: and unpacks by it
  int longest = 0;           ///< packed rows of the longest sequence

  /// Where the sequences lie, for attend. Valid as long as the lists live.
  ragged<memory::host> sequences() const {
    return {host_view<const int, 1>(offsets.data(), static_cast<index>(offsets.size())), longest};
  }
};

/// Packs the rows whose number in `mask` [sequence, position] is not 0, wherever they stand. Masks of tokens
/// that are to be predicted are masks, too. Throws shape_error where the batch has more rows than an int
/// counts.
template <class T>
unpadded unpad(host::executor on, host_view<const T, 2> mask) {
  const index sequences = mask.extent[0], positions = mask.extent[1];
  if (mask.size() > std::numeric_limits<int>::max())
    throw shape_error("unpad: a mask of " + std::to_string(mask.size()) +
                      " rows, which are told by ints; give it in parts.");
  unpadded result{std::vector<int>(static_cast<std::size_t>(sequences + 1)), {}, {}, 0};
  const auto work = static_cast<double>(mask.size());
  const auto for_each_sequence = [&](const auto& f) {
    host::detail::parallel_for(on, sequences, 1, work, [&](index begin, index end) {
      for (index b = begin; b < end; ++b) f(b, static_cast<std::size_t>(b));
    });
  };
  for_each_sequence([&](index b, std::size_t own) {
    int count = 0;
    for (index i = 0; i < positions; ++i) count += mask(b, i) != T(0) ? 1 : 0;
    result.offsets[own + 1] = count;
  });
  for (std::size_t b = 1; b < result.offsets.size(); ++b) {
    result.longest = std::max(result.longest, result.offsets[b]);
    result.offsets[b] += result.offsets[b - 1];
  }
  result.rows.resize(static_cast<std::size_t>(result.offsets.back()));
  result.back.resize(static_cast<std::size_t>(mask.size()), -1);
  for_each_sequence([&](index b, std::size_t own) {
    int next = result.offsets[own];
    for (index i = 0; i < positions; ++i)
      if (mask(b, i) != T(0)) {
        result.rows[static_cast<std::size_t>(next)] = static_cast<int>(b * positions + i);
        result.back[static_cast<std::size_t>(b * positions + i)] = next++;
      }
  });
  return result;
}

}  // namespace byteloom::inline v0
