// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/attention: joins policies into one type that says what an attention means. It computes nothing by
// itself: attend/reference.hpp is its meaning in double precision, host/attend.hpp and cuda/attend.cuh run
// it.
//
// The order of a score is fixed: the dot product of query and key, times their scales where numbers are
// stored with scales; times 1/sqrt(size), unless a policy replaces that (score::scale, score::temperature);
// the score policies as written, left to right; then the masks, which must all keep the site; then the
// normalizer's row_scale; then the normalizer. Before it, rows of queries and keys are prepared and turned;
// after it, maps are joined, and the output policies called.

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "byteloom/attend/cache/contiguous.hpp"
#include "byteloom/attend/group/whole.hpp"
#include "byteloom/attend/heads.hpp"
#include "byteloom/attend/maps/single.hpp"
#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/slots.hpp"
#include "byteloom/position/rope.hpp"

#if defined(__CUDACC__)
// A hook that forgot BYTELOOM_HD would be a warning at the call and garbage at run time; make it an error.
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015
#endif

namespace byteloom::inline v0 {

template <class... Policies>
struct attention : slots<Policies...> {
  static_assert(detail::require_composition<Policies...>::met);

  using policies = slots<Policies...>;

  /// States in any order, each for the policy of its type; policies whose state has a default may be left
  /// out.
  template <class... Given>
  requires(!std::is_base_of_v<attention, Given> && ...) constexpr attention(const Given&... given)
      : policies(byteloom::fill(std::type_identity<policies>{}, given...)) {}

  using heads_type = detail::policy_on_t<axis::heads, void, Policies...>;
  using position_type = detail::policy_on_t<axis::position, position::none, Policies...>;
  using normalizer_type = detail::policy_on_t<axis::normalizer, normalizer::softmax, Policies...>;
  using group_type = detail::policy_on_t<axis::group, group::whole, Policies...>;
  using cache_type = detail::policy_on_t<axis::cache, cache::contiguous<>, Policies...>;
  using maps_type = detail::policy_on_t<axis::maps, maps::single, Policies...>;

  BYTELOOM_HD constexpr heads_type heads() const { return one_of<axis::heads, heads_type>(); }
  BYTELOOM_HD constexpr position_type position() const { return one_of<axis::position, position_type>(); }
  BYTELOOM_HD constexpr normalizer_type normalizer() const {
    return one_of<axis::normalizer, normalizer_type>();
  }
  BYTELOOM_HD constexpr cache_type cache() const { return one_of<axis::cache, cache_type>(); }

  BYTELOOM_HD constexpr group_type group() const { return one_of<axis::group, group_type>(); }

  /// True where a query sees the keys of its own group alone.
  static constexpr bool is_grouped = detail::number_on_axis<axis::group, Policies...> != 0;

  /// True where rows of queries and keys are more than turned before the attention.
  static constexpr bool prepares = detail::number_on_axis<axis::prepare, Policies...> != 0;

  /// The policy that prepares them.
  BYTELOOM_HD constexpr auto prepare() const requires(prepares) {
    return this->template get<detail::index_on_axis<axis::prepare, Policies...>>();
  }

  /// True where the number of keys does not say where the queries stand.
  static constexpr bool stands_apart = detail::number_on_axis<axis::keys, Policies...> != 0;

  /// Position of the first query of a call.
  BYTELOOM_HD constexpr index first_query(index queries, index keys) const {
    if constexpr (stands_apart) {
      return this->template get<detail::index_on_axis<axis::keys, Policies...>>().first_query(queries, keys);
    } else {
      return detail::first_query_of<group_type>(queries, keys);
    }
  }

  /// Neighbouring query heads that share a value head and are joined to one head of the output.
  static constexpr int map_count = maps_type::count;

  /// What one of them is multiplied by; at.query_head is the head of the output.
  template <class Real>
  BYTELOOM_HD constexpr Real map_factor(int map, row at) const {
    return one_of<axis::maps, maps_type>().template factor<Real>(map, at);
  }

  /// The key head that a query head sees; `group` is the number of query heads per key head.
  BYTELOOM_HD constexpr int key_head(int query_head, int group) const {
    if constexpr (requires(const maps_type& own) { own.key_head(0, 1); }) {
      return one_of<axis::maps, maps_type>().key_head(query_head, group);
    } else {
      return query_head / group;
    }
  }

