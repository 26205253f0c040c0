// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/whole: what a group policy says. It cuts a sequence in groups of tokens: many small problems
// that run in one launch, in which a query sees the keys of its own group alone. Hooks of the other axes
// still see the tokens' positions in the sequence. The groups are the same in all sequences of a batch;
// sequences that differ are laid end to end as one.
//
// A group policy offers
// - `static constexpr int largest`: no group has more tokens;
// - `int groups() const`, `int size(int group) const` and `int token(int group, int slot) const`: the
// position of
//   the token in each slot from 0 to size - 1. All keys of a group are found so, in that order.
// It may also offer
// - `int owned(int group) const`: only the first so many slots are queries, too; the other tokens are guests,
// whose home
//   is another group. A token is a query of at most one group. One of no group has output zero.
// - `static constexpr int queries`: not tokens ask but queries of their own, so many a group: those of group
// g are the rows
//   queries * g and on of the call, and that number is their position.
// - `static constexpr bool ragged = false`: all groups have the same size; `static constexpr bool complete =
// true`: each token
//   is a query of some group. Kernels then leave out what they need not ask.
// - `int group_of(int token) const` and `int slot_of(int token) const`: the inverse; group_of is -1 for a
// token of no group.

#include <concepts>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

namespace group {

/// What an attention without a group policy says: nothing.
struct whole {
  using axis = axis::group;
};

}  // namespace group

namespace detail {

template <class Group>
concept pools_groups = requires {
  { Group::queries } -> std::convertible_to<int>;
};

template <class Group>
concept has_guests = requires(const Group group) {
  group.owned(0);
};

/// Whether groups may differ in size.
template <class Group>
inline constexpr bool is_ragged = true;
template <class Group>
requires requires { Group::ragged; }
inline constexpr bool is_ragged<Group> = Group::ragged;

/// Whether each token is known to be a query of some group.
template <class Group>
inline constexpr bool is_complete = false;
template <class Group>
requires requires { Group::complete; }
inline constexpr bool is_complete<Group> = Group::complete;

/// The most queries of a group.
template <class Group>
inline constexpr int most_queries = Group::largest;
template <pools_groups Group>
inline constexpr int most_queries<Group> = Group::queries;

/// Queries of a group.
template <class Group>
BYTELOOM_HD constexpr int queries_of(const Group& groups, int group) {
  if constexpr (pools_groups<Group>) {
    return Group::queries;
  } else if constexpr (has_guests<Group>) {
    return groups.owned(group);
  } else {
    return groups.size(group);
  }
}

/// Position of a call's first query. Queries are the last positions of the keys, or count from 0 where they
/// are no tokens.
template <class Group>
BYTELOOM_HD constexpr index first_query_of(index queries, index keys) {
  return pools_groups<Group> ? 0 : keys - queries;
}

/// Position of the query in a slot; the call may not hold it.
template <class Group>
BYTELOOM_HD constexpr int query_of(const Group& groups, int group, int slot) {
  if constexpr (pools_groups<Group>) {
    return Group::queries * group + slot;
  } else {
    return groups.token(group, slot);
  }
}

}  // namespace detail

}  // namespace byteloom::inline v0
