// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/require: what the axes of attention ask of a policy, as named concepts, and the ladder that turns an
// unmet one into one sentence. Later steps are guarded by earlier ones, so that one mistake gives one
// message.

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/slots.hpp"

namespace byteloom::inline v0::detail {

template <class Policy>
concept on_attention_axis =
    on_axis<Policy, axis::heads> || on_axis<Policy, axis::position> || on_axis<Policy, axis::mask> ||
    on_axis<Policy, axis::score> || on_axis<Policy, axis::normalizer> || on_axis<Policy, axis::cache>;

template <class Policy>
concept score_hook = requires(const Policy policy, float score, site at) {
  { policy(score, at) } -> std::convertible_to<float>;
};

template <class Policy>
concept score_hook_returns_real = requires(const Policy policy, float score, site at) {
  requires std::floating_point<std::remove_cvref_t<decltype(policy(score, at))>>;
};

template <class Policy>
concept mask_hook = requires(const Policy policy, site at) {
  policy.keep(at);
};

template <class Policy>
concept mask_hook_returns_bool = requires(const Policy policy, site at) {
  { policy.keep(at) } -> std::same_as<bool>;
};

template <class Policy>
concept mask_cover_hook = requires(const Policy policy, tile over) {
  { policy.cover(over) } -> std::same_as<coverage>;
};

template <class Policy>
concept has_cover = requires {
  &Policy::cover;
};

template <class Policy>
concept position_hook = requires(const Policy policy) {
  { Policy::turns } -> std::convertible_to<bool>;
}
&&(!Policy::turns || requires(const Policy policy) {
  { policy.template at<float>(0, 0, 2).first(0.0f, 0.0f) } -> std::same_as<float>;
  { policy.template at<float>(0, 0, 2).second(0.0f, 0.0f) } -> std::same_as<float>;
  { Policy::first_of(0, 2) } -> std::same_as<int>;
  { Policy::second_of(0, 2) } -> std::same_as<int>;
});

template <class Policy>
concept normalizer_hook = requires(const Policy policy, typename Policy::template state<float> row) {
  { policy.raise(row, 0.0f) } -> std::same_as<float>;
  { policy.weight(row, 0.0f) } -> std::same_as<float>;
  policy.add(row, 0.0f);
  { policy.merge(row, row).left } -> std::convertible_to<float>;
  { policy.finish(row) } -> std::same_as<float>;
};

/// A normalizer that takes scores in multiples of a unit, see normalizer::softmax.
template <class Policy>
concept folds_unit = requires(const Policy policy, typename Policy::template state<float> row) {
  { policy.raise(row, 0.0f, 1.0f) } -> std::same_as<float>;
  { policy.weight(row, 0.0f, 1.0f) } -> std::same_as<float>;
  policy.settle(row, 1.0f);
};

/// Number of policies that sit on `Axis`.
template <class Axis, class... Policies>
inline constexpr std::size_t number_on_axis = (std::size_t{0} + ... + (on_axis<Policies, Axis> ? 1 : 0));

/// Index of the first policy on `Axis`, or the number of policies where none is.
template <class Axis, class... Policies>
inline constexpr std::size_t index_on_axis = [] {
  constexpr bool here[] = {on_axis<Policies, Axis>..., true};
  std::size_t at = 0;
  while (!here[at]) ++at;
  return at;
}();

/// The first policy on `Axis`, or `Default`.
template <class Axis, class Default, class... Policies>
using policy_on_t = typename type_at<index_on_axis<Axis, Policies...>, Policies..., Default>::type;

/// Instantiated once per policy of an attention.
template <class Policy>
struct require_policy {
  static_assert(
      names_axis<Policy>,
      "byteloom: every argument of attention<...> is a policy that names its axis; add a line such as "
      "'using axis = byteloom::axis::score;' to it.");
  static_assert(
      !names_axis<Policy> || on_attention_axis<Policy>,
      "byteloom: attention<...> takes policies of the axes heads, position, mask, score, normalizer and "
      "cache; this one sits on another axis.");
  static_assert(!on_axis<Policy, axis::score> || score_hook<Policy>,
                "byteloom: a score policy is called as policy(score, site); write "
                "'BYTELOOM_HD float operator()(float score, byteloom::site at) const'.");
  static_assert(!on_axis<Policy, axis::score> || !score_hook<Policy> || score_hook_returns_real<Policy>,
                "byteloom: a score policy returns the new score as a float; write "
                "'BYTELOOM_HD float operator()(float score, byteloom::site at) const'.");
  static_assert(!on_axis<Policy, axis::mask> || mask_hook<Policy>,
                "byteloom: a mask policy is asked as policy.keep(site); write "
                "'BYTELOOM_HD bool keep(byteloom::site at) const'.");
  static_assert(
      !on_axis<Policy, axis::mask> || !mask_hook<Policy> || mask_hook_returns_bool<Policy>,
      "byteloom: keep(site) of a mask policy returns bool: true where the query sees the key; write "
      "'BYTELOOM_HD bool keep(byteloom::site at) const'.");
  static_assert(!on_axis<Policy, axis::mask> || !has_cover<Policy> || mask_cover_hook<Policy>,
                "byteloom: cover of a mask policy tells what the mask does to a whole tile; write "
                "'BYTELOOM_HD byteloom::coverage cover(byteloom::tile over) const', or leave it out.");
  static_assert(
      !on_axis<Policy, axis::position> || position_hook<Policy>,
      "byteloom: a position policy says 'static constexpr bool turns' and, where it is true, offers "
      "at<Real>(position, pair, size), first_of(pair, size) and second_of(pair, size) as position::rope "
      "does.");
  static_assert(!on_axis<Policy, axis::normalizer> || normalizer_hook<Policy>,
                "byteloom: a normalizer offers state<Real>, raise, weight, add, merge and finish as "
                "normalizer::softmax does.");
  static_assert(
      std::is_trivially_copyable_v<Policy>,
      "byteloom: a policy travels by value into kernels, so it must be trivially copyable; keep data behind "
      "a view, not in a container.");
  static constexpr bool met = true;
};

/// Instantiated once per attention.
template <class... Policies>
struct require_composition {
  static constexpr bool policies = (require_policy<Policies>::met && ...);
  static_assert(number_on_axis<axis::heads, Policies...> != 0,
                "byteloom: this attention does not say its heads; add heads<query, key_value, size> to it.");
  static_assert(number_on_axis<axis::heads, Policies...> < 2,
                "byteloom: this attention says its heads twice; keep one heads<...>.");
  static_assert(
      number_on_axis<axis::position, Policies...> < 2,
      "byteloom: this attention has two position policies, and queries can be turned in one way only; keep "
      "one.");
  static_assert(
      number_on_axis<axis::normalizer, Policies...> < 2,
      "byteloom: this attention has two normalizers, and scores become weights in one way only; keep one.");
  static_assert(number_on_axis<axis::cache, Policies...> < 2,
                "byteloom: this attention has two caches, and keys are kept in one way only; keep one.");
  static constexpr bool met = policies;
};

}  // namespace byteloom::inline v0::detail