  /// True where a score policy takes the place of 1/sqrt(size), which else comes first.
  static constexpr bool replaces_scale = (detail::replaces_default_scale<Policies> || ...);

  static constexpr std::size_t count_of_policies = sizeof...(Policies);

  /// True where stored numbers are to be multiplied by scales.
  static constexpr bool has_scales = detail::number_on_axis<axis::scales, Policies...> != 0;

  /// The policy that knows them.
  BYTELOOM_HD constexpr auto scales() const requires(has_scales) {
    return this->template get<detail::index_on_axis<axis::scales, Policies...>>();
  }

  /// What the dot product of stored queries and keys is multiplied by.
  template <class Real>
  BYTELOOM_HD Real dot_scale(site at) const {
    if constexpr (has_scales) {
      return scales().template query<Real>(at.batch, at.query_head,
                                           at.query - first_query(at.queries, at.keys)) *
             scales().template key<Real>(at.batch, at.key_head, at.key);
    } else {
      return Real(1);
    }
  }

  /// What a stored value is multiplied by.
  template <class Real>
  BYTELOOM_HD Real value_scale(int batch, int value_head, int key) const {
    if constexpr (has_scales) {
      return scales().template value<Real>(batch, value_head, key);
    } else {
      return Real(1);
    }
  }

  /// True where some mask may drop a site.
  static constexpr bool is_masked = detail::number_on_axis<axis::mask, Policies...> != 0;

  /// What the raw dot product of a query and a key becomes before the masks. `in_group` is asked for where
  /// is_grouped.
  template <class Real>
  BYTELOOM_HD Real score(Real dot, site at, group_site in_group = {}) const {
    if constexpr (has_scales) dot *= dot_scale<Real>(at);
    if constexpr (!replaces_scale) dot *= math::rsqrt(static_cast<Real>(int{heads().size}));
    return score_from<0>(dot, at, in_group);
  }

  /// Whether the query sees the key: what all masks agree on.
  BYTELOOM_HD constexpr bool keep(site at) const { return keep_from<0>(at); }

  /// Whether the keys that the masks keep of a row are an interval, which reach then gives at once.
  static constexpr bool reaches =
      is_masked && !stands_apart &&
      ((!detail::on_axis<Policies, axis::mask> || mask::detail::reaches<Policies>)&&...);
  BYTELOOM_HD constexpr mask::interval reach(row at) const requires reaches { return reach_from<0>(at); }

  /// Whether these intervals rise from row to row (mask/interval).
  static constexpr bool rises =
      reaches && ((!detail::on_axis<Policies, axis::mask> || mask::detail::rises<Policies>)&&...);
  /// Whether a mask reads memory to tell what it keeps.
  static constexpr bool masks_look_up =
      ((detail::on_axis<Policies, axis::mask> && mask::detail::looks_up<Policies>) || ...);

  /// Whether the normalizer multiplies the scores that the masks keep by a factor of their row.
  static constexpr bool has_row_scale = detail::scales_rows<normalizer_type>;

  /// That factor; `count` is how many keys the masks keep for the row. Minus infinity is not multiplied.
  template <class Real>
  BYTELOOM_HD Real row_scale(row at, int count) const {
    if constexpr (has_row_scale) {
      return static_cast<Real>(normalizer().template row_scale<Real>(at, count));
    } else {
      return Real(1);
    }
  }

  /// How many keys the masks keep for a row: known where each of them reaches over an interval of keys, and
  /// where one mask stands alone and counts; else -1, and the caller counts what keep keeps.
  BYTELOOM_HD constexpr int count(row at) const {
    constexpr std::size_t masks = detail::number_on_axis<axis::mask, Policies...>;
    if constexpr (stands_apart && masks != 0) {
      return -1;  // masks count for queries that stand among their keys
    } else if constexpr (reaches || masks == 0) {
      return reach_from<0>(at).size();
    } else if constexpr (masks == 1) {
      using own = detail::policy_on_t<axis::mask, void, Policies...>;
      if constexpr (mask::detail::counts<own>) {
        return this->template get<detail::index_on_axis<axis::mask, Policies...>>().count(at);
      } else {
        return -1;
      }
    } else {
      return -1;
    }
  }

  /// Whether the number of keys that the masks keep is asked for, by row_scale or second.
  static constexpr bool needs_count = has_row_scale || detail::second_by_site<normalizer_type>;

