// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/attention: joins policies into one type that says what an attention means. It computes nothing by
// itself: attend/reference.hpp is its meaning in double precision, host/attend.hpp and cuda/attend.cuh run
// it.
//
// The order of a score is fixed: the dot product of query and key; times 1/sqrt(size), unless a policy
// replaces that (score::scale); the score policies as written, left to right; then the masks, which must all
// keep the site; then the normalizer.

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "byteloom/attend/cache/contiguous.hpp"
#include "byteloom/attend/heads.hpp"
#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
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

namespace detail {
template <class Policy>
inline constexpr bool scores_beyond_scale = false;
template <class Policy>
requires(on_axis<Policy, axis::score>) inline constexpr bool scores_beyond_scale<Policy> = !requires {
  requires Policy::is_scale;
};
}  // namespace detail

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
  using cache_type = detail::policy_on_t<axis::cache, cache::contiguous<>, Policies...>;

  BYTELOOM_HD constexpr heads_type heads() const { return one_of<axis::heads, heads_type>(); }
  BYTELOOM_HD constexpr position_type position() const { return one_of<axis::position, position_type>(); }
  BYTELOOM_HD constexpr normalizer_type normalizer() const {
    return one_of<axis::normalizer, normalizer_type>();
  }
  BYTELOOM_HD constexpr cache_type cache() const { return one_of<axis::cache, cache_type>(); }

  /// True where some mask may drop a site.
  static constexpr bool is_masked = detail::number_on_axis<axis::mask, Policies...> != 0;

  /// True where a score is the dot product times unit(), at every site; unit() is above 0 where no policy says otherwise.
  static constexpr bool scale_only = (!detail::scores_beyond_scale<Policies> && ...);
  static constexpr bool unit_is_positive = !(detail::on_axis<Policies, axis::score> || ...);
  static constexpr bool has_row_scale = false;
  BYTELOOM_HD float unit() const
  requires scale_only
  {
    return score(1.0f, site{});
  }

  /// What the raw dot product of a query and a key becomes before the masks.
  template <class Real>
  BYTELOOM_HD Real score(Real dot, site at) const {
    if constexpr (!replaces_scale) dot *= math::rsqrt(static_cast<Real>(int{heads().size}));
    return score_from<0>(dot, at);
  }

  /// Whether the query sees the key: what all masks agree on.
  BYTELOOM_HD constexpr bool keep(site at) const { return keep_from<0>(at); }

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
    if (heads().size <= 0 || heads().value_size <= 0)
      throw shape_error("attend: heads of " + std::to_string(int{heads().size}) +
                        " dimensions and values of " + std::to_string(int{heads().value_size}) +
                        "; both must be positive.");
    if (position_type::turns && heads().size % 2 != 0)
      throw shape_error("attend: a head of " + std::to_string(int{heads().size}) +
                        " dimensions cannot be turned in pairs; choose an even size or position::none.");
  }

 private:
  template <class Axis, class Policy>
  BYTELOOM_HD constexpr Policy one_of() const {
    constexpr std::size_t at = detail::index_on_axis<Axis, Policies...>;
    if constexpr (at == sizeof...(Policies)) {
      return Policy{};
    } else {
      return this->template get<at>();
    }
  }

  template <class Policy>
  static constexpr bool replaces_scale_one = requires {
    requires Policy::replaces_default_scale;
  };
  static constexpr bool replaces_scale = (replaces_scale_one<Policies> || ...);

  template <std::size_t Index, class Real>
  BYTELOOM_HD Real score_from(Real value, site at) const {
    if constexpr (Index == sizeof...(Policies)) {
      return value;
    } else if constexpr (detail::on_axis<typename policies::template type<Index>, axis::score>) {
      const auto& hook = this->template get<Index>();
      if constexpr (requires { hook.template operator()<Real>(value, at); }) {
        return score_from<Index + 1>(static_cast<Real>(hook(value, at)), at);
      } else {  // a user's hook in float
        return score_from<Index + 1>(static_cast<Real>(hook(static_cast<float>(value), at)), at);
      }
    } else {
      return score_from<Index + 1>(value, at);
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
