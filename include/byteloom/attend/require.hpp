// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/require: what the axes of attention ask of a policy, as named concepts, and the ladder that turns an
// unmet one into one sentence. Later steps are guarded by earlier ones, so that one mistake gives one
// message.

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/slots.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::detail {

template <class Policy>
concept on_attention_axis = on_axis<Policy, axis::heads> || on_axis<Policy, axis::position> ||
    on_axis<Policy, axis::group> || on_axis<Policy, axis::mask> || on_axis<Policy, axis::score> ||
    on_axis<Policy, axis::normalizer> || on_axis<Policy, axis::cache> || on_axis<Policy, axis::observe> ||
    on_axis<Policy, axis::prepare> || on_axis<Policy, axis::keys> || on_axis<Policy, axis::maps> ||
    on_axis<Policy, axis::output> || on_axis<Policy, axis::scales>;

template <class Policy>
concept group_hook = requires(const Policy policy) {
  { Policy::largest } -> std::convertible_to<int>;
  { policy.groups() } -> std::same_as<int>;
  { policy.size(0) } -> std::same_as<int>;
  { policy.token(0, 0) } -> std::same_as<int>;
};

/// A score policy that counts in the slots of a group.
template <class Policy>
concept group_score_hook = requires(const Policy policy, float score, site at, group_site in_group) {
  { policy(score, at, in_group) } -> std::convertible_to<float>;
};

template <class Policy>
concept score_hook = group_score_hook<Policy> || requires(const Policy policy, float score, site at) {
  { policy(score, at) } -> std::convertible_to<float>;
};

template <class Policy>
concept score_hook_returns_real = group_score_hook<Policy> ||
    requires(const Policy policy, float score, site at) {
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
concept replaces_default_scale = requires {
  requires Policy::replaces_default_scale;
};

/// A score policy that multiplies by one number, the same at every site.
template <class Policy>
concept constant_scale = on_axis<Policy, axis::score> && requires(const Policy policy) {
  { policy.constant_factor() } -> std::same_as<float>;
};

/// One whose number is above 0 in every valid state; it says so by `always_positive = true`.
template <class Policy>
concept positive_scale = constant_scale<Policy> && requires {
  requires Policy::always_positive;
};

/// A score policy that is outer * inner(score * inner factor), with outer above 0 in every valid state;
/// kernels then leave both factors to what comes before and after it.
template <class Policy>
concept factored_score = on_axis<Policy, axis::score> && requires(const Policy policy, site at) {
  { policy.inner_factor() } -> std::same_as<float>;
  { policy.inner(0.0f, at) } -> std::same_as<float>;
  { policy.outer_factor() } -> std::same_as<float>;
};

/// A score policy that adds a number of its site: added(score, weight, at) is the score plus `weight` times
/// that number.
template <class Policy>
concept added_score = on_axis<Policy, axis::score> && requires(const Policy policy, site at) {
  { policy.added(0.0f, 1.0f, at) } -> std::same_as<float>;
};

template <class Policy>
concept position_hook = requires(const Policy policy) {
  { Policy::turns } -> std::convertible_to<bool>;
}
&&(!Policy::turns || requires(const Policy policy, position::spot where) {
  { position::turn_query<float>(policy, where, 0, 2).first(0.0f, 0.0f) } -> std::same_as<float>;
  { position::turn_key<float>(policy, where, 0, 2).second(0.0f, 0.0f) } -> std::same_as<float>;
  { policy.first_of(0, 2) } -> std::same_as<int>;
  { policy.second_of(0, 2) } -> std::same_as<int>;
});

template <class Policy>
concept normalizer_hook = requires(const Policy policy, typename Policy::template state<float> own, row at) {
  { policy.raise(own, 0.0f) } -> std::same_as<float>;
  { policy.weight(own, 0.0f) } -> std::same_as<float>;
  policy.add(own, 0.0f);
  { policy.merge(own, own).left } -> std::convertible_to<float>;
  { policy.finish(own, at) } -> std::same_as<float>;
};

/// Passes over the keys that a normalizer needs.
template <class Policy>
inline constexpr int passes_of = 1;
template <class Policy>
requires requires { Policy::passes; }
inline constexpr int passes_of<Policy> = Policy::passes;

/// A normalizer whose final weights depend on the key's place and on how many keys the masks keep.
template <class Policy>
concept second_by_site = requires(const Policy policy, typename Policy::template state<float> own, site at) {
  { policy.second(own, at, 1, 0.0f) } -> std::same_as<float>;
};

template <class Policy>
concept second_hook = second_by_site<Policy> ||
    requires(const Policy policy, typename Policy::template state<float> own, row at) {
  { policy.second(own, at, 0.0f) } -> std::same_as<float>;
};

/// Whether raise of a normalizer may return anything but 1.
template <class Policy>
inline constexpr bool rescales = true;
template <class Policy>
requires requires { Policy::rescales; }
inline constexpr bool rescales<Policy> = Policy::rescales;

/// Whether a normalizer says that no weight exceeds 1.
template <class Policy>
inline constexpr bool at_most_one = false;
template <class Policy>
requires requires { Policy::at_most_one; }
inline constexpr bool at_most_one<Policy> = Policy::at_most_one;

/// A normalizer that gives weights times a power of two.
template <class Policy>
concept lifts_weights = requires(const Policy policy, typename Policy::template state<float> own) {
  { policy.weight(own, 0.0f, 1.0f, 0.0f) } -> std::same_as<float>;
};

template <class Policy>
concept has_log_sum = requires(const Policy policy, typename Policy::template state<float> own, row at) {
  { policy.log_sum(own, at) } -> std::same_as<float>;
};

template <class Policy>
concept has_maximum = requires(const Policy policy, typename Policy::template state<float> own) {
  { policy.maximum(own) } -> std::same_as<float>;
};

template <class Policy>
concept scales_rows = requires(const Policy policy, row at) {
  { policy.template row_scale<float>(at, 1) } -> std::same_as<float>;
};

/// A normalizer that has a row_scale which is no template, and so would go unnoticed.
template <class Policy>
concept names_row_scale = requires {
  &Policy::row_scale;
};

/// A normalizer that takes scores in multiples of a unit.
template <class Policy>
concept folds_unit = requires(const Policy policy, typename Policy::template state<float> own) {
  { policy.raise(own, 0.0f, 1.0f) } -> std::same_as<float>;
  { policy.weight(own, 0.0f, 1.0f) } -> std::same_as<float>;
  policy.settle(own, 1.0f);
};

template <class Policy>
concept observes_log_sum = requires(const Policy policy, row at) {
  policy.log_sum(index{}, at, 0.0f);
};

template <class Policy>
concept observes_maximum = requires(const Policy policy, row at) {
  policy.maximum(index{}, at, 0.0f);
};

template <class Policy>
concept prepare_hook = requires(const Policy policy, typename Policy::template state<float> own) {
  policy.add(own, 0.0f);
  policy.merge(own, own);
  { policy.query(own, 0.0f, 0, 0) } -> std::same_as<float>;
  { policy.key(own, 0.0f, 0, 0) } -> std::same_as<float>;
};

template <class Policy>
concept keys_hook = requires(const Policy policy, index count) {
  { policy.first_query(count, count) } -> std::same_as<index>;
};

template <class Policy>
concept maps_hook = requires(const Policy policy, row at) {
  requires Policy::count >= 1;
  { policy.template factor<float>(0, at) } -> std::same_as<float>;
};

template <class Policy>
concept scales_hook = requires(const Policy policy, index at) {
  { Policy::queries_a_scale } -> std::convertible_to<int>;
  { Policy::keys_a_scale } -> std::convertible_to<int>;
  { policy.template query<float>(0, 0, at) } -> std::same_as<float>;
  { policy.template key<float>(0, 0, at) } -> std::same_as<float>;
  { policy.template value<float>(0, 0, at) } -> std::same_as<float>;
};

/// An output policy that makes a number of the output from that number alone.
template <class Policy>
concept output_of_number = requires(const Policy policy, row at) {
  { policy(0.0f, index{}, at, 0) } -> std::same_as<float>;
};

/// One that has to see the row first.
template <class Policy>
concept output_of_row = requires(const Policy policy, typename Policy::template state<float> own, row at) {
  policy.add(own, 0.0f);
  policy.merge(own, own);
  { policy(own, 0.0f, index{}, at, 0) } -> std::same_as<float>;
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
      "byteloom: attention<...> takes policies of the axes heads, position, mask, score, normalizer, "
      "group, cache, observe, prepare, keys, maps, output and scales; this one sits on another axis.");
  static_assert(
      !on_axis<Policy, axis::group> || group_hook<Policy>,
      "byteloom: a group policy says its largest group by 'static constexpr int largest' and offers "
      "groups(), size(group) and token(group, slot), which return int, as group::windows does.");
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
      "at<Real>(position, pair, size) (or at_query and at_key, as position/turn.hpp says), first_of(pair, "
      "size) and second_of(pair, size) as position::rope does.");
  static_assert(!on_axis<Policy, axis::normalizer> || normalizer_hook<Policy>,
                "byteloom: a normalizer offers state<Real>, raise, weight, add, merge and finish as "
                "normalizer::softmax does.");
  static_assert(
      !on_axis<Policy, axis::normalizer> || !normalizer_hook<Policy> || passes_of<Policy> == 1 ||
          (passes_of<Policy> == 2 && second_hook<Policy>),
      "byteloom: a normalizer says passes = 1, or passes = 2 and offers second(state, row, score) for the "
      "final weight as normalizer::clipped_softmax does.");
  static_assert(!on_axis<Policy, axis::normalizer> || !names_row_scale<Policy> || scales_rows<Policy>,
                "byteloom: row_scale of a normalizer is a template on the real type; write 'template <class "
                "Real> BYTELOOM_HD Real row_scale(byteloom::row at, int count) const'.");
  static_assert(
      !on_axis<Policy, axis::observe> || observes_log_sum<Policy> || observes_maximum<Policy>,
      "byteloom: an observer offers log_sum(row of the call, row, value) or maximum(row of the call, "
      "row, value); write 'template <class Real> BYTELOOM_HD void log_sum(byteloom::index, "
      "byteloom::row, Real value) const'.");
  static_assert(
      !on_axis<Policy, axis::prepare> || prepare_hook<Policy>,
      "byteloom: a policy that prepares queries and keys offers state<Real>, add, merge, query(state, x, "
      "head, dimension) and key(state, x, head, dimension) as prepare::norm does.");
  static_assert(!on_axis<Policy, axis::keys> || keys_hook<Policy>,
                "byteloom: a policy of keys says where the first query stands; write 'BYTELOOM_HD "
                "byteloom::index first_query(byteloom::index queries, byteloom::index keys) const'.");
  static_assert(
      !on_axis<Policy, axis::maps> || maps_hook<Policy>,
      "byteloom: a policy of maps says 'static constexpr int count', at least 1, and offers 'template "
      "<class Real> BYTELOOM_HD Real factor(int map, byteloom::row at) const'.");
  static_assert(!on_axis<Policy, axis::output> || output_of_number<Policy> || output_of_row<Policy>,
                "byteloom: an output policy is called as policy(value, row of the call, row, dimension) and "
                "returns the new value; write 'BYTELOOM_HD float operator()(float value, byteloom::index, "
                "byteloom::row, int dimension) const'.");
  static_assert(
      !on_axis<Policy, axis::scales> || scales_hook<Policy>,
      "byteloom: a policy of scales says 'static constexpr int queries_a_scale' and 'keys_a_scale' and "
      "offers "
      "query<Real>(batch, head, row of the call), key<Real>(batch, head, key) and value<Real>(batch, head, "
      "key), which return Real, as scales::per_block does.");
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
      number_on_axis<axis::group, Policies...> < 2,
      "byteloom: this attention has two group policies, and a token has one group; keep one, and say "
      "the other as a mask such as mask::windows.");
  static_assert(number_on_axis<axis::group, Policies...> != 0 ||
                    !((on_axis<Policies, axis::score> && group_score_hook<Policies>) || ...),
                "byteloom: a score policy of this attention counts in the slots of a group, and the "
                "attention has no groups; add a "
                "group policy such as group::windows, or count positions as score::relative_bias does.");
  static_assert(
      number_on_axis<axis::normalizer, Policies...> < 2,
      "byteloom: this attention has two normalizers, and scores become weights in one way only; keep one.");
  using normalizer = policy_on_t<axis::normalizer, normalizer::softmax, Policies...>;
  static_assert(
      !policies || has_log_sum<normalizer> ||
          !((on_axis<Policies, axis::observe> && observes_log_sum<Policies>) || ...),
      "byteloom: this attention observes the log-sum-exp, and its normalizer divides by no sum; leave the "
      "observer out, or choose a normalizer with log_sum such as normalizer::softmax.");
  static_assert(
      !policies || has_maximum<normalizer> ||
          !((on_axis<Policies, axis::observe> && observes_maximum<Policies>) || ...),
      "byteloom: this attention observes the rows' maximum, and its normalizer keeps none; leave the "
      "observer out, or choose a normalizer with maximum such as normalizer::softmax.");
  static_assert(
      number_on_axis<axis::prepare, Policies...> < 2,
      "byteloom: this attention has two policies that prepare queries and keys, which happens once; "
      "keep one.");
  static_assert(number_on_axis<axis::keys, Policies...> < 2,
                "byteloom: this attention has two policies of keys, and its queries stand in one place only; "
                "keep one.");
  static_assert(
      number_on_axis<axis::maps, Policies...> < 2,
      "byteloom: this attention has two policies of maps, and heads are joined in one way only; keep "
      "one.");
  static_assert(number_on_axis<axis::scales, Policies...> < 2,
                "byteloom: this attention has two policies of scales, and a number has one scale; keep one.");
  static_assert(
      number_on_axis<axis::scales, Policies...> == 0 || number_on_axis<axis::prepare, Policies...> == 0,
      "byteloom: this attention has scales and prepares queries and keys, and what prepares them sees "
      "numbers "
      "without their scales; prepare them before they are quantised, and leave the policy out here.");
  static_assert(number_on_axis<axis::scales, Policies...> == 0 ||
                    number_on_axis<axis::group, Policies...> == 0,
                "byteloom: attention inside groups knows no scales so far; leave the scales out, or say the "
                "groups as a "
                "mask such as mask::windows.");
  static_assert(number_on_axis<axis::cache, Policies...> < 2,
                "byteloom: this attention has two caches, and keys are kept in one way only; keep one.");
  static_assert(number_on_axis<axis::group, Policies...> == 0 ||
                    number_on_axis<axis::maps, Policies...> + number_on_axis<axis::output, Policies...> +
                            number_on_axis<axis::keys, Policies...> ==
                        0,
                "byteloom: attention inside groups joins no maps, changes no outputs and has keys of its own "
                "sequence so "
                "far; leave out maps, output and keys policies, or say the groups as a mask.");
  static constexpr bool met = policies;
};

}  // namespace byteloom::inline v0::detail