  /// The final weight of a score, where the normalizer passes twice: minus infinity gets 0.
  template <class State, class Real>
  BYTELOOM_HD Real second(const State& state, site at, [[maybe_unused]] int count, Real score) const {
    if constexpr (detail::second_by_site<normalizer_type>) {
      return normalizer().second(state, at, count, score);
    } else {
      return normalizer().second(
          state, row{at.batch, at.query_head, at.key_head, at.query, at.queries, at.keys}, score);
    }
  }

  /// Passes over the keys that the normalizer needs.
  static constexpr int passes = detail::passes_of<normalizer_type>;

  /// True where something else than the output comes out.
  static constexpr bool is_observed = detail::number_on_axis<axis::observe, Policies...> != 0;

  /// Tells every observer of a finished row. `state` is the normalizer's, over all keys of the row;
  /// `row_of_call` counts the queries of this call from 0.
  template <class State>
  BYTELOOM_HD void observe(index row_of_call, row at, const State& state) const {
    observe_from<0>(row_of_call, at, state);
  }

  /// True where rows of the output are changed before they are stored.
  static constexpr bool has_output_policy = detail::number_on_axis<axis::output, Policies...> != 0;

  /// Changes one row of the output in place. `for_each(f)` calls f(Real& value, int dimension) on every
  /// number that the caller holds; `join(policy, state)` merges a state with those of everyone who holds a
  /// part of the row. `row_of_call` counts the queries of this call from 0, at.query_head is the head of the
  /// output.
  BYTELOOM_EITHER
  template <class Real, class ForEach, class Join>
  BYTELOOM_HD void output(index row_of_call, row at, const ForEach& for_each, const Join& join) const {
    output_from<0, Real>(row_of_call, at, for_each, join);
  }

  /// What the masks together do to a tile; a mask without cover may drop any site of it.
  BYTELOOM_HD constexpr coverage cover(tile over) const { return cover_from<0>(over); }

  /// Throws argument_error where a policy's state means nothing, and shape_error where the heads do not fit
  /// each other or their position policy.
  void validate() const {
    policies::validate();
    if (heads().query <= 0 || heads().key <= 0 || heads().query % heads().key != 0)
      throw shape_error("attend: " + std::to_string(int{heads().query}) + " query heads over " +
                        std::to_string(int{heads().key}) +
                        " key-value heads; both must be positive and the second must divide the first.");
    if (heads().query % map_count != 0 || heads().key % map_count != 0)
      throw shape_error("attend: " + std::to_string(int{heads().query}) + " query heads over " +
                        std::to_string(int{heads().key}) + " key heads; " + std::to_string(map_count) +
                        " neighbours of each share a value, so both must be multiples of that.");
    if (heads().size <= 0 || heads().value_size <= 0)
      throw shape_error("attend: heads of " + std::to_string(int{heads().size}) +
                        " dimensions and values of " + std::to_string(int{heads().value_size}) +
                        "; both must be positive.");
    if (position_type::turns && heads().size % 2 != 0)
      throw shape_error("attend: a head of " + std::to_string(int{heads().size}) +
                        " dimensions cannot be turned in pairs; choose an even size or position::none.");
  }

  /// Throws shape_error where a policy's data does not fit a call.
  void fits(const call_extents& call) const { fits_from<0>(call); }

 private:
  template <std::size_t Index>
  void fits_from(const call_extents& call) const {
    if constexpr (Index < sizeof...(Policies)) {
      if constexpr (requires(const typename policies::template type<Index>& own) { own.fits(call); })
        this->template get<Index>().fits(call);
      fits_from<Index + 1>(call);
    }
  }

  template <class Axis, class Policy>
  BYTELOOM_HD constexpr Policy one_of() const {
    constexpr std::size_t at = detail::index_on_axis<Axis, Policies...>;
    if constexpr (at == sizeof...(Policies)) {
      return Policy{};
    } else {
      return this->template get<at>();
    }
  }

