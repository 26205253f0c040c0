// SPDX-License-Identifier: Apache-2.0
#pragma once

// sample/shapes: whether what a draw is given fits together, asked by both backends before any work.

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::sample::detail {

/// Throws shape_error where rows of logits, their positions and the places for their tokens differ in number.
inline void require_rows(index rows, index positions, index places) {
  if (positions != rows || places != rows)
    throw shape_error("draw: " + std::to_string(rows) + " rows of logits came with " +
                      std::to_string(positions) + " positions and room for " + std::to_string(places) +
                      " tokens; give one of each a row.");
}

}  // namespace byteloom::inline v0::sample::detail
