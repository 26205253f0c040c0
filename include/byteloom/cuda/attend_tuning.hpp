// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/attend_tuning: who chooses the tiles of attention's kernels. A tuning selector is a stateless type
// with one constexpr function a path, from a composition's needs to a tile; attend<my_tuning>(on, ...)
// overrides the library's. It never changes what is computed; a selector without sm90_e4m3 leaves that tile
// to the library.

#include "byteloom/cuda/attend.hpp"
#include "byteloom/cuda/packed/attend_tile.hpp"
#include "byteloom/cuda/sm80/attend_tile.hpp"
#include "byteloom/cuda/sm90/attend_e4m3_tile.hpp"
#include "byteloom/cuda/sm90/attend_tile.hpp"

namespace byteloom::inline v0::cuda {

struct default_attend_tuning : default_attend_sm80_tuning {
  static constexpr attend_sm90_tile sm90(const attend_needs& needs) { return choose_attend_sm90_tile(needs); }
  static constexpr attend_packed_tile packed(const attend_packed_needs& needs) {
    return choose_attend_packed_tile(needs);
  }
  static constexpr attend_sm90_e4m3_tile sm90_e4m3(const attend_needs& needs, int keys_a_scale, bool scored) {
    return choose_attend_sm90_e4m3_tile(needs.size, needs.value_size, needs.masked, keys_a_scale, scored,
                                        needs.maps);
  }
};

namespace detail {
/// The path and the tuning that attend's first template argument names.
template <class How>
struct path_of {
  using way = path::best;
  using tuning = How;
};
template <class Way>
struct path_tag {
  using way = Way;
  using tuning = default_attend_tuning;
};
template <>
struct path_of<path::best> : path_tag<path::best> {};
template <>
struct path_of<path::sm90> : path_tag<path::sm90> {};
template <>
struct path_of<path::sm80> : path_tag<path::sm80> {};
template <>
struct path_of<path::simt> : path_tag<path::simt> {};
}  // namespace detail

}  // namespace byteloom::inline v0::cuda