  template <std::size_t Index, class Real>
  BYTELOOM_HD Real score_from(Real value, site at, group_site in_group) const {
    if constexpr (Index == sizeof...(Policies)) {
      return value;
    } else if constexpr (detail::on_axis<typename policies::template type<Index>, axis::score>) {
      const auto& hook = this->template get<Index>();
      if constexpr (detail::group_score_hook<typename policies::template type<Index>>) {
        return score_from<Index + 1>(static_cast<Real>(hook(value, at, in_group)), at, in_group);
      } else if constexpr (requires { hook.template operator()<Real>(value, at); }) {
        return score_from<Index + 1>(static_cast<Real>(hook(value, at)), at, in_group);
      } else {  // a user's hook in float
        return score_from<Index + 1>(static_cast<Real>(hook(static_cast<float>(value), at)), at, in_group);
      }
    } else {
      return score_from<Index + 1>(value, at, in_group);
    }
  }

  BYTELOOM_EITHER
  template <std::size_t Index, class Real, class ForEach, class Join>
  BYTELOOM_HD void output_from(index row_of_call, row at, const ForEach& for_each, const Join& join) const {
    if constexpr (Index < sizeof...(Policies)) {
      using own = typename policies::template type<Index>;
      if constexpr (detail::on_axis<own, axis::output>) {
        const auto& policy = this->template get<Index>();
        if constexpr (detail::output_of_row<own>) {
          typename own::template state<Real> gathered{};
          for_each([&](Real& value, int) { policy.add(gathered, value); });
          join(policy, gathered);
          for_each([&](Real& value, int dimension) {
            value = policy(gathered, value, row_of_call, at, dimension);
          });
        } else {
          for_each([&](Real& value, int dimension) {
            if constexpr (requires { policy.template operator()<Real>(value, row_of_call, at, dimension); }) {
              value = policy(value, row_of_call, at, dimension);
            } else {  // a user's hook in float
              value = static_cast<Real>(policy(static_cast<float>(value), row_of_call, at, dimension));
            }
          });
        }
      }
      output_from<Index + 1, Real>(row_of_call, at, for_each, join);
    }
  }

  template <std::size_t Index, class State>
  BYTELOOM_HD void observe_from(index row_of_call, row at, const State& state) const {
    if constexpr (Index < sizeof...(Policies)) {
      using own = typename policies::template type<Index>;
      if constexpr (detail::on_axis<own, axis::observe>) {
        const auto& observer = this->template get<Index>();
        if constexpr (detail::observes_log_sum<own>)
          observer.log_sum(row_of_call, at, normalizer().log_sum(state, at));
        if constexpr (detail::observes_maximum<own>)
          observer.maximum(row_of_call, at, normalizer().maximum(state));
      }
      observe_from<Index + 1>(row_of_call, at, state);
    }
  }

  template <std::size_t Index>
  BYTELOOM_HD constexpr bool keep_from(site at) const {
    if constexpr (Index == sizeof...(Policies)) {
      return true;
    } else if constexpr (detail::on_axis<typename policies::template type<Index>, axis::mask>) {
      return this->template get<Index>().keep(at) && keep_from<Index + 1>(at);
    } else {
      return keep_from<Index + 1>(at);
    }
  }

  /// The keys that all masks reach: those of a row that keeps all, where there are none.
  template <std::size_t Index>
  BYTELOOM_HD constexpr mask::interval reach_from(row at) const {
    if constexpr (Index == sizeof...(Policies)) {
      return {0, at.keys};
    } else if constexpr (detail::on_axis<typename policies::template type<Index>, axis::mask>) {
      return this->template get<Index>().reach(at) & reach_from<Index + 1>(at);
    } else {
      return reach_from<Index + 1>(at);
    }
  }

  template <std::size_t Index>
  BYTELOOM_HD constexpr coverage cover_from(tile over) const {
    if constexpr (Index == sizeof...(Policies)) {
      return coverage::full;
    } else {
      using own = typename policies::template type<Index>;
      coverage here = coverage::full;
      if constexpr (detail::on_axis<own, axis::mask>) {
        if constexpr (detail::has_cover<own>) {
          here = this->template get<Index>().cover(over);
        } else {
          here = coverage::partial;
        }
      }
      const coverage rest = cover_from<Index + 1>(over);
      return here < rest ? here : rest;
    }
  }
};

namespace detail {
template <class... Policies>
std::type_identity<attention<Policies...>> attention_of(const attention<Policies...>*);
}  // namespace detail

/// The attention<...> that a type is or publicly derives from.
template <class Spec>
concept attention_spec = requires(const Spec* spec) {
  detail::attention_of(spec);
};

}  // namespace byteloom::inline v0

#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif
