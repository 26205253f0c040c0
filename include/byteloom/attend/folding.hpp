// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/folding: what of a composition's scores a kernel may leave to its normalizer: score(dot, site) is
// unit() times score(dot, site) of here, which costs fewer instructions a site. Policies say what they are
// made of: detail::constant_scale, factored_score and added_score (attend/require.hpp).

#include <cstddef>
#include <type_traits>
#include <utility>

#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/math.hpp"

#if defined(__CUDACC__)
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015
#endif

namespace byteloom::inline v0::detail {

enum class folding {
  none,      ///< the scores are what they are
  scale,     ///< numbers alone: score(dot) is dot
  factored,  ///< numbers, then a policy in parts: score(dot) is its inner part
  added,     ///< numbers above 0, then policies that add
};

/// Of one attention<...>.
template <class Spec>
class score_folding {
 public:
  BYTELOOM_HD explicit score_folding(const Spec& spec) : spec_(spec) {}

  static constexpr folding kind = [] {
    int scales = 0, others = 0, factored = 0, added = 0;
    bool signs = true, order = true;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto see = [&]<class Policy>(std::type_identity<Policy>) {
        if constexpr (on_axis<Policy, axis::score>) {
          if constexpr (constant_scale<Policy>) {
            ++scales;
            signs = signs && positive_scale<Policy>;
            order = order && factored + added == 0;
          } else if constexpr (factored_score<Policy>) {
            ++factored;
          } else if constexpr (added_score<Policy>) {
            ++added;
          } else {
            ++others;
          }
        }
      };
      (see(std::type_identity<typename Spec::template type<I>>{}), ...);
    }
    (std::make_index_sequence<Spec::count_of_policies>{});
    if (others > 0 || Spec::has_scales) return folding::none;
    if (factored + added == 0) return folding::scale;
    if (order && factored == 1 && added == 0) return folding::factored;
    if (order && signs && factored == 0) return folding::added;
    return folding::none;
  }();

  /// Whether unit() is above 0 whatever the policies' state is.
  static constexpr bool unit_is_positive = [] {
    bool result = true;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((result = result && (!on_axis<typename Spec::template type<I>, axis::score> ||
                            !constant_scale<typename Spec::template type<I>> ||
                            positive_scale<typename Spec::template type<I>>)),
       ...);
    }
    (std::make_index_sequence<Spec::count_of_policies>{});
    return result || kind == folding::factored;
  }();

  /// Scores are multiples of it.
  BYTELOOM_HD float unit() const requires(kind != folding::none) {
    if constexpr (kind == folding::factored) return outer_from<0>();
    return scales();
  }

  /// A score in multiples of unit().
  BYTELOOM_HD float score(float dot, site at) const requires(kind != folding::none) {
    if constexpr (kind == folding::factored) return inner_from<0>(dot, at);
    if constexpr (kind == folding::added) return added_from<0>(dot, math::divide(1.0f, scales()), at);
    return dot;
  }

 private:
  template <std::size_t Index>
  using type = typename Spec::template type<Index>;
  static constexpr std::size_t count = Spec::count_of_policies;

  BYTELOOM_HD float scales() const {
    float product = 1.0f;
    if constexpr (!Spec::replaces_scale) product = math::rsqrt(static_cast<float>(int{spec_.heads().size}));
    return scales_from<0>(product);
  }
  template <std::size_t Index>
  BYTELOOM_HD float scales_from(float product) const {
    if constexpr (Index == count) {
      return product;
    } else if constexpr (constant_scale<type<Index>>) {
      return scales_from<Index + 1>(product * spec_.template get<Index>().constant_factor());
    } else {
      return scales_from<Index + 1>(product);
    }
  }
  template <std::size_t Index>
  BYTELOOM_HD float outer_from() const {
    if constexpr (factored_score<type<Index>>) {
      return spec_.template get<Index>().outer_factor();
    } else {
      return outer_from<Index + 1>();
    }
  }
  template <std::size_t Index>
  BYTELOOM_HD float inner_from(float dot, site at) const {
    if constexpr (factored_score<type<Index>>) {
      const auto& own = spec_.template get<Index>();
      return own.inner(dot * (scales() * own.inner_factor()), at);
    } else {
      return inner_from<Index + 1>(dot, at);
    }
  }
  template <std::size_t Index>
  BYTELOOM_HD float added_from(float value, float weight, site at) const {
    if constexpr (Index == count) {
      return value;
    } else if constexpr (added_score<type<Index>>) {
      return added_from<Index + 1>(spec_.template get<Index>().added(value, weight, at), weight, at);
    } else {
      return added_from<Index + 1>(value, weight, at);
    }
  }

  const Spec& spec_;
};

}  // namespace byteloom::inline v0::detail

#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif
