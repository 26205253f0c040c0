// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/slots: several policies joined into one value. Each sits in an indexed slot, so the same type may
// stand twice, and a policy without state takes no room. States are given in any order; which is whose is
// decided by type, and by order among policies of the same type.

#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// True where a policy may be left out of a constructor's arguments: it has no state, or its state has
/// defaults (member initialisers, or a default constructor of its own).
template <class Policy>
inline constexpr bool has_default_state = std::is_empty_v<Policy> ||
                                          (std::is_default_constructible_v<Policy> &&
                                           !std::is_trivially_default_constructible_v<Policy>);

namespace detail {

/// A policy in its place; one without state is made where it is read, and the slot is an empty base.
template <std::size_t Index, class Policy, bool Empty = std::is_empty_v<Policy>>
struct slot {
  Policy stored;
  BYTELOOM_HD constexpr const Policy& read() const { return stored; }
};
template <std::size_t Index, class Policy>
struct slot<Index, Policy, true> {
  constexpr slot() = default;
  constexpr slot(const Policy&) {}
  BYTELOOM_HD constexpr Policy read() const { return Policy{}; }
};

template <class Sequence, class... Policies>
struct slots_base;

template <std::size_t... Index, class... Policies>
struct slots_base<std::index_sequence<Index...>, Policies...> : slot<Index, Policies>... {};

template <std::size_t Index, class... Types>
struct type_at;
template <std::size_t Index, class First, class... Rest>
struct type_at<Index, First, Rest...> : type_at<Index - 1, Rest...> {};
template <class First, class... Rest>
struct type_at<0, First, Rest...> {
  using type = First;
};

/// How many of the first `Count` types are `Type`.
template <class Type, class... Types>
constexpr std::size_t count_of(std::size_t count) {
  constexpr bool same[] = {std::is_same_v<Type, Types>..., false};
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; ++i) found += same[i] ? 1 : 0;
  return found;
}

/// Position of the `which`-th `Type` among `Types`, or their number where there is none.
template <class Type, class... Types>
constexpr std::size_t find_of(std::size_t which) {
  constexpr bool same[] = {std::is_same_v<Type, Types>..., true};  // the last ends the search
  std::size_t at = 0;
  while (at != sizeof...(Types) && (!same[at] || which-- != 0)) ++at;
  return at;
}

template <std::size_t Index, class First, class... Rest>
constexpr const auto& argument_at(const First& first, const Rest&... rest) {
  if constexpr (Index == 0) {
    return first;
  } else {
    return detail::argument_at<Index - 1>(rest...);
  }
}

template <class Policy>
constexpr Policy default_of() {
  static_assert(has_default_state<Policy>,
                "byteloom: a policy of this composition has state and no default for it; give it to the "
                "constructor, as in spec{my_policy{0.5f}}.");
  if constexpr (has_default_state<Policy>) return Policy{};
}

}  // namespace detail

/// Policies by position. `get<I>()` reads the I-th.
template <class... Policies>
struct slots : detail::slots_base<std::index_sequence_for<Policies...>, Policies...> {
  static constexpr std::size_t count = sizeof...(Policies);
  template <std::size_t Index>
  using type = typename detail::type_at<Index, Policies...>::type;

  template <std::size_t Index>
  BYTELOOM_HD constexpr decltype(auto) get() const {
    return static_cast<const detail::slot<Index, type<Index>>&>(*this).read();
  }

  /// Calls validate() of every policy that has one; it throws argument_error where the policy's state means
  /// nothing.
  void validate() const { validate_from<0>(); }

  /// Policies (trivially copyable) without an operator== of their own are equal where their bytes are.
  friend bool operator==(const slots& a, const slots& b) { return equal_from<0>(a, b); }

 private:
  template <std::size_t Index>
  static bool equal_from(const slots& a, const slots& b) {
    if constexpr (Index == count) {
      return true;
    } else if constexpr (std::is_empty_v<type<Index>>) {
      return equal_from<Index + 1>(a, b);
    } else {
      const auto& left = a.template get<Index>();
      const auto& right = b.template get<Index>();
      bool equal = false;
      if constexpr (std::equality_comparable<type<Index>>) {
        equal = left == right;
      } else {
        equal = std::memcmp(&left, &right, sizeof(left)) == 0;
      }
      return equal && equal_from<Index + 1>(a, b);
    }
  }

  template <std::size_t Index>
  void validate_from() const {
    if constexpr (Index < count) {
      if constexpr (requires(const type<Index>& policy) { policy.validate(); }) get<Index>().validate();
      validate_from<Index + 1>();
    }
  }
};

namespace detail {

template <std::size_t Index, class... Policies, class... Given>
constexpr auto slot_value(slots<Policies...>*, const Given&... given) {
  using policy = typename type_at<Index, Policies...>::type;
  constexpr std::size_t from = find_of<policy, Given...>(count_of<policy, Policies...>(Index));
  if constexpr (from < sizeof...(Given)) {
    return detail::argument_at<from>(given...);
  } else {
    return default_of<policy>();
  }
}

template <class... Policies, std::size_t... Index, class... Given>
constexpr slots<Policies...> fill_slots(std::index_sequence<Index...>, const Given&... given) {
  [[maybe_unused]] constexpr slots<Policies...>* tag = nullptr;
  return {{{detail::slot_value<Index>(tag, given...)}...}};
}

}  // namespace detail

/// The slots filled with the given states and, for the rest, defaults. A state that no slot wants is an
/// error.
template <class... Policies, class... Given>
constexpr slots<Policies...> fill(std::type_identity<slots<Policies...>>, const Given&... given) {
  constexpr bool wanted = ((detail::count_of<Given, Given...>(sizeof...(Given)) <=
                            detail::count_of<Given, Policies...>(sizeof...(Policies))) &&
                           ...);
  static_assert(
      wanted,
      "byteloom: a state was given for a policy that this composition does not contain (or more often than "
      "it contains it); give each policy of the composition at most one state.");
  return detail::fill_slots<Policies...>(std::index_sequence_for<Policies...>{}, given...);
}

}  // namespace byteloom::inline v0
