// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/site: where a score stands. Masks and score policies are functions of it, on both backends.

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// One (query, key) pair of one head of one sequence. All numbers are real and absolute: the last query of a
/// sequence stands at keys - 1 (bottom-right alignment), whether it is one of many or the only one of a
/// decoding step.
struct site {
  int batch;       ///< which sequence
  int query_head;  ///< which query head
  int key_head;    ///< which key-value head
  int query;       ///< position of the query in the sequence
  int key;         ///< position of the key in the sequence
  int queries;     ///< number of queries of this call
  int keys;        ///< number of keys of the sequence

  /// query - key as a float, exact up to 2^22. On the device, where converting integers is as slow as an
  /// exponential, it costs one or two additions: a score policy asks here rather than cast.
  BYTELOOM_HD float distance() const {
    if (knows_distance && query == distance_query && key == distance_key) return known_distance;
#if defined(__CUDA_ARCH__)
    return ::__int_as_float(0x4b400000 + (query - key)) -
           12582912.0f;  // 1.5 * 2^23, whose last bits count ones
#else
    return static_cast<float>(query - key);
#endif
  }

  // Of a kernel that makes the sites of a row by counting: what distance() gives while query and key are
  // these. Where nothing changes them the compiler sees that they are the same.
  float known_distance = 0;
  int distance_query = 0;
  int distance_key = 0;
  bool knows_distance = false;
};

/// Where a site stands inside its group of tokens, of which attend/group/whole.hpp tells: the group's number
/// and the slots of query and key.
struct group_site {
  int group;
  int query;
  int key;
};

/// One query of one head of one sequence: what a mask counts for, and what a normalizer knows of its row.
/// Positions as in site.
struct row {
  int batch;
  int query_head;
  int key_head;
  int query;
  int queries;
  int keys;
};

/// A rectangle of sites of one head: queries first_query..last_query and keys first_key..last_key, all
/// inclusive.
struct tile {
  int batch;
  int query_head;
  int first_query;
  int last_query;
  int first_key;
  int last_key;
  int queries;  ///< as in site
  int keys;     ///< as in site
};

/// What a mask knows of a whole tile: no site of it is kept, some may be, or all are.
enum class coverage { none, partial, full };

}  // namespace byteloom::inline v0
