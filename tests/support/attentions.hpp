// SPDX-License-Identifier: Apache-2.0
#pragma once

// Compositions that the host's and the device's tests of attention share, each with the shape it is tried at.

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/score/scale.hpp"
#include "byteloom/attend/score/softcap.hpp"

namespace test {

namespace bl = byteloom;

/// Policies as a user would write them, in the tests alone.
struct distance_penalty {
  using axis = bl::axis::score;
  float slope;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score - slope * static_cast<float>(at.query - at.key);
  }
};

/// Every head and sequence gets another bias, so that wrong coordinates cannot go unnoticed.
struct coordinate_bias {
  using axis = bl::axis::score;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score + 0.25f * static_cast<float>((at.batch * 7 + at.query_head * 5 + at.key_head * 3 + at.query +
                                               2 * at.key + at.queries + at.keys) %
                                              11);
  }
};

/// A mask without cover: every third key, and the query's own.
struct every_third {
  using axis = bl::axis::mask;
  BYTELOOM_HD constexpr bool keep(bl::site at) const { return at.key % 3 == 0 || at.key == at.query; }
};

/// A mask whose heads see different halves, so that heads of a group skip different tiles.
struct half_by_head {
  using axis = bl::axis::mask;
  int middle;
  BYTELOOM_HD constexpr bool keep(bl::site at) const { return (at.key < middle) == (at.query_head % 2 == 0); }
  BYTELOOM_HD constexpr bl::coverage cover(bl::tile over) const {
    const bool first = over.query_head % 2 == 0;
    if (over.last_key < middle) return first ? bl::coverage::full : bl::coverage::none;
    if (over.first_key >= middle) return first ? bl::coverage::none : bl::coverage::full;
    return bl::coverage::partial;
  }
};

struct attend_shape {
  int batch;
  int queries;
  int keys;
};

/// Calls f(name, spec, shape) for each composition; shape sizes are chosen odd on purpose.
template <class F>
void for_each_attention(const F& f) {
  using namespace bl;
  f("plain", attention<heads<4, 4, 64>>{}, attend_shape{2, 37, 37});
  f("causal", attention<heads<8, 2, 64>, mask::causal>{}, attend_shape{2, 65, 65});
  f("causal, fewer queries than keys", attention<heads<8, 2, 64>, mask::causal>{}, attend_shape{1, 5, 133});
  f("one query", attention<heads<8, 1, 128>, mask::causal>{}, attend_shape{3, 1, 259});
  f("one key", attention<heads<2, 1, 16>, mask::causal>{}, attend_shape{1, 1, 1});
  f("rope", attention<heads<4, 2, 32>, position::rope<>, mask::causal>{}, attend_shape{2, 40, 70});
  f("rope interleaved, base given",
    attention<heads<4, 2, 32>, position::rope<position::pairing::interleaved>, mask::causal>{
        position::rope<position::pairing::interleaved>{500000.0}},
    attend_shape{1, 40, 40});
  f("window constant", attention<heads<4, 2, 32>, mask::causal, mask::window<24>>{},
    attend_shape{1, 100, 130});
  f("window at run time", attention<heads<4, 2, 32>, mask::window<>, mask::causal>{mask::window<>{{17}}},
    attend_shape{2, 100, 100});
  f("softcap", attention<heads<4, 2, 48>, mask::causal, score::softcap>{score::softcap{3.0f}},
    attend_shape{1, 50, 50});
  f("scale replaces 1/sqrt(size)", attention<heads<4, 4, 32>, score::scale>{score::scale{0.5f}},
    attend_shape{1, 30, 30});
  f("scale after softcap",
    attention<heads<4, 4, 32>, score::softcap, score::scale>{score::scale{0.5f}, score::softcap{4.0f}},
    attend_shape{1, 30, 30});
  f("the same policy twice",
    attention<heads<4, 4, 32>, score::softcap, mask::causal, score::softcap>{score::softcap{9.0f},
                                                                             score::softcap{2.0f}},
    attend_shape{1, 30, 30});
  f("user's score", attention<heads<4, 2, 32>, mask::causal, distance_penalty>{distance_penalty{0.1f}},
    attend_shape{1, 60, 60});
  f("user's score by coordinates", attention<heads<6, 2, 32>, mask::causal, coordinate_bias>{},
    attend_shape{3, 21, 45});
  f("user's mask by head", attention<heads<6, 2, 32>, half_by_head>{half_by_head{150}},
    attend_shape{1, 20, 300});
  f("user's mask without cover", attention<heads<4, 2, 32>, every_third>{}, attend_shape{1, 60, 60});
  f("rows without a key", attention<heads<2, 2, 32>, mask::window<4>, every_third>{},
    attend_shape{1, 60, 60});
  f("head counts at run time",
    attention<heads<dynamic, dynamic, 64>, mask::causal>{heads<dynamic, dynamic, 64>{{6}, {3}, {}, {}}},
    attend_shape{1, 33, 33});
  f("all sizes at run time",
    attention<heads<dynamic, dynamic, dynamic, dynamic>, position::rope<>, mask::causal>{
        heads<dynamic, dynamic, dynamic, dynamic>{{4}, {2}, {40}, {24}}},
    attend_shape{2, 33, 50});
  f("values wider than keys", attention<heads<4, 2, 32, 80>, mask::causal>{}, attend_shape{1, 33, 40});
  f("odd sizes", attention<heads<3, 1, 33, 17>, mask::causal>{}, attend_shape{1, 19, 23});
}

}  // namespace test
